"""Schemes that ask for no fan: plain distributions and constants."""

from initgen.core.errors import BadParameter
from initgen.core.params import Param, Values, real
from initgen.core.shapes import Fans
from initgen.laws import Constant, Law, Normal, TruncatedNormal, Uniform
from initgen.schemes.scheme import Scheme, positive


def _get(values: Values, *names: str) -> tuple[float, ...]:
    return tuple(real(values, name) for name in names)


def _uniform(values: Values, least: str, most: str) -> Law:
    low, high = _get(values, least, most)
    if not low < high:
        hint = "for one value: --scheme constant:value=…"
        raise BadParameter(f"{least} = {low:g} must be below {most} = {high:g}", hint)
    return Uniform(low, high)


def _truncated_normal(_: Fans, values: Values) -> Law:
    mean, stddev, lower, upper = _get(values, "mean", "stddev", "lower", "upper")
    if not lower < upper:
        raise BadParameter(f"lower = {lower:g} must be below upper = {upper:g}")
    return TruncatedNormal(mean, stddev, mean + lower * stddev, mean + upper * stddev)


SCHEMES = (
    Scheme(
        "random_uniform",
        "keras",
        "uniform from minval to maxval",
        "U(minval, maxval)",
        "keras.initializers.RandomUniform",
        rule=lambda _, values: _uniform(values, "minval", "maxval"),
        params=(Param("minval", -0.05), Param("maxval", 0.05)),
    ),
    Scheme(
        "random_normal",
        "keras",
        "normal, not cut",
        "N(mean, stddev)",
        "keras.initializers.RandomNormal",
        rule=lambda _, values: Normal(*_get(values, "mean", "stddev")),
        params=(Param("mean", 0.0), positive("stddev", 0.05)),
        aliases=("normal",),
    ),
    Scheme(
        "truncated_normal",
        "keras",
        "normal cut at lower and upper std, not corrected: its own std is 0.88 stddev at 2 std",
        "N(mean, stddev) cut to [mean + lower stddev, mean + upper stddev]",
        "keras.initializers.TruncatedNormal, jax.nn.initializers.truncated_normal",
        rule=_truncated_normal,
        params=(
            Param("mean", 0.0),
            positive("stddev", 0.05),
            Param("lower", -2.0, help="in std"),
            Param("upper", 2.0, help="in std"),
        ),
    ),
    Scheme(
        "uniform",
        "jax",
        "uniform from 0 to scale: not symmetric",
        "U(0, scale)",
        "jax.nn.initializers.uniform",
        rule=lambda _, values: Uniform(0.0, *_get(values, "scale")),
        params=(positive("scale", 0.01),),
    ),
    Scheme(
        "constant",
        "any",
        "one value everywhere",
        "value",
        "keras.initializers.Constant, torch.nn.init.constant_",
        rule=lambda _, values: Constant(*_get(values, "value")),
        params=(Param("value", 0.0),),
        aliases=("constant_",),
    ),
    Scheme(
        "zeros",
        "any",
        "zero everywhere",
        "0",
        "keras.initializers.Zeros, torch.nn.init.zeros_",
        rule=lambda *_: Constant(0.0),
        aliases=("zero", "zeros_"),
    ),
    Scheme(
        "ones",
        "any",
        "one everywhere",
        "1",
        "keras.initializers.Ones, torch.nn.init.ones_",
        rule=lambda *_: Constant(1.0),
        aliases=("one", "ones_"),
    ),
    Scheme(
        "dummy",
        "any",
        "the small range that inference engines load instead of real weights",
        "U(low, high)",
        "vLLM initialize_dummy_weights, --load-format dummy",
        rule=lambda _, values: _uniform(values, "low", "high"),
        params=(Param("low", -1e-3), Param("high", 1e-3)),
    ),
)
