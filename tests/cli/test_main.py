"""The command line as a process: streams that close or fill up, terminals, signals' exit codes, completion."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios

import numpy as np
import pytest

from initgen import __version__
from initgen.cli import COMMANDS

INITGEN = (sys.executable, "-m", "initgen")
RIGHT = ("sample", "--scheme", "he_uniform", "--shape", "100x64")


def shell(command, tmp_path, **environment):
    """A command of sh in which $I is initgen."""
    return subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "I": " ".join(INITGEN), **environment},
        capture_output=True,
        timeout=60,
    )


def terminal(*args, columns=100, only="both", **environment):
    """What a terminal shows while initgen runs in it, and the exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [*INITGEN, *args],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**plain, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # what Linux says at the end
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return process.wait(30), shown


def test_the_issues_pipe_works(tmp_path):
    made = shell("$I sample -s he_uniform --shape 100x64 | $I stats - -s he_uniform", tmp_path)
    assert (made.returncode, made.stderr) == (0, b"")
    assert made.stdout.splitlines()[-1].startswith(b"yes: standard input is he_uniform")


def test_a_redirected_stream_is_the_file(tmp_path):
    shell("$I sample -s he_uniform --shape 100x64 > a.npy; $I sample -s he_uniform --shape 100x64 -o b.npy", tmp_path)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


@pytest.mark.parametrize("what", ["sample -s he_uniform --shape 3000x1000", "schemes", "--help"])
def test_a_reader_that_leaves_is_no_error(what, tmp_path):
    made = shell(f"{{ $I {what}; echo $? > code; }} | head -c 10", tmp_path)
    assert (made.stderr, len(made.stdout)) == (b"", 10)
    # What fits the pipe may be written before the reader leaves.
    assert (tmp_path / "code").read_text() in ("141\n", "0\n" if "3000" not in what else "141\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
@pytest.mark.parametrize(
    "what",
    ["sample -s he_uniform --shape 3x3", "sample -s he_uniform --shape 3000x100", "schemes", "--help", "--version"],
)
def test_a_full_stdout_is_an_error(what, tmp_path):
    made = shell(f"$I {what} > /dev/full", tmp_path)
    assert made.returncode == 2
    assert made.stderr == b"error: standard output: No space left on device\n"


@pytest.mark.parametrize("what", ["sample -s he_uniform --shape 3x3", "schemes", "stats w.npy", "--version"])
def test_a_closed_stdout_is_an_error(what, tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(3))
    made = shell(f"$I {what} >&-", tmp_path)
    assert made.returncode == 2
    assert made.stderr.startswith(b"error: standard output")
    assert len(made.stderr.splitlines()) == 1


def test_a_closed_stdout_does_not_matter_where_nothing_goes_to_it(tmp_path):
    made = shell("$I sample -s he_uniform --shape 3x3 -o w.npy >&-", tmp_path)
    assert made.returncode == 0
    assert (tmp_path / "w.npy").exists()


def test_a_closed_stdin_is_an_error(tmp_path):
    made = shell("$I stats - <&-", tmp_path)
    assert (made.returncode, made.stdout) == (2, b"")
    assert made.stderr.startswith(b"error: standard input")


@pytest.mark.parametrize("where", ["2>&-", *(["2>/dev/full"] if os.path.exists("/dev/full") else ())])
def test_messages_that_have_no_place_do_not_go_to_stdout(where, tmp_path):
    made = shell(f"$I sample -s he_unifrm --shape 3x3 {where}", tmp_path)
    assert (made.returncode, made.stdout) == (2, b"")


def test_a_closed_stderr_does_not_put_messages_into_the_data(tmp_path):
    made = shell("$I sample -s he_uniform --shape 3x3 --seed random 2>&-", tmp_path)
    assert made.stdout.startswith(b"\x93NUMPY")


def test_a_terminal_is_shown_the_tensor_and_that_nothing_was_written(tmp_path):
    code, shown = terminal(*RIGHT)
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    for said in (
        "he_uniform",
        "uniform on ±0.244949",
        "fan_in 100",
        "6,400 values",
        "█",
        "nothing was written",
        "-o FILE",
    ):
        assert said in text, said
    assert b"\x93NUMPY" not in shown
    assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        ("zeros", "3x3"),
        ("random_normal", "scalar"),
        ("random_normal", "0x3"),
        ("orthogonal", "30x20"),
        ("sparse", "0x3"),
    ],
)
def test_any_tensor_can_be_shown(scheme, shape):
    code, shown = terminal("sample", "-s", scheme, "--shape", shape)
    assert code == 0
    assert b"Traceback" not in shown
    assert b"Warning" not in shown


