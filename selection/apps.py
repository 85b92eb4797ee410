from django.apps import AppConfig


class SelectionConfig(AppConfig):
    name = "selection"

    def ready(self) -> None:
        # Words, faces, kinds of jobs and of schedules.
        from selection import deeds, faces, faults, fetching, handlers, origins, schedule_kinds  # noqa: F401
        from selection.encoders.sae import files
        from selection.running import saes

        files.set_resolver(saes.folder_of)
