"""What the charts of networks show, whatever draws them: logarithms layer by layer, and the frame around them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from initgen.core.dtypes import DTYPES

if TYPE_CHECKING:
    from initgen.probe.result import LayerSignal, NetworkSignal, Values

# Decades that a chart has at least, so that a signal that holds looks level.
_LEAST = 2.0
# The end of a dtype's range is shown where the signal comes within this share of the frame.
_NEAR = 0.35
_SHOWN = ("float16", "bfloat16")
# How many networks a chart of lines can have, each in its own colour, and what they are called in one of characters.
COLORS = 8
LETTERS = "abcdefghijklmnopqrstuvwxyz"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# Decimal logarithms; None where a number is zero, infinite or not known.
Points = tuple[float | None, ...]


@dataclass(frozen=True)
class Curve:
    """One network in one chart: at the input, then after each layer.

    Attributes:
        sizes: of the tensors that the squared norm is of; 1 where the mean square is shown.
    """

    measured: Points
    predicted: Points
    sizes: tuple[int, ...]

    @property
    def known(self) -> list[float]:
        """All that is drawn."""
        return [point for point in (*self.measured, *self.predicted) if point is not None]


@dataclass(frozen=True)
class End:
    """Where a dtype's range ends.

    Attributes:
        points: logarithms, one for each place of a curve.
    """

    words: str
    points: tuple[float, ...]


@dataclass(frozen=True)
class Chart:
    """All networks in one chart.

    Attributes:
        curves: None for a network of which nothing was measured.
        low, high: of the frame, in decades.
    """

    title: str
    curves: tuple[Curve | None, ...]
    low: float
    high: float
    ends: tuple[End, ...]

    @property
    def last(self) -> int:
        """The number of the last layer."""
        return max(len(curve.measured) for curve in self.curves if curve) - 1

    def share(self, point: float) -> float:
        """How far up in the frame a point is, from 0 to 1."""
        return (point - self.low) / (self.high - self.low)


def charts(networks: Sequence[NetworkSignal]) -> list[Chart]:
    """Activations and gradients, each if there are any."""
    drawn = (
        _chart("mean square of activations", [_activations(network) for network in networks]),
        _chart("squared norm of gradients", [_gradients(network) for network in networks]),
    )
    return [chart for chart in drawn if chart]


def _chart(title: str, curves: Sequence[Curve]) -> Chart | None:
    drawn = tuple(curve if any(point is not None for point in curve.measured) else None for curve in curves)
    known = [point for curve in drawn if curve for point in curve.known]
    if not known or all(len(curve.measured) == 1 for curve in curves):
        return None
    low, high = min(known), max(known)
    grown = max(0.0, _LEAST - (high - low)) / 2
    low, high = low - grown, high + grown
    near = _NEAR * (high - low)
    ends = [end for end in _ends(curves) if low - near < min(end.points) and max(end.points) < high + near]
    reached = [point for end in ends for point in end.points]
    low, high = min((low, *reached)), max((high, *reached))
    return Chart(title, drawn, low, high, tuple(ends))


def _activations(network: NetworkSignal) -> Curve:
    layers = network.layers
    return Curve(
        (_log(network.input.square) if network.input else None, *(_log(layer.values.square) for layer in layers)),
        (None, *(_log(layer.predicted.square) for layer in layers)),
        (1,) * (len(layers) + 1),
    )


def _gradients(network: NetworkSignal) -> Curve:
    layers, first = network.layers, network.input_gradient
    squared, mean = _squared(first), _log(first.square) if first else None
    size = 1 if squared is None or mean is None else round(10 ** (squared - mean))
    return Curve(
        (squared, *(_squared(layer.gradient) for layer in layers)),
        (None, *(_log(predicted_gradient(layer)) for layer in layers)),
        (max(size, 1), *(math.prod(layer.shape) for layer in layers)),
    )


def _squared(values: Values | None) -> float | None:
    """The logarithm of the squared norm."""
    norm = _log(values.norm) if values else None
    return None if norm is None else 2 * norm


def predicted_gradient(layer: LayerSignal) -> float | None:
    """The squared norm that theory says, whose own word is the mean square."""
    mean = layer.predicted.gradient
    return None if mean is None else mean * math.prod(layer.shape)


def _log(value: float | None) -> float | None:
    return math.log10(value) if value and 0 < value < math.inf else None


def _ends(curves: Sequence[Curve]) -> list[End]:
    """The ends of ranges, as mean squares or squared norms; none where networks of other sizes have others."""
    sizes = {curve.sizes for curve in curves}
    longest = max(sizes, key=len)
    if any(size != longest[: len(size)] for size in sizes):
        return []
    found = []
    for name in _SHOWN:
        dtype = DTYPES[name]
        for verb, value in (("overflows", dtype.largest), ("underflows", dtype.normal)):
            found.append(End(f"{name} {verb}", tuple(2 * math.log10(value) + math.log10(size) for size in longest)))
    return found


def decades(low: float, high: float, most: int) -> list[int]:
    """At most ``most`` whole exponents in a frame, equally far apart."""
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500):
        found = [exponent for exponent in range(math.ceil(low), math.floor(high) + 1) if exponent % step == 0]
        if len(found) <= most:
            return found
    return []


def places(last: int, most: int) -> list[int]:
    """The input's number, 0, and at most ``most`` - 1 numbers of layers, equally far apart but for the last."""
    steps = [base * 10**power for power in range(10) for base in (1, 2, 2.5, 5)]
    fitting = [int(step) for step in steps if step == int(step) and last / step < most]
    whole = (step for step in fitting[:4] if last % step == 0 and last > step)
    step = next(whole, fitting[0])
    # The last stands in place of a round number that it would touch.
    return [*(place for place in range(0, last, step) if last - place >= 0.6 * step), last]


def power(exponent: int) -> str:
    """A power of ten."""
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(_RAISED))
