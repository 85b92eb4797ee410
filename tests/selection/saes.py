"""Sparse autoencoders for tests, trained on the language model of 200 kB in a second or two."""

from jobs.runner import run_job
from selection.actions import saes as actions
from selection.models import SparseAutoencoder
from tests.tiny_lm import tiny


def train(team, pool, *, finish=True, by=None, **changed) -> SparseAutoencoder:
    facts = {
        "name": "Ward features", "model": tiny(), "layer": None, "expansion": 4, "k": 12, "tokens": 40_000, "length": 64,
        "seed": 0,
    }  # fmt: skip
    sae = actions.train(team=team, by=by, pool=pool, **facts | changed)
    if finish:
        end(sae)
    return sae


def load(team, pool, source, *, finish=True, by=None, **changed) -> SparseAutoencoder:
    facts = {"name": "From elsewhere", "model": tiny(), "layer": None, "length": 64}
    sae = actions.load(team=team, by=by, pool=pool, source=source, **facts | changed)
    if finish:
        end(sae)
    return sae


def end(sae: SparseAutoencoder) -> None:
    run_job(sae.job)
    sae.refresh_from_db()
    sae.job.refresh_from_db()
