"""The HDF5 format: plain contiguous datasets out, and only what lies in the file itself in."""

import io
import os
import time

import h5py
import numpy as np
import pytest

from initgen.checks.source import sources_of
from initgen.checks.stats import stats
from initgen.core.errors import FormatError, InitgenError
from initgen.engine.write import array, write
from initgen.formats import FORMATS
from initgen.formats.parts import open_parts
from initgen.specs.recipe import recipe_of
from initgen.specs.tensor import tensor_spec

FORM = FORMATS["hdf5"]
DATA = (np.arange(600, dtype=np.float32) / 7).reshape(20, 30)


def test_a_file_is_plain_to_any_reader(tmp_path):
    spec = tensor_spec("he_uniform", (20, 30), name="layers/dense/kernel")
    path = str(tmp_path / "w.h5")
    write([spec], path, FORM)
    with h5py.File(path) as file:
        dataset = file["layers/dense/kernel"]
        assert file.attrs["initgen"] == recipe_of([spec])
        assert dataset.dtype == np.dtype("<f4")
        assert (dataset.chunks, dataset.compression, dataset.external) == (None, None, None)
        np.testing.assert_array_equal(dataset[()], array(spec))


def test_narrow_dtypes_are_kept_as_keras_keeps_them(tmp_path):
    path = str(tmp_path / "w.h5")
    write([tensor_spec("he_uniform", (20, 30), dtype="bfloat16")], path, FORM)
    with h5py.File(path) as file:
        assert file["weight"].dtype == np.dtype("V2")
        assert file["weight"].attrs["dtype"] == "bfloat16"


def test_the_same_description_makes_the_same_bytes(tmp_path):
    spec = tensor_spec("he_uniform", (20, 30))
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path in paths:
        write([spec], str(path), FORM)
        time.sleep(1.1)  # HDF5 keeps times in whole seconds, if it is let
    assert paths[0].read_bytes() == paths[1].read_bytes()


STORED = {
    "contiguous": {},
    "chunked": {"chunks": (7, 11)},
    "gzip": {"chunks": (7, 11), "compression": "gzip"},
    "lzf and shuffle": {"chunks": (7, 11), "compression": "lzf", "shuffle": True},
    "checksum": {"chunks": (20, 30), "fletcher32": True},
    "growing": {"maxshape": (None, None)},
    "big-endian": {"dtype": ">f4"},
    "big-endian half": {"dtype": ">f2"},
    "big-endian double, gzip": {"dtype": ">f8", "compression": "gzip"},
    "half": {"dtype": "<f2"},
    "integers": {"dtype": "<i4"},
}


@pytest.mark.parametrize("options", [pytest.param(options, id=name) for name, options in STORED.items()])
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_datasets_of_any_storage_are_read_right(options, libver, tmp_path):
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w", libver=libver) as file:
        file.create_dataset("g/w", data=DATA, **options)
        wanted = file["g/w"][()]
    (part,) = open_parts(path)
    (source,) = sources_of(part)
    assert source.stored.name == "g/w"
    np.testing.assert_array_equal(source.whole(), wanted)


def test_compact_storage_is_read_right(tmp_path):
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w") as file:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(DATA.shape)
        h5py.Dataset(h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, space, create))[...] = DATA
    (part,) = open_parts(path)
    (source,) = sources_of(part)
    np.testing.assert_array_equal(source.whole(), DATA)


def external_link(file, secret):
    file["w"] = h5py.ExternalLink(secret, "/weight")


def external_link_on_the_way(file, secret):
    file.create_group("g")["h"] = h5py.ExternalLink(secret, "/")


def soft_link(file, secret):
    file["a"], file["w"] = DATA, h5py.SoftLink("/a")


def dangling_soft_link(file, secret):
    file["w"] = h5py.SoftLink("/nowhere")


def soft_link_loop(file, secret):
    file["w"] = h5py.SoftLink("/w")


def external_storage(file, secret):
    file.create_dataset("w", (100,), "f4", external=[(secret, 0, 400)])


def virtual_dataset(file, secret):
    layout = h5py.VirtualLayout((20, 30), "f4")
    layout[...] = h5py.VirtualSource(secret, "weight", (20, 30))
    file.create_virtual_dataset("w", layout)


def link_loop(file, secret):
    file.create_group("g")["g"] = file["/"]


def shape_bomb(file, secret):
    file.create_dataset("w", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")


def chunked_bomb(file, secret):
    # Says two gigabytes, holds none.
    file.create_dataset("w", ((1 << 29) - 1,), "f4", chunks=(1 << 20,), compression="gzip")


def never_written(file, secret):
    file.create_dataset("w", (1 << 40,), "f4")


def wrong_width(file, secret):
    file["w"] = np.zeros(4, "V3")
    file["w"].attrs["dtype"] = "bfloat16"


HOSTILE = [
    external_link,
    external_link_on_the_way,
    soft_link,
    dangling_soft_link,
    soft_link_loop,
    external_storage,
    virtual_dataset,
    link_loop,
    shape_bomb,
    chunked_bomb,
    never_written,
    wrong_width,
]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_file_is_refused_by_name(make, tmp_path):
    path, secret = str(tmp_path / "bad.h5"), str(tmp_path / "secret.h5")
    with h5py.File(secret, "w") as file:
        file["weight"] = DATA
    with h5py.File(path, "w") as file:
        make(file, secret)
    with pytest.raises(FormatError) as error:
        open_parts(path)
    assert error.value.message.startswith(path)
    assert "\n" not in error.value.message


def test_groups_that_share_groups_do_not_take_for_ever(tmp_path):
    path = str(tmp_path / "bad.h5")
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(12):  # 2^12 paths, in a file of 13 groups
            below = group.create_group("a")
            group["b"] = below
            group = below
        group["w"] = DATA
    with pytest.raises(FormatError):
        open_parts(path)


def whole():
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5.create_dataset("g/w", data=DATA)
        h5.create_dataset("z", data=DATA, compression="gzip")
        h5.attrs["initgen"] = "{}"
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" * 100, b"\0" * 4096])
def test_what_is_not_hdf5_is_an_error_that_names_it(content, tmp_path):
    path = tmp_path / "bad.h5"
    path.write_bytes(content)
    with pytest.raises(FormatError) as error:
        open_parts(str(path))
    assert error.value.message.startswith(str(path))


def test_every_truncation_is_found(tmp_path):
    content, path = whole(), tmp_path / "cut.h5"
    for size in range(0, len(content), 97):
        path.write_bytes(content[:size])
        with pytest.raises(FormatError):
            open_parts(str(path))


def test_a_chunk_that_does_not_unpack_is_an_error_that_names_the_file(tmp_path):
    path = str(tmp_path / "bad.h5")
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("w", data=DATA, chunks=DATA.shape, compression="gzip")
        at = dataset.id.get_chunk_info(0).byte_offset
    with open(path, "r+b") as raw:
        os.pwrite(raw.fileno(), b"\xff" * 64, at)
    with pytest.raises(InitgenError) as error:
        stats(path)
    assert error.value.message.startswith(path)


def test_what_holds_no_numbers_is_named_and_not_looked_into(tmp_path):
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w") as file:
        file["text"] = "hello"
        file["records"] = np.zeros(3, [("a", "f4"), ("b", "i2")])
        file["nothing"] = h5py.Empty("f4")
        file["complex"] = np.zeros(3, "c8")
        file["kind"] = np.dtype("f4")
        file["w"] = DATA
    answer = stats(path)
    assert {tensor.name: tensor.passed for tensor in answer.tensors}["w"] is None
    assert answer.passed
