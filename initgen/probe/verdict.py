"""Whether the signal survives: how it fares over all layers, and where the range of a dtype ends."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from initgen.core.dtypes import DTYPES
from initgen.probe.result import Flow, LayerSignal, Limit, Values, Verdict

# A signal is stable if over all layers its mean square stays within a factor of `STABLE`, its size within ten; or of `MOST`
# if over the deeper half of them it stays within the root of `STABLE`, which what fades or grows exponentially does not.
# Glorot with tanh falls as one over the depth, by a half in the deeper half, and trains.
STABLE, MOST = 1e2, 1e4
_DTYPES = "float16", "bfloat16", "float32"
# A dtype's end is foretold for so many layers at most.
_FORESEEN = 100_000
# The rates of both halves differ by less than this share of the second's where the signal goes on as it does.
_STEADY = 0.25


def flow(start: float, end: float, depth: int, deeper: float) -> Flow:
    """From two mean squares, or squared norms, that lie so many layers apart.

    Args:
        deeper: by how much it is multiplied over the half of the layers that is nearer to the network's output.
    """
    if not math.isfinite(end) or (end and not start):
        return Flow(math.inf, math.inf, "exploding")
    total = end / start if start else 0.0
    factor = total ** (1 / max(depth, 1))
    most = MOST if STABLE**-0.5 <= deeper <= STABLE**0.5 else STABLE
    verdict: Verdict = "exploding" if total > most else "vanishing" if total < 1 / most else "stable"
    return Flow(factor, total, verdict)


def flows(squares: Sequence[float], norms: Sequence[float], depth: int) -> tuple[Flow, Flow]:
    """Both directions, from the mean squares of activations and the squared norms of gradients at the start, in the middle
    and at the end of so many layers."""
    forward = flow(squares[0], squares[2], depth, ratio(squares[2], squares[1]))
    return forward, flow(norms[2], norms[0], depth, ratio(norms[1], norms[2]))


def ratio(over: float, under: float) -> float:
    """Of two sizes; infinite where there was nothing."""
    return over / under if under else math.inf


def limits(
    layers: Sequence[LayerSignal], forward: Flow, backward: Flow | None, depth: int, overflow: str = ""
) -> tuple[Limit, ...]:
    """Where activations and gradients leave the ranges of float16, bfloat16 and float32, or would in a deeper network.

    Args:
        overflow: the layer that was not finite any more, behind the others.
    """
    found = [
        limit
        for what, flow, series in (
            ("activations", forward, [(layer.name, _widest(layer)) for layer in layers]),
            ("gradients", backward, [(layer.name, layer.gradient) for layer in reversed(layers)]),
        )
        for limit in _of(what, flow, [(name, values) for name, values in series if values], depth)  # type: ignore[arg-type]
    ]
    if not overflow:
        return tuple(found)
    reached = {limit.dtype for limit in found if limit.layer}
    beyond = [Limit(name, "activations", "overflow", overflow, len(layers) + 1) for name in _DTYPES]
    return (*(limit for limit in found if limit.layer), *(limit for limit in beyond if limit.dtype not in reached))


def _widest(layer: LayerSignal) -> Values:
    """Its output, or what stands before the activation where that is larger."""
    before = layer.before
    return before if before and before.largest > layer.values.largest else layer.values


def _of(
    what: Literal["activations", "gradients"], flow: Flow | None, series: Sequence[tuple[str, Values]], depth: int
) -> Iterator[Limit]:
    for name in _DTYPES:
        dtype = DTYPES[name]
        for number, (layer, values) in enumerate(series, 1):
            if values.largest > dtype.largest:
                yield Limit(name, what, "overflow", layer, number)
                break
            if math.sqrt(values.square) < dtype.normal:
                yield Limit(name, what, "underflow", layer, number)
                break
        else:
            if flow and series and flow.verdict != "stable":
                yield from _foretold(name, what, [values for _, values in series], depth)


def _foretold(
    name: str, what: Literal["activations", "gradients"], series: Sequence[Values], depth: int
) -> Iterator[Limit]:
    """Where the range would end, if the signal goes on as it did in the second half, and did so all the time."""
    dtype = DTYPES[name]
    first, middle, last = series[0], series[len(series) // 2], series[-1]
    if len(series) < 4 or not (first.square and middle.square and last.square):
        return
    ways = len(series) // 2, len(series) - 1 - len(series) // 2
    rates = [
        math.log(after.square / before.square) / 2 / way
        for (before, after), way in zip(pairwise((first, middle, last)), ways, strict=True)
    ]
    if not rates[1] or abs(rates[0] / rates[1] - 1) > _STEADY:
        return
    rate = rates[1] * (len(series) / depth)  # per layer that counts
    growing = rate > 0
    room = math.log(dtype.largest / last.largest) if growing else math.log(dtype.normal**2 / last.square) / 2
    more = room / rate
    if more < _FORESEEN:
        yield Limit(name, what, "overflow" if growing else "underflow", "", depth + math.ceil(more))
