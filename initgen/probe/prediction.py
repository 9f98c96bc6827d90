"""What mean-field theory says of a network: moments forwards, and the gradients that come back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from initgen.core.shapes import Shape
from initgen.probe.network import INPUT, Layer, Network
from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.operation import Moments, Operation
from initgen.probe.result import Predicted


@dataclass(frozen=True)
class Prediction:
    """By the index of each step; None where theory says nothing.

    Attributes:
        moments: of its output.
        gradients: mean square of the gradient with respect to its output, that of the last one's being 1.
        factors: by how much the squared norm of a gradient is multiplied on its way back through it.
        input_gradient: as ``gradients``, with respect to the network's input.
    """

    moments: list[Moments | None]
    gradients: list[float | None]
    factors: list[float | None]
    input_gradient: float | None

    def of(self, layer: Layer) -> Predicted:
        """What is said of a layer."""
        after = self.moments[layer.last]
        before = None if layer.before is None else self.moments[layer.before]
        inner = before or (after if layer.activated is None else None)
        chain = self.factors[layer.first : layer.last + 1]
        known = [factor for factor in chain if factor is not None]
        return Predicted(
            mean=after.mean if after else None,
            square=after.square if after else None,
            variance=inner.variance if inner else None,
            cosine=_cosine(after) if after else None,
            gradient=self.gradients[layer.last],
            chi=math.prod(known) if len(known) == len(chain) else None,
        )


@dataclass(frozen=True)
class Measured:
    """What was measured of a network, by the index of each step; `INPUT` for its input.

    Attributes:
        moments: of its output.
        gradients: mean square of the gradient with respect to its output.
    """

    moments: Mapping[int, Moments]
    gradients: Mapping[int, float]


def predict(
    network: Network,
    shapes: Sequence[Shape],
    start: Moments,
    weights: Mapping[str, Moments],
    measured: Measured,
    end: int | None = None,
) -> Prediction:
    """Follow the moments of a random input, and of a random gradient, through as many steps as have ``shapes``.

    Args:
        shapes: of each step's output, without the batch.
        weights: moments of each tensor.
        measured: where theory says nothing of a step it goes on from there.
        end: for other weights than those that were measured, the step from which the gradient is followed. Then only
            operations like pooling, which give twice the output for twice the input, are taken from the measurement.
    """
    steps = network.steps[: len(shapes)]
    own = end is None
    moments: list[Moments | None] = []
    known: dict[int, Moments | None] = {INPUT: start}
    returned: list[float | None] = []
    for index, step in enumerate(steps):
        shape = network.input_shape if step.inputs[0] == INPUT else shapes[step.inputs[0]]
        operation = _placed(step.operation, shape)
        inputs = [known[each] for each in step.inputs]
        sure = [each for each in inputs if each is not None]
        # Theory takes the inputs of a sum to be independent, which one that comes twice is not of itself.
        told = len(sure) == len(inputs) == len({*step.inputs})
        held = {name: weights[bound.tensor] for name, bound in step.weights.items()}
        found = operation.moments(sure, held) if told else None
        rate = operation.returned(sure, held) if told else None
        moments.append(found)
        if own:
            known[index] = found or measured.moments[index]
        else:
            scaled = operation.scales and told and len(sure) == 1
            known[index] = found or (_scaled(measured, step.inputs[0], index, sure[0]) if scaled else None)
            if rate is None and operation.scales and measured.gradients.get(index):
                rate = measured.gradients.get(step.inputs[0], 0.0) / measured.gradients[index]
        returned.append(rate)
    gradients: dict[int, float | None] = {len(steps) - 1: 1.0}
    factors: list[float | None] = []
    for index in range(len(steps) - 1, -1, -1):
        rate, back, sources = returned[index], gradients.get(index), steps[index].inputs
        if back is None:
            back = measured.gradients.get(index) if own else 1.0 if index == end else None
        for each in sources:
            before = gradients.get(each, 0.0)
            gradients[each] = None if None in (rate, back, before) else before + rate * back  # type: ignore[operator]
        size, above = (
            math.prod(network.input_shape if each == INPUT else shapes[each]) for each in (sources[0], index)
        )
        factors.append(rate * size / above if rate is not None and len(sources) == 1 and above else None)
    factors.reverse()
    if not own:
        moments = [known[index] for index in range(len(steps))]
    return Prediction(moments, [gradients.get(index) for index in range(len(steps))], factors, gradients.get(INPUT))


def _cosine(moments: Moments) -> float | None:
    if moments.pair is None or not moments.square:
        return None
    return min(max(moments.pair / moments.square, -1.0), 1.0)


def _scaled(measured: Measured, source: int, index: int, given: Moments) -> Moments | None:
    """A step's output where its input is larger than was measured."""
    before, after = measured.moments[source], measured.moments[index]
    if not before.square:
        return None
    ratio = given.square / before.square
    pair = None if after.pair is None else after.pair * ratio
    return Moments(after.mean * math.sqrt(ratio), after.square * ratio, pair=pair)


def _placed(operation: Operation, shape: Shape) -> Operation:
    """A convolution with the sizes of its input, which its fans depend on at the edges."""
    if isinstance(operation, Convolution | Depthwise):
        return replace(operation, places=shape[1:] if operation.channels_first else shape[:-1])
    return operation
