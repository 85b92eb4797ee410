"""Write docs/reference/api.md from the operations of the API."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from curation.api.build import PREFIX
from curation.api.docs import schema_of
from curation.api.reference import markdown


class Command(BaseCommand):
    help = "Write docs/reference/api.md from the operations of the API."

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / "docs" / "reference" / "api.md"
        path.write_text(text(), "utf-8")
        self.stdout.write(f"wrote {path.relative_to(settings.BASE_DIR)}")


def text() -> str:
    from selection.api.urls import ALL_SAMPLES, api

    return markdown(schema_of(api, PREFIX), ALL_SAMPLES)
