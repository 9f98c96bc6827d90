"""`diff` says what differs between two files, and by how much: held against numpy and ml_dtypes in every dtype."""

import json
import math

import h5py
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from initgen.checks.diff import TensorDiff, diff
from initgen.core.dtypes import DTYPES, FLOATS
from initgen.core.errors import FormatError, InitgenError

NUMPY = {dtype.name: np.dtype(getattr(ml_dtypes, dtype.name, dtype.name)) for dtype in DTYPES}


def save(path, tensors):
    """A safetensors file by its specification, of any dtype: name -> (tag, shape, bytes)."""
    header, data = {}, b""
    for name, (tag, shape, raw) in tensors.items():
        header[name] = {"dtype": tag, "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


def arrays(path, **values):
    tags = {NUMPY[dtype.name]: dtype.tag for dtype in DTYPES}
    return save(path, {name: (tags[value.dtype], value.shape, value.tobytes()) for name, value in values.items()})


def of_pair(tmp_path, a, b):
    """What is found between two arrays of one name."""
    found = diff(arrays(tmp_path / "a.safetensors", w=a), arrays(tmp_path / "b.safetensors", w=b))
    (tensor,) = found.tensors
    assert found.equal == (tensor.kind == "equal")
    return tensor


def top(value):
    return np.array(ml_dtypes.finfo(value.dtype).max)


STARTS = [1.0, -1.0, 0.0, -0.0, 0.75, -1.75, 2.0, 1e-2, -1e-2]


@pytest.mark.parametrize("steps", [1, 2, 5, 50])
@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
def test_units_of_the_last_place_are_the_steps_of_nextafter(dtype, steps, tmp_path):
    """From -0.0 nextafter goes to the smallest positive value, as from 0.0: both zeros are one place."""
    for start in STARTS:
        a = np.array([0.5, start, 0.5]).astype(NUMPY[dtype])
        b = a.copy()
        largest = top(a).astype(a.dtype)
        for _ in range(steps):
            b[1] = np.nextafter(b[1], largest)
        wanted = abs(float(b[1]) - float(a[1]))
        for x, y in ((a, b), (b, a)):
            found = of_pair(tmp_path, x, y)
            assert (found.kind, found.count, found.first, found.max_ulp) == ("values", 1, 1, steps), start
            assert found.max_abs == wanted


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
def test_the_largest_of_many_differences_is_said(dtype, tmp_path):
    rng = np.random.default_rng(1)
    a = rng.uniform(-2, 2, (50, 40)).astype(NUMPY[dtype])
    b = a.copy()
    b[7, 3:9] = (a[7, 3:9].astype(np.float64) + 0.5).astype(a.dtype)
    b[49, 39] = np.array(-2.0).astype(a.dtype)
    found = of_pair(tmp_path, a, b)
    wide = np.abs(a.astype(np.float64) - b.astype(np.float64)).reshape(-1)
    wrong = np.flatnonzero(wide)
    assert (found.count, found.first, found.max_abs) == (wrong.size, wrong[0], wide.max())
    if a.dtype.itemsize < 4:
        # Of all values of the dtype in order, the place is the rank.
        bits = np.arange(2 ** (8 * a.dtype.itemsize)).astype(f"u{a.dtype.itemsize}")
        with np.errstate(invalid="ignore"):
            every = np.unique(bits.view(a.dtype).astype(np.float64))
        rank = [np.searchsorted(every, side.astype(np.float64).reshape(-1)) for side in (a, b)]
        assert found.max_ulp == np.abs(rank[0] - rank[1]).max()


NAN, INF = math.nan, math.inf
ODD = [  # a, b -> how many differ, max abs, max ulp (None: not looked at)
    (0.0, -0.0, 1, 0.0, 0),
    (1.0, NAN, 1, NAN, None),
    (NAN, 1.0, 1, NAN, None),
    (NAN, NAN, 0, None, None),
    (INF, INF, 0, None, None),
    (INF, -INF, 1, INF, None),
    (INF, 1.0, 1, INF, None),
    (NAN, INF, 1, NAN, None),
]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e5m2"])
@pytest.mark.parametrize(("a", "b", "count", "largest", "ulp"), ODD, ids=str)
def test_what_is_no_number_and_zeros_of_both_signs(a, b, count, largest, ulp, dtype, tmp_path):
    found = of_pair(tmp_path, *(np.array([1, side]).astype(NUMPY[dtype]) for side in (a, b)))
    assert (found.kind, found.count) == ("values" if count else "equal", count)
    if count:
        np.testing.assert_equal(found.max_abs, largest)
        assert ulp is None or found.max_ulp == ulp


def test_infinity_is_one_step_beyond_the_largest_value(tmp_path):
    for dtype in ("float32", "bfloat16", "float8_e5m2"):
        a = np.array([np.inf]).astype(NUMPY[dtype])
        assert of_pair(tmp_path, a, top(a).astype(a.dtype).reshape(1)).max_ulp == 1


@pytest.mark.parametrize("dtype", [dtype.name for dtype in DTYPES if dtype.whole and dtype.name != "bool"])
def test_whole_numbers_differ_by_their_exact_difference(dtype, tmp_path):
    a = np.array([0, 1, np.iinfo(dtype).max], dtype)
    b = np.array([0, 1, np.iinfo(dtype).max - 1], dtype)
    assert of_pair(tmp_path, a, b) == TensorDiff("w", "values", ((3,), dtype), ((3,), dtype), 1, 2, 1.0, None)
    low = np.array([0, 1, np.iinfo(dtype).min], dtype)
    assert of_pair(tmp_path, a, low).max_abs == float(np.iinfo(dtype).max - np.iinfo(dtype).min)


def test_truths_differ(tmp_path):
    found = of_pair(tmp_path, np.array([True, False]), np.array([True, True]))
    assert (found.kind, found.count, found.first, found.max_abs) == ("values", 1, 1, 1.0)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_complex_numbers_differ_also_in_the_part_that_is_imaginary(dtype, tmp_path):
    a, b = (str(tmp_path / name) for name in ("a.npy", "b.npy"))
    np.save(a, np.array([1, 2 + 3j, complex(0, math.nan)], dtype))
    np.save(b, np.array([1, 2 - 3j, complex(0, math.nan)], dtype))
    (found,) = diff(a, b).tensors
    assert (found.kind, found.count, found.first, found.max_abs) == ("values", 1, 1, 6.0)
    assert diff(a, a).equal


TAGS = {"F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F4": 0.5, "F6_E2M3": 0.75, "C64": 8}


@pytest.mark.parametrize("tag", TAGS)
def test_dtypes_that_numpy_has_not_are_compared_by_their_bytes_and_theirs_only(tag, tmp_path):
    pytest.importorskip("safetensors", minversion="0.8", reason="older ones refuse these dtypes")

    def file(name, change, after):
        raw = bytearray(round(8 * TAGS[tag]))
        raw[-1] ^= change
        return save(tmp_path / name, {"w": (tag, [8], bytes(raw)), "z": ("U8", [8], bytes([after] * 8))})

    a, b, c = file("a.safetensors", 0, 0), file("b.safetensors", 1, 0), file("c.safetensors", 0, 9)
    assert [tensor.kind for tensor in diff(a, a).tensors] == ["equal", "equal"]
    assert [tensor.kind for tensor in diff(a, b).tensors] == ["values", "equal"]
    assert [tensor.kind for tensor in diff(a, c).tensors] == ["equal", "values"]
    other = save(tmp_path / "d.safetensors", {"w": ("U8", [8], bytes(8)), "z": ("U8", [8], bytes(8))})
    assert [tensor.kind for tensor in diff(a, other).tensors] == ["dtype", "equal"]


@pytest.mark.parametrize("value", [["text", "more"], np.zeros(2, [("a", "f4")])], ids=["text", "records"])
def test_objects_and_records_are_no_answer_and_not_equal(value, tmp_path):
    path = str(tmp_path / "a.h5")
    with h5py.File(path, "w") as file:
        file["odd"] = value
        file["w"] = np.zeros(3)
    with pytest.raises(FormatError, match="odd holds") as error:
        diff(path, path)
    assert error.value.message.startswith(path)
    assert diff(path, path, only=["w"]).equal


A = np.arange(6, dtype=np.float32).reshape(2, 3)
KINDS = [  # what stands in the second file in place of A -> the first that differs
    (A.copy(), "equal"),
    (A + 1, "values"),
    (A.astype(np.float64), "dtype"),
    (A.astype(np.float16) + 1, "dtype"),
    (A.reshape(3, 2), "shape"),
    (A.reshape(6).astype(np.float64), "shape"),
    (A[:, :2], "shape"),
    (None, "only a"),
]


@pytest.mark.parametrize(("other", "kind"), KINDS, ids=lambda value: value if isinstance(value, str) else "")
def test_being_there_comes_before_the_shape_the_shape_before_the_dtype_and_it_before_values(other, kind, tmp_path):
    a = arrays(tmp_path / "a.safetensors", w=A, same=A)
    b = arrays(tmp_path / "b.safetensors", same=A, **({} if other is None else {"w": np.ascontiguousarray(other)}))
    for one, two, said in ((a, b, kind), (b, a, kind.replace("only a", "only b"))):
        found = diff(one, two)
        assert {tensor.name: tensor.kind for tensor in found.tensors} == {"same": "equal", "w": said}
        assert found.equal == (kind == "equal")
    (tensor,) = (tensor for tensor in diff(a, b).tensors if tensor.name == "w")
    assert tensor.a == ((2, 3), "float32")
    assert tensor.b == (None if other is None else (other.shape, other.dtype.name))


def test_between_two_dtypes_values_are_compared(tmp_path):
    odd = np.array([0x7F81, 0x3F80], np.uint16).view(ml_dtypes.bfloat16)  # a signalling NaN, and 1
    assert of_pair(tmp_path, odd, np.array([np.nan, 1], np.float32)).count == 0
    found = of_pair(tmp_path, A, A.astype(ml_dtypes.bfloat16))
    assert (found.kind, found.count, found.max_abs, found.max_ulp) == ("dtype", 0, 0.0, None)
    b = A.astype(np.float64)
    b[1, 1:] += [0.25, -0.5]
    found = of_pair(tmp_path, A, b)
    assert (found.kind, found.count, found.first, found.max_abs) == ("dtype", 2, 4, 0.5)


def test_the_same_values_are_equal_in_every_format_and_order(tmp_path):
    paths = [
        str(tmp_path / name) for name in ("a.npy", "f.npy", "b.npy", "a.npz", "c.npz", "a.safetensors", "a.h5", "c.h5")
    ]
    np.save(paths[0], A)
    np.save(paths[1], np.asfortranarray(A))
    np.save(paths[2], A.astype(">f4"))
    np.savez(paths[3], w=A)
    np.savez_compressed(paths[4], w=np.asfortranarray(A))
    safetensors.numpy.save_file({"w": A}, paths[5])
    for path, options in ((paths[6], {}), (paths[7], {"chunks": (1, 2), "compression": "gzip"})):
        with h5py.File(path, "w") as file:
            file.create_dataset("w", data=A, **options)
    for path in paths:
        for other in paths:
            assert diff(path, other).equal, (path, other)
    changed = A.copy()
    changed[1, 2] = 7
    np.save(tmp_path / "x.npy", changed)
    for path in paths:
        (tensor,) = diff(path, str(tmp_path / "x.npy")).tensors
        assert (tensor.kind, tensor.count, tensor.first, tensor.max_abs) == ("values", 1, 5, 2.0), path


def test_differences_beyond_the_first_block_are_found_in_their_place(tmp_path):
    a = np.zeros(2_000_000, np.float32)
    b = a.copy()
    b[[1_200_000, 1_999_999]] = [1, 2]
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    for threads in (1, 3):
        (found,) = diff(str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), threads=threads).tensors
        assert (found.count, found.first, found.max_abs) == (2, 1_200_000, 2.0)


def test_a_sharded_checkpoint_equals_its_one_file_and_patterns_choose(tmp_path):
    top = tmp_path / "m"
    top.mkdir()
    whole = arrays(tmp_path / "whole.safetensors", a=A, b=A + 1)
    arrays(top / "1.safetensors", b=A + 1)
    arrays(top / "2.safetensors", a=A + 2)
    index = {"weight_map": {"a": "2.safetensors", "b": "1.safetensors"}}
    (top / "model.safetensors.index.json").write_text(json.dumps(index))
    assert {tensor.name: tensor.kind for tensor in diff(whole, str(top)).tensors} == {"a": "values", "b": "equal"}
    assert diff(whole, str(top), only=["b", "c"]).equal
    assert not diff(whole, str(top), only=["*"]).equal
    with pytest.raises(InitgenError, match="no tensor is called c"):
        diff(whole, str(top), only=["c"])


def test_empty_tensors_are_equal(tmp_path):
    assert of_pair(tmp_path, np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32)).kind == "equal"
    assert of_pair(tmp_path, np.zeros((0, 3), np.float32), np.zeros((3, 0), np.float32)).kind == "shape"
