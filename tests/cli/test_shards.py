"""`sample` in parts: processes side by side, interrupted and gone on with, and what each of them answers."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from initgen.cli.shards import Parts
from initgen.engine.shards import parse_part

SPEC = {"tensors": {"{a,b,c,d}.{0..2}": {"shape": [64, "${n}"], "scheme": "he_normal"}}, "variables": {"n": 8}}
INDEX = "model.safetensors.index.json"


@pytest.fixture
def sample(run, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SPEC))
    return lambda *args: run("sample", "s.json", *args)


KINDS = {"shards": ("--max-shard-size", "5kB"), "arrays": ("--format", "npy")}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def snapshot(top):
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


def process(tmp_path, *args, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "initgen", "sample", "s.json", *args], cwd=tmp_path, stderr=subprocess.PIPE, **options
    )


def test_parts_made_by_processes_side_by_side_and_finished_are_the_single_run(sample, kind, tmp_path):
    sample(*kind, "-o", "once/")
    parts = [process(tmp_path, *kind, "-o", "m/", "--shard", f"{number}/3", "-q") for number in (1, 2, 3)]
    assert [part.communicate(timeout=60) and part.returncode for part in parts] == [0, 0, 0]
    assert INDEX not in os.listdir(tmp_path / "m")
    finished = sample(*kind, "-o", "m/", "--finish")
    assert finished.code == 0
    assert snapshot(tmp_path / "m") == snapshot(tmp_path / "once")
    assert "unchanged m/: " in sample(*kind, "-o", "m/", "--finish").err


@pytest.mark.parametrize("least", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 2, 5, 8, 11))])
def test_a_run_that_was_killed_goes_on_and_equals_the_single_run(least, sample, tmp_path):
    """Killed once so many files are finished, somewhere in the next one."""
    kind = ("--max-shard-size", "9MB", "--set", "n=32768", "--threads", "1")  # 12 files of 8 MB
    killed = process(tmp_path, *kind, "-o", "m/", "--resume", "-q", "--no-fsync")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = [name for name in os.listdir(tmp_path / "m") if name[0] != "."] if (tmp_path / "m").is_dir() else []
        begun = (tmp_path / "m").is_dir() and any(name[0] == "." for name in os.listdir(tmp_path / "m"))
        if len(done) >= least and begun:
            break
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    left = {name for name in os.listdir(tmp_path / "m") if name[0] != "."}
    assert least <= len(left) < 12
    assert INDEX not in left
    times = {name: (tmp_path / "m" / name).stat().st_mtime_ns for name in left}
    found = json.loads(sample(*kind, "-o", "m/", "--resume", "--json", "--no-fsync").out)
    assert found["action"] == "wrote"
    assert set(found["kept"]) == left
    assert len(found["wrote"]) + len(found["kept"]) == 13
    assert found["wrote"][-1] == INDEX
    assert {name: (tmp_path / "m" / name).stat().st_mtime_ns for name in left} == times
    sample(*kind, "-o", "once/", "--no-fsync")
    made = {name: raw for name, raw in snapshot(tmp_path / "m").items() if name[0] != "."}
    assert made == snapshot(tmp_path / "once")


def test_the_answers_name_files(sample, tmp_path):
    kind = KINDS["shards"]
    names = [f"model-0000{number}-of-00006.safetensors" for number in range(1, 7)]
    first = json.loads(sample(*kind, "-o", "m/", "--shard", "1/2", "--json").out)
    assert first == {
        "path": "m/", "shard": "1/2", "action": "wrote", "wrote": names[::2],
        "kept": [], "missing": [], "wrong": [], "nbytes": 3 * 4096,
    }  # fmt: skip
    missing = sample(*kind, "-o", "m/", "--finish", "--json")
    assert (missing.code, json.loads(missing.out)["missing"]) == (2, names[1::2])
    assert missing.err == (
        f"error: m/: not finished: {', '.join(names[1::2])} are missing\n"
        "hint: run the --shard that makes them again, or --resume for all\n"
    )
    assert sample(*kind, "-o", "m/", "--shard", "2/2", "--check").code == 1
    sample(*kind, "-o", "m/", "--shard", "2/2")
    checked = sample(*kind, "-o", "m/", "--shard", "2/2", "--check", "--json")
    assert (checked.code, json.loads(checked.out)["passed"]) == (0, True)
    with open(tmp_path / "m" / names[1], "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    for part, code in (("1/2", 0), ("2/2", 1)):
        assert sample(*kind, "-o", "m/", "--shard", part, "--check").code == code
    again = sample(*kind, "-o", "m/", "--shard", "2/2")
    assert (again.code, again.err.split("\n")[0]) == (2, f"error: m/{names[1]}: exists and holds something else")
    wrong = sample(*kind, "-o", "m/", "--finish", "--json")
    assert (wrong.code, json.loads(wrong.out)["wrong"], json.loads(wrong.out)["action"]) == (
        2,
        names[1:2],
        "incomplete",
    )
    assert f"{names[1]} is not what it makes" in wrong.err
    forced = json.loads(sample(*kind, "-o", "m/", "--shard", "2/2", "--force", "--json").out)
    assert (forced["wrote"], forced["kept"]) == (names[1:2], [names[3], names[5]])
    assert json.loads(sample(*kind, "-o", "m/", "--finish", "--json").out)["wrote"] == [INDEX]


def test_a_part_is_shown_and_digested_alone(sample, tmp_path):
    kind = KINDS["shards"]
    shown = json.loads(sample(*kind, "-o", "m/", "--shard", "2/3", "--dry-run", "--json").out)
    assert [file["path"] for file in shown["files"]] == [f"m/model-0000{n}-of-00006.safetensors" for n in (2, 5)]
    assert shown["count"] == 4
    assert not (tmp_path / "m").exists()
    lines = sample(*kind, "-o", "m/", "--shard", "2/3", "--digest").text.splitlines()
    assert len([line for line in lines if line[0] != "#"]) == 2
    (tmp_path / "sums").write_text("\n".join(lines))
    subprocess.run(["sha256sum", "-c", "--quiet", "sums"], check=True, cwd=tmp_path)


def test_a_part_without_files_says_so(sample, tmp_path):
    made = sample(*KINDS["shards"], "-o", "m/", "--shard", "7/7")
    assert (made.code, made.err) == (0, "m/: part 7/7: none of the 6 files is in this part\n")
    assert not (tmp_path / "m").exists()


REFUSED = {
    ("--shard", "0/4", "-o", "m/"): "error: shard = '0/4' is not I/N with I from 1 to N\n",
    ("--shard", "5/4", "-o", "m/"): "error: shard = '5/4' is not I/N",
    ("--shard", "", "-o", "m/"): "error: shard = '' is not I/N",
    ("--shard", "1/2"): "error: --shard needs the directory: -o DIRECTORY/\n",
    ("--resume", "-o", "-"): "error: --resume needs the directory: -o DIRECTORY/\n",
    (
        "--shard",
        "1/2",
        "-o",
        "m.safetensors",
    ): "error: m.safetensors: is one file, which has no parts\nhint: a directory has",
    ("--resume", "-o", "m.npz"): "error: m.npz: is one file, which has no parts\nhint: a directory has",
    ("--finish", "-o", "m.h5"): "error: m.h5: is one file, which has no parts\nhint: a directory has",
    ("--shard", "1/2", "--finish", "-o", "m/"): "error: --shard and --finish are different steps",
    ("--resume", "--finish", "-o", "m/"): "error: --finish and --resume are different steps",
    ("--finish", "--check", "-o", "m/"): "error: --check goes without --finish",
    ("--resume", "--dry-run", "-o", "m/"): "error: --dry-run goes without --resume",
    ("--shard", "1/2", "--elements", "0:1", "-o", "m/"): "error: --elements is part of one tensor",
    ("--shard", "1/2", "--dry-run", "--digest", "-o", "m/"): "error: --dry-run draws nothing",
}


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_what_makes_no_sense_is_one_line(args, sample, tmp_path):
    refused = sample(*args)
    assert refused.code == 2
    assert refused.err.startswith(REFUSED[args])
    assert os.listdir(tmp_path) == ["s.json"]


def test_what_does_not_ask_for_parts_is_made_as_ever():
    assert Parts.of({"shard": None, "finish": False, "resume": False}) is None


def lines_of(language):
    """The commands that the documentation shows for a batch system."""
    with open(os.path.join(os.path.dirname(__file__), "../../docs/scale.md")) as page:
        return [line for line in page if "--shard" in line and language in line]


@pytest.mark.parametrize(
    ("variable", "numbers"), [("SLURM_ARRAY_TASK_ID", range(1, 9)), ("JOB_COMPLETION_INDEX", range(8))]
)
def test_the_lines_of_batch_systems_name_every_part_once(variable, numbers):
    (line,) = lines_of(variable)
    word = next(word for word in line.split('"') if variable in word)
    said = [
        subprocess.run(
            ["sh", "-c", f'echo "{word}"'], env={variable: str(n)}, capture_output=True, text=True, check=True
        )
        for n in numbers
    ]
    assert [parse_part(shown.stdout.strip()) for shown in said] == [(number, 8) for number in range(1, 9)]
