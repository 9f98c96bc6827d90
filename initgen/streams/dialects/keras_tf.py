"""Keras on TensorFlow: Philox at a counter of its own for each seed, any element without those before it.

Source: tensorflow/core/kernels/stateless_random_ops_v2_util.h, tsl/lib/random/random_distributions.h.
"""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.dtypes import DType
from initgen.core.errors import BadParameter
from initgen.streams import rounding
from initgen.streams.dialects import glibc, philox
from initgen.streams.dialects.dialect import Call, Dialect, Drawing
from initgen.streams.dialects.keras import KerasDialect, Orthogonal

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]

# Blocks of Philox that are drawn in one go, so that what a step leaves is still in the cache for the next.
_BLOCKS = 1 << 13

# How many blocks lie between the first block of an element's group and that of the next, where a number of draws that is
# not known beforehand makes a group: 256 samples for each of its elements.
_RESERVED32, _RESERVED64 = 256, 128

_LEAST = 1e-7  # what a uniform number is held above before its logarithm is taken


class KerasTF(KerasDialect):
    """KERAS_BACKEND=tensorflow, eager."""

    name = "keras-tf"
    reference = "Keras 3.15.1 on TensorFlow 2.21.0, on a CPU"
    conditions = (
        "TensorFlow runs eagerly, as Keras creates weights: tf.function(jit_compile=True) draws other numbers",
        "TensorFlow runs on a CPU: a GPU was not compared",
        "normals: glibc 2.28 to 2.40, whose logf and sincosf these are; other C libraries may differ in the last digit",
        "normals of float64: this machine's own log, sin and cos, as TensorFlow would call them",
        "orthogonal: within the tolerance but for about one square matrix in a thousand, whose last columns no two QRs "
        "agree upon, as they hardly depend on the others; others are mostly a hundred times nearer",
        "uniform float64: TensorFlow sees the bounds through float32, as Keras hands them on",
    )
    seeds = "TensorFlow takes whole numbers from -2^63 to 2^63 - 1; those that differ by 2^31 - 2 draw the same"

    def takes(self, seed: int) -> bool:
        return -(2**63) <= seed < 2**63

    def uniform(self, call: Call, low: float, high: float, function: str) -> Drawing:
        return _Uniform(call, low, high, function)

    def normal(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        return _Normal(call, mean, std, function)

    def truncated(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        return _Truncated(call, mean, std, function)

    def orthogonal(self, call: Call, gain: float, function: str) -> Drawing:
        if call.dtype.itemsize == 2:
            raise BadParameter(
                f"{self.name} draws no orthogonal {call.dtype.name}",
                "TensorFlow has no QR in bfloat16, and its float16 one is not exact enough to be compared",
            )
        tolerance = 1e-13 if call.dtype.name == "float64" else 1e-4
        return Orthogonal(call, gain, _Normal(call, 0.0, 1.0, function), tolerance, function)


class _Groups(Drawing):
    """Values that Philox makes by groups: as many of them as a block of four words gives."""

    def __init__(self, call: Call, function: str) -> None:
        self.function = function
        self._dtype = call.dtype
        self._group = 2 if call.dtype.name == "float64" else 4
        # Keras reduces the seed to 31 bits, TensorFlow scrambles it by a block of Philox with a key of its own.
        scrambled = philox.block((0x3EC8F720, 0x02461E29), (call.seed % (2**31 - 2), 0, 0, 0))
        self._key, self._upper = scrambled[:2], scrambled[2:]

    def fill(self, start: int, out: NDArray[Any]) -> None:
        at = 0
        while at < out.size:
            first, skipped = divmod(start + at, self._group)
            count = min(_BLOCKS, -(-(skipped + out.size - at) // self._group))
            values = self._values(np.arange(first, first + count, dtype=np.uint64))
            part = values.reshape(-1)[skipped : skipped + out.size - at]
            out[at : at + part.size] = part
            at += part.size

    @abstractmethod
    def _values(self, groups: NDArray[np.uint64]) -> NDArray[Any]:
        """The values of these groups, a row each, as they are stored."""

    def _words(self, blocks: NDArray[np.uint64]) -> philox.Four:
        return philox.blocks(self._key, self._upper, blocks)


class _Uniform(_Groups):
    """tf.random.stateless_uniform: bits of the mantissa, then times the width and plus the low bound, each rounded."""

    def __init__(self, call: Call, low: float, high: float, function: str) -> None:
        super().__init__(call, function)
        # tf.cast takes a Python number as float32 first.
        self._low, self._high = np.float32(low), np.float32(high)
        self._table: NDArray[Any] | None = None
        if call.dtype.itemsize == 2:
            self._table = self._all_values()

    def _all_values(self) -> NDArray[Any]:
        """What a narrow dtype can give: one value for each mantissa."""
        kind = self._dtype.numpy.newbyteorder("=")
        low, high = self._low.astype(kind), self._high.astype(kind)
        mantissas = np.arange(1 << (self._dtype.digits - 1)).astype(np.float32)
        units = (mantissas / np.float32(mantissas.size)).astype(kind)
        values: NDArray[Any] = units * (high - low) + low
        return values.astype(self._dtype.numpy, copy=False).view(rounding.empty(0, self._dtype).dtype)

    def _values(self, groups: NDArray[np.uint64]) -> NDArray[Any]:
        words = self._words(groups)
        if self._dtype.name == "float64":
            values = np.stack([_unit64(words[0], words[1]), _unit64(words[2], words[3])], axis=1)
            low, high = np.float64(self._low), np.float64(self._high)
            values *= high - low
            values += low
            return values
        if self._table is not None:
            mask = np.uint64(self._table.size - 1)
            return np.stack([self._table.take((word & mask).view(np.int64)) for word in words], axis=1)
        floats = _units32(words)
        floats *= self._high - self._low
        floats += self._low
        return floats


class _Normal(_Groups):
    """tf.random.stateless_normal: Box & Muller's pairs, the sine first, then times std and plus mean, each rounded."""

    def __init__(self, call: Call, mean: float, std: float, function: str) -> None:
        super().__init__(call, function)
        self._mean, self._std = mean, std

    def _values(self, groups: NDArray[np.uint64]) -> NDArray[Any]:
        return self._scaled(self._standard(groups))

    def _standard(self, blocks: NDArray[np.uint64]) -> NDArray[Any]:
        """Four standard normals of each block in float32, or two in float64."""
        words = self._words(blocks)
        if self._dtype.name == "float64":
            return np.stack(_pair64(_unit64(words[0], words[1]), _unit64(words[2], words[3])), axis=1)
        values = np.empty((blocks.size, 4), np.float32)
        units = _units32(words)
        for at in (0, 2):
            radius = np.sqrt(np.float32(-2) * glibc.logf(np.maximum(units[:, at], np.float32(_LEAST))))
            angle = np.multiply(units[:, at + 1], 2 * math.pi, dtype=np.float64).astype(np.float32)
            sine, cosine = glibc.sincosf(angle)
            np.multiply(sine, radius, out=values[:, at])
            np.multiply(cosine, radius, out=values[:, at + 1])
        return values

    def _scaled(self, standard: NDArray[Any]) -> NDArray[Any]:
        """Standard normals in the dtype of the call, times std, plus mean, as they are stored."""
        if self._dtype.name == "float64":
            return standard * self._std + self._mean
        std, mean = np.array([[self._std], [self._mean]], np.float32)
        if self._dtype.itemsize == 4:
            standard *= std
            standard += mean
            return standard
        std, mean = _rounded(std, self._dtype), _rounded(mean, self._dtype)
        values = _rounded(_rounded(standard, self._dtype) * std, self._dtype) + mean
        return rounding.stored(values.reshape(-1), self._dtype)


class _Truncated(_Normal):
    """tf.random.stateless_truncated_normal: each group draws pairs until all its elements are within 2."""

    def _values(self, groups: NDArray[np.uint64]) -> NDArray[Any]:
        reserved = np.uint64(_RESERVED64 if self._group == 2 else _RESERVED32)
        first = groups * reserved
        values = self._standard(first)
        inside = np.abs(values) < 2
        left = np.flatnonzero(~inside.all(axis=1))
        drawn, kept = values[left], inside[left]
        taken = 1
        while left.size:
            more = self._standard(first[left] + np.uint64(taken))
            taken += 1
            drawn = np.concatenate([drawn, more], axis=1)
            kept = np.concatenate([kept, np.abs(more) < 2], axis=1)
            # Of each row the first of those that are kept, in their order.
            order = np.argsort(~kept, axis=1, kind="stable")[:, : self._group]
            done = kept.sum(axis=1) >= self._group
            values[left[done]] = np.take_along_axis(drawn, order, axis=1)[done]
            left, drawn, kept = left[~done], drawn[~done], kept[~done]
        return self._scaled(values)


def _units32(words: philox.Four) -> Floats32:
    """From each word 23 bits, as a number from 0 to 1: a row for each block."""
    bits = np.empty((words[0].size, 4), np.uint32)
    for at, word in enumerate(words):
        bits[:, at] = word
    bits &= np.uint32(0x7FFFFF)
    bits |= np.uint32(0x3F800000)
    units = bits.view(np.float32)
    units -= np.float32(1)
    return units


def _unit64(upper: philox.Words, lower: philox.Words) -> Floats:
    """From two words 52 bits, as a number from 0 to 1."""
    bits = (upper & np.uint64(0xFFFFF)) << np.uint64(32) | lower | np.uint64(0x3FF0000000000000)
    return bits.view(np.float64) - 1.0


def _pair64(u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Box & Muller's pair by the C library, whose last digit numpy's vectors do not always have."""
    radius = np.sqrt(-2.0 * np.array([math.log(x) for x in np.maximum(u, _LEAST).tolist()]))
    angles = (2 * math.pi * v).tolist()
    return np.array([math.sin(x) for x in angles]) * radius, np.array([math.cos(x) for x in angles]) * radius


def _rounded(values: Floats32, dtype: DType) -> Floats32:
    """``values`` rounded to a narrow dtype, again in float32."""
    stored = rounding.stored(values.reshape(-1), dtype)
    return stored.view(dtype.numpy).astype(np.float32).reshape(values.shape)


DIALECTS: dict[str, Dialect] = {"keras-tf": KerasTF()}
