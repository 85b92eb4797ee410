"""Imports and the row browser: rows a second, memory of the importing process, time of a page.

python -m benchmarks.imports            192,825 rows as Parquet and JSONL, then ten times as many: about three minutes
python -m benchmarks.imports --times 1  without the long files

Each import runs in a process of its own (`manage.py import_pool … --local`), so that its peak memory is its own;
its seconds are those of the job, without the start of Python. A database and a storage of its own, thrown away
afterwards. Goals: Parquet 60,000 rows/s, JSONL 25,000 rows/s, 600 MiB whatever the length, any page in 100 ms.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.common import DATA, machine, save
from benchmarks.run_overhead import installation

ROOT = Path(__file__).resolve().parents[1]
SOURCE = DATA / "pool.parquet"
ROUNDS = 15


def write(form, times, path):
    """The pool's rows `times` times over; each copy has ids of its own, as a longer file would."""
    writer = None
    with pq.ParquetFile(SOURCE) as file, path.open("wb") as out:
        for copy in range(times):
            for batch in file.iter_batches(10_000):
                table = pa.Table.from_batches([batch])
                ids = pc.binary_join_element_wise(table["id"].cast(pa.string()), f"-{copy}", "")
                table = table.set_column(table.schema.get_field_index("id"), "id", ids)
                if form == "parquet":
                    writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
                    writer.write_table(table)
                else:
                    out.writelines(orjson.dumps(row) + b"\n" for row in table.to_pylist())
        if writer:
            writer.close()


def bring_in(path, name):
    """Facts of one import in a process of its own."""
    from selection.models import Import

    words = [sys.executable, "manage.py", "import_pool", str(path), "--name", name, "--team", "bench", "--local"]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit("The import failed.")
    found = Import.objects.select_related("job").get(pool__name=name)
    seconds = (found.job.ended_at - found.job.started_at).total_seconds()
    return {
        "file_mib": round(path.stat().st_size / 2**20, 1), "rows": found.rows_good, "bad": found.rows_bad,
        "seconds": round(seconds, 2), "rows_per_second": round(found.rows_good / seconds),
        "peak_mib": round(used.ru_maxrss / 1024), "shards_mib": round(found.pool.bytes / 2**20, 1),
    }  # fmt: skip


def pages(pool):
    """Milliseconds of the first, the middle and the last page, as a whole page and as the part that htmx asks for."""
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(pool.team.memberships.get().user)
    last = -(-pool.rows // 20)
    found = {"rows": pool.rows, "pages": last}
    for name, number in (("first", 1), ("middle", last // 2), ("last", last)):
        for kind, headers in (("page", {}), ("part", {"HX-Request": "true"})):
            took = []
            for _ in range(ROUNDS):
                begun = time.perf_counter()
                answer = client.get(f"{pool.get_absolute_url()}?page={number}", headers=headers)
                took.append(1000 * (time.perf_counter() - begun))
                assert answer.status_code == 200
            found[f"{name}_{kind}"] = {
                "cold_ms": round(took[0], 1), "median_ms": round(statistics.median(took[1:]), 1), "max_ms": round(max(took[1:]), 1),
            }  # fmt: skip
    return found


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--times", type=int, default=10)
    times = sorted({1, args.parse_args().times})
    if not SOURCE.exists():
        sys.exit("This benchmark needs pool.parquet in ../shared/data, which is not part of the repository.")
    result = {"load_before": os.getloadavg()[0], "imports": {}}
    with installation():
        from curation.actions.teams import create_owner
        from selection.models import Pool

        create_owner(email="bench@example.org", name="Bench", password="not-used-anywhere", team_name="Bench")
        for form in ("parquet", "jsonl"):
            for count in times:
                path = Path(os.environ["WINNOW_VAR"]) / f"rows.{form}"
                write(form, count, path)
                name = f"{form} {count}x"
                result["imports"][name] = bring_in(path, name)
                path.unlink()
                print(f"{name:14} {result['imports'][name]}", flush=True)
        result["row_browser"] = pages(Pool.objects.select_related("team").get(name="parquet 1x"))
    for name, value in result["row_browser"].items():
        print(f"{name:14} {value}")
    save("imports", result)
    print(machine()["cpu"])


if __name__ == "__main__":
    main()
