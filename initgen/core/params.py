"""Parameters of schemes, declared once: type, range and default serve parsing, checking, help and recipes."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from initgen.core.errors import BadParameter, UnknownName, quoted
from initgen.core.registry import nearest

Value = float | int | str | None
Values = Mapping[str, Value]

_ROOT = re.compile(r"(-?)(?:sqrt\((.+)\)|√(.+))")


@dataclass(frozen=True)
class Param:
    """One parameter.

    Attributes:
        default: None says that there is none: it must be given.
        above: the value must be greater than this.
        least, most: the value must lie in this closed range.
        choices: for a word, the words there are.
        example: of one that must be given, a value to show.
    """

    name: str
    default: Value
    kind: Literal["float", "int", "word"] = "float"
    above: float | None = None
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    example: Value = None
    help: str = ""

    @property
    def rule(self) -> str:
        """What the value must be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        noun = {"float": "a number", "int": "a whole number", "word": "a word"}[self.kind]
        if self.above is not None:
            noun += f" above {self.above:g}"
        if self.least is not None and self.most is not None:
            return f"{noun} from {self.least:g} to {self.most:g}"
        if self.least is not None:
            noun += f" from {self.least:g}"
        return noun

    def read(self, given: Value) -> Value:
        """``given`` (text, or already a value) as this parameter's value.

        Raises:
            BadParameter: it is not of this kind, or out of range. NaN and infinities are.
        """
        value = self._typed(given)
        if isinstance(value, str):
            ok = not self.choices or value in self.choices
        else:
            ok = (
                value is not None
                and math.isfinite(value)
                and (self.above is None or value > self.above)
                and (self.least is None or value >= self.least)
                and (self.most is None or value <= self.most)
            )
        if not ok:
            raise BadParameter(f"{self.name} = {quoted(given)} must be {self.rule}")
        return value

    def _typed(self, given: Value) -> Value:
        if isinstance(given, bool):
            return None
        if self.kind == "word":
            return given if isinstance(given, str) else None
        if isinstance(given, str):
            return _whole(given) if self.kind == "int" else number(given)
        if self.kind == "int":
            return given if isinstance(given, int) and abs(given) < 10**20 else None
        try:
            return float(given) if given is not None else None
        except OverflowError:
            return None


def number(text: str) -> float | None:
    """The number that ``text`` writes, roots included (``sqrt(5)``, ``√5``), or None."""
    root = _ROOT.fullmatch(text)
    if root:
        inner = _plain(root[2] or root[3])
        if inner is None or inner < 0:
            return None
        return -math.sqrt(inner) if root[1] else math.sqrt(inner)
    return _plain(text)


def _plain(text: str) -> float | None:
    # float() takes underscores, blanks and foreign digits; a weight's scale should be plain.
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", text, re.ASCII | re.IGNORECASE):
        return None
    return float(text)


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?\d{1,20}", text, re.ASCII) else None


def split(text: str) -> tuple[str, dict[str, str]]:
    """``name:key=value,key=value`` as the name and its parameters, still text."""
    name, colon, rest = text.partition(":")
    given: dict[str, str] = {}
    for item in rest.split(",") if colon else ():
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise BadParameter(f"{text!r} has {item!r} where key=value should be", "like truncated_normal:stddev=0.02")
        if key in given:
            raise BadParameter(f"{text!r} gives {key} twice")
        given[key] = value
    return name, given


def written(owner: str, params: tuple[Param, ...], given: Values | None = None) -> str:
    """``owner`` with the parameters that must be given, as a user writes it: ``gpt2_residual:layers=12``."""
    needed = {param.name: (given or {}).get(param.name, param.example) for param in params if param.default is None}
    return owner + (":" if needed else "") + ",".join(f"{name}={value}" for name, value in needed.items())


def bind(owner: str, params: tuple[Param, ...], given: Values) -> dict[str, Value]:
    """Every parameter's value, checked: what is ``given``, else its default.

    Raises:
        UnknownName: ``owner`` has no such parameter.
        BadParameter: a value breaks its rule, or one without a default is not given.
    """
    known = {param.name: param for param in params}
    for name in given:
        if name not in known:
            hint = nearest(name, known) if known else f"{owner} takes none"
            raise UnknownName(f"{owner} has no parameter {name!r}", hint)
    values = {name: param.read(given[name]) if name in given else param.default for name, param in known.items()}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise BadParameter(f"{owner} needs {' and '.join(missing)}: {written(owner, params, given)}")
    return values


def real(values: Values, name: str) -> float:
    """A bound parameter of kind float."""
    value = values[name]
    assert isinstance(value, float | int)
    return float(value)


def whole(values: Values, name: str) -> int:
    """A bound parameter of kind int."""
    value = values[name]
    assert isinstance(value, int)
    return value


def word(values: Values, name: str) -> str:
    """A bound parameter of kind word."""
    value = values[name]
    assert isinstance(value, str)
    return value
