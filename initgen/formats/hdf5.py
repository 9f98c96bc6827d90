"""HDF5: one contiguous dataset per tensor, allocated early and never pre-filled, so that its bytes have a known place."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initgen.core import reading
from initgen.core.dtypes import DTYPES
from initgen.core.errors import FormatError
from initgen.formats.format import Contents, Extent, Format, Header, Stored
from initgen.formats.hdf5_tree import DTYPE_ATTRIBUTE, listed, packed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
        recipe, groups, tensors = reading.run(listed, path)
        return Contents(
            tuple(
                Stored(name, tuple(shape), DTYPES.entries.get(dtype), kind, Extent(*extent) if extent else None)
                for name, shape, dtype, kind, extent in tensors
            ),
            recipe,
            groups=tuple(groups),
        )

    def load(self, path: str, stored: Stored) -> "NDArray[np.generic]":
        array: NDArray[np.generic] = reading.run(packed, path, stored.name)
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
        h5py.Dataset(dataset).attrs[DTYPE_ATTRIBUTE] = header.dtype.name
    return dataset.get_offset() or 0
