"""What a probe found."""

import math
from dataclasses import dataclass
from typing import Literal

from initgen.core.shapes import Shape

# Outputs with a larger cosine between them hardly tell their inputs apart.
ALIKE = 0.99
# Activations of a last layer that make probabilities of its values.
HEADS = "softmax", "sigmoid"

Verdict = Literal["stable", "vanishing", "exploding"]


@dataclass(frozen=True)
class Values:
    """The values of one tensor, over the whole batch.

    Attributes:
        mean, variance: of all of them.
        square: the mean of their squares.
        norm: the root of the mean, over the batch, of the squared norm of a sample's values.
        largest: the largest absolute value.
    """

    mean: float
    variance: float
    square: float
    norm: float
    largest: float


@dataclass(frozen=True)
class Predicted:
    """What mean-field theory says of a layer; None where it says nothing.

    Attributes:
        mean, square: of the layer's output.
        variance: before the activation, q of Poole et al. 2016.
        cosine: of the two inputs of a pair, after this layer.
        gradient: mean square of the gradient with respect to the layer's output, its last layer's being what was put in.
        chi: by how much the squared norm of a gradient, or the distance of two inputs that are close, is multiplied by
            the layer: χ₁ of Schoenholz et al. 2017.
    """

    mean: float | None = None
    square: float | None = None
    variance: float | None = None
    cosine: float | None = None
    gradient: float | None = None
    chi: float | None = None


@dataclass(frozen=True)
class LayerSignal:
    """One layer.

    Attributes:
        kind: the framework's class, ``Dense``; activation: its own, if it has one.
        shape: of its output, without the batch.
        values: of its output; before: of the same before its activation, None where it has none.
        dead: share of its units that no sample of the batch moves: all are in the flat part of the activation.
        flat: share of values in the flat part, where the slope is under 5 % of the steepest: a ReLU's zeros, saturated ends.
        cosine: mean over pairs of samples of the cosine between their outputs; None where one is zero.
        gradient: with respect to its output; None where the signal did not come through.
        weights: the norm of the gradient with respect to each of its weights, by the names of the tensors.
        condition: the largest singular value of the layer's Jacobian over the smallest that is not zero, at one sample;
            None where that is not cheap.
    """

    name: str
    kind: str
    activation: str
    shape: Shape
    values: Values
    before: Values | None
    dead: float | None
    flat: float | None
    cosine: float | None
    gradient: Values | None
    weights: dict[str, float]
    condition: float | None
    predicted: Predicted


@dataclass(frozen=True)
class Flow:
    """How the signal fares in one direction through the layers that have weights.

    Attributes:
        factor: by which the mean square of the activations, or the squared norm of the gradient, is multiplied per layer:
            the geometric mean.
        total: the same over all layers.
    """

    factor: float
    total: float
    verdict: Verdict


@dataclass(frozen=True)
class Limit:
    """Where a dtype's range ends.

    Attributes:
        what: ``activations`` or ``gradients``.
        problem: ``overflow`` where the largest value is beyond the dtype's; ``underflow`` where the root of the mean square
            is below its smallest normal number.
        layer: the first layer where that was measured; empty where the network does not get there.
        depth: the layer's number from 1 on, counted from the input, or from the output for gradients; where the network
            does not get there, about how many layers it would take at the factor that was measured.
    """

    dtype: str
    what: Literal["activations", "gradients"]
    problem: Literal["overflow", "underflow"]
    layer: str
    depth: int


@dataclass(frozen=True)
class Candidate:
    """A scheme in place of the network's own, as theory sees it."""

    scheme: str
    forward: Flow
    backward: Flow

    @property
    def verdict(self) -> Verdict:
        """Of both directions."""
        return worse(self.forward, self.backward)


@dataclass(frozen=True)
class Critical:
    """What makes χ₁ = 1 for an activation, the edge of chaos.

    Attributes:
        gain: weights of std gain / √fan_in.
        bias: std of the biases that hold the variance there; 0 for most.
        variance: before the activation, where it stays; None where any will do.
    """

    activation: str
    gain: float
    bias: float
    variance: float | None


@dataclass(frozen=True)
class FixedPoint:
    """Where the variance before the activation tends to in a deep network of equal layers: Poole et al. 2016.

    Attributes:
        variance: infinite where it grows without end, None where any variance stays.
        chi: χ₁ there, or at any variance.
    """

    variance: float | None
    chi: float


@dataclass(frozen=True)
class NetworkSignal:
    """One network.

    Attributes:
        title: what tells it from the others of a run: its scheme and activation, or its file.
        weights: the file that they are of; empty where they were drawn.
        input: the batch, None for whole numbers; input_cosine: of its pairs of samples; input_gradient: with respect to it.
        depth: layers with weights that the signal goes through, norms aside.
        backward: None where the signal did not come through.
        overflow: the layer at which float32 overflowed; those after it are not there.
        fixed: of its dense layers, where all that have an activation have the same, and weights and biases of the same law.
        critical, candidates: suggestions, if they were asked for.
    """

    title: str
    batch: int
    seed: int
    depth: int
    parameters: int
    weights: str
    input: Values | None
    input_cosine: float | None
    input_gradient: Values | None
    layers: tuple[LayerSignal, ...]
    forward: Flow
    backward: Flow | None
    limits: tuple[Limit, ...]
    overflow: str = ""
    fixed: FixedPoint | None = None
    critical: tuple[Critical, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def alike(self) -> str:
        """The first layer from which on the two inputs of a pair have a cosine above `ALIKE`; empty where they differ.

        Of a single positive value it is always 1, and of probabilities it tells little.
        """
        name = ""
        for layer in self.layers:
            if layer.cosine is not None and math.prod(layer.shape) > 1 and layer.activation not in HEADS:
                name = (name or layer.name) if layer.cosine > ALIKE else ""
        return name

    @property
    def verdict(self) -> Verdict:
        """Of both directions."""
        return worse(self.forward, self.backward) if self.backward else self.forward.verdict


def worse(forward: Flow, backward: Flow) -> Verdict:
    """The verdict on two directions: that which is not stable, and of two such the one that goes further."""
    if forward.verdict == "stable" or backward.verdict == "stable":
        return backward.verdict if forward.verdict == "stable" else forward.verdict
    return forward.verdict if abs(_log(forward)) >= abs(_log(backward)) else backward.verdict


def _log(flow: Flow) -> float:
    return math.log(flow.total) if 0 < flow.total < math.inf else math.inf
