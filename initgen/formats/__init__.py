"""All file formats. To add one: a class in its own file, and its name in the tuple."""

from initgen.core.errors import UnknownName
from initgen.core.registry import Registry
from initgen.formats.format import Contents, Extent, Format, Header, Stored
from initgen.formats.hdf5 import Hdf5
from initgen.formats.npy import Npy
from initgen.formats.npz import Npz
from initgen.formats.safetensors import Safetensors

FORMATS: Registry[Format] = Registry("format", (Npy(), Npz(), Safetensors(), Hdf5()))

__all__ = ["FORMATS", "Contents", "Extent", "Format", "Header", "Stored", "format_of"]


def format_of(path: str, name: str | None = None) -> Format:
    """The format called ``name``, or the one of the path's suffix; the longest suffix that fits wins.

    Raises:
        UnknownName: no such format, or a suffix that belongs to none.
    """
    if name is not None:
        return FORMATS[name]
    fitting = [(len(suffix), form) for form in FORMATS for suffix in form.suffixes if path.lower().endswith(suffix)]
    if not fitting:
        known = ", ".join(suffix for form in FORMATS for suffix in form.suffixes)
        raise UnknownName(f"{path}: no format has this suffix", f"use one of {known}, or say --format")
    return max(fitting, key=lambda pair: pair[0])[1]
