"""`sample --elements`: a piece of one tensor is that piece of the whole, and costs no more than itself."""

import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import safetensors

import initgen
from initgen.core.errors import BadParameter
from initgen.engine.write import array

SCHEMES = [
    ("he_uniform", "40x30", "float32"),
    ("he_normal", "40x30", "float16"),
    ("random_normal", "40x30", "float64"),
    ("padded_normal:row=3", "40x30", "float32"),
    ("orthogonal", "40x30", "float32"),
    ("sparse:sparsity=0.5", "40x30", "float32"),
    ("eye", "40x30", "float32"),
    ("arange", "1200", "int32"),
    ("ones", "1200", "float32"),
    ("zeros", "", "float32"),
]
PIECES = [(0, 1200), (0, 0), (0, 1), (1, 2), (7, 100), (89, 121), (90, 1199), (119, 1200), (1200, 1200)]


@pytest.mark.parametrize(("scheme", "shape", "dtype"), SCHEMES)
def test_a_piece_is_that_piece_of_the_whole(scheme, shape, dtype, run):
    given = ("sample", "-s", scheme, "--shape", shape or "scalar", "--dtype", dtype, "--seed", 5)
    whole = np.load(io.BytesIO(run(*given).out)).reshape(-1)
    for start, end in PIECES if shape else [(0, 1), (1, 1)]:
        piece = np.load(io.BytesIO(run(*given, "--elements", f"{start}:{end}").out))
        assert (piece.shape, piece.dtype) == ((end - start,), whole.dtype)
        assert piece.tobytes() == whole[start:end].tobytes()


def test_pieces_over_the_chunks_of_the_engine_are_those_of_the_whole():
    for scheme, dtype in (("he_normal", "float32"), ("he_uniform", "float64")):
        whole = initgen.sample(scheme, (1300, 1000), dtype=dtype).reshape(-1)
        for piece in (slice(524_287, 524_289), slice(1, 1_048_577), slice(-5, None), slice(9, 3), slice(None, 4)):
            assert initgen.sample(scheme, (1300, 1000), dtype=dtype, elements=piece).tobytes() == whole[piece].tobytes()
    with pytest.raises(BadParameter, match="no step"):
        initgen.sample("he_uniform", (9,), elements=slice(None, None, 2))


def test_a_piece_that_is_filled_into_a_file_is_that_of_the_whole(tmp_path):
    whole = initgen.sample("he_normal", (900, 1000), dtype="float64").reshape(-1)
    spec = initgen.tensor("he_normal", (900, 1000), dtype="float64")
    initgen.write(spec.elements(7, 400_007), tmp_path / "w.npy")
    assert np.load(tmp_path / "w.npy").tobytes() == whole[7:400_007].tobytes()


def test_a_piece_has_the_fans_and_the_law_of_the_whole():
    spec = replace(initgen.tensor("he_uniform", (40, 30)), seed=3)
    piece = spec.elements(10, 20).elements(2, 5)
    assert (piece.shape, piece.first, piece.fans, piece.made) == ((3,), 12, spec.fans, spec.made)
    whole = initgen.sample("he_uniform", (40, 30), seed=3).reshape(-1)
    assert array(piece).tobytes() == whole[12:15].tobytes()


