"""The card: what it says, what the hub and `datasets` read of it, and that texts of people build nothing in it."""

import json
import re
from dataclasses import replace

import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard

from curation import packing
from curation.actions import datasets as actions
from curation.formats.training import TRAINING
from curation.hub import card, escaping
from curation.hub.facts import of_version
from curation.hub.features import Layout, Split, layout
from curation.hub.licensing import named, of_hub
from tests.datasets import made

EVIL = (
    "---\nlicense: mit\n---\n# Owned <script>alert(1)</script> ![x](http://a/b) [y](javascript:alert(1)) | a | `b` ~~~"
)


@pytest.fixture
def version(cast):
    task = made.task(cast.team, 40, by=cast.curator, licence="CC0-1.0", categories=["Summarisation"])
    extra = made.collection(cast.team)
    sources = [made.source(task), {"kind": "collection", "id": extra.pk}]
    found = made.dataset(cast.team, *sources, splits={"shares": {"train": 0.7, "test": 0.3}})
    return made.frozen(found, by=cast.curator, changelog="The first.")


def head_and_body(text):
    assert text.startswith("---\n")
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


@pytest.mark.parametrize("kind", sorted(set(TRAINING) - {"preference"}))
@pytest.mark.django_db(transaction=True)
def test_datasets_loads_the_folder_by_its_card(version, kind, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    wrote = packing.write_folder(version, kind, folder)
    head, _ = head_and_body((folder / "README.md").read_text())
    assert {one["name"]: one["num_examples"] for one in head["dataset_info"]["splits"]} == wrote.rows
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in found.items()} == wrote.rows
    if "features" in head["dataset_info"]:
        named = [one["name"] for one in head["dataset_info"]["features"]]
        assert list(found["train"].features) == named
        assert found["train"].features == datasets.Features._from_yaml_list(head["dataset_info"]["features"])


@pytest.mark.django_db(transaction=True)
def test_the_card_says_where_it_comes_from(version, tmp_path):
    packing.write_folder(version, "messages", tmp_path)
    text = (tmp_path / "README.md").read_text()
    head, body = head_and_body(text)
    assert head["pretty_name"] == "Letters"
    assert head["license"] == ["cc0-1.0", "mit"]
    assert head["size_categories"] == ["n<1K"]
    assert head["configs"][0]["data_files"] == [
        {"split": "train", "path": "train.jsonl"}, {"split": "test", "path": "test.jsonl"},
    ]  # fmt: skip
    assert DatasetCard(text).data.to_dict()["license"] == ["cc0-1.0", "mit"]
    for said in ("45 rows", version.sha256, "The first.", "Summarise the letter for the patient.", "CC0", "Ward letters",
                 "manage.py export 'Letters@1' --format messages", "Nobody has written down yet"):  # fmt: skip
        assert said in body, said
    assert "example.org" not in text  # no e-mail, no name of a person
    manifest = json.loads((tmp_path / "run.json").read_text())
    assert {"README.md", "croissant.json", "train.jsonl"} <= set(manifest["export"]["files"])
    said = json.loads((tmp_path / "croissant.json").read_text())
    assert [one["@id"] for one in said["recordSet"]] == ["train", "test"]
    (field,) = said["recordSet"][0]["field"]
    assert (field["@id"], field["repeated"]) == ("train/messages", True)
    assert [one["@id"] for one in field["subField"]] == ["train/messages/role", "train/messages/content"]
    by_name = {one["@id"]: one for one in said["distribution"]}
    assert by_name["train.jsonl"]["sha256"] == manifest["export"]["files"]["train.jsonl"]
    assert by_name["train.jsonl"]["contentSize"] == f"{(tmp_path / 'train.jsonl').stat().st_size} B"


