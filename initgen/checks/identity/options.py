"""What one tensor may have been made by, looked at alone."""

import math
from dataclasses import dataclass, replace

from initgen.checks.identity.candidates import COMMON, Place, Reading, readings
from initgen.checks.identity.likelihood import Fit, Ladder, coarse, fit, fitted, key_of, ladder_of, objection, trimmed
from initgen.checks.identity.result import Rejected
from initgen.checks.identity.structures import structures
from initgen.checks.measure import Measured, measure, nothing
from initgen.checks.source import Source
from initgen.core.dtypes import DType
from initgen.laws import Constant, Law, Normal, TruncatedNormal, Uniform

# What a law costs that has no name, beside what its fitted parameters lose.
NAMELESS = 2.5


@dataclass(frozen=True)
class Option:
    """A reading that a tensor allows.

    Attributes:
        fit: None for constants and structures, which hold exactly.
        nameless: whether its parameters were fitted.
    """

    reading: Reading
    fit: Fit | None
    nameless: bool = False

    @property
    def score(self) -> float:
        return self.fit.score if self.fit else 0.0


@dataclass(frozen=True)
class Tried:
    """A tensor by itself: what was measured, and what that allows."""

    measured: Measured
    options: list[Option]
    rejected: tuple[Rejected, ...] = ()
    strays: int = 0


def try_out(source: Source, place: Place, threads: int | None) -> Tried:
    """Measure a tensor, and hold all that it may be against it: structures first, whose values leave no doubt."""
    stored, dtype = source.stored, source.stored.dtype
    if dtype is None:
        return Tried(nothing(source.count), [])
    found = measure(source, threads=threads)
    if not found.count or found.finite != found.count:
        return Tried(found.settled(0, False), [])
    if found.low == found.high and (found.count > 1 or found.low in (0.0, 1.0)):  # one value alone may be drawn
        return Tried(found.settled(0, False), [Option(_constant(found.low, dtype), None)])
    options = [Option(reading, None) for reading in structures(source, found, dtype)]
    if options or dtype.whole:
        return Tried(found.settled(0, False), options)
    rest, strays = trimmed(found, dtype)
    ladder = ladder_of(rest, dtype)
    fits_of: dict[tuple[object, ...], Fit | None] = {}
    against: list[tuple[float, Rejected]] = []
    for reading in readings(stored.shape, place):
        assert isinstance(reading.made, Law)
        if coarse(reading.made, dtype):
            continue
        key = key_of(reading.made)
        if key not in fits_of:
            wrong = objection(rest, reading.made, dtype)
            fits_of[key] = None if wrong else fit(rest, reading.made, dtype, ladder)
            off = abs(math.log(rest.std / reading.made.std)) if rest.std and reading.made.std else math.inf
            if fits_of[key] is None and reading.cost <= COMMON and off < 1:
                against.append((off + reading.cost / 20, Rejected(reading, wrong or "the shape of the distribution")))
        held = fits_of[key]
        if held:
            options.append(Option(reading, held))
    options += _nameless(rest, dtype, ladder)
    nearest = tuple(rejected for _, rejected in sorted(against, key=lambda one: one[0])[:3])
    return Tried(found.settled(0, False), options, nearest, strays)


def _constant(value: float, dtype: DType) -> Reading:
    """One value, written with the digits that its dtype needs."""
    text = next(text for digits in range(1, 18) if dtype.nearest(float(text := f"{value:.{digits}g}")) == value)
    scheme = {"0": "zeros", "-0": "zeros", "1": "ones"}.get(text, f"constant:value={text}")
    return Reading(scheme, scheme, "none", Constant(value), 1.0)


def _nameless(found: Measured, dtype: DType, ladder: Ladder) -> list[Option]:
    """Laws with fitted parameters."""
    options = []
    for law, loss in fitted(found, dtype):
        held = fit(found, law, dtype, ladder)
        if held:
            reading = fitted_reading(law)
            options.append(Option(replace(reading, cost=NAMELESS - loss), held, nameless=True))
    return options


def fitted_reading(law: Law) -> Reading:
    """A law with fitted parameters, as a scheme."""
    if isinstance(law, Uniform):
        scheme = f"random_uniform:minval={law.low!r},maxval={law.high!r}"
    elif isinstance(law, TruncatedNormal):
        scheme = f"truncated_normal:stddev={law.scale!r}"
    else:
        assert isinstance(law, Normal)
        centre = f"mean={law.center!r}," if law.center else ""
        scheme = f"random_normal:{centre}stddev={law.scale!r}"
    return Reading(scheme, scheme, "none", law, 0.0, shared=False)
