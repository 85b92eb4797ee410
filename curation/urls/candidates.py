"""URLs of the candidates of a run."""

from django.urls import URLPattern, path

from curation.views import candidates

urlpatterns: list[URLPattern] = [
    path("generations/<int:generation_id>/candidates/", candidates.generation_candidates, name="generation_candidates"),
    path("generations/<int:generation_id>/candidates/undo/", candidates.candidates_undo, name="candidates_undo"),
    path("candidates/<int:candidate_id>/", candidates.candidate, name="candidate"),
]
