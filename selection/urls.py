"""URLs of pools, targets and runs."""

from django.urls import URLPattern, path

from selection.views import (
    browse,
    collect,
    home,
    hub_imports,
    imports,
    ordering,
    pools,
    presets,
    runs,
    saes,
    send,
    targets,
)

urlpatterns: list[URLPattern] = [
    # Pools and imports
    path("t/<slug:slug>/", home.team_home, name="team_home"),
    path("t/<slug:slug>/sample/", home.team_sample, name="team_sample"),
    path("t/<slug:slug>/pools/", pools.pools, name="pools"),
    path("t/<slug:slug>/pools/new/", pools.pool_new, name="pool_new"),
    path("t/<slug:slug>/pools/new/hub/", hub_imports.pool_new_hub, name="pool_new_hub"),
    path("pools/<int:pool_id>/", pools.pool, name="pool"),
    path("pools/<int:pool_id>/add/", pools.pool_add, name="pool_add"),
    path("pools/<int:pool_id>/add/hub/", hub_imports.pool_add_hub, name="pool_add_hub"),
    path("pools/<int:pool_id>/edit/", pools.pool_edit, name="pool_edit"),
    path("pools/<int:pool_id>/delete/", pools.pool_delete, name="pool_delete"),
    path("imports/<int:import_id>/", imports.import_, name="import"),
    path("imports/<int:import_id>/bad/", imports.import_bad, name="import_bad"),
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
    # Sparse autoencoders
    path("t/<slug:slug>/saes/", saes.saes, name="saes"),
    path("t/<slug:slug>/saes/new/", saes.sae_new, name="sae_new"),
    path("t/<slug:slug>/saes/load/", saes.sae_load, name="sae_load"),
    path("saes/<int:sae_id>/", saes.sae, name="sae"),
    path("saes/<int:sae_id>/delete/", saes.sae_delete, name="sae_delete"),
    # What is annotated first in a task
    path("tasks/<int:task_id>/order/", ordering.task_order, name="task_order"),
    # Runs
    path("t/<slug:slug>/runs/", runs.runs, name="runs"),
    path("t/<slug:slug>/runs/new/", runs.run_new, name="run_new"),
    path("t/<slug:slug>/runs/compare/", runs.run_compare, name="run_compare"),
    path("runs/<int:run_id>/", runs.run, name="run"),
    path("runs/<int:run_id>/picks/<int:rank>/", runs.run_pick, name="run_pick"),
    path("runs/<int:run_id>/features/", browse.run_features, name="run_features"),
    path("runs/<int:run_id>/features/<int:feature>/", browse.run_feature, name="run_feature"),
    path("runs/<int:run_id>/picks.<str:format>", runs.run_download, name="run_download"),
    path("runs/<int:run_id>/manifest.json", runs.run_manifest, name="run_manifest"),
    path("runs/<int:run_id>/send/", send.run_send, name="run_send"),
    path("runs/<int:run_id>/collect/", collect.run_collect, name="run_collect"),
    path("runs/<int:run_id>/keep/", presets.run_keep, name="run_keep"),
    path("t/<slug:slug>/runs/presets/", presets.presets, name="presets"),
    path("presets/<int:preset_id>/delete/", presets.preset_delete, name="preset_delete"),
    path("runs/<int:run_id>/delete/", runs.run_delete, name="run_delete"),
]
