"""Hugging Face's .safetensors: header length (8 bytes), JSON header padded to 8 with blanks, then the data.

The header is written here in one canonical order, since the library's order of metadata keys is random; it is read only
after the library has validated it.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError
from initgen.core.registry import repeated
from initgen.formats.format import Contents, Extent, Format, Header, Stored, T

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The library refuses longer headers (MAX_HEADER_SIZE in tensor.rs).
_MAX_HEADER = 100_000_000
_BY_TAG = {dtype.tag: dtype for dtype in DTYPES}


class Safetensors(Format):
    """Any number of tensors; the recipe is in the metadata under ``initgen``, beside ``format``."""

    name = "safetensors"
    suffixes = (".safetensors",)

    def check(self, headers: Sequence[Header]) -> None:
        super().check(headers)
        # Each name stands in the header and in the recipe, and beside it at least so much; found before all is written out.
        least = sum(2 * len(header.name) + 145 for header in headers)
        if least > _MAX_HEADER:
            raise FormatError(
                f"the safetensors header of {len(headers)} tensors would be over {least} bytes; the most is {_MAX_HEADER}",
                "shards have a header each: -o DIRECTORY/ --max-shard-size SIZE",
            )

    def check_name(self, name: str) -> None:
        super().check_name(name)
        if name == "__metadata__":
            raise FormatError("name = '__metadata__' is taken by the safetensors header")

    def in_order(self, tensors: Sequence[T]) -> list[T]:
        # By width, widest first, then by name: the library's order, which keeps every tensor aligned.
        return sorted(tensors, key=lambda tensor: (-tensor.dtype.itemsize, tensor.name))

    def prefix(self, headers: Sequence[Header], recipe: str) -> bytes:
        entries: dict[str, Any] = {"__metadata__": {"format": "pt"} | ({"initgen": recipe} if recipe else {})}
        offset = 0
        for header in self.in_order(headers):
            end = offset + header.nbytes
            entries[header.name] = {
                "dtype": header.dtype.tag,
                "shape": list(header.shape),
                "data_offsets": [offset, end],
            }
            offset = end
        text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        if len(text) > _MAX_HEADER:
            raise FormatError(f"the safetensors header would be {len(text)} bytes; the most is {_MAX_HEADER}")
        return len(text).to_bytes(8, "little") + text

    def layout(self, path: str, headers: Sequence[Header], recipe: str) -> list[Extent]:
        prefix = self.prefix(headers, recipe)
        with open(path, "wb") as file:
            file.write(prefix)
        extents, offset = {}, len(prefix)
        for header in self.in_order(headers):
            extents[header.name] = Extent(offset, header.nbytes)
            offset += header.nbytes
        return [extents[header.name] for header in headers]

    def read(self, path: str) -> Contents:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, ValueError) as error:
            raise FormatError(f"{path}: {str(error).splitlines()[0]}", "the file is damaged or truncated") from None
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            entries = json.loads(file.read(length), object_pairs_hook=lambda pairs: _unique(pairs, path))
        metadata = entries.pop("__metadata__", None) or {}
        tensors = []
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
            first, end = entry["data_offsets"]
            dtype = _BY_TAG.get(entry["dtype"])
            tensors.append(
                Stored(name, tuple(entry["shape"]), dtype, entry["dtype"], Extent(8 + length + first, end - first))
            )
        return Contents(tuple(tensors), metadata.get("initgen"))

    def load(self, path: str, stored: Stored) -> "NDArray[np.generic]":
        raise NotImplementedError("every tensor of a safetensors file has an extent")


def _unique(pairs: list[tuple[str, Any]], path: str) -> dict[str, Any]:
    """An object of the header; the specification forbids duplicate names, the library lets them pass."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = repeated(name for name, _ in pairs)
        raise FormatError(f"{path}: {twice!r} stands twice in its header")
    return found
