"""``initgen sample`` of whole models: options, outputs, and what goes to which stream."""

import hashlib
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import safetensors
import safetensors.numpy

SPEC = """seed = 5
layout = "torch"
[variables]
d = 8
[tensors]
"h.{0..1}.weight" = { shape = ["${d}", "${4*d}"], scheme = "he_uniform" }
"h.{0..1}.bias" = { shape = "${d}" }
"pos" = { shape = [3], dtype = "int64", scheme = "zeros" }
[[rules]]
match = "*.bias"
scheme = "zeros"
"""
NAMES = ["h.0.weight", "h.1.weight", "h.0.bias", "h.1.bias", "pos"]
SHARDS = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)] + ["model.safetensors.index.json"]


@pytest.fixture
def sample(run, tmp_path):
    """``initgen sample m.toml …`` in a directory that has it."""
    (tmp_path / "m.toml").write_text(SPEC)
    return lambda *args, **options: run("sample", "m.toml", *args, **options)


def made(top):
    """What is in a directory besides the spec."""
    return sorted(name for name in os.listdir(top) if name != "m.toml")


OUTPUTS = {
    ("-o", "m.safetensors"): ["m.safetensors"],
    ("-o", "m.h5"): ["m.h5"],
    ("-o", "m.npz"): ["m.npz"],
    ("-o", "m.bin", "--format", "npz"): ["m.bin"],
    ("-o", "m/"): ["model.safetensors"],
    ("-o", "m/", "--max-shard-size", "1KB"): SHARDS,
    ("-o", "m", "--max-shard-size", "1000"): SHARDS,
    ("-o", "m/", "--format", "npy"): sorted(f"{name}.npy" for name in NAMES),
}


@pytest.mark.parametrize("options", OUTPUTS, ids=" ".join)
def test_a_model_is_made_checked_and_verified_wherever_it_goes(options, sample, run, tmp_path):
    first = sample(*options)
    assert (first.code, first.out) == (0, b"")
    path = options[1]
    assert first.err.startswith(f"wrote {path}: 5 tensors, 531 parameters")
    assert made(tmp_path) == [path.rstrip("/")]
    if "." not in path:
        assert sorted(os.listdir(path)) == OUTPUTS[options]
        assert ("files" in first.err) == (len(OUTPUTS[options]) > 1)
    assert sample(*options).err.startswith(f"unchanged {path}")
    assert sample(*options, "--check").code == 0
    found = json.loads(run("verify", path, "--spec", "m.toml", "--json", *options[2:4] * (path == "m.bin")).out)
    assert (found["passed"], found["files"][0]["tensors"]) == (True, 5)
    other = sample(*options, "--seed", 6)
    assert (other.code, other.out) == (2, b"")
    assert "holds something else" in other.err.splitlines()[0]
    assert other.err.splitlines()[1] == "hint: --force replaces it"
    answer = sample(*options, "--check", "--seed", 6)
    assert answer.code == 1
    assert answer.err.startswith(f"{path}: is not what this description makes")
    assert sample(*options, "--seed", 6, "--force", "-q").err == ""
    assert sample(*options, "--check", "--seed", 6).code == 0


def test_check_of_what_is_not_there_is_no_and_makes_nothing(sample, tmp_path):
    for path in ("m.h5", "m/"):
        answer = sample("--check", "-o", path)
        assert (answer.code, answer.out, answer.err) == (1, b"", f"{path}: there is no such file\n")
    assert sample("--check", "-o", "m.h5", "-q").err == ""
    assert sample("--check").code == sample("--check", "-o", "-").code == 2
    assert made(tmp_path) == []


def test_the_same_tensors_come_in_every_format_and_a_part_of_them_is_the_same(sample):
    sample("-o", "m.safetensors")
    sample("-o", "m.npz")
    sample("-o", "part.safetensors", "--only", "h.1.*", "--only", "pos")
    whole = safetensors.numpy.load_file("m.safetensors")
    part = safetensors.numpy.load_file("part.safetensors")
    assert set(whole) == set(NAMES)
    assert set(part) == {"h.1.weight", "h.1.bias", "pos"}
    assert not np.array_equal(whole["h.0.weight"], whole["h.1.weight"])
    with np.load("m.npz") as archive:
        for name, value in whole.items():
            np.testing.assert_array_equal(archive[name], value)
            assert name not in part or np.array_equal(part[name], value)


def test_a_stream_of_safetensors_has_the_bytes_of_the_file(sample, tmp_path):
    sample("-o", "m.safetensors")
    for output in ((), ("-o", "-")):
        streamed = sample("--format", "safetensors", *output)
        assert (streamed.code, streamed.err) == (0, "")
        assert streamed.out == (tmp_path / "m.safetensors").read_bytes()
    assert made(tmp_path) == ["m.safetensors"]


def test_one_tensor_of_a_model_goes_to_a_pipe_as_npy(sample, tmp_path):
    sample("-o", "w.npy", "--only", "h.0.weight")
    assert sample("--only", "h.0.weight").out == (tmp_path / "w.npy").read_bytes()


