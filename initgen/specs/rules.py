"""Rules: which tensors they are for, and what they say of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase, translate
from functools import cached_property

from initgen.core.errors import BadParameter, InitgenError, SpecError
from initgen.core.params import Value, bind, split
from initgen.core.shapes import Shape
from initgen.schemes import SCHEMES
from initgen.specs.document import Document
from initgen.specs.names import expand
from initgen.specs.places import Where
from initgen.specs.schema import Options, RuleTable, SpecTable, TensorTable
from initgen.specs.scope import Scope

# Of one text; they become one expression, which takes its time.
_MAX_PATTERNS = 10_000


@dataclass(frozen=True)
class File:
    """One spec file: what holds for all that stands in it, and in what it includes unless that says otherwise.

    Attributes:
        layout: its own, or that of its preset.
        kinds: layer classes that are given by hand.
    """

    document: Document
    table: SpecTable
    scope: Scope
    dtype: str | None = None
    layout: str | None = None
    kinds: Mapping[str, Mapping[str, TensorTable]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule, and the file it stands in."""

    table: RuleTable
    file: File
    where: Where

    @cached_property
    def patterns(self) -> list[str]:
        """Shell patterns, variables filled in and braces expanded."""
        match = self.table.match
        try:
            filled = [self.file.scope.fill(text) for text in ([match] if isinstance(match, str) else match)]
            if not filled:
                raise BadParameter("match = [] fits no tensor")
            return [pattern for text in filled for pattern in expand(text, _MAX_PATTERNS)]
        except InitgenError as error:
            raise self.blame(error) from None

    @cached_property
    def scheme(self) -> tuple[str, dict[str, Value]]:
        """Name and parameters of its scheme."""
        try:
            return scheme_of(self.table, self.file.scope)
        except InitgenError as error:
            raise self.blame(error) from None

    def check(self) -> None:
        """Refuse a scheme that does not exist, or that has no such parameters."""
        name, params = self.scheme
        try:
            entry, given = split(name)
            bind(SCHEMES[entry].name, SCHEMES[entry].params, {**given, **params})
        except InitgenError as error:
            raise self.blame(error) from None

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        return re.compile("|".join(translate(pattern) for pattern in self.patterns))

    @cached_property
    def _holds(self) -> bool:
        try:
            return self.file.scope.holds(self.table.when)
        except InitgenError as error:
            raise self.blame(error) from None

    def fits(self, name: str, shape: Shape) -> str | None:
        """What the last ``*`` of its pattern stands for in the tensor's name; None where the rule is not for it."""
        if not self._holds:
            return None
        ranks = self.table.rank
        if ranks is not None and len(shape) not in ([ranks] if isinstance(ranks, int) else ranks):
            return None
        if not self._whole.match(name):
            return None
        if self.table.fan_from is None or "*" not in self.table.fan_from:
            return ""
        pattern = next(pattern for pattern in self.patterns if fnmatchcase(name, pattern))
        before, _, after = pattern.rpartition("*")
        found = re.fullmatch(translate(before)[:-2] + "(.*)" + translate(after)[:-2], name, re.DOTALL)
        return found[1] if found else ""

    def blame(self, error: InitgenError) -> SpecError:
        """The same error, said of this rule."""
        return self.file.document.blame(self.where, error)

    @property
    def shown(self) -> str:
        """Where it stands."""
        return self.blame(BadParameter("")).message.rstrip(": ")


def rules_of(texts: Iterable[str]) -> list[Rule]:
    """Rules as the command line writes them: ``*.bias=zeros``.

    Raises:
        BadParameter: a text without ``=``.
    """
    rules = []
    for text in texts:
        match, equals, scheme = text.partition("=")
        if not equals or not match or not scheme:
            raise BadParameter(f"--rule {text!r} is not PATTERN=SCHEME", "like '*.bias=zeros'")
        document = Document(f"--rule {text!r}", "", "", {})
        rules.append(Rule(RuleTable(match=match, scheme=scheme), File(document, SpecTable(), Scope({})), ()))
    return rules


def filled(scheme: str | Mapping[str, Value], scope: Scope) -> str | dict[str, Value]:
    """A scheme as a spec writes it, text or a table, with its variables filled in."""
    if isinstance(scheme, str):
        return scope.fill(scheme)
    return {key: scope.fill(value) if isinstance(value, str) else value for key, value in scheme.items()}


def scheme_of(said: Options, scope: Scope) -> tuple[str, dict[str, Value]]:
    """Name and parameters of a scheme as a spec writes it, variables filled in."""
    assert said.scheme is not None
    params = filled(said.scheme, scope)
    if isinstance(params, str):
        return params, {}
    name = params.pop("name", None)
    if not isinstance(name, str):
        raise BadParameter("scheme has no name", 'like {name = "truncated_normal", stddev = 0.02}')
    return name, params
