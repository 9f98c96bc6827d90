"""Variance scaling as Keras and JAX have it: variance = scale / n, and normals cut at two std and corrected."""

import math
from collections.abc import Callable

from initgen.core.params import Param, Values, real, word
from initgen.core.shapes import Fans
from initgen.laws import Law, Normal, TruncatedNormal, Uniform
from initgen.schemes.scheme import Scheme, positive

# Std of a standard normal cut at -2 and 2: dividing by it gives the cut law the std that was asked for. Every digit as
# keras.initializers.VarianceScaling and jax.nn.initializers.variance_scaling have it.
CUT_STD = 0.87962566103423978

GLOROT = "Glorot & Bengio 2010, eq. 16"
HE = "He et al. 2015, eq. 10"
LECUN = "LeCun et al. 1998, section 4.6"

_MODES: dict[str, Callable[[Fans], float]] = {
    "fan_in": lambda fans: fans.fan_in,
    "fan_out": lambda fans: fans.fan_out,
    "fan_avg": lambda fans: (fans.fan_in + fans.fan_out) / 2,
    "fan_geo_avg": lambda fans: math.sqrt(fans.fan_in * fans.fan_out),
}


def scaled(distribution: str, variance: float) -> Law:
    """The law of that distribution with mean 0 and this variance."""
    std = math.sqrt(variance)
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return Uniform(-limit, limit)
    if distribution == "normal":
        return Normal(0.0, std)
    uncut = std / CUT_STD
    return TruncatedNormal(0.0, uncut, -2 * uncut, 2 * uncut)


def _variance_scaling(fans: Fans, values: Values) -> Law:
    n = _MODES[word(values, "mode")](fans)
    return scaled(word(values, "distribution").removeprefix("untruncated_"), real(values, "scale") / n)


_FORMULAS = {
    "uniform": "U(±sqrt({three}/{n}))",
    "truncated_normal": f"N(0, sqrt({{one}}/{{n}}) / {CUT_STD:.5f}) cut at 2 std",
}


def _named(name: str, scale: int, mode: str, distribution: str, source: str, aliases: tuple[str, ...] = ()) -> Scheme:
    fixed: Values = {"scale": float(scale), "mode": mode, "distribution": distribution}
    if mode == "fan_avg":
        symbols = {"three": 6 * scale, "one": 2 * scale, "n": "(fan_in + fan_out)"}
    else:
        symbols = {"three": 3 * scale, "one": scale, "n": mode}
    kind = "uniform" if distribution == "uniform" else "normal, cut at 2 std and corrected"
    return Scheme(
        name,
        "keras",
        f"{kind}, variance {scale}/{mode}, as in Keras and JAX",
        _FORMULAS[distribution].format(**symbols),
        source,
        rule=lambda fans, _: _variance_scaling(fans, fixed),
        aliases=aliases,
        fans="shape",
    )


SCHEMES = (
    Scheme(
        "variance_scaling",
        "keras",
        "any law of mean 0 and variance scale/n, n the fan that mode names",
        "variance scale/n",
        "keras.initializers.VarianceScaling, jax.nn.initializers.variance_scaling",
        rule=_variance_scaling,
        params=(
            positive("scale", 1.0),
            Param("mode", "fan_in", "word", choices=tuple(_MODES)),
            Param(
                "distribution",
                "truncated_normal",
                "word",
                choices=("uniform", "normal", "truncated_normal", "untruncated_normal"),
                help="normal is JAX's: not cut. What Keras calls normal is truncated_normal",
            ),
        ),
        fans="shape",
    ),
    _named("he_uniform", 2, "fan_in", "uniform", HE),
    _named("he_normal", 2, "fan_in", "truncated_normal", HE),
    _named("lecun_uniform", 1, "fan_in", "uniform", LECUN),
    _named("lecun_normal", 1, "fan_in", "truncated_normal", LECUN),
    _named("glorot_uniform", 1, "fan_avg", "uniform", GLOROT),
    _named("glorot_normal", 1, "fan_avg", "truncated_normal", GLOROT),
)
