"""The picture of a tensor against numpy's own histogram and quantiles."""

import numpy as np
import pytest

from initgen.checks.histogram import histogram_of, quantiles_of
from initgen.checks.measure import measure
from initgen.checks.source import source_of_array
from initgen.core.dtypes import DTYPES

RNG = np.random.Generator(np.random.PCG64(11))
VALUES = {
    "uniform": RNG.uniform(-0.1, 0.1, 200_000),
    "normal": RNG.normal(0, 0.02, 200_000),
    "shifted": RNG.normal(3, 0.5, 200_000),
    "two values": RNG.integers(0, 2, 1000) * 1.0,
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", VALUES)
def test_bars_and_quantiles_are_those_of_numpy(name, dtype):
    stored = VALUES[name].astype(DTYPES[dtype].numpy)
    measured = measure(source_of_array(stored, DTYPES[dtype], "w"))
    histogram = histogram_of(measured, dtype)
    wide = stored.astype(np.float64)
    assert histogram.counts.sum() == pytest.approx(wide.size)
    assert (histogram.low, histogram.high) == (wide.min(), wide.max())
    if name == "two values":
        assert histogram.bars(2).tolist() == pytest.approx(np.histogram(wide, 2)[0].tolist())
        return
    expected = np.histogram(VALUES[name], 24, (wide.min(), wide.max()))[0]
    # A cell that meets two intervals is shared out evenly; the widest is 1/128 of its values, of bfloat16 twice that.
    edge = 0.05 if dtype == "bfloat16" or name == "shifted" else 0.02
    np.testing.assert_allclose(histogram.bars(24), expected, atol=edge * expected.max())
    quantiles = quantiles_of(measured, dtype)
    inner = (quantiles.probabilities > 0.001) & (quantiles.probabilities < 0.999)
    found = np.quantile(wide, quantiles.probabilities[inner])
    assert (abs(quantiles.values[inner] - found) <= 0.02 * wide.std() + abs(found) / 128).all()


@pytest.mark.parametrize(
    "values", [[], [1.0], [2.0, 2.0], [np.nan], [-np.inf, 1.0], [0, 1e-310, 2e-310], [-1.7e308, 1.7e308]]
)
def test_there_is_no_picture_of_values_that_are_not_apart(values):
    measured = measure(source_of_array(np.array(values, np.float64), DTYPES["float64"], "w"))
    assert histogram_of(measured, "float64") is None
    assert quantiles_of(measured, "float64") is None
