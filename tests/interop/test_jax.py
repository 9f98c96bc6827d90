"""What jax.nn.initializers draws passes `stats`, and fails it under another scheme. False alarms: see conftest."""

import importlib
from typing import Any, NamedTuple

import numpy as np
import pytest

import initgen
from initgen.core.shapes import Kernel

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def jax():
    importlib.import_module("jax.nn.initializers")
    return importlib.import_module("jax")


class Drawn(NamedTuple):
    """A function of jax.nn.initializers with its arguments, the scheme that it is, and one that it is not."""

    function: str
    given: dict[str, Any]
    scheme: str
    other: str

    def __str__(self):
        return f"{self.function} {self.scheme}"


DENSE, CONV, LONG = (260, 300), (5, 5, 32, 96), (31, 40, 64)
MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS = ("uniform", "normal", "truncated_normal")

# JAX's kaiming and xavier are its he and glorot, whose normals are cut; the schemes of those names are torch's.
NAMED = (
    Drawn("he_uniform", {}, "he_uniform", "lecun_uniform"),
    Drawn("he_normal", {}, "he_normal", "kaiming_normal"),
    Drawn("kaiming_uniform", {}, "he_uniform", "glorot_uniform"),
    Drawn("kaiming_normal", {}, "he_normal", "kaiming_normal"),
    Drawn("lecun_uniform", {}, "lecun_uniform", "he_uniform"),
    Drawn("lecun_normal", {}, "lecun_normal", "he_normal"),
    Drawn("glorot_uniform", {}, "glorot_uniform", "lecun_uniform"),
    Drawn("glorot_normal", {}, "glorot_normal", "xavier_normal"),
    Drawn("xavier_uniform", {}, "glorot_uniform", "lecun_uniform"),
    Drawn("xavier_normal", {}, "glorot_normal", "xavier_normal"),
)
SCALED = tuple(
    Drawn(
        "variance_scaling",
        {"scale": scale, "mode": mode, "distribution": distribution},
        f"variance_scaling:scale={scale},mode={mode},distribution={distribution}",
        f"variance_scaling:scale={1.1 * scale},mode={mode},distribution={distribution}",
    )
    for scale in (1.0, 0.3)
    for mode in MODES
    for distribution in DISTRIBUTIONS
)
PLAIN = (
    Drawn("uniform", {}, "uniform", "random_uniform:minval=-0.01,maxval=0.01"),
    Drawn("uniform", {"scale": 3.0}, "uniform:scale=3", "uniform:scale=3.1"),
    Drawn("normal", {}, "random_normal:stddev=0.01", "random_normal"),
    Drawn("normal", {"stddev": 0.5}, "random_normal:stddev=0.5", "truncated_normal:stddev=0.5"),
    Drawn("truncated_normal", {}, "truncated_normal:stddev=0.01", "random_normal:stddev=0.01"),
    Drawn("truncated_normal", {"stddev": 0.5}, "truncated_normal:stddev=0.5", "random_normal:stddev=0.44"),
    Drawn(
        "truncated_normal",
        {"stddev": 0.5, "lower": -1.0, "upper": 3.0},
        "truncated_normal:stddev=0.5,lower=-1,upper=3",
        "truncated_normal:stddev=0.5,lower=-1,upper=2",
    ),
)
WHOLE = (
    Drawn("orthogonal", {}, "orthogonal", "orthogonal:gain=1.0001"),
    Drawn("orthogonal", {"scale": 3.0}, "orthogonal:gain=3", "orthogonal"),
    Drawn("constant", {"value": 0.7}, "constant:value=0.7", "constant:value=0.70001"),
)


def drawn(jax, case, shape, dtype="float32"):
    initializer = getattr(jax.nn.initializers, case.function)(**case.given)
    return np.asarray(initializer(jax.random.key(1066), shape, getattr(jax.numpy, dtype)))


@pytest.mark.parametrize("shape", [DENSE, CONV, LONG], ids=str)
@pytest.mark.parametrize("case", NAMED + SCALED + PLAIN + WHOLE, ids=str)
def test_initializers_pass_as_themselves_and_fail_as_others(jax, failures, case, shape):
    w = drawn(jax, case, shape)
    assert failures(w, case.scheme) == []
    assert failures(w, case.other)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", NAMED + SCALED + PLAIN, ids=str)
