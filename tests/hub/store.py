"""Repositories of the local hub: commits, branches, tags and pull requests, all in memory."""

import base64
import hashlib
import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

LFS_FROM = 10_000  # bytes: the real hub asks for 10 MB; tests have small files
LFS_SUFFIXES = (".parquet", ".zip", ".arrow", ".gz", ".bin")
_numbers = itertools.count(1)


def git_sha(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def is_lfs(path: str, size: int) -> bool:
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size >= LFS_FROM)


class Refused(Exception):
    """An answer that is no success: status, hub's error code, message."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class Blob:
    """One file of a commit."""

    data: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        if not self.lfs:
            return git_sha(self.data)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return git_sha(pointer.encode())

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def row(self, path: str) -> dict[str, Any]:
        row: dict[str, Any] = {"type": "file", "path": path, "oid": self.oid, "size": len(self.data)}
        if self.lfs:
            row["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 134}
        return row


@dataclass
class Commit:
    sha: str
    title: str
    message: str
    parent: str | None
    files: dict[str, Blob]
    author: str = "somebody"


@dataclass
class Repo:
    """One repository of data. `objects`: large files by sha256, uploaded but not always committed."""

    name: str
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if not self.branches:
            self.add(None, "initial commit", "", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)}, "main")

    def add(self, parent: str | None, title: str, message: str, files: dict[str, Blob], branch: str = "") -> Commit:
        seed = f"{self.name}{parent}{title}{message}{next(_numbers)}"
        sha = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        made = self.commits[sha] = Commit(sha, title, message, parent, files)
        if branch:
            self.branches[branch] = sha
        return made

    def at(self, revision: str) -> Commit:
        """Of a branch, a tag, `refs/pr/N`, `refs/convert/…` or a commit (also its beginning). Raises `Refused` 404."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name)
        if revision.startswith("refs/pr/") and revision[8:].isdigit():
            sha = self.pulls.get(int(revision[8:]))
        if sha is None and len(revision) >= 7:
            sha = next((one for one in self.commits if one.startswith(revision)), None)
        if sha is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[sha]

    def history(self, revision: str) -> list[Commit]:
        """The newest first."""
        found, at = [], self.at(revision)
        while True:
            found.append(at)
            if at.parent is None:
                return found
            at = self.commits[at.parent]

    def write(self, files: dict[str, bytes], branch: str = "main", title: str = "Add files") -> str:
        """For tests: one commit on top with these files beside those that are there. Returns its sha."""
        with self.lock:
            head = self.at(branch)
            held = head.files | {path: Blob(data, is_lfs(path, len(data))) for path, data in files.items()}
            return self.add(head.sha, title, "", held, branch).sha

    def commit(self, revision: str, lines: list[dict[str, Any]], pull: bool) -> tuple[Commit, int]:
        """What POST …/commit/{revision} does; returns the commit and the number of the pull request, or 0."""
        with self.lock:
            head = self.at(revision)
            header: dict[str, Any] = {}
            files = dict(head.files)
            for line in lines:
                value = line["value"]
                match line["key"]:
                    case "header":
                        header = value
                    case "file":
                        files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
                    case "lfsFile":
                        if value["oid"] not in self.objects:
                            raise Refused(400, f"LFS pointer pointed to a file that does not exist: {value['oid']}")
                        files[value["path"]] = Blob(self.objects[value["oid"]], True)
                    case "deletedFile":
                        if files.pop(value["path"], None) is None:
                            raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
                    case "deletedFolder":
                        files = {path: one for path, one in files.items() if not path.startswith(value["path"])}
                    case other:
                        raise Refused(400, f"unknown operation {other}")
            if header.get("parentCommit") not in (None, head.sha):
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            made = self.add(head.sha, header["summary"], header.get("description", ""), files)
            number = 0
            if pull:
                number = len(self.pulls) + 1
                self.pulls[number] = made.sha
            elif revision.startswith("refs/pr/"):
                self.pulls[int(revision[8:])] = made.sha
            else:
                self.branches[revision.removeprefix("refs/heads/")] = made.sha
            return made, number

    def rows(self, revision: str, folder: str = "", recursive: bool = False) -> list[dict[str, Any]]:
        """The tree below a folder."""
        files = self.at(revision).files
        inside = f"{folder.strip('/')}/" if folder.strip("/") else ""
        found: dict[str, dict[str, Any]] = {}
        for path, blob in sorted(files.items()):
            if not path.startswith(inside):
                continue
            parts = path[len(inside) :].split("/")
            for depth in range(1, len(parts)):
                name = inside + "/".join(parts[:depth])
                found.setdefault(name, {"type": "directory", "path": name, "oid": git_sha(name.encode()), "size": 0})
                if not recursive:
                    break
            if recursive or len(parts) == 1:
                found[path] = blob.row(path)
        if inside and not found:
            raise Refused(404, f"{folder} does not exist on {revision}", "EntryNotFound")
        return list(found.values())
