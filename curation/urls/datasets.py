"""URLs of datasets, their versions, collections and lineage."""

from django.urls import URLPattern, path

from curation.views import collections, datasets, hub, versions

ONE = "datasets/<int:dataset_id>/"
VERSION = f"{ONE}versions/<int:number>/"

urlpatterns: list[URLPattern] = [
    path("t/<slug:slug>/datasets/", datasets.datasets, name="datasets"),
    path("t/<slug:slug>/datasets/new/", datasets.dataset_new, name="dataset_new"),
    path("t/<slug:slug>/datasets/lineage/", versions.row_versions, name="row_versions"),
    path(ONE, datasets.dataset, name="dataset"),
    path(f"{ONE}recipe/", datasets.dataset_recipe, name="dataset_recipe"),
    path(VERSION, versions.dataset_version, name="dataset_version"),
    path(f"{ONE}card/", hub.dataset_card, name="dataset_card"),
    path(f"{VERSION}push/", hub.version_push, name="version_push"),
    path("pushes/<int:push_id>/", hub.push, name="push"),
    path(f"{VERSION}row/", versions.dataset_row, name="dataset_row"),
    path(f"{VERSION}diff/<int:other>/", versions.dataset_diff, name="dataset_diff"),
    path(f"{VERSION}run.json", versions.dataset_manifest, name="dataset_manifest"),
    path(f"{VERSION}<str:training>.zip", versions.dataset_download, name="dataset_download"),
    path("t/<slug:slug>/collections/new/", collections.collection_new, name="collection_new"),
    path("collections/<int:collection_id>/", collections.collection, name="collection"),
    path("collections/<int:collection_id>/bad/", collections.collection_bad, name="collection_bad"),
]
