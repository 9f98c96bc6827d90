"""Readers of weight files: every tensor that a file says to have, read to its last value."""

from functools import partial

from fuzz import damage
from fuzz.sandbox import Sandbox
from fuzz.targets.target import Target
from initgen.checks.source import sources_of
from initgen.formats.parts import INDEX, open_parts
from initgen.specs.describe import describe


def read(name: str, sandbox: Sandbox, data: bytes) -> None:
    """A file by its name's suffix."""
    for part in open_parts(sandbox.put(name, data)):
        for source in sources_of(part):
            values = sum(block().size for block in source.blocks())
            assert values == source.count or source.dtype == "V1"


def index(sandbox: Sandbox, data: bytes) -> None:
    """The index of a directory that has two shards, with a tensor of two values in each."""
    for shard, name in (("a.safetensors", "a"), ("b.safetensors", "b")):
        header = {name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
        sandbox.put(shard, damage.safetensors_of(header, b"\0" * 8))
    read("model" + INDEX, sandbox, data)


def keras(sandbox: Sandbox, data: bytes) -> None:
    """A model, of whose archive only the config is read."""
    describe(sandbox.put("m.keras", data))


TARGETS = (
    Target("npy", partial(read, "f.npy"), damage.npy, 4096, ("numpy.lib._format_impl",)),
    Target("npz", partial(read, "f.npz"), damage.archive, 6000, ("numpy.lib._format_impl", "zipfile")),
    Target("safetensors", partial(read, "f.safetensors"), damage.safetensors, 4096),
    Target("index", index, damage.as_json, 1000),
    Target("hdf5", partial(read, "f.h5"), damage.octets, 12000, native="HDF5"),
    Target("keras", keras, damage.archive, 12000, ("zipfile",)),
)