def test_narrow_dtypes_pass(jax, failures, case, dtype):
    w = drawn(jax, case, (60, 70), dtype)
    assert failures(w, case.scheme) == []


def test_the_128_values_that_jax_draws_in_bfloat16_pass_as_its_own(jax, failures):
    """JAX draws from [-1, 1) in steps of 1/64 here, which moves the mean by half a step: a million values show it."""
    w = drawn(jax, NAMED[0], (1024, 1024), "bfloat16")
    assert np.unique(w.astype(np.float32)).size == 128
    assert failures(w, "he_uniform") == []
    assert failures(w * np.float32(0.98), "he_uniform")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", NAMED + SCALED + PLAIN, ids=str)
def test_weights_rounded_to_a_narrow_dtype_pass_and_others_fail(jax, failures, case, dtype):
    w = np.asarray(jax.numpy.asarray(drawn(jax, case, DENSE), getattr(jax.numpy, dtype)))
    assert failures(w, case.scheme) == []
    assert failures(w, case.other)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_value_rounded_past_the_exact_bound_is_no_fault(jax, failures, dtype):
    w = drawn(jax, NAMED[0], (512, 512)).astype(getattr(jax.numpy, dtype))
    # The bound, sqrt(6 / 512), rounds upwards in both dtypes.
    assert np.abs(w.astype(np.float64)).max() > (6 / 512) ** 0.5
    assert failures(w, "he_uniform") == []


@pytest.mark.parametrize("function", ["lecun_normal", "glorot_uniform"])
def test_stacked_layers_pass_with_the_fans_of_one(jax, failures, function):
    w = np.asarray(getattr(jax.nn.initializers, function)(batch_axis=0)(jax.random.key(3), (12, 80, 90)))
    assert failures(w, function, fan_in=80, fan_out=90) == []
    assert failures(w, function)


@pytest.mark.parametrize("shape", [(8, 8), (200, 50), (50, 200), (3, 3, 16, 64), (3, 3, 64, 16), (7, 1)], ids=str)
def test_orthogonal_passes_at_any_shape(jax, failures, shape):
    w = np.asarray(jax.nn.initializers.orthogonal(0.3)(jax.random.key(4), shape))
    assert failures(w, "orthogonal:gain=0.3") == []


@pytest.mark.parametrize("shape", [(3, 5, 8), (4, 4, 4), (3, 3, 16, 64), (2, 4, 6, 7), (3, 2, 3, 4, 4)], ids=str)
def test_delta_orthogonal_passes_and_orthogonal_does_not(jax, failures, shape):
    w = np.asarray(jax.nn.initializers.delta_orthogonal(2.0)(jax.random.key(5), shape))
    assert failures(w, "delta_orthogonal:gain=2") == []
    assert failures(w, "delta_orthogonal")
    assert failures(np.roll(w, 1, axis=0), "delta_orthogonal:gain=2")
    # The places of the zeros are theirs too.
    ours = initgen.sample("delta_orthogonal:gain=2", shape)
    np.testing.assert_array_equal(ours != 0, w != 0)


@pytest.mark.parametrize("name", ["zeros", "ones"])
def test_constants_are_jaxs_arrays(jax, name):
    theirs = np.asarray(getattr(jax.nn.initializers, name)(jax.random.key(0), (3, 2)))
    np.testing.assert_array_equal(initgen.sample(name, (3, 2)), theirs, strict=True)


@pytest.mark.parametrize(
    "shape", [(3, 4), (1, 1), (3, 4, 5), (3, 3, 4, 8), (2, 2, 2, 3, 4), (2, 3, 1, 2, 3, 2)], ids=str
)
def test_fans_are_jaxs(jax, shape):
    compute_fans = importlib.import_module("jax._src.nn.initializers")._compute_fans
    fans = Kernel("keras").fans(shape)
    assert (fans.fan_in, fans.fan_out) == compute_fans(shape)
    torch_shape = (shape[-1], shape[-2], *shape[:-2])
    assert Kernel("torch").fans(torch_shape) == fans
    fan_in, fan_out = compute_fans(torch_shape, in_axis=1, out_axis=0)
    assert (fans.fan_in, fans.fan_out) == (fan_in, fan_out)
