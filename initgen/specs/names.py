"""Names that stand for many: ``layers.{0..31}.attn.{q,k,v}.weight``; and back, many names as one."""

import itertools
import re
from collections.abc import Hashable, Iterable
from typing import TypeVar

from initgen.core.errors import BadParameter, quoted

# More tensors than any model has; a spec that asks for more is a mistake.
MAX_NAMES = 1_000_000
_MAX_LENGTH = 100_000_000  # of all names together

_PART = re.compile(r"(\{\{|\}\})|\{([^{}]*)\}|([{}])")
_RANGE = re.compile(r"(\d{1,9})\.\.(-?\d{1,9})", re.ASCII)


def expand(text: str, most: int | None = None) -> list[str]:
    """All names that ``text`` stands for, the leftmost brace the slowest to change.

    ``{0..11}`` counts up, ends included and zeros in front kept; ``{q,k,v}`` lists; ``{{`` and ``}}`` are plain braces.

    Args:
        most: how many there may be.

    Raises:
        BadParameter: a brace that is neither, or too many names.
    """
    if "{" not in text and "}" not in text:
        return [text]
    most = most or MAX_NAMES
    parts: list[list[str]] = []
    at, count = 0, 1
    for match in _PART.finditer(text):
        parts.append([text[at : match.start()]])
        at = match.end()
        doubled, inside, lone = match.groups()
        if lone:
            raise BadParameter(f"{quoted(text)} has a {lone} without its partner", "{{ and }} are plain braces")
        parts.append([doubled[0]] if doubled else _alternatives(inside, text, most))
        count *= len(parts[-1])
        if count > most:
            raise BadParameter(f"{quoted(text)} stands for more than {most} names")
    if count * len(text) > _MAX_LENGTH and count > 1:
        raise BadParameter(f"{quoted(text)} stands for {count} names that are too long")
    parts.append([text[at:]])
    return ["".join(chosen) for chosen in itertools.product(*parts)]


def _alternatives(inside: str, text: str, most: int) -> list[str]:
    span = _RANGE.fullmatch(inside)
    if span:
        first, last = int(span[1]), int(span[2])
        if last < first - 1:
            raise BadParameter(f"{quoted(text)} counts from {first} down to {last}", "ranges count up: {0..11}")
        if last - first >= most:
            raise BadParameter(f"{quoted(text)} stands for more than {most} names")
        width = len(span[1]) if span[1].startswith("0") else 0
        return [f"{number:0{width}}" for number in range(first, last + 1)]
    if "," not in inside:
        raise BadParameter(
            f"{quoted(text)} has {{{inside}}}, which is neither a range nor a list",
            "like {0..11} or {q,k,v}; {{ and }} are plain braces",
        )
    return inside.split(",")


def literal(name: str) -> str:
    """``name`` as `expand` reads it: its braces doubled."""
    return name.replace("{", "{{").replace("}", "}}")


# A range after $ would read as ${…}.
_NUMBER = re.compile(r"(?<![\d$])(0|[1-9]\d{0,8})(?!\d)", re.ASCII)

Box = tuple[tuple[int, int], ...]
E = TypeVar("E", bound=Hashable)


def fold(entries: Iterable[tuple[str, E]]) -> list[tuple[str, E]]:
    """Names with equal entries as few templates: the numbers in them become ranges where they leave no gap.

    `expand` gives the names back. In the order of the first name of each skeleton.
    """
    groups: dict[tuple[tuple[str, ...], E], list[Box]] = {}
    for name, entry in entries:
        words = _NUMBER.split(literal(name))  # text, number, text, …
        box = tuple((int(number), int(number)) for number in words[1::2])
        groups.setdefault((tuple(words[::2]), entry), []).append(box)
    return [
        (_template(texts, box), entry)
        for (texts, entry), boxes in groups.items()
        for box in _joined(boxes, len(texts) - 1)
    ]


def _joined(boxes: list[Box], axes: int) -> list[Box]:
    """The same points in fewer boxes: along each axis in turn, the last first, those that touch become one."""
    for axis in reversed(range(axes)):
        rows: dict[Box, list[tuple[int, int]]] = {}
        for box in boxes:
            rows.setdefault(box[:axis] + box[axis + 1 :], []).append(box[axis])
        boxes = [(*rest[:axis], span, *rest[axis:]) for rest, spans in rows.items() for span in _touching(spans)]
    return boxes


def _touching(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if joined and joined[-1][1] + 1 == low:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined


def _template(texts: tuple[str, ...], box: Box) -> str:
    numbers = [f"{low}" if low == high else f"{{{low}..{high}}}" for low, high in box]
    return "".join(itertools.chain.from_iterable(itertools.zip_longest(texts, numbers, fillvalue="")))
