"""Pools, targets and runs for tests, made without the pages."""

import random
from itertools import pairwise

import pyarrow as pa

from curation.content import Mapping, check
from curation.keys import KeyLedger
from jobs.runner import run_job
from selection import methods, store
from selection.actions import runs as actions
from selection.actions import targets
from selection.actions.targets import NewRow
from selection.models import Pool, Run, Shard, Target

MAPPING = Mapping(instruction="instruction", input="input", output="output", source="source")
TOPICS = {
    "sums": "add two numbers plus minus how many apples are left in the basket",
    "letters": "summarise the letter from the hospital for the patient in plain words",
    "code": "write a function in python that returns the sorted list of values",
}


def rows(count: int, seed: int = 1) -> list[dict[str, str]]:
    """Instruction rows of three topics; a topic's rows share its words."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        source = rng.choice(list(TOPICS))
        words = TOPICS[source].split()
        text = " ".join(rng.choices(words, k=rng.randint(6, 60)))
        made.append(
            {"instruction": f"{text} {number}", "input": rng.choice(["", "Use short words."]), "output": text[::-1][:80],
             "source": source}
        )  # fmt: skip
    return made


def pool(team, data, *, name="Open pool", cuts=(), mapping=MAPPING) -> Pool:
    """A pool whose shards are cut before these positions."""
    made = Pool.objects.create(team=team, name=name)
    edges = [0, *cuts, len(data)]
    ledger = KeyLedger()
    for index, (start, stop) in enumerate(pairwise(edges)):
        checked = check(pa.Table.from_pylist(data[start:stop]), mapping)
        table = checked.table.append_column(store.KEY, pa.array(ledger.claim(checked.keys), pa.string()))
        table = table.append_column(store.SOURCE, checked.sources).append_column(store.CHARS, checked.chars)
        file = store.write_shard(made.pk, table)
        Shard.objects.create(
            pool=made, index=index, path=file.path, sha256=file.sha256, rows=file.rows, bytes=file.bytes,
            first_row=start, mapping=mapping.to_dict(), mapping_sha=mapping.sha(),
        )  # fmt: skip
    ledger.__exit__()
    Pool.objects.filter(pk=made.pk).update(rows=len(data), bytes=sum(made.shards.values_list("bytes", flat=True)))
    made.refresh_from_db()
    return made


def target(team, data, *, name="Sums") -> Target:
    from curation.content import read

    found = [NewRow(read(row, MAPPING)) for row in data]
    return targets.create(team=team, by=None, name=name, rows=found)


def run(
    team, pool_, target_, *, method="random", budget="20", seed=0, finish=True, options=None, by=None, **params
) -> Run:
    chosen = methods.METHODS[method]
    made = actions.start(
        team=team, by=by, pool=pool_, target=target_, method=method, method_version=chosen.version,
        params=methods.params_dict(methods.parse_params(chosen.Params, params)), budget=budget,
        options=methods.params_dict(methods.parse_params(methods.Options, options or {})), seed=seed,
    )  # fmt: skip
    if finish:
        end(made)
    return made


def end(made: Run) -> None:
    """Run the steps here until the job has ended."""
    run_job(made.job)
    made.refresh_from_db()
