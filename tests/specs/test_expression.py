"""Expressions: exact arithmetic, as Python itself does it, and nothing else."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.core.errors import BadParameter
from initgen.specs.expression import evaluate

VALUES = {"d": 64, "n_layer": 12, "half": 0.5, "_x1": 3, "sqrt": 7, "e": 10}

SOUND = [
    ("1", 1),
    (" 1 + 2 ", 3),
    ("4 * d", 256),
    ("4*d+n_layer", 268),
    ("2 + 3 * 4", 14),
    ("(2 + 3) * 4", 20),
    ("7 - 3 - 2", 2),
    ("64 / 4 / 2", 8),
    ("7 / 2", 3.5),
    ("8 × 3 ÷ 2 − 1", 11),
    ("2 · 3", 6),
    ("-d + 65", 1),
    ("- - 2", 2),
    ("+2", 2),
    ("2 * -3", -6),
    ("sqrt(16)", 4.0),
    ("sqrt(2 * n_layer)", math.sqrt(24)),
    ("0.02 / sqrt(2 * n_layer)", 0.02 / math.sqrt(24)),
    ("sqrt", 7),
    ("1e-3", 1e-3),
    ("1E3", 1000.0),
    ("2.", 2.0),
    (".5", 0.5),
    ("half * 2", 1.0),
    ("_x1", 3),
    ("010", 10),
    ("9007199254740993", 9007199254740993),
    ("9007199254740993 * 2 / 2", 9007199254740993),
    ("(" * 40 + "1" + ")" * 40, 1),
]


@pytest.mark.parametrize(("text", "value"), SOUND, ids=str)
def test_an_expression_has_the_value_of_arithmetic(text, value):
    found = evaluate(text, VALUES.__getitem__)
    assert (found, type(found)) == (value, type(value))


# What Python and we call the same: text made of whole numbers and the operators that keep them whole.
TERMS = st.recursive(
    st.integers(0, 999).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", "-", " * ", "*", " / "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("-({})".format),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(TERMS)
def test_it_agrees_with_python(text):
    try:
        expected = eval(text)
    except ZeroDivisionError:
        with pytest.raises(BadParameter, match="divides by 0"):
            evaluate(text, VALUES.__getitem__)
        return
    assert evaluate(text, VALUES.__getitem__) == pytest.approx(expected, rel=1e-12)


BAD = [
    ("", "has nothing where a number or a name should be"),
    ("   ", "has nothing where a number or a name should be"),
    ("1 +", "has nothing where a number or a name should be"),
    ("* 2", "has '*' where a number or a name should be"),
    ("1 2", "has '2' where an operator should be"),
    ("1 d", "has 'd' where an operator should be"),
    ("2 ** 3", "has '*' where a number or a name should be"),
    ("7 // 2", "has '/' where a number or a name should be"),
    ("7 % 2", "has '%' where an operator should be"),
    ("(1", "has no ) for its ("),
    ("1)", "has ')' where an operator should be"),
    ("()", "has ')' where a number or a name should be"),
    ("d.real", "has '.' where an operator should be"),
    ("d(1)", "has '(' where an operator should be"),
    ("exp(1)", "has '(' where an operator should be"),
    ("__import__('os')", "has '(' where an operator should be"),
    ("'a'", 'has "\'" where a number or a name should be'),
    ("[1]", "has '[' where a number or a name should be"),
    ("1_000", "has '1' where a number or a name should be"),
    ("１", "has '１' where a number or a name should be"),
    ("0x10", "has '0' where a number or a name should be"),
    ("1e", "has '1' where a number or a name should be"),
    ("1.2.3", "has '1' where a number or a name should be"),
    ("1 / 0", "divides by 0"),
    ("1 / (d - 64)", "divides by 0"),
    ("sqrt(-1)", "takes the root of -1"),
    ("sqrt()", "has ')' where a number or a name should be"),
    ("1e999", "is too large"),
    ("1e300 * 1e300", "is too large"),
    ("9" * 20, "is too large"),
    ("9" * 900, "is too large"),
    ("huge + 0.5", "is too large"),
    ("sqrt(huge)", "is too large"),
    ("infinite", "is too large"),
    ("(" * 51 + "1" + ")" * 51, "nests too deep"),
    ("-" * 500 + "1", "nests too deep"),
    ("1" * 1001, "is longer than 1000 characters"),
    ("1\x00", "has '\\x00' where an operator should be"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=lambda value: ascii(value)[:30])
def test_what_is_no_expression_is_refused_with_the_reason(text, message):
    with pytest.raises(BadParameter) as caught:
        evaluate(text, {**VALUES, "exp": 1, "__import__": 1, "huge": 10**400, "infinite": math.inf}.__getitem__)
    assert caught.value.message.startswith("the expression ")
    assert message in caught.value.message
    assert len(caught.value.message) < 200


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=30), st.lists(st.sampled_from([*"019.e+-*/()d ", "sqrt"])).map("".join)))
def test_any_text_is_a_number_or_an_error_of_ours(text):
    try:
        value = evaluate(text, lambda name: 3)
    except BadParameter:
        return
    assert isinstance(value, int | float)
    assert math.isfinite(value)
