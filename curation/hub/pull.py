"""A split of a dataset on its way from the hub: what there is, and its files one by one into the storage.

Each function does one step of the job and may run twice. A file that was cut off is gone on with where it stopped, since
what came lies beside the other files of this machine until the whole is in the storage.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from config import storage
from config.crypto import unseal
from config.faults import Fault
from curation.hub.client import api_of, endpoint, talking
from curation.hub.datafiles import chosen
from curation.hub.escaping import flat
from curation.hub.hashing import blob
from curation.importing import look_at
from curation.models import HubFetch, HubToken

Json = dict[str, Any]
Told = Callable[[int], None]
KIND = "dataset"
CHUNK = 1 << 20
CONVERTED = (
    "refs/convert/parquet"  # where the hub keeps most datasets as Parquet, a folder each configuration and split
)
LONGEST = 120  # characters of a licence


def token_of(fetch: HubFetch) -> str:
    """The team's token, if it has one for this hub; "" reads what everybody may read. Raises `Fault` crypto.unreadable."""
    found = HubToken.objects.filter(team=fetch.team_id, endpoint=endpoint()).first()
    return unseal(found.sealed, "The hub token of the team") if found is not None else ""


@contextmanager
def _asking(fetch: HubFetch) -> Iterator[Any]:
    """The library's client. What the hub refuses becomes a `Fault` that names the dataset."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    token = token_of(fetch)
    who = "the owner of the team's token" if token else "everybody, and the team has no token of this hub"
    said = {"dataset": fetch.dataset, "endpoint": fetch.endpoint, "who": who}
    with talking():
        try:
            yield api_of(token)
        except GatedRepoError as error:
            raise Fault("hub.gated", **said) from error
        except RepositoryNotFoundError as error:
            raise Fault("hub.no_dataset", **said) from error
        except RevisionNotFoundError as error:
            raise Fault("hub.no_revision", dataset=fetch.dataset, revision=fetch.revision or "main") from error


# --- 1: what there is ---


def find(fetch: HubFetch) -> Json:
    """{config, split, commit, licence, files: [{name, bytes, sha256, git}]}.

    Raises `Fault` hub.no_dataset, hub.gated, hub.no_revision, hub.no_config, hub.no_split, hub.no_data, hub.too_large.
    """
    with _asking(fetch) as api:
        info = api.dataset_info(fetch.dataset, revision=fetch.revision or None)
        rows = {
            one.path: one
            for one in api.list_repo_tree(fetch.dataset, repo_type=KIND, revision=info.sha, recursive=True)
            if hasattr(one, "size")
        }
    card = info.card_data.to_dict() if info.card_data is not None else {}
    found = chosen(card, list(rows), fetch.config, fetch.split, converted=fetch.revision == CONVERTED)
    files = [_announced(rows[name]) for name in found.files]
    total = sum(one["bytes"] for one in files)
    if total > settings.HUB_MAX_BYTES:
        raise Fault(
            "hub.too_large", files=f"{len(files):,} file{'' if len(files) == 1 else 's'}", size=_shown(total),
            limit=_shown(settings.HUB_MAX_BYTES),
        )  # fmt: skip
    return {
        "config": found.config, "split": found.split, "commit": str(info.sha), "licence": licence_of(card), "files": files,
    }  # fmt: skip


def _announced(row: Any) -> Json:
    """A file as the hub lists it: large ones by their sha256, others by git's name of their content."""
    large = getattr(row, "lfs", None)
    return {
        "name": row.path, "bytes": int(row.size), "sha256": large.sha256 if large is not None else "",
        "git": "" if large is not None else str(row.blob_id or ""),
    }  # fmt: skip


def licence_of(card: Mapping[str, Any]) -> str:
    """The licences that a card names; those that it calls `other` by their own name."""
    given = card.get("license")
    names = [str(one) for one in (given if isinstance(given, list) else [given]) if one]
    own = str(card.get("license_name") or "")
    return flat(", ".join(own if name == "other" and own else name for name in names), LONGEST)


def _shown(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 1 << 30 else f"{size / 2**20:,.1f} MiB"


# --- 2: one file ---


def spool(fetch: HubFetch) -> Path:
    """Where files lie on this machine while they come."""
    return Path(settings.VAR) / "spool" / f"hub-{fetch.pk}"


def bring(fetch: HubFetch, file: Json, number: int, told: Told) -> Json:
    """One file into the storage: {name, path, bytes, sha256}. Raises `Fault` hub.damaged and those of the hub."""
    place = spool(fetch) / str(number)
    with _asking(fetch) as api:
        came = api.hf_hub_download(
            fetch.dataset, file["name"], repo_type=KIND, revision=fetch.found["commit"], local_dir=str(place),
            tqdm_class=_bar(told),
        )  # fmt: skip
    git = blob(file["bytes"])
    suffix = "".join(Path(file["name"]).suffixes[-2:]).strip(".")[-20:] or "data"
    with storage.ByContent(fetch.folder, suffix) as out, Path(came).open("rb") as source:
        while chunk := source.read(CHUNK):
            out.write(chunk)
            git.update(chunk)
            told(out.size)
    shutil.rmtree(place, ignore_errors=True)
    if out.sha256 != file["sha256"] if file["sha256"] else git.hexdigest() != file["git"]:
        storage.delete(out.path)
        raise Fault("hub.damaged", name=file["name"])
    return {"name": file["name"], "path": out.path, "bytes": out.size, "sha256": out.sha256}


def _bar(told: Told) -> type:
    """What the library thinks to be its progress bar; what `told` raises stops the download."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.came = int(kwargs.get("initial") or 0)
            super().__init__(*args, **kwargs | {"disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            self.came += int(n or 0)
            told(self.came)
            return None

    return Bar


# --- 3: the first rows ---


def look(fetch: HubFetch) -> Json:
    """{format, compression, mapping}: the first file as it will be read. Raises `Fault` format.…, import.no_good_row."""
    first = fetch.files[0]
    seen = look_at(first["path"], first["name"])
    return {
        "format": seen.source.format, "compression": seen.source.compression, "mapping": seen.guess.mapping.to_dict(),
    }  # fmt: skip


def clear(fetch: HubFetch) -> None:
    """Nothing of it stays on this machine."""
    shutil.rmtree(spool(fetch), ignore_errors=True)
