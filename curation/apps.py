from django.apps import AppConfig


class CurationConfig(AppConfig):
    name = "curation"

    def ready(self) -> None:
        from curation import faults  # noqa: F401  (registers the words of its faults)
