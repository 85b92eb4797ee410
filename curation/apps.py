from django.apps import AppConfig


class CurationConfig(AppConfig):
    name = "curation"

    def ready(self) -> None:
        # Words, faces and kinds of jobs, what each tick does.
        from curation import faces_own, faults, handlers, schedule_hub, schedule_kinds, ticks  # noqa: F401
