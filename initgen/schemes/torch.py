"""The schemes of torch.nn.init and of torch's layers: gains, and normals that are not cut."""

import math

from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, real, word
from initgen.core.shapes import Fans
from initgen.laws import Constant, Law, TruncatedNormal, Uniform
from initgen.schemes.keras import GLOROT, HE, scaled
from initgen.schemes.scheme import Scheme, positive

# torch.nn.init.calculate_gain; leaky_relu takes its slope from the parameter a.
GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def gain(nonlinearity: str, a: float) -> float:
    """The factor that torch recommends for the std of a layer before this nonlinearity."""
    return math.sqrt(2 / (1 + a * a)) if nonlinearity == "leaky_relu" else GAINS[nonlinearity]


def _kaiming(distribution: str) -> Scheme:
    def rule(fans: Fans, values: Values) -> Law:
        n = fans.fan_in if word(values, "mode") == "fan_in" else fans.fan_out
        factor = gain(word(values, "nonlinearity"), real(values, "a"))
        return scaled(distribution, factor * factor / n)

    uniform = distribution == "uniform"
    return Scheme(
        f"kaiming_{distribution}",
        "torch",
        f"{distribution}{'' if uniform else ', not cut'}, variance gain^2/n, as torch.nn.init.kaiming_{distribution}_",
        "U(±gain sqrt(3/n))" if uniform else "N(0, gain / sqrt(n))",
        HE,
        rule=rule,
        params=(
            Param("a", 0.0, help="slope of leaky_relu below 0; sqrt(5) is what torch's layers use"),
            Param("mode", "fan_in", "word", choices=("fan_in", "fan_out")),
            Param("nonlinearity", "leaky_relu", "word", choices=("leaky_relu", *GAINS)),
        ),
        aliases=(f"kaiming_{distribution}_",),
        fans="shape",
    )


def _square(values: Values, name: str) -> float:
    """Exactly rounded, as pow is not on every machine."""
    return real(values, name) * real(values, name)


def _xavier(distribution: str) -> Scheme:
    uniform = distribution == "uniform"
    return Scheme(
        f"xavier_{distribution}",
        "torch",
        f"{distribution}{'' if uniform else ', not cut'}, variance 2 gain^2/(fan_in + fan_out), as in torch",
        "U(±gain sqrt(6/(fan_in + fan_out)))" if uniform else "N(0, gain sqrt(2/(fan_in + fan_out)))",
        GLOROT,
        rule=lambda fans, values: scaled(distribution, _square(values, "gain") * 2 / (fans.fan_in + fans.fan_out)),
        params=(positive("gain", 1.0),),
        aliases=(f"xavier_{distribution}_",),
        fans="shape",
    )


def _default(fans: Fans, _: Values) -> Law:
    # kaiming_uniform with a = sqrt(5) is gain sqrt(1/3), so its bound is 1/sqrt(fan_in); torch/nn/modules/linear.py.
    limit = 1 / math.sqrt(fans.fan_in)
    return Uniform(-limit, limit)


def _bias(fans: Fans, values: Values) -> Law:
    return _default(fans, values) if fans.fan_in else Constant(0.0)


def _trunc_normal(_: Fans, values: Values) -> Law:
    mean, std, a, b = (real(values, name) for name in ("mean", "std", "a", "b"))
    if not a < b:
        raise BadParameter(f"a = {a:g} must be below b = {b:g}")
    return TruncatedNormal(mean, std, a, b)


SCHEMES = (
    _kaiming("uniform"),
    _kaiming("normal"),
    _xavier("uniform"),
    _xavier("normal"),
    Scheme(
        "torch_default",
        "torch",
        "what torch gives the weights of Linear and Conv layers: kaiming_uniform with a = sqrt(5)",
        "U(±1/sqrt(fan_in))",
        "torch/nn/modules/linear.py and conv.py, reset_parameters",
        rule=_default,
        aliases=("torch_linear", "torch_conv"),
        fans="shape",
    ),
    Scheme(
        "torch_bias",
        "torch",
        "what torch gives the biases of Linear and Conv layers, by the fan_in of their weight, and the weights of RNNs",
        "U(±1/sqrt(fan_in)), zeros where fan_in is 0",
        "torch/nn/modules/linear.py and conv.py, reset_parameters",
        rule=_bias,
        fans="given",
    ),
    Scheme(
        "trunc_normal",
        "torch",
        "normal cut at absolute bounds a and b, not corrected, as torch.nn.init.trunc_normal_",
        "N(mean, std) cut to [a, b]",
        "torch.nn.init.trunc_normal_",
        rule=_trunc_normal,
        params=(Param("mean", 0.0), positive("std", 1.0), Param("a", -2.0), Param("b", 2.0)),
        aliases=("trunc_normal_",),
    ),
)
