"""A version on its way to the hub: files, repository, uploads, one commit, and the look whether it arrived.

Each function does one step of the job and may run twice. What was uploaded before is not sent again (the hub knows large
files by their sha256); what counts is one commit at the end, which carries the push's key and so is made once.
"""

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import storage
from config.crypto import unseal
from config.faults import Fault
from curation import packing
from curation.hub.client import api_of, endpoint, talking
from curation.hub.escaping import flat
from curation.hub.hashing import blob
from curation.models import HubToken, Push
from jobs.errors import Transient

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Json = dict[str, Any]
Told = Callable[[int], None]
KIND = "dataset"
CHUNK = 1 << 20
BATCH_BYTES, BATCH_FILES = 256 << 20, 64  # of one step of uploads
LOOKED = 200  # commits of a branch, and pull requests, among which an earlier try is searched
HUB_FILES = (".gitattributes",)  # what the hub itself puts into a new repository


def folder(push: Push) -> str:
    """Where the files lie between the steps."""
    return f"datasets/{push.version.dataset_id}/pushes/{push.pk}"


def token_of(push: Push) -> str:
    """Raises `Fault` hub.no_token, hub.elsewhere, crypto.unreadable."""
    team = push.version.dataset.team
    found = HubToken.objects.filter(team=team).first()
    if found is None:
        raise Fault("hub.no_token")
    for place in (found.endpoint, push.endpoint):
        if place != endpoint():
            raise Fault("hub.elsewhere", was=place, now=endpoint())
    return unseal(found.sealed, "The hub token of the team")


# --- 1: files ---


