"""Recurrent layers as Keras has them, and the way back through time."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from initgen.core.errors import BadParameter
from initgen.core.shapes import format_shape
from initgen.probe.activations import SIGMOID, TANH, Activation
from initgen.probe.operations.operation import Array, Operation, Weights

State = tuple[Array, ...]


@dataclass(frozen=True)
class Recurrent(Operation):
    """A cell that goes over (batch, steps, features): to (batch, units), or (batch, steps, units).

    Weights are kernel (features, gates × units), recurrent_kernel (units, gates × units) and bias, or none; the gates
    are in Keras' order.

    Attributes:
        return_sequences: whether each step's output is returned, in the order of the steps taken, or the last one's.
        go_backwards: from the last step to the first.
    """

    units: int
    activation: Activation = TANH
    return_sequences: bool = False
    go_backwards: bool = False

    GATES: ClassVar[int]
    STATES: ClassVar[int] = 1

    @abstractmethod
    def _step(self, given: Array, state: State, weights: Weights) -> State:
        """The next state, its output first, from the input's part of the gates (batch, gates × units), bias included."""

    @abstractmethod
    def _back(
        self, given: Array, state: State, weights: Weights, above: State, gradients: dict[str, Array]
    ) -> tuple[Array, State]:
        """The gradients with respect to ``given`` and ``state``, from those with respect to the next state.

        Adds to those of the recurrent kernel and of the bias that the recurrent part has for itself.
        """

    def forward(self, inputs: Sequence[Array], weights: Weights) -> Array:
        x = self._taken(inputs[0], weights)
        state = self._start(x)
        outputs = np.empty((*x.shape[:2], self.units), x.dtype) if self.return_sequences else None
        for step in range(x.shape[1]):
            state = self._step(self._given(x[:, step], weights), state, weights)
            if outputs is not None:
                outputs[:, step] = state[0]
        return state[0] if outputs is None else outputs

    def backward(
        self, inputs: Sequence[Array], weights: Weights, cotangent: Array
    ) -> tuple[list[Array | None], dict[str, Array]]:
        x = self._taken(inputs[0], weights)
        states = [self._start(x)]
        for step in range(x.shape[1] - 1):
            states.append(self._step(self._given(x[:, step], weights), states[-1], weights))
        gradient = np.empty(x.shape, x.dtype)
        gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
        above = tuple(np.zeros_like(part) for part in states[0])
        if not self.return_sequences:
            above = (cotangent, *above[1:])
        for step in reversed(range(x.shape[1])):
            if self.return_sequences:
                above = (above[0] + cotangent[:, step], *above[1:])
            given = self._given(x[:, step], weights)
            of_given, above = self._back(given, states.pop(), weights, above, gradients)
            gradients["kernel"] += x[:, step].T @ of_given
            if "bias" in weights:
                gradients["bias"].reshape(-1, self.GATES * self.units)[0] += of_given.sum(axis=0)
            gradient[:, step] = of_given @ weights["kernel"].T
        return [gradient[:, ::-1] if self.go_backwards else gradient], gradients

    def _taken(self, x: Array, weights: Weights) -> Array:
        """The input in the order of the steps, once its shape fits."""
        if x.ndim != 3 or not x.shape[1]:
            raise BadParameter(f"gets shape {format_shape(x.shape[1:])}, and takes steps and features")
        if x.shape[2] != len(weights["kernel"]):
            raise BadParameter(f"gets {x.shape[2]} features, and its kernel takes {len(weights['kernel'])}")
        return x[:, ::-1] if self.go_backwards else x

    def _start(self, x: Array) -> State:
        return (np.zeros((len(x), self.units), x.dtype),) * self.STATES

    def _given(self, x: Array, weights: Weights) -> Array:
        given: Array = x @ weights["kernel"]
        if "bias" in weights:
            given += weights["bias"].reshape(-1, self.GATES * self.units)[0]
        return given

    def _gates(self, x: Array) -> list[Array]:
        return np.split(x, x.shape[1] // self.units, axis=1)


@dataclass(frozen=True)
class SimpleRNN(Recurrent):
    """h' = f(x W + h U + b)."""

    GATES = 1

    def _step(self, given: Array, state: State, weights: Weights) -> State:
        return (self.activation(given + state[0] @ weights["recurrent_kernel"]),)

    def _back(
        self, given: Array, state: State, weights: Weights, above: State, gradients: dict[str, Array]
    ) -> tuple[Array, State]:
        recurrent = weights["recurrent_kernel"]
        of_sum = above[0] * self.activation.slope(given + state[0] @ recurrent)
        gradients["recurrent_kernel"] += state[0].T @ of_sum
        return of_sum, (of_sum @ recurrent.T,)


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Gates i, f, c, o: c' = σ(f) c + σ(i) g(c), h' = σ(o) g(c'). Hochreiter & Schmidhuber 1997, Gers et al. 2000."""

    recurrent_activation: Activation = SIGMOID

    GATES = 4
    STATES = 2

    def _step(self, given: Array, state: State, weights: Weights) -> State:
        held, carry = state
        i, f, c, o = self._gates(given + held @ weights["recurrent_kernel"])
        carry = self.recurrent_activation(f) * carry + self.recurrent_activation(i) * self.activation(c)
        return self.recurrent_activation(o) * self.activation(carry), carry

    def _back(
        self, given: Array, state: State, weights: Weights, above: State, gradients: dict[str, Array]
    ) -> tuple[Array, State]:
        (held, carry), recurrent = state, weights["recurrent_kernel"]
        open_, slope = self.recurrent_activation, self.recurrent_activation.slope
        i, f, c, o = self._gates(given + held @ recurrent)
        new = open_(f) * carry + open_(i) * self.activation(c)
        of_carry = above[1] + above[0] * open_(o) * self.activation.slope(new)
        of_sum = np.concatenate(
            [
                of_carry * self.activation(c) * slope(i),
                of_carry * carry * slope(f),
                of_carry * open_(i) * self.activation.slope(c),
                above[0] * self.activation(new) * slope(o),
            ],
            axis=1,
        )
        gradients["recurrent_kernel"] += held.T @ of_sum
        return of_sum, (of_sum @ recurrent.T, of_carry * open_(f))


@dataclass(frozen=True)
class GRU(Recurrent):
    """Gates z, r, h: h' = σ(z) h + (1 - σ(z)) g(candidate). Cho et al. 2014.

    Attributes:
        reset_after: the reset gate multiplies h U rather than h, and the recurrent part has a bias of its own, the second
            row of two: the version of cuDNN, and of torch.
    """

    recurrent_activation: Activation = SIGMOID
    reset_after: bool = True

    GATES = 3

    def _sums(self, given: Array, held: Array, weights: Weights) -> tuple[Array, Array, Array, Array]:
        """The gates z and r and the candidate before their activations, and what r multiplies in the candidate."""
        recurrent, split = weights["recurrent_kernel"], 2 * self.units
        if self.reset_after:
            inner = held @ recurrent
            if "bias" in weights:
                inner += weights["bias"][1]
            z, r = self._gates(given[:, :split] + inner[:, :split])
            reset = inner[:, split:]
            return z, r, given[:, split:] + self.recurrent_activation(r) * reset, reset
        z, r = self._gates(given[:, :split] + held @ recurrent[:, :split])
        candidate = given[:, split:] + (self.recurrent_activation(r) * held) @ recurrent[:, split:]
        return z, r, candidate, held

    def _step(self, given: Array, state: State, weights: Weights) -> State:
        (held,) = state
        z, _, candidate, _ = self._sums(given, held, weights)
        kept = self.recurrent_activation(z)
        return (kept * held + (1 - kept) * self.activation(candidate),)

    def _back(
        self, given: Array, state: State, weights: Weights, above: State, gradients: dict[str, Array]
    ) -> tuple[Array, State]:
        (held,), recurrent, split = state, weights["recurrent_kernel"], 2 * self.units
        slope = self.recurrent_activation.slope
        z, r, candidate, reset = self._sums(given, held, weights)
        kept, open_ = self.recurrent_activation(z), self.recurrent_activation(r)
        of_candidate = above[0] * (1 - kept) * self.activation.slope(candidate)
        of_z = above[0] * (held - self.activation(candidate)) * slope(z)
        # With respect to open_ * reset.
        of_product = of_candidate if self.reset_after else of_candidate @ recurrent[:, split:].T
        of_r = of_product * reset * slope(r)
        of_given = np.concatenate([of_z, of_r, of_candidate], axis=1)
        of_held = above[0] * kept
        if self.reset_after:
            of_inner = np.concatenate([of_z, of_r, of_product * open_], axis=1)
            gradients["recurrent_kernel"] += held.T @ of_inner
            if "bias" in weights:
                gradients["bias"][1] += of_inner.sum(axis=0)
            return of_given, (of_held + of_inner @ recurrent.T,)
        gradients["recurrent_kernel"][:, :split] += held.T @ of_given[:, :split]
        gradients["recurrent_kernel"][:, split:] += (open_ * held).T @ of_candidate
        return of_given, (of_held + of_product * open_ + of_given[:, :split] @ recurrent[:, :split].T,)
