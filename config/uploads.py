"""Uploads go straight into the storage while they arrive: bounded, hashed names, nothing left behind."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from config import storage
from config.faults import Fault

FOLDER = "uploads"
OLD = 24 * 3600  # seconds
# Each app that takes files over says which ones: a path that no owner knows is left from a request that was cut off.
OWNERS: list[Callable[[str], bool]] = []


def forget_old() -> None:
    """Remove what a process that was killed while it received a file left behind."""
    for path in storage.older_than(FOLDER, OLD):
        if not any(owns(path) for owns in OWNERS):
            storage.delete(path)


class StoredUpload(UploadedFile):
    """A received file that lies in the storage under `path`. Who takes it over calls `keep`, else it goes."""

    def __init__(self, path: str, name: str, size: int, content_type: str | None) -> None:
        super().__init__(file=None, name=name, content_type=content_type, size=size)
        self.path = path
        self.kept = False

    def keep(self) -> None:
        self.kept = True

    def close(self) -> None:
        """There is nothing open; Django calls this at the end of the request."""


@contextlib.contextmanager
def receiving(request: HttpRequest) -> Iterator[None]:
    """Files of this request go into the storage; those that nobody kept are gone when the block ends.

    Must be entered before anything reads the body, so the view is `csrf_exempt` and the check runs inside.
    """
    handler = StorageUploadHandler(request)
    request.upload_handlers = [handler]
    try:
        yield
    finally:
        handler.release()


class StorageUploadHandler(FileUploadHandler):
    """Takes files as they arrive and refuses more than `UPLOAD_MAX_BYTES` a file."""

    chunk_size = 1 << 20

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.path = ""
        self.got = 0
        self.stored: list[StoredUpload] = []
        self._writing: Any = None
        self._file: BinaryIO | None = None

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_: Any, **__: Any) -> None:  # noqa: N803
        if content_length > settings.UPLOAD_MAX_BYTES + (1 << 20):
            raise too_large()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._close(failed=True)
        self.path, self.got = f"{FOLDER}/{secrets.token_hex(16)}", 0
        self._writing = storage.writing(self.path)
        self._file = self._writing.__enter__()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.got += len(raw_data)
        if self.got > settings.UPLOAD_MAX_BYTES:
            self._close(failed=True)
            raise too_large()
        if self._file is not None:
            self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        self._close(failed=False)
        self.stored.append(StoredUpload(self.path, self.file_name or "upload", file_size, self.content_type))
        return self.stored[-1]

    def upload_interrupted(self) -> None:
        self._close(failed=True)

    def release(self) -> None:
        """Remove what was not kept, also what a sender who hung up left half-written."""
        self._close(failed=True)
        for file in self.stored:
            if not file.kept:
                storage.delete(file.path)

    def _close(self, *, failed: bool) -> None:
        writing, self._writing, self._file = self._writing, None, None
        if writing is None:
            return
        if failed:
            with contextlib.suppress(StopUpload):
                writing.__exit__(StopUpload, StopUpload(), None)
        else:
            writing.__exit__(None, None, None)


def too_large() -> Fault:
    limit = settings.UPLOAD_MAX_BYTES
    shown = (
        f"{limit / (1 << 30):.3g} GiB"
        if limit >= 1 << 30
        else f"{limit / (1 << 20):.3g} MiB"
        if limit >= 1 << 20
        else f"{limit:,} bytes"
    )
    return Fault("upload.too_large", limit=shown)
