from django.apps import AppConfig


class SelectionConfig(AppConfig):
    name = "selection"

    def ready(self) -> None:
        from selection import deeds, faces, faults, handlers, origins  # noqa: F401  (register words, faces and kinds of jobs)
        from selection.encoders.sae import files
        from selection.running import saes

        files.set_resolver(saes.folder_of)
