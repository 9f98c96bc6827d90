"""What is measured of outputs and gradients, by sums in which nothing overflows that float32 can hold."""

import math

import numpy as np

from initgen.probe.operations.operation import Array
from initgen.probe.result import Values

# Jacobians of more elements than this cost more than the rest of the probe.
_CHEAP = 1 << 14


def values_of(x: Array) -> Values:
    """Of all values of a batch; infinite where one of them is not finite."""
    largest = float(np.abs(x).max(initial=0.0))
    if not math.isfinite(largest):
        return Values(math.nan, math.inf, math.inf, math.inf, math.inf)
    if not largest:
        return Values(0.0, 0.0, 0.0, 0.0, 0.0)
    scaled = x / largest
    mean = float(scaled.mean(dtype=np.float64))
    square = float(np.square(scaled).mean(dtype=np.float64))
    variance = max(square - mean**2, 0.0)
    if variance < 1e-3 * square:
        variance = float(np.square(scaled - mean).mean(dtype=np.float64))
    norm = largest * math.sqrt(square * (x.size / len(x)))
    return Values(mean * largest, variance * largest * largest, square * largest * largest, norm, largest)


def norm_of(x: Array) -> float:
    """The root of the sum of squares; of a gradient with respect to a weight."""
    largest = float(np.abs(x).max(initial=0.0))
    if not largest or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(float(np.square(x / largest).sum(dtype=np.float64)))


def cosine_of(x: Array) -> float | None:
    """The mean over pairs of samples, 0 and 1, 2 and 3 and so on, of the cosine between their values.

    None where there are no pairs but such with nothing but zeros.
    """
    if len(x) < 2:
        return None
    flat = x[: len(x) // 2 * 2].reshape(len(x) // 2, 2, -1)
    largest = np.abs(flat).max(axis=2, keepdims=True, initial=0.0)
    told = (largest > 0).all(axis=(1, 2))
    if not told.any():
        return None
    scaled = flat[told] / largest[told]
    lengths = np.sqrt(np.square(scaled).sum(axis=2, dtype=np.float64))
    products = (scaled[:, 0] * scaled[:, 1]).sum(axis=1, dtype=np.float64)
    return float((products / (lengths[:, 0] * lengths[:, 1])).mean())


def still_of(flat: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", axis: int) -> tuple[float, float]:
    """The share of units that lie in the flat part of the activation for every sample, and of all such values.

    Args:
        axis: that of the units.
    """
    others = tuple(each for each in range(flat.ndim) if each != axis % flat.ndim)
    return float(flat.all(axis=others).mean()), float(flat.mean())


def cheap(kernel: Array) -> bool:
    """Whether the singular values of so large a matrix may be taken."""
    return kernel.ndim == 2 and kernel.size <= _CHEAP


def condition_of(jacobian: Array) -> float | None:
    """The largest singular value over the smallest that is not zero; None where all are."""
    values = np.linalg.svd(jacobian, compute_uv=False)
    least = values[0] * max(jacobian.shape) * np.finfo(jacobian.dtype).eps
    kept = values[values > least]
    return float(kept[0] / kept[-1]) if kept.size else None
