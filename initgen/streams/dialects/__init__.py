"""Dialects: the random streams of the frameworks, a file for each. To add one: its file, and its name here."""

from importlib import import_module
from typing import TYPE_CHECKING

from initgen.core.errors import UnknownName, quoted
from initgen.core.registry import nearest

if TYPE_CHECKING:
    from initgen.streams.dialects.dialect import Dialect

NATIVE = "native-1"

# What a user calls a dialect: the name that recipes have, which says the version of the framework, and its module.
DIALECTS = {
    "torch": ("torch-2.13", "torch"),
    "jax": ("jax-0.10", "jax"),
    "jax-nonpartitionable": ("jax-nonpartitionable-0.10", "jax"),
    "keras-jax": ("keras-jax-3.15", "keras_jax"),
    "keras-tf": ("keras-tf-3.15", "keras_tf"),
    "keras-torch": ("keras-torch-3.15", "keras_torch"),
    "keras-numpy": ("keras-numpy-3.15", "keras_numpy"),
    "numpy": ("numpy-2", "numpy"),
}

STREAMS = ("native", *DIALECTS)
VERSIONS = {NATIVE, *(found for found, _ in DIALECTS.values())}


def version(name: str) -> str:
    """The name of a stream with its version, from either.

    Raises:
        UnknownName: there is no such stream, or not in this version.
    """
    if name in VERSIONS:
        return name
    if name == "native":
        return NATIVE
    if not isinstance(name, str) or name not in DIALECTS:
        raise UnknownName(f"unknown stream {quoted(name)}", nearest(str(name), STREAMS))
    return DIALECTS[name][0]


def dialect_of(stream: str) -> "Dialect":
    """The dialect of that name, with or without its version.

    Raises:
        UnknownName: there is no such dialect.
    """
    found = version(stream)
    short, module = next((short, module) for short, (named, module) in DIALECTS.items() if named == found)
    known: dict[str, Dialect] = import_module(f"initgen.streams.dialects.{module}").DIALECTS
    return known[short]
