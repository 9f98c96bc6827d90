"""Recurrent layers and cells: torch/nn/modules/rnn.py. Everything in them is uniform within ±1/sqrt(hidden_size)."""

from typing import ClassVar

from initgen.specs.layers.layer import Initializer
from initgen.specs.layers.torch.module import Part, TorchLayer

_MOST_LAYERS = 10_000  # a slip of the keyboard is not to fill the memory


class _Weights(TorchLayer, kw_only=True):
    gates: ClassVar[int] = 1

    input_size: int
    hidden_size: int
    bias: bool = True
    weight_ih_initializer: Initializer | None = None
    weight_hh_initializer: Initializer | None = None
    bias_ih_initializer: Initializer | None = None
    bias_hh_initializer: Initializer | None = None

    def gate_parts(self, inputs: int, state: int, suffix: str = "") -> list[Part]:
        """The matrices from the inputs and from the state to the gates, with their biases."""
        rows, fan = self.gates * self.hidden_size, self.hidden_size
        parts = [
            Part(f"weight_ih{suffix}", (rows, inputs), "torch_bias", fan, argument="weight_ih"),
            Part(f"weight_hh{suffix}", (rows, state), "torch_bias", fan, argument="weight_hh"),
        ]
        if self.bias:
            parts += [
                Part(f"{name}{suffix}", (rows,), "torch_bias", fan, argument=name) for name in ("bias_ih", "bias_hh")
            ]
        return parts


class _Recurrent(_Weights, kw_only=True):
    num_layers: int = 1
    batch_first: bool = False
    dropout: float = 0.0
    bidirectional: bool = False

    def parts(self) -> list[Part]:
        self.at_least(1, "input_size", "hidden_size", "num_layers")
        if self.num_layers > _MOST_LAYERS:
            raise self.refuse(f"num_layers = {self.num_layers} must be at most {_MOST_LAYERS}")
        if not 0 <= self.dropout <= 1:
            raise self.refuse(f"dropout = {self.dropout} must be from 0 to 1")
        directions = ("", "_reverse") if self.bidirectional else ("",)
        parts: list[Part] = []
        inputs = self.input_size
        for layer in range(self.num_layers):
            for direction in directions:
                suffix = f"_l{layer}{direction}"
                parts += self.gate_parts(inputs, self.state, suffix) + self.projection(suffix)
            inputs = self.state * len(directions)
        return parts

    @property
    def state(self) -> int:
        """The size of what a layer puts out."""
        return self.hidden_size

    def projection(self, suffix: str) -> list[Part]:
        """What makes the output smaller than the state."""
        return []


class RNN(_Recurrent, kw_only=True):
    """torch.nn.RNN: weight_ih_l0 (hidden, in), weight_hh_l0 and so on. An initializer is for all layers and directions."""

    nonlinearity: str = "tanh"

    def parts(self) -> list[Part]:
        self.one_of("nonlinearity", "tanh", "relu")
        return super().parts()


class LSTM(_Recurrent, kw_only=True):
    """torch.nn.LSTM: as RNN, with gates i, f, g, o, and the matrices weight_hr_l0 … of a projection."""

    gates = 4

    proj_size: int = 0
    weight_hr_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        self.at_least(0, "proj_size")
        if self.proj_size >= self.hidden_size > 0:
            raise self.refuse(f"proj_size = {self.proj_size} must be below hidden_size = {self.hidden_size}")
        return super().parts()

    @property
    def state(self) -> int:
        return self.proj_size or self.hidden_size

    def projection(self, suffix: str) -> list[Part]:
        shape = (self.proj_size, self.hidden_size)
        part = Part(f"weight_hr{suffix}", shape, "torch_bias", self.hidden_size, argument="weight_hr")
        return [part] if self.proj_size else []


class GRU(_Recurrent, kw_only=True):
    """torch.nn.GRU: as RNN, with gates r, z, n."""

    gates = 3


class _Cell(_Weights, kw_only=True):
    def parts(self) -> list[Part]:
        self.at_least(0, "input_size", "hidden_size")
        return self.gate_parts(self.input_size, self.hidden_size)


class RNNCell(_Cell, kw_only=True):
    """torch.nn.RNNCell: weight_ih (hidden, in), weight_hh, bias_ih, bias_hh."""

    nonlinearity: str = "tanh"

    def parts(self) -> list[Part]:
        self.one_of("nonlinearity", "tanh", "relu")
        return super().parts()


class LSTMCell(_Cell, kw_only=True):
    """torch.nn.LSTMCell: as RNNCell, with gates i, f, g, o."""

    gates = 4


class GRUCell(_Cell, kw_only=True):
    """torch.nn.GRUCell: as RNNCell, with gates r, z, n."""

    gates = 3


KINDS: tuple[type[TorchLayer], ...] = (RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell)
