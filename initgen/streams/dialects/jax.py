"""JAX on a CPU: what jax.random and jax.nn.initializers return.

jax/_src/random/core.py and jax/_src/nn/initializers.py. What they compile in one function is fused as XLA fuses it;
between functions, and in dtypes of 16 bits at every step, values are rounded to the dtype.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.core.params import real, word
from initgen.laws import Normal, TruncatedNormal, Uniform
from initgen.streams import rounding
from initgen.streams.dialects import threefry, xla
from initgen.streams.dialects.dialect import Call, Dialect, Drawing
from initgen.streams.dialects.fused import fma32, fma64
from initgen.streams.dialects.scaling import CUT_STD, SCALINGS

Array = NDArray[Any]
# From an array to one of its shape and dtype.
Step = Callable[[Array], Array]

# Bits that JAX draws for an element, and how many of them it keeps: the digits of a fraction below 1.
_WIDTHS = {"float32": (32, 23), "float64": (64, 52), "bfloat16": (8, 7), "float16": (16, 10)}

# How far one QR is from another; JAX has none of other dtypes.
QR_ERROR = {"float32": 1e-5, "float64": 1e-14}


class Numbers:
    """The arithmetic of one dtype in JAX: with jax_enable_x64 for float64, without it for the others."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.wide = dtype.name == "float64"
        self.kind = dtype.numpy.newbyteorder("=")
        self.sqrt2 = self.array(math.sqrt(2))
        # 1 / sqrt(2) for the bounds of a cut: XLA divides by a constant by multiplying, in bfloat16 with a float32.
        inverse = 1 / (np.float32 if dtype.name == "bfloat16" else self.kind.type)(self.sqrt2)
        self._sqrt_half = inverse if self.wide else np.float32(inverse)

    def array(self, x: float) -> Any:
        """``jnp.array(x, dtype)``."""
        return np.asarray(x, np.float64).astype(self.kind)[()]

    def scalar(self, x: float) -> Any:
        """A Python number that meets an array, or is given to a function: JAX makes it a float32 (float64) first."""
        return self.array(x if self.wide else float(np.float32(x)))

    def beside(self, x: float, toward: float) -> Any:
        """The next number from ``x`` on."""
        return np.nextafter(self.array(x), self.array(toward))

    def erf(self, x: Any) -> Any:
        """``erf(x / sqrt(2))`` of a scalar."""
        if self.wide:
            return self.array(xla.erf64(float(x) * float(self._sqrt_half)))
        return self.array(xla.erf32(float(self.array(float(np.float32(x) * self._sqrt_half)))))

    def erf_inv(self, u: Array) -> Array:
        """``lax.erf_inv``: in float32 for the dtypes below it."""
        if self.wide:
            return xla.erf_inv64(u)
        narrow: Array = xla.erf_inv32(u.astype(np.float32, copy=False)).astype(self.kind, copy=False)
        return narrow

    def flushed(self, x: Any) -> Any:
        """What XLA reads and writes: zero for a subnormal number, but of float16."""
        if self.dtype.name == "float16":
            return x
        return np.where(np.abs(x) < self.dtype.normal, np.copysign(self.kind.type(0), x), x)[()]

    def _written(self, x: Any, scale: Any) -> Any:
        """`flushed`, where numbers of this size can lead to subnormal ones."""
        return self.flushed(x) if abs(float(scale)) < self.dtype.normal * 2.0**64 else x

    def times(self, factor: Any) -> Step:
        """Multiplication by a number of the dtype."""
        read = self.flushed(factor)
        return lambda values: self._written(np.multiply(values, read, out=values), read)

    def plus(self, addend: Any) -> Step:
        """Addition of a number of the dtype."""
        read = self.flushed(addend)
        return lambda values: self._written(np.add(values, read, out=values), read)

    def sqrt(self, x: Any) -> Any:
        """``jnp.sqrt`` of a number of the dtype."""
        return np.sqrt(self.flushed(x))

    def uniform(self, low: Any, high: Any) -> Step:
        """``jax.random.uniform`` between numbers of the dtype, from fractions in [0, 1)."""
        low, high = self.flushed(low), self.flushed(high)
        width = self.flushed(high - low)

        def between(fractions: Array) -> Array:
            values: Array
            if self.dtype.itemsize == 2 or math.frexp(width)[0] == 0.5:  # a product with a power of 2 is exact
                values = fractions * width + low
            else:
                values = fma64(fractions, width, low) if self.wide else fma32(fractions, width, low)
            values = self._written(values, width)
            np.maximum(values, low, out=values)
            return values

        return between

    def normal(self) -> Step:
        """``jax.random.normal``, from fractions."""
        draw = self.uniform(self.beside(-1, 0), self.array(1))
        return lambda fractions: self.sqrt2 * self.erf_inv(draw(fractions))

    def truncated(self, lower: float, upper: float) -> Step:
        """``jax.random.truncated_normal``, from fractions."""
        low, high = self.scalar(lower), self.scalar(upper)
        draw = self.uniform(self.erf(low), self.erf(high))
        least, most = self.beside(low, math.inf), self.beside(high, -math.inf)
        return lambda fractions: np.minimum(np.maximum(self.sqrt2 * self.erf_inv(draw(fractions)), least), most)


