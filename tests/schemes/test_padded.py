"""Embeddings with padding: one row is zero, the rest is normal, and `stats` notices where either is not so."""

import numpy as np
import pytest

import initgen
from initgen.core.dtypes import FLOATS
from initgen.core.errors import BadParameter
from initgen.engine.draw import Tensor
from initgen.engine.plan import Chunk
from initgen.specs.tensor import tensor_spec


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize(("shape", "row"), [((7, 40), 0), ((7, 40), 3), ((7, 40), 6), ((3, 4, 8), 1), ((5,), 2)])
def test_one_row_is_zero_and_the_others_do_not_depend_on_which(shape, row, dtype):
    w, other = (
        initgen.sample("padded_normal", shape, params={"stddev": 0.5, "row": which}, dtype=dtype, seed=7)
        for which in (row, (row + 1) % shape[0])
    )
    assert not w[row].any()
    assert np.count_nonzero(w) > 0.9 * w[np.arange(shape[0]) != row].size
    rest = [index for index in range(shape[0]) if index not in (row, (row + 1) % shape[0])]
    assert w[rest].tobytes() == other[rest].tobytes()
    if dtype == "float64":
        plain = initgen.sample("random_normal:stddev=0.5", shape, dtype=dtype, seed=7)
        assert np.delete(w, row, axis=0).tobytes() == np.delete(plain, row, axis=0).tobytes()


def spoiled(tensor, row, value):
    tensor[row, 11] = value
    return tensor


# Judged at a false-alarm rate of 1e-6; with 119,400 values a std that is 2 % off is 10 standard errors away.
@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (lambda w: w, []),
        (lambda w: spoiled(w, 5, 1e-30), ["values of row 5 other than zero"]),
        (lambda w: spoiled(w, 5, np.nan), ["NaN or infinite values"]),
        (lambda w: 1.02 * w, ["variance"]),
        (lambda w: np.roll(w, 1, axis=0), ["values of row 5 other than zero"]),
        (lambda w: spoiled(w, 6, np.nan), ["NaN or infinite values"]),
    ],
    ids=["as drawn", "a value", "NaN", "scaled", "another row", "NaN elsewhere"],
)
def test_stats_holds_the_row_and_the_law_of_the_rest(tmp_path, spoil, failing):
    w = initgen.sample("padded_normal:row=5", (200, 600), seed=20240229)
    np.save(tmp_path / "w.npy", spoil(w))
    (tensor,) = initgen.stats(tmp_path / "w.npy", "padded_normal:row=5", false_alarm=1e-6).tensors
    found = [test.name for test in tensor.tests if not test.passed]
    assert found[: len(failing)] == failing
    assert bool(found) == bool(failing)


def test_the_row_is_no_part_of_the_law_where_there_are_few(tmp_path):
    np.save(tmp_path / "w.npy", initgen.sample("padded_normal:row=1", (3, 20_000), seed=20240229))
    (tensor,) = initgen.stats(tmp_path / "w.npy", "padded_normal:row=1", false_alarm=1e-6).tensors
    assert tensor.passed


def test_an_embedding_of_nothing_but_padding_is_zero():
    assert not initgen.sample("padded_normal", (1, 30)).any()
    assert tensor_spec("padded_normal", (1, 30)).made.independent(np.zeros((1, 30)), FLOATS[0]) is None


@pytest.mark.parametrize(
    ("scheme", "shape", "message"),
    [
        ("padded_normal:row=7", (7, 3), "row = 7 is past the 7 rows of 7x3"),
        ("padded_normal", (0, 3), "row = 0 is past the 0 rows"),
        ("padded_normal", (), "not a scalar"),
    ],
)
def test_a_row_that_is_not_there_is_refused(scheme, shape, message):
    with pytest.raises(BadParameter, match=message):
        tensor_spec(scheme, shape)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_other_rows_are_those_of_the_plain_scheme_piece_by_piece_too(dtype):
    padded, plain = (
        Tensor(tensor_spec(scheme, (50, 30), dtype=dtype, seed=4))
        for scheme in ("padded_normal:row=7", "random_normal:stddev=1")
    )
    wanted = plain(0, 1500)
    wanted[7 * 30 : 8 * 30] = 0
    for size in (1, 7, 30, 222, 1500):
        pieces = [padded(start, min(size, 1500 - start)) for start in range(0, 1500, size)]
        assert np.array_equal(np.concatenate(pieces), wanted)
    batch = [Chunk(0, start, min(222, 1500 - start)) for start in range(0, 1500, 222)]
    assert np.concatenate(Tensor.pieces([padded], batch)).tobytes() == wanted.tobytes()
