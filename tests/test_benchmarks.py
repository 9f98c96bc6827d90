"""`make bench`: it runs, a ratio is what it says, and a peer that fails stops nothing. Nothing is timed here."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MODULES = ("bench", "measure", "table", "work")
A, B, C = ("row", "a"), ("row", "b"), ("row", "c")


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        del sys.modules[name]


def test_it_runs_and_writes_a_page_and_every_figure(benchmarks, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(benchmarks.bench, "QUICK", replace(benchmarks.work.QUICK, starts=1))
    page, figures, files = tmp_path / "page.md", tmp_path / "figures.json", tmp_path / "files"
    files.mkdir()
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n")
    given = ["--quick", "--only", "start*", "--dir", files, "--json", figures, "--write", page]
    benchmarks.bench.main([str(value) for value in given])
    printed = capsys.readouterr().out
    assert page.read_text() == f"before\n<!-- bench -->\n\n{printed}\n<!-- /bench -->\nafter\n"
    answer = json.loads(figures.read_text())
    assert set(answer["runs"]) == {"`import numpy, click`", "100x64, .npy", "100x64, .safetensors"}
    assert all(0 < run["seconds"] < 60 and run["mib"] > 5 for row in answer["runs"].values() for run in row["initgen"])
    assert [ratio["most"] for ratio in answer["ratios"]] == [1.3, 1.3]
    assert "| 100x64, .npy" in printed
    assert not list(files.iterdir())


def runs_of(benchmarks, seconds):
    return {key: [benchmarks.measure.Run(value, 10 * value) for value in each] for key, each in seconds.items()}


# Seconds of each key, its sides, and the value.
RATIOS = [
    ({A: [1, 6, 8], B: [1, 2, 4]}, [A], [B], 2.0),  # of medians it would be 3
    ({A: [9, 4, 4], B: [2, 8, 8], C: [1, 1, 1]}, [A, B], [C], 4.0),  # the better in each turn
    ({A: [4], B: [2, 8, 8]}, [A], [B], 2.0),  # a peer takes part in fewer turns
    ({A: [4, 4]}, [A, C], [B], None),
    ({A: [4, 5], B: [3, 2]}, [A, B], [], 50.0),  # peak memory
]


@pytest.mark.parametrize(("seconds", "over", "under", "value"), RATIOS)
def test_a_ratio_is_the_median_of_those_within_turns(benchmarks, seconds, over, under, value):
    assert benchmarks.table.Ratio("", over, under).value(runs_of(benchmarks, seconds)) == value


@pytest.mark.parametrize(
    ("limit", "value", "reached"),
    [
        ({"least": 2}, 2.0, True),
        ({"least": 2}, 1.9, False),
        ({"most": 1.3}, 1.3, True),
        ({"most": 1.3}, 1.4, False),
        ({"most": 1.3}, None, None),
        ({}, 1.4, None),
    ],
)
def test_a_ratio_is_held_against_what_it_should_be(benchmarks, limit, value, reached):
    assert benchmarks.table.Ratio("", [A], [B], **limit).reached(value) is reached


def test_a_peer_that_fails_is_a_dash_and_its_reason(benchmarks, tmp_path):
    left = tmp_path / "left"
    broken = f"open({str(left)!r}, 'w').write('x'); raise ValueError('no float64')"
    runs = benchmarks.measure.Runs()
    step = benchmarks.measure.Step
    good = step("row", "initgen", [sys.executable, "-c", "print(0.25)"], times_itself=True)
    runs.take_turns([good, step("row", "torch", [sys.executable, "-c", broken], left, peer=True)], 2)
    lines = list(benchmarks.table.page(runs, [], []))
    assert [run.seconds for run in runs.of["row", "initgen"]] == [0.25, 0.25]
    assert "- row, torch: ValueError: no float64" in lines
    assert "| row |   0.250 |     – |" in lines
    assert not left.exists()
    with pytest.raises(SystemExit, match="no float64"):
        runs.take_turns([step("row", "b", [sys.executable, "-c", broken])], 1)
