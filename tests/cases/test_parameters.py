"""Cases 9 to 16: seeds, gains, bounds and names that no scheme can take."""

import numpy as np
import pytest
from safetensors import safe_open


def _sample(scheme="he_uniform", shape="9x9", *args):
    return "sample", "--scheme", scheme, "--shape", shape, *args


@pytest.mark.parametrize("seed", ["-1", "1.5", '"7"', "true", "nan", "7.0", "1e3", "", " 7", "７", "0x7", "Random"])
def test_case_09_what_is_no_seed_is_refused(seed, refused):
    refused(*_sample(), f"--seed={seed}", output="w.npy", named="seed = ")


@pytest.mark.parametrize("seed", ["-1", "1.5", '"7"', "true", "nan", "7.0", "[7]"])
@pytest.mark.parametrize("own", [False, True], ids=["model", "tensor"])
def test_case_09_in_a_spec_too(seed, own, put, refused):
    line = f"seed = {seed}\n"
    put("s.toml", ("" if own else line) + '[tensors.w]\nshape = [3]\nscheme = "zeros"\n' + (line if own else ""))
    refused("sample", "s.toml", output="w.npy", named="seed")


LARGE = {"2^64": 2**64, "10^38": 10**38, "2^200": 2**200, "10,000 digits": "9" * 10_000}


@pytest.mark.parametrize("case", LARGE)
@pytest.mark.parametrize("command", ["sample", "probe"])
def test_case_10_a_seed_beyond_the_documented_limit_is_refused(case, command, refused):
    given = _sample() if command == "sample" else ("probe", "--depth", 2)
    refused(*given, "--seed", LARGE[case], output="w.npy" if command == "sample" else None, named="seed = ")


def test_case_10_the_greatest_seed_is_taken(made):
    made(*_sample(), "--seed", 2**64 - 1, "-o", "w.npy")
    made(*_sample(), "--seed", f"000{2**64 - 1}", "--check", "-o", "w.npy")


def test_case_11_no_seed_is_seed_0(made):
    made(*_sample(), "-o", "w.safetensors")
    made(*_sample(), "--seed", 0, "--check", "-o", "w.safetensors")


def test_case_11_a_random_seed_is_said_and_stored(made):
    said = made(*_sample(), "--seed", "random", "-o", "w.safetensors").err.splitlines()[0]
    seed = int(said.removeprefix("seed "))
    with safe_open("w.safetensors", "np") as file:
        assert f'"seed":{seed}' in file.metadata()["initgen"]
    made("verify", "w.safetensors")
    made(*_sample(), "--seed", seed, "--check", "-o", "w.safetensors")


SCALED = ["orthogonal:gain", "delta_orthogonal:gain", "xavier_uniform:gain", "xavier_normal:gain"]
SCALED += ["variance_scaling:scale", "small_init_uniform:gain"]


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "-1", "0", "-0.0", "1e400", "", "one", "１", "1_0"])
@pytest.mark.parametrize("parameter", SCALED)
def test_case_12_a_gain_is_a_number_above_0(parameter, value, refused):
    refused(*_sample(f"{parameter}={value}", "3x3x3"), output="w.npy", named=parameter.partition(":")[2])


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "true", "[1]"])
def test_case_12_in_a_spec_too(value, put, refused):
    put("s.toml", f'[tensors.w]\nshape = [3, 3]\nscheme = {{ name = "orthogonal", gain = {value} }}\n')
    refused("sample", "s.toml", output="w.npy", named="s.toml, line ")


BOUNDS = {
    "low > high": ("random_uniform:minval=1,maxval=0", "float32", "minval = 1 must be below maxval = 0"),
    "low == high": ("random_uniform:minval=1,maxval=1", "float32", "minval = 1 must be below maxval = 1"),
    "high - low overflows": ("random_uniform:minval=-1.7e308,maxval=1.7e308", "float64", "random_uniform"),
    "bounds overflow the dtype": ("random_uniform:minval=-1e39,maxval=1e39", "float32", "float32"),
    "low > high of dummies": ("dummy:low=1,high=-1", "float32", "low = 1 must be below high = -1"),
    "nan": ("random_uniform:minval=nan", "float32", "minval"),
    "inf": ("random_uniform:maxval=inf", "float32", "maxval"),
    "scale 0": ("uniform:scale=0", "float32", "scale"),
}


