"""URLs of the queue and the annotation page."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