class Elements(Drawing):
    """Elements that are drawn one by one: fractions, and what a series of steps makes of them."""

    def __init__(
        self,
        function: str,
        bits: threefry.Bits,
        key: threefry.Key,
        numbers: Numbers,
        total: int,
        steps: Sequence[Step],
    ) -> None:
        self.function = function
        self._bits, self._key, self._total = bits, key, total
        self._numbers, self._steps = numbers, steps
        self._width, self._digits = _WIDTHS[numbers.dtype.name]
        # In 16 bits there are so few fractions that all can be drawn beforehand.
        self._table = self._narrow() if numbers.dtype.itemsize == 2 else None

    def fill(self, start: int, out: Array) -> None:
        at = 0
        for words in self._bits.blocks(self._key, self._width, start, out.size, self._total):
            part = out[at : at + words.size]
            np.right_shift(words, words.dtype.type(self._width - self._digits), out=words)
            if self._table is None:
                part[...] = self._stepped(self._fractions(words))
            else:
                part[...] = self._table[words]
            at += words.size

    def _fractions(self, words: Array) -> Array:
        kind = self._numbers.kind
        one = np.ones(1, kind).view(words.dtype)[0]
        fractions: Array = np.bitwise_or(words, one, out=words).view(kind)
        np.subtract(fractions, kind.type(1), out=fractions)
        return fractions

    def _stepped(self, values: Array) -> Array:
        for step in self._steps:
            values = step(values)
        return values

    def _narrow(self) -> Array:
        kind = self._numbers.kind
        values = self._stepped((np.arange(1 << self._digits) / (1 << self._digits)).astype(kind))
        dtype = self._numbers.dtype
        return values.astype(dtype.numpy, copy=False).view(rounding.empty(0, dtype).dtype)


class Orthogonal(Drawing):
    """A normal matrix, no row of it shorter than a column, made orthogonal: all at once.

    Args:
        normal: its elements.
        tall: its shape.
        turn: from the orthogonal matrix, in the dtype, to the tensor.
    """

    def __init__(self, function: str, normal: Elements, tall: tuple[int, int], dtype: DType, turn: Step) -> None:
        self.function, self.tolerance = function, QR_ERROR[dtype.name]
        self._normal, self._tall, self._kind, self._turn = normal, tall, dtype.numpy, turn

    def fill(self, start: int, out: Array) -> None:
        matrix = np.empty(self._tall, self._kind)
        if matrix.size:
            self._normal.fill(0, matrix.reshape(-1))
            q, r = np.linalg.qr(matrix.astype(np.float64))
            matrix = q.astype(self._kind) * np.sign(np.diagonal(r)).astype(self._kind)
        out[...] = self._turn(matrix).reshape(-1)


