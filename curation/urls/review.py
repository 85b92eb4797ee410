"""URLs of review and adjudication."""

from django.urls import URLPattern, path

from curation.views import review

urlpatterns: list[URLPattern] = [
    path("tasks/<int:task_id>/review/", review.review, name="review"),
    path("examples/<int:example_id>/review/", review.example_review, name="example_review"),
]
