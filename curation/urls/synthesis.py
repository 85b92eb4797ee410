"""URLs of model endpoints, generations, prompts and the work centre."""

from django.urls import URLPattern, path

from curation.views import endpoints, generation, generations, prompts, work

urlpatterns: list[URLPattern] = [
    path("t/<slug:slug>/endpoints/", endpoints.endpoints, name="endpoints"),
    path("t/<slug:slug>/endpoints/new/", endpoints.endpoint_new, name="endpoint_new"),
    path("endpoints/<int:endpoint_id>/", endpoints.endpoint, name="endpoint"),
    path("t/<slug:slug>/generations/", generations.generations, name="generations"),
    path("t/<slug:slug>/work/", work.work, name="work"),
    path("tasks/<int:task_id>/synthesise/", generations.task_synthesise, name="task_synthesise"),
    path("tasks/<int:task_id>/synthesise/<slug:generator>/", generations.generation_new, name="generation_new"),
    path("tasks/<int:task_id>/prompts/", prompts.task_prompts, name="task_prompts"),
    path("tasks/<int:task_id>/prompts/<slug:generator>/<slug:template>/", prompts.task_prompt, name="task_prompt"),
    path("generations/<int:generation_id>/", generation.generation, name="generation"),
    path("generations/<int:generation_id>/errors/", generation.generation_errors, name="generation_errors"),
]
