"""Tensor.uniform_, Tensor.normal_ and torch.nn.init.trunc_normal_ of torch on a CPU, for contiguous tensors.

Each is a `Filling` of a tensor with numbers that a generator's words decide. A generator is where it stands among its
words, and where the pair of normals ended of which it still holds the second (0: it holds none).
"""

import cmath
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.streams import rounding
from initgen.streams.dialects.cephes import log, sincos
from initgen.streams.dialects.fused import fma32, fma64
from initgen.streams.dialects.mersenne import Words

Floats = NDArray[Any]
Places = NDArray[np.intp]

# Elements that are computed in one go: what a step leaves is still in the cache when the next step takes it.
_BLOCK = 1 << 15

# Passes over a tensor that is drawn again and again. Where one draw in a hundred is accepted, some element of 2^40 is still
# missing after so many once in half a million times.
_PASSES = 4096
# After so many, half of a tensor is there where more than one draw in four hundred is accepted.
_HALF = 256


class Generator(NamedTuple):
    """Where a torch.Generator stands.

    Attributes:
        position: 32-bit words that it has given.
        spare: `position` after the words of the pair of which it holds the second normal; 0 if it holds none.
        track: of its words, for this thread's cursor.
    """

    words: Words
    position: int = 0
    spare: int = 0
    track: int = 0


class Filling(ABC):
    """One call that fills a tensor: its values are floats that the tensor's dtype holds exactly.

    Attributes:
        block: elements that are best asked for in one go.
        after: where the generator stands after it.
    """

    block = _BLOCK

    def __init__(self, generator: Generator, count: int, dtype: DType) -> None:
        self.generator, self.count, self.dtype = generator, count, dtype
        # A value of float64 takes 64 bits, every other 32.
        self.wide = dtype.name == "float64"
        self.step = 2 if self.wide else 1

    @property
    @abstractmethod
    def after(self) -> Generator: ...

    @abstractmethod
    def values(self, start: int, count: int) -> Floats:
        """Elements ``start`` to ``start + count``: float64, or float32 for narrower dtypes."""

    def fill(self, start: int, out: Floats) -> None:
        """The elements from ``start`` on, as they are stored."""
        for at in range(0, out.size, self.block):
            part = out[at : at + self.block]
            values = self.values(start + at, part.size)
            if self.wide:
                part[...] = values
            else:
                rounding.store(values, self.dtype, part)

    def _drawn(self, first: int, count: int) -> NDArray[Any]:
        """The bits of as many values from element ``first`` on: 24 of each word, 53 of each pair for float64."""
        words, position, _, track = self.generator
        if self.wide:
            pairs = words.pairs(position + 2 * first, count, track)
            pairs &= np.uint64(2**53 - 1)
            return pairs.view(np.int64)
        singles = words.singles(position + first, count, track)
        singles &= np.uint32(2**24 - 1)
        return singles.view(np.int32)


class Uniform(Filling):
    """Tensor.uniform_(low, high). Source: ATen/core/TransformationHelper.h, uniform_real."""

    def __init__(self, generator: Generator, count: int, dtype: DType, low: float, high: float) -> None:
        super().__init__(generator, count, dtype)
        ends = np.array([low, high], np.float64 if self.wide else np.float32)
        self._low, self._width = float(ends[0]), float(ends[1] - ends[0])
        self._bottom, self._top = nearest(ends, dtype)
        # Then low + width * u has at most 53 digits, for u of 24 digits.
        self._exact = not self._low or 2.0**-28 * self._width <= abs(self._low) <= 16 * self._width
        last = np.array([2**53 - 1 if self.wide else 2**24 - 1])
        self._reaches = bool(nearest(self._scaled(last), dtype)[0] == self._top)

    @property
    def after(self) -> Generator:
        return self.generator._replace(position=self.generator.position + self.count * self.step)

    def values(self, start: int, count: int) -> Floats:
        return self._of(self._drawn(start, count))

    def pick(self, start: int, count: int, places: Places) -> Floats:
        """Of elements ``start`` to ``start + count`` those at ``places``, counted from ``start``."""
        return self._of(self._drawn(start, count)[places])

    def _of(self, bits: NDArray[Any]) -> Floats:
        values = nearest(self._scaled(bits), self.dtype)
        if self._reaches:
            values[values == self._top] = self._bottom
        return values

    def _scaled(self, bits: NDArray[Any]) -> Floats:
        """low + width * u, rounded once, for u = bits / 2^24 or bits / 2^53."""
        values = bits.astype(np.float64)
        if self.wide:
            values *= 2.0**-53
            return fma64(values, self._width, self._low)
        if not self._exact:
            values *= 2.0**-24
            return fma32(values.astype(np.float32), np.float32(self._width), np.float32(self._low))
        values *= 2.0**-24 * self._width
        values += self._low
        return values.astype(np.float32)


