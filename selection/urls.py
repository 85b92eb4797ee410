"""URLs of pools, targets and runs."""

from django.urls import URLPattern, path

from selection.views import home, targets

urlpatterns: list[URLPattern] = [
    # Pools and imports
    path("t/<slug:slug>/", home.team_home, name="team_home"),
    # Targets
    path("t/<slug:slug>/targets/", targets.targets, name="targets"),
    path("t/<slug:slug>/targets/new/", targets.target_new, name="target_new"),
    path("t/<slug:slug>/targets/from-pool/", targets.target_add_rows, name="target_add_rows"),
    path("targets/<int:target_id>/", targets.target, name="target"),
    path("targets/<int:target_id>/add/", targets.target_add, name="target_add"),
    path("targets/<int:target_id>/edit/", targets.target_edit, name="target_edit"),
    path("targets/<int:target_id>/copy/", targets.target_copy, name="target_copy"),
    path("targets/<int:target_id>/delete/", targets.target_delete, name="target_delete"),
    path("targets/<int:target_id>/rows/<int:row_id>/", targets.target_row, name="target_row"),
    # Runs
]
