"""What `probe` finds in a network, held against the arrays that a framework has for it, computed in float64.

Arrays are compared by the norm of their difference over their own, as single values may lie near zero.
"""

from dataclasses import dataclass, field

import numpy as np

from initgen.probe.signal import probe

# In float64 all is the same, but for the arrays of the frameworks, which are kept in float32.
EXACT = 1e-6
# In float32: about a hundred of its steps of 2^-24, which sums over many terms and layers add up to.
ROUNDED = 1e-5


@dataclass
class Theirs:
    """Of each layer, by its name, and of each weight, as float arrays.

    Attributes:
        before: what the activation of a layer gets; slopes: of the activation there, over the steepest.
        given: the gradient with respect to the input; None for one of whole numbers.
        units: the axis of units.
        rounding: how far the framework itself is away in float32, for outputs and for gradients.
    """

    outputs: dict = field(default_factory=dict)
    gradients: dict = field(default_factory=dict)
    before: dict = field(default_factory=dict)
    slopes: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    rounding: dict = field(default_factory=dict)
    given: object = None

    def summed(self, network, tensor):
        """The norm of what the gradient of a weight is a sum of, which may be zero: as of a bias before a normalization."""
        return max(
            norm(self.gradients[step.layer])
            for step in network.steps
            if tensor in {bound.tensor for bound in step.weights.values()}
        )


def norm(x):
    return float(np.linalg.norm(x.astype(np.float64)))


def differences(network, weights, batch, theirs, room=ROUNDED, back=None):
    """Where the two are not the same, one line for each; and the answer of `probe`.

    Args:
        room, back: how far outputs and gradients may be away; gradients by default as far as outputs.
    """
    back = room if back is None else back
    outputs, gradients, of_weights = {}, {}, {}
    for index, step in enumerate(network.steps):
        _listen(step, outputs, gradients, of_weights, index)
    signal = probe(network, weights, batch)
    assert signal.overflow == ""
    assert {array.dtype for array in outputs.values()} == {batch.values.dtype}
    ends = {step.layer: index for index, step in enumerate(network.steps)}
    found = _unequal("layers", set(ends), set(theirs.outputs)) + _unequal(
        "weights", set(of_weights), set(theirs.weights)
    )
    if found:
        return found, signal
    for name, index in ends.items():
        found += _apart(f"{name}: output", outputs[index], theirs.outputs[name], room)
        found += _apart(f"{name}: gradient", gradients[index], theirs.gradients[name], back)
    for name, gradient in of_weights.items():
        found += _apart(f"{name}: gradient", gradient, theirs.weights[name], back, theirs.summed(network, name))
    return found + _reported(network, signal, theirs, room, back), signal


def _listen(step, outputs, gradients, of_weights, index):
    """Keeps what goes through a step; its operation is frozen, and told all the same."""
    forward, backward = step.operation.forward, step.operation.backward

    def forwards(inputs, weights):
        outputs[index] = forward(inputs, weights)
        return outputs[index].copy()

    def backwards(inputs, weights, cotangent):
        gradients[index] = cotangent.copy()
        back, own = backward(inputs, weights, cotangent)
        for name, gradient in own.items():
            bound = step.weights[name]
            of_weights[bound.tensor] = gradient if bound.axes is None else gradient.transpose(np.argsort(bound.axes))
        return back, own

    object.__setattr__(step.operation, "forward", forwards)
    object.__setattr__(step.operation, "backward", backwards)


def _unequal(what, ours, theirs):
    return [f"{what}: only ours {sorted(ours - theirs)}, only theirs {sorted(theirs - ours)}"] if ours != theirs else []


def _apart(what, ours, theirs, rtol, least=0.0):
    if ours.shape != theirs.shape:
        return [f"{what} is {ours.shape}, and theirs {theirs.shape}"]
    size = max(norm(theirs), least)
    apart = norm(ours.astype(np.float64) - theirs)
    return [f"{what} is {apart / size if size else apart:.2g} of its norm away"] if not apart <= rtol * size else []


def _reported(network, signal, theirs, room, back):
    """The numbers of the answer against those of the arrays."""
    found = []
    assert len(signal.layers) == len(network.layers)
    for layer, told in zip(network.layers, signal.layers, strict=True):
        end = network.steps[layer.last].layer
        y = theirs.outputs[end]
        found += _values(f"{told.name}: values", told.values, y, room)
        found += _values(f"{told.name}: gradient", told.gradient, theirs.gradients[end], back)
        found += _number(f"{told.name}: cosine", told.cosine, cosine(y), 2 * room)
        assert told.shape == y.shape[1:]
        assert (told.before is None) == (layer.before is None)
        if layer.before is not None:
            source = network.steps[layer.before].layer
            before = theirs.before[end] if source == end else theirs.outputs[source]
            found += _values(f"{told.name}: before", told.before, before, room)
        if end in theirs.slopes:
            still = np.abs(theirs.slopes[end]) < 0.05
            others = tuple(axis for axis in range(still.ndim) if axis != theirs.units[end] % still.ndim)
            # A value at the very edge may fall on either side.
            found += _number(f"{told.name}: flat", told.flat, still.mean(), max(1.5 / still.size, room))
            found += _number(f"{told.name}: dead", told.dead, still.all(axis=others).mean(), room)
        for tensor, told_norm in told.weights.items():
            size = norm(theirs.weights[tensor])
            found += _number(f"{tensor}: norm", told_norm, size, back * max(size, theirs.summed(network, tensor)))
    told = {tensor for each in signal.layers for tensor in each.weights}
    assert told == set(theirs.weights)
    if theirs.given is None:
        assert signal.input_gradient is None
    else:
        found += _values("input: gradient", signal.input_gradient, theirs.given, back)
    return found


def _values(what, ours, array, rtol):
    x = array.astype(np.float64)
    square, largest = np.square(x).mean(), np.abs(x).max()
    expected = {
        "mean": (x.mean(), rtol * square**0.5),
        "variance": (x.var(), 2 * rtol * square),
        "square": (square, 2 * rtol * square),
        "norm": ((np.square(x).sum() / len(x)) ** 0.5, rtol * (np.square(x).sum() / len(x)) ** 0.5),
        "largest": (largest, 10 * rtol * largest),  # a single value, not a sum
    }
    return [
        line
        for name, (value, room) in expected.items()
        for line in _number(f"{what}.{name}", getattr(ours, name), value, room)
    ]


def _number(what, ours, expected, room):
    if ours is None or expected is None:
        return [] if ours is expected else [f"{what} = {ours}, and theirs {expected}"]
    return [] if abs(ours - expected) <= room else [f"{what} = {ours:.9g}, and theirs {expected:.9g}"]


def cosine(x):
    """The mean over pairs of samples, 0 and 1, 2 and 3, of the cosine between them; None where one is zero in each."""
    flat = x.reshape(len(x), -1).astype(np.float64)
    firsts, seconds = flat[: len(x) // 2 * 2 : 2], flat[1::2]
    lengths = np.linalg.norm(firsts, axis=1) * np.linalg.norm(seconds, axis=1)
    told = lengths > 0
    return ((firsts * seconds).sum(axis=1)[told] / lengths[told]).mean() if told.any() else None
