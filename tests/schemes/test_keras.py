"""Keras' and JAX's variance scaling against formulas written out, and figures measured in Keras."""

import math

import pytest

from initgen.core.errors import BadParameter
from initgen.laws import Normal, TruncatedNormal, Uniform
from initgen.specs.tensor import tensor_spec

SHAPES = {
    (100, 64): (100, 64),
    (7, 300): (7, 300),
    (3, 3, 64, 128): (576, 1152),
    (5, 4, 8): (20, 40),
    (9,): (9, 9),
    (): (1, 1),
}
EVERY_SHAPE = pytest.mark.parametrize(("shape", "fans"), SHAPES.items(), ids=str)


def law_of(text, shape, **given):
    return tensor_spec(text, shape, **given).made


LIMITS = {
    "he_uniform": lambda fan_in, fan_out: math.sqrt(6 / fan_in),
    "lecun_uniform": lambda fan_in, fan_out: math.sqrt(3 / fan_in),
    "glorot_uniform": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
}
VARIANCES = {
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
}


@EVERY_SHAPE
@pytest.mark.parametrize("name", LIMITS)
def test_a_uniform_scheme_has_its_limit(name, shape, fans):
    law, limit = law_of(name, shape), LIMITS[name](*fans)
    assert isinstance(law, Uniform)
    assert law.support == (-law.high, law.high)
    assert law.high == pytest.approx(limit, rel=1e-15, abs=0)
    assert law.variance == pytest.approx(limit**2 / 3, rel=1e-14, abs=0)


@EVERY_SHAPE
@pytest.mark.parametrize("name", VARIANCES)
def test_a_normal_scheme_has_its_variance_after_the_cut(name, shape, fans):
    law, variance = law_of(name, shape), VARIANCES[name](*fans)
    assert isinstance(law, TruncatedNormal)
    assert law.mean == 0
    assert law.variance == pytest.approx(variance, rel=1e-12, abs=0)
    # Cut at 2 std before the correction: 2.27369 std after it, the largest value measured in keras.initializers.
    reach = 2 * math.sqrt(variance) / 0.87962566103423978
    assert law.support == pytest.approx((-reach, reach), rel=1e-15, abs=0)
    assert reach == pytest.approx(2.27369 * math.sqrt(variance), rel=2e-6, abs=0)


FANS = {"fan_in": 6.0, "fan_out": 24.0, "fan_avg": 15.0, "fan_geo_avg": 12.0}  # of a 6 by 24 matrix


@pytest.mark.parametrize("mode", FANS)
@pytest.mark.parametrize("distribution", ["uniform", "normal", "untruncated_normal", "truncated_normal"])
@pytest.mark.parametrize("scale", [1.0, 2.0, 0.1])
def test_variance_scaling_has_the_variance_scale_over_fan(mode, distribution, scale):
    law = law_of(f"variance_scaling:scale={scale},mode={mode},distribution={distribution}", (6, 24))
    kind = {"uniform": Uniform, "truncated_normal": TruncatedNormal}.get(distribution, Normal)
    assert isinstance(law, kind)
    assert law.mean == 0
    assert law.variance == pytest.approx(scale / FANS[mode], rel=1e-12, abs=0)


def test_variance_scaling_by_default_is_lecun_normal():
    assert law_of("variance_scaling", (100, 64)) == law_of("lecun_normal", (100, 64))


@pytest.mark.parametrize(
    ("name", "scale", "mode", "distribution"),
    [
        ("he_uniform", 2, "fan_in", "uniform"),
        ("he_normal", 2, "fan_in", "truncated_normal"),
        ("lecun_uniform", 1, "fan_in", "uniform"),
        ("glorot_uniform", 1, "fan_avg", "uniform"),
        ("glorot_normal", 1, "fan_avg", "truncated_normal"),
    ],
)
def test_a_named_scheme_is_its_variance_scaling(name, scale, mode, distribution):
    same = law_of(f"variance_scaling:scale={scale},mode={mode},distribution={distribution}", (30, 7))
    assert law_of(name, (30, 7)) == same


# keras.initializers and jax.nn.initializers, measured: limit in float64, or std of many draws.
def test_measured_figures_are_met():
    assert law_of("he_uniform", (512, 512)).high == pytest.approx(0.10825317547305482, rel=1e-15, abs=0)
    assert law_of("he_uniform", (1, 1)).high == pytest.approx(2.449489742783178, rel=1e-15, abs=0)
    # JAX's lecun_normal on (12, 256, 256), which counts the first axis as a window: std 0.01803 measured.
    assert law_of("lecun_normal", (12, 256, 256)).std == pytest.approx(0.01803, rel=2e-3, abs=0)
    # Keras 3.14's glorot_uniform on (512, 8, 64) and (8, 64, 512): the conv rule on attention kernels.
    assert law_of("glorot_uniform", (512, 8, 64)).std == pytest.approx(0.00737, rel=2e-3, abs=0)
    assert law_of("glorot_uniform", (8, 64, 512)).std == pytest.approx(0.02082, rel=2e-3, abs=0)
    assert law_of("glorot_uniform", (512, 512)).std == pytest.approx(0.0442, rel=2e-3, abs=0)


@pytest.mark.parametrize("mode", FANS)
def test_a_fan_of_zero_is_refused_and_a_given_one_taken(mode):
    shape = (0, 0)
    with pytest.raises(BadParameter, match="is 0, and variance_scaling divides by it"):
        law_of(f"variance_scaling:mode={mode}", shape)
    law = law_of(f"variance_scaling:mode={mode}", shape, fan_in=4, fan_out=4)
    assert law.variance == pytest.approx(0.25, rel=1e-12, abs=0)


def test_a_given_fan_takes_the_place_of_the_shapes():
    assert law_of("he_uniform", (100, 64), fan_in=6).high == pytest.approx(1)
    assert law_of("glorot_uniform", (5, 64), fan_out=1).high == pytest.approx(1)
    assert law_of("he_uniform", (3, 3, 6, 2), depthwise=True).high == pytest.approx(math.sqrt(6 / 9))
