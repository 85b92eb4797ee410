"""Files below the storage root. A local folder or any fsspec URL.

Files are written to a temporary name and then moved, results to a name made of their content, so that writing the same
twice is waste and never damage. What has a sha256 is read with it checked; files of a remote store are copied once to
`var/cache`.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec
from django.conf import settings

from config.faults import Fault


@lru_cache(maxsize=4)
def _root(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    fs, path = fsspec.core.url_to_fs(url)
    return fs, path.rstrip("/")


def root() -> tuple[fsspec.AbstractFileSystem, str]:
    return _root(settings.STORAGE_URL)


def is_local() -> bool:
    return "file" in root()[0].protocol or root()[0].protocol == "file"


def _full(path: str) -> str:
    """Raises `ValueError` for a path that leads out of the storage root."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not path:
        raise ValueError(f"{path!r} is not below the storage root")
    return f"{root()[1]}/{path}"


# --- writing ---


@contextmanager
def writing(path: str) -> Iterator[IO[bytes]]:
    """A new file that gets its name when the block ends well, and leaves nothing behind when it does not."""
    with _draft(path, lambda: path) as file:
        yield file


@contextmanager
def _draft(near: str, named: Callable[[], str]) -> Iterator[IO[bytes]]:
    """A file beside `near` that at the end is moved to the path that `named` tells, or dropped if it tells none."""
    fs, full = root()[0], _full(near)
    fs.makedirs(full.rsplit("/", 1)[0], exist_ok=True)
    draft = f"{full}.{secrets.token_hex(6)}.part"
    try:
        with fs.open(draft, "wb") as file:
            yield file
            if is_local():
                file.flush()
                os.fsync(file.fileno())
        if path := named():
            fs.mv(draft, _full(path))
        else:
            fs.rm(draft)
    except BaseException as error:
        if fs.exists(draft):
            fs.rm(draft)
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise Fault("store.full", path=near) from error
        raise


class ByContent:
    """A file to write to that is named by the sha256 of what was written: `path`, `sha256`, `size` at its end."""

    closed = False

    def __init__(self, prefix: str, suffix: str) -> None:
        self.prefix, self.suffix, self.size, self.path = prefix, suffix, 0, ""
        self._hash = hashlib.sha256()

    def __enter__(self) -> "ByContent":
        self._draft = _draft(f"{self.prefix}/{self.suffix}", self._name)
        self._file = self._draft.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._draft.__exit__(*exc)

    def _name(self) -> str:
        self.path = f"{self.prefix}/{self.sha256}.{self.suffix}"
        return "" if _holds(self.path, self.sha256) else self.path

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    # What Arrow asks of a file.
    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def close(self) -> None:
        """The end of the block closes it."""


def _holds(path: str, sha256: str) -> bool:
    """Whether the file is there with this content. Writing a damaged file once more mends it."""
    try:
        with root()[0].open(_full(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


# --- reading ---


def open_file(path: str) -> IO[bytes]:
    """A seekable binary file. Raises `Fault` store.missing."""
    try:
        return root()[0].open(_full(path), "rb")
    except FileNotFoundError:
        raise Fault("store.missing", path=path) from None


def exists(path: str) -> bool:
    return bool(path) and root()[0].exists(_full(path))


def read(path: str, sha256: str) -> bytes:
    with open_file(path) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Fault("store.damaged", path=path)
    return data


def local_path(path: str, sha256: str) -> Path:
    """Where the file lies on this machine, its sha256 checked once per process and change of the file."""
    if is_local():
        place = Path(_full(path))
        if not place.exists():
            raise Fault("store.missing", path=path)
    else:
        place = Path(settings.VAR) / "cache" / sha256
        if not place.exists():
            _fetch(path, place)
    facts = place.stat()
    try:
        _verify(str(place), path, sha256, facts.st_mtime_ns, facts.st_size)
    except Fault:
        if not is_local():
            place.unlink(missing_ok=True)  # the copy may be to blame; the next try fetches it again
        raise
    return place


def _fetch(path: str, place: Path) -> None:
    """Copy a file of a remote store to this machine, whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.{secrets.token_hex(6)}.part")
    try:
        root()[0].get_file(_full(path), str(draft))
        draft.replace(place)
    except FileNotFoundError:
        raise Fault("store.missing", path=path) from None
    finally:
        draft.unlink(missing_ok=True)


@lru_cache(maxsize=4096)
def _verify(place: str, path: str, sha256: str, mtime: int, size: int) -> None:
    with Path(place).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise Fault("store.damaged", path=path)


# --- removing, measuring ---


def delete(path: str) -> None:
    fs = root()[0]
    if path and fs.exists(_full(path)):
        fs.rm(_full(path))


def delete_prefix(prefix: str) -> None:
    """Everything below a folder of the storage."""
    fs, full = root()[0], _full(prefix)
    if is_local():
        shutil.rmtree(full, ignore_errors=True)
    elif fs.exists(full):
        fs.rm(full, recursive=True)


def keep_only(prefix: str, wanted: set[str]) -> int:
    """Remove the files of a folder that nothing refers to; returns how many."""
    fs, base = root()[0], root()[1]
    if not fs.exists(_full(prefix)):
        return 0
    orphans = [full for full in fs.find(_full(prefix)) if full.removeprefix(f"{base}/") not in wanted]
    for full in orphans:
        fs.rm(full)
    return len(orphans)


def older_than(prefix: str, seconds: float) -> list[str]:
    """Files below a folder that were last written longer ago."""
    fs, full = root()[0], _full(prefix)
    names = fs.find(full) if fs.exists(full) else []
    before = datetime.now(UTC) - timedelta(seconds=seconds)
    old = []
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # somebody else removed it meanwhile
            if fs.modified(name).astimezone(UTC) < before:
                old.append(name.removeprefix(f"{root()[1]}/"))
    return old


def usage(prefix: str) -> int:
    """Bytes below a folder."""
    fs, full = root()[0], _full(prefix)
    return int(sum(info["size"] for info in fs.find(full, detail=True).values())) if fs.exists(full) else 0


def size(path: str) -> int:
    return int(root()[0].size(_full(path)))
