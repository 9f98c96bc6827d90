"""Parameters: what text and values are taken for, and what is refused."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.core.errors import BadParameter, UnknownName
from initgen.core.params import Param, bind, number, real, split, whole, word, written

NUMBERS = {
    "1": 1.0,
    "-0.5": -0.5,
    "+2": 2.0,
    ".5": 0.5,
    "5.": 5.0,
    "1e-3": 1e-3,
    "1E3": 1e3,
    "sqrt(5)": math.sqrt(5),
    "-sqrt(2)": -math.sqrt(2),
    "√5": math.sqrt(5),
    "sqrt(0)": 0.0,
    "1e999": math.inf,
}
NOT_NUMBERS = [
    "",
    "x",
    "1_000",
    " 1",
    "1 ",
    "0x10",
    "nan",
    "inf",
    "-inf",
    "٣",
    "1e",
    "e3",
    "--1",
    "sqrt()",
    "sqrt(-1)",
    "1,5",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read(text):
    assert number(text) == NUMBERS[text]


@pytest.mark.parametrize("text", NOT_NUMBERS, ids=repr)
def test_what_is_not_a_plain_number_is_not_read(text):
    assert number(text) is None


def test_a_root_of_nothing_plain_ends_quickly():
    assert number("sqrt(" * 200 + "x" + ")" * 200) is None


@settings(derandomize=True, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_python_writes_it(x):
    assert number(repr(x)) == x


SCALE = Param("scale", 1.0, above=0)
SHARE = Param("share", 0.1, least=0, most=1)
COUNT = Param("count", 1, "int", least=1)
MODE = Param("mode", "fan_in", "word", choices=("fan_in", "fan_out"))

GOOD = [
    (SCALE, "2", 2.0),
    (SCALE, 3, 3.0),
    (SHARE, "1", 1.0),
    (SHARE, 0, 0.0),
    (COUNT, "7", 7),
    (COUNT, 7, 7),
    (MODE, "fan_out", "fan_out"),
]
REFUSED = [
    (SCALE, "0", "scale = '0' must be a number above 0"),
    (SCALE, -1.0, "scale = -1.0 must be a number above 0"),
    (SCALE, "nan", "scale = 'nan' must be a number above 0"),
    (SCALE, math.nan, "scale = nan must be a number above 0"),
    (SCALE, math.inf, "scale = inf must be a number above 0"),
    (SCALE, "1e999", "scale = '1e999' must be a number above 0"),
    (SCALE, 10**400, "must be a number above 0"),
    (SCALE, True, "scale = True must be a number above 0"),
    (SCALE, None, "scale = None must be a number above 0"),
    (SHARE, "1.5", "share = '1.5' must be a number from 0 to 1"),
    (COUNT, "1.0", "count = '1.0' must be a whole number from 1"),
    (COUNT, 1.0, "count = 1.0 must be a whole number from 1"),
    (COUNT, "0", "count = '0' must be a whole number from 1"),
    (COUNT, 10**400, "must be a whole number from 1"),
    (COUNT, True, "count = True must be a whole number from 1"),
    (MODE, "fan_avg", "mode = 'fan_avg' must be one of fan_in, fan_out"),
    (MODE, 3, "mode = 3 must be one of fan_in, fan_out"),
]


@pytest.mark.parametrize(("param", "given", "value"), GOOD, ids=str)
def test_a_value_in_range_is_taken(param, given, value):
    assert param.read(given) == value
    assert type(param.read(given)) is type(value)


@pytest.mark.parametrize(("param", "given", "message"), REFUSED, ids=str)
def test_a_value_out_of_range_is_refused_by_its_rule(param, given, message):
    with pytest.raises(BadParameter) as caught:
        param.read(given)
    assert message in caught.value.message


def test_a_scheme_is_split_from_its_parameters():
    assert split("he_uniform") == ("he_uniform", {})
    assert split("truncated_normal:mean=0,stddev=0.02") == ("truncated_normal", {"mean": "0", "stddev": "0.02"})


@pytest.mark.parametrize("text", ["a:", "a:b", "a:=1", "a:b=1,", "a:b=1,b=2", "a:b=1,,c=2"])
def test_parameters_that_are_not_pairs_are_refused(text):
    with pytest.raises(BadParameter, match=r"where key=value should be|twice"):
        split(text)


def test_what_is_not_given_has_its_default():
    values = bind("it", (SCALE, COUNT, MODE), {"count": "3"})
    assert values == {"scale": 1.0, "count": 3, "mode": "fan_in"}
    assert (real(values, "scale"), whole(values, "count"), word(values, "mode")) == (1.0, 3, "fan_in")


def test_an_unknown_parameter_names_the_nearest():
    with pytest.raises(UnknownName) as caught:
        bind("it", (SCALE, COUNT), {"scael": 1})
    assert (caught.value.message, caught.value.hint) == ("it has no parameter 'scael'", "did you mean scale?")
    with pytest.raises(UnknownName) as caught:
        bind("it", (), {"gain": 1})
    assert caught.value.hint == "it takes none"


def test_what_has_no_default_must_be_given():
    layers = Param("layers", None, "int", least=1, example=12)
    width = Param("width", None, "int", least=1, example=64)
    assert bind("it", (SCALE, layers), {"layers": "3"}) == {"scale": 1.0, "layers": 3}
    assert (written("it", (SCALE,)), written("it", (layers, SCALE, width))) == ("it", "it:layers=12,width=64")
    for values, message in [
        ({}, "it needs layers and width: it:layers=12,width=64"),
        ({"width": "8"}, "it needs layers: it:layers=12,width=8"),
    ]:
        with pytest.raises(BadParameter) as caught:
            bind("it", (layers, SCALE, width), values)
        assert caught.value.message == message
