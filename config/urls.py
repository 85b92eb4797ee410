"""The map: URL → view. Each app has its own page of it."""

from django.urls import include, path

from config import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("styleguide/", views.styleguide, name="styleguide"),
    path("api/v1/", include("selection.api.urls")),
    path("", include("curation.urls")),
    path("", include("selection.urls")),
]
