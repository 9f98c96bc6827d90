"""Whether the signal survives: how it fares over all layers, and where the range of a dtype ends."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from initgen.core.dtypes import DTYPES, DType
from initgen.probe.result import Flow, LayerSignal, Limit, Values, Verdict

# A signal is stable if over all layers its mean square stays within a factor of `STABLE`, its size within ten; or of `MOST`
# if that comes slowly, by less than a factor of `SLOW` per layer: Glorot with tanh falls as one over the depth, and trains.
STABLE, MOST, SLOW = 1e2, 1e4, 1.1
_DTYPES = "float16", "bfloat16", "float32"
# A dtype's end is foretold for so many layers at most.
_FORESEEN = 100_000


def flow(start: float, end: float, depth: int) -> Flow:
    """From two mean squares, or squared norms, that lie so many layers apart."""
    if not math.isfinite(end) or (end and not start):
        return Flow(math.inf, math.inf, "exploding")
    total = end / start if start else 0.0
    factor = total ** (1 / max(depth, 1))
    most = MOST if 1 / SLOW < factor < SLOW else STABLE
    verdict: Verdict = "exploding" if total > most else "vanishing" if total < 1 / most else "stable"
    return Flow(factor, total, verdict)


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
            if math.sqrt(values.square) < _smallest_normal(dtype):
                yield Limit(name, what, "underflow", layer, number)
                break
        else:
            if flow and series and flow.verdict != "stable":
                yield from _foretold(name, what, flow, series[-1][1], depth)


def _foretold(
    name: str, what: Literal["activations", "gradients"], flow: Flow, last: Values, depth: int
) -> Iterator[Limit]:
    """Where the range would end at the factor that was measured."""
    dtype = DTYPES[name]
    if not 0 < flow.factor < math.inf or not last.square:
        return
    rate = math.log(flow.factor) / 2
    growing = rate > 0
    room = (
        math.log(dtype.largest / last.largest) if growing else math.log(_smallest_normal(dtype) ** 2 / last.square) / 2
    )
    more = room / rate
    if more < _FORESEEN:
        yield Limit(name, what, "overflow" if growing else "underflow", "", depth + math.ceil(more))


def _smallest_normal(dtype: DType) -> float:
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype.numpy).smallest_normal)  # type: ignore[no-untyped-call]
