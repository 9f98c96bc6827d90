"""What papers claim of initializations, measured on networks, to within what their finite width allows.

The values of one layer are n draws of f(z), z normal; so the mean square of the next layer fluctuates by a share whose
variance is (E f⁴ / (E f²)² - 1) / n, which for a ReLU is 5 / n, and these shares add up over the layers. For gradients it is
(3 E f′⁴ / (E f′²)² - 1) / n. Averages over a batch fluctuate less, never more.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special, stats

from initgen.probe.batch import random_batch, read_batch
from initgen.probe.described import network_of, quick_network
from initgen.probe.signal import probe
from initgen.probe.weights import Drawn
from initgen.specs.document import document_of

# How often all comparisons of this file with theory together would be wrong, were the seeds others: there are fewer of
# them than this. The number of deviations follows, for each of them.
FALSE_ALARM, COMPARISONS = 1e-6, 200
SIGMAS = stats.norm.isf(FALSE_ALARM / COMPARISONS / 2)

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017
FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
}

# Gauss and Legendre's rule on each side of the kink at 0.
_points, _lengths = np.polynomial.legendre.leggauss(200)
POINTS = np.concatenate([6 * (_points - 1), 6 * (_points + 1)])
WEIGHTS = np.tile(6 * _lengths, 2) * stats.norm.pdf(POINTS)


def over(f, q, power=2):
    """E f(z)^power for z ~ N(0, q)."""
    return float(WEIGHTS @ f(math.sqrt(q) * POINTS) ** power)


def slope_of(f):
    return lambda x: (f(x * (1 + 1e-5)) - f(x * (1 - 1e-5))) / (2e-5 * x)


def rate(f, q):
    """d log E f² / d log q."""
    return (math.log(over(f, q * 1.001)) - math.log(over(f, q / 1.001))) / (2 * math.log(1.001))


@dataclass
class Theory:
    """Mean squares by layer, first layer first, and by how much their logarithms may be off."""

    squares: list
    deviations: list
    gradients: list  # with respect to outputs, last one 1
    gradient_deviations: list


def theory(activation, weight_variance, depth, width, square=1.0, uncertain=0.0):
    """Poole et al. 2016, equation 3, and Schoenholz et al. 2017, equation 16, without biases.

    Args:
        square: of the input; uncertain: the relative variance of that, in a batch.
    """
    f = FUNCTIONS[activation]
    slope = slope_of(f)
    squares, variances, factors = [], [], []
    for _ in range(depth):
        q = weight_variance * square
        share = (over(f, q, 4) / over(f, q) ** 2 - 1) / width
        bent = 3 * over(slope, q, 4) / over(slope, q) ** 2 - 1
        factors.append((weight_variance * over(slope, q), bent / width, rate(slope, q), uncertain))
        uncertain = rate(f, q) ** 2 * uncertain + share
        square = over(f, q)
        squares.append(square)
        variances.append(uncertain)
    gradients, deviations, log, own, shared = [1.0], [0.0], 0.0, 0.0, 0.0
    for chi, bent, bend, before in reversed(factors[1:]):
        log, own, shared = log + math.log(chi), own + bent, shared + abs(bend) * math.sqrt(before)
        gradients.insert(0, math.exp(log))
        deviations.insert(0, math.sqrt(own) + shared)
    return Theory(squares, [math.sqrt(each) for each in variances], gradients, deviations)


def far(measured, expected, deviation):
    """By how many deviations a logarithm is off, beside the half variance that its mean is below that of the mean."""
    off = abs(math.log(measured / expected))
    return max(off - deviation**2 / 2, 0) / deviation


def near(measured, expected, deviation):
    """Whether a positive value is within its deviations, and half the variance that the mean of its logarithm is low by."""
    return abs(math.log(measured / expected)) < SIGMAS * deviation + deviation**2 / 2


SCHEMES = {"lecun_uniform": 1, "he_normal": 2}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_what_is_measured_and_what_is_predicted_agree_with_theory(activation, scheme, quick):
    """Sees a mean square, or a gradient's, that is off by 13 % per layer for a ReLU, by 1 to 10 % for tanh and sigmoid."""
    depth, width, batch = 20, 512, 16
    found = quick(depth, width, activation, scheme, batch=batch).layers
    # The samples of a pair have a cosine of a half; of their squares a quarter is shared.
    told = theory(activation, SCHEMES[scheme], depth, width, uncertain=2 * 1.25 / (batch * width))
    for layer, square, gradient in zip(found, told.squares, told.gradients, strict=True):
        assert layer.predicted.square == pytest.approx(square, rel=1e-9)
        assert layer.predicted.gradient == pytest.approx(gradient, rel=1e-6)
    assert near(found[-1].values.square, told.squares[-1], told.deviations[-1])
    put_in = found[-1].gradient.square
    assert put_in == pytest.approx(1, abs=SIGMAS * math.sqrt(2 / (batch * width)))
    assert near(found[0].gradient.square / put_in, told.gradients[0], told.gradient_deviations[0])


