from django.apps import AppConfig


class ConfigApp(AppConfig):
    name = "config"
    verbose_name = "Winnow"

    def ready(self) -> None:
        from config import checks, net  # noqa: F401  (register checks and words of faults)
