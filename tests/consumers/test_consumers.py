"""The programs that train read what Winnow writes, and find in it what was meant."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.consumers import made

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-consumers" / "bin" / "python"
needed = pytest.mark.skipif(not PYTHON.exists(), reason="the environment of the consumers is not built: make consumers")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("consumers") / "files"
    return folder, made.write(folder)


def checked(folder, what):
    """The facts that `check.py` prints. Fails with the last line that it said."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HF_", "DJANGO"))}
    env |= {"OMP_NUM_THREADS": "1", "CONSUMERS_CACHE": str(folder.parent / "cache")}
    words = [str(PYTHON), str(Path(__file__).with_name("check.py")), str(folder), what]
    found = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert found.returncode == 0, (found.stderr.splitlines() or [""])[-1]
    return json.loads(found.stdout.splitlines()[-1])[what]


@needed
@pytest.mark.timeout(300)
def test_datasets_loads_every_format(files):
    """Splits together, and rows that first need a column far behind the front of the file."""
    folder, counts = files
    found = checked(folder, "datasets")
    assert {name: sum(facts["rows"].values()) for name, facts in found.items()} == {
        name: sum(rows.values()) for name, rows in counts.items()
    }
    assert "'history': List(List(Value('string')))" in found["alpaca"]["features"]


@needed
@pytest.mark.timeout(300)
def test_datasets_loads_folders_by_their_cards(files):
    """Files and features as the card's YAML names them."""
    folder, counts = files
    found = checked(folder, "folders")
    assert {name: sum(rows.values()) for name, rows in found.items()} == {
        name: sum(rows.values()) for name, rows in counts.items()
    }


@needed
@pytest.mark.timeout(300)
def test_mlcroissant_reads_the_rows_that_croissant_json_describes(files):
    found = checked(files[0], "croissant")
    assert found["messages"]["sets"] == {"train": 5, "test": 5}
    assert found["natural_instructions"]["sets"] == {}, "trees, which Croissant cannot say"
    assert all(facts["warnings"] == [] for facts in found.values()), found


@needed
@pytest.mark.timeout(300)
def test_trl_formats_chats_pairs_and_thumbs(files):
    found = checked(files[0], "trl")
    assert found["preference"]["keys"] == ["chosen", "prompt", "rejected"]
    assert set(found) == {"messages", "prompt_completion", "preference", "kto"}


@needed
@pytest.mark.timeout(300)
def test_llamafactory_takes_what_dataset_info_promises(files):
    found = checked(files[0], "llamafactory")
    assert found["sharegpt/train.jsonl"] == {"rows": 40, "calls": 2, "tools": 2, "formatting": "sharegpt"}
    assert found["messages/train.jsonl"]["formatting"] == "openai"
    assert {name.partition("/")[0] for name in found} == {
        "alpaca", "alpaca_plain", "kto_plain", "messages", "messages_plain", "preference_plain", "prompt_completion_plain",
        "sharegpt", "sharegpt_plain",
    }  # fmt: skip


@needed
def test_a_fault_in_a_file_is_told(files, tmp_path):
    """The checks see something: a row of another form behind the first block stops them."""
    folder = tmp_path / "files"
    counts = {"messages": {"train.jsonl": 2}}
    (folder / "messages").mkdir(parents=True)
    (folder / "messages" / "train.jsonl").write_text('{"messages": []}\n' * 3)
    (folder / "made.json").write_text(json.dumps(counts))
    with pytest.raises(AssertionError, match="messages has other rows"):
        checked(folder, "datasets")
