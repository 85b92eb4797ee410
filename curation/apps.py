from django.apps import AppConfig


class CurationConfig(AppConfig):
    name = "curation"

    def ready(self) -> None:
        from curation import faults, handlers  # noqa: F401  (register words and kinds of jobs)
