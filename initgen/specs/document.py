"""A spec's text as plain values, from TOML, YAML or JSON, and the place of everything for messages."""

import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from initgen.core.errors import InitgenError, SpecError, quoted
from initgen.core.registry import repeated
from initgen.specs.places import Where, line_of

_MAX_BYTES = 64 << 20
_MAX_YAML = 4 << 20  # which its reader takes seconds for
_MAX_DEPTH = 32
_WEIGHTS = (".safetensors", ".h5", ".hdf5", ".npz", ".npy")
KINDS = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".keras": "json"}


@dataclass(frozen=True)
class Document:
    """A spec file that was read.

    Attributes:
        shown: the file as messages name it.
        path: where it is, for what it includes; "" for standard input.
        text: what it says.
        kind: toml, yaml or json.
        tree: the same as tables, lists, text, numbers and true or false.
    """

    shown: str
    path: str
    text: str
    tree: dict[str, Any]
    kind: str = "toml"

    def error(self, where: Where, message: str, hint: str = "") -> SpecError:
        """An error about one place of this document: file, line where it is found, path, message."""
        line = line_of(self.text, self.kind, where)
        place = f"{self.shown}, line {line}" if line else self.shown
        path = shown_path(where)
        return SpecError(f"{place}: {path}: {message}" if path else f"{place}: {message}", hint)

    def blame(self, where: Where, error: InitgenError) -> SpecError:
        """The same error, said of a place of this document."""
        # What an option is to the command line is a key here.
        hint = re.sub(r"--(fan-in|fan-out) N", lambda option: f"{option[1].replace('-', '_')} = N", error.hint)
        hint = hint.replace("--fan-in and --fan-out", "fan_in and fan_out")
        return self.error(where, error.message, hint)


def shown_path(where: Where) -> str:
    """``tensors.dense/kernel.shape[1]``."""
    text = ""
    for key in where:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text if len(text) <= 200 else f"{text[:120]}…{text[-60:]}"


def read_document(path: str) -> Document:
    """Read a spec file, or standard input for ``-``; the suffix says what it is, or else the text does.

    Raises:
        SpecError: it cannot be read, is too large, or is not TOML, YAML or JSON.
    """
    if not path or "\0" in path:
        raise SpecError(f"spec = {path!r} is not a path")
    shown = "standard input" if path == "-" else path
    if PurePath(path).suffix.lower() in _WEIGHTS:
        raise SpecError(f"{shown}: is a weight file, not a spec", "--like takes names and shapes from it")
    if PurePath(path).suffix.lower() == ".keras":
        from initgen.specs.layers.keras.archive import config_text

        raw = config_text(path)
    else:
        raw = _bytes(path, shown)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SpecError(f"{shown}: is UTF-16", "save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{shown}, line {line}: is not UTF-8", "save it as UTF-8") from None
    return document_of(text, shown, path, KINDS.get(PurePath(path).suffix.lower()))


def document_of(text: str, shown: str, path: str = "", kind: str | None = None) -> Document:
    """The document that ``text`` is.

    Raises:
        SpecError: the text is not of its kind, holds no table, or holds what a spec has no use for.
    """
    kind = kind or kind_of(text)
    try:
        tree = _PARSERS[kind](text)
    except _Unreadable as problem:
        line = f", line {problem.line}" if problem.line else ""
        raise SpecError(f"{shown}{line}: {problem}") from None
    except RecursionError:
        raise SpecError(f"{shown}: nests too deep") from None
    except ValueError as error:
        long = "set_int_max_str_digits" in str(error)
        said = "holds a number of too many digits" if long else str(error).splitlines()[0]
        raise SpecError(f"{shown}: {said}") from None
    if tree is None:
        raise SpecError(f"{shown}: is empty", "a spec has at least [tensors]; see examples/")
    document = Document(shown, path, text, tree if isinstance(tree, dict) else {}, kind)
    if not isinstance(tree, dict):
        raise document.error((), f"a spec is a table, not {_noun(tree)}")
    # Without aliases each value takes two characters of text; with them a few lines can stand for billions.
    _check(document, tree, (), [len(text) + 100_000])
    return document


def kind_of(text: str) -> str:
    """What a text without a suffix is: JSON begins with a brace, TOML has a [table] or ``key =`` first; YAML else."""
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith(("#", "---", "%")):
            if line.startswith("{"):
                return "json"
            return "toml" if re.match(r"\[|[\w.\-\"']+\s*=", line) else "yaml"
    return "toml"


