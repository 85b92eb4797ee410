from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"
    verbose_name = "Winnow"

    def ready(self) -> None:
        from config import checks  # noqa: F401  (registers the checks)