def write(push: Push, told: Told) -> Json:
    """All files of the export into the storage, named by their content: {files, rows}."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        made = packing.write_folder(push.version, push.format, root, told)
        files = [_kept(push, root, path, told) for path in sorted(root.rglob("*")) if path.is_file()]
    return {"files": files, "rows": made.rows}


def _kept(push: Push, root: Path, path: Path, told: Told) -> Json:
    name = path.relative_to(root).as_posix()
    with storage.ByContent(folder(push), "file") as out, path.open("rb") as source:
        while chunk := source.read(CHUNK):
            out.write(chunk)
            told(0)
    return {"name": name, "path": out.path, "sha256": out.sha256, "bytes": out.size, "git": git_sha(path)}


def _local(one: Mapping[str, Any]) -> Path:
    """Where a file of the first step lies. Raises `Fault` hub.gone when a later push cleaned up after this one."""
    try:
        return storage.local_path(one["path"], one["sha256"])
    except Fault as fault:
        if fault.code == "store.missing":
            raise Fault("hub.gone", name=one["name"]) from None
        raise


def clean(push: Push) -> list[str]:
    """Folders that this push leaves: its own, and those of earlier ones of the dataset that ended without a commit."""
    dataset = push.version.dataset_id
    over = Push.objects.filter(
        version__dataset=dataset, pk__lt=push.pk, commit="", job__state__in=["failed", "cancelled"]
    )
    return [folder(push), *(f"datasets/{dataset}/pushes/{pk}" for pk in over.values_list("pk", flat=True))]


def git_sha(path: Path) -> str:
    """The name that git gives to the content of a file."""
    found = blob(path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return str(found.hexdigest())


def batches(files: Sequence[Json]) -> list[list[int]]:
    """The places of the files, in groups that one step uploads."""
    made: list[list[int]] = []
    held = BATCH_BYTES + 1
    for place, one in enumerate(files):
        if not made or held + one["bytes"] > BATCH_BYTES or len(made[-1]) >= BATCH_FILES:
            made.append([])
            held = 0
        made[-1].append(place)
        held += one["bytes"]
    return made


# --- 2: repository ---


def prepare(push: Push) -> Json:
    """The repository and the branch are there: {made}. Raises `Fault` hub.exists, hub.public and those of the hub."""
    with talking():
        api = api_of(token_of(push))
        made = _repository(api, push)
        if push.branch != "main" and not push.pull_request:
            api.create_branch(push.repo, branch=push.branch, repo_type=KIND, exist_ok=True)
    return {"made": made}


def _repository(api: "HfApi", push: Push) -> bool:
    from huggingface_hub.errors import HfHubHTTPError

    info = _info(api, push.repo)
    if info is None:
        try:
            api.create_repo(push.repo, repo_type=KIND, private=push.private)
            return True
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code != 409:
                raise
        info = _info(api, push.repo)
        if info is None:
            raise Fault("hub.exists", repo=push.repo)
    if push.private and not info.private:
        raise Fault("hub.public", repo=push.repo)
    if push.existing or push.pull_request or _ours(push):
        return False
    if {one.rfilename for one in info.siblings or []} - set(HUB_FILES):
        raise Fault("hub.exists", repo=push.repo)
    return True  # empty: an earlier try of this push made it


def _info(api: "HfApi", repo: str) -> Any:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return api.dataset_info(repo)
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code == 404:
            return None
        raise


def _ours(push: Push) -> bool:
    """Whether an earlier push of this dataset went to this repository."""
    dataset = push.version.dataset_id
    earlier = Push.objects.filter(version__dataset=dataset, repo__iexact=push.repo, endpoint=push.endpoint)
    return earlier.exclude(commit="").exists()


# --- 3: uploads ---


def upload(push: Push, files: Sequence[Json], told: Told) -> Json:
    """Send the large ones of these files that the hub does not have: {sent} bytes. Nothing is published by it."""
    from huggingface_hub import CommitOperationAdd

    with talking(), contextlib.ExitStack() as opened:
        api = api_of(token_of(push))
        held: list[Counted] = []
        held += [
            opened.enter_context(Counted(_local(one), lambda: told(sum(file.count for file in held)))) for one in files
        ]
        adds = [CommitOperationAdd(one["name"], file) for one, file in zip(files, held, strict=True)]
        for file in held:
            file.counting = True
        api.preupload_lfs_files(
            push.repo, additions=adds, repo_type=KIND, revision=_base(push), create_pr=push.pull_request, num_threads=1,
            free_memory=False,
        )  # fmt: skip
        return {"sent": sum(file.count for file in held)}


class Counted(io.BufferedReader):
    """A file that tells how far it was read; what `told` raises stops the upload."""

    def __init__(self, path: Path, told: Callable[[], None]) -> None:
        super().__init__(io.FileIO(path))
        self.told, self.counting, self.count = told, False, 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.counting:
            self.count += len(data)
        self.told()
        return data


def _base(push: Push) -> str:
    return "main" if push.pull_request else push.branch


# --- 4: one commit ---


def commit(push: Push, files: Sequence[Json], told: Told) -> Json:
    """The commit of this push: the one that is there from an earlier try, or a new one. {commit, pull}."""
    with talking():
        api = api_of(token_of(push))
        head = _head(api, push)
        if (found := _earlier(api, push)) is not None:
            return found
        told(0)
        with tempfile.TemporaryDirectory() as place:
            operations = list(_operations(api, push, files, head, Path(place)))
            told(0)
            made = api.create_commit(
                push.repo, operations, commit_message=push.message, commit_description=_description(push),
                repo_type=KIND, revision=_base(push), create_pr=push.pull_request, parent_commit=head, num_threads=1,
            )  # fmt: skip
    return {"commit": made.oid, "pull": made.pr_num if push.pull_request else None}


def _head(api: "HfApi", push: Push) -> str:
    """The commit that ours follows. If another one comes first, the hub refuses ours (412), and we look again."""
    return str(api.repo_info(push.repo, repo_type=KIND, revision=_base(push)).sha)


def _mark(push: Push) -> str:
    return f"Winnow-Push: {push.key}"


def _description(push: Push) -> str:
    version = push.version
    news = flat(version.changelog, 1_000)
    return "\n\n".join(
        part for part in (news, f"Rows: {version.rows:,}. sha256: {version.sha256}", _mark(push)) if part
    )


def _earlier(api: "HfApi", push: Push) -> Json | None:
    """The commit that an earlier try made though its answer never came."""
    if not push.pull_request:
        for one in api.list_repo_commits(push.repo, repo_type=KIND, revision=push.branch)[:LOOKED]:
            if _mark(push) in (one.message or ""):
                return {"commit": one.commit_id, "pull": None}
        return None
    pulls = api.list_repo_refs(push.repo, repo_type=KIND, include_pull_requests=True).pull_requests or []
    numbers = sorted(
        (int(one.ref.rsplit("/", 1)[-1]) for one in pulls if one.ref.rsplit("/", 1)[-1].isdecimal()), reverse=True
    )
    for number in numbers[:20]:
        for made in api.list_repo_commits(push.repo, repo_type=KIND, revision=f"refs/pr/{number}")[:5]:
            if _mark(push) in (made.message or ""):
                return {"commit": made.commit_id, "pull": number}
    return None


def _operations(api: "HfApi", push: Push, files: Sequence[Json], head: str, place: Path) -> Iterator[Any]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    for number, one in enumerate(files):
        path = _local(one)
        yield CommitOperationAdd(one["name"], str(_named(path, place / str(number))))
    there = {found.path for found in api.list_repo_tree(push.repo, repo_type=KIND, revision=head, recursive=True)}
    gone = _written_before(api, push, head, there, place) - {one["name"] for one in files}
    for name in sorted(gone & there):
        yield CommitOperationDelete(name, is_folder=False)


def _named(path: Path, place: Path) -> Path:
    """A file beside the storage's: what is sent stays there until the commit, also if the storage is emptied."""
    try:
        place.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, place)
    return place


