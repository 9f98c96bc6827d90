"""numpy's default_rng: PCG64, float64 throughout, rounded to the dtype at the end."""

import math
import threading
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.core.params import real
from initgen.core.shapes import Shape
from initgen.laws import Normal, TruncatedNormal, Uniform
from initgen.streams import rounding
from initgen.streams.dialects.dialect import Call, Dialect, Drawing, Place

Floats = NDArray[np.float64]

# Values that are drawn in one go, so that what a step leaves is still in the cache for the next.
_BLOCK = 1 << 15

# Of PCG64: numpy/random/src/pcg64.
_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645

# How far orthogonal matrices of two LAPACKs, which compute in float64, are apart once they are rounded.
TOLERANCES = {"float64": 1e-13, "float32": 1e-6, "float16": 2.0**-11, "bfloat16": 2.0**-8}

# The least share of normals that a cut may leave: rejection draws one over it for each value.
_LEAST_SHARE = 1e-3


class Numpy(Dialect):
    """numpy.random.default_rng(seed): its uniform and normal, one tensor after another."""

    name = "numpy"
    reference = "numpy 2.4.6"
    conditions = (
        "any numpy since 1.17, as long as default_rng and its normal remain what they are",
        "truncated normal, which numpy does not have: batches of normals as large as the tensor, until so many lie inside",
        "orthogonal, which numpy does not have: numpy.linalg.qr of normals, signs such that R's diagonal is positive",
    )
    seeds = "numpy.random.default_rng takes whole numbers from 0"
    places = (2**64,)  # 64-bit words that were drawn before
    series = "rng = numpy.random.default_rng(seed); all tensors draw from this rng, one after another"

    def takes(self, seed: int) -> bool:
        return seed >= 0

    def _drawing(self, call: Call) -> Drawing:
        rng = Generator(call.seed)
        name = "rng" if call.place else f"numpy.random.default_rng({call.seed})"
        law = call.law
        if isinstance(law, Uniform):
            low, high = law.support
            return Linear(call, rng, low, high, f"{name}.uniform({low!r}, {high!r}, {call.shape}){_astype(call)}")
        if isinstance(law, Normal):
            function = f"{name}.normal({law.center!r}, {law.scale!r}, {call.shape}){_astype(call)}"
            return Gaussian(call, rng, law.center, law.scale, function)
        if isinstance(law, TruncatedNormal):
            if (share := _share(law)) < _LEAST_SHARE:
                raise BadParameter(
                    f"{self.name} does not draw {law}: one normal in {1 / max(share, 1e-300):.0g} lies inside",
                    f"it draws and rejects, down to one in {1 / _LEAST_SHARE:.0f}",
                )
            batch = f"{name}.normal({law.center!r}, {law.scale!r}, {call.count}){_astype(call)}"
            function = f"{batch}, again until {call.count} values are from {law.low!r} to {law.high!r}"
            return Cut(call, rng, law.center, law.scale, law.support, function)
        if call.scheme == "orthogonal":
            return _Orthogonal(call, rng, name)
        raise self.refusal(call)


