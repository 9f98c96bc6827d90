"""Variables: who wins, when they are computed, and what they may be taken from."""

import math

import pytest

from initgen.core.errors import BadParameter, SpecError
from initgen.specs.schema import Taken
from initgen.specs.scope import Scope

SHAPES = {"h.0.w": (4, 6), "h.1.w": (4, 6), "h.0.b": (6,), "wte": (100, 4), "scalar": ()}

VALUES = [
    (512, 512),
    (0.02, 0.02),
    ("${4 * d}", 256),
    ("${d}", 64),
    ("4 * ${d}", 256),
    ("${d} + ${d}", 128),
    ("2 * ${d + 1}", 130),
    ("64", 64),
    ("1e-3", 1e-3),
    (Taken(count="h.*.w"), 2),
    (Taken(count="h.?.b"), 1),
    (Taken(count="nothing*"), 0),
    (Taken(count="H.*"), 0),
    (Taken(size="h.*.w"), 4),
    (Taken(size="h.*.w", axis=1), 6),
    (Taken(size="h.*.w", axis=-1), 6),
    (Taken(size="wte"), 100),
    (Taken(size="h.*", axis=1), 6),
]


@pytest.mark.parametrize(("given", "value"), VALUES, ids=str)
def test_a_variable_is_a_number_an_expression_or_taken_from_the_tensors(given, value):
    scope = Scope({"d": 64, "x": given})
    scope.shapes = SHAPES
    assert (scope["x"], type(scope["x"])) == (value, type(value))


BAD = [
    ({"x": "${y}"}, "there is no variable 'y'"),
    ({"x": "word"}, "there is no variable 'word'"),
    ({"x": "${x}"}, "the variable x is defined by itself: x → x"),
    ({"x": "${y}", "y": "${z + 1}", "z": "${y}"}, "the variable y is defined by itself: x → y → z → y"),
    ({"x": ""}, "has nothing where a number"),
    ({"x": "${"}, "has '$' where a number"),
    ({"x": "${}"}, "has nothing where a number"),
    ({"x": Taken()}, "the variable x must have either count or size"),
    ({"x": Taken(count="*", size="*")}, "the variable x must have either count or size"),
    ({"x": Taken(size="nothing")}, "the size of axis 0 of nothing, and no tensor is called so"),
    ({"x": Taken(size="h.*.w", axis=2)}, "the size of axis 2 of h.*.w, which they do not have"),
    ({"x": Taken(size="*")}, "the size of axis 0 of *, which differs: h.0.w 4x6, h.1.w 4x6"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=str)
def test_what_has_no_value_is_refused_with_the_reason(given, message):
    scope = Scope(given)
    scope.shapes = SHAPES
    with pytest.raises(BadParameter) as caught:
        _ = scope["x"]
    assert message in caught.value.message


@pytest.mark.parametrize("value", [10**400, -(10**400), math.inf, math.nan])
def test_a_number_without_end_is_refused_where_it_is_used(value):
    with pytest.raises(BadParameter, match="is too large"):
        Scope({"x": value}).number("${x + 0.5}")


def test_a_variable_that_is_not_used_does_no_harm():
    scope = Scope({"x": "${nope}", "y": "${y}", "z": Taken(), "w": 3})
    assert scope["w"] == 3


def test_variables_of_the_tensors_wait_for_them():
    scope = Scope({"n": Taken(count="*")})
    with pytest.raises(BadParameter, match="n is taken from the tensors, so no tensor's shape or name can use it"):
        _ = scope["n"]
    scope.shapes = SHAPES
    assert scope["n"] == 5


def test_what_is_inherited_wins_and_what_is_own_is_known():
    scope = Scope({"d": 1, "e": "${2 * d}"}, {"d": 10, "f": 5})
    assert (scope["d"], scope["e"], scope["f"]) == (10, 20, 5)
    assert set(scope.own) == {"d", "e"}


def test_a_circle_that_was_refused_is_refused_again():
    scope = Scope({"x": "${y}", "y": "${x}"})
    for _ in range(2):
        with pytest.raises(BadParameter, match="x → y → x"):
            _ = scope["x"]


@pytest.mark.parametrize("length", [50, 5000])
def test_a_long_chain_has_a_value_or_an_error(length):
    scope = Scope({**{f"v{i}": f"${{v{i + 1} + 1}}" for i in range(length)}, f"v{length}": 0})
    if length < 100:
        assert scope["v0"] == length
    else:
        with pytest.raises(BadParameter, match=r"the variable v\d+ takes too many others in a row"):
            _ = scope["v0"]


FILLED = [
    ("plain", "plain"),
    ("h.{0..${n - 1}}.w", "h.{0..2}.w"),
    ("${n}${n}", "33"),
    ("constant:value=${n / 2}", "constant:value=1.5"),
    ("${{a}}", "${{a}}"),
    ("$n {n} $", "$n {n} $"),
    ("${", "${"),
    ("std=${small}", "std=1e-07"),
]


@pytest.mark.parametrize(("text", "filled"), FILLED, ids=str)
def test_text_is_filled(text, filled):
    assert Scope({"n": 3, "small": 1e-7}).fill(text) == filled


SIZES = [
    ([], ()),
    ([4, 0], (4, 0)),
    ([4, "${d}"], (4, 64)),
    (["${4 * d}", "${d / 2}"], (256, 32)),
    (["3 * ${d}"], (192,)),
    ("4x6", (4, 6)),
    ("0x10", (0, 10)),
    ("64", (64,)),
    ("scalar", ()),
    ("()", ()),
    ("${d}x3x${ex + 1}", (64, 3, 3)),
    ("${max}x2", (9, 2)),
    ([2**63 - 1], (2**63 - 1,)),
]


def _blame(index, error):
    return SpecError(f"[{index}]: {error.message}")


@pytest.mark.parametrize(("given", "shape"), SIZES, ids=str)
def test_a_shape_is_a_list_or_text(given, shape):
    assert Scope({"d": 64, "ex": 2, "max": 9}).sizes(given, _blame) == shape


BAD_SIZES = [
    ([4, -1], "[1]: is -1, and sizes are whole numbers from 0"),
    ([4, "${d - 65}"], "[1]: is -1, and sizes are whole numbers from 0"),
    ([4, "${d / 3}"], "[1]: is 21.3"),
    (["${sqrt(d)}"], "[0]: is 8.0"),
    ([2**63], "[0]: is larger than 2^63 - 1"),
    (["${2 * 4611686018427387904}"], "[0]: is larger than 2^63 - 1"),
    ([4, "64"], "[1]: '64' is not a size"),
    ([4, "d"], "[1]: 'd' is not a size"),
    ("4x", "[1]: '' is not a size"),
    ("dx3", "[0]: 'd' is not a size"),
    ("4 x 6", "[0]: '4 ' is not a size"),
    ("4X6", "[0]: '4X6' is not a size"),
    ("-4x6", "[0]: '-4' is not a size"),
    ("", "[0]: '' is not a size"),
]


@pytest.mark.parametrize(("given", "message"), BAD_SIZES, ids=str)
def test_a_size_that_is_none_is_refused_by_its_place(given, message):
    with pytest.raises(SpecError) as caught:
        Scope({"d": 64}).sizes(given, _blame)
    assert caught.value.message.startswith(message)
