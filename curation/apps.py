from django.apps import AppConfig


class CurationConfig(AppConfig):
    name = "curation"

    def ready(self) -> None:
        from curation import faults, handlers, ticks  # noqa: F401  (register words, kinds of jobs, what each tick does)
