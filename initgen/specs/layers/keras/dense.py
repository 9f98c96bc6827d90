"""Dense, EinsumDense and embeddings."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from initgen.core.errors import BadParameter, quoted
from initgen.core.shapes import Shape
from initgen.specs.layers.keras.layer import GLOROT, ZEROS, KerasLayer, Sizes, shown, size
from initgen.specs.layers.layer import Initializer, Turn, Weight

_EMBEDDINGS = Initializer("random_uniform:minval=-0.05,maxval=0.05")


class Dense(KerasLayer, kw_only=True):
    """keras.layers.Dense: kernel (in, units)."""

    units: int
    use_bias: bool = True
    kernel_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "units")
        yield Weight.of("kernel", (size(inputs[0], -1), self.units), self.kernel_initializer)
        if self.use_bias:
            yield Weight.of("bias", (self.units,), self.bias_initializer)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (*inputs[0][:-1], self.units)


class EinsumDense(KerasLayer, kw_only=True):
    """keras.layers.EinsumDense: a kernel of the axes that its equation names.

    Since Keras 3.15 the fans of a kernel are the products of its input and of its output axes; before, those of a
    convolution.
    """

    equation: str
    output_shape: int | list[int | None]
    bias_axes: str | None = None
    kernel_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        before, kernel, after = self._parts
        full, own = self._sizes(inputs[0]), self._own(inputs[0])
        shape: list[int] = []
        fan_in = fan_out = 1
        for letter in kernel:
            found = full[letter] if letter in after else own.get(letter)
            if found is None:
                raise BadParameter(f"equation = {quoted(self.equation)}: the size of {letter} is not known")
            shape.append(found)
            fan_in, fan_out = (fan_in, fan_out * found) if letter in after else (fan_in * found, fan_out)
        yield Weight.of("kernel", tuple(shape), self.kernel_initializer, (fan_in, fan_out))
        if self.bias_axes:
            elided = 0 if self.equation.startswith("...") else len(inputs[0]) + 1 - len(before)
            yield Weight.of("bias", (*self._bias(full), *(1,) * elided), self.bias_initializer)

    @property
    def _parts(self) -> tuple[str, str, str]:
        found = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?", self.equation)
        if not found or (found[1], found[3]) != (found[5], found[7]) or (found[1] and found[3]):
            hint = 'like "abc,cd->abd", "...x,xy->...y" or "ab...,bc->ac..."'
            raise BadParameter(f"equation = {quoted(self.equation)} is not one that EinsumDense takes", hint)
        return found[2], found[4], found[6]

    def _own(self, sizes: Sizes) -> dict[str, int | None]:
        """The sizes of the input's letters, of which the batch has one unless it is elided on the left."""
        letters, with_batch = self._parts[0], [None, *sizes]
        if len(with_batch) < len(letters):
            raise BadParameter(f"equation = {quoted(self.equation)}: its input {shown(sizes)} has too few axes")
        aligned = with_batch[-len(letters) :] if self.equation.startswith("...") else with_batch[: len(letters)]
        return dict(zip(letters, aligned, strict=True))

    def _sizes(self, sizes: Sizes) -> dict[str, int | None]:
        """The sizes of the output's letters."""
        after = self._parts[2]
        given = [self.output_shape] if isinstance(self.output_shape, int) else list(self.output_shape)
        # output_shape leaves out the batch, which is the first letter unless that is elided on the left.
        own = self._own(sizes)
        wanted = given[-len(after) :] if self.equation.startswith("...") else [None, *given]
        if len(wanted) != len(after):
            raise BadParameter(f"output_shape = {self.output_shape} does not fit equation = {quoted(self.equation)}")
        return {
            letter: told if told is not None else own.get(letter) for letter, told in zip(after, wanted, strict=True)
        }

    def _bias(self, full: dict[str, int | None]) -> Shape:
        after = self._parts[2]
        axes = self.bias_axes or ""
        if not all(letter in after for letter in axes):
            raise BadParameter(f"bias_axes = {quoted(axes)} must be letters of the output of {quoted(self.equation)}")
        first = min(after.index(letter) for letter in axes)
        shape = [(full[letter] if letter in axes else 1) for letter in after[first:]]
        if None in shape:
            raise BadParameter(f"bias_axes = {quoted(axes)}: has an axis of no size")
        return tuple(extent for extent in shape if extent is not None)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        before, _, after = self._parts
        sizes = self._sizes(inputs[0])
        full = [sizes[letter] for letter in after]
        elided = len(inputs[0]) + 1 - len(before)
        if self.equation.startswith("..."):
            return (*inputs[0][: max(elided - 1, 0)], *full)
        return (*full[1:], *(inputs[0][-elided:] if elided else ()))


class Embedding(KerasLayer, kw_only=True):
    """keras.layers.Embedding: embeddings (input_dim, output_dim)."""

    input_dim: int
    output_dim: int
    embeddings_initializer: Initializer = _EMBEDDINGS
    mask_zero: bool = False
    input_length: Any = None

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "input_dim", "output_dim")
        yield Weight.of("embeddings", (self.input_dim, self.output_dim), self.embeddings_initializer)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (*inputs[0], self.output_dim)


class ReversibleEmbedding(Embedding, kw_only=True):
    """keras.layers.ReversibleEmbedding: where the two ways are not tied, another table (output_dim, input_dim)."""

    tie_weights: bool = True

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        yield from super().weights(inputs)
        if not self.tie_weights:
            yield Weight.of("reverse_embeddings", (self.output_dim, self.input_dim), self.embeddings_initializer)

    def seeds(self, weights: Sequence[Weight]) -> tuple[Turn, ...]:
        return (tuple(weight.name for weight in weights),)


KINDS = (Dense, EinsumDense, Embedding, ReversibleEmbedding)