_DOTTED = re.compile(r"""(?<![\w.-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")


class _Unreadable(Exception):
    """What a parser says, and on which line."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def _bytes(path: str, shown: str) -> bytes:
    try:
        if path == "-":
            if sys.stdin is None:
                raise SpecError("standard input is closed")
            raw = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and os.fstat(file.fileno()).st_size > _MAX_BYTES:
                    raw = b" " * (_MAX_BYTES + 1)
                else:
                    raw = file.read(_MAX_BYTES + 1)
    except IsADirectoryError:
        config = os.path.join(path, "config.json")
        hint = f"{config} may be meant" if os.path.isfile(config) else "a spec is a .toml, .yaml or .json file"
        raise SpecError(f"{shown}: is a directory", hint) from None
    except FileNotFoundError:
        raise SpecError(f"{shown}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise SpecError(f"{shown}: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > _MAX_BYTES:
        raise SpecError(f"{shown}: is larger than a spec may be, {_MAX_BYTES >> 20} MiB")
    return raw


def _toml(text: str) -> Any:
    import tomllib

    if _DOTTED.search(text):  # the parser keeps every part of it for every part of it
        raise _Unreadable("nests too deep")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
        message, line = (found[1], found[2]) if found else (str(error), None)
        raise _Unreadable(f"not TOML: {message}", int(line) if line else None) from None


def _json(text: str) -> Any:
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            twice = repeated(key for key, _ in pairs)
            places = [found.start() for found in re.finditer(re.escape(json.dumps(twice)) + r"\s*:", text)]
            line = text.count("\n", 0, places[1]) + 1 if len(places) == 2 else None
            raise _Unreadable(f"the key {quoted(twice)} stands twice", line)
        return table

    def refuse(name: str) -> Any:
        line = text.count("\n", 0, text.index(name)) + 1 if text.count(name) == 1 else None
        raise _Unreadable(f"{name} is not a number in JSON", line)

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise _Unreadable(f"not JSON: {error.msg}", error.lineno) from None


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import SafeConstructor
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    class Constructor(SafeConstructor):
        """Counts what merge keys (<<) repeat: a few lines of them can stand for billions."""

        budget = len(text) + 100_000

        def flatten_mapping(self, node: Any) -> Any:
            super().flatten_mapping(node)
            self.budget -= len(node.value)
            if self.budget < 0:
                raise _Unreadable("its merge keys stand for more than the text could say")

    if len(text) > _MAX_YAML:
        raise _Unreadable(f"is larger than a YAML spec may be, {_MAX_YAML >> 20} MiB; JSON and TOML may be")
    # Types are those of YAML 1.2: in 1.1 no is false, and 010 is 8.
    version = re.search(r"^%YAML\s+(?!1\.2\s)(\S+)", text, re.MULTILINE)
    if version:
        raise _Unreadable(f"is YAML {version[1]}, and specs are YAML 1.2", text.count("\n", 0, version.start()) + 1)
    # The pure loader: the one in C crashes on deep nesting. "safe" makes no objects of Python.
    loader = YAML(typ="safe", pure=True)
    loader.Constructor = Constructor
    loader.max_depth = _MAX_DEPTH + 1
    loader.composer.warn_double_anchors = False  # YAML 1.2 lets an anchor be set anew
    try:
        return loader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = (error.problem or error.context or "").splitlines()[0]
        if problem.startswith("maximum depth"):
            raise _Unreadable("nests too deep", mark.line + 1 if mark else None) from None
        raise _Unreadable(f"not YAML: {problem}", mark.line + 1 if mark else None) from None
    except (KeyError, IndexError):  # !!bool maybe
        raise _Unreadable("not YAML: a value is not what its tag says") from None
    except (YAMLError, NotImplementedError, TypeError, AttributeError) as error:
        raise _Unreadable(f"not YAML: {(str(error) or type(error).__name__).splitlines()[0]}") from None


_PARSERS: dict[str, Callable[[str], Any]] = {"toml": _toml, "yaml": _yaml, "json": _json}


def _check(document: Document, value: Any, where: Where, budget: list[int]) -> None:
    """Refuse what is no plain value, nests too deep, or repeats itself without end."""
    budget[0] -= 1
    if budget[0] < 0:
        raise document.error((), "its aliases stand for more than the text could say", "write it out")
    if len(where) > _MAX_DEPTH:
        raise document.error(where[:3], "nests too deep, or contains itself")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise document.error(where, f"the key {key!r} is {_noun(key)}", "put names in quotes")
            _check_text(document, key, where)
            _check(document, item, (*where, key), budget)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(document, item, (*where, index), budget)
    elif isinstance(value, str):
        _check_text(document, value, where)
    elif not isinstance(value, int | float | bool | None):
        raise document.error(where, f"is {_noun(value)}", "put text in quotes")


def _check_text(document: Document, text: str, where: Where) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise document.error(where, f"{text[:40]!a} has half a character, a surrogate alone") from None


def _noun(value: object) -> str:
    nouns = {"dict": "a table", "list": "a list", "str": "text", "int": "a whole number", "float": "a number"}
    nouns |= {"bool": "true or false", "NoneType": "nothing", "datetime": "a date", "date": "a date", "time": "a time"}
    return nouns.get(type(value).__name__, f"of type {type(value).__name__}")