def test_he_holds_a_relu_network_over_50_layers_within_a_factor_of_2(quick):
    """Of a network of width 1024, whose logarithm has a deviation of 0.49; so have 5 in 6 networks, and this one."""
    found = quick(50, 1024, "relu", "he_uniform")
    assert 0.5 < found.forward.total < 2
    assert 0.5 < found.backward.total < 2
    assert found.verdict == "stable"
    assert all(0.5 < layer.values.square < 2 for layer in found.layers)


@pytest.mark.slow
def test_he_holds_relu_networks_within_a_factor_of_2_whatever_the_seed():
    """The geometric mean over 25 networks; wrong for fewer than one in a million sets of seeds."""
    depth, width, seeds = 50, 1024, 25
    mean, deviation = -5 * depth / width / 2, math.sqrt(5 * depth / width / seeds)
    assert stats.norm.cdf(-math.log(2), mean, deviation) + stats.norm.sf(math.log(2), mean, deviation) < FALSE_ALARM
    logs = []
    for seed in range(seeds):
        network = quick_network(depth, width, "relu", "he_uniform", seed=seed)
        logs.append(math.log(probe(network, Drawn(network.specs), random_batch(network, 2, seed)).forward.total))
    assert abs(sum(logs) / seeds) < math.log(2)


def test_lecun_loses_half_of_a_relu_network_per_layer(quick):
    depth, width = 50, 1024
    found = quick(depth, width, "relu", "lecun_uniform")
    within = SIGMAS * math.sqrt(5 / (depth * width)) + 5 / (2 * width)  # of the logarithm: 6 %
    assert within < 0.07
    assert math.log(found.forward.factor / 0.5) == pytest.approx(0, abs=within)
    assert math.log(found.backward.factor / 0.5) == pytest.approx(0, abs=within)
    assert (found.verdict, found.layers[-1].predicted.chi) == ("vanishing", pytest.approx(0.5))
    # The same uniform numbers, each smaller by √2: what fluctuates is the same, but for rounding, and for the few units
    # that rounding switches on or off, which gradients feel.
    he = quick(depth, width, "relu", "he_uniform")
    assert found.forward.total * 2.0**depth == pytest.approx(he.forward.total, rel=1e-3)
    assert found.backward.total * 2.0**depth == pytest.approx(he.backward.total, rel=0.05)


def test_glorot_is_lecun_where_a_layer_has_as_many_outputs_as_inputs(quick):
    glorot, lecun = quick(20, 128, "relu", "glorot_uniform"), quick(20, 128, "relu", "lecun_uniform")
    assert glorot.layers == lecun.layers
    assert glorot.verdict == "vanishing"


def off_centre(path, network, mean, variance, batch):
    """Normal samples, the same for whom they are made."""
    x = np.random.Generator(np.random.PCG64(1)).normal(mean, math.sqrt(variance), (batch, *network.input_shape))
    np.save(path, x.astype(np.float32))
    return read_batch(str(path), network, 0)


