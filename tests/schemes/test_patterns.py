"""Tensors of known values: what they are, in every dtype, and that a wrong one is noticed."""

import math

import numpy as np
import pytest
from scipy import stats

import initgen
from initgen.core.dtypes import DTYPES, FLOATS
from initgen.core.errors import BadParameter
from initgen.specs.tensor import tensor_spec

# Scheme, shape, and the same by numpy.
KNOWN = [
    ("arange", (1, 512), lambda: np.arange(512.0).reshape(1, 512)),
    ("arange", (3,), lambda: np.arange(3.0)),
    ("arange", (2, 0), lambda: np.empty((2, 0))),
    ("tril", (1, 1, 33, 33), lambda: np.tril(np.ones((1, 1, 33, 33)))),
    ("tril", (3, 5), lambda: np.tril(np.ones((3, 5)))),
    ("unit_forget_bias", (8,), lambda: np.array([0, 0, 1, 1, 0, 0, 0, 0.0])),
    ("inverse_frequencies", (64,), lambda: 10000.0 ** (-np.arange(64.0) / 64)),
    ("mamba_a_log", (7, 16), lambda: np.log(np.tile(np.arange(1.0, 17.0), (7, 1)))),
]


@pytest.mark.parametrize("dtype", [dtype.name for dtype in DTYPES])
@pytest.mark.parametrize(("scheme", "shape", "wanted"), KNOWN)
def test_a_pattern_is_what_numpy_makes_of_its_definition(scheme, shape, wanted, dtype):
    wanted = wanted()
    if DTYPES[dtype].whole and scheme in ("mamba_a_log", "inverse_frequencies"):
        with pytest.raises(BadParameter, match="does not go into"):
            tensor_spec(scheme, shape, dtype=dtype)
        return
    if np.abs(wanted).max(initial=0) > DTYPES[dtype].largest:
        with pytest.raises(BadParameter, match="overflows"):
            initgen.sample(scheme, shape, dtype=dtype)
        return
    found = initgen.sample(scheme, shape, dtype=dtype)
    assert found.shape == shape
    if dtype == "float64":  # numpy's log and power may be off in the last place
        np.testing.assert_allclose(found, wanted, rtol=4.5e-16)
    else:
        assert found.tobytes() == wanted.astype(DTYPES[dtype].numpy).tobytes()


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize(("scheme", "shape"), [(scheme, shape) for scheme, shape, _ in KNOWN if math.prod(shape)])
def test_a_pattern_notices_one_wrong_value(scheme, shape, dtype):
    spec = tensor_spec(scheme, shape, dtype=dtype)
    if spec.made.largest > spec.dtype.largest:
        return
    tensor = initgen.sample(scheme, shape, dtype=dtype).astype(np.float64)
    assert all(one.holds for one in spec.made.properties(tensor, spec.dtype))
    tensor.reshape(-1)[-1] += 0.5
    assert [one.measured for one in spec.made.properties(tensor, spec.dtype)] == [1.0]


@pytest.mark.parametrize("floor", [1e-4, 0.01])
def test_time_steps_of_mamba_are_uniform_in_the_logarithm(floor):
    bias = initgen.sample(f"mamba_dt_bias:dt_floor={floor}", (20_000,), dtype="float64", seed=1)
    steps = np.log1p(np.exp(bias))
    assert steps.min() >= max(0.001, floor) * (1 - 1e-12)
    assert steps.max() <= 0.1
    above = steps[steps > floor * (1 + 1e-9)]
    if floor == 0.01:  # half of the logarithm's range: a share of 0.5 within 5 standard errors but for 6e-7
        assert abs(above.size / steps.size - 0.5) < 5 * 0.5 / math.sqrt(steps.size)
    # A false alarm in a million; sees a distance of 0.02 in the cdf.
    assert stats.kstest(above, stats.loguniform(max(0.001, floor), 0.1).cdf).pvalue > 1e-6


def test_a_spoiled_time_step_is_noticed():
    spec = tensor_spec("mamba_dt_bias", (100,))
    tensor = initgen.sample("mamba_dt_bias", (100,)).astype(np.float64)
    assert all(one.holds for one in spec.made.properties(tensor, spec.dtype))
    tensor[3] = -7.0
    assert not all(one.holds for one in spec.made.properties(tensor, spec.dtype))


@pytest.mark.parametrize(
    ("text", "shape", "said"),
    [
        ("unit_forget_bias", (6,), "4 does not divide 6"),
        ("unit_forget_bias", (2, 4), "needs rank 1"),
        ("tril", (4,), "needs rank 2"),
        ("arange", (), "needs rank 1"),
        ("mamba_dt_bias:dt_min=1,dt_max=0.5", (4,), "must be below dt_max"),
        ("mamba_dt_bias:dt_floor=0.2", (4,), "must be below dt_max"),
    ],
)
def test_a_pattern_without_an_answer_says_why(text, shape, said):
    with pytest.raises(BadParameter, match=said):
        tensor_spec(text, shape)


@pytest.mark.parametrize("dtype", [dtype.name for dtype in DTYPES if dtype.whole])
@pytest.mark.parametrize("text", ["he_uniform", "constant:value=0.5", "orthogonal", "identity:gain=0.5"])
def test_whole_numbers_are_not_drawn(text, dtype):
    with pytest.raises(BadParameter, match=f"does not go into {dtype}"):
        tensor_spec(text, (3, 3), dtype=dtype)


@pytest.mark.parametrize(("value", "dtype", "fits"), [(-1, "int8", True), (-1, "uint8", False), (-1, "bool", False)])
def test_only_signed_numbers_are_below_zero(value, dtype, fits):
    if fits:
        assert initgen.sample(f"constant:value={value}", (2,), dtype=dtype).tolist() == [value] * 2
    else:
        with pytest.raises(BadParameter, match="does not go into"):
            tensor_spec(f"constant:value={value}", (2,), dtype=dtype)


@pytest.mark.parametrize(("value", "dtype"), [(128, "int8"), (256, "uint8"), (2, "bool"), (2**40, "int32")])
def test_a_number_too_large_for_its_dtype_is_refused(value, dtype):
    with pytest.raises(BadParameter, match="overflows"):
        initgen.sample(f"constant:value={value}", (2,), dtype=dtype)
