"""Which files hold the rows: the same ones that the hub's own library takes."""

import pytest
from datasets.data_files import DataFilesDict, get_data_patterns, sanitize_patterns

from config.faults import Fault
from curation.hub.datafiles import chosen, configs, glob

LAYOUTS = [
    ["train.jsonl", "test.jsonl"],
    ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/odd_name-00000-of-00001.parquet"],
    ["rows.csv", "README.md"],
    ["train/a.jsonl", "train/b.jsonl", "dev/a.jsonl"],
    ["my_train_rows.csv", "my-eval.csv"],
    ["nested/more/training/x.jsonl", "nested/more/validation/x.jsonl"],
    ["rows.part1.jsonl.gz", "rows.part2.jsonl.gz"],
    ["train.jsonl", "dataset_infos.json", "config.json", ".hidden/train.jsonl", "__cache/train.jsonl"],
    ["constrain.jsonl", "latest.jsonl"],
    ["a/trainer.jsonl", "b/test_set.jsonl"],
    ["test.csv"],
]


@pytest.mark.parametrize("paths", LAYOUTS, ids=lambda one: one[0])
def test_names_are_understood_as_the_library_does(tmp_path, paths):
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    found = DataFilesDict.from_patterns(get_data_patterns(str(tmp_path)), base_path=str(tmp_path))
    theirs = {str(split): sorted(file.removeprefix(f"{tmp_path}/") for file in files) for split, files in found.items()}
    ours = configs(None, paths)["default"]
    assert {split: sorted(files) for split, files in ours.items()} == theirs


@pytest.mark.parametrize(
    "data_files",
    [
        "data/*.jsonl", ["data/a.jsonl", "other/*.jsonl"], [{"split": "train", "path": "data/*"}],
        [{"split": "train", "path": ["data/a.jsonl", "data/b.jsonl"]}, {"split": "test", "path": "other/**"}],
        [{"split": "train", "path": "**/[ab].jsonl"}], [{"split": "train", "path": "data/?.jsonl"}],
    ],
    ids=str,
)  # fmt: skip
def test_patterns_of_the_card_are_understood_as_the_library_does(tmp_path, data_files):
    paths = ["data/a.jsonl", "data/b.jsonl", "other/c.jsonl", "other/deep/d.jsonl"]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    found = DataFilesDict.from_patterns(sanitize_patterns(data_files), base_path=str(tmp_path))
    theirs = {str(split): sorted(file.removeprefix(f"{tmp_path}/") for file in files) for split, files in found.items()}
    card = {"configs": [{"config_name": "one", "data_files": data_files}]}
    ours = configs(card, paths)["one"]
    assert {split: sorted(files) for split, files in ours.items()} == theirs


CARD = {
    "configs": [
        {"config_name": "de", "data_files": [{"split": "train", "path": "de/*.jsonl"}]},
        {"config_name": "fr", "default": True, "data_dir": "fr"},
    ]
}
PATHS = ["de/a.jsonl", "fr/train.jsonl", "fr/test.jsonl", "README.md"]


def test_what_is_not_said_is_the_default():
    assert chosen(CARD, PATHS).config == "fr"
    assert chosen(CARD, PATHS) == chosen(CARD, PATHS, "fr", "train")
    assert chosen(CARD, PATHS, "de").files == ("de/a.jsonl",)
    assert chosen(CARD, PATHS, split="test").files == ("fr/test.jsonl",)
    assert chosen(None, ["test.csv"]).split == "test", "where there is only one, it is meant"


@pytest.mark.parametrize(
    ("card", "paths", "asked", "code", "words"),
    [
        (CARD, PATHS, ("nl", ""), "hub.no_config", "de, fr"),
        (
            {"configs": [{**one, "default": False} for one in CARD["configs"]]},
            PATHS,
            ("", ""),
            "hub.no_config",
            "de, fr",
        ),
        (CARD, PATHS, ("fr", "validation"), "hub.no_split", "train, test"),
        (None, ["dev.csv", "test.csv"], ("", ""), "hub.no_split", "validation, test"),
        (None, ["README.md", "data.arrow", "b.arrow", "script.py"], ("", ""), "hub.no_data", "2 × .arrow, 1 × .py"),
        (None, ["README.md"], ("", ""), "hub.no_data", "no data at all"),
        (CARD, ["fr/train.jsonl"], ("de", ""), "hub.no_data", "nothing of the configuration de"),
    ],
)
def test_what_cannot_be_chosen_is_told_with_what_there_is(card, paths, asked, code, words):
    with pytest.raises(Fault) as found:
        chosen(card, paths, *asked)
    assert found.value.code == code
    assert words in str(found.value)


def test_a_converted_branch_has_a_folder_for_each_configuration_and_split():
    paths = ["default/train/0000.parquet", "default/train/0001.parquet", "de/partial-test/0000.parquet"]
    assert chosen(None, paths, converted=True).files == tuple(paths[:2])
    assert chosen(None, paths, "de", "test", converted=True).files == ("de/partial-test/0000.parquet",)


def test_patterns_hold_nothing_that_a_regular_expression_would_run():
    assert glob("a+(b)|c.*") == r"a\+\(b\)\|c\.[^/]*"
    assert configs({"configs": [{"config_name": 1, "data_files": {"x": 1}}, "no", {"data_files": [[1]]}]}, PATHS) == {
        "1": {}, "default": {},
    }  # fmt: skip