@pytest.mark.parametrize("case", BOUNDS)
def test_case_13_bounds_that_hold_nothing_are_refused(case, refused):
    scheme, dtype, named = BOUNDS[case]
    refused(*_sample(scheme), "--dtype", dtype, output="w.npy", named=named)


def test_case_13_bounds_whose_distance_overflows_the_dtype_are_drawn_all_the_same(made):
    """Each value is a float32; that their difference is none must not matter."""
    made(*_sample("random_uniform:minval=-3e38,maxval=3e38", "100x100"), "-o", "w.npy")
    values = np.load("w.npy")
    assert np.isfinite(values).all()
    assert values.min() < -2.9e38
    assert values.max() > 2.9e38


DEVIATIONS = {
    "std -1": ("random_normal:stddev=-1", "stddev"),
    "std 0": ("random_normal:stddev=0", "stddev"),
    "std nan": ("random_normal:stddev=nan", "stddev"),
    "std inf": ("truncated_normal:stddev=inf", "stddev"),
    "std 0 in torch": ("trunc_normal:std=0", "std"),
    "std -1 of sparse": ("sparse:std=-1", "std"),
    "a > b": ("trunc_normal:a=1,b=-1", "a = 1 must be below b = -1"),
    "a == b": ("trunc_normal:a=1,b=1", "a = 1 must be below b = 1"),
    "lower > upper": ("truncated_normal:lower=2,upper=-2", "lower"),
    "1000 sigma away": ("trunc_normal:a=1000,b=1001", "bounds 1000 to 1001"),
    "1000 sigma away in Keras": ("truncated_normal:lower=1000,upper=1001", "bounds 50 to 50.05"),
    "-1000 sigma away": ("trunc_normal:a=-1001,b=-1000", "-1001"),
}


@pytest.mark.parametrize("case", DEVIATIONS)
def test_case_14_a_deviation_or_a_truncation_that_leaves_nothing_is_refused(case, refused):
    scheme, named = DEVIATIONS[case]
    refused(*_sample(scheme, "1000x1000"), output="w.npy", named=named)


@pytest.mark.parametrize("bound", [5, 10, 30, 36])
def test_case_14_a_truncation_far_out_is_drawn_without_rejecting_anything(bound, made):
    made(*_sample(f"trunc_normal:a={bound},b={bound + 1}", "300x300"), "-o", "w.npy")
    values = np.load("w.npy")
    assert bound <= values.min() <= values.max() <= bound + 1


OVERFLOWS = {
    "float16": ("random_normal:stddev=1e6", "float16"),
    "float16, only some": ("random_normal:stddev=2e4", "float16"),
    "bfloat16": ("random_normal:stddev=1e38", "bfloat16"),
    "float8_e4m3fn": ("orthogonal:gain=1e4", "float8_e4m3fn"),
    "float8_e5m2": ("random_normal:stddev=1e5", "float8_e5m2"),
    "float32": ("xavier_uniform:gain=1e40", "float32"),
    "a constant": ("constant:value=1e5", "float16"),
    "a range of whole numbers": ("arange", "int8"),
}
VANISHES = {
    "float16": ("random_normal:stddev=1e-9", "float16"),
    "bfloat16": ("random_uniform:minval=-1e-42,maxval=1e-42", "bfloat16"),
    "float8_e4m3fn": ("random_normal:stddev=1e-5", "float8_e4m3fn"),
    "float8_e5m2": ("random_normal:stddev=1e-7", "float8_e5m2"),
    "float32": ("random_normal:stddev=1e-47", "float32"),
}


@pytest.mark.parametrize("case", OVERFLOWS)
def test_case_15_what_a_dtype_has_no_numbers_for_is_refused(case, refused):
    scheme, dtype = OVERFLOWS[case]
    shape = "300" if scheme == "arange" else "30x30"
    refused(*_sample(scheme, shape), "--dtype", dtype, output="w.safetensors", named=dtype)


