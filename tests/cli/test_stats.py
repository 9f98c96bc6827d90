"""``initgen stats``: 0 nothing is wrong, 1 something is, 2 no answer; text for people, JSON for programs."""

import json

import numpy as np
import pytest

import initgen

HE = ("--scheme", "he_uniform")


@pytest.fixture
def files(tmp_path):
    """A right tensor, one of another scheme, one with NaN and an infinity, and one that is no file of its kind."""
    right = initgen.sample("he_uniform", (100, 64))
    np.save(tmp_path / "right.npy", right)
    np.save(tmp_path / "wrong.npy", right * np.float32(0.5**0.5))
    bad = right.copy()
    bad[3, 4], bad[5, 6] = np.nan, np.inf
    np.save(tmp_path / "nan.npy", bad)
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")


def strict(text):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"bare {word}"))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "code", "last"),
    [
        (("right.npy", *HE), 0, "yes: right.npy is he_uniform (a right file fails with p < 1e-06)"),
        (("wrong.npy", *HE), 1, "no: wrong.npy is not he_uniform"),
        (("nan.npy", *HE), 1, "no: nan.npy is not he_uniform"),
        (("nan.npy",), 1, "no: nan.npy has NaN or infinite values"),
        (("right.npy",), 0, "right.npy: nothing to hold it against; --scheme NAME says what it should be"),
        (("right.npy", "wrong.npy", *HE), 1, "no: wrong.npy is not he_uniform"),
    ],
)
def test_the_last_line_is_the_answer_and_the_exit_code_too(args, code, last, run):
    made = run("stats", *args)
    assert (made.code, made.err) == (code, "")
    assert made.text.splitlines()[-1] == last


@pytest.mark.usefixtures("files")
def test_a_no_says_which_check_and_what_it_looks_like(run):
    said = run("stats", "right.npy", "--scheme", "lecun_uniform").text
    assert "WRONG" in said
    assert "looks like: he_uniform" in said
    assert "\x1b" not in said
    assert not any(line.endswith(" ") for line in said.splitlines())


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "passed", "code"),
    [
        (("right.npy", *HE), True, 0),
        (("wrong.npy", *HE), False, 1),
        (("nan.npy",), False, 1),
        (("right.npy",), True, 0),
    ],
)
def test_json_is_one_document_with_the_same_answer(args, passed, code, run):
    made = run("stats", *args, "--json")
    assert (made.code, made.err) == (code, "")
    found = strict(made.out)
    assert found["passed"] is found["files"][0]["passed"] is passed
    (tensor,) = found["files"][0]["tensors"]
    assert tensor["shape"] == [100, 64]
    if args[0] == "nan.npy":
        assert (tensor["nan"], tensor["inf"]) == (1, 1)
    if args == ("wrong.npy", *HE):
        assert tensor["looks_like"][0] == "lecun_uniform"
        assert {test["name"] for test in tensor["tests"] if not test["passed"]} >= {"variance"}


@pytest.mark.parametrize("value", [np.zeros((0, 3)), np.full(3, np.nan), np.zeros(1), np.zeros((), "c8"), np.arange(3)])
def test_json_has_no_bare_nan_for_any_tensor(value, run, tmp_path):
    np.save(tmp_path / "w.npy", value)
    strict(run("stats", "w.npy", "--json").out)
    assert run("stats", "w.npy").text


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("bad", ["broken.npy", "none.npy", "empty", "/dev/null", "w.bin"])
def test_a_file_without_an_answer_is_exit_2_and_does_not_stop_the_others(bad, run, tmp_path):
    (tmp_path / "empty").mkdir()
    made = run("stats", bad, "right.npy", *HE)
    assert made.code == 2
    (line,) = (line for line in made.err.splitlines() if not line.startswith("hint: "))
    assert line.startswith(f"error: {bad}: ")
    assert made.text.splitlines()[-1].startswith("yes: right.npy")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("command", ["stats", "verify"])
def test_json_does_not_say_yes_where_there_was_no_answer(command, run):
    made = run(command, "broken.npy", "--json")
    assert made.code == 2
    assert strict(made.out)["passed"] is not True


def test_a_stream_on_stdin_is_read(run, tmp_path):
    stream = run("sample", *HE, "--shape", "100x64").out
    made = run("stats", "-", *HE, stdin=stream)
    assert made.code == 0
    assert "standard input" in made.text
    assert run("stats", "-", "--scheme", "lecun_uniform", stdin=stream).code == 1


@pytest.mark.parametrize("cut", [0, 5, 60, 128, 1000, -1])
def test_a_stream_that_ends_early_or_late_is_no_answer(cut, run):
    stream = run("sample", *HE, "--shape", "100x64").out
    made = run("stats", "-", *HE, stdin=stream[:cut] if cut >= 0 else stream + b"x")
    assert made.code == 2
    assert made.err.startswith("error: standard input: ")
    assert made.out == b""


def test_what_follows_the_array_is_warned_of(run, tmp_path):
    run("sample", *HE, "--shape", "100x64", "-o", "w.npy")
    with (tmp_path / "w.npy").open("ab") as file:
        file.write(b"xyz")
    made = run("stats", "w.npy", *HE)
    assert made.code == 0
    assert "3 bytes follow the array" in made.text + made.err


def test_layout_and_fans_are_those_of_the_option(run):
    run("sample", *HE, "--shape", "100x64", "--layout", "torch", "-o", "w.npy")
    assert run("stats", "w.npy", *HE, "--layout", "torch").code == 0
    assert run("stats", "w.npy", *HE, "--fan-in", "64").code == 0
    assert run("stats", "w.npy", *HE).code == 1


def test_the_recipe_in_a_file_is_enough(run):
    run("sample", "-s", "he_normal", "--shape", "3x3x64x128", "--dtype", "bfloat16", "--layout", "torch", "-o", "c.h5")
    made = run("stats", "c.h5")
    assert made.code == 0
    assert made.text.splitlines()[-1].startswith("yes: c.h5 is he_normal")


@pytest.mark.parametrize("rate", ["0", "-1", "0.6", "nan", "x"])
def test_a_false_alarm_rate_that_is_none_is_refused(rate, run):
    made = run("stats", "w.npy", "--false-alarm", rate)
    assert made.code == 2
    assert "--false-alarm" in made.err.splitlines()[0]
