"""torch's initializers against torch's own formulas and figures measured in torch."""

import math

import pytest

from initgen.core.errors import BadParameter
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.schemes.torch import GAINS, gain
from initgen.specs.tensor import tensor_spec

# torch.nn.init.calculate_gain, the whole table.
TABLE = {
    "linear": 1,
    "conv1d": 1,
    "conv2d": 1,
    "conv3d": 1,
    "conv_transpose1d": 1,
    "conv_transpose2d": 1,
    "conv_transpose3d": 1,
    "sigmoid": 1,
    "tanh": 1.6666666666666667,
    "relu": 1.4142135623730951,
    "selu": 0.75,
}
SLOPES = {0.0: 1.4142135623730951, 0.01: 1.4141428569978354, 1.0: 1.0, math.sqrt(5): 0.5773502691896257}
SHAPES = {(64, 100): (100, 64), (128, 64, 3, 3): (576, 1152), (8, 4, 5): (20, 40)}
EVERY_SHAPE = pytest.mark.parametrize(("shape", "fans"), SHAPES.items(), ids=str)


def law_of(text, shape, **given):
    return tensor_spec(text, shape, layout="torch", **given).made


def test_the_gain_table_is_torchs():
    assert TABLE.keys() == GAINS.keys()
    for name, factor in TABLE.items():
        assert gain(name, 0.3) == pytest.approx(factor, rel=1e-15, abs=0)


@pytest.mark.parametrize("a", SLOPES)
def test_the_gain_of_leaky_relu_takes_its_slope(a):
    assert gain("leaky_relu", a) == pytest.approx(SLOPES[a], rel=1e-9, abs=0)
    assert gain("leaky_relu", -a) == gain("leaky_relu", a)


@EVERY_SHAPE
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("nonlinearity", TABLE)
def test_kaiming_has_gain_over_root_of_fan(nonlinearity, mode, shape, fans):
    n = fans[mode == "fan_out"]
    std = TABLE[nonlinearity] / math.sqrt(n)
    given = f"mode={mode},nonlinearity={nonlinearity}"
    normal, uniform = law_of(f"kaiming_normal:{given}", shape), law_of(f"kaiming_uniform:{given}", shape)
    assert isinstance(normal, Normal)
    assert (normal.center, normal.scale) == (0, pytest.approx(std, rel=1e-14, abs=0))
    assert isinstance(uniform, Uniform)
    assert uniform.support == pytest.approx((-math.sqrt(3) * std, math.sqrt(3) * std), rel=1e-14, abs=0)


def test_kaiming_by_default_is_he():
    # torch: a = 0, mode fan_in, leaky_relu, so the gain is sqrt(2).
    assert law_of("kaiming_uniform", (64, 100)).high == pytest.approx(math.sqrt(6 / 100), rel=1e-15, abs=0)
    assert law_of("kaiming_normal", (64, 100)).std == pytest.approx(math.sqrt(2 / 100), rel=1e-15, abs=0)
    assert law_of("kaiming_normal:a=sqrt(5)", (64, 100)).std == pytest.approx(math.sqrt(1 / 300), rel=1e-15, abs=0)


@EVERY_SHAPE
@pytest.mark.parametrize("factor", [1.0, 5 / 3])
def test_xavier_has_gain_over_root_of_both_fans(factor, shape, fans):
    total = sum(fans)
    uniform, normal = (law_of(f"xavier_{kind}:gain={factor!r}", shape) for kind in ("uniform", "normal"))
    assert uniform.support == pytest.approx(
        (-factor * math.sqrt(6 / total), factor * math.sqrt(6 / total)), rel=1e-14, abs=0
    )
    assert isinstance(normal, Normal)
    assert normal.std == pytest.approx(factor * math.sqrt(2 / total), rel=1e-14, abs=0)


@EVERY_SHAPE
def test_the_default_of_a_layer_is_one_over_root_of_fan_in(shape, fans):
    law = law_of("torch_default", shape)
    assert law.support == pytest.approx((-1 / math.sqrt(fans[0]), 1 / math.sqrt(fans[0])), rel=1e-15, abs=0)
    assert law.high == pytest.approx(law_of("kaiming_uniform:a=sqrt(5)", shape).high, rel=1e-15, abs=0)


def test_measured_figures_are_met():
    # torch.nn.ConvTranspose2d(16, 8, 3): weights within 0.11785. torch.nn.MultiheadAttention(E): sqrt(6 / 4E).
    assert law_of("torch_default", (16, 8, 3, 3)).high == pytest.approx(0.11785, abs=5e-6)
    assert law_of("xavier_uniform", (3 * 64, 64)).high == pytest.approx(math.sqrt(6 / 256))


def test_a_bias_takes_the_fan_of_its_weight():
    assert law_of("torch_bias", (64,), fan_in=100).high == pytest.approx(0.1)
    assert law_of("torch_bias", (64,), fan_in=0) == Constant(0.0)  # torch/nn/modules/linear.py: bound 0
    with pytest.raises(BadParameter, match="takes the fan_in of another tensor") as caught:
        law_of("torch_bias", (64,))
    assert "--fan-in" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal", "torch_default"]
)
def test_a_vector_has_no_fans_but_takes_a_given_one(name):
    for shape in ((), (64,)):
        with pytest.raises(BadParameter, match="needs two axes"):
            law_of(name, shape)
        assert law_of(name, shape, fan_in=100).variance > 0


def test_trunc_normal_is_cut_at_absolute_bounds_and_not_corrected():
    assert law_of("trunc_normal", (3, 4)) == TruncatedNormal(0.0, 1.0, -2.0, 2.0)
    assert law_of("trunc_normal", (3, 4)).std == pytest.approx(0.8796, abs=1e-4)  # 0.8795 measured in torch
    # torch 2.14, std=0.02 by default bounds: effectively a plain normal, std 0.02001 measured.
    assert law_of("trunc_normal:std=0.02", (3, 4)).std == pytest.approx(0.02, rel=1e-9, abs=0)
    assert law_of("trunc_normal:mean=1,a=0,b=1.5", (3, 4)).support == (0, 1.5)


def test_xavier_takes_one_fan_of_zero_but_not_two():
    assert law_of("xavier_uniform", (6, 0)).high == pytest.approx(1)
    with pytest.raises(BadParameter, match="divides by it"):
        law_of("xavier_uniform", (0, 0))