@pytest.mark.parametrize("case", VANISHES)
def test_case_15_what_would_be_all_zeros_is_refused(case, refused):
    scheme, dtype = VANISHES[case]
    refused(*_sample(scheme), "--dtype", dtype, output="w.safetensors", named=dtype)


@pytest.mark.parametrize(
    ("scheme", "dtype"), [("random_normal:stddev=1e-7", "float16"), ("random_normal:stddev=1e-3", "float8_e4m3fn")]
)
def test_case_15_what_a_dtype_holds_only_coarsely_is_warned_of(scheme, dtype, run):
    done = run(*_sample(scheme), "--dtype", dtype, "-o", "w.safetensors")
    assert done.code == 0
    first = done.err.splitlines()[0]
    assert first.startswith("warning: std ")
    assert f"{dtype}'s smallest normal value" in first


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_case_15_at_the_edge_there_is_no_infinity(dtype, made):
    """The greatest normal law that is taken: not one of a million values is infinite."""
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    greatest = float(ml_dtypes.finfo(kind).max)
    made(
        *_sample(f"random_uniform:minval={-greatest},maxval={greatest}", "1000000"),
        "--dtype",
        dtype,
        "-o",
        "w.safetensors",
    )
    from initgen.checks.source import sources_of
    from initgen.formats.parts import open_parts

    (part,) = open_parts("w.safetensors")
    (source,) = sources_of(part)
    assert np.isfinite(source.whole().astype(np.float32)).all()


UNKNOWN = {
    "scheme": (("-s", "he_unifrm", "--shape", "3x3"), "unknown scheme 'he_unifrm'", "he_uniform"),
    "parameter": (("-s", "orthogonal:gian=2", "--shape", "3x3"), "'gian'", "gain"),
    "dtype": (("-s", "zeros", "--shape", "3", "--dtype", "flaot32"), "unknown dtype 'flaot32'", "float32"),
    "format": (("-s", "zeros", "--shape", "3", "--format", "safetensor"), "'safetensor'", "safetensors"),
    "stream": (("-s", "zeros", "--shape", "3", "--stream", "troch"), "'troch'", "torch"),
    "layout": (("-s", "zeros", "--shape", "3", "--layout", "kears"), "'kears'", "keras"),
    "option": (("-s", "zeros", "--shap", "3"), "--shap", "--shape"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_case_16_an_unknown_name_is_refused_with_the_nearest(case, run, snapshot):
    args, named, near = UNKNOWN[case]
    done = run("sample", *args, "-o", "w.npy")
    assert (done.code, done.out, snapshot()) == (2, b"", {})
    assert done.err.count("error: ") == 1
    assert named in done.err.splitlines()[0]
    assert near in done.err


KEYS = {
    "key": ('sede = 1\n[tensors.w]\nshape = [3]\nscheme = "zeros"', "line 1: sede:", "seed"),
    "key of a tensor": ('[tensors.w]\nshape = [3]\nshceme = "zeros"', "line 3: tensors.w.shceme:", "scheme"),
    "scheme": ('[tensors.w]\nshape = [3]\nscheme = "zreos"', "unknown scheme 'zreos'", "zeros"),
    "dtype": ('[tensors.w]\nshape = [3]\nscheme = "zeros"\ndtype = "int46"', "unknown dtype 'int46'", "int64"),
    "preset": ('preset = "lama"\n[tensors.w]\nshape = [3]', "line 1: preset: unknown preset 'lama'", "llama"),
}


@pytest.mark.parametrize("case", KEYS)
def test_case_16_in_a_spec_too(case, put, run, snapshot, says):
    text, named, near = KEYS[case]
    put("s.toml", text)
    before = snapshot()
    done = run("sample", "s.toml", "-o", "w.npy")
    assert (done.code, done.out, snapshot()) == (2, b"", before)
    says(done.err, named)
    assert done.err.splitlines()[0].startswith("error: s.toml, line ")
    assert near in done.err.splitlines()[1]