def test_ends_may_be_left_out_and_outputs_are_those_of_an_array(run, tmp_path):
    given = ("sample", "-s", "he_uniform", "--shape", "40x30")
    whole = initgen.sample("he_uniform", (40, 30)).reshape(-1)
    for text, piece in {":": whole, "5:": whole[5:], ":5": whole[:5]}.items():
        assert np.load(io.BytesIO(run(*given, "--elements", text).out)).tobytes() == piece.tobytes()
    assert run(*given, "--elements", "5:9", "-o", "w.npy").code == 0
    assert np.load("w.npy").tobytes() == whole[5:9].tobytes()
    assert run(*given, "--elements", "5:9", "-o", "w.npy", "--check").code == 0
    assert run(*given, "--elements", "5:10", "-o", "w.npy", "--check").code == 1
    assert run(*given, "--elements", "5:9", "-o", "w.npz").code == 0
    assert np.load("w.npz")["weight"].tobytes() == whole[5:9].tobytes()
    (tensor,) = json.loads(run(*given, "--elements", "5:9", "--digest", "--json").out)["tensors"]
    digested = run("sample", "-s", "he_uniform", "--shape", "40x30", "--elements", "5:9", "--digest").text
    assert digested == f"# {tensor['sha256']}  weight 4 float32\n"
    described = json.loads(run(*given, "--elements", "5:9", "--json").out)
    assert (described["shape"], described["fan_in"]) == ([4], 40)


def test_only_chooses_the_tensor_of_a_model(run, tmp_path):
    spec = {"tensors": {"{a,b}.w": {"shape": [40, 30], "scheme": "he_uniform"}}}
    (tmp_path / "s.json").write_text(json.dumps(spec))
    run("sample", "s.json", "-o", "m.npz")
    piece = run("sample", "s.json", "--only", "b.*", "--elements", "100:300")
    assert np.load(io.BytesIO(piece.out)).tobytes() == np.load("m.npz")["b.w"].reshape(-1)[100:300].tobytes()
    refused = run("sample", "s.json", "--elements", "100:300")
    assert refused.err == "error: --elements is of one tensor, and there are 2\nhint: --only NAME chooses one\n"


def test_a_piece_in_safetensors_has_no_recipe(run, tmp_path):
    given = ("sample", "-s", "he_normal", "--shape", "40x30", "--dtype", "bfloat16", "--elements", "5:900")
    assert run(*given, "-o", "w.safetensors").code == 0
    with safetensors.safe_open("w.safetensors", framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}
        assert file.get_slice("weight").get_shape() == [895]
    whole = initgen.sample("he_normal", (40, 30), dtype="bfloat16").reshape(-1)
    assert (tmp_path / "w.safetensors").read_bytes()[-2 * 895 :] == whole[5:900].tobytes()
    assert run(*given, "-o", "w.safetensors").err.startswith("unchanged")
    assert run(*given, "-o", "w.safetensors", "--check").code == 0
    assert "carries no recipe" in run("verify", "w.safetensors").err


REFUSED = {
    ("--elements", "5"): "error: elements = '5' is not A:B",
    ("--elements", "-5:"): "error: elements = '-5:' is not A:B",
    ("--elements", "1:2:3"): "error: elements = '1:2:3' is not A:B",
    ("--elements", ""): "error: elements = '' is not A:B",
    ("--elements", "0:1201"): "error: elements = 0:1201 must be within 0:1200",
    ("--elements", "9:8"): "error: elements = 9:8 must be within 0:1200",
    ("--elements", f"{10**18}:"): f"error: elements = {10**18}:1200 must be within",
    ("--elements", "0:9", "-o", "w.h5"): "error: hdf5 keeps a recipe, which describes whole tensors\nhint",
    ("--elements", "0:9", "-o", "d/"): "error: d/: no format has this suffix",
}


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_what_is_no_piece_is_one_line(args, run, tmp_path):
    refused = run("sample", "-s", "he_uniform", "--shape", "40x30", *args)
    assert (refused.code, refused.out) == (2, b"")
    assert refused.err.startswith(REFUSED[args])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("scheme", ["orthogonal", "sparse:sparsity=0.5", "eye"])
@pytest.mark.parametrize("more", [(), ("--elements", "0:9"), ("--dry-run",)], ids=" ".join)
def test_what_is_made_whole_and_does_not_fit_is_refused_before_anything_is_made(scheme, more, run):
    refused = run("sample", "-s", scheme, "--shape", "10000000x10000000", *more)
    assert (refused.code, refused.out) == (2, b"")
    assert "is made as a whole, which takes over 800 TB of memory" in refused.err
    assert refused.err.count("\n") == 1
