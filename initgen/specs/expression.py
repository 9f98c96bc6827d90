"""Arithmetic in specs: ``${4 * d_model}``. Numbers, variables, + - × ÷, brackets and sqrt; nothing that could run."""

import math
import re
from collections.abc import Callable
from typing import NoReturn

from initgen.core.errors import BadParameter, quoted

Number = int | float
Lookup = Callable[[str], Number]

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?(?![\w.])|\.\d+(?![\w.]))|([A-Za-z_]\w*)|(\S))", re.ASCII)
_PLAIN = str.maketrans("×÷−·", "*/-*")
_MAX_LENGTH = 1000
_MAX_DEPTH = 50


def evaluate(text: str, lookup: Lookup) -> Number:
    """The value of an expression; whole as long as every step is, so that sizes stay exact.

    Args:
        lookup: a variable's value by its name.

    Raises:
        BadParameter: it is not an expression, divides by 0, or leaves the numbers that float64 or 64 bits hold.
    """
    return _Parser(text, lookup).whole()


class _Parser:
    """Recursive descent: sum → product → factor."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self._text, self._lookup = text, lookup
        if len(text) > _MAX_LENGTH:
            self._fail(f"is longer than {_MAX_LENGTH} characters")
        self._tokens = [match.groups() for match in _TOKEN.finditer(text.translate(_PLAIN))]
        self._at = self._depth = 0

    def whole(self) -> Number:
        value = self._sum()
        if self._at < len(self._tokens):
            self._fail(f"has {self._shown()} where an operator should be")
        return value

    def _sum(self) -> Number:
        value = self._product()
        while (sign := self._sign()) in ("+", "-"):
            self._at += 1
            other = self._product()
            value = self._checked(value + other if sign == "+" else value - other)
        return value

    def _product(self) -> Number:
        value = self._factor()
        while (sign := self._sign()) in ("*", "/"):
            self._at += 1
            other = self._factor()
            if sign == "*":
                value = self._checked(value * other)
            elif not other:
                self._fail("divides by 0")
            elif isinstance(value, int) and isinstance(other, int) and value % other == 0:
                value //= other
            else:
                value = self._checked(value / other)
        return value

    def _factor(self) -> Number:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail("nests too deep")
        number, name, sign = self._tokens[self._at] if self._at < len(self._tokens) else (None, None, None)
        self._at += 1
        value: Number
        if number:
            value = self._checked(float(number) if re.search("[.eE]", number) else int(number[:30]))
        elif name == "sqrt" and self._sign() == "(":
            root = self._factor()
            if root < 0:
                self._fail(f"takes the root of {root}")
            value = math.sqrt(root)
        elif name:
            value = self._checked(self._lookup(name))
        elif sign == "(":
            value = self._sum()
            if self._sign() != ")":
                self._fail("has no ) for its (")
            self._at += 1
        elif sign in ("-", "+"):
            value = self._factor() if sign == "+" else -self._factor()
        else:
            self._at -= 1
            self._fail(f"has {self._shown()} where a number or a name should be")
        self._depth -= 1
        return value

    def _sign(self) -> str | None:
        return self._tokens[self._at][2] if self._at < len(self._tokens) else None

    def _shown(self) -> str:
        return repr(next(filter(None, self._tokens[self._at]))) if self._at < len(self._tokens) else "nothing"

    def _checked(self, value: Number) -> Number:
        if abs(value) >= 2**64 if isinstance(value, int) else not math.isfinite(value):
            self._fail("is too large")
        return value

    def _fail(self, why: str) -> NoReturn:
        raise BadParameter(f"the expression {quoted(self._text)} {why}")
