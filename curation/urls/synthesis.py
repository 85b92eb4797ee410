"""URLs of model endpoints, generations, prompts and the work centre."""

from django.urls import URLPattern, path

from curation.views import endpoints

urlpatterns: list[URLPattern] = [
    path("t/<slug:slug>/endpoints/", endpoints.endpoints, name="endpoints"),
    path("t/<slug:slug>/endpoints/new/", endpoints.endpoint_new, name="endpoint_new"),
    path("endpoints/<int:endpoint_id>/", endpoints.endpoint, name="endpoint"),
]
