"""The ways of the frameworks to draw in 16 bits, held against what the frameworks gave and against plain enumeration.

The golden values are all that jax 0.10.2 draws (XLA on a processor with AVX512-FP16, and XLA_FLAGS=--xla_cpu_max_isa=AVX2):

    draw = lambda function, dtype: np.unique(np.asarray(function(jax.random.key(3), (1024, 1024), dtype)).view(np.uint16))
    hashlib.sha256(draw(jax.nn.initializers.he_normal(), jnp.float16).tobytes()).hexdigest()[:16]
"""

import hashlib
import itertools
import math

import ml_dtypes
import numpy as np
import pytest
import scipy.stats

from initgen.checks.cells import cells_of
from initgen.checks.drawings import drawings
from initgen.checks.evidence import of_distance
from initgen.core.dtypes import DTYPES
from initgen.laws import Normal, TruncatedNormal, Uniform
from initgen.schemes.keras import CUT_STD

STD = (2 / 1024) ** 0.5
HE_UNIFORM = Uniform(-STD * 3**0.5, STD * 3**0.5)
HE_NORMAL = TruncatedNormal(0.0, STD / CUT_STD, -2 * STD / CUT_STD, 2 * STD / CUT_STD)
LAWS = {
    "he_uniform": HE_UNIFORM,
    "uniform from 0": Uniform(0.0, 1.0),
    "uniform, off centre": Uniform(-0.3, 0.1),
    "normal": Normal(0.0, 0.02),
    "normal, off centre": Normal(1.0, 0.5),
    "he_normal": HE_NORMAL,
    "one tail": TruncatedNormal(0.0, 1.0, 1.0, 3.0),
    "cut off centre": TruncatedNormal(0.1, 0.3, -0.5, 0.7),
}
NARROW = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]


def drawn(law, dtype, how):
    """The one way of drawing whose description ends so."""
    (cells,) = (cells for cells in drawings(law, DTYPES[dtype]) if cells.drawn.partition(":")[0].endswith(how))
    return cells


@pytest.mark.parametrize(("name", "dtype"), list(itertools.product(LAWS, NARROW)))
def test_every_way_is_a_law_near_the_one_that_is_asked_for(name, dtype):
    law, of = LAWS[name], DTYPES[dtype]
    ways = list(drawings(law, of))
    assert [cells.drawn for cells in ways[:2]] == ["", "rounded to nearest"]
    assert len({cells.drawn for cells in ways}) == len(ways)
    for cells in ways:
        assert math.fsum(cells.weights) == pytest.approx(1, abs=1e-12)
        assert (np.diff(cells.values) > 0).sum() >= cells.values.size - 2  # 0 comes after -0
        mean = math.fsum(cells.weights * cells.values)
        variance = math.fsum(cells.weights * (cells.values - mean) ** 2)
        fourth = math.fsum(cells.weights * (cells.values - mean) ** 4)
        assert cells.mean == pytest.approx(mean, abs=1e-12 * law.std)
        assert cells.variance == pytest.approx(variance, rel=1e-12)
        assert cells.kurtosis == pytest.approx(fourth / variance**2, rel=1e-12)
        units = 2.0**-of.digits * (40 if name == "one tail" else 5)
        assert mean == pytest.approx(law.mean, abs=units * (law.std + abs(law.mean)))
        assert variance == pytest.approx(law.variance, rel=units)
        assert cells.beyond or cells.low <= cells.values[0]
        assert cells.beyond or cells.values[-1] <= cells.high
        assert (cells.beyond > 0) == ("Keras on torch" in cells.drawn and isinstance(law, TruncatedNormal))


# How many values there are, and the digest of their codes.
JAX = {
    ("he_uniform", "bfloat16", "jax.nn.initializers do"): (128, "520dd057c0190738"),
    ("he_uniform", "float16", "jax.nn.initializers do"): (1024, "d2c555de9196e2eb"),
    ("he_normal", "bfloat16", "jax.nn.initializers do"): (128, "d888fc954ed7dd6e"),
    ("he_normal", "float16", "jax.nn.initializers do"): (1024, "54d186f5d6e7cf4e"),
    ("he_normal", "float16", "jax.nn.initializers do, with fused operations"): (1024, "69a1094d9581f79e"),
    ("uniform, off centre", "bfloat16", "Keras on JAX do"): (128, "cdf2a3b46bc34096"),
    ("uniform, off centre", "float16", "Keras on JAX do"): (1024, "0bfed9cf15cdd1b0"),
    ("uniform, off centre", "float16", "Keras on JAX do, with fused operations"): (1024, "428d7dca08e2e8b2"),
    ("normal", "bfloat16", "Keras on JAX do"): (128, "71c7331ab252560d"),
    ("normal", "float16", "Keras on JAX do"): (1024, "448f0ba4c1c2e977"),
    ("normal, off centre", "bfloat16", "Keras on JAX do"): (128, "00542039a214eb09"),
    ("normal, off centre", "float16", "Keras on JAX do"): (1024, "3882811e135add99"),
    ("one tail", "bfloat16", "Keras on JAX do"): (76, "837a62a4d9517f99"),
    ("one tail", "float16", "Keras on JAX do"): (613, "53660736593f5e30"),
    ("one tail", "float16", "Keras on JAX do, with fused operations"): (625, "cf1bd459daa1f76a"),
}


