"""URLs of tasks, guidelines, demonstrations and the people on them."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
