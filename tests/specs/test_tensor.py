"""Descriptions of tensors: what is taken, what is refused, and what follows from them."""

import pytest

from initgen.core.errors import BadParameter, UnknownName
from initgen.core.shapes import Fans
from initgen.specs.tensor import tensor_spec


def test_a_description_is_complete():
    spec = tensor_spec("HeUniform", (100, 64), name="w", dtype="bf16", seed=7)
    assert (spec.scheme.name, spec.dtype.name, spec.seed, spec.name) == ("he_uniform", "bfloat16", 7, "w")
    assert (spec.count, spec.nbytes, spec.fans) == (6400, 12800, Fans(100, 64))
    assert spec.made.support == pytest.approx((-(0.06**0.5), 0.06**0.5))
    assert str(spec) == "w 100x64 bfloat16 he_uniform"


@pytest.mark.parametrize(("shape", "count"), [((), 1), ((0, 5), 0), ((3,), 3), ((2, 3, 4), 24)])
def test_elements_are_counted(shape, count):
    spec = tensor_spec("zeros", shape, dtype="float64")
    assert (spec.count, spec.nbytes) == (count, 8 * count)


def test_a_seed_of_its_own_has_no_name_in_the_stream():
    assert tensor_spec("zeros", (3,), name="w").stream_name == ""


def test_parameters_come_from_text_and_from_values():
    spec = tensor_spec("truncated_normal:stddev=0.02", (3,), params={"mean": 1})
    assert spec.params == {"mean": 1.0, "stddev": 0.02, "lower": -2.0, "upper": 2.0}
    assert spec.title == "truncated_normal:mean=1.0,stddev=0.02"
    assert tensor_spec("truncated_normal", (3,)).title == "truncated_normal"


# Given fans, shape, layout, and what comes of them.
FANS = [
    ("he_uniform", (100, 64), {}, Fans(100, 64)),
    ("he_uniform", (100, 64), {"layout": "torch"}, Fans(64, 100)),
    ("he_uniform", (100, 64), {"fan_in": 5}, Fans(5, 64)),
    ("he_uniform", (100, 64), {"fan_out": 5}, Fans(100, 5)),
    ("he_uniform", (64,), {"fan_in": 5, "layout": "torch"}, Fans(5, 5)),
    ("he_uniform", (64,), {"fan_in": 5, "fan_out": 6, "layout": "torch"}, Fans(5, 6)),
    ("he_uniform", (64,), {}, Fans(64, 64)),
    ("torch_bias", (64,), {"fan_in": 5}, Fans(5, 5)),
    ("he_uniform", (3, 3, 4, 8), {"groups": 2}, Fans(36, 36)),
    ("he_uniform", (3, 3, 4, 8), {"transposed": True}, Fans(72, 36)),
    ("he_uniform", (3, 3, 4, 2), {"depthwise": True}, Fans(9, 18)),
    ("zeros", (64,), {}, None),
]


@pytest.mark.parametrize(("scheme", "shape", "given", "fans"), FANS, ids=str)
def test_fans_are_the_shapes_unless_given(scheme, shape, given, fans):
    assert tensor_spec(scheme, shape, **given).fans == fans


REFUSED = [
    ({"seed": -1}, "seed = -1 must be a whole number from 0 to 2^64 - 1"),
    ({"seed": 2**64}, "must be a whole number from 0 to 2^64 - 1"),
    ({"seed": 1.0}, "seed = 1.0 must be"),
    ({"seed": True}, "seed = True must be"),
    ({"layout": "tf"}, "layout = 'tf' must be keras or torch"),
    ({"groups": 0}, "groups = 0 must be a whole number from 1"),
    ({"fan_in": -1}, "fan_in = -1 must be a whole number from 0"),
    ({"fan_out": 1.5}, "fan_out = 1.5 must be a whole number from 0"),
    ({"fan_in": 0}, "fan_in is 0, and he_uniform divides by it"),
    ({"groups": 3}, "groups = 3 does not divide the 64 channels of 100x64"),
    ({"shape": (-1, 2)}, "must be whole numbers from 0"),
]


def test_a_fan_that_nobody_asks_for_is_refused():
    with pytest.raises(BadParameter, match="zeros asks for no fan"):
        tensor_spec("zeros", (3,), fan_in=3)


@pytest.mark.parametrize(("given", "message"), REFUSED, ids=str)
def test_a_value_that_breaks_its_rule_is_refused_at_once(given, message):
    with pytest.raises(BadParameter) as caught:
        tensor_spec("he_uniform", **{"shape": (100, 64), **given})
    assert message in caught.value.message


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_the_ends_of_the_seeds_are_taken(seed):
    assert tensor_spec("he_uniform", (2, 2), seed=seed).seed == seed


@pytest.mark.parametrize(
    ("scheme", "given", "hint"),
    [
        ("he_unifrm", {}, "he_uniform"),
        ("he_uniform", {"dtype": "float31"}, "float32"),
        ("truncated_normal:stdev=1", {}, "stddev"),
        ("he_uniform:gain=1", {}, "takes none"),
    ],
)
def test_an_unknown_name_hints_at_the_nearest(scheme, given, hint):
    with pytest.raises(UnknownName) as caught:
        tensor_spec(scheme, (3, 3), **given)
    assert hint in caught.value.hint
