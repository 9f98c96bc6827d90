"""``--stream``: what a framework draws, in files, recipes and specs."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

TORCH = ("--stream", "torch", "--layout", "torch")
MODEL = """
stream = "STREAM"
seed = 5
layout = "torch"
[tensors]
"b.weight" = { shape = [30, 20], scheme = "kaiming_normal" }
"b.bias" = { shape = [30], scheme = "zeros" }
"a.weight" = { shape = [7, 3], scheme = "xavier_uniform" }
"a.own" = { shape = [40], scheme = "random_normal", seed = 9 }
"a.last" = { shape = [5, 5], scheme = "random_uniform" }
"""


def _model(tmp_path, stream):
    (tmp_path / "m.toml").write_text(MODEL.replace("STREAM", stream))


def test_numpy_is_what_the_installed_numpy_draws(run):
    assert (
        run("sample", "--stream", "numpy", "-s", "random_uniform", "--shape", "10x7", "--seed", 3, "-o", "u.npy").code
        == 0
    )
    wanted = np.random.default_rng(3).uniform(-0.05, 0.05, (10, 7)).astype(np.float32)
    assert np.array_equal(np.load("u.npy"), wanted)


@pytest.mark.parametrize("stream", ["torch", "jax", "keras-tf", "keras-jax", "keras-torch", "keras-numpy", "numpy"])
def test_a_file_is_verified_by_its_recipe_and_remade_from_its_spec(stream, run, tmp_path):
    _model(tmp_path, stream)
    assert run("sample", "m.toml", "-o", "m.safetensors").code == 0
    assert run("verify", "m.safetensors").code == 0
    derived = run("spec", "m.safetensors")
    assert derived.code == 0
    (tmp_path / "again.toml").write_bytes(derived.out)
    assert run("sample", "again.toml", "-o", "again.safetensors").code == 0
    first, second = load_file("m.safetensors"), load_file("again.safetensors")
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    # A changed value is seen.
    data = bytearray((tmp_path / "m.safetensors").read_bytes())
    data[-3] ^= 1
    (tmp_path / "m.safetensors").write_bytes(data)
    assert run("verify", "m.safetensors").code == 1


@pytest.mark.parametrize("stream", ["torch", "jax", "keras-tf", "numpy"])
def test_leaving_tensors_out_and_cutting_changes_none(stream, run, tmp_path):
    _model(tmp_path, stream)
    run("sample", "m.toml", "-o", "m.safetensors")
    run("sample", "m.toml", "--only", "a.*", "-o", "a.safetensors")
    whole, some = load_file("m.safetensors"), load_file("a.safetensors")
    assert set(some) == {"a.weight", "a.own", "a.last"}
    assert all(np.array_equal(whole[name], some[name]) for name in some)
    run("sample", "m.toml", "--only", "b.weight", "--elements", "100:333", "-o", "piece.npy")
    assert np.array_equal(np.load("piece.npy"), whole["b.weight"].reshape(-1)[100:333])


def test_the_option_wins_over_the_spec_and_the_native_stream_is_one_of_them(run, tmp_path):
    _model(tmp_path, "torch")
    run("sample", "m.toml", "--stream", "native", "-o", "n.safetensors")
    (tmp_path / "m.toml").write_text(MODEL.replace('stream = "STREAM"\n', ""))
    run("sample", "m.toml", "-o", "plain.safetensors")
    assert (tmp_path / "n.safetensors").read_bytes() == (tmp_path / "plain.safetensors").read_bytes()
    run("sample", "m.toml", "--stream", "torch", "-o", "t.safetensors")
    assert not np.array_equal(load_file("t.safetensors")["a.last"], load_file("plain.safetensors")["a.last"])


def test_a_tied_tensor_equals_the_other_and_draws_nothing(run, tmp_path):
    tied = '"z.tied" = { shape = [7, 3], tied = "a.weight" }\n'
    spec = MODEL.replace("STREAM", "torch")
    (tmp_path / "m.toml").write_text(spec.replace('"b.weight"', tied + '"b.weight"'))
    run("sample", "m.toml", "-o", "tied.safetensors")
    found = load_file("tied.safetensors")
    assert np.array_equal(found.pop("z.tied"), found["a.weight"])
    _model(tmp_path, "torch")
    run("sample", "m.toml", "-o", "m.safetensors")
    without = load_file("m.safetensors")
    assert all(np.array_equal(found[name], without[name]) for name in without)


REFUSED = [
    (("--stream", "jax", "--seed", 2**63), "seed = 9223372036854775808", "jax"),
    (("--stream", "keras-jax", "--seed", 2**32), "seed = 4294967296", "2^32"),
    (("--stream", "keras-jax", "--seed", "-1"), "seed = -1", "2^32"),
    (("--stream", "keras-tf", "--seed", 2**63), "seed = 9223372036854775808", "keras-tf"),
    (("--stream", "torch", "--seed", "-9223372036854775809"), "seed = -9223372036854775809", "torch"),
    (("--stream", "pytorch"), "unknown stream 'pytorch'", "torch"),
    (("--stream", "torch", "--dtype", "float8_e5m2"), "torch draws no float8_e5m2", "bfloat16"),
    (("--seed", "-1"), "seed = -1 must be a whole number from 0 to 2^64 - 1", ""),
]


@pytest.mark.parametrize(("options", "said", "hint"), REFUSED)
def test_what_a_framework_refuses_is_refused_in_one_line_with_its_rule(options, said, hint, run, tmp_path):
    made = run("sample", "-s", "he_uniform", "--shape", "4x3", *options, "-o", "w.npy")
    assert (made.code, made.out) == (2, b"")
    first, *more = made.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert hint in made.err
    assert len(more) <= 1
    assert not (tmp_path / "w.npy").exists()


@pytest.mark.parametrize(
    ("stream", "place", "said"),
    [
        ("torch", [-1], "place = [-1] must be a number from 0 to 1099511627775, then"),
        ("torch", [0, 0, 0], "must be a number"),
        ("jax", [2**32], "must be a number from 0 to 4294967295"),
        ("numpy", [2**64], "must be a number from 0 to 18446744073709551615"),
        ("native", [7], "place = [7] is one in a framework's stream"),
        ("keras-tf", [1], "place = [1]: keras-tf draws each tensor from the start of its seed"),
    ],
)
def test_a_place_that_a_stream_does_not_have_is_refused(stream, place, said, run, tmp_path):
    tensor = f'w = {{ shape = [3], scheme = "he_uniform", seed = 1, place = {place} }}'
    (tmp_path / "m.toml").write_text(f'stream = "{stream}"\n[tensors]\n{tensor}\n')
    made = run("sample", "m.toml", "-o", "w.npy")
    assert made.code == 2
    assert said in made.err


def test_a_place_without_a_seed_is_refused(run, tmp_path):
    tensor = 'w = { shape = [3], scheme = "he_uniform", place = [100] }'
    (tmp_path / "m.toml").write_text(f'stream = "torch"\nseed = 1\n[tensors]\n{tensor}\n')
    made = run("sample", "m.toml", "-o", "w.npy")
    assert made.code == 2
    assert "tensors.w: place = [100] is one in the stream of a seed" in made.err


def test_what_is_written_says_its_stream(run, tmp_path):
    _model(tmp_path, "torch")
    assert ", of torch-2.13, " in run("sample", "m.toml", "-o", "m.safetensors").err
    assert ", of torch-2.13, " in run("sample", "m.toml", "--dry-run").text
    assert "native" not in run("sample", "m.toml", "--stream", "native", "--dry-run").text
    assert run("sample", "m.toml", "--stream", "", "--dry-run").err.startswith("error: unknown stream ''")


def test_constants_do_not_ask_for_a_seed_of_the_native_stream(run, tmp_path):
    weights = 'a = { shape = [3], scheme = "zeros" }\nb = { shape = [3], scheme = "ones" }'
    (tmp_path / "m.toml").write_text(f'stream = "torch"\nseed = -3\n[tensors]\n{weights}\n')
    assert run("sample", "m.toml", "-o", "m.safetensors").code == 0
    assert load_file("m.safetensors")["b"].all()


def test_what_overflows_the_dtype_is_refused(run):
    made = run("sample", *TORCH, "-s", "random_normal:stddev=1e30", "--dtype", "float16", "--shape", "9", "-o", "w.npy")
    assert made.code == 2
    assert "overflows float16" in made.err


def test_a_scheme_that_no_framework_draws_so_is_refused(run):
    made = run("sample", *TORCH, "-s", "sparse:sparsity=0.1", "--shape", "4x3", "-o", "w.npy")
    assert made.code == 2
    assert "torch does not draw sparse" in made.err


@pytest.mark.parametrize("stream", ["torch", "jax", "keras-jax", "keras-tf", "numpy"])
def test_a_random_seed_is_one_that_the_framework_takes(stream, run):
    made = run("sample", "--stream", stream, "-s", "he_uniform", "--shape", "4x3", "--seed", "random", "-o", "w.npy")
    assert made.code == 0


def test_constants_and_identities_are_drawn_under_every_stream(run):
    assert run("sample", *TORCH, "-s", "zeros", "--shape", "3", "-o", "z.npy").code == 0
    assert run("sample", *TORCH, "-s", "identity", "--shape", "3x3", "-o", "i.npy").code == 0
    assert not np.load("z.npy").any()
    assert np.array_equal(np.load("i.npy"), np.eye(3, dtype=np.float32))


def test_json_and_preview_say_stream_and_place(run, tmp_path):
    _model(tmp_path, "torch")
    described = json.loads(run("sample", "m.toml", "--dry-run", "--json").out)
    places = {tensor["name"]: (tensor["stream"], tensor["seed"], tensor["place"]) for tensor in described["tensors"]}
    assert places["b.weight"][:2] == ("torch-2.13", 5)
    assert places["a.own"] == ("torch-2.13", 9, None)
    assert places["a.last"][2]
    asked = ("--shape", "4x3", "--elements", "2:5", "--dry-run", "--json")
    shown = json.loads(run("sample", *TORCH, "-s", "he_uniform", *asked).out)
    (piece,) = shown["tensors"]
    assert (piece["shape"], piece["piece_of"], piece["first"]) == ([3], [4, 3], 2)


def test_the_list_of_a_stream_has_every_scheme_with_the_frameworks_call(run):
    listed = run("schemes", "--stream", "torch")
    assert listed.code == 0
    assert "torch 2.13" in listed.text
    assert "torch.nn.init.kaiming_uniform_" in listed.text
    found = json.loads(run("schemes", "--stream", "torch", "kaiming_uniform", "--json").out)
    assert (found["stream"], found["schemes"][0]["exactness"]) == ("torch-2.13", "bitwise")
    assert run("schemes", "--stream", "native").code == 2
