"""The plan: every element once, and no byte that depends on how it is cut."""

import itertools

import pytest

from initgen.core.dtypes import FLOATS
from initgen.engine import plan
from initgen.engine.write import array, write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec

SHAPES = [(), (0, 3), (1,), (999,), (64, 65)]


@pytest.mark.parametrize("size", [2, 64, 1000, 1 << 17])
def test_every_element_is_planned_once_and_in_order(size, monkeypatch):
    monkeypatch.setattr(plan, "CHUNK", size)
    specs = [tensor_spec("he_uniform", shape, dtype=d, fan_in=9) for shape in SHAPES for d in ("float32", "float64")]
    specs.append(tensor_spec("orthogonal", (30, 20)))
    found = [
        (chunk.tensor, element)
        for chunk in plan.chunks(specs)
        for element in range(chunk.start, chunk.start + chunk.count)
    ]
    assert found == [(number, element) for number, spec in enumerate(specs) for element in range(spec.count)]


SCHEMES = ["he_uniform", "he_normal", "random_normal", "constant:value=0.3", "trunc_normal:a=0.5,b=3", "orthogonal"]


@pytest.mark.parametrize(("scheme", "dtype"), list(itertools.product(SCHEMES, [dtype.name for dtype in FLOATS])))
def test_neither_chunk_size_nor_threads_change_a_byte(scheme, dtype, monkeypatch):
    spec = tensor_spec(scheme, (67, 61), dtype=dtype, seed=2**64 - 1)
    wanted = array(spec, threads=1).tobytes()
    for size, threads in [(98, 2), (1000, 1), (1000, 5), (1022, 3)]:
        monkeypatch.setattr(plan, "CHUNK", size)
        assert array(spec, threads=threads).tobytes() == wanted, (size, threads)


@pytest.mark.parametrize("form", [form.name for form in FORMATS if form.many])
def test_a_file_does_not_depend_on_chunks_threads_or_the_order_of_its_tensors(form, tmp_path, monkeypatch):
    specs = [
        tensor_spec("he_normal", (50, 41), name="b", dtype="float16"),
        tensor_spec("he_uniform", (33, 7), name="a", dtype="float64", seed=5),
        tensor_spec("zeros", (5,), name="c"),
    ]
    write(specs, str(tmp_path / "0"), FORMATS[form], fsync=False)
    wanted = (tmp_path / "0").read_bytes()
    for size, threads in [(64, 1), (64, 3), (500, 2), (500, 5)]:
        monkeypatch.setattr(plan, "CHUNK", size)
        path = tmp_path / f"{size}-{threads}"
        write(specs, str(path), FORMATS[form], fsync=False, threads=threads)
        assert path.read_bytes() == wanted
    if form == "safetensors":  # its order is canonical; HDF5 keeps the order of creation
        write(specs[::-1], str(tmp_path / "turned"), FORMATS[form], fsync=False)
        assert (tmp_path / "turned").read_bytes() == wanted
