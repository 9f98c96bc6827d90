"""``initgen sample``: exit codes, what goes to which stream, and bad input that writes nothing."""

import io
import json
import os

import numpy as np
import pytest
import safetensors.numpy

import initgen

HE = ("sample", "--scheme", "he_uniform")
RIGHT = (*HE, "--shape", "100x64")


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".h5", ".hdf5", ".NPY"])
def test_a_file_is_made_and_said_on_stderr(suffix, run, tmp_path):
    made = run(*RIGHT, "-o", f"w{suffix}")
    assert (made.code, made.out) == (0, b"")
    assert made.err.startswith(f"wrote w{suffix}: weight 100x64 float32 he_uniform, uniform on ±0.244949")
    assert os.listdir(tmp_path) == [f"w{suffix}"]


def test_the_file_has_the_values_of_the_python_function(run):
    run(*RIGHT, "--seed", "7", "-o", "w.safetensors", "--name", "a.b")
    ((name, value),) = safetensors.numpy.load_file("w.safetensors").items()
    assert name == "a.b"
    np.testing.assert_array_equal(value, initgen.sample("he_uniform", (100, 64), seed=7))


@pytest.mark.parametrize("output", [(), ("-o", "-")])
def test_without_a_terminal_the_stream_goes_to_stdout(output, run, tmp_path):
    made = run(*RIGHT, *output)
    assert (made.code, made.err) == (0, "")
    np.testing.assert_array_equal(np.load(io.BytesIO(made.out)), initgen.sample("he_uniform", (100, 64)))
    assert os.listdir(tmp_path) == []


def test_a_stream_of_safetensors_can_be_asked_for(run):
    made = run(*RIGHT, "--format", "safetensors", "--dtype", "bf16")
    assert dict(safetensors.deserialize(made.out))["weight"]["dtype"] == "BF16"


def test_the_same_again_is_unchanged_and_something_else_is_refused(run, tmp_path):
    assert run(*RIGHT, "-o", "w.npy").code == 0
    again = run(*RIGHT, "-o", "w.npy")
    assert (again.code, again.out) == (0, b"")
    assert again.err.startswith("unchanged w.npy")
    before = (tmp_path / "w.npy").read_bytes()
    other = run(*RIGHT, "--seed", 1, "-o", "w.npy")
    assert other.code == 2
    assert other.err == "error: w.npy: exists and holds something else\nhint: --force replaces it\n"
    assert (tmp_path / "w.npy").read_bytes() == before
    assert run(*RIGHT, "--seed", 1, "-o", "w.npy", "--force").code == 0
    assert (tmp_path / "w.npy").read_bytes() != before


def test_check_answers_and_writes_nothing(run, tmp_path):
    assert run(*RIGHT, "--check", "-o", "w.npy").code == 1
    assert os.listdir(tmp_path) == []
    run(*RIGHT, "-o", "w.npy")
    assert run(*RIGHT, "--check", "-o", "w.npy").code == 0
    other = run(*RIGHT, "--seed", 1, "--check", "-o", "w.npy")
    assert (other.code, other.out, other.err) == (1, b"", "w.npy: is not what this description makes\n")
    (tmp_path / "w.npy").write_bytes(b"broken")
    assert run(*RIGHT, "--check", "-o", "w.npy").code == 1
    assert (tmp_path / "w.npy").read_bytes() == b"broken"
    assert run(*RIGHT, "--check").code == 2


def test_quiet_says_nothing(run):
    made = run(*RIGHT, "-o", "w.npy", "-q")
    assert (made.code, made.out, made.err) == (0, b"", "")


def test_json_describes_what_was_written(run):
    made = run(*RIGHT, "-o", "w.npy", "--json", "--quiet")
    found = json.loads(made.out)
    assert (found["path"], found["action"], found["file_bytes"]) == ("w.npy", "wrote", os.stat("w.npy").st_size)
    (tensor,) = found["tensors"]
    assert (tensor["shape"], tensor["dtype"], tensor["fan_in"], tensor["seed"]) == ([100, 64], "float32", 100, 0)
    assert tensor["std"] == pytest.approx((2 / 100) ** 0.5)


def test_json_has_null_where_a_bound_is_infinite(run):
    found = json.loads(run("sample", "-s", "random_normal", "--shape", "3", "--json").out, parse_constant=pytest.fail)
    assert (found["low"], found["high"]) == (None, None)


def test_a_random_seed_is_said_and_makes_the_same_again(run, tmp_path):
    made = run(*RIGHT, "--seed", "random", "-o", "a.npy")
    word, seed = made.err.splitlines()[0].split()
    assert word == "seed"
    run(*RIGHT, "--seed", seed, "-o", "b.npy")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert run(*RIGHT, "--seed", "random", "-o", "c.npy").err.splitlines()[0].split()[1] != seed


def test_the_environment_sets_the_seed_and_the_option_wins(run, monkeypatch):
    monkeypatch.setenv("INITGEN_SAMPLE_SEED", "7")
    assert json.loads(run(*RIGHT, "--json").out)["seed"] == 7
    assert json.loads(run(*RIGHT, "--json", "--seed", "8").out)["seed"] == 8


def test_0x10_is_0_by_10(run):
    assert run("sample", "-s", "zeros", "--shape", "0x10", "-o", "w.npy").code == 0
    assert np.load("w.npy").shape == (0, 10)


