"""Uploads go straight into the storage while they arrive: bounded, hashed names, nothing left behind."""

import contextlib
import secrets
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from config.faults import Fault
from selection import store

FOLDER = "uploads"


class StoredUpload(UploadedFile):
    """A received file that lies in the storage under `path`."""

    def __init__(self, path: str, name: str, size: int, content_type: str | None) -> None:
        super().__init__(file=None, name=name, content_type=content_type, size=size)
        self.path = path


class StorageUploadHandler(FileUploadHandler):
    """Takes one file per request and refuses more than `UPLOAD_MAX_BYTES` while it arrives."""

    chunk_size = 1 << 20

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.path = ""
        self.got = 0
        self._writing: Any = None
        self._file: BinaryIO | None = None

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None  # noqa: N803
    ) -> None:
        if content_length > settings.UPLOAD_MAX_BYTES + (1 << 20):
            raise too_large()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._close(failed=True)
        self.path, self.got = f"{FOLDER}/{secrets.token_hex(16)}", 0
        self._writing = store.writing(self.path)
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
        return StoredUpload(self.path, self.file_name or "upload", file_size, self.content_type)

    def upload_interrupted(self) -> None:
        self._close(failed=True)

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
        f"{limit / (1 << 30):g} GiB"
        if limit >= 1 << 30
        else f"{limit / (1 << 20):g} MiB"
        if limit >= 1 << 20
        else f"{limit:,} bytes"
    )
    return Fault("upload.too_large", limit=shown)


def received(request: HttpRequest) -> list[StoredUpload]:
    """The files of a request, to be taken or removed."""
    return [file for _, files in request.FILES.lists() for file in files if isinstance(file, StoredUpload)]