class Jax(Dialect):
    """jax.random and jax.nn.initializers."""

    reference = "jax and jaxlib 0.10.2 on an x86-64 CPU with FMA"
    seeds = "jax.random.key takes whole numbers from -2^63 to 2^63 - 1"
    series = "tensor i, counted from 0 in the order of the spec, takes jax.random.fold_in(jax.random.key(seed), i)"
    places = (2**32,)  # the number that is folded into the key

    processors = (
        "JAX runs on a CPU with FMA (AVX2); on others, and in other versions, values may differ in their last digits.",
        "In float16, JAX runs on a CPU without AVX512-FP16, or with XLA_FLAGS=--xla_cpu_max_isa=AVX2: with it, values"
        " between given bounds, uniform and truncated, differ in their last digit.",
    )

    def __init__(self, name: str, bits: threefry.Bits, setting: str) -> None:
        self.name, self._bits = name, bits
        self.conditions = (
            f"jax_threefry_partitionable is {setting}, and the generator is threefry2x32.",
            "float64 is what JAX draws with jax_enable_x64, whose keys take all 64 bits of the seed; all other dtypes"
            " are what it draws without, whose keys take the lower 32.",
            *self.processors,
        )

    def takes(self, seed: int) -> bool:
        return -(1 << 63) <= seed < 1 << 63

    def in_series(self, calls: Sequence[Call]) -> Iterator[Call]:
        """Each call with its number as its place."""
        for number, call in enumerate(calls):
            yield replace(call, place=(number,))

    def _drawing(self, call: Call) -> Drawing:
        if call.count > self._bits.most:
            raise BadParameter(
                f"{self.name} draws at most {self._bits.most} elements, and this tensor has {call.count}"
            )
        if call.law is None:
            return self._orthogonal(call)
        function, steps = self._steps(call, Numbers(call.dtype))
        return self._elements(function, call, call.count, steps)

    def _steps(self, call: Call, numbers: Numbers) -> tuple[str, list[Step]]:
        """The function that draws a scheme, and its steps."""
        scheme, params = call.scheme, call.params
        if scheme in SCALINGS or scheme == "variance_scaling":
            return self._scaled(call, numbers)
        if scheme == "uniform":
            scale = real(params, "scale")
            steps = [numbers.uniform(numbers.array(0), numbers.array(1)), numbers.times(numbers.array(scale))]
            return _initializer(call, f"uniform({scale!r})"), steps
        if scheme == "random_normal" and not real(params, "mean"):
            std = real(params, "stddev")
            return _initializer(call, f"normal({std!r})"), [numbers.normal(), numbers.times(numbers.array(std))]
        if scheme == "truncated_normal" and not real(params, "mean"):
            std, lower, upper = (real(params, name) for name in ("stddev", "lower", "upper"))
            steps = [numbers.truncated(lower, upper), numbers.times(numbers.array(std))]
            return _initializer(call, f"truncated_normal({std!r}, lower={lower!r}, upper={upper!r})"), steps
        return self._plain(call, numbers)

    def _scaled(self, call: Call, numbers: Numbers) -> tuple[str, list[Step]]:
        if len(call.shape) < 2:
            raise BadParameter(f"jax's {call.scheme} needs a shape of two axes or more", "it takes the fans from them")
        named = SCALINGS.get(call.scheme)
        if named:
            scale, mode, distribution = named
            given = []
        else:
            scale, mode = real(call.params, "scale"), word(call.params, "mode")
            distribution = word(call.params, "distribution").removeprefix("untruncated_")
            given = [repr(scale), repr(mode), repr(distribution)]
        if call.kernel.layout == "torch":
            given += ["in_axis=1", "out_axis=0"]
        variance = numbers.array(scale / _denominator(call, mode))
        if distribution == "uniform":
            steps = [
                numbers.uniform(numbers.array(-1), numbers.array(1)),
                numbers.times(numbers.sqrt(numbers.array(3) * numbers.flushed(variance))),
            ]
        elif distribution == "normal":
            steps = [numbers.normal(), numbers.times(numbers.sqrt(variance))]
        else:
            steps = [numbers.truncated(-2, 2), numbers.times(numbers.sqrt(variance) / numbers.array(CUT_STD))]
        return _initializer(call, f"{call.scheme}({', '.join(given)})"), steps

    def _plain(self, call: Call, numbers: Numbers) -> tuple[str, list[Step]]:
        """The function of jax.random for a law."""
        law, arguments = call.law, f"{call.shape}, jnp.{call.dtype.name}"
        if isinstance(law, Uniform):
            steps = [numbers.uniform(numbers.scalar(law.low), numbers.scalar(law.high))]
            return f"jax.random.uniform({_key(call)}, {arguments}, {law.low!r}, {law.high!r})", steps
        if isinstance(law, Normal):
            steps, function = [numbers.normal()], f"jax.random.normal({_key(call)}, {arguments})"
        elif isinstance(law, TruncatedNormal):
            if call.scheme == "truncated_normal":
                lower, upper = real(call.params, "lower"), real(call.params, "upper")
            else:
                lower, upper = (law.low - law.center) / law.scale, (law.high - law.center) / law.scale
            steps = [numbers.truncated(lower, upper)]
            function = f"jax.random.truncated_normal({_key(call)}, {lower!r}, {upper!r}, {arguments})"
        else:
            raise self.refusal(call)
        steps.append(numbers.times(numbers.scalar(law.scale)))
        function += f" * {law.scale!r}"
        if law.center:
            steps.append(numbers.plus(numbers.scalar(law.center)))
            function += f" + {law.center!r}"
        return function, steps

    def _orthogonal(self, call: Call) -> Drawing:
        if call.scheme != "orthogonal":
            raise self.refusal(call)
        if call.dtype.name not in QR_ERROR:
            raise BadParameter(
                f"jax makes no orthogonal matrix of {call.dtype.name}", f"it does of {', '.join(QR_ERROR)}"
            )
        gain, axis = real(call.params, "gain"), 0 if call.kernel.layout == "torch" else -1
        cols = call.shape[axis]
        rows = math.prod(call.shape[1:] if axis == 0 else call.shape[:-1])
        numbers = Numbers(call.dtype)
        function = f"orthogonal({gain!r}{', column_axis=0' if axis == 0 else ''})"
        normal = self._elements("jax.random.normal", call, rows * cols, [numbers.normal()])
        scale = numbers.array(gain)

        def turn(tall: Array) -> Array:
            matrix: Array = scale * (tall if rows >= cols else tall.T)
            return matrix.T if axis == 0 else matrix

        tall = max(rows, cols), min(rows, cols)
        return Orthogonal(_initializer(call, function), normal, tall, call.dtype, turn)

    def _elements(self, function: str, call: Call, total: int, steps: Sequence[Step]) -> Elements:
        key = threefry.seeded(call.seed, wide=call.dtype.name == "float64")
        for number in call.place:
            key = threefry.fold_in(key, number)
        return Elements(function, self._bits, key, Numbers(call.dtype), total, steps)


def _denominator(call: Call, mode: str) -> float:
    assert call.fans is not None
    fan_in, fan_out = float(call.fans.fan_in), float(call.fans.fan_out)
    if mode == "fan_avg":
        return (fan_in + fan_out) / 2
    if mode == "fan_geo_avg":
        return math.pow(fan_in * fan_out, 0.5)  # not the same as a square root to the last bit
    return fan_in if mode == "fan_in" else fan_out


def _initializer(call: Call, function: str) -> str:
    return f"jax.nn.initializers.{function}({_key(call)}, {call.shape}, jnp.{call.dtype.name})"


def _key(call: Call) -> str:
    key = f"jax.random.key({call.seed})"
    return f"jax.random.fold_in({key}, {call.place[0]})" if call.place else key


DIALECTS: dict[str, Dialect] = {
    "jax": Jax("jax", threefry.Partitionable(), "True, as it is by default"),
    "jax-nonpartitionable": Jax("jax-nonpartitionable", threefry.Original(), "False"),
}
