from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Background work"

    def ready(self) -> None:
        from jobs import faults, schedules  # noqa: F401  (register the texts, and what the tick fires)
