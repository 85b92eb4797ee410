"""Files of a team's sparse autoencoders: from the store into a folder where their loader finds them, and back."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from config.faults import Fault
from selection import models, store
from selection.encoders.base import EncoderError

OWN = ("cfg.json", "sae.safetensors", "winnow.json")


def folder_of(identity: str) -> Path:
    """The folder with the files of "sae-…", for `selection.encoders.sae`. Raises `EncoderError`."""
    place = Path(settings.VAR) / "cache" / "saes" / identity
    if all((place / name).is_file() for name in OWN):
        return place
    found = models.SparseAutoencoder.objects.filter(identity=identity).exclude(files=[]).order_by("pk").first()
    if found is None:
        raise EncoderError(
            f"No team has a sparse autoencoder {identity}.", "It was deleted; choose another one, or train it again."
        )
    try:
        _bring(found.files, place)
    except Fault as fault:
        raise EncoderError(fault.what, fault.advice) from fault
    return place


def _bring(files: Sequence[dict[str, Any]], place: Path) -> None:
    """All of them or none; of two workers that bring them at once one wins and both are right."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        for one in files:
            shutil.copyfile(store.local_path(one["path"], one["sha256"]), draft / one["name"])
        try:
            draft.replace(place)
        except OSError:
            if not all((place / name).is_file() for name in OWN):
                shutil.rmtree(place, ignore_errors=True)  # left by a process that was killed in between
                draft.replace(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def keep(sae_id: int, folder: Path) -> list[dict[str, Any]]:
    """Write the files of a folder to the store; what `SparseAutoencoder.files` says of them."""
    kept = []
    for name in OWN:
        with store.ByContent(f"saes/{sae_id}", name.rpartition(".")[2]) as out, (folder / name).open("rb") as file:
            while block := file.read(1 << 22):
                out.write(block)
        kept.append({"name": name, "path": out.path, "sha256": out.sha256, "bytes": out.size})
    return kept


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone when the block ends."""
    base = Path(settings.VAR) / "cache"
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix="sae-") as folder:
        yield Path(folder)


def received(source: dict[str, str], folder: Path) -> Path:
    """The two files that were sent, under the names that their layout asks for. Raises `EncoderError`."""
    from selection.encoders.sae import files

    _copy(source["config"], folder / files.CONFIG)
    config = files.read_json(folder / files.CONFIG)
    foreign = "hook_name" in config or "architecture" in config or "hook_name" in (config.get("metadata") or {})
    _copy(source["weights"], folder / (files.FOREIGN if foreign else files.WEIGHTS))
    return folder


def _copy(path: str, place: Path) -> None:
    with store.open_file(path) as file, place.open("wb") as out:
        shutil.copyfileobj(file, out, 1 << 22)
        out.flush()
        os.fsync(out.fileno())
