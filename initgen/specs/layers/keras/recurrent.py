"""Recurrent layers. Their weights are in a cell; gates stand side by side, i f c o in an LSTM, z r h in a GRU."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import msgspec

from initgen.core.errors import BadParameter
from initgen.core.shapes import Shape
from initgen.specs.layers.keras.conv import Conv1D, Conv2D, Conv3D
from initgen.specs.layers.keras.layer import (
    GLOROT,
    ORTHOGONAL,
    ZEROS,
    Held,
    KerasLayer,
    Saved,
    Sizes,
    kernel_size,
    need_axes,
    numbered,
    seedless,
    shown,
    size,
    taken,
)
from initgen.specs.layers.layer import Initializer, Turn, Weight

_FORGETTING = Initializer("unit_forget_bias")


class Gated(KerasLayer, kw_only=True):
    """What has a kernel for its input and one for its state."""

    use_bias: bool = True
    recurrent_activation: Any = "sigmoid"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: Any = None
    kernel_initializer: Initializer = GLOROT
    recurrent_initializer: Initializer = ORTHOGONAL
    bias_initializer: Initializer = ZEROS

    # Whether the generator is made before the initializers.
    early: ClassVar[bool] = False

    @property
    def generators(self) -> int:
        return int(self.seed is None)

    def seeds(self, weights: Sequence[Weight]) -> tuple[Turn, ...]:
        found = super().seeds(weights)
        last = len(found) - self.generators
        return (*found[last:], *found[:last]) if self.early else found


class Cell(Gated, kw_only=True):
    """One step of a recurrent layer."""

    units: int
    activation: Any = "tanh"
    implementation: Any = None

    gates: ClassVar[int] = 1

    @property
    def bias(self) -> tuple[Shape, Initializer]:
        """The bias's shape, and what fills it."""
        return (self.gates * self.units,), self.bias_initializer

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "units")
        wide = self.gates * self.units
        yield Weight.of("kernel", (size(inputs[0], -1), wide), self.kernel_initializer)
        yield Weight.of("recurrent_kernel", (self.units, wide), self.recurrent_initializer)
        if self.use_bias:
            shape, initializer = self.bias
            yield Weight.of("bias", shape, initializer)

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (*inputs[0][:-1], self.units)


class SimpleRNNCell(Cell, kw_only=True):
    """keras.layers.SimpleRNNCell."""

    early = True


class LSTMCell(Cell, kw_only=True):
    """keras.layers.LSTMCell: with unit_forget_bias the bias of the forget gate is one."""

    unit_forget_bias: bool = True

    gates = 4

    @property
    def bias(self) -> tuple[Shape, Initializer]:
        return (4 * self.units,), forgetting(self.unit_forget_bias, self.bias_initializer)


class GRUCell(Cell, kw_only=True):
    """keras.layers.GRUCell: with reset_after there is a bias of the input and one of the state."""

    reset_after: bool = True

    gates = 3

    @property
    def bias(self) -> tuple[Shape, Initializer]:
        wide = 3 * self.units
        return ((2, wide) if self.reset_after else (wide,)), self.bias_initializer


def forgetting(unit: bool, initializer: Initializer) -> Initializer:
    """What fills the bias of an LSTM.

    Raises:
        BadParameter: ones for the forget gate, and for the others something else than zeros.
    """
    if not unit:
        return initializer
    if initializer.scheme not in ("zeros", {"name": "zeros"}):
        raise BadParameter(
            f"bias_initializer = {initializer.shown} would hold for all gates but one",
            "unit_forget_bias = false makes it hold for all",
        )
    return _FORGETTING


class Recurrent(Cell, kw_only=True):
    """A recurrent layer with a cell of its own kind."""

    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False
    use_cudnn: Any = None
    time_major: Any = None

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        if len(inputs[0]) != 2:
            raise BadParameter(f"its input {shown(inputs[0])} is not of steps and features")
        weights = tuple(self.weights(inputs))
        return [Saved("", ""), Saved("cell", f"{self.snake()}_cell", weights, seeds=self.seeds(weights))]

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (*inputs[0][:-1], self.units) if self.return_sequences else (*inputs[0][:-2], self.units)


class SimpleRNN(Recurrent, kw_only=True):
    """keras.layers.SimpleRNN."""

    early = True


class LSTM(Recurrent, kw_only=True):
    """keras.layers.LSTM."""

    unit_forget_bias: bool = True

    gates = LSTMCell.gates
    bias = LSTMCell.bias


class GRU(Recurrent, kw_only=True):
    """keras.layers.GRU."""

    reset_after: bool = True

    gates = GRUCell.gates
    bias = GRUCell.bias


