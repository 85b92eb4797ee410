"""URLs of tasks, guidelines, demonstrations and the people on them."""

from django.urls import URLPattern, path

from curation.views import forms

urlpatterns: list[URLPattern] = [
    path("tasks/<int:task_id>/form/", forms.task_form, name="task_form"),
]
