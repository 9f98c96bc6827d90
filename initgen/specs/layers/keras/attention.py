"""Attention. The kernels of projections have three axes, whose fans are products since Keras 3.15."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape
from initgen.specs.layers.keras.layer import GENERATOR, GLOROT, ONES, ZEROS, KerasLayer, Saved, Sizes, size, taken
from initgen.specs.layers.layer import Initializer, Weight


class Projecting(KerasLayer, kw_only=True):
    """Attention with projections of its query, key and value, and of what it gives."""

    use_bias: bool = True
    use_gate: bool = False
    dropout: float = 0.0
    sliding_window: Any = None
    flash_attention: Any = None
    seed: Any = None
    kernel_initializer: Initializer = GLOROT
    bias_initializer: Initializer = ZEROS

    def projection(self, attribute: str, name: str, ins: Shape, outs: Shape) -> Saved:
        """An EinsumDense from axes of one shape to axes of another."""
        return Saved(attribute, name, tuple(self._of(ins, outs)))

    def _of(self, ins: Shape, outs: Shape) -> Iterator[Weight]:
        yield Weight.of("kernel", (*ins, *outs), self.kernel_initializer, (math.prod(ins), math.prod(outs)))
        if self.use_bias:
            yield Weight.of("bias", outs, self.bias_initializer)

    def around(self, *projections: Saved) -> list[Saved]:
        """The layer, its projections, and what it holds that has no weights.

        It copies its initializers for each projection when it is built, and they take new seeds.
        """
        order = ("query", "key", "gate", "value", "dropout", "attention_output")
        dropout = [GENERATOR] if self.seed is None and self.dropout > 0 else []
        takers = [Saved("", "dropout", seeds=tuple(dropout))]
        takers += [replace(each, seeds=self.seeds(each.weights)) for each in projections]
        takers.sort(key=lambda each: order.index(each.name))
        own = Saved("", "", seeds=(*self.seeds(()), *taken(takers)))
        return [own, *projections, Saved("_softmax", "softmax"), Saved("_dropout_layer", "dropout")]


class MultiHeadAttention(Projecting, kw_only=True):
    """keras.layers.MultiHeadAttention: it gets query, value and, if it is another tensor, key."""

    num_heads: int
    key_dim: int
    value_dim: int | None = None
    output_shape: int | list[int] | None = None
    attention_axes: int | list[int] | None = None

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        query, value, key = asked(inputs)
        self.at_least(1, "num_heads", "key_dim", *(["value_dim"] if self.value_dim else []))
        value_dim = self.value_dim or self.key_dim
        heads, values = (self.num_heads, self.key_dim), (self.num_heads, value_dim)
        gate = [self.projection("_gate_dense", "gate", (size(query, -1),), values)] if self.use_gate else []
        return self.around(
            self.projection("query_dense", "query", (size(query, -1),), heads),
            self.projection("key_dense", "key", (size(key, -1),), heads),
            self.projection("value_dense", "value", (size(value, -1),), values),
            self.projection("output_dense", "attention_output", values, self._given(query)),
            *gate,
        )

    def _given(self, query: Sizes) -> Shape:
        if not self.output_shape:
            return (size(query, -1),)
        return (self.output_shape,) if isinstance(self.output_shape, int) else tuple(self.output_shape)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (*inputs[0][:-1], *self._given(inputs[0]))


class GroupQueryAttention(Projecting, kw_only=True):
    """keras.layers.GroupQueryAttention: several heads of the query share one of key and value."""

    head_dim: int
    num_query_heads: int
    num_key_value_heads: int

    stored_class: ClassVar[str] = "GroupedQueryAttention"

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        query, value, key = asked(inputs)
        self.at_least(1, "head_dim", "num_query_heads")
        if self.num_key_value_heads < 1 or self.num_query_heads % self.num_key_value_heads:
            raise BadParameter(
                f"num_key_value_heads = {self.num_key_value_heads} does not divide the {self.num_query_heads} of the query"
            )
        width = size(query, -1)
        heads, shared = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        gate = [self.projection("_gate_dense", "gate", (width,), heads)] if self.use_gate else []
        return self.around(
            self.projection("_query_dense", "query", (width,), heads),
            self.projection("_key_dense", "key", (size(key, -1),), shared),
            self.projection("_value_dense", "value", (size(value, -1),), shared),
            self.projection("_output_dense", "attention_output", heads, (width,)),
            *gate,
        )


class Attention(KerasLayer, kw_only=True):
    """keras.layers.Attention: at most a scale, of no axes."""

    use_scale: bool = False
    score_mode: Literal["dot", "concat"] = "dot"
    dropout: float = 0.0
    seed: Any = None

    @property
    def generators(self) -> int:
        return int(self.seed is None and self.dropout > 0)

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        if self.use_scale:
            yield Weight.of("scale", (), ONES)
        if self.score_mode == "concat":
            yield Weight.of("concat_score_weight", (), ONES)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (*inputs[0][:-1], inputs[1][-1]) if len(inputs) > 1 else inputs[0]


class AdditiveAttention(KerasLayer, kw_only=True):
    """keras.layers.AdditiveAttention: a scale for each feature, glorot_uniform over its one axis."""

    use_scale: bool = True
    dropout: float = 0.0
    seed: Any = None
    score_mode: Any = None

    generators = Attention.generators

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        weights = tuple(self.weights(inputs))
        return [Saved("", "", weights, seeds=(*self.seeds(()), *((weight.name,) for weight in weights)))]

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        if self.use_scale:
            yield Weight.of("scale", (size(inputs[0], -1),), GLOROT)


def asked(inputs: Sequence[Sizes]) -> tuple[Sizes, Sizes, Sizes]:
    """Query, value and key, in the order in which Keras takes them; key is value where it is not given."""
    query, value = inputs[0], inputs[1] if len(inputs) > 1 else inputs[0]
    return query, value, inputs[2] if len(inputs) > 2 else value


KINDS = (MultiHeadAttention, GroupQueryAttention, Attention, AdditiveAttention)
