"""``initgen spec``: a spec out of a file that makes the same again, in three languages, and files it cannot read."""

import json
import os
import tomllib

import numpy as np
import pytest
import safetensors.numpy
from ruamel.yaml import YAML

SPEC = """seed = 5
layout = "torch"
[tensors]
"h.{0..2}.weight" = { shape = [4, 6], scheme = "kaiming_normal:a=0.5" }
"h.{0..2}.bias" = { shape = [4], scheme = "torch_bias", fan_in = 6 }
"emb.weight" = { shape = [10, 4], scheme = "random_normal:stddev=0.02", dtype = "bfloat16" }
"head.weight" = { shape = [10, 4], tied = "emb.weight", dtype = "bfloat16" }
"own" = { shape = [3, 3], scheme = "he_uniform", seed = 7, layout = "keras" }
"conv" = { shape = [6, 2, 3, 3], scheme = "glorot_uniform", groups = 2 }
"up" = { shape = [4, 2, 2, 2], scheme = "he_normal", transposed = true }
"pos" = { shape = [3], dtype = "int64", scheme = "zeros" }
"odd {{name}} \\u00e9\\u0001\\u007f\\"\\\\" = { shape = [], scheme = "ones" }
"empty" = { shape = [0, 3], scheme = "zeros" }
"""


@pytest.fixture
def model(run, tmp_path):
    """A file of initgen's own."""
    (tmp_path / "m.toml").write_text(SPEC)
    assert run("sample", "m.toml", "-o", "m.safetensors").code == 0
    return tmp_path / "m.safetensors"


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_the_spec_of_a_file_of_initgens_own_makes_the_same_bytes(kind, model, run, tmp_path):
    made = run("spec", "m.safetensors", "--format", kind)
    assert (made.code, made.err) == (0, "")
    again = run("sample", "-", "-o", "again.safetensors", stdin=made.out)
    assert again.code == 0, again.err
    assert (tmp_path / "again.safetensors").read_bytes() == model.read_bytes()


@pytest.mark.parametrize("output", ["m.h5", "m/ --max-shard-size 200", "one/"])
def test_the_spec_of_other_outputs_with_a_recipe_makes_the_same_tensors(output, model, run):
    assert run("sample", "m.toml", "-o", *output.split()).code == 0
    made = run("spec", output.split()[0])
    assert made.code == 0
    assert run("sample", "-", "-o", "again.safetensors", stdin=made.out).code == 0
    assert run("diff", "m.safetensors", "again.safetensors").code == 0


def parsed(text, kind):
    if kind == "yaml":
        return YAML(typ="safe", pure=True).load(text)
    return tomllib.loads(text) if kind == "toml" else json.loads(text)


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_names_over_a_range_are_one_entry_and_the_suffix_says_the_language(kind, model, run, tmp_path):
    made = run("spec", "m.safetensors", "-o", f"s.{kind}")
    assert (made.code, made.out) == (0, b"")
    tree = parsed((tmp_path / f"s.{kind}").read_text(), kind)
    assert (tree["seed"], tree["layout"]) == (5, "torch")
    assert tree["tensors"]["h.{0..2}.weight"] == {"shape": [4, 6], "scheme": "kaiming_normal:a=0.5"}
    assert run("spec", "--check", f"s.{kind}").code == 0
    other = "json" if kind != "json" else "toml"
    assert run("spec", "m.safetensors", "-o", f"s.{kind}", "--force", "--format", other).code == 0
    assert parsed((tmp_path / f"s.{kind}").read_text(), other) == tree


def test_case_30_a_spec_that_is_there_is_kept_unless_forced(model, run, tmp_path):
    (tmp_path / "s.toml").write_text("# mine\n")
    made = run("spec", "m.safetensors", "-o", "s.toml")
    assert (made.code, made.err) == (2, "error: s.toml: exists and holds something else\nhint: --force replaces it\n")
    assert (tmp_path / "s.toml").read_text() == "# mine\n"
    assert run("spec", "m.safetensors", "-o", "s.toml", "--force").code == 0
    before = (tmp_path / "s.toml").stat().st_mtime_ns
    assert run("spec", "m.safetensors", "-o", "s.toml").code == 0
    assert (tmp_path / "s.toml").stat().st_mtime_ns == before


FOREIGN = {"l.0.weight": (4, 6), "l.1.weight": (4, 6), "l.0.bias": (4,), "l.1.bias": (4,), "norm.weight": (4,)}


@pytest.fixture
def foreign(run, tmp_path):
    """A file of another library."""
    tensors = {name: np.full(shape, 7, np.float16) for name, shape in FOREIGN.items()}
    safetensors.numpy.save_file(tensors, tmp_path / "f.safetensors")
    np.savez(tmp_path / "f.npz", **tensors)
    for name, value in tensors.items():
        (tmp_path / "f").mkdir(exist_ok=True)
        np.save(tmp_path / "f" / f"{name}.npy", value)