def test_lecun_brings_a_selu_network_to_mean_0_and_variance_1_from_off_centre(tmp_path):
    """Klambauer et al. 2017, theorem 1. Of the last 35 of 60 layers, where what is left of the start is about a hundredth.

    A layer's mean fluctuates by 1 / √n, anew in each; its variance by √((E f⁴ - 1) / n), of which 0.78 stays in the next.
    """
    depth, width, last = 60, 512, 35
    network = quick_network(depth, width, "selu", "lecun_normal")
    batch = off_centre(tmp_path / "x.npy", network, 1, 4, 16)
    assert batch.moments.mean == pytest.approx(1, abs=0.1)
    assert batch.moments.square == pytest.approx(5, abs=0.3)
    found = probe(network, Drawn(network.specs), batch)
    values = [layer.values for layer in found.layers]
    # One layer does away with the mean, of which weights of mean 0 keep nothing; the variance goes down step by step.
    assert values[0].variance > 1.5
    kept, fourth = rate(FUNCTIONS["selu"], 1.0), over(FUNCTIONS["selu"], 1.0, 4)
    assert kept ** (depth - last) * 4 < 0.011
    within = SIGMAS * math.sqrt(1 / (width * last))
    assert within < 0.05
    assert sum(each.mean for each in values[-last:]) / last == pytest.approx(0, abs=within)
    within = SIGMAS * math.sqrt((fourth - 1) / (width * last)) / (1 - kept)
    assert within < 0.3
    assert sum(each.variance for each in values[-last:]) / last == pytest.approx(1, abs=within)
    assert (found.layers[-1].predicted.mean, found.layers[-1].predicted.square) == pytest.approx((0, 1), abs=1e-3)
    assert found.layers[-1].predicted.chi == pytest.approx(1.0716, abs=1e-3)
    assert found.verdict == "stable"


def test_he_makes_a_selu_network_explode(quick):
    """Beyond the variance where SELU is straight, half of the values grow by 2 × 1.0507² = 2.2 per layer, half not at all."""
    depth, width = 100, 272
    found = quick(depth, width, "selu", "he_uniform")
    assert found.verdict == found.forward.verdict == found.backward.verdict == "exploding"
    predicted = [layer.predicted.square for layer in found.layers]
    assert predicted[-1] / predicted[-2] == pytest.approx(SCALE**2, rel=1e-3)
    told = theory("selu", 2, depth, width, uncertain=2 * 1.25 / (8 * width))
    assert near(found.layers[-1].values.square, told.squares[-1], told.deviations[-1])


def test_glorot_lets_a_tanh_network_fall_as_one_over_the_depth_which_is_stable(quick):
    """E tanh² = q - 2 q² + …, so that 1 / q grows by 2 per layer."""
    depth, width = 100, 512
    found = quick(depth, width, "tanh", "glorot_uniform")
    told = theory("tanh", 1, depth, width, uncertain=2 * 1.25 / (8 * width))
    for number in (25, 50, 100):
        layer = found.layers[number - 1]
        assert 0.8 < layer.predicted.square * 2 * number < 1.1
        assert near(layer.values.square, told.squares[number - 1], told.deviations[number - 1])
    assert 1 - found.layers[-1].predicted.chi == pytest.approx(1 / depth, rel=0.1)
    assert found.verdict == found.forward.verdict == found.backward.verdict == "stable"


