"""What the local hub answers, request by request."""

import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.store import Refused, Repo, is_lfs

if TYPE_CHECKING:
    from tests.hub.server import Fault, Hub


def _owner(name: str) -> str:
    return name.partition("/")[0]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, not in two that wait for each other
    disable_nagle_algorithm = True
    held: "Hub"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        with self.held.lock:
            self.held.busy += 1
        try:
            self._answer()
        finally:
            with self.held.lock:
                self.held.busy -= 1

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _answer(self) -> None:
        where = urlsplit(self.path)
        self.query = parse_qs(where.query)
        self.at = where.path
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.sent, self.torn = 0, None
        fault = self._fault()
        if fault and fault.cut is not None:
            self.rfile.read(min(fault.cut, int(self.headers.get("Content-Length", fault.cut))))
            self._ended(0)
            return
        try:
            self.body = self._body()
        except OSError:
            self._ended(0)
            return
        if fault and fault.held:  # all of it has come; what asked may die now
            fault.reached.set()
            fault.held.wait(60)
            fault = None
        try:
            if fault and fault.status:
                raise Refused(fault.status, fault.message)
            result = self._route()
        except Refused as error:
            extra = fault.headers if fault else {}
            named = {"X-Error-Code": error.code} if error.code else {}
            self._reply(error.status, {"error": error.message}, {"X-Error-Message": error.message} | named | extra)
            return
        if fault and fault.lost:
            self._ended(0)
            return
        self.torn = fault.torn if fault else None
        if isinstance(result, tuple):
            self._reply(*result)
        else:
            self._reply(200, result)

    def _fault(self) -> "Fault | None":
        with self.held.lock:
            for fault in self.held.faults:
                if fault.times > 0 and fault.method in ("", self.command) and fault.path.search(self.path):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _ended(self, status: int) -> None:
        self._note(status)
        self.close_connection = True
        self.connection.close()

    def _note(self, status: int) -> None:
        with self.held.lock:
            size = len(getattr(self, "body", b""))
            self.held.note(self.command, self.path, status, size, self.token)

    def _reply(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = {"Content-Type": "application/json", "X-Request-Id": "local"} | (headers or {})
        self._note(status)
        self.send_response(status)
        for name, text in sent.items():
            self.send_header(name, text.encode("ascii", "replace").decode())
        if "Content-Length" not in sent:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: self.torn])
        self.wfile.flush()
        if self.torn is not None:
            self.close_connection = True
            self.connection.close()

    # --- who may what ---

    @property
    def person(self) -> str:
        return self.held.people.get(self.token, "")

    def signed_in(self) -> str:
        if not self.person:
            raise Refused(
                401, "Invalid credentials in Authorization header" if self.token else "Invalid username or password."
            )
        return self.person

    def found(self, name: str, write: bool = False) -> Repo:
        repo = self.held.repos.get(name)
        owner = _owner(name)
        if self.token and not self.person:
            raise Refused(401, "Invalid credentials in Authorization header")
        member = bool(self.person) and owner in (self.person, *self.held.orgs.get(self.person, []))
        if repo is None or (repo.private and not member):
            raise Refused(404 if self.person else 401, "Repository not found", "RepoNotFound")
        if write:
            self.signed_in()
            if not member or self.token in self.held.readers:
                raise Refused(403, "You don't have the rights to write to this repository")
        return repo

    # --- what is asked ---

    def _route(self) -> Any:
        for method, pattern, answer in ROUTES:
            if self.command in method.split() and (match := pattern.fullmatch(self.at)):
                return answer(self, *(unquote(part) for part in match.groups() if part is not None))
        raise Refused(404, f"{self.command} {self.at} is not known here")

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def whoami(self) -> Any:
        name = self.signed_in()
        role = "read" if self.token in self.held.readers else "write"
        orgs = [{"type": "org", "name": org, "fullname": org} for org in self.held.orgs.get(name, [])]
        return {
            "type": "user", "id": "1", "name": name, "fullname": name.title(), "email": f"{name}@example.org",
            "orgs": orgs, "auth": {"type": "access_token", "accessToken": {"displayName": "t", "role": role}},
        }  # fmt: skip

    def validate_yaml(self) -> Any:
        import yaml

        parts = self.json()["content"].split("---\n")
        try:
            found = yaml.safe_load(parts[1]) if len(parts) > 2 else None
        except yaml.YAMLError as error:
            return 400, {"errors": [{"message": str(error)}], "warnings": []}
        if not isinstance(found, dict):
            return {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
        return {"errors": [], "warnings": []}

    def create(self) -> Any:
        asked = self.json()
        person = self.signed_in()
        owner = asked.get("organization") or person
        if owner not in (person, *self.held.orgs.get(person, [])) or self.token in self.held.readers:
            raise Refused(403, f"You don't have the rights to create a dataset under the namespace “{owner}”")
        name = f"{owner}/{asked['name']}"
        url = f"{self.held.url}/datasets/{name}"
        with self.held.lock:
            if name in self.held.repos:
                return (
                    409,
                    {"error": "You already created this dataset repo", "url": url},
                    {"X-Error-Message": "exists"},
                )
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.held.repo(name, private=private)
        return {"url": url, "name": name, "id": "1"}

    def info(self, name: str, revision: str = "main") -> Any:
        repo = self.found(name)
        commit = repo.at(revision)
        return {
            "_id": "1", "id": name, "author": _owner(name), "sha": commit.sha, "private": repo.private,
            "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z", "gated": False,
            "disabled": False, "tags": [], "downloads": 0, "likes": 0, "cardData": self._card(commit.files),
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }  # fmt: skip

    @staticmethod
    def _card(files: dict[str, Any]) -> Any:
        import yaml

        parts = files["README.md"].data.decode().split("---\n") if "README.md" in files else []
        return yaml.safe_load(parts[1]) if len(parts) > 2 else {}

    def auth_check(self, name: str) -> Any:
        self.found(name)
        return {}

    def auth_check_write(self, name: str) -> Any:
        self.found(name, write=True)
        return {}

    def preupload(self, name: str, revision: str) -> Any:
        repo = self.found(name, write="create_pr" not in self.query)
        self.signed_in()
        head = repo.at(revision)
        made = []
        for one in self.json()["files"]:
            held, large = head.files.get(one["path"]), is_lfs(one["path"], one["size"])
            oid = None if held is None else held.sha256 if held.lfs else held.oid
            mode = "lfs" if large else "regular"
            made.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return {"files": made, "commitOid": head.sha}

    def lfs_batch(self, name: str) -> Any:
        repo = self.found(name)
        self.signed_in()
        owner, made = _owner(name), []
        for one in self.json()["objects"]:
            row: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in repo.objects:
                if self.held.quota is not None and self.held.stored(owner) + one["size"] > self.held.quota:
                    raise Refused(
                        403,
                        "Private repository storage limit reached, please upgrade your plan.",
                    )
                href = f"{self.held.url}/lfs/{name}/{one['oid']}"
                row["actions"] = {"upload": {"href": href}, "verify": {"href": href.replace("/lfs/", "/lfs-verify/")}}
            made.append(row)
        return {"transfer": "basic", "objects": made}

    def lfs_put(self, name: str, oid: str) -> Any:
        import hashlib

        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, "The file is not the one that was announced")
        self.held.repos[name].objects[oid] = self.body
        return 200, b"", {"ETag": f'"{oid[:32]}"'}

    def lfs_verify(self, name: str, oid: str) -> Any:
        if len(self.found(name).objects.get(oid, b"")) != self.json()["size"]:
            raise Refused(404, "The object was not uploaded")
        return {}

    def commit(self, name: str, revision: str) -> Any:
        pull = "create_pr" in self.query
        repo = self.found(name, write=not pull)
        self.signed_in()
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        made, number = repo.commit(revision, lines, pull)
        home = f"{self.held.url}/datasets/{name}"
        answer: dict[str, Any] = {"success": True, "commitOid": made.sha, "commitUrl": f"{home}/commit/{made.sha}"}
        return answer | {"hookOutput": ""} | ({"pullRequestUrl": f"{home}/discussions/{number}"} if pull else {})

    def commits(self, name: str, revision: str) -> Any:
        return [
            {"id": one.sha, "title": one.title, "message": one.message, "authors": [{"user": one.author}],
             "date": "2026-01-01T00:00:00.000Z"}
            for one in self.found(name).history(revision)
        ]  # fmt: skip

    def refs(self, name: str) -> Any:
        repo = self.found(name)

        def row(kind: str, name: str, sha: str) -> dict[str, str]:
            return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha}

        made: dict[str, Any] = {
            "branches": [row("heads", *one) for one in repo.branches.items()], "converts": [],
            "tags": [row("tags", *one) for one in repo.tags.items()],
        }  # fmt: skip
        if "include_prs" in self.query:
            made["pullRequests"] = [row("pr", str(number), sha) for number, sha in repo.pulls.items()]
        return made

    def tag(self, name: str, revision: str) -> Any:
        repo = self.found(name, write=True)
        if self.command == "DELETE":
            if repo.tags.pop(revision, None) is None:
                raise Refused(404, "Tag not found", "RevisionNotFound")
            return {}
        tag = self.json()["tag"]
        if tag in repo.tags:
            raise Refused(409, "Tag reference exists already")
        repo.tags[tag] = repo.at(revision).sha
        return {}

    def branch(self, name: str, branch: str) -> Any:
        repo = self.found(name, write=True)
        if self.command == "DELETE":
            repo.branches.pop(branch, None)
            return {}
        if branch in repo.branches:
            raise Refused(409, "Reference exists already")
        repo.branches[branch] = repo.at(self.json().get("startingPoint") or "main").sha
        return {}

    def tree(self, name: str, revision: str, folder: str = "") -> Any:
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        return self.found(name).rows(revision, folder, recursive)

    def paths_info(self, name: str, revision: str) -> Any:
        if "json" in self.headers.get("Content-Type", ""):
            paths = self.json()["paths"]
        else:
            paths = parse_qs(self.body.decode()).get("paths", [])
        rows = {row["path"]: row for row in self.found(name).rows(revision, recursive=True)}
        return [rows[path] for path in paths if path in rows]

    def resolve(self, name: str, revision: str, path: str) -> Any:
        repo = self.found(name)
        commit = repo.at(revision)
        blob = commit.files.get(path)
        if blob is None:
            return 404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit.sha}
        etag = f'"{blob.sha256 if blob.lfs else blob.oid}"'
        headers = {"ETag": etag, "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes", "Content-Type": "text/plain"}
        if blob.lfs:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(blob.data))}
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, size = int(wanted[1]), len(blob.data)
            end = min(int(wanted[2] or size - 1), size - 1)
            if start >= size:
                return 416, b"", {"Content-Range": f"bytes */{size}"}
            part = blob.data[start : end + 1]
            return 206, part, headers | {"Content-Range": f"bytes {start}-{end}/{size}"}
        if self.command == "HEAD":
            headers["Content-Length"] = str(len(blob.data))
        return 200, blob.data, headers


