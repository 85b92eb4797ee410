"""Row keys stay unique, whatever the batches and however long the pool."""

import tempfile
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import keys as module
from curation.keys import KeyLedger

# Few letters and the mark itself, so that keys repeat and look like marked ones.
KEYS = st.lists(
    st.sampled_from(["a", "b", "a~2", "a~3", "a~2~2", "b~2", "é", "a~"]) | st.text("ab~2", max_size=3), max_size=40
)


def naive(keys: list[str], there: list[str]) -> list[str]:
    """The rule in five lines: the first free name of key, key~2, key~3, …"""
    taken, made = set(there), []
    for key in keys:
        name, number = key, 2
        while name in taken:
            name, number = f"{key}~{number}", number + 1
        taken.add(name)
        made.append(name)
    return made


def cut(keys: list[str], sizes: list[int]) -> list[list[str]]:
    source = iter(keys)
    return [*(list(islice(source, size)) for size in sizes), list(source)]


@given(keys=KEYS, there=KEYS, sizes=st.lists(st.integers(0, 7), max_size=12), run=st.integers(1, 12))
def test_any_cutting_gives_the_keys_of_the_rule(keys, there, sizes, run):
    there = naive(there, [])  # what a pool holds is unique
    with KeyLedger(run=run) as ledger:
        ledger.load(cut(there, sizes))
        found = [key for batch in cut(keys, sizes) for key in ledger.claim(batch)]
    assert found == naive(keys, there)
    assert len({*found, *there}) == len(found) + len(there)


def test_repeats_are_numbered_in_order():
    with KeyLedger() as ledger:
        assert ledger.claim(["a", "b", "a", "a~2"]) == ["a", "b", "a~2", "a~2~2"]
        assert ledger.claim(["a", "c", "b"]) == ["a~3", "c", "b~2"]
        assert ledger.claim([]) == []


def test_what_was_numbered_long_ago_is_still_known(monkeypatch):
    """The short memory of the next numbers is an aid only."""
    with KeyLedger(run=4) as ledger:
        for number in range(2, 30):
            ledger.claim(["a", f"other {number}"])
            ledger._next.clear()
        assert ledger.claim(["a"]) == ["a~29"]


def test_old_hashes_lie_in_files_that_go_with_the_ledger(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with KeyLedger(run=100) as ledger:
        ledger.load([f"k{n}" for n in range(start, start + 50)] for start in range(0, 1000, 50))
        files = list(tmp_path.rglob("*.npy"))
        assert len(files) == 10
        assert ledger.claim(["k0", "k999", "k1000"]) == ["k0~2", "k999~2", "k1000"]
        assert len(ledger._sorted) < 100
    assert not list(tmp_path.iterdir())


def test_loading_a_long_pool_holds_one_run_at_a_time():
    with KeyLedger(run=1000) as ledger:
        most = 0
        for start in range(0, 20_000, 100):
            ledger.load([[f"k{n}" for n in range(start, start + 100)]])
            most = max(most, len(ledger._sorted) + sum(map(len, ledger._fresh)))
        assert most <= 1000
        assert ledger.claim(["k5", "k19999", "new"]) == ["k5~2", "k19999~2", "new"]


def test_a_collision_of_hashes_costs_a_suffix_never_a_key_twice(monkeypatch):
    real = module._hashes
    # The hash of "b" is made that of "a".
    monkeypatch.setattr(module, "_hashes", lambda keys: real(["a" if key == "b" else key for key in keys]))
    with KeyLedger() as ledger:
        assert ledger.claim(["a", "b"]) == ["a", "b~2"]


@pytest.mark.parametrize("leave", [None, ZeroDivisionError])
def test_nothing_stays_on_the_disk(monkeypatch, tmp_path, leave):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try:
        with KeyLedger(run=2) as ledger:
            ledger.claim(["a", "b", "c"])
            ledger.claim(["d"])
            if leave:
                raise leave
    except ZeroDivisionError:
        pass
    assert not list(Path(tmp_path).iterdir())
