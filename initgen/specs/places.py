"""The lines on which the keys of a spec stand, for messages: the parsers of TOML and JSON keep no places."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

# A path into a document: keys of tables and places in lists.
Where = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}=:,.\n]|[^\s\[\]{}=:,.#"\']+',
    re.DOTALL,
)


def line_of(text: str, kind: str, where: Where) -> int | None:
    """The line of what is at ``where``, or of the deepest that is found on the way to it.

    Args:
        kind: toml, yaml or json.
    """
    try:
        found = _yaml(text, where) if kind == "yaml" else _deepest(text, where)
    except Exception:  # A text that is not even of its kind has no places, and its error is said already.
        return None
    return None if found is None else found + 1


def _deepest(text: str, where: Where) -> int | None:
    best, depth = None, 0
    for path, at in _keys(text):
        # A heading or a dotted key may be all there is of the tables on its way.
        common = next(
            (n for n, (a, b) in enumerate(zip(path, where, strict=False)) if a != b), min(len(path), len(where))
        )
        if common > depth:
            best, depth = at, common
            if depth == len(where):
                break
    return None if best is None else text.count("\n", 0, best)


def _keys(text: str) -> Iterator[tuple[Where, int]]:
    """Every key and every item of a list in a TOML or JSON text, in order, and where it begins."""
    arrays: Counter[Where] = Counter()  # the [[tables]] so far
    table: Where = ()
    # Open brackets: the path of what they hold, and the place in it for a list, -1 for a table.
    opened: list[tuple[Where, int]] = []
    key: list[str | int] = []
    start = heading = 0
    value = False
    for token in _TOKEN.finditer(text):
        word, at = token[0], token.start()
        inside, index = opened[-1] if opened else (table, -1)
        if word[0] == "#" or (word == "\n" and opened):
            continue
        if word == "\n":
            if heading:
                table = _counted(tuple(key), arrays, heading > 1)
                yield table, start
            key, value, heading = [], False, 0
        elif word in "{[":
            if word == "[" and not opened and not value:
                heading += 1
                start = at
                continue
            path = (*inside, index) if index >= 0 else (*inside, *key)
            if index >= 0:
                yield path, at
            opened.append((path, 0 if word == "[" else -1))
            key, value = [], False
        elif word in "}]":
            if opened:
                opened.pop()
                value = True
        elif word == ",":
            if index >= 0:
                opened[-1] = (inside, index + 1)
            key, value = [], False
        elif word in "=:" and not value and index < 0:
            yield (*inside, *key), start
            value = True
        elif index >= 0:
            if not value:
                yield (*inside, index), at
                value = True
        elif not value and word != ".":
            start = at if not key and not heading else start
            key.append(_word(word))
    if heading:
        yield _counted(tuple(key), arrays, heading > 1), start


def _counted(path: Where, arrays: "Counter[Where]", more: bool) -> Where:
    """A heading's path with the places in the lists of tables that it goes through."""
    full: Where = ()
    for depth, key in enumerate(path, 1):
        full = (*full, key)
        if more and depth == len(path):
            arrays[full] += 1
        if arrays[full]:
            full = (*full, arrays[full] - 1)
    return full


def _word(word: str) -> str:
    if word[0] == "'":
        return word[1:-1]
    if word[0] != '"':
        return word
    try:
        return str(json.loads(word))
    except ValueError:  # TOML's \U and \e
        import tomllib

        return str(tomllib.loads(f"k = {word}")["k"])


def _yaml(text: str, where: Where) -> int | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = 100
    yaml.composer.warn_double_anchors = False
    node: Any = yaml.compose(text)
    line = None
    for key in where:
        if isinstance(node, MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line
        else:
            break
    return line
