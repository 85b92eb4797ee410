"""URLs of agreement and progress."""

from django.urls import path

from curation.views import measures

urlpatterns = [
    path("tasks/<int:task_id>/agreement/", measures.task_agreement, name="task_agreement"),
    path("tasks/<int:task_id>/progress/", measures.task_progress, name="task_progress"),
]
