"""URLs of schedules."""

from django.urls import URLPattern, path

from curation.views import schedules

urlpatterns: list[URLPattern] = [
    path("t/<slug:slug>/schedules/", schedules.schedules, name="schedules"),
    path("t/<slug:slug>/schedules/new/", schedules.schedule_new, name="schedule_new"),
    path("schedules/<int:schedule_id>/", schedules.schedule, name="schedule"),
    path("schedules/<int:schedule_id>/edit/", schedules.schedule_edit, name="schedule_edit"),
]
