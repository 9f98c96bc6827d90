"""The tensors of a file by the rule that made them, and few patterns for their names."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from initgen.checks.identity.candidates import Reading
from initgen.checks.identity.result import FileIdentity, TensorIdentity, Verdict

# Tensors that are too few to tell by themselves stand with those that they are consistent with.
_TOGETHER: dict[Verdict, Verdict] = {"consistent": "named"}
_ORDER: tuple[Verdict, ...] = ("named", "cannot tell", "fitted", "unknown", "not weights")


@dataclass(frozen=True)
class Group:
    """Tensors of one verdict and one rule.

    Attributes:
        reading: the likeliest of the first tensor; None where there is none.
        patterns: of their names, which no other tensor of the file has.
    """

    verdict: Verdict
    reading: Reading | None
    patterns: tuple[str, ...]
    tensors: tuple[TensorIdentity, ...]

    @property
    def values(self) -> int:
        """All elements."""
        return sum(tensor.measured.count for tensor in self.tensors)

    @property
    def consistent(self) -> int:
        """How many tensors are too small to tell by themselves."""
        return sum(tensor.verdict == "consistent" for tensor in self.tensors)

    @property
    def odds(self) -> float:
        """The natural logarithm of the least odds against another law; infinite where there is none."""
        return min(tensor.guesses[0].odds for tensor in self.tensors)

    @property
    def spreads(self) -> tuple[float, float] | None:
        """The least and the greatest std over the law's; None for what is not drawn. Small tensors are left out."""
        fits = [tensor.guesses[0].fit for tensor in self.tensors if tensor.guesses and tensor.verdict != "consistent"]
        found = [fit.spread for fit in fits if fit]
        return (min(found), max(found)) if found else None


def groups_of(file: FileIdentity) -> list[Group]:
    """The tensors of a file, those that are named first and the largest groups before the others."""
    members: defaultdict[tuple[Verdict, object], list[TensorIdentity]] = defaultdict(list)
    for tensor in file.tensors:
        verdict = _TOGETHER.get(tensor.verdict, tensor.verdict)
        members[verdict, tensor.best.key if tensor.best else tensor.note].append(tensor)
    names = [tensor.name for tensor in file.tensors]
    groups = [
        Group(verdict, tensors[0].best, patterns_of([tensor.name for tensor in tensors], names), tuple(tensors))
        for (verdict, _), tensors in members.items()
    ]
    return sorted(groups, key=lambda group: (_ORDER.index(group.verdict), -group.values))


def patterns_of(names: Sequence[str], every: Sequence[str]) -> tuple[str, ...]:
    """The shortest patterns ``*.last.parts`` that stand for these names and for no other of the file.

    Numbers in what is kept are stars, too. A name that has no such pattern stands for itself, its numbers folded.
    """
    inside = set(names)
    pure: dict[str, bool] = {}
    for name in every:
        for pattern in _endings(name):
            pure[pattern] = pure.get(pattern, True) and name in inside
    found: dict[str, list[str]] = {}
    for name in names:
        pattern = next((pattern for pattern in _endings(name) if pure[pattern]), name)
        found.setdefault(pattern, []).append(name)
    # A star for one name alone says less than the name.
    return tuple(members[0] if len(members) == 1 else pattern for pattern, members in found.items())


def _endings(name: str) -> list[str]:
    """Patterns for a name, the shortest first: its last part, its last two, and so on, with stars for numbers."""
    parts = re.split(r"([./])", name)
    # In a .weights.h5, vars/0 and vars/1 are as different as weight and bias.
    last = len(parts) - 1
    starred = [
        part if at == last and "/" in name else "*" if part.isdigit() else re.sub(r"_\d+$", "_*", part)
        for at, part in enumerate(parts)
    ]
    first = last - 3 if "/" in name and parts[-1].isdigit() else last - 1
    patterns = ["*" + "".join(starred[at:]) for at in range(first, 0, -2)]
    return [*(pattern for pattern in patterns if pattern[2:3] != "*"), "".join(starred), name]
