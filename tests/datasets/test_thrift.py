"""A step that freezes a version does without pandas, and leaves it to those that come later."""

import subprocess
import sys

SCRIPT = """
import sys
from curation.thrift import thrifty
import pyarrow as pa
with thrifty():
    assert pa.table({"a": ["x"]}).filter(pa.array([True])).num_rows == 1
    try:
        import pandas
    except ImportError:
        pass
    else:
        raise SystemExit("pandas came in")
assert "pandas" not in sys.modules
import pandas
with thrifty():
    assert sys.modules["pandas"] is pandas
assert pa.table({"a": ["x"]}).to_pandas()["a"].tolist() == ["x"]
"""


def test_pandas_stays_out_and_can_be_had_afterwards():
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
