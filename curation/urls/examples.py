"""URLs of examples, their table, imports and history."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