def test_binary_is_not_sent_to_a_terminal():
    code, shown = terminal(*RIGHT, "-o", "-")
    assert code == 2
    assert b"binary data does not go to a terminal" in shown
    assert b"NUMPY" not in shown


def test_colour_is_for_terminals_and_can_be_refused(tmp_path):
    np.save(tmp_path / "w.npy", np.full((20, 20), np.nan))
    what = ("stats", str(tmp_path / "w.npy"))
    assert b"\x1b[" in terminal(*what)[1]
    assert not re.search(rb"\x1b\[[0-9;]*(3|4|9|10)[0-7]m", terminal(*what, NO_COLOR="1")[1])  # bold is no colour
    assert b"\x1b[" not in terminal(*what, TERM="dumb")[1]
    made = shell(f"$I stats {what[1]}", tmp_path)
    assert made.returncode == 1
    assert b"\x1b[" not in made.stdout


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}])
def test_any_locale_will_do(environment, tmp_path):
    for what in ("schemes", "--help", "sample -s he_uniform --shape 9x9 -o w.npy"):
        made = shell(f"$I {what}", tmp_path, **environment)
        assert made.returncode == 0, made.stderr
        assert b"Traceback" not in made.stderr


def test_without_arguments_the_help_goes_to_stderr(run):
    made = run()
    assert (made.code, made.out) == (2, b"")
    assert "Usage: initgen" in made.err
    assert "Exit codes" in made.err


def test_the_version_names_what_the_bytes_depend_on(run):
    made = run("--version")
    assert made.code == 0
    assert made.text.startswith(f"initgen {__version__} (numpy {np.__version__}, h5py ")


@pytest.mark.parametrize(
    "args", [("nonsense",), ("--nonsense",), ("stats",), ("sample", "--seed"), ("completion", "csh")]
)
def test_bad_usage_is_one_line_and_points_to_the_help(args, run):
    made = run(*args)
    assert (made.code, made.out) == (2, b"")
    first, second = made.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("hint: ")
    assert second.endswith("--help")


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (("smaple",), "did you mean sample?"),
        (("stat", "w.npy"), "did you mean stats?"),
        (("sample", "--shcheme", "x"), "did you mean --scheme"),
        (("sample", "--zzz"), "initgen sample --help"),
    ],
)
def test_a_slip_of_the_keyboard_is_answered_with_what_was_probably_meant(args, hint, run):
    made = run(*args)
    assert (made.code, made.out) == (2, b"")
    first, second = made.err.splitlines()
    assert first.startswith("error: no such ")
    assert first.endswith("'")
    assert second.startswith(f"hint: {hint}")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_goes_to_stdout(name, flag, run):
    made = run(name, flag)
    assert (made.code, made.err) == (0, "")
    assert f"Usage: initgen {name}" in made.text


def test_json_is_all_there_is_on_stdout(tmp_path):
    made = shell("$I sample -s he_uniform --shape 3x3 -o w.h5 --json", tmp_path)
    assert json.loads(made.stdout)["action"] == "wrote"
    assert made.stderr.startswith(b"wrote w.h5")