class StackedRNNCells(KerasLayer, kw_only=True):
    """keras.layers.StackedRNNCells: one cell after another at each step."""

    cells: list[Held]

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        found = [Saved("", "")]
        counts: dict[str, int] = {}
        for cell in self.cells:
            stored = numbered(cell.layer.snake(), counts)
            found += cell.saved(f"cells/{stored}", cell.name if cell.layer.name else stored, inputs)
            inputs = [out] if (out := cell.layer.output(inputs)) is not None else inputs
        return found

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        out: Sizes | None = inputs[0]
        for cell in self.cells:
            out = cell.layer.output([out]) if out is not None else None
        return out


class RNN(KerasLayer, kw_only=True):
    """keras.layers.RNN around a cell."""

    cell: Held
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        return [Saved("", ""), *self.cell.saved("cell", self.cell.name, inputs)]

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        out = self.cell.layer.output(inputs)
        if out is None or self.return_sequences:
            return out
        return (*out[:-2], out[-1])


class ConvLSTM(Gated, kw_only=True):
    """An LSTM whose products are convolutions."""

    filters: int
    kernel_size: int | list[int]
    activation: Any = "tanh"
    strides: int | list[int] = 1
    padding: Literal["valid", "same"] = "valid"
    data_format: Literal["channels_last", "channels_first"] | None = None
    dilation_rate: int | list[int] = 1
    unit_forget_bias: bool = True
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False

    early = True

    rank: ClassVar[int]

    def weights(self, inputs: Sequence[Sizes]) -> Iterator[Weight]:
        self.at_least(1, "filters")
        window = kernel_size(self.kernel_size, self.rank)
        need_axes(inputs[0], self.rank + 2)
        channels, wide = size(inputs[0], 1 if self.data_format == "channels_first" else -1), 4 * self.filters
        yield Weight.of("kernel", (*window, channels, wide), self.kernel_initializer)
        yield Weight.of("recurrent_kernel", (*window, self.filters, wide), self.recurrent_initializer)
        if self.use_bias:
            yield Weight.of("bias", (wide,), forgetting(self.unit_forget_bias, self.bias_initializer))

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        weights = tuple(self.weights(inputs))
        return [Saved("", ""), Saved("cell", "conv_lstm_cell", weights, seeds=self.seeds(weights))]

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        step = (Conv1D, Conv2D, Conv3D)[self.rank - 1](
            filters=self.filters,
            kernel_size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        found = step.output([inputs[0][1:]])
        return (inputs[0][0], *found) if self.return_sequences else found


class ConvLSTM1D(ConvLSTM, kw_only=True):
    """keras.layers.ConvLSTM1D."""

    rank = 1


class ConvLSTM2D(ConvLSTM, kw_only=True):
    """keras.layers.ConvLSTM2D."""

    rank = 2


class ConvLSTM3D(ConvLSTM, kw_only=True):
    """keras.layers.ConvLSTM3D."""

    rank = 3


class Bidirectional(KerasLayer, kw_only=True):
    """keras.layers.Bidirectional: the layer forwards, and backwards the same or another.

    It makes the layer once more to go forwards and, if there is no other, to go backwards; what it was given is lost.
    """

    layer: Held
    backward_layer: Held | None = None
    merge_mode: Literal["concat", "sum", "mul", "ave"] | None = "concat"

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        layer = self.layer
        given = layer.saved("", "", inputs)
        if isinstance(layer.layer, SimpleRNN):  # whose config does not have the seed of its generator
            layer = Held(msgspec.structs.replace(layer.layer, seed=None))
        other = self.backward_layer or layer
        forward = layer.saved("forward_layer", f"forward_{layer.name.removeprefix('forward_')}", inputs)
        backward = other.saved("backward_layer", f"backward_{other.name.removeprefix('backward_')}", inputs)
        kept = [*backward, *forward] if self.backward_layer else [*forward, *backward]
        seeds = tuple(taken([*map(_lost, given), *kept]))
        return [Saved("", "", seeds=seeds), *seedless(forward), *seedless(backward)]

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        out = self.layer.layer.output(inputs)
        if out is None or self.merge_mode != "concat" or out[-1] is None:
            return out
        return (*out[:-1], 2 * out[-1])


def _lost(saved: Saved) -> Saved:
    """The same with nothing that its seeds fill."""
    weights = {weight.name: weight for weight in saved.weights}
    return replace(saved, seeds=tuple(each if isinstance(each, Weight) else weights[each[0]] for each in saved.seeds))


KINDS = (
    *(SimpleRNNCell, LSTMCell, GRUCell, StackedRNNCells),
    *(SimpleRNN, LSTM, GRU, RNN, Bidirectional),
    *(ConvLSTM1D, ConvLSTM2D, ConvLSTM3D),
)