class Normal(Filling):
    """Tensor.normal_(mean, std). Source: ATen/native/cpu/DistributionTemplates.h, normal_kernel and normal_fill.

    From 16 elements on, each 16 are 8 pairs by Box and Muller: element j with j + 8. Where 16 does not divide the
    tensor, its last 16 elements are made of 16 words after those of the whole tensor.
    """

    def __init__(self, generator: Generator, count: int, dtype: DType, mean: float, std: float) -> None:
        super().__init__(generator, count, dtype)
        self._mean, self._std = mean, std
        self._apart = count % 16 > 0
        # In float32 and float64 the words that the last, incomplete 16 would take are drawn and not used.
        self._last = count if dtype.itemsize > 2 else count - count % 16

    @property
    def after(self) -> Generator:
        words, position, spare, track = self.generator
        if self.count >= 16:
            drawn = (self._last + 16 * self._apart) * self.step
            return Generator(words, position + drawn, spare, track)
        pairs = (self.count - bool(spare) + 1) // 2
        if self.count:
            spare = position + 4 * pairs if bool(spare) + 2 * pairs > self.count else 0
        return Generator(words, position + 4 * pairs, spare, track)

    def values(self, start: int, count: int) -> Floats:
        if self.count < 16:
            return self._one_by_one()[start : start + count]
        parts = []
        end, whole = start + count, self.count - 16 * self._apart
        if start < whole:
            first = start - start % 16
            bits = self._drawn(first, -(-min(end, whole) // 16) * 16 - first)
            parts.append(self._of(bits)[start - first : min(end, whole) - first])
        if end > whole:
            parts.append(self._of(self._drawn(self._last, 16))[max(start - whole, 0) : end - whole])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def pick(self, start: int, count: int, places: Places) -> Floats:
        """Of elements ``start`` to ``start + count`` those at ``places``, counted from ``start``."""
        if self.count < 16:
            return self._one_by_one()[start + places]
        values = np.empty(places.size, np.float64 if self.wide else np.float32)
        whole = self.count - 16 * self._apart
        within = places < whole - start
        if within.any():
            first = start - start % 16
            bits = self._drawn(first, -(-min(start + count, whole) // 16) * 16 - first)
            at = places[within] + (start - first)
            one = at & ~8
            both = self._pairs(bits[one], bits[one + 8])
            values[within] = self._scaled(np.where(at & 8, both[1], both[0]))
        if not within.all():
            values[~within] = self._of(self._drawn(self._last, 16))[places[~within] + (start - whole)]
        return values

    def _of(self, bits: NDArray[Any]) -> Floats:
        """Of as many bits, a multiple of 16."""
        # A row of eight moves as one item.
        rows = bits.view(f"V{8 * bits.itemsize}").reshape(-1, 2)
        pairs = self._pairs(*(np.ascontiguousarray(rows[:, half]).view(bits.dtype) for half in (0, 1)))
        values = np.empty(bits.size, pairs[0].dtype)
        rows = values.view(rows.dtype).reshape(-1, 2)
        for half in (0, 1):
            rows[:, half] = pairs[half].view(rows.dtype)
        return self._scaled(values)

    def _pairs(self, one: NDArray[Any], two: NDArray[Any]) -> tuple[Floats, Floats]:
        """Pairs of standard normals."""
        if self.wide:
            return _polar(1.0 - one * 2.0**-53, two * 2.0**-53 * (2 * math.pi), math.log)
        x = (np.int32(1 << 24) - one).astype(np.float32)
        x *= np.float32(2.0**-24)
        radius = log(x)
        radius *= np.float32(-2)
        np.sqrt(radius, out=radius)
        angle = two.astype(np.float32)
        angle *= np.float32(2 * math.pi) * np.float32(2.0**-24)
        sin, cos = sincos(angle)
        cos *= radius
        sin *= radius
        return cos, sin

    def _scaled(self, values: Floats) -> Floats:
        """mean + std * values, rounded once."""
        if self.wide:
            return fma64(values, self._std, self._mean)
        mean, std = np.float32(self._mean), np.float32(self._std)
        if mean:
            return nearest(fma32(values, std, mean), self.dtype)
        values *= std
        values += mean  # for the sign of zero
        return nearest(values, self.dtype)

    def _one_by_one(self) -> Floats:
        """All elements of a tensor that has less than 16. Source: ATen/core/DistributionsHelper.h."""
        words, position, spare, track = self.generator
        pairs = (self.count - bool(spare) + 1) // 2
        bits = words.pairs(position, 2 * pairs, track)
        if spare:
            bits = np.concatenate((words.pairs(spare - 4, 2, track), bits))
        u = (bits & np.uint64(2**53 - 1)) * 2.0**-53
        normals = np.stack(_polar(-u[1::2], u[::2] * (2 * math.pi), math.log1p), axis=1).ravel()
        normals = normals[bool(spare) :][: self.count]
        values = fma64(normals, self._std, self._mean)
        return values if self.wide else nearest(values.astype(np.float32), self.dtype)


class _Redrawn(Filling):
    """A tensor drawn again and again as a whole, until each of its elements has once been accepted.

    Which are accepted is decided by the element alone, so that any part can be drawn without the others.
    """

    block = 1 << 18  # as each pass over it changes the generator's state, which takes as long as some 2^14 words

    @property
    def after(self) -> Generator:
        starts = range(0, self.count, self.block)
        passes = max((self._span(at, min(self.block, self.count - at))[1] for at in starts), default=1)
        return self._begin(passes)._replace(track=self.generator.track)

    def values(self, start: int, count: int) -> Floats:
        return self._span(start, count)[0]

    @abstractmethod
    def _begin(self, number: int) -> Generator:
        """Where the generator stands before that pass."""

    @abstractmethod
    def _pass(self, number: int, start: int, count: int, places: Places | None) -> tuple[Floats, NDArray[np.bool_]]:
        """What a pass draws for elements ``start`` to ``start + count``, and which of it is rejected.

        Args:
            places: only these of them, counted from ``start``.
        """

    def _span(self, start: int, count: int) -> tuple[Floats, int]:
        """The elements, and after how many passes all of them are accepted."""
        drawn = [self._pass(0, at, min(_BLOCK, start + count - at), None) for at in range(start, start + count, _BLOCK)]
        values, rejected = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        pending = np.flatnonzero(rejected)
        passes = 1
        while pending.size:
            values[pending], rejected = self._pass(passes, start, count, pending)
            pending = pending[rejected]
            passes += 1
            if (passes == _HALF and pending.size > max(64, count // 2)) or (passes == _PASSES and pending.size):
                accepted = f"{count - pending.size} of {count} values"
                raise BadParameter(
                    f"after {passes} tries torch's trunc_normal_ has accepted {accepted}",
                    "it tries all places between the bounds alike: bring the outer one nearer to the mean",
                )
        return values, passes


class Redrawn(_Redrawn):
    """trunc_normal_(mean, std, low, high) where more than 0.3 of the normals lie between: those beyond are drawn again."""

    def __init__(
        self, generator: Generator, count: int, dtype: DType, mean: float, std: float, low: float, high: float
    ) -> None:
        super().__init__(generator, count, dtype)
        self._mean, self._std = mean, std
        kind = np.float64 if self.wide else np.float32
        self._low, self._high = nearest(np.array([low, high], kind), dtype)
        self._normals = [self._normal(generator)]

    def _normal(self, generator: Generator) -> Normal:
        return Normal(generator, self.count, self.dtype, self._mean, self._std)

    def _begin(self, number: int) -> Generator:
        while len(self._normals) <= number:
            after = self._normals[-1].after
            self._normals.append(self._normal(after._replace(track=after.track + 1)))
        return self._normals[number].generator

    def _pass(self, number: int, start: int, count: int, places: Places | None) -> tuple[Floats, NDArray[np.bool_]]:
        self._begin(number)
        normal = self._normals[number]
        values = normal.values(start, count) if places is None else normal.pick(start, count, places)
        return values, (values < self._low) | (values > self._high)


class Tried(_Redrawn):
    """trunc_normal_(mean, std, low, high) where at most 0.3 of the normals lie between: uniform ones, by their density."""

    def __init__(
        self, generator: Generator, count: int, dtype: DType, mean: float, std: float, low: float, high: float
    ) -> None:
        super().__init__(generator, count, dtype)
        self._mean, self._std, self._low, self._high = mean, std, low, high
        self._peak = -0.5 * ((max(low, min(mean, high)) - mean) / std) ** 2

    def _begin(self, number: int) -> Generator:
        words, position, spare, track = self.generator
        return Generator(words, position + 2 * number * self.count * self.step, spare, track + 2 * number)

    def _pass(self, number: int, start: int, count: int, places: Places | None) -> tuple[Floats, NDArray[np.bool_]]:
        begin = self._begin(number)
        candidates = Uniform(begin, self.count, self.dtype, self._low, self._high)
        chances = Uniform(candidates.after._replace(track=begin.track + 1), self.count, self.dtype, 0.0, 1.0)
        if places is None:
            values, chance = candidates.values(start, count), chances.values(start, count)
        else:
            values, chance = candidates.pick(start, count, places), chances.pick(start, count, places)
        with np.errstate(divide="ignore"):
            odds = nearest(np.log(chance.astype(np.float64)).astype(chance.dtype), self.dtype)
        return values, odds > self._density(values)

    def _density(self, values: Floats) -> Floats:
        """Its logarithm, 0 at the peak, each step rounded as torch stores it.

        torch rounds to the tensor's dtype what it subtracts, but not what it divides by.
        """
        kind, dtype = values.dtype.type, self.dtype
        mean, peak = nearest(np.array([self._mean, self._peak], kind), dtype)
        with np.errstate(over="ignore"):  # float16 has no square of more than 255
            z = nearest(nearest(values - mean, dtype) / kind(self._std), dtype)
            return nearest(nearest(z * z, dtype) * kind(-0.5) - peak, dtype)


def nearest(values: Floats, dtype: DType) -> Floats:
    """Values of float32 (of float64: as they are) rounded to a narrower dtype, still as float32."""
    if dtype.itemsize > 2:
        return values
    if dtype.name == "float16":
        return values.astype(np.float16).astype(np.float32)
    bits = rounding.stored(values, dtype).astype(np.uint32)
    bits <<= np.uint32(16)
    return bits.view(np.float32)


def _polar(x: Floats, angle: Floats, log: Callable[[float], float]) -> tuple[Floats, Floats]:
    """r cos and r sin of the angle, for r = sqrt(-2 log(x)), by the functions of the system's libm.

    numpy's own differ from them in the last digit.
    """
    radius = np.sqrt(-2.0 * np.fromiter(map(log, x.tolist()), np.float64, x.size))
    pairs = np.fromiter(map(cmath.rect, radius.tolist(), angle.tolist()), np.complex128, x.size)
    return pairs.real.copy(), pairs.imag.copy()
