"""HDF5: one contiguous dataset per tensor, allocated early and never pre-filled, so that its bytes have a known place."""

import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError
from initgen.formats.format import Contents, Extent, Format, Header, Stored, check_fits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# HDF5 has no 16-bit brain float or 8-bit float that readers agree on: Keras stores the bytes and names the dtype here.
_DTYPE_ATTRIBUTE = "dtype"
# What is compressed or chunked has to be read as a whole.
_MAX_LOAD = 1 << 31
# More than any compression makes of weights: what claims it was never written, or is meant to fill the memory.
_MAX_RATIO = 1000


class Hdf5(Format):
    """Groups by ``/`` in the name; the recipe is the root's attribute ``initgen``."""

    name = "hdf5"
    aliases = ("h5",)
    suffixes = (".h5", ".hdf5")
    max_rank = 32

    def __init__(self, groups: Sequence[str] = ()) -> None:
        self.groups = tuple(sorted(groups))

    def grouped(self, groups: Sequence[str]) -> "Hdf5":
        return Hdf5(groups)

    def check(self, headers: Sequence[Header]) -> None:
        super().check(headers)
        names = {header.name for header in headers}
        for group in self.groups:
            self.check_name(group)
        for name in {*names, *self.groups}:
            parts = name.split("/")
            for depth in range(1, len(parts)):
                if "/".join(parts[:depth]) in names:
                    raise FormatError(f"{'/'.join(parts[:depth])!r} cannot be both a tensor and the group of {name!r}")
            if name in names and name in self.groups:
                raise FormatError(f"{name!r} cannot be both a tensor and a group")

    def check_name(self, name: str) -> None:
        super().check_name(name)
        if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise FormatError(f"name = {name!r} is not a path of plain names in HDF5")

    def prefix(self, headers: Sequence[Header], recipe: str) -> None:
        return None

    def layout(self, path: str, headers: Sequence[Header], recipe: str) -> list[Extent]:
        import h5py

        try:
            # The oldest format that holds it: the same bytes from every release of one HDF5 version, readable by all.
            with h5py.File(path, "w", libver="earliest", locking=False) as file:
                file.attrs["initgen"] = recipe
                for group in self.groups:
                    file.require_group(group)
                return [Extent(_create(file, header), header.nbytes) for header in headers]
        except RuntimeError as error:  # what HDF5 makes of a full disk when it closes a file
            code = re.search(r"errno = (\d+)", str(error))
            if not code:
                raise
            raise OSError(int(code[1]), os.strerror(int(code[1]))) from None

    def read(self, path: str) -> Contents:
        import h5py

        size = os.stat(path).st_size
        tensors: list[Stored] = []
        groups: list[str] = []
        try:
            with h5py.File(path, "r") as file:
                recipe = file.attrs.get("initgen")
                _walk(file, "", path, size, (tensors, groups), set())
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, RecursionError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise FormatError(f"{path}: {reason}", "the file is damaged, or not HDF5") from None
        return Contents(tuple(tensors), recipe if isinstance(recipe, str) else None, groups=tuple(sorted(groups)))

    def load(self, path: str, stored: Stored) -> "NDArray[np.generic]":
        import h5py

        try:
            with h5py.File(path, "r") as file:
                array: NDArray[np.generic] = file[stored.name][()]
        except (OSError, RuntimeError) as error:
            raise FormatError(f"{path}: {stored.name}: {str(error).splitlines()[0]}", "the file is damaged") from None
        return array


def _create(file: Any, header: Header) -> int:
    """Make an empty dataset, and say at which byte its data begins."""
    import h5py
    import numpy as np

    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_layout(h5py.h5d.CONTIGUOUS)
    create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    create.set_obj_track_times(False)
    link = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    link.set_create_intermediate_group(True)
    link.set_char_encoding(h5py.h5t.CSET_UTF8)
    ours = header.dtype.whole or header.dtype.name in ("float64", "float32", "float16")
    dataset = h5py.h5d.create(
        file.id,
        header.name.encode(),
        h5py.h5t.py_create(header.dtype.numpy if ours else np.dtype(f"V{header.dtype.itemsize}")),
        h5py.h5s.create_simple(header.shape) if header.shape else h5py.h5s.create(h5py.h5s.SCALAR),
        dcpl=create,
        lcpl=link,
    )
    if not ours:
        h5py.Dataset(dataset).attrs[_DTYPE_ATTRIBUTE] = header.dtype.name
    return dataset.get_offset() or 0


def _walk(group: Any, inside: str, path: str, size: int, found: tuple[list[Stored], list[str]], seen: set[int]) -> None:
    """Every dataset and empty group below ``group``, by name. Only hard links: what points elsewhere could read any file."""
    import h5py

    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        raise FormatError(f"{path}: {inside or '/'} is a group under two names, or inside itself")
    seen.add(address)
    if inside and not len(group):
        found[1].append(inside.removesuffix("/"))
    for key in group:
        name = inside + key
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise FormatError(f"{path}: {name} is a {type(link).__name__}, which initgen does not follow")
        item = group[key]
        if isinstance(item, h5py.Group):
            _walk(item, name + "/", path, size, found, seen)
        elif isinstance(item, h5py.Dataset):
            found[0].append(_stored(item, name, path, size))


def _stored(dataset: Any, name: str, path: str, size: int) -> Stored:
    import h5py

    plist = dataset.id.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL or plist.get_external_count():
        raise FormatError(f"{path}: {name} keeps its data in other files, which initgen does not read")
    shape = dataset.shape
    if shape is None:
        return Stored(name, (0,), None, f"nothing of {dataset.dtype}", Extent(0, 0))
    if dataset.dtype.hasobject or dataset.dtype.names or dataset.dtype.subdtype:
        return Stored(name, shape, None, str(dataset.dtype), Extent(0, 0))
    named = dataset.attrs.get(_DTYPE_ATTRIBUTE)
    known = DTYPES.entries.get(named if isinstance(named, str) else dataset.dtype.newbyteorder("=").name)
    nbytes = math.prod(shape) * dataset.dtype.itemsize
    if known and known.itemsize != dataset.dtype.itemsize:
        raise FormatError(f"{path}: {name} is said to be {known.name}, and has {dataset.dtype.itemsize} bytes a value")
    kind = known.name if known else str(dataset.dtype)
    offset = dataset.id.get_offset()
    if plist.get_layout() == h5py.h5d.CONTIGUOUS and dataset.dtype.byteorder in "<=|":
        if nbytes and offset is None:
            raise FormatError(f"{path}: {name} was declared and never written")
        check_fits(path, name, shape, (offset or 0) + nbytes, size)
        return Stored(name, shape, known, kind, Extent(offset or 0, nbytes))
    if nbytes > _MAX_LOAD or nbytes > _MAX_RATIO * dataset.id.get_storage_size() + (1 << 20):
        raise FormatError(f"{path}: {name} is chunked, and says to hold {nbytes} bytes, which initgen does not unpack")
    return Stored(name, shape, known, kind, None)
