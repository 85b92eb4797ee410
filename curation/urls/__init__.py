"""URLs of accounts, teams, tasks and annotation: one file a noun."""

from django.urls import URLPattern

from curation.urls import annotate, candidates, datasets, examples, measures, review, schedules, synthesis, tasks, teams

urlpatterns: list[URLPattern] = [
    *teams.urlpatterns,
    *tasks.urlpatterns,
    *examples.urlpatterns,
    *annotate.urlpatterns,
    *candidates.urlpatterns,
    *review.urlpatterns,
    *measures.urlpatterns,
    *datasets.urlpatterns,
    *schedules.urlpatterns,
    *synthesis.urlpatterns,
]
