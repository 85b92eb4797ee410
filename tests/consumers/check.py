"""Reads files of ours with the programs that learn from them. Run by `.venv-consumers`, which knows nothing of Winnow.

python tests/consumers/check.py FOLDER [WHAT …]      prints one line of JSON: {what: facts}; fails at the first fault
"""

import importlib.util
import itertools
import json
import logging
import os
import sys
import tempfile
import types
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
os.environ["HF_HOME"] = os.environ.get("CONSUMERS_CACHE") or tempfile.mkdtemp()

from datasets import load_dataset

KINDS = {"jsonl": "json", "json": "json", "csv": "csv", "parquet": "parquet"}
TEMPLATE = (
    "{% if tools %}<tools>{{ tools | tojson }}</tools>{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] or '' }}"
    "{% for call in message['tool_calls'] or [] %}<call>{{ call['function']['name'] }}</call>{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SOME = 40  # rows from the front of each file; the rare ones stand there


def need(fact, *words):
    if not fact:
        raise AssertionError(" ".join(str(word) for word in words))


def loaded(folder, name, counts):
    """The splits of a format, read together as a trainer does."""
    files = {Path(file).stem: str(folder / name / file) for file in counts}
    suffix = Path(next(iter(counts))).suffix[1:]
    more = {"field": "Instances"} if suffix == "json" else {}
    found = load_dataset(KINDS[suffix], data_files=files, **more)
    got = {split: len(rows) for split, rows in found.items()}
    need(got == {Path(file).stem: count for file, count in counts.items()}, name, "has other rows:", got, counts)
    return found


def datasets(folder, counts):
    """`datasets.load_dataset` of every format's files, the splits together."""
    facts = {}
    for name, files in counts.items():
        found = loaded(folder, name, files)
        facts[name] = {
            "rows": {split: len(rows) for split, rows in found.items()},
            "features": str(found["train"].features),
        }
        empty = [key for key, feature in found["train"].features.items() if "null" in str(feature)]
        need(not empty, name, "has columns without a type:", empty)
    return facts


def folders(folder, counts):
    """`datasets.load_dataset` of each export as a folder, by what its card says of files and features."""
    facts = {}
    for name, files in counts.items():
        found = load_dataset(str(folder / name))
        got = {split: len(rows) for split, rows in found.items()}
        need(got == {Path(file).stem: count for file, count in files.items()}, name, "has other rows:", got, files)
        facts[name] = got
    return facts


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({"[UNK]": 0, "[EOS]": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="[EOS]", chat_template=TEMPLATE)


def trl(folder, counts):
    """TRL's formatting functions on each of the formats that its trainers take."""
    from trl import data_utils as tools

    words, facts = tokenizer(), {}

    def rendered(row):
        return tools.apply_chat_template(row, words, **({"tools": row["tools"]} if row.get("tools") else {}))

    for name in ("messages", "prompt_completion", "preference", "kto"):
        rows = list(loaded(folder, name, counts[name])["train"].select(range(SOME)))
        for row in rows:
            need(tools.is_conversational(row), name, "is not conversational:", row)
            text = rendered(row)
            need(all(isinstance(text[key], str) for key in text if key != "label"), name, "is not rendered:", text)
            said = row["messages"] if name == "messages" else row["prompt"]
            whole = "".join(value for value in text.values() if isinstance(value, str))
            need(all(turn["content"] in whole for turn in said), name, "loses a turn:", text)
        facts[name] = {"rendered": len(rows), "keys": sorted(rendered(rows[0]))}
        need(
            name == "kto" or any("<call>add</call>" in str(rendered(row)) for row in rows), name, "loses calls of tools"
        )
        if name in ("messages", "prompt_completion"):
            need(any("<tools>[" in str(rendered(row)) for row in rows), name, "loses its tools")
    pairs = list(loaded(folder, "preference", counts["preference"])["train"].select(range(SOME)))
    for row in pairs:  # the implicit prompt: what both answers begin with
        implicit = {key: row["prompt"] + row[key] for key in ("chosen", "rejected")}
        wanted = {key: row[key] for key in ("prompt", "chosen", "rejected")}
        need(tools.extract_prompt(implicit) == wanted, "another prompt is taken out of", implicit)
    unpaired = tools.unpair_preference_dataset(loaded(folder, "preference", counts["preference"])["test"])
    need(len(unpaired) == 2 * counts["preference"]["test.jsonl"], "not two rows a pair:", len(unpaired))
    for row in loaded(folder, "sharegpt", counts["sharegpt"])["test"].select(range(SOME)):
        turns = tools.maybe_convert_to_chatml(row)["messages"]
        need(all(set(turn) == {"role", "content"} for turn in turns), "no ChatML:", turns)
    texts = list(
        loaded(folder, "prompt_completion_plain", counts["prompt_completion_plain"])["train"].select(range(SOME))
    )
    need(
        all(isinstance(row["prompt"], str) and not tools.is_conversational(row) for row in texts), "texts became chats"
    )
    return facts


def llamafactory(folder, counts):
    """LLaMA-Factory's converters on what each `dataset_info.json` says. Its package wants other versions and the
    libraries of pictures and sounds: so only the modules of texts are imported, past the `__init__` of `data`."""
    place = Path(importlib.util.find_spec("llamafactory").origin).parent / "data"
    module = types.ModuleType("llamafactory.data")
    module.__path__ = [str(place)]
    sys.modules["llamafactory.data"] = module
    logging.disable(logging.WARNING)
    from llamafactory.data.converter import get_dataset_converter
    from llamafactory.data.formatter import FunctionFormatter, ToolFormatter
    from llamafactory.data.parser import get_dataset_list

    calls, tools = FunctionFormatter(slots=["{{content}}"], tool_format="default"), ToolFormatter(tool_format="default")
    given, facts = types.SimpleNamespace(media_dir=str(folder)), {}
    for name in sorted(one for one in counts if (folder / one / "dataset_info.json").exists()):
        info = json.loads((folder / name / "dataset_info.json").read_text())
        for known in get_dataset_list(list(info), str(folder / name)):
            rows = load_dataset("json", data_files=str(folder / name / known.dataset_name), split="train")
            convert = get_dataset_converter(known.formatting, known, given)
            seen = {"rows": 0, "calls": 0, "tools": 0}
            for row in itertools.islice(rows, SOME):
                made = convert(row)
                need(made["_prompt"] and made["_response"], name, "is skipped:", row)
                need(len(made["_response"]) == (2 if known.ranking or known.kto_tag else 1), name, "answers:", made)
                for turn in made["_prompt"] + made["_response"]:
                    need(isinstance(turn["content"], str), name, "turn without text:", turn)
                    if turn["role"] == "function":
                        need("add" in calls.apply(content=turn["content"])[0], name, "call is lost:", turn)
                        seen["calls"] += 1
                if made["_tools"] and made["_tools"] != "[]":
                    need("add" in tools.apply(content=made["_tools"])[0], name, "tools are lost:", made["_tools"])
                    seen["tools"] += 1
                seen["rows"] += 1
            facts[f"{name}/{known.dataset_name}"] = seen | {"formatting": known.formatting}
    return facts


def croissant(folder, counts):
    """`mlcroissant` on each description that is there: it is valid, and its records can be read."""
    import mlcroissant

    facts = {}
    for file in sorted(folder.rglob("croissant.json")):
        found = mlcroissant.Dataset(jsonld=str(file))
        issues = found.metadata.ctx.issues
        need(not issues.errors, file, "is no Croissant:", issues.report())
        read = {one.uuid: list(itertools.islice(found.records(one.uuid), 5)) for one in found.metadata.record_sets}
        need(all(read.values()), file, "has sets without a record:", read)
        facts[file.parent.name] = {
            "sets": {name: len(rows) for name, rows in read.items()},
            "warnings": sorted(issues.warnings),
        }
    return facts


CHECKS = {one.__name__: one for one in (datasets, folders, trl, llamafactory, croissant)}


def main():
    folder, *asked = sys.argv[1:]
    counts = json.loads((Path(folder) / "made.json").read_text())
    found = {name: CHECKS[name](Path(folder), counts) for name in asked or CHECKS}
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