BAD = [
    ((*HE,), "missing option --shape"),
    (("sample", "--shape", "3x3"), "missing option --scheme"),
    (("sample", "-s", "he_unifrm", "--shape", "3x3"), "unknown scheme 'he_unifrm'"),
    (("sample", "-s", "", "--shape", "3x3"), "unknown scheme ''"),
    (("sample", "-s", "random_normal:std=1", "--shape", "3"), "no parameter 'std'"),
    (("sample", "-s", "random_normal:stddev", "--shape", "3"), "key=value"),
    (("sample", "-s", "random_normal:stddev=1,stddev=2", "--shape", "3"), "twice"),
    (("sample", "-s", "random_normal:stddev=nan", "--shape", "3"), "stddev = 'nan' must be a number above 0"),
    (("sample", "-s", "random_normal:stddev=inf", "--shape", "3"), "stddev = 'inf'"),
    (("sample", "-s", "random_normal:stddev=-1", "--shape", "3"), "stddev = '-1'"),
    (("sample", "-s", "random_normal:stddev=0", "--shape", "3"), "stddev = '0'"),
    (("sample", "-s", "random_normal:stddev=1e999", "--shape", "3"), "stddev = '1e999'"),
    (("sample", "-s", "variance_scaling:scale=-1", "--shape", "3x3"), "scale = '-1' must be"),
    (("sample", "-s", "random_uniform:minval=1,maxval=0", "--shape", "3"), "must be below"),
    (("sample", "-s", "truncated_normal:lower=2,upper=-2", "--shape", "3"), "must be below"),
    (("sample", "-s", "truncated_normal:lower=1000,upper=1001", "--shape", "3"), "std from the mean"),
    ((*RIGHT, "--dtype", "float33"), "unknown dtype 'float33'"),
    ((*RIGHT, "--format", "zip"), "unknown format 'zip'"),
    ((*RIGHT, "--seed", "-1"), "seed = -1"),
    ((*RIGHT, "--seed", "1.5"), "seed = '1.5'"),
    ((*RIGHT, "--seed", "nan"), "seed = 'nan'"),
    ((*RIGHT, "--seed", str(2**64)), "from 0 to 2^64 - 1"),
    ((*RIGHT, "--seed", "9" * 5000), "seed"),
    ((*RIGHT, "--seed", "７"), "seed"),
    ((*RIGHT, "--fan-in", "-3"), "fan_in"),
    ((*RIGHT, "--fan-in", "x"), "fan_in = 'x'"),
    ((*RIGHT, "--fan-in", "0"), "fan_in is 0"),
    ((*RIGHT, "--groups", "0"), "groups"),
    ((*RIGHT, "--groups", "7"), "groups = 7 does not divide"),
    ((*RIGHT, "--layout", "jax"), "'--layout'"),
    ((*RIGHT, "--threads", "0"), "'--threads'"),
    ((*RIGHT, "--nonsense"), "no such option"),
    ((*RIGHT, "extra"), "describes one tensor"),
    ((*HE, "--shape", "0x3"), "fan_in is 0"),
    ((*HE, "--shape", "3", "--layout", "torch"), "torch's layout"),
    ((*RIGHT, "--name", "\udcff", "-o", "w.h5"), "not valid Unicode"),
    ((*RIGHT, "--dtype", "bfloat16"), "npy cannot hold bfloat16"),
    (("sample", "-s", "constant:value=1e5", "--shape", "3", "--dtype", "float16"), "overflows float16"),
]
SHAPES = [
    "100x",
    "-1x3",
    "1e3x4",
    "１００x64",
    "1_000",
    " 3",
    "3 x 3",
    "",
    "x",
    "3X3",
    "0b1",
    "9" * 10_000,
    "1.5",
    "+3",
    "3x-3",
]
BAD += [((*HE, "--shape", shape), "is not a shape") for shape in SHAPES]
BAD += [
    ((*HE, "--shape", "10000000000x10000000000"), "more than 2^63"),
    ((*HE, "--shape", "9223372036854775808"), "more than 2^63"),
    ((*HE, "--shape", "x".join(["1"] * 65)), "65 axes"),
    ((*HE, "--shape", "1000000000x1000000000"), "needs 4 EB, and the disk has"),
]


@pytest.mark.parametrize(("args", "said"), BAD)
def test_bad_input_is_one_line_and_writes_nothing(args, said, run, tmp_path):
    made = run(*args, *(() if "-o" in args else ("-o", "w.npy")))
    assert (made.code, made.out) == (2, b"")
    first, *rest = made.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert len(first) < 200
    assert rest == [] or (len(rest) == 1 and rest[0].startswith("hint: "))
    assert os.listdir(tmp_path) == []


OUTPUTS = [
    ("/dev/null", "is not a regular file"),
    ("/dev/zero", "is not a regular file"),
    ("nowhere/w.npy", "there is no directory"),
    ("w", "no format has this suffix"),
    ("w.npx", "no format has this suffix"),
    ("w.npy.bak", "no format has this suffix"),
    ("", "output"),
    ("n" * 300 + ".npy", "File name too long"),
]


@pytest.mark.parametrize(("output", "said"), OUTPUTS)
def test_a_bad_output_is_named_and_nothing_is_written(output, said, run, tmp_path):
    made = run(*RIGHT, "-o", output)
    assert made.code == 2
    assert said in made.err.splitlines()[0]
    assert output in made.err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("given", "meant"), [("he_unifrm", "he_uniform"), ("glorot_norml", "glorot_normal")])
def test_the_nearest_name_is_offered(given, meant, run):
    assert meant in run("sample", "-s", given, "--shape", "3x3").err.splitlines()[1]


def test_values_too_small_for_the_dtype_are_warned_of(run):
    made = run("sample", "-s", "random_normal:stddev=1e-3", "--shape", "100", "--dtype", "float8_e4m3fn", "-o", "w.h5")
    assert made.code == 0
    assert made.err.startswith("warning: std 0.001 is below float8_e4m3fn's smallest normal value")
