"""The two passes through a network: a batch forwards, a random gradient backwards, and what is seen on the way."""

import math
from dataclasses import dataclass, field

import numpy as np

from initgen.core.errors import BadParameter, InitgenError
from initgen.core.shapes import Shape
from initgen.probe.batch import Batch, cotangent_for, random_batch, size_for
from initgen.probe.measurement import cheap, condition_of, cosine_of, norm_of, still_of, values_of
from initgen.probe.network import INPUT, Layer, Network, Step
from initgen.probe.operations.activation import Applied
from initgen.probe.operations.dense import Dense
from initgen.probe.operations.operation import Array, Moments
from initgen.probe.prediction import Measured, Prediction, predict
from initgen.probe.result import HEADS, Candidate, Flow, LayerSignal, NetworkSignal, Values
from initgen.probe.suggestion import Span, candidates, criticals, fixed_of
from initgen.probe.tape import Tape
from initgen.probe.verdict import flow, flows, limits, ratio
from initgen.probe.weights import Drawn, Stored, stored


@dataclass
class _Seen:
    """What was measured, by the index of steps; `INPUT` for the batch itself."""

    values: dict[int, Values] = field(default_factory=dict)
    cosines: dict[int, float | None] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)
    still: dict[int, tuple[float, float]] = field(default_factory=dict)
    conditions: dict[int, float | None] = field(default_factory=dict)
    gradients: dict[int, Values] = field(default_factory=dict)
    norms: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Moments] = field(default_factory=dict)


def probe(network: Network, weights: Drawn | Stored, batch: Batch, *, suggest: bool = False) -> NetworkSignal:
    """Run a network forwards and backwards, layer by layer.

    In memory are the arrays of the step at hand; the outputs of the others are on disk, and weights are drawn or read
    again on the way back.

    Args:
        suggest: whether to say which gains and schemes would hold the signal.

    Raises:
        BadParameter: a layer gets a shape that it does not take; the message begins with its name.
        FormatError: weights that are not finite.
        OutputError: no room for the activations on disk.
    """
    seen = _Seen()
    # Overflow is an answer, and said so.
    with Tape() as tape, np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        overflow = _forward(network, weights, batch.values, tape, seen)
        if not overflow:
            _backward(network, weights, batch, tape, seen)
    return _result(network, weights, batch, seen, overflow, suggest)


def probe_file(network: Network, path: str) -> NetworkSignal:
    """The same with the weights of a file and a random batch, by seed 0.

    Raises:
        InitgenError: as `probe`, and if the file has not the network's weights.
    """
    weights = stored(path, network)
    return probe(network, weights, random_batch(network, size_for(network.input_shape), 0))


def _arrays(step: Step, weights: Drawn | Stored) -> dict[str, Array]:
    return {name: bound.oriented(weights(bound.tensor)) for name, bound in step.weights.items()}


def _forward(network: Network, weights: Drawn | Stored, x: Array, tape: Tape, seen: _Seen) -> str:
    """The name of the layer that overflows, or nothing."""
    tape.write(INPUT, x)
    seen.values[INPUT], seen.cosines[INPUT] = values_of(x), cosine_of(x)
    ends = {layer.last: layer for layer in network.layers}
    jacobian: Array | None = None
    for index, step in enumerate(network.steps):
        inputs = [tape.read(each) for each in step.inputs]
        arrays = _arrays(step, weights)
        for name, bound in step.weights.items():
            if bound.tensor not in seen.weights:
                found = values_of(arrays[name])
                seen.weights[bound.tensor] = weights.law(bound.tensor) or Moments(found.mean, found.square)
        try:
            y = step.operation.forward(inputs, arrays)
        except InitgenError as error:
            raise BadParameter(f"{network.title}: {step.shown}: {error.message}", error.hint) from None
        if not y.size:
            raise BadParameter(f"{network.title}: {step.shown}: gives no values")
        found = seen.values[index] = values_of(y)
        seen.shapes.append(y.shape[1:])
        seen.cosines[index] = cosine_of(y)
        operation = step.operation
        if isinstance(operation, Applied):
            seen.still[index] = still_of(operation.activation.flat(inputs[0]), operation.axis)
            if jacobian is not None and inputs[0].ndim == 2:
                jacobian = jacobian * operation.activation.slope(inputs[0][:1])
        elif isinstance(operation, Dense) and inputs[0].ndim == 2 and cheap(arrays["kernel"]):
            jacobian = arrays["kernel"]
        else:
            jacobian = None
        if not math.isfinite(found.largest):
            seen.shapes.pop()
            return step.layer
        if index in ends:
            seen.conditions[index] = None if jacobian is None else condition_of(jacobian)
            jacobian = None
        tape.write(index, y)
    return ""


