"""How far the work has come: lines of JSON for machines, one line on a terminal, silence elsewhere."""

import io
import json
from types import SimpleNamespace

import pytest

from initgen.cli import progress

SPEC = """\
dtype = "bfloat16"
[tensors]
"layers.{0..5}.w" = { shape = [100, 64], scheme = "he_uniform" }
"""
KEYS = ["bytes", "total_bytes", "seconds", "bytes_per_second", "seconds_left"]


def lines(err):
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def test_json_progress_says_each_file_and_ends_with_all_bytes(run, tmp_path):
    (tmp_path / "m.toml").write_text(SPEC)
    told = lines(run("sample", "m.toml", "-o", "out/", "--max-shard-size", "30kB", "--json-progress").err)
    names = [f"out/model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    total = 6 * 100 * 64 * 2
    assert [line["event"] for line in told] == ["start", *["begin", "end"] * 3, "done"]
    assert [line["path"] for line in told[1:-1]] == [name for name in names for _ in range(2)]
    assert [line["file_bytes"] for line in told if line["event"] == "begin"] == [total // 3] * 3
    assert [line["bytes"] for line in told if line["event"] == "end"] == [total // 3, total // 3 * 2, total]
    assert all(list(line)[-5:] == KEYS for line in told)
    assert {line["total_bytes"] for line in told} == {total}
    assert told[0]["seconds_left"] is None
    assert told[-1]["bytes"] == total
    assert told[-1]["seconds_left"] == 0


def test_json_progress_leaves_standard_output_to_the_answer(run):
    made = run("sample", "-s", "zeros", "--shape", "8", "-o", "w.npy", "--json-progress", "--json")
    assert json.loads(made.text)["action"] == "wrote"
    assert [line["event"] for line in lines(made.err)] == ["start", "begin", "end", "done"]


def test_work_that_fails_ends_with_failed(run, tmp_path):
    (tmp_path / "w.npy").write_text("theirs")
    made = run("sample", "-s", "zeros", "--shape", "8", "-o", "w.npy", "--json-progress")
    assert made.code == 2
    assert [line["event"] for line in lines(made.err)] == ["start", "begin", "end", "failed"]
    assert "error: w.npy: exists" in made.err


def test_a_set_that_cannot_be_finished_ends_with_failed(run, tmp_path):
    (tmp_path / "m.toml").write_text(SPEC)
    made = run("sample", "m.toml", "-o", "out/", "--max-shard-size", "30kB", "--finish", "--json-progress")
    assert made.code == 2
    assert [line["event"] for line in lines(made.err)] == ["start", "failed"]


def test_what_is_there_already_is_told_as_it_is_compared(run):
    given = ("sample", "-s", "zeros", "--shape", "8", "-o", "w.safetensors", "--json-progress")
    run(*given)
    for more, last in ((), "unchanged"), (("--check",), "is what this"):
        told = run(*given, *more)
        assert [(line["event"], line["bytes"]) for line in lines(told.err)][1:] == [
            ("begin", 0), ("end", 32), ("done", 32)
        ]  # fmt: skip
        assert last in told.err


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that we set, and a terminal of 60 columns."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=Terminal()))  # pytest puts its own into sys
    monkeypatch.setenv("COLUMNS", "60")
    return now


def test_a_terminal_is_told_bytes_rate_time_left_and_file(clock):
    with progress.progress_of(4_000_000_000, quiet=False, as_json=False) as told:
        told.begin("out/model-00001-of-00002.safetensors", 2_000_000_000)
        clock[0] = 100.9
        told(1_000_000)
        assert progress.sys.stderr.getvalue() == ""  # nothing in the first second
        clock[0] = 102.0
        told(999_000_000)
        said = progress.sys.stderr.getvalue()
        assert said == "\r 25%  1 GB of 4 GB  500 MB/s  6 s left  out/model-00001-of-"
        assert len(said) == 1 + 59  # a line that is folded cannot be written over
        clock[0] = 102.05
        told(0)
        assert progress.sys.stderr.getvalue() == said  # ten times a second at most
    assert progress.sys.stderr.getvalue() == said + "\r" + " " * 59 + "\r"


@pytest.mark.parametrize(("quiet", "terminal"), [(True, True), (False, False)])
def test_nobody_is_told_where_nobody_looks(quiet, terminal, clock, monkeypatch):
    monkeypatch.setattr(Terminal, "isatty", lambda self: terminal)
    with progress.progress_of(100, quiet=quiet, as_json=False) as told:
        clock[0] = 200.0
        told(50)
    assert progress.sys.stderr.getvalue() == ""


def test_machines_are_told_five_times_a_second(clock):
    with progress.progress_of(100, quiet=True, as_json=True) as told:
        for _ in range(100):
            clock[0] += 0.01
            told(1)
    events = [line["event"] for line in lines(progress.sys.stderr.getvalue())]
    assert events == ["start", *["progress"] * 5, "done"]
