"""Cases 1 to 8: shapes that no machine, no format or no rule has room for."""

import math
import resource

import numpy as np
import pytest
from safetensors.numpy import load_file

FORMATS = ("w.npy", "w.npz", "w.safetensors", "w.h5")


def _sample(shape, scheme="zeros"):
    return "sample", "--scheme", scheme, f"--shape={shape}"


def _spec(shape):
    return f'[tensors]\n"dense.kernel" = {{ shape = {shape}, scheme = "zeros" }}\n'


@pytest.fixture
def frugal():
    """The test takes less than 100 MB more than there was."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.parametrize("output", FORMATS)
def test_case_01_what_the_disk_has_no_room_for_is_refused_with_its_size(output, refused, frugal):
    said = refused(*_sample("1000000000x1000000000"), output=output, named=output)
    assert said.startswith(f"{output}: needs 4 EB, and the disk has ")


def test_case_01_shards_are_counted_before_the_first_is_made(refused, frugal):
    said = refused(*_sample("1000000000x1000000000"), "-o", "set/", named="set")
    assert "set: needs 4 EB" in said


def test_case_01_a_size_is_asked_for_without_memory(made, frugal):
    assert b"4 EB" in made(*_sample("1000000000x1000000000"), "--dry-run").out
    assert b'"nbytes": 4000000000000000000' in made(*_sample("1000000000x1000000000"), "--json").out


HUGE = {
    "10^10x10^10": "10000000000x10000000000",
    "2^63": str(2**63),
    "2^64": str(2**64),
    "2^63-1 x 2": f"{2**63 - 1}x2",
    "2^63 and none": f"0x{2**63}",
}


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize("shape", HUGE.values(), ids=HUGE)
def test_case_02_more_than_2_to_the_63_elements_are_refused(shape, output, refused, frugal):
    assert refused(*_sample(shape), output=output, named="shape = ").startswith(
        f"shape = {shape if 'x' in shape else ''}"
    )


@pytest.mark.parametrize("shape", HUGE.values(), ids=HUGE)
def test_case_02_in_a_spec_too(shape, put, refused):
    put("s.toml", _spec(f"[{shape.replace('x', ', ')}]"))
    refused("sample", "s.toml", output="w.npy", named="s.toml, line 2: tensors.dense.kernel.shape")


@pytest.mark.parametrize("args", [("--shape=-1x3",), ("--shape", "-1x3"), ("--shape", "3x-1"), ("--shape", "-1")])
def test_case_03_a_negative_size_is_refused_and_is_no_option(args, refused):
    said = refused("sample", "-s", "zeros", *args, output="w.npy", named="shape")
    assert said.endswith("is not a shape")


def test_case_03_in_a_spec_too(put, refused):
    put("s.toml", _spec("[-1, 3]"))
    refused("sample", "s.toml", output="w.npy", named="tensors.dense.kernel.shape[0]: is -1")


EMPTY = [("zeros", "0x3", (0, 3)), ("zeros", "0x10", (0, 10)), ("zeros", "3x0", (3, 0)), ("zeros", "0", (0,))]
EMPTY += [(scheme, "0x3", (0, 3)) for scheme in ("constant:value=3", "random_uniform", "random_normal")]


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize(("scheme", "text", "shape"), EMPTY)
def test_case_04_an_empty_tensor_goes_into_each_format_and_comes_back(scheme, text, shape, output, made):
    made(*_sample(text, scheme), "-o", output)
    if output == "w.npy":
        read = np.load(output)
    elif output == "w.npz":
        with np.load(output) as archive:
            read = archive["weight"]
    elif output == "w.safetensors":
        read = load_file(output)["weight"]
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(output) as file:
            read = file["weight"][()]
    assert (read.shape, read.dtype) == (shape, np.float32)
    assert f"{text} " in made("stats", output).out.decode().splitlines()[0]


FAN_0 = {"he_uniform 0x3": "fan_in", "glorot_uniform 0x0": "fan_in", "lecun_normal 0x3": "fan_in"}


@pytest.mark.parametrize("case", FAN_0)
def test_case_04_a_fan_of_zero_is_refused(case, refused):
    scheme, shape = case.split()
    assert refused(*_sample(shape, scheme), output="w.npy", named=FAN_0[case]).startswith("fan_in is 0, and ")


def test_case_04_a_fan_that_is_not_asked_for_may_be_zero(made):
    """3x0 has a fan_in of 3, and no values."""
    made(*_sample("3x0", "he_uniform"), "-o", "w.npy")
    assert np.load("w.npy").shape == (3, 0)


@pytest.mark.parametrize("scheme", ["he_uniform", "glorot_uniform"])
@pytest.mark.parametrize(("text", "size", "shape"), [("scalar", 1, ()), ("()", 1, ()), ("5", 5, (5,))])
def test_case_05_below_two_axes_keras_takes_the_size_for_both_fans(text, size, shape, scheme, made):
    made(*_sample(text, scheme), "-o", "w.npy")
    made(*_sample(text, scheme), "--fan-in", size, *(("--fan-out", size) * (scheme[0] == "g")), "-o", "said.npy")
    one, other = np.load("w.npy"), np.load("said.npy")
    assert one.shape == shape
    assert np.array_equal(one, other)
    assert np.abs(one).max() <= math.sqrt(6 / size if scheme[0] == "h" else 3 / size)


@pytest.mark.parametrize("shape", ["scalar", "5"])
def test_case_05_below_two_axes_torch_refuses_and_so_do_we(shape, refused):
    refused(
        *_sample(shape, "xavier_uniform"), "--layout", "torch", output="w.npy", named=f"shape = {shape} has no fans"
    )


AXES = {"w.npy": 64, "w.npz": 64, "w.safetensors": 64, "w.h5": 32}


@pytest.mark.parametrize("output", AXES)
def test_case_06_as_many_axes_as_a_format_has_and_one_more(output, made, refused):
    most = AXES[output]
    made(*_sample("x".join("1" * most)), "-o", output)
    said = refused(
        *_sample("x".join("1" * (most + 1))), output=output, named=f"not {most + 1}" if most < 64 else "65 axes"
    )
    assert str(most) in said


WRITTEN_WRONG = {
    "100x": "100x",
    "x100": "x100",
    "1e3x4": "1e3x4",
    "fullwidth digits": "１００x64",
    "fullwidth x": "100ｘ64",
    "arabic digits": "١٠x٣",
    "1_000": "1_000",
    "spaces": "10 x 6",
    "a space before": " 10x6",
    "a newline after": "10x6\n",
    "10,000 digits": "9" * 10_000,
    "10,000 zeros": "0" * 10_000,
    "empty": "",
    "comma": "10,6",
    "hexadecimal": "0xff",
    "star": "10*6",
    "capital X": "10X6",
    "plus": "+10",
    "NUL": "10\0x6",
}


@pytest.mark.parametrize("case", WRITTEN_WRONG)
def test_case_07_what_is_not_digits_between_x_is_no_shape(case, refused):
    said = refused(*_sample(WRITTEN_WRONG[case]), output="w.npy", named="shape = ")
    assert said.endswith("is not a shape")


@pytest.mark.parametrize("case", sorted(set(WRITTEN_WRONG) - {"NUL", "a newline after"}))
def test_case_07_in_a_spec_too(case, put, refused):
    put("s.toml", _spec(f'"{WRITTEN_WRONG[case]}"'))
    refused("sample", "s.toml", output="w.npy", named="s.toml, line 2: tensors.dense.kernel.shape")


SIZES = {
    "float": "64.0",
    "a float of a whole number": "1e2",
    "true": "true",
    "false": "false",
    "text": '"64"',
    "nan": "nan",
    "inf": "inf",
    "list": "[64]",
    "table": "{ n = 64 }",
    "date": "2026-11-01",
}


@pytest.mark.parametrize("case", SIZES)
def test_case_08_a_size_in_a_spec_is_a_whole_number_and_nothing_like_it(case, put, refused):
    put("s.toml", _spec(f"[4, {SIZES[case]}]"))
    refused("sample", "s.toml", output="w.npy", named="s.toml, line 2: tensors.dense.kernel.shape[1]")


@pytest.mark.parametrize("case", ["4.0", "true", '"4"', "null", "[4]"])
def test_case_08_in_json_too(case, put, refused):
    put("s.json", f'{{"tensors": {{\n"w": {{"shape": [4, {case}], "scheme": "zeros"}}}}}}')
    refused("sample", "s.json", output="w.npy", named="s.json, line 2: tensors.w.shape[1]")
