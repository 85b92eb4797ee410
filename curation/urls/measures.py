"""URLs of agreement and progress."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