REPO = r"/api/datasets/([^/]+/[^/]+)"
ROUTES = [
    (method, re.compile(pattern), answer)
    for method, pattern, answer in (
        ("GET", r"/api/whoami-v2", Answering.whoami),
        ("POST", r"/api/validate-yaml", Answering.validate_yaml),
        ("POST", r"/api/repos/create", Answering.create),
        ("GET", REPO, Answering.info),
        ("GET", REPO + r"/revision/([^/]+)", Answering.info),
        ("GET", REPO + r"/auth-check", Answering.auth_check),
        ("GET", REPO + r"/auth-check/write", Answering.auth_check_write),
        ("POST", REPO + r"/preupload/([^/]+)", Answering.preupload),
        ("POST", r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", Answering.lfs_batch),
        ("PUT", r"/lfs/([^/]+/[^/]+)/([0-9a-f]{64})", Answering.lfs_put),
        ("POST", r"/lfs-verify/([^/]+/[^/]+)/([0-9a-f]{64})", Answering.lfs_verify),
        ("POST", REPO + r"/commit/([^/]+)", Answering.commit),
        ("GET", REPO + r"/commits/([^/]+)", Answering.commits),
        ("GET", REPO + r"/refs", Answering.refs),
        ("POST DELETE", REPO + r"/tag/([^/]+)", Answering.tag),
        ("POST DELETE", REPO + r"/branch/([^/]+)", Answering.branch),
        ("GET", REPO + r"/tree/([^/]+)(?:/(.+))?", Answering.tree),
        ("POST", REPO + r"/paths-info/([^/]+)", Answering.paths_info),
        ("GET HEAD", r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", Answering.resolve),
    )
]
