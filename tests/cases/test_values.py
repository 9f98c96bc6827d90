"""Cases 55 and 56: values that break sums, and tensors that have hardly any."""

import json
import math

import numpy as np
import pytest

RIGHT = np.random.default_rng(0).normal(0, 1, 1000).astype(np.float32)


def _strict(text):
    """JSON as its standard has it: without NaN and Infinity."""

    def never(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=never)


@pytest.fixture
def stats(tmp_path, run):
    """``stats(array)``: the exit code of `stats`, and the tensor of its JSON; nothing on stderr."""

    def call(array, *args, code=0):
        np.save("w.npy", array)
        shown = run("stats", "w.npy", *args)
        done = run("stats", "w.npy", "--json", *args)
        assert (done.code, shown.code, done.err) == (code, code, ""), done.err + shown.out.decode()
        assert b"Warning" not in shown.out
        (file,) = _strict(done.out)["files"]
        (tensor,) = file["tensors"]
        return tensor

    return call


NOT_FINITE = {"nan": [math.nan], "inf": [math.inf], "-inf": [-math.inf], "all": [math.nan, math.inf, -math.inf]}
NOT_FINITE["a nan of another kind"] = [np.uint32(0xFFC00001).view(np.float32)]


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<f2", ">f4", "<c8"])
@pytest.mark.parametrize("case", NOT_FINITE)
def test_case_55_what_is_not_finite_is_counted_and_the_answer_is_no(case, dtype, stats):
    array = RIGHT.copy()
    array[10 : 10 + len(NOT_FINITE[case])] = NOT_FINITE[case]
    found = stats(array.astype(dtype), code=1)
    nans = sum(math.isnan(value) for value in NOT_FINITE[case])
    assert (found["nan"], found["inf"]) == (nans, len(NOT_FINITE[case]) - nans)


def test_case_55_so_it_is_where_all_are_nan(stats):
    found = stats(np.full((10, 10), np.nan, np.float32), code=1)
    assert found["nan"] == 100
    assert found["mean"] is None


def test_case_55_and_of_every_command_the_json_is_json(run):
    array = RIGHT.copy()
    array[3] = np.nan
    np.save("a.npy", array)
    np.save("b.npy", np.full(1000, np.inf, np.float32))
    for args in (("stats", "a.npy", "b.npy"), ("diff", "a.npy", "b.npy"), ("identify", "a.npy", "b.npy")):
        done = run(*args, "--json")
        assert done.code in (0, 1)
        _strict(done.out)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 2)])
def test_case_56_an_empty_tensor_has_no_mean(shape, stats):
    found = stats(np.empty(shape, np.float32))
    assert (found["count"], found["mean"], found["std"], found["min"]) == (0, None, None, None)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_case_56_one_value_has_no_deviation(shape, stats):
    found = stats(np.full(shape, 3, np.float32))
    assert (found["count"], found["mean"], found["min"]) == (1, 3.0, 3.0)
    assert found["std"] in (0.0, None)


@pytest.mark.parametrize("value", [0.1, 0.0, -0.0, 1e-45, 3.4e38, 65504.0])
def test_case_56_a_constant_has_a_deviation_of_exactly_0(value, stats):
    found = stats(np.full((100, 100), value, np.float32))
    assert (found["std"], found["mean"]) == (0.0, float(np.float32(value)))


KINDS = [
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint64",
    "bool",
    "complex64",
    "complex128",
    "float16",
    "longdouble",
]


@pytest.mark.parametrize("kind", KINDS)
def test_case_56_every_kind_of_number_has_an_answer(kind, stats):
    found = stats(np.arange(100).reshape(10, 10).astype(kind))
    assert found["count"] == 100


def test_case_56_whole_numbers_at_the_end_of_their_range_do_not_wrap(stats):
    assert stats(np.full(100, 2**63 - 1))["mean"] == pytest.approx(2.0**63)
    assert stats(np.full(100, 2**64 - 1, np.uint64))["mean"] == pytest.approx(2.0**64)
    assert stats(np.array([-(2**63), 2**63 - 1] * 50))["mean"] == pytest.approx(-0.5, abs=1e3)


def test_case_56_zeros_are_what_zeros_should_be(stats):
    stats(np.zeros(64, np.float32), "--scheme", "zeros")
    stats(np.zeros((10, 10), np.float32), "--scheme", "he_uniform", code=1)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "bfloat16", "float16"])
def test_case_56_narrow_numbers_are_summed_in_wide_ones(dtype, run):
    """100,000 ones are more than float16 or float8 can count."""
    run("sample", "-s", "ones", "--shape", "100000", "--dtype", dtype, "-o", "w.safetensors")
    done = run("stats", "w.safetensors", "--json")
    assert (done.code, done.err) == (0, "")
    found = _strict(done.out)["files"][0]["tensors"][0]
    assert (found["mean"], found["std"], found["min"], found["max"]) == (1.0, 0.0, 1.0, 1.0)


def test_case_56_float16_at_its_greatest_does_not_overflow(stats):
    found = stats(np.array([65504, -65504] * 5000, np.float16))
    assert (found["mean"], found["std"]) == (0.0, pytest.approx(65504, rel=1e-3))


def test_case_56_float64_at_its_greatest_has_an_answer(stats):
    """Its squares are more than float64 can say: no infinity, and no warning of numpy's."""
    found = stats(np.array([1.7e308, -1.7e308] * 500))
    assert found["max"] == 1.7e308


def test_case_56_a_mean_far_from_0_costs_no_digits(stats):
    """The naive sum of squares would have no digit right."""
    values = 1e8 + np.random.default_rng(0).normal(0, 1, 100_000)
    assert stats(values)["std"] == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.slow
def test_case_56_a_billion_values_are_read_in_little_memory(tmp_path, shell):
    """10^9 of float16, 2 GB, with 1 GB of address space beside what Python and its libraries need."""
    done = shell(
        "$I sample -s random_normal --shape 1000000000 --dtype float16 -o w.safetensors && "
        "ulimit -v 4000000 && $I stats w.safetensors --json",
        wait=600,
    )
    assert done.returncode == 0, done.stderr
    found = _strict(done.stdout)["files"][0]["tensors"][0]
    assert found["count"] == 10**9
    assert found["std"] == pytest.approx(0.05, rel=1e-3)
