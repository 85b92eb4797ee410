"""URLs of pools, targets and runs."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = [
    # Pools and imports
    # Targets
    # Runs
]
