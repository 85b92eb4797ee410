"""URLs of review and adjudication."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