@pytest.mark.parametrize("path", ["f.safetensors", "f.npz", "f"])
def test_of_another_file_names_shapes_and_dtypes_are_told_and_rules_give_the_schemes(path, foreign, run):
    made = run("spec", path)
    assert made.code == 0
    assert "no schemes yet" in made.err
    tree = tomllib.loads(made.text)
    assert tree["dtype"] == "float16"
    assert tree["tensors"] == {
        "l.{0..1}.weight": {"shape": [4, 6]},
        "l.{0..1}.bias": {"shape": [4]},
        "norm.weight": {"shape": [4]},
    }
    made = run("spec", path, "--rule", "*.bias=zeros", "--rule", "norm.*=ones", "--rule", "*=he_uniform")
    assert (made.code, made.err) == (0, "")
    schemes = {name: entry["scheme"] for name, entry in tomllib.loads(made.text)["tensors"].items()}
    assert schemes == {"l.{0..1}.weight": "he_uniform", "l.{0..1}.bias": "zeros", "norm.weight": "ones"}
    assert run("sample", "-", "-o", "again.safetensors", stdin=made.out).code == 0
    found = safetensors.numpy.load_file("again.safetensors")
    assert {name: value.shape for name, value in found.items()} == FOREIGN
    assert {value.dtype.name for value in found.values()} == {"float16"}


def test_a_tensor_that_no_rule_fits_is_named(foreign, run):
    made = run("spec", "f.npz", "--rule", "*.bias=zeros")
    assert (made.code, made.out) == (2, b"")
    assert made.err.startswith(
        "error: f.npz: l.0.weight: has no scheme, and no rule matches it; 2 more like it: l.1.weight, norm.weight\nhint: "
    )


def test_a_preset_is_printed_and_is_a_spec(run, tmp_path):
    made = run("spec", "--preset", "gpt2")
    assert (made.code, made.err) == (0, "")
    assert tomllib.loads(made.text)["rules"]


def test_the_schema_is_json(run):
    made = run("spec", "--schema")
    schema = json.loads(made.out)
    assert made.code == 0
    assert {"$schema", "$defs"} & schema.keys()


def test_check_answers_for_every_spec(model, run, tmp_path):
    (tmp_path / "bad.toml").write_text('[tensors]\n"a" = { shape = [2], scheme = "zerros" }\n')
    made = run("spec", "--check", "m.toml", "bad.toml", "gone.toml")
    assert made.code == 2
    assert made.text == "m.toml: 14 tensors\n"
    errors = [line for line in made.err.splitlines() if line.startswith("error: ")]
    assert [error.split(":")[1].split(",")[0].strip() for error in errors] == ["bad.toml", "gone.toml"]
    assert run("spec", "--check", "m.toml").code == 0


BAD = [
    ((), "missing argument FILE"),
    (("--check",), "missing argument FILE"),
    (("m.safetensors", "m.safetensors"), "one FILE is wanted, not 2"),
    (("gone.h5",), "gone.h5: there is no such file"),
    (("cut.safetensors",), "cut.safetensors: "),
    (("m.safetensors", "--preset", "gpt3"), "unknown preset 'gpt3'"),
    (("m.safetensors", "--rule", "zeros"), "is not PATTERN=SCHEME"),
    (("m.safetensors", "--format", "xml"), "'--format'"),
    (("m.safetensors", "-o", "nowhere/s.toml"), "there is no directory nowhere"),
    (("m.safetensors", "-o", "m.toml/x"), "there is no directory"),
    (("none.safetensors",), "none.safetensors: has no tensors"),
    (("recipe.safetensors",), "recipe.safetensors: has no tensors"),
    (("complex.npz",), "holds complex128, which initgen does not make"),
]


@pytest.mark.parametrize(("args", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_what_makes_no_spec_is_one_line_and_exit_code_2(args, said, model, run, tmp_path):
    if "recipe.safetensors" in args:
        pytest.importorskip("safetensors", minversion="0.7", reason="older ones refuse a header without tensors")
    (tmp_path / "cut.safetensors").write_bytes(model.read_bytes()[:-1])
    safetensors.numpy.save_file({}, tmp_path / "none.safetensors")
    recipe = {"initgen": '{"initgen":1,"stream":"native-1","tensors":{}}'}
    safetensors.numpy.save_file({}, tmp_path / "recipe.safetensors", metadata=recipe)
    np.savez(tmp_path / "complex.npz", w=np.ones(2, complex))
    before = sorted(os.listdir(tmp_path))
    made = run("spec", *args)
    assert (made.code, made.out) == (2, b"")
    first, *rest = made.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert len(rest) <= 1
    assert sorted(os.listdir(tmp_path)) == before
