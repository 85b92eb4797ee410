"""URLs of tasks, guidelines, demonstrations and the people on them."""

from django.urls import URLPattern, path

from curation.views import forms, natural, task_pages, tasks

urlpatterns: list[URLPattern] = [
    path("t/<slug:slug>/tasks/", tasks.tasks, name="tasks"),
    path("t/<slug:slug>/tasks/new/", tasks.task_new, name="task_new"),
    path("t/<slug:slug>/tasks/import/", natural.task_import, name="task_import"),
    path("tasks/<int:task_id>/", tasks.task, name="task"),
    path("tasks/<int:task_id>/natural.json", natural.task_natural, name="task_natural"),
    path("tasks/<int:task_id>/edit/", tasks.task_edit, name="task_edit"),
    path("tasks/<int:task_id>/guidelines/", task_pages.task_guidelines, name="task_guidelines"),
    path("tasks/<int:task_id>/demonstrations/", task_pages.task_demonstrations, name="task_demonstrations"),
    path("tasks/<int:task_id>/queue/", task_pages.task_queue, name="task_queue"),
    path("tasks/<int:task_id>/people/", task_pages.task_people, name="task_people"),
    path("tasks/<int:task_id>/delete/", tasks.task_delete, name="task_delete"),
    path("tasks/<int:task_id>/form/", forms.task_form, name="task_form"),
]
