"""Whole generators on a real model: SmolLM2 behind a real OpenAI-compatible server, and inside the worker.

`transformers serve` where its web libraries are installed (`pip install transformers[serving]`), else the model of the
worker behind a small server of our own. A model of 135M parameters writes poor prose: what is tested is the machinery.
"""

import copy
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from safetensors.torch import save_file

from config.processes import free_port
from curation.actions import candidates, endpoints
from curation.generators import Demo, Source, Sources, Spec
from curation.models import Example
from curation.synthesis import dialects, local
from jobs.runner import run_job
from selection.encoders import causal
from tests.curation import made_tasks
from tests.jobs.plant import until
from tests.synthesis import made
from tests.synthesis.server import Answer, Server
from tests.synthesis.test_faults import adds_up

SPEC = Spec(
    name="Sentiment", instruction="Say whether a review of a restaurant is positive or negative.",
    labels=("positive", "negative"),
    demonstrations=(
        Demo("The soup was cold and the waiter rude.", "negative", key="d1"),
        Demo("We loved the fresh fish and will come back soon.", "positive", key="d2"),
        Demo("An hour of waiting for a burnt pizza.", "negative", key="d3"),
    ),
)  # fmt: skip


def model():
    return causal.load("smollm2", precision="float32")


class Ours(Server):
    """The model of the worker behind our own server: one request at a time."""

    def __init__(self) -> None:
        super().__init__(self.answer)

    def answer(self, text: str, nth: int) -> Answer:
        [found] = local.generate(model(), [(dialects.CHAT, self.bodies[-1])])
        return Answer(400, body={"error": {"message": found}}) if isinstance(found, str) else Answer(body=found)


def save(folder: Path) -> None:
    """The packaged weights, unpacked, as a folder that `transformers serve` takes: it reads no GGUF."""
    config = copy.deepcopy(model().model.config)
    if hasattr(config, "quantization_config"):  # the weights were just unpacked, not read from the cache
        del config.quantization_config
    config.architectures = [type(model().model).__name__]
    config.save_pretrained(folder)
    model().model.generation_config.save_pretrained(folder)
    model().tokenizer.save_pretrained(folder)
    weights = {name: one.contiguous() for name, one in model().model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(address, model) of a server with the real model."""
    if not all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn")):
        with Ours() as ours:
            yield ours.url, "smollm2"
        return
    folder, port = tmp_path_factory.mktemp("smollm2"), free_port(secrets.randbelow(20_000) + 20_000)
    save(folder)
    log = (folder / "log.txt").open("wb")
    command = [
        str(Path(sys.executable).parent / "transformers"), "serve", str(folder), "--device", "cpu", "--host", "127.0.0.1",
        "--port", str(port),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"HF_HUB_OFFLINE": "1"})

    def up() -> bool:
        assert process.poll() is None, (folder / "log.txt").read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    until(up, 120, (folder / "log.txt").read_text)
    yield f"http://127.0.0.1:{port}/v1", str(folder)
    process.kill()
    process.wait()
    log.close()


def passages(shared, count: int) -> tuple[Source, ...]:
    with (shared / "passages.jsonl").open() as file:
        rows = [json.loads(next(file)) for _ in range(count)]
    return tuple(Source(row["id"], row["text"][:200]) for row in rows)


RUNS = {  # few tokens: on a processor each costs some milliseconds
    "label_inputs": {"params": {"max_tokens": 8}},
    "self_guide": {"params": {"input_tokens": 24, "output_tokens": 12, "prompts": 3, "samples": 2}},
    "from_passages": {"params": {"max_tokens": 32, "kinds": "summarization", "verify": False}},
}


HOWS = [("server", "label_inputs"), ("server", "self_guide"), ("server", "from_passages"), ("worker", "label_inputs"),
        ("worker", "self_guide")]  # fmt: skip


@pytest.mark.parametrize("how", HOWS, ids=" ".join)
def test_candidates_of_a_real_model_reach_the_queue(cast, served, shared, monkeypatch, how):
    where, name = how
    monkeypatch.setattr(local, "load", lambda _: model())
    fields = {"timeout": 120, "concurrency": 4, "key": ""}
    if where == "server":
        to = made.endpoint(cast.team, cast.owner, served[0], **(fields | {"model": served[1]}))
    else:
        to = made.endpoint(cast.team, cast.owner, "", **(fields | {"kind": "local", "model": "smollm2"}))
    inputs = ("The staff were kind and the food hot.", "Never again: stale bread.", "Great view, great wine.")
    sources = Sources(
        inputs=tuple(Source(f"i{n}", text) for n, text in enumerate(inputs)),
        passages=passages(shared, 1) if name == "from_passages" else (),
    )
    task = made_tasks.task(cast.team, name=f"{name} {where}")
    run = made.start(
        cast, to, 3, task=task, spec=SPEC, sources=sources, generator=name, ceiling=8, **({"filters": {}} | RUNS[name])
    )
    run = made.run(run)
    adds_up(run)
    assert run.job.state == "succeeded", run.why
    assert run.answered > 0
    assert run.failed == 0
    assert run.kept + run.dropped > 0
    for one in run.candidates.filter(state="dropped"):
        assert one.why
        candidates.rescue(generation=run, ids=[one.pk], by=cast.curator)
    added = candidates.accept(generation=run, by=cast.curator)
    assert added.good == run.kept + run.dropped
    example = Example.objects.filter(task=task).first()
    assert example.lineage["generator"] == name
    assert example.lineage["requests"]


def test_the_probe_on_a_real_server(cast, served):
    to = made.endpoint(cast.team, cast.owner, served[0], model=served[1], key="", timeout=120)
    run_job(endpoints.test(endpoint=to, by=cast.owner))
    to.refresh_from_db()
    assert to.test["ok"], to.test
    assert to.schema_mode in {"ignored", "error"}  # nothing here holds a model to a schema