def test_he_holds_a_tanh_network_forwards_and_makes_its_gradients_explode(quick):
    """Weight variance 2 is beyond the edge of chaos, 1: the variance has a fixed point, where χ₁ is 1.106."""
    depth, width = 200, 272
    found = quick(depth, width, "tanh", "he_uniform")
    f = FUNCTIONS["tanh"]
    fixed = found.layers[-1].predicted.variance
    assert fixed == pytest.approx(2 * over(f, fixed), rel=1e-6)
    chi = found.layers[-1].predicted.chi
    assert chi == pytest.approx(2 * over(slope_of(f), fixed), rel=1e-6)
    assert chi == pytest.approx(1.106, abs=1e-3)
    told = theory("tanh", 2, depth, width)
    assert near(found.layers[-1].values.square, told.squares[-1], told.deviations[-1])
    assert near(found.layers[0].gradient.square, told.gradients[0], told.gradient_deviations[0])
    assert (found.forward.verdict, found.backward.verdict, found.verdict) == ("stable", "exploding", "exploding")


def biased(weight_variance, bias_variance, depth, width):
    """A tanh network with random biases."""
    scheme = f"variance_scaling:scale={weight_variance},mode=fan_in,distribution=untruncated_normal"
    biases = f"random_normal:stddev={math.sqrt(bias_variance)}" if bias_variance else "zeros"
    text = f"""
[[layers]]
kind = "Dense"
name = "dense_{{0..{depth - 1}}}"
input_shape = [{width}]
units = {width}
activation = "tanh"
kernel_initializer = "{scheme}"
bias_initializer = "{biases}"
"""
    return network_of(document_of(text, "tanh.toml", "", "toml"), seed=0)


@dataclass
class Edge:
    weight_variance: float
    bias_variance: float
    cosine: float  # of outputs, after 30 layers, from a half
    within: float


# A cosine c of one pair fluctuates by about (1 - c²) / √n per layer, which at the edge adds up; there are 8 pairs. These are
# more than five deviations.
EDGES = {
    "chaos": Edge(4, 0, 0.0, 0.3),
    "the edge": Edge(1, 0, 0.45, 0.45),
    "order": Edge(0.5, 0.05, 1.0, 1e-4),
}


@pytest.mark.parametrize("edge", [pytest.param(edge, id=name) for name, edge in EDGES.items()])
def test_two_inputs_separate_in_chaos_merge_in_order_and_stay_at_the_edge(edge):
    """Schoenholz et al. 2017, figure 1. Without biases a small gain leaves cosines as they are, and nothing else."""
    network = biased(edge.weight_variance, edge.bias_variance, 30, 300)
    last = probe(network, Drawn(network.specs), random_batch(network, 16, 0)).layers[-1]
    assert last.predicted.cosine == pytest.approx(edge.cosine, abs=max(edge.within / 20, 1e-6))
    assert last.cosine == pytest.approx(edge.cosine, abs=edge.within)
    assert -1 <= last.predicted.cosine <= 1


@pytest.mark.parametrize("weight_variance", [4, 0.5])
def test_the_distance_of_two_close_inputs_is_multiplied_by_chi_per_layer(weight_variance, tmp_path):
    """Poole et al. 2016, section 3: the squared distance, in sight of that of the values themselves."""
    depth, width = 8, 512
    network = biased(weight_variance, 0, depth, width)
    normal = np.random.Generator(np.random.PCG64(2)).standard_normal((2, 8, width))
    pairs = np.stack([normal[0], normal[0] + 0.003 * normal[1]], axis=1).reshape(16, width)
    np.save(tmp_path / "x.npy", pairs.astype(np.float32))
    found = probe(network, Drawn(network.specs), read_batch(str(tmp_path / "x.npy"), network, 0)).layers
    assert found[0].cosine > 0.9999

    def distance(layer):
        return 2 * (1 - layer.cosine) * layer.values.square

    slope, log, deviation = slope_of(FUNCTIONS["tanh"]), 0.0, 0.0
    for layer in found[1:]:
        q = layer.predicted.variance
        log += math.log(layer.predicted.chi)
        assert layer.predicted.chi == pytest.approx(weight_variance * over(slope, q), rel=1e-6)
        deviation += (3 * over(slope, q, 4) / over(slope, q) ** 2 - 1) / width
    assert near(distance(found[-1]) / distance(found[0]), math.exp(log), math.sqrt(deviation))
