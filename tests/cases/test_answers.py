"""What the list has no number for: answers that name what is wrong, and inputs of the same kinds to every command."""

import json
import os

import numpy as np
import pytest

RIGHT = ("sample", "--scheme", "he_uniform", "--shape", "30x40")
STEPS = {
    "check": ("--check",),
    "a shard's check": ("--check", "--shard", "1/1"),
    "finish": ("--finish",),
    "resume": ("--resume",),
    "write": ("--force",),
}


@pytest.mark.parametrize("kind", ["directory", "fifo", "link to nothing"])
@pytest.mark.parametrize("step", STEPS)
def test_what_is_no_file_in_the_place_of_one_is_not_called_missing(step, kind, made, refused):
    made(*RIGHT, "-o", "set/")
    path = "set/model.safetensors"
    os.unlink(path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    else:
        os.symlink("nowhere", path)
    said = refused(*RIGHT, *STEPS[step], "-o", "set/", named=f"{path}: ")
    assert said.endswith(("is not a regular file", "is a directory", "a symbolic link that leads nowhere"))


@pytest.mark.parametrize("path", ["w.npy", "/dev/zero", "/dev/null"])
def test_a_check_of_what_is_no_file_is_an_error_and_does_not_wait(path, put, refused):
    put("unused", "")
    if path == "w.npy":
        os.mkfifo(path)
    elif not os.path.exists(path):
        pytest.skip(f"there is no {path}")
    refused(*RIGHT, "--format", "npy", "--check", "-o", path, named=f"{path}: is not a regular file")


def test_a_check_of_a_directory_names_the_file_that_differs(put, run, made):
    put("s.json", json.dumps({"tensors": {f"w{n}": {"shape": [100], "scheme": "he_uniform"} for n in range(3)}}))
    given = ("sample", "s.json", "--max-shard-size", "400B", "-o", "set/")
    made(*given)
    assert run(*given, "--check").code == 0

    def differs(said):
        done = run(*given, "--check")
        assert (done.code, done.err) == (1, f"set/: is not what this description makes: {said}\n")

    with open("set/model-00002-of-00003.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    differs("model-00002-of-00003.safetensors differs")
    os.unlink("set/model-00003-of-00003.safetensors")
    differs("model-00003-of-00003.safetensors is missing")
    made(*given, "--force")
    put("set/model.safetensors", "")
    differs("model.safetensors is of another set")
    os.unlink("set/model.safetensors")
    put("set/model.safetensors.index.json", "{}")
    differs("model.safetensors.index.json differs")


@pytest.mark.parametrize("command", ["verify", "stats", "identify", "probe"])
def test_under_json_commands_of_many_files_answer_for_those_they_can(command, made, run, says):
    """The document says that it is not all; the reason is on stderr, in one line."""
    made(*RIGHT, "-o", "w.safetensors")
    done = run(command, "nope.npy", *([] if command == "probe" else ["w.safetensors"]), "--json")
    assert done.code == 2
    says(done.err, "nope.npy")
    answer = json.loads(done.out)
    assert len(answer["networks" if command == "probe" else "files"]) == (command != "probe")
    assert answer[{"identify": "complete", "probe": "stable"}.get(command, "passed")] in (None, False)


@pytest.mark.parametrize("args", [("diff", "nope", "nope"), ("sample", "nope.toml"), ("schemes", "nope")], ids=" ".join)
def test_under_json_commands_of_one_answer_give_none(args, refused):
    """As jq and git do: the exit code says it, and nothing is half a document."""
    refused(*args, "--json", named="nope")


NOWHERE = {"empty": "", "NUL": "a\0b"}


@pytest.mark.parametrize("case", NOWHERE)
@pytest.mark.parametrize("command", ["stats", "identify", "verify", "diff", "spec", "probe", "sample", "sample --like"])
def test_what_is_no_path_is_shown(command, case, put, refused):
    put("w.npy", "")
    more = {"diff": ["w.npy"], "sample": ["-o", "v.npy"], "sample --like": ["-o", "v.npy"]}.get(command, [])
    refused(*command.split(), NOWHERE[case], *more, named=f" = {NOWHERE[case]!r} is not a path")


@pytest.mark.parametrize(
    "args", [("stats", "w.npy", "--name="), ("diff", "w.npy", "w.npy", "--only="), ("sample", "s.json", "--only=")]
)
def test_what_no_tensor_is_called_is_shown(args, put, made, refused):
    put("s.json", '{"tensors": {"w": {"shape": [2], "scheme": "zeros"}}}')
    made(*RIGHT, "-o", "w.npy")
    refused(*args, named="no tensor is called ''")


def test_a_name_of_any_number_of_digits_has_its_place(put, made):
    """Python makes no number of 5000 digits out of text."""
    long = "9" * 5000
    names = [f"w.{long}", "w.10", "w.2", "w.1", "w.01", f"w.{long[:-1]}", "w."]
    for file, order in (("a.json", names), ("b.json", names[::-1])):
        put(file, json.dumps({"tensors": {name: {"shape": [2], "scheme": "zeros"} for name in order}}))
        made("sample", file, "-o", file.replace("json", "safetensors"))
    made("sample", "a.json", "--check", "-o", "b.safetensors")
    made("sample", "a.json", "-o", "a.npz")
    with np.load("a.npz") as archive:
        assert archive.files == ["w.", "w.01", "w.1", "w.2", "w.10", names[5], names[0]]


def test_a_message_of_any_length_is_cut(refused):
    said = refused(
        "sample", "-s", "zeros", "--shape", "3", "--threads", "9" * 100_000, "-o", "w.npy", named="--threads"
    )
    assert len(said) < 1000


@pytest.mark.parametrize(("name", "value"), [("MPLBACKEND", "junk"), ("MPLBACKEND", "")])
def test_a_configuration_that_matplotlib_refuses_is_no_traceback(name, value, made, shell, says):
    pytest.importorskip("matplotlib")
    made("sample", "-s", "zeros", "--shape", "3", "-o", "w.npy")
    done = shell("$I stats w.npy --plot w.png > out; echo $?", **{name: value})
    if value:
        assert done.stdout == b"2\n"
        says(done.stderr.decode(), "--plot needs matplotlib, which does not start: ")
    else:
        assert (done.stdout, done.stderr) == (b"0\n", b"")


LARGE = ["0", "-1", "18446744073709551616", "1e9", "nan", "", "１"]
COUNTS = [("sample", "--threads"), ("sample", "--groups"), ("sample", "--max-shard-size"), ("sample", "--shard")]
COUNTS += [("sample", "--elements"), ("stats", "--threads"), ("stats", "--groups"), ("diff", "--threads")]
COUNTS += [("probe", "--depth"), ("probe", "--width"), ("probe", "--batch")]


@pytest.mark.parametrize("value", LARGE)
@pytest.mark.parametrize(("command", "option"), COUNTS)
def test_a_count_that_is_none_is_refused_by_its_name(command, option, value, made, refused):
    if (option, value) == ("--threads", "１"):
        pytest.skip("click reads digits of any script as what they are")
    made(*RIGHT, "-o", "w.npy")
    given = {"stats": ["w.npy", "-s", "he_uniform"], "diff": ["w.npy", "w.npy"], "probe": []}
    given["sample"] = [*RIGHT[1:], "-o", "set/" if "shard" in option else "v.npy"]
    name = option.removeprefix("--")
    said = refused(command, *given[command], f"{option}={value}", named=name.replace("_", "-"))
    assert value in said


JUNK = [
    "",
    " ",
    "=",
    "a=b=c",
    ":",
    "[",
    "{",
    "${x}",
    "\x1b[31m",
    "\udcff",
    "x" * 5000,
    "9" * 5000,
    "null",
    "💥",
    "/",
    "-",
]
OPTIONS = [
    "--scheme",
    "--dtype",
    "--stream",
    "--layout",
    "--format",
    "--seed",
    "--fan-in",
    "--rule",
    "--set",
    "--preset",
]


@pytest.mark.parametrize("option", OPTIONS)
def test_junk_for_an_option_is_refused_in_one_line(option, put, refused):
    put("s.json", '{"tensors": {"w": {"shape": [2]}}}')
    of_model = option in ("--rule", "--set", "--preset")
    given = ["s.json"] if of_model else [*RIGHT[1:3] * (option != "--scheme"), "--shape", "3x3"]
    for junk in JUNK:
        refused("sample", *given, f"{option}={junk}", output="w.npy", named="")


@pytest.mark.parametrize("junk", ["junk", "-1", "9" * 50, "\udcff", "x" * 2000])
def test_junk_in_a_variable_of_the_environment_is_refused_as_the_option_is(junk, made, refused, monkeypatch):
    made(*RIGHT, "-o", "w.npy")
    for command, option in (("stats", "THREADS"), ("stats", "FAIL_ON"), ("stats", "JSON"), ("diff", "THREADS")):
        with monkeypatch.context() as patch:
            patch.setenv(f"INITGEN_{command.upper()}_{option}", junk)
            refused(command, *["w.npy"] * (2 if command == "diff" else 1), named=option.lower().replace("_", "-"))
    with monkeypatch.context() as patch:
        patch.setenv("INITGEN_JUNK", junk)
        made("stats", "w.npy")
