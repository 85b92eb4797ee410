"""The whole API below /api/v1/: curation's routers and those of pools and runs, behind one guard."""

from django.urls import path

from curation.api import (
    annotations,
    datasets,
    docs,
    examples,
    hub,
    hub_imports,
    me,
    reviews,
    schedules,
    synthesis,
    tasks,
)
from curation.api.build import PREFIX, addresses, new_api
from curation.api.samples import SAMPLES
from curation.api.samples_datasets import SAMPLES as OF_DATASETS
from curation.api.samples_hub import SAMPLES as OF_HUB
from curation.api.samples_schedules import SAMPLES as OF_SCHEDULES
from curation.api.samples_synthesis import SAMPLES as OF_SYNTHESIS
from selection.api import collect, ordering, pools, runs, saes
from selection.api.samples import SAMPLES as OURS

api = new_api()
PARTS = (
    me, tasks, examples, annotations, reviews, ordering, pools, runs, saes, collect, datasets, hub, hub_imports, synthesis,
    schedules,
)  # fmt: skip
for part in PARTS:
    api.add_router("", part.router)

ALL_SAMPLES = SAMPLES | OURS | OF_DATASETS | OF_HUB | OF_SYNTHESIS | OF_SCHEDULES
_page, _schema, _root = docs.views(api, PREFIX, ALL_SAMPLES)

urlpatterns = [
    path("", _root, name="api_root"),
    path("docs", _page, name="api_docs"),
    path("openapi.json", _schema, name="api_openapi"),
    *addresses(api),
]
