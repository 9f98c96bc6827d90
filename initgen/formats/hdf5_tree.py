"""What an HDF5 file of any origin holds: its groups and datasets, as far as they lie in the file itself.

HDF5 can point into other files, load code by the number of a filter, and unpack a kilobyte to gigabytes. All of that is
refused by its kind before any data is read.
"""

import math
import os
import zlib
from typing import TYPE_CHECKING, Any

from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError
from initgen.core.shapes import Shape
from initgen.formats.format import Budget, Extent, Stored, check_fits, check_unpacks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# HDF5 has no 16-bit brain float or 8-bit float that readers agree on: Keras stores the bytes and names the dtype here.
DTYPE_ATTRIBUTE = "dtype"
# Keras nests a group for each model and each of its layers.
_DEEPEST = 256
# HDF5 keeps some 300 bytes for each chunk of what is read.
_MAX_CHUNKS = 1 << 18
# What h5py writes and cannot unpack to more than it says; for any other number HDF5 looks for a library to load.
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000


# What another process can be told: recipe, empty groups, and of each tensor what `Stored` has.
Listed = tuple[str | None, list[str], list[tuple[str, Shape, str | None, str, tuple[int, int] | None]]]


def listed(path: str) -> Listed:
    """The tensors and empty groups of a file, and its recipe, in plain values.

    Raises:
        FormatError: it is not HDF5, is damaged, or holds what is not in it.
    """
    _check_signature(path)
    import h5py

    tree = _Tree(path)
    try:
        with h5py.File(path, "r") as file:
            recipe = _text(file, "initgen")
            tree.walk(file, "", 0)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error, "the file is damaged, or not HDF5") from None
    return recipe, sorted(tree.groups), [_plain(stored) for stored in tree.tensors]


def _plain(stored: Stored) -> tuple[str, Shape, str | None, str, tuple[int, int] | None]:
    extent = stored.extent
    place = None if extent is None else (extent.offset, extent.nbytes)
    return stored.name, stored.shape, stored.dtype.name if stored.dtype else None, stored.kind, place