def _backward(network: Network, weights: Drawn | Stored, batch: Batch, tape: Tape, seen: _Seen) -> None:
    last = len(network.steps) - 1
    waiting: dict[int, Array] = {last: cotangent_for((len(batch.values), *seen.shapes[last]), batch.seed)}
    for index in range(last, -1, -1):
        step, back = network.steps[index], waiting.pop(index, None)
        if back is None:  # before an embedding, through which no gradient comes
            continue
        seen.gradients[index] = values_of(back)
        inputs = [tape.read(each) for each in step.inputs]
        gradients, of_weights = step.operation.backward(inputs, _arrays(step, weights), back)
        for name, gradient in of_weights.items():
            seen.norms[step.weights[name].tensor] = norm_of(gradient)
        for each, found in zip(step.inputs, gradients, strict=True):
            if found is not None:
                waiting[each] = waiting[each] + found if each in waiting else found
    if INPUT in waiting:
        seen.gradients[INPUT] = values_of(waiting[INPUT])


def _result(
    network: Network, weights: Drawn | Stored, batch: Batch, seen: _Seen, overflow: str, suggest: bool
) -> NetworkSignal:
    measured = Measured(
        {index: _moments(seen, index) for index in seen.values},
        {index: values.square for index, values in seen.gradients.items()},
    )
    prediction = predict(network, seen.shapes, batch.moments, seen.weights, measured)
    layers = [layer for layer in network.layers if layer.last < len(seen.shapes)]
    found = tuple(_layer(network, layer, seen, prediction) for layer in layers)
    span = _span(network, layers)
    forward, backward = _flows(span, seen)
    depth = sum(layer.deep for layer in layers)
    gains = criticals(network, span) if suggest else ()
    others: tuple[Candidate, ...] = ()
    if suggest and not overflow:
        others = candidates(network, seen.shapes, batch.moments, seen.weights, measured, span, gains)
    return NetworkSignal(
        title=network.title,
        batch=len(batch.values),
        seed=batch.seed,
        depth=depth,
        parameters=sum(network.specs[name].count for name in network.tensors),
        weights=weights.path if isinstance(weights, Stored) else "",
        input=None if network.rows is not None else seen.values[INPUT],
        input_cosine=None if network.rows is not None else seen.cosines[INPUT],
        input_gradient=seen.gradients.get(INPUT),
        layers=found,
        forward=forward,
        backward=backward,
        limits=limits(found, forward, backward, depth, overflow),
        overflow=overflow,
        fixed=fixed_of(network, seen.weights, span),
        critical=gains,
        candidates=others,
    )


def _moments(seen: _Seen, index: int) -> Moments:
    values, cosine = seen.values[index], seen.cosines[index]
    return Moments(values.mean, values.square, pair=None if cosine is None else cosine * values.square)


def _layer(network: Network, layer: Layer, seen: _Seen, prediction: Prediction) -> LayerSignal:
    last, before = layer.last, layer.before
    tensors = [bound.tensor for step in network.steps[layer.first : last + 1] for bound in step.weights.values()]
    dead, flat = seen.still.get(last, (None, None))
    return LayerSignal(
        name=layer.name,
        kind=layer.kind,
        activation=_activation(network, layer),
        shape=seen.shapes[last],
        values=seen.values[last],
        before=None if before is None else seen.values[before],
        dead=dead,
        flat=flat,
        cosine=seen.cosines[last],
        gradient=seen.gradients.get(last),
        weights={tensor: seen.norms[tensor] for tensor in tensors if tensor in seen.norms},
        condition=seen.conditions[last],
        predicted=prediction.of(layer),
    )


def _activation(network: Network, layer: Layer) -> str:
    """Its name; nothing where it has none."""
    operation = None if layer.activated is None else network.steps[layer.activated].operation
    return operation.activation.name if isinstance(operation, Applied) else "softmax" if operation else ""


def _span(network: Network, layers: list[Layer]) -> Span:
    """From the input, or the rows of an embedding, to the output, or what a head's activation gets."""
    if not layers:
        return Span(INPUT, INPUT, INPUT, 0)
    start, counted = INPUT, list(layers)
    if network.rows is not None:
        start, counted = layers[0].last, layers[1:]
    end = layers[-1].last
    names = [_activation(network, layer) for layer in layers]
    before = layers[-1].before
    if before is not None and names[-1] in HEADS and names[-1] not in names[:-1]:
        end = before
    deep = [layer.last for layer in counted if layer.deep]
    middle = deep[len(deep) // 2 - 1] if len(deep) > 1 else start
    return Span(start, middle, end, len(deep))


def _flows(span: Span, seen: _Seen) -> tuple[Flow, Flow | None]:
    if span.end == INPUT:  # not even the first layer was finite
        return flow(1.0, math.inf, 1, math.inf), None
    places = span.start, span.middle, span.end
    squares = [seen.values[at].square for at in places]
    if not set(places) <= seen.gradients.keys():
        return flow(squares[0], squares[2], span.depth, ratio(squares[2], squares[1])), None
    return flows(squares, [seen.gradients[at].norm ** 2 for at in places], span.depth)
