"""URLs of the queue and the annotation page."""

from django.urls import path

from curation.views import annotate, annotate_bulk, annotations, assists

urlpatterns = [
    path("tasks/<int:task_id>/annotate/", annotate.annotate, name="annotate"),
    path("tasks/<int:task_id>/annotate/bulk/", annotate_bulk.annotate_bulk, name="annotate_bulk"),
    path("tasks/<int:task_id>/mine/", annotations.my_work, name="my_work"),
    path("annotations/<int:annotation_id>/", annotations.annotation, name="annotation"),
    path("annotations/<int:annotation_id>/draft/", annotations.draft, name="annotation_draft"),
    path("annotations/<int:annotation_id>/assist/", assists.annotation_assist, name="annotation_assist"),
]