def test_a_spec_is_read_from_standard_input(sample, run, tmp_path):
    sample("-o", "a.safetensors")
    assert run("sample", "-", "-o", "b.safetensors", stdin=SPEC.encode()).code == 0
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_set_gives_a_variable_and_dtype_the_floating_point_dtype(sample):
    found = json.loads(sample("--dry-run", "--json", "--set", "d=2", "--dtype", "bfloat16").out)
    assert [(each["shape"], each["dtype"]) for each in found["tensors"]] == [
        *[([2, 8], "bfloat16")] * 2,
        *[([2], "bfloat16")] * 2,
        ([3], "int64"),
    ]


def test_dry_run_shows_every_tensor_its_law_and_size_and_writes_nothing(sample, tmp_path):
    shown = sample("--dry-run", "-o", "m/", "--max-shard-size", "1KB")
    assert (shown.code, shown.err) == (0, "")
    lines = shown.text.splitlines()
    assert lines[0].split() == ["tensor", "shape", "dtype", "scheme", "bound", "std", "bytes"]
    assert lines[1].split() == [
        "h.{0..1}.weight",
        "×",
        "2",
        "8x32",
        "float32",
        "he_uniform",
        "±0.433013",
        "0.25",
        "2.05",
        "kB",
    ]
    assert "5 tensors, 531 parameters, 2.14 kB" in shown.text
    assert f"m/{SHARDS[0]}: " in shown.text
    found = json.loads(sample("--dry-run", "--json", "-o", "m/", "--max-shard-size", "1KB").out)
    assert (found["count"], found["parameters"], found["nbytes"]) == (5, 531, 2136)
    assert [each["name"] for each in found["tensors"]] == NAMES
    weight = found["tensors"][0]
    assert (weight["fan_in"], weight["std"], weight["seed"], weight["keyed"]) == (32, pytest.approx(0.25), 5, True)
    assert [(each["path"], each["tensors"], each["nbytes"]) for each in found["files"]] == [
        (f"m/{SHARDS[0]}", 1, 1024),
        (f"m/{SHARDS[1]}", 1, 1024),
        (f"m/{SHARDS[2]}", 3, 88),
    ]
    assert made(tmp_path) == []


def test_digests_are_those_of_the_arrays_and_sha256sum_takes_the_lines(sample, tmp_path):
    printed = sample("--digest", "-o", "m/", "--max-shard-size", "1KB")
    lines = [line for line in printed.text.splitlines() if line.startswith("# ")]
    loaded = {key: value for file in SHARDS[:3] for key, value in safetensors.numpy.load_file(f"m/{file}").items()}
    shapes = {name: "x".join(map(str, loaded[name].shape)) for name in NAMES}
    assert lines == [
        f"# {hashlib.sha256(loaded[name].tobytes()).hexdigest()}  {name} {shapes[name]} {loaded[name].dtype}"
        for name in NAMES
    ]
    assert sample("--digest").text.splitlines() == lines
    (tmp_path / "sums").write_bytes(printed.out)
    if shutil.which("sha256sum"):
        done = subprocess.run(["sha256sum", "--check", "--strict", "sums"], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode().splitlines() == [f"m/{file}: OK" for file in SHARDS]
    found = json.loads(sample("--digest", "--json", "-o", "m.h5").out)
    assert [f"# {each['sha256']}  {each['name']}" for each in found["tensors"]] == [
        line.rsplit(" ", 2)[0] for line in lines
    ]
    raw = (tmp_path / "m.h5").read_bytes()
    assert found["files"] == [{"path": "m.h5", "sha256": hashlib.sha256(raw).hexdigest()}]


def test_json_says_what_was_written(sample):
    found = json.loads(sample("--json", "-q", "-o", "m/", "--max-shard-size", "1KB").out)
    sizes = sum(os.stat(f"m/{name}").st_size for name in SHARDS)
    assert (found["path"], found["action"], found["file_bytes"]) == ("m/", "wrote", sizes)
    assert found["files"] == [f"m/{name}" for name in SHARDS]
    assert {each["name"] for each in found["tensors"]} == set(NAMES)


def test_like_takes_names_shapes_and_dtypes_and_rules_give_the_schemes(run, tmp_path):
    like = {"a.weight": np.zeros((4, 6), np.float16), "a.bias": np.zeros(4), "n": np.zeros(2, np.int64)}
    safetensors.numpy.save_file(like, tmp_path / "like.safetensors")
    np.savez(tmp_path / "like.npz", **like)
    rules = ("--rule", "*.bias=zeros", "--rule", "n=ones", "--rule", "*=lecun_normal")
    for source, output in (("like.safetensors", "m.safetensors"), ("like.npz", "m/"), ("m.safetensors", "n.npz")):
        assert run("sample", "--like", source, *rules, "--layout", "torch", "-o", output).code == 0
    found = safetensors.numpy.load_file("m.safetensors")
    assert {name: (value.shape, value.dtype) for name, value in found.items()} == {
        name: (value.shape, value.dtype) for name, value in like.items()
    }
    assert found["n"].tolist() == [1, 1]
    assert not found["a.bias"].any()
    assert run("diff", "m.safetensors", "n.npz").code == 0
    assert run("diff", "m.safetensors", "m").code == 0
    missing = run("sample", "--like", "like.npz", "--rule", "*.bias=zeros", "-o", "x.npz")
    assert (missing.code, missing.err.splitlines()[0]) == (
        2,
        "error: like.npz: a.weight: has no scheme, and no rule matches it; 1 more like it: n",
    )