def _written_before(api: "HfApi", push: Push, head: str, there: set[str], place: Path) -> set[str]:
    """Names that the last push of a version wrote there, as its run.json says; those that are not ours stay."""
    if "run.json" not in there:
        return set()
    path = api.hf_hub_download(push.repo, "run.json", repo_type=KIND, revision=head, cache_dir=str(place / "cache"))
    with contextlib.suppress(ValueError, AttributeError, KeyError, TypeError):
        files = json.loads(Path(path).read_bytes())["export"]["files"]
        return {name for name in files if isinstance(name, str)} | {"run.json"}
    return set()


# --- 5: read back ---


def check(push: Push, files: Sequence[Json], made: Mapping[str, Any]) -> Json:
    """Every file of the commit has the hash that was sent; then the tag: {tag}. Raises `Fault` hub.differs."""
    with talking():
        api = api_of(token_of(push))
        rows = api.list_repo_tree(push.repo, repo_type=KIND, revision=made["commit"], recursive=True)
        there = {one.path: one for one in rows}
        wrong = [one["name"] for one in files if not _same(there.get(one["name"]), one)]
        if wrong:
            names = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
            raise Fault("hub.differs", commit=made["commit"][:12], repo=push.repo, names=names)
        tag = "" if push.pull_request else _tagged(api, push, made["commit"])
    return {"tag": tag}


def _same(there: Any, sent: Json) -> bool:
    if there is None:
        return False
    large = getattr(there, "lfs", None)
    if large is not None:
        return bool(large.sha256 == sent["sha256"] and large.size == sent["bytes"])
    return bool(getattr(there, "blob_id", None) == sent["git"])


def _tagged(api: "HfApi", push: Push, commit: str) -> str:
    """The version's tag on the commit. A tag that is there is never moved: the next push of a version gets v3.1, v3.2."""
    from huggingface_hub.errors import HfHubHTTPError

    base = f"v{push.version.number}"
    for _ in range(3):
        tags = {one.name: one.target_commit for one in api.list_repo_refs(push.repo, repo_type=KIND).tags}
        for name, target in tags.items():
            if target == commit and (name == base or name.startswith(f"{base}.")):
                return name
        name = next(name for n in range(len(tags) + 1) if (name := f"{base}.{n}" if n else base) not in tags)
        try:
            api.create_tag(push.repo, tag=name, revision=commit, tag_message=push.message, repo_type=KIND)
            return name
        except HfHubHTTPError as error:  # somebody else took it meanwhile
            if error.response is None or error.response.status_code != 409:
                raise
    raise Transient("tags of the repository keep changing")
