"""What a tensor looks like, when it is not what it should be."""

import math
import re
from collections.abc import Iterator

from initgen.checks.cells import cells_for
from initgen.checks.evidence import of_distance
from initgen.checks.identity.candidates import FAR_FETCHED, Place, Reading, readings
from initgen.checks.identity.likelihood import score
from initgen.checks.measure import Measured
from initgen.core.dtypes import DType
from initgen.core.errors import InitgenError
from initgen.core.shapes import Kernel, Layout, Shape
from initgen.laws import Constant, Law, Normal, TruncatedNormal, Uniform
from initgen.schemes.keras import CUT_STD
from initgen.specs.tensor import TensorSpec

# A law is named when mean and variance are within this many standard errors, and its shape is this likely.
_CLOSE = 4.0
_LIKELY = 1e-4
# What is less likely than the likeliest by this much, as a logarithm, is left out.
_DECISIVE = math.log(1000.0)


def lookalikes(measured: Measured, shape: Shape, dtype: DType, wanted: TensorSpec | None) -> list[str]:
    """Up to three descriptions that the numbers agree with, the likeliest first; none where too few numbers tell."""
    if measured.finite != measured.count or measured.count < 100:
        return []
    if measured.low == measured.high:
        return [f"constant {measured.low:.6g}"]
    law_wanted = str(wanted.made) if wanted else ""
    found: dict[str, tuple[float, str]] = {}
    for title, law, cost in _candidates(shape, wanted):
        if found and cost > FAR_FETCHED:
            break  # where something ordinary fits, the far-fetched only confuses
        # One law under several names (torch_default is kaiming_uniform:a=√5) is said once; what was asked for is not news.
        if str(law) != law_wanted and str(law) not in found and fits(measured, law, dtype):
            found[str(law)] = score(measured, law, dtype) - cost, title
    ranked = sorted(found.values(), key=lambda one: -one[0])
    return [title for rank, title in ranked if rank > ranked[0][0] - _DECISIVE][:3]


def fits(measured: Measured, law: Law, dtype: DType) -> bool:
    """Whether bounds, moments and shape all agree with a law."""
    if isinstance(law, Constant):
        return measured.low == measured.high == dtype.nearest(law.value)
    std, n = law.std, measured.finite
    if abs(measured.mean - law.mean) > _CLOSE * std / n**0.5:
        return False
    if (
        abs(measured.spread(law.mean) / law.variance - 1)
        > _CLOSE * ((law.kurtosis - 1) / n) ** 0.5 + 0.1 * 2.0**-dtype.digits
    ):
        return False
    cells = cells_for(law, dtype, measured.low, measured.high)
    if measured.low < cells.low or measured.high > cells.high:
        return False
    return of_distance(cells.distance(measured.cells), n) > _LIKELY


def _candidates(shape: Shape, wanted: TensorSpec | None) -> Iterator[tuple[str, Law, float]]:
    """What it may be: the known mistakes first, then what is common before what is rare, each with its cost."""
    here: Layout = wanted.kernel.layout if wanted else "keras"
    if wanted and wanted.scheme.fans == "shape" and wanted.fan_in is None and wanted.fan_out is None:
        yield from ((title, law, 0.0) for title, law in _with_kernels(wanted, shape, _other(here)))
    if wanted and isinstance(wanted.made, Law):
        yield from ((title, law, 0.0) for title, law in _mistakes(wanted.title, wanted.made))
    for reading in sorted(readings(shape, Place()), key=lambda reading: _distance(reading, here)):
        if isinstance(reading.made, Law) and not isinstance(reading.made, Constant):
            yield _said(reading, here), reading.made, reading.cost


def _other(layout: Layout) -> Layout:
    return "torch" if layout == "keras" else "keras"


def _distance(reading: Reading, here: Layout) -> float:
    """How far from what one thinks of first: rare, or by the fans of another layout than the one that was asked for."""
    return reading.cost + (4.0 if reading.layout == _other(here) else 0.0)


def _said(reading: Reading, here: Layout) -> str:
    """A reading as options of the command line."""
    # Six digits, as everywhere for people.
    said = re.sub(r"\d+\.\d{6,}(e-\d+)?", lambda number: f"{float(number[0]):.6g}", reading.scheme)
    if reading.fan_out is not None:
        return f"{said} --fan-in {reading.fan_in} --fan-out {reading.fan_out}"
    if reading.fan_in is not None:
        return f"{said} --fan-in {reading.fan_in}"
    if reading.layout == _other(here):
        said += f" --layout {reading.layout}"
    return said + (" --depthwise" if reading.axes == "depthwise" else "")


def _with_kernels(wanted: TensorSpec, shape: Shape, other: Layout) -> Iterator[tuple[str, Law]]:
    """The scheme that was asked for, with the axes read otherwise."""
    here = wanted.kernel.layout
    readings = [(f"fans of the other layout: --layout {other}", Kernel(other))]
    if len(shape) > 2:
        readings += [
            ("fans of a depthwise kernel: --depthwise", Kernel(here, wanted.kernel.groups, depthwise=True)),
            ("fans of a transposed kernel: --transposed", Kernel(here, wanted.kernel.groups, transposed=True)),
        ]
    for what, kernel in readings:
        try:
            yield f"{wanted.title} with {what}", wanted.scheme.law(kernel.fans(shape), wanted.params)
        except InitgenError:
            continue


def _mistakes(title: str, law: Law) -> Iterator[tuple[str, Law]]:
    """What is known to go wrong with a law."""
    if isinstance(law, TruncatedNormal) and law.high == -law.low == 2 * law.scale:
        std = law.std
        yield (
            f"{title} without the correction for the cut (÷ {CUT_STD:.4f})",
            TruncatedNormal(0.0, std, -2 * std, 2 * std),
        )
        yield f"{title} with the correction, but not cut", Normal(0.0, law.scale)
        yield f"{title}, not cut", Normal(0.0, std)
        yield f"{title}, but uniform", Uniform(-std * 3**0.5, std * 3**0.5)
    elif isinstance(law, Normal):
        limit = law.scale * 3**0.5
        yield f"{title}, but uniform", Uniform(law.center - limit, law.center + limit)
        uncut = law.scale / CUT_STD
        yield (
            f"{title}, but cut at 2 std and corrected",
            TruncatedNormal(law.center, uncut, law.center - 2 * uncut, law.center + 2 * uncut),
        )
    elif isinstance(law, Uniform):
        yield f"{title}, but normal", Normal(law.mean, law.std)
