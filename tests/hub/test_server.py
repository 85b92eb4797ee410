"""The local hub against the real clients: what it says is what they understand."""

import json
from pathlib import Path

import datasets
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from tests.hub.server import TOKEN

# The client sends files in a way that its own HTTP library calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use .content:DeprecationWarning")
ROWS = b"".join(json.dumps({"text": f"row {n}", "n": n}).encode() + b"\n" for n in range(50))


@pytest.fixture
def api(hub):
    return HfApi(endpoint=hub.url, token=TOKEN)


def test_upload_commit_tag_and_list(hub, api, tmp_path):
    assert api.whoami()["name"] == "ada"
    api.create_repo("ada/rows", repo_type="dataset", private=True)
    with pytest.raises(HfHubHTTPError) as found:
        api.create_repo("ada/rows", repo_type="dataset")
    assert found.value.response.status_code == 409
    big = tmp_path / "big.parquet"
    big.write_bytes(b"PAR1" * 5_000)
    adds = [CommitOperationAdd("train.jsonl", ROWS), CommitOperationAdd("data/big.parquet", str(big))]
    made = api.create_commit("ada/rows", adds, commit_message="First", repo_type="dataset")
    assert hub.asked("/lfs/", "PUT")[0].bytes == 20_000
    api.create_tag("ada/rows", tag="v1", revision=made.oid, repo_type="dataset")
    refs = api.list_repo_refs("ada/rows", repo_type="dataset")
    assert [(one.name, one.target_commit) for one in refs.tags] == [("v1", made.oid)]
    found = {
        one.path: one for one in api.list_repo_tree("ada/rows", revision="v1", recursive=True, repo_type="dataset")
    }
    assert sorted(found) == [".gitattributes", "data", "data/big.parquet", "train.jsonl"]
    assert found["data/big.parquet"].lfs.size == 20_000
    assert found["train.jsonl"].lfs is None
    assert [one.title for one in api.list_repo_commits("ada/rows", repo_type="dataset")] == ["First", "initial commit"]
    pull = api.create_commit(
        "ada/rows", [CommitOperationAdd("more.txt", b"x")], commit_message="More", repo_type="dataset", create_pr=True
    )
    assert pull.pr_num == 1
    assert "more.txt" not in api.list_repo_files("ada/rows", repo_type="dataset")
    assert "more.txt" in api.list_repo_files("ada/rows", repo_type="dataset", revision="refs/pr/1")
    # What was uploaded before is not sent again.
    hub.log.clear()
    api.create_commit(
        "ada/rows", [CommitOperationAdd("again.parquet", str(big))], commit_message="2", repo_type="dataset"
    )
    assert not hub.asked("/lfs/", "PUT")


def test_private_repositories_are_there_for_their_people_alone(hub, api):
    hub.repo("ada/secret", {"a.txt": b"a"}, private=True)
    assert api.dataset_info("ada/secret").private is True
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=False).dataset_info("ada/secret")


def test_files_come_back_whole_and_in_part(hub, api, tmp_path):
    hub.repo("ada/rows", {"train.jsonl": ROWS, "big.parquet": b"PAR1" * 5_000})
    for name, data in (("train.jsonl", ROWS), ("big.parquet", b"PAR1" * 5_000)):
        path = api.hf_hub_download("ada/rows", name, repo_type="dataset", cache_dir=tmp_path)
        assert Path(path).read_bytes() == data


def test_datasets_streams_from_it(hub, tmp_path):
    hub.repo("ada/rows", {"train.jsonl": ROWS})
    found = datasets.load_dataset("ada/rows", split="train", streaming=True, token=TOKEN, cache_dir=str(tmp_path))
    assert [row["n"] for row in found] == list(range(50))