def packed(path: str, name: str) -> "NDArray[np.generic]":
    """The data of a tensor that has no extent.

    Raises:
        FormatError: it is damaged, or unpacks to more than it says.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            dataset = file[name]
            if dataset.chunks:
                _check_chunks(dataset, path, name)
            array: NDArray[np.generic] = dataset[()]
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _damaged(f"{path}: {name}", error, "the file is damaged") from None
    return array


def _check_signature(path: str) -> None:
    """Refuse what HDF5 would hand to all libraries in its search path, to see whether one of them knows it."""
    with open(path, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:  # after a user block, whose size is a power of 2
            file.seek(at)
            if file.read(8) == b"\x89HDF\r\n\x1a\n":
                return
            at = max(512, 2 * at)
    raise FormatError(f"{path}: is not HDF5" + ("" if size else ": it is empty"))


def _damaged(what: str, error: Exception, hint: str) -> FormatError:
    return FormatError(f"{what}: {str(error).splitlines()[0] if str(error) else type(error).__name__}", hint)


class _Tree:
    """What was found on the way through a file."""

    def __init__(self, path: str) -> None:
        self.path, self.size = path, os.stat(path).st_size
        self.tensors: list[Stored] = []
        self.groups: list[str] = []
        self._seen: set[int] = set()
        self._budget = Budget(path, self.size)

    def walk(self, group: Any, inside: str, depth: int) -> None:
        """Every dataset and empty group below ``group``, by name. Only hard links: others could read any file."""
        import h5py

        address = h5py.h5o.get_info(group.id).addr
        if address in self._seen:
            raise FormatError(f"{self.path}: {inside or '/'} is a group under two names, or inside itself")
        if depth > _DEEPEST:
            raise FormatError(f"{self.path}: its groups nest over {_DEEPEST} deep, which initgen does not follow")
        self._seen.add(address)
        if inside and not len(group):
            self.groups.append(inside.removesuffix("/"))
        for key in group:
            self._check_link(group, key, inside)
            item = group[key]
            if isinstance(item, h5py.Group):
                self.walk(item, f"{inside}{key}/", depth + 1)
            elif isinstance(item, h5py.Dataset):
                stored = _stored(item, inside + key, self.path, self.size)
                nbytes = math.prod(stored.shape) * item.dtype.itemsize if stored.extent != Extent(0, 0) else 0
                self.tensors.append(self._budget.take(stored, nbytes))

    def _check_link(self, group: Any, key: str | bytes, inside: str) -> None:
        import h5py

        if not isinstance(key, str):
            raise FormatError(f"{self.path}: {inside}{key!r} is a name that is not UTF-8")
        if "/" in key or key == ".":
            # HDF5 would not find what it lists, but go by this path, over links of any kind.
            raise FormatError(f"{self.path}: {inside}{key} is listed by a name that is a path")
        kind = group.id.links.get_info(key.encode()).type
        if kind != h5py.h5l.TYPE_HARD:
            known = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}
            said = known.get(kind, "a user-defined link")
            raise FormatError(f"{self.path}: {inside}{key} is {said}, which initgen does not follow")


def _text(holder: Any, name: str) -> str | None:
    """An attribute that is one text; None for any other, which is not looked into."""
    import h5py

    if not h5py.h5a.exists(holder.id, name.encode()):
        return None
    attribute = h5py.h5a.open(holder.id, name.encode())
    if attribute.get_space().get_simple_extent_type() != h5py.h5s.SCALAR:
        return None
    if not isinstance(attribute.get_type(), h5py.h5t.TypeStringID):
        return None
    value = holder.attrs[name]
    return value if isinstance(value, str) else None


def _stored(dataset: Any, name: str, path: str, size: int) -> Stored:
    import h5py

    plist = dataset.id.get_create_plist()
    layout = plist.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        raise FormatError(f"{path}: {name} is a virtual dataset, of other files, which initgen does not read")
    if plist.get_external_count():
        raise FormatError(f"{path}: {name} has external storage, in other files, which initgen does not read")
    shape = dataset.shape
    if shape is None:
        return Stored(name, (0,), None, f"nothing of {dataset.dtype}", Extent(0, 0))
    if dataset.dtype.hasobject or dataset.dtype.names or dataset.dtype.subdtype:
        return Stored(name, shape, None, str(dataset.dtype), Extent(0, 0))
    named = _text(dataset, DTYPE_ATTRIBUTE)
    known = DTYPES.entries.get(named or dataset.dtype.newbyteorder("=").name)
    nbytes = math.prod(shape) * dataset.dtype.itemsize
    if known and known.itemsize != dataset.dtype.itemsize:
        raise FormatError(f"{path}: {name} is said to be {known.name}, and has {dataset.dtype.itemsize} bytes a value")
    kind = known.name if known else str(dataset.dtype)
    if layout == h5py.h5d.CONTIGUOUS:
        offset = dataset.id.get_offset()
        if nbytes and offset is None:
            raise FormatError(f"{path}: {name} was declared and never written")
        check_fits(path, name, shape, (offset or 0) + nbytes, size)
        plain = dataset.dtype == dataset.dtype.newbyteorder("<")
        return Stored(name, shape, known, kind, Extent(offset or 0, nbytes) if plain else None)
    if layout == h5py.h5d.CHUNKED:
        _check_filters(plist, f"{path}: {name}")
        chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize
        check_unpacks(f"{path}: {name}", max(nbytes, chunk), min(dataset.id.get_storage_size(), size))
        count = math.prod(-(-axis // step) for axis, step in zip(shape, dataset.chunks, strict=True))
        if count > _MAX_CHUNKS:
            raise FormatError(f"{path}: {name} says to be of {count} chunks, which initgen does not unpack")
    return Stored(name, shape, known, kind, None)


def _filters(plist: Any) -> list[int]:
    return [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]


def _check_filters(plist: Any, shown: str) -> None:
    filters = _filters(plist)
    other = [number for number in filters if number not in (_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF)]
    if other:
        raise FormatError(
            f"{shown} is packed by HDF5's filter {other[0]}, which initgen does not unpack",
            "h5repack -f NONE unpacks it",
        )
    after = filters[filters.index(_DEFLATE) + 1 :] if _DEFLATE in filters else []
    if len(set(filters)) < len(filters) or {*filters} >= {_DEFLATE, _LZF} or not {*after} <= {_FLETCHER32}:
        raise FormatError(f"{shown} is packed by a row of filters that nobody writes")


def _check_chunks(dataset: Any, path: str, name: str) -> None:
    """Refuse chunks that lie outside the file, or unpack to more than a chunk: HDF5 would make room for what comes."""
    filters = _filters(dataset.id.get_create_plist())
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize + 4  # and a checksum
    found: list[Any] = []
    if hasattr(dataset.id, "chunk_iter"):
        dataset.id.chunk_iter(found.append)
    else:  # HDF5 before 1.12.3 counts to each from the first
        found += [dataset.id.get_chunk_info(number) for number in range(dataset.id.get_num_chunks())]
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        for chunk in found:
            check_fits(path, f"a chunk of {name}", dataset.chunks, chunk.byte_offset + chunk.size, size)
            if _DEFLATE in filters and not chunk.filter_mask >> filters.index(_DEFLATE) & 1:
                file.seek(chunk.byte_offset)
                if _inflates_over(file.read(chunk.size), most):
                    raise FormatError(f"{path}: {name} has a chunk that unpacks to more than it says")


def _inflates_over(raw: bytes, most: int) -> bool:
    unpack = zlib.decompressobj()
    left = most
    try:
        while raw and not unpack.eof:
            left -= len(unpack.decompress(raw, 1 << 20))
            if left < 0:
                return True
            raw = unpack.unconsumed_tail
    except zlib.error:  # as HDF5 will say
        pass
    return False
