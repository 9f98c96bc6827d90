"""`stats` says no to right values no more often than it states: 20,000 tensors that numpy drew, most of them tiny.

benchmarks/calibration.py has more runs, and the table. Each rate of each law, dtype and size, over all tests and for each
one, is held against what is stated. Were all as large as stated, this file would fail with a probability of 1e-6. What it
sees of a stated 0.05: in a single cell 0.36, over a dtype 0.09, over a law 0.1; of one test, whose stated rate is 0.0045,
over a dtype 0.02.
"""

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUNS = {1: 120, 2: 110, 10: 100, 1_000: 8}


@pytest.fixture(scope="module")
def calibration():
    path = Path(__file__).parents[2] / "benchmarks" / "calibration.py"
    spec = importlib.util.spec_from_file_location("calibration", path)
    module = sys.modules["calibration"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["calibration"]


def test_right_tensors_are_refused_no_more_often_than_is_stated(calibration):
    found = {
        (name, dtype, n): calibration.alarms((name, dtype, n), runs)
        for name in calibration.CASES
        for dtype in calibration.DTYPES
        for n, runs in RUNS.items()
    }
    assert sum(tally.runs for tally in found.values()) >= 20_000
    sums = {f"all of {name}": tally for key in range(3) for name, tally in calibration.by(found, key).items()}
    assert calibration.excess({**{str(cell): tally for cell, tally in found.items()}, **sums}) == []
    # That right values are refused at all shows that something was asked of them.
    noes = calibration.whole(found.values()).noes
    assert noes[0.05, calibration.ANY] > 0


def test_right_files_are_refused_no_more_often_than_is_stated(calibration):
    assert calibration.excess({"files": calibration.file_alarms(10**6, 100)}) == []


def test_a_rate_above_what_is_stated_is_seen(calibration, monkeypatch):
    monkeypatch.setattr(calibration, "CHANCES", 0.1)  # each test gets ten times the rate of the whole
    tally = calibration.alarms(("uniform", "float32", 10), 500)
    assert any("any says no" in said for said in calibration.excess({"uniform": tally}))


def test_what_cannot_fail_by_chance_must_not_fail_once(calibration):
    assert calibration.excess({"x": calibration.Tally(10**6, Counter({(0.05, "least value"): 1}))})
    assert not calibration.excess({"x": calibration.Tally(10**6, Counter({(0.05, "p of mean"): 1}))})
