"""Which schemes and gains would hold the signal of a network, as theory sees it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from initgen.core.shapes import Shape
from initgen.laws import Law
from initgen.probe.activations import Activation
from initgen.probe.criticality import critical, fixed_point
from initgen.probe.network import INPUT, Network
from initgen.probe.operations.activation import Applied
from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.dense import Dense, spread
from initgen.probe.operations.operation import Moments
from initgen.probe.prediction import Measured, Prediction, predict
from initgen.probe.result import Candidate, Critical, FixedPoint, Flow
from initgen.probe.theory import chi, next_variance
from initgen.probe.verdict import flows
from initgen.specs.tensor import TensorSpec, tensor_spec

# One of each variance; uniform or normal makes no difference to theory.
_SCHEMES = "lecun_uniform", "glorot_uniform", "he_uniform", "torch_default"


# A variance that is reached where it grows without end.
_ENDLESS = 1e6


@dataclass(frozen=True)
class Span:
    """What the signal is followed over: from the output of one step to that of another, through so many deep layers.

    Attributes:
        middle: the step after half of them.
    """

    start: int
    middle: int
    end: int
    depth: int


def criticals(network: Network, span: Span) -> tuple[Critical, ...]:
    """The gain that makes χ₁ = 1 for each activation that has one, a head's aside."""
    operations = [step.operation for step in network.steps[: span.end + 1]]
    activations = dict.fromkeys(each.activation for each in operations if isinstance(each, Applied))
    return tuple(found for found in map(critical, activations) if found)


def fixed_of(network: Network, weights: Mapping[str, Moments], span: Span) -> FixedPoint | None:
    """Where the variance tends to, if there are several dense layers and all of them are alike; a head may be another."""
    found: set[tuple[Activation, float, float]] = set()
    count = 0
    for step, after in pairwise(network.steps[: span.end + 1]):
        if isinstance(step.operation, Dense) and isinstance(after.operation, Applied):
            moments = {name: weights[bound.tensor] for name, bound in step.weights.items()}
            biases = moments["bias"].square if "bias" in moments else 0.0
            scale = spread(moments["kernel"], step.operation.fan_in)
            if scale is None:
                return None
            found.add((after.operation.activation, round(scale, 12), round(biases, 12)))
            count += 1
        elif isinstance(after.operation, Applied):
            return None
    if count < 2 or len(found) != 1:
        return None
    ((activation, scale, biases),) = found
    variance = fixed_point(activation, scale, biases)
    if variance is None and next_variance(activation, scale, biases, 1.0) > 1 + 1e-9:
        return FixedPoint(math.inf, chi(activation, scale, _ENDLESS))
    return FixedPoint(variance, chi(activation, scale, 1.0 if variance is None else variance))


def candidates(
    network: Network,
    shapes: Sequence[Shape],
    start: Moments,
    weights: Mapping[str, Moments],
    measured: Measured,
    span: Span,
    gains: Sequence[Critical],
) -> tuple[Candidate, ...]:
    """How the network would fare with its kernels drawn by other schemes, the steadiest first.

    None where theory cannot follow it.
    """
    specs = {bound: network.specs[bound] for bound in _kernels(network)}
    found = []
    for scheme in (*_SCHEMES, *_scaled(gains)):
        given = dict(weights) | {name: _moments(scheme, spec) for name, spec in specs.items()}
        told = _flows(network, shapes, span, predict(network, shapes, start, given, measured, span.end), start)
        if told:
            found.append(Candidate(scheme, *told))
    return tuple(sorted(found, key=_astray))


def _astray(candidate: Candidate) -> float:
    """How far the signal strays in each layer, in either direction."""
    factors = candidate.forward.factor, candidate.backward.factor
    return max(abs(math.log(factor)) if 0 < factor < math.inf else math.inf for factor in factors)


def _kernels(network: Network) -> Iterator[str]:
    for step in network.steps:
        if isinstance(step.operation, Dense | Convolution | Depthwise):
            yield step.weights["kernel"].tensor


def _scaled(gains: Sequence[Critical]) -> Iterator[str]:
    """The critical gains as schemes, without those that he and lecun have."""
    for gain in gains:
        scale = gain.gain**2
        if not gain.bias and min(abs(scale - 1), abs(scale - 2)) > 1e-6:
            yield f"variance_scaling:scale={scale:.6g},mode=fan_in,distribution=untruncated_normal"


def _moments(scheme: str, spec: TensorSpec) -> Moments:
    kernel = spec.kernel
    drawn = tensor_spec(scheme, spec.shape, layout=kernel.layout, groups=kernel.groups, depthwise=kernel.depthwise)
    made = drawn.made
    assert isinstance(made, Law)
    return Moments(made.mean, made.variance + made.mean**2)


def _flows(
    network: Network, shapes: Sequence[Shape], span: Span, told: Prediction, start: Moments
) -> tuple[Flow, Flow] | None:
    squares, norms = [], []
    for at in (span.start, span.middle, span.end):
        moments = start if at == INPUT else told.moments[at]
        gradient = told.input_gradient if at == INPUT else told.gradients[at]
        if at == span.end and gradient is None:  # behind a head: where it is followed from
            gradient = 1.0
        if moments is None or gradient is None:
            return None
        squares.append(moments.square)
        norms.append(gradient * math.prod(network.input_shape if at == INPUT else shapes[at]))
    return flows(squares, norms, span.depth)
