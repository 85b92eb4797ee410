"""URLs of examples, their table, imports and history."""

from django.urls import path

from curation.views import downloads, example, examples, hub_imports, incoming

urlpatterns = [
    # Coming in
    path("tasks/<int:task_id>/examples/new/", incoming.example_new, name="example_new"),
    path("tasks/<int:task_id>/examples/import/", incoming.example_import_new, name="example_import_new"),
    path("tasks/<int:task_id>/examples/import/hub/", hub_imports.example_import_hub, name="example_import_hub"),
    path("hub-imports/<int:fetch_id>/", hub_imports.hub_fetch, name="hub_fetch"),
    path("example-imports/<int:import_id>/", incoming.example_import, name="example_import"),
    path("example-imports/<int:import_id>/bad/", incoming.example_import_bad, name="example_import_bad"),
    # The table
    path("tasks/<int:task_id>/examples/", examples.examples, name="examples"),
    path("tasks/<int:task_id>/examples/bulk/", examples.examples_bulk, name="examples_bulk"),
    path("bulk/<int:bulk_id>/undo/", examples.bulk_undo, name="bulk_undo"),
    # One
    path("examples/<int:example_id>/", example.example, name="example"),
    path("examples/<int:example_id>/edit/", example.example_edit, name="example_edit"),
    # Going out
    path("tasks/<int:task_id>/examples.<str:format>", downloads.examples_download, name="examples_download"),
    path("examples/<int:example_id>/neighbours/", downloads.example_neighbours, name="example_neighbours"),
]