@pytest.mark.parametrize("case", JAX, ids=str)
def test_all_values_are_those_of_jax(case):
    name, dtype, how = case
    cells = drawn(LAWS[name], dtype, how)
    codes = np.unique(cells.values.astype(DTYPES[dtype].numpy).view(np.uint16))
    assert (codes.size, hashlib.sha256(codes.tobytes()).hexdigest()[:16]) == JAX[case]
    assert cells.drawn.endswith(f": {codes.size} values")
    # Each of 128 or 1024 draws is as likely as the others.
    draws = cells.weights * 2 ** (DTYPES[dtype].digits - 1)
    np.testing.assert_array_equal(draws, np.rint(draws))


def counts(values, dtype):
    return np.bincount(values.view(np.uint16), minlength=1 << 16)


@pytest.fixture(scope="module")
def fractions():
    """Every fourth of all that torch draws of [0, 1) in float32."""
    return np.arange(1 << 22, dtype=np.float32) * np.float32(2.0**-22)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(("low", "high"), [(-0.3, 0.1), (0.0, 1.0), (-0.2449, 0.2449)])
def test_uniform_values_of_torch_are_counted(fractions, low, high, dtype):
    """No step of the cdf is off by more than three of the draws."""
    of = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16
    wide = (fractions * np.float64(high - low) + low).astype(np.float32)
    values = wide.astype(of)
    values[values == of(high)] = of(low)
    torch = drawn(Uniform(low, high), dtype, "torch.nn.init does")
    assert torch.distance(counts(values, dtype)) < 3 * 2.0**-22
    assert (torch.low, torch.high) == (float(values.min()), float(values.max()))
    fractions_rounded = fractions.astype(of)
    fractions_rounded[fractions_rounded == 1] = 0
    scaled = (fractions_rounded.astype(np.float32) * np.float32(high - low)).astype(of)
    keras = drawn(Uniform(low, high), dtype, "Keras on torch does")
    assert keras.distance(counts(scaled + of(low), dtype)) < 3 * 2.0**-22
    assert keras.distance(counts(values, dtype)) > 1e-5 or low == 0


POINTS = (np.arange(1 << 20) + 0.5) / (1 << 20)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_scaled_and_cut_values_are_those_of_dense_quantiles(dtype):
    """A quantile grid is nearer to its law than half of one of its steps."""
    of = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16
    standard = scipy.stats.norm.ppf(POINTS).astype(of)
    std = np.float32(0.02)
    scaled = (standard.astype(np.float32) * std).astype(of)
    law = LAWS["normal"]
    assert drawn(law, dtype, "then scaled").distance(counts(scaled, dtype)) < 1e-6
    assert drawn(law, dtype, "TensorFlow does").distance(counts(standard * of(std), dtype)) < 1e-6

    law = TruncatedNormal(0.0, 0.02, -0.04, 0.04)
    plain = scipy.stats.norm.ppf(POINTS, 0, 0.02).astype(of)
    kept = plain[(plain >= of(-0.04)) & (plain <= of(0.04))]
    assert drawn(law, dtype, "torch.nn.init does").distance(counts(kept, dtype)) < 3e-6
    inside = standard[abs(standard) < of(2)]
    keras = drawn(law, dtype, "Keras on torch does")
    # 0.0455^4 of the values lie outside.
    assert keras.beyond == pytest.approx((1 - inside.size / POINTS.size) ** 4, rel=0.1)
    assert keras.distance(counts((inside.astype(np.float32) * std).astype(of), dtype)) < keras.beyond + 3e-6
    assert 0.04 <= keras.high == -keras.low <= 0.04 * (1 + 2.0**-7)
    cut = scipy.stats.truncnorm.ppf(POINTS, -2, 2).astype(of)
    assert drawn(law, dtype, "TensorFlow does").distance(counts(cut * of(std), dtype)) < 1e-6


def test_what_a_framework_does_wrong_is_no_way_of_drawing():
    """torch before 2.12 leaves 1 of 500 values of bfloat16 at the bound, a hundred std out."""
    wide = TruncatedNormal(0.0, 0.02, -2.0, 2.0)
    assert not [cells for cells in drawings(wide, DTYPES["bfloat16"]) if "before 2.12" in cells.drawn]
    near = TruncatedNormal(0.0, 0.02, -0.04, 0.04)
    assert [cells for cells in drawings(near, DTYPES["bfloat16"]) if "before 2.12" in cells.drawn]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wide_dtypes_are_drawn_in_one_way(dtype):
    assert not list(drawings(LAWS["normal"], DTYPES[dtype]))


@pytest.mark.parametrize("name", ["he_uniform", "he_normal", "normal"])
def test_a_million_values_of_jax_are_not_the_law_rounded_once(name):
    """What made this file: the way itself is at no distance, the rounded law at one that has no chance."""
    law, n = LAWS[name], 1 << 20
    ways = list(drawings(law, DTYPES["bfloat16"]))
    jax = next(cells for cells in ways if "jax.nn" in cells.drawn)
    found = np.zeros(1 << 16, np.int64)
    found[jax.values.astype(ml_dtypes.bfloat16).view(np.uint16)] = np.rint(jax.weights * n)
    assert jax.distance(found) < 1e-9
    assert of_distance(cells_of(law, DTYPES["bfloat16"]).distance(found), n) < 1e-9
