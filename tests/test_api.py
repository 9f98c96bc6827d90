"""The public Python functions: small, typed, and the same values as the command line."""

import os
from pathlib import Path

import numpy as np
import pytest

import initgen


def test_what_is_public_is_what_is_said():
    assert set(initgen.__all__) >= {"sample", "tensor", "write", "stats", "verify", "InitgenError", "__version__"}
    for name in initgen.__all__:
        assert getattr(initgen, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = initgen.nonsense


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (100, 64), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn"])
def test_sample_gives_an_array_of_that_shape_and_dtype(shape, dtype):
    value = initgen.sample("random_normal", shape, dtype=dtype)
    assert (value.shape, value.dtype.name) == (shape, dtype)
    assert value.flags.writeable
    assert value.flags.c_contiguous


@pytest.mark.parametrize("shape", [[100, 64], (np.int64(100), np.int32(64)), range(100, 30, -36), np.array([100, 64])])
def test_a_shape_is_any_sequence_of_whole_numbers(shape):
    np.testing.assert_array_equal(initgen.sample("he_uniform", shape), initgen.sample("he_uniform", (100, 64)))


@pytest.mark.parametrize("shape", [(1.5, 2), ("3",), (-1,), None, 3, (None,), "33", (2**63,), (1,) * 65])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(initgen.InitgenError, match="shape"):
        initgen.sample("he_uniform", shape)


def test_parameters_are_text_or_values():
    one = initgen.sample("truncated_normal:stddev=0.02", (10, 10))
    two = initgen.sample("truncated_normal", (10, 10), params={"stddev": 0.02})
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
        {"seed": 2**64},
        {"seed": None},
        {"seed": "7"},
        {"dtype": "float33"},
        {"layout": "jax"},
        {"fan_in": 0},
        {"fan_in": 1.5},
        {"groups": 0},
        {"params": {"nonsense": 1}},
    ],
)
def test_bad_options_are_one_kind_of_error(options):
    with pytest.raises(initgen.InitgenError):
        initgen.sample("he_uniform", (4, 4), **options)


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".h5"])
@pytest.mark.parametrize("kind", [str, Path])
def test_write_then_stats_then_verify(suffix, kind, tmp_path):
    path = kind(tmp_path / f"w{suffix}")
    spec = initgen.tensor("he_normal", (100, 64), seed=5, dtype="float16")
    written = initgen.write(spec, path)
    assert (written.action, written.nbytes) == ("wrote", os.stat(path).st_size)
    assert initgen.write(spec, path).action == "unchanged"
    assert initgen.stats(path, "he_normal").passed
    assert not initgen.stats(path, "he_uniform").passed
    if suffix != ".npy":
        assert initgen.stats(path).checked == 1
        assert initgen.verify(path).passed


def test_several_tensors_go_into_one_file(tmp_path):
    path = tmp_path / "w.safetensors"
    initgen.write([initgen.tensor("he_uniform", (9, 9), name="a"), initgen.tensor("zeros", (9,), name="b")], path)
    assert initgen.stats(path).checked == 2
    assert [tensor.name for tensor in initgen.stats(path, names=["b"]).tensors] == ["b"]


def test_options_of_a_scheme_without_a_scheme_are_refused(tmp_path):
    path = tmp_path / "w.h5"
    initgen.write(initgen.tensor("zeros", (3,)), path)
    with pytest.raises(initgen.InitgenError, match="layout"):
        initgen.stats(path, layout="torch")


def test_results_are_frozen(tmp_path):
    path = tmp_path / "w.h5"
    spec = initgen.tensor("zeros", (3,))
    for result in (spec, initgen.write(spec, path), initgen.stats(path), initgen.verify(path)):
        with pytest.raises(AttributeError):
            result.path = "other"


def test_identify_names_the_scheme_of_an_array(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, initgen.sample("he_normal", (300, 200)))
    (tensor,) = initgen.identify(path, format="npy").tensors
    assert (tensor.verdict, tensor.best.scheme) == ("named", "he_normal")


def test_a_shape_that_numpy_does_not_have_is_an_error_of_ours():
    with pytest.raises(initgen.InitgenError, match="numpy has no arrays of shape 0x9223372036854775807"):
        initgen.sample("zeros", (0, 2**63 - 1))
    assert initgen.sample("zeros", (0, 2**60), dtype="int8").shape == (0, 2**60)
