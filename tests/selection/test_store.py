"""Files of the storage: named by their content, whole or not there, read with their sha256 checked."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.faults import Fault
from curation.content import row_dicts
from curation.formats.building import from_rows
from selection import store
from selection.models import Shard


@pytest.fixture(params=["local", "remote"])
def storage(request, settings, tmp_path):
    """A folder of this machine, or a store that is reached through fsspec only; returns the files in it."""
    settings.VAR = tmp_path / "var"
    settings.STORAGE_URL = str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}"
    fs, base = store.root()
    yield lambda: sorted(name.removeprefix(f"{base}/") for name in fs.find(base)) if fs.exists(base) else []
    if fs.exists(base):
        fs.rm(base, recursive=True)


def table(count: int, start: int = 0) -> pa.Table:
    rows = [
        {"text": f"row {n}", "facts": {"n": n, "even": n % 2 == 0}, "lang": "en"} for n in range(start, start + count)
    ]
    made = from_rows(rows)
    made = made.append_column(store.KEY, pa.array([f"k{n}" for n in range(start, start + count)]))
    made = made.append_column(store.SOURCE, pa.array(["here"] * count))
    return made.append_column(store.CHARS, pa.array(range(count), pa.int32()))


def shard(data: pa.Table) -> Shard:
    written = store.write_shard(7, data)
    return Shard(path=written.path, sha256=written.sha256, rows=written.rows, bytes=written.bytes, first_row=0)


def overwrite(path: str, data: bytes) -> None:
    fs, base = store.root()
    with fs.open(f"{base}/{path}", "wb") as file:
        file.write(data)


def test_a_shard_is_named_by_its_content_and_written_once(storage):
    first, again = store.write_shard(7, table(10)), store.write_shard(7, table(10))
    assert first == again
    assert storage() == [first.path] == [f"pools/7/{first.sha256}.parquet"]
    with store.open_file(first.path) as file:
        data = file.read()
    assert (hashlib.sha256(data).hexdigest(), len(data), first.rows) == (first.sha256, first.bytes, 10)
    assert store.write_shard(7, table(11)).path != first.path


def test_rows_at_any_position(storage):
    total = 2 * store.ROW_GROUP + 7
    made = shard(table(total))
    edges = [0, 1, store.ROW_GROUP - 1, store.ROW_GROUP, store.ROW_GROUP + 1, 2 * store.ROW_GROUP, total - 1, total]
    for start in edges:
        for stop in [stop for stop in (*edges, total + 50) if stop >= start]:
            found = store.rows(made, start, stop, ["text"])["text"].to_pylist()
            assert found == [f"row {n}" for n in range(start, min(stop, total))], (start, stop)
    assert store.rows(made).num_rows == total
    assert [key for batch in store.keys(made) for key in batch] == [f"k{n}" for n in range(total)]


def test_a_page_reads_the_row_groups_that_it_shows_and_no_others(storage, monkeypatch):
    made = shard(table(3 * store.ROW_GROUP))
    asked = []
    read = pq.ParquetFile.read_row_groups

    def watched(self, groups, **how):
        asked.append(list(groups))
        return read(self, groups, **how)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", watched)
    store.rows(made, 2 * store.ROW_GROUP + 5, 2 * store.ROW_GROUP + 25)
    store.rows(made, store.ROW_GROUP - 5, store.ROW_GROUP + 5)
    assert asked == [[2], [0, 1]]


def test_long_rows_lie_in_small_groups(storage):
    def groups(chars):
        long = table(400).append_column("long", pa.array([str(n % 10) * chars for n in range(400)]))
        made = shard(long)
        assert store.rows(made, 380, 400)["text"].to_pylist() == [f"row {n}" for n in range(380, 400)]
        with store.open_shard(made) as file:
            return file.metadata.num_row_groups

    assert [groups(chars) for chars in (1_000, 50_000)] == [1, 4]


def test_a_shard_that_fails_leaves_nothing(storage, monkeypatch):
    def fail(table, sink, **how):
        sink.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="full"):
        store.write_shard(7, table(10))
    assert storage() == []


def test_columns_of_json_come_back_as_the_values_they_stand_for(storage):
    found = row_dicts(store.rows(shard(table(3)), 1, 2))
    assert found == [
        {"text": "row 1", "facts": {"n": 1, "even": False}, "lang": "en", "_key": "k1", "_source": "here", "_chars": 1}
    ]


def test_a_changed_file_is_never_read(storage):
    made = shard(table(10))
    with store.open_file(made.path) as file:
        whole = file.read()
    overwrite(made.path, whole[:-1] + b"\0")
    with pytest.raises(Fault) as caught:
        store.rows(made, 0, 1)
    assert (caught.value.code, caught.value.facts) == ("store.damaged", {"path": made.path})
    assert store.write_shard(7, table(10)).path == made.path  # writing it again mends it
    assert store.rows(made, 0, 1).num_rows == 1


def test_a_file_that_changes_after_it_was_read_is_noticed(settings, tmp_path):
    settings.STORAGE_URL = str(tmp_path)
    made = shard(table(10))
    assert store.rows(made).num_rows == 10
    path = tmp_path / made.path
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(Fault, match="was changed"):
        store.rows(made)


def test_a_missing_file_says_so(storage):
    made = shard(table(10))
    store.delete(made.path)
    for call in (
        lambda: store.rows(made),
        lambda: store.open_file(made.path),
        lambda: store.load_part("runs/1/ab.npz"),
    ):
        with pytest.raises(Fault) as caught:
            call()
        assert caught.value.code == "store.missing"


def test_a_damaged_copy_of_a_remote_file_is_fetched_again(settings, tmp_path):
    settings.VAR, settings.STORAGE_URL = tmp_path, f"memory://{tmp_path.name}-copies"
    made = shard(table(10))
    copy = store.local_path(made.path, made.sha256)
    assert copy.is_relative_to(tmp_path / "cache")
    copy.write_bytes(b"x" * 10)
    with pytest.raises(Fault, match="was changed"):
        store.local_path(made.path, made.sha256)
    assert store.rows(made).num_rows == 10
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [made.sha256]


def test_parts_of_runs_are_checked_too(storage):
    path = store.save_part(3, b"numbers")
    assert store.load_part(path) == b"numbers"
    overwrite(path, b"numberz")
    with pytest.raises(Fault, match="was changed"):
        store.load_part(path)


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_nothing(storage, error):
    def stumble():
        with store.writing("uploads/a") as file:
            file.write(b"half of it")
            raise error

    with pytest.raises(type(error)):
        stumble()
    assert storage() == []
    assert not store.exists("uploads/a")


def test_a_reader_never_sees_half_a_file(storage):
    with store.writing("uploads/a") as file:
        file.write(b"half of it")
        file.flush()
        assert not store.exists("uploads/a")
    with store.open_file("uploads/a") as file:
        assert file.read() == b"half of it"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "uploads/../../x", "", "uploads/.."])
def test_paths_that_lead_out_of_the_storage_are_refused(storage, path):
    calls = [store.open_file, store.delete_prefix, store.size, store.usage, lambda path: store.keep_only(path, set())]
    if path:
        calls += [store.exists, store.delete]
    for call in calls:
        with pytest.raises(ValueError, match="not below the storage root"):
            call(path)
    with pytest.raises(ValueError, match="not below"), store.writing(path):
        pass


def test_what_nothing_refers_to_is_swept_away(storage):
    kept, gone = store.write_shard(7, table(1)), store.write_shard(7, table(2))
    other = store.write_shard(77, table(3))
    assert store.keep_only("pools/7", {kept.path}) == 1
    assert storage() == sorted([kept.path, other.path])
    assert not store.exists(gone.path)
    assert store.usage("pools/7") == kept.bytes == store.size(kept.path)
    store.delete_prefix("pools/7")
    assert storage() == [other.path]
    assert (store.usage("pools/7"), store.keep_only("pools/7", set())) == (0, 0)
    store.delete_prefix("pools/7")
    store.delete(kept.path)


def test_columns_that_repeat_are_small(settings, tmp_path):
    settings.STORAGE_URL = str(tmp_path)
    written = store.write_shard(7, table(5000))
    file = pq.ParquetFile(Path(tmp_path) / written.path).metadata.row_group(0)
    encodings = {file.column(n).path_in_schema: file.column(n).encodings for n in range(file.num_columns)}
    assert "RLE_DICTIONARY" in encodings["lang"]
    assert "RLE_DICTIONARY" not in encodings["_key"]