@pytest.mark.django_db(transaction=True)
def test_texts_of_the_team_stay_with_later_versions(cast, version, tmp_path):
    dataset = version.dataset
    texts = {
        "intended_use": "For **doctors**.\n\n- one\n- [a link](https://example.org/x)",
        "known_gaps": "No letters of children.",
    }
    dataset.refresh_from_db()
    actions.change(dataset=dataset, by=cast.curator, revision=dataset.revision, card_texts=texts)
    dataset.refresh_from_db()
    again = made.frozen(dataset)
    packing.write_folder(again, "alpaca", tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "For **doctors**.\n\n- one\n- [a link](https://example.org/x)" in text
    assert "## Known gaps\n\nNo letters of children." in text
    assert "Nobody has written down" not in text


@pytest.mark.django_db(transaction=True)
def test_texts_of_people_build_nothing(version):
    facts = of_version(version)
    lies = Layout("messages", "jsonl", (Split("train", ("train.jsonl",), 40, 100),), {"messages": "string"})
    manifest = json.loads(json.dumps(facts.manifest))
    for one in manifest["sources"]:
        one |= {"name": EVIL, "definition": f"```\n{EVIL}\n````", "licence": EVIL, "category": EVIL}
    manifest["runs"] = [
        {"run": 1, "number": 1, "pool": EVIL, "method": EVIL, "params": {"a": EVIL}, "seed": 0, "budget": 5}
    ]
    manifest["generations"] = [{"generation": 1, "model": EVIL, "generator": EVIL, "seed": 1, "templates": {"a": EVIL}}]
    counts = facts.counts | {
        "licence": {EVIL: 3, "MIT": 2},
        "source": {EVIL: 1},
        "tag": {EVIL: 1},
        "language": {EVIL: 1},
    }
    bad = replace(
        facts, name=EVIL, description=EVIL, changelog=EVIL, manifest=manifest, counts=counts,
        texts={"intended_use": EVIL, "known_gaps": EVIL, "notes": EVIL},
    )  # fmt: skip
    text = card.readme(bad, lies)
    head, body = head_and_body(text)
    assert head["license"] == ["mit", "other"] or head["license"] == ["other", "mit"]
    assert head["configs"] == card.head_of(facts, lies)["configs"]
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(body)
    kinds = {token.type for token in _walk(tokens)}
    assert not kinds & {"html_block", "html_inline", "image", "hr"}
    links = [token.attrGet("href") for token in _walk(tokens) if token.type == "link_open"]
    assert links == []
    headings = [tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open"]
    assert not any("Owned" in one for one in headings[1:])
    # Every table has as many cells in a row as it has heads.
    for table in re.findall(r"(?:^\|.*\n)+", body, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def _walk(tokens):
    for token in tokens:
        yield token
        yield from _walk(token.children or [])


def test_prose_keeps_what_reads_well_and_no_more():
    assert escaping.prose("A *b* and `c`.\n\n- d") == "A *b* and `c`.\n\n- d"
    assert escaping.prose("# Head\n===\n---") == "\\# Head\n\\===\n\\---"
    assert escaping.prose("a <b>c</b> &amp;") == "a &lt;b>c&lt;/b> &amp;amp;"
    assert escaping.prose("[x](javascript:alert(1))") == "\\[x\\](javascript:alert(1))"
    assert escaping.prose("![x](https://a.b/c.png)") == "!\\[x\\](https://a.b/c.png)"
    assert escaping.code("a`b|c") == "``a`b\\|c``"
    assert escaping.fenced("a\n````\nb") == "`````text\na\n````\nb\n`````"
    assert escaping.line("a\u202eb\n| <c>") == "ab \\| &lt;c\\>"


@pytest.mark.parametrize(
    ("name", "word"),
    [("CC-BY-4.0", "cc-by-4.0"), ("GPL-3.0-or-later", "gpl-3.0"), ("", "unknown"), ("Apache 2.0", "apache-2.0"),
     ("ODC-By-1.0", "odc-by"), ("Ours: ask us", "other")],
)  # fmt: skip
def test_licences_in_the_words_of_the_hub(name, word):
    assert of_hub(name) == word


def test_an_unknown_licence_is_named():
    assert named(["Ours: ask us", "MIT"]) == {"license": ["other", "mit"], "license_name": "ours-ask-us"}
    assert named([]) == {"license": "unknown"}


def test_columns_that_do_not_agree_have_no_features(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"a": 1}\n{"a": "x"}\n')
    assert layout(tmp_path, "messages", "jsonl", {"train": 2}, ["train.jsonl"]).features is None
    (tmp_path / "train.jsonl").write_text('{"a": [{"b": 1}], "n": 1}\n{"a": [{"b": 2.5, "c": true}], "n": null}\n')
    found = layout(tmp_path, "messages", "jsonl", {"train": 2}, ["train.jsonl"])
    assert found.features == {"a": ("list", {"b": "float64", "c": "bool"}), "n": "int64"}
    (tmp_path / "train.jsonl").write_text('{"a": []}\n')
    assert layout(tmp_path, "messages", "jsonl", {"train": 1}, ["train.jsonl"]).features is None


@pytest.mark.parametrize(("rows", "name"), [(0, "n<1K"), (1_000, "1K<n<10K"), (10**9, "1B<n<10B"), (10**12, "n>1T")])
def test_size_categories(rows, name):
    assert card.size_of(rows) == name
