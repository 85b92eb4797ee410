from django.apps import AppConfig


class SelectionConfig(AppConfig):
    name = "selection"

    def ready(self) -> None:
        from selection import deeds, faults, handlers  # noqa: F401  (register words and kinds of jobs)