class Generator:
    """numpy.random.default_rng of a seed, at any place: after so many 64-bit words of its PCG64."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def at(self, place: Place, words: int = 0) -> np.random.Generator:
        """The generator ``words`` after a place; an empty one is the beginning."""
        return np.random.Generator(np.random.PCG64(self._seed).advance(sum(place) + words))

    def place(self, rng: np.random.Generator) -> Place:
        """Where one that began here is now.

        Brown 1994, "Random Number Generation with Arbitrary Strides", backwards: bit n of the words says whether the
        two states, made equal below bit n, differ in it.
        """
        state, increment = _state(self.at(()))
        goal, _ = _state(rng)
        words, bit, multiplier = 0, 1, _MULTIPLIER
        while state != goal:
            if (state ^ goal) & bit:
                state = (state * multiplier + increment) % 2**128
                words |= bit
            increment = increment * (multiplier + 1) % 2**128
            multiplier = multiplier**2 % 2**128
            bit <<= 1
        return (words,)


def _state(rng: np.random.Generator) -> tuple[int, int]:
    """State and increment of its PCG64."""
    state: Any = rng.bit_generator.state
    return state["state"]["state"], state["state"]["inc"]


class Linear(Drawing):
    """Generator.uniform: one word for each value, so that any value is found without those before it."""

    def __init__(self, call: Call, generator: Generator, low: float, high: float, function: str) -> None:
        self._call, self._generator, self.function = call, generator, function
        self._low, self._width = low, high - low

    def fill(self, start: int, out: NDArray[Any]) -> None:
        rng = self._generator.at(self._call.place, start)
        room = np.empty(min(_BLOCK, out.size))
        for at in range(0, out.size, _BLOCK):
            part = out[at : at + _BLOCK]
            values = room[: part.size]
            rng.random(out=values)
            # Not Generator.uniform, where a compiler may fuse the two.
            values *= self._width
            values += self._low
            part[...] = cast(values, self._call.dtype)

    @property
    def end(self) -> Place:
        return (sum(self._call.place) + self._call.count,)


class _InOrder(Drawing):
    """Values of which each takes as many words as it happens to: each thread goes through them from the first on."""

    def __init__(self, call: Call, generator: Generator, function: str) -> None:
        self._call, self._generator, self.function = call, generator, function
        self._block = min(_BLOCK, call.count)
        self._cursor = threading.local()

    @abstractmethod
    def _blocks(self) -> Iterator[Floats]:
        """The values from the first on, without end."""

    def fill(self, start: int, out: NDArray[Any]) -> None:
        cursor = self._cursor
        if start < getattr(cursor, "start", start + 1):
            cursor.blocks, cursor.start, cursor.values = self._blocks(), 0, np.empty(0)
        at = 0
        while True:
            skipped = start + at - cursor.start
            part = cursor.values[skipped : skipped + out.size - at]
            out[at : at + part.size] = cast(part, self._call.dtype)
            at += part.size
            if at == out.size:
                break
            cursor.start += cursor.values.size
            cursor.values = next(cursor.blocks)


class Gaussian(_InOrder):
    """Generator.normal, by Marsaglia & Tsang's ziggurat."""

    def __init__(self, call: Call, generator: Generator, mean: float, std: float, function: str) -> None:
        super().__init__(call, generator, function)
        self._mean, self._std = mean, std

    def _blocks(self) -> Iterator[Floats]:
        yield from self._drawn(self._generator.at(self._call.place))

    def _drawn(self, rng: np.random.Generator) -> Iterator[Floats]:
        while True:
            yield self._normals(rng, self._block)

    def _normals(self, rng: np.random.Generator, count: int) -> Floats:
        values = rng.standard_normal(count)
        # Not Generator.normal, where a compiler may fuse the two.
        values *= self._std
        values += self._mean
        return values

    def _batch(self, rng: np.random.Generator) -> Iterator[Floats]:
        """As many normals as the tensor has elements, block by block."""
        for at in range(0, self._call.count, _BLOCK):
            yield self._normals(rng, min(_BLOCK, self._call.count - at))

    @property
    def end(self) -> Place:
        rng = self._generator.at(self._call.place)
        for _ in self._batch(rng):
            pass
        return self._generator.place(rng)


class Cut(Gaussian):
    """Normals of which those within the bounds are kept; drawn in batches of as many as there are to be."""

    def __init__(
        self, call: Call, generator: Generator, mean: float, std: float, bounds: tuple[float, float], function: str
    ) -> None:
        super().__init__(call, generator, mean, std, function)
        self._low, self._high = bounds

    def _blocks(self) -> Iterator[Floats]:
        for values in super()._blocks():
            yield values[self._inside(values)]

    def _inside(self, values: Floats) -> NDArray[np.bool_]:
        return (values >= self._low) & (values <= self._high)

    @property
    def end(self) -> Place:
        rng = self._generator.at(self._call.place)
        kept = 0
        while kept < self._call.count:
            kept += sum(int(self._inside(values).sum()) for values in self._batch(rng))
        return self._generator.place(rng)


class _Orthogonal(Drawing):
    """numpy.linalg.qr of a tall matrix of normals."""

    def __init__(self, call: Call, generator: Generator, name: str) -> None:
        self._call, self._generator = call, generator
        self.function = f"numpy.linalg.qr({name}.normal(size={self._tall}))"
        self.tolerance = TOLERANCES[call.dtype.name]
        self._gain = real(call.params, "gain")
        self._normals = Gaussian(call, generator, 0.0, 1.0, self.function)

    @property
    def _flat(self) -> Shape:
        shape = self._call.shape
        if self._call.kernel.layout == "torch":
            return shape[0], math.prod(shape[1:])
        return math.prod(shape[:-1]), shape[-1]

    @property
    def _tall(self) -> Shape:
        return max(self._flat), min(self._flat)

    def fill(self, start: int, out: NDArray[Any]) -> None:
        """The whole tensor."""
        rng = self._generator.at(self._call.place)
        q, r = np.linalg.qr(rng.standard_normal(self._tall))
        q *= np.sign(np.diagonal(r))
        rows, cols = self._flat
        out[...] = cast((self._gain * (q if rows >= cols else q.T)).ravel(), self._call.dtype)

    @property
    def end(self) -> Place:
        return self._normals.end


def cast(values: NDArray[Any], dtype: DType) -> NDArray[Any]:
    """``values.astype(dtype)`` as they are stored.

    float16 is rounded from float64 at once; ml_dtypes rounds bfloat16 by way of float32.
    """
    return rounding.stored(values, dtype) if dtype.name == "bfloat16" else values.astype(dtype.numpy)


def _astype(call: Call) -> str:
    return "" if call.dtype.name == "float64" else f".astype({call.dtype.name!r})"


def _share(law: TruncatedNormal) -> float:
    """Of normals, how many lie within the bounds."""
    low, high = ((bound - law.center) / law.scale / math.sqrt(2) for bound in law.support)
    if low > 0:  # by the upper tails, which have all their digits
        return (math.erfc(low) - math.erfc(high)) / 2
    return (math.erfc(-high) - math.erfc(-low)) / 2


DIALECTS: dict[str, Dialect] = {"numpy": Numpy()}
