"""From what a user gives to tensors: a spec or a checkpoint, with presets, rules, variables and names on top."""

import io
import json
import re

import numpy as np
import pytest
import safetensors.numpy

from initgen.core.errors import InitgenError, SpecError
from initgen.specs.derive import dumps
from initgen.specs.describe import chosen, describe, like_model

SPEC = """
seed = 3
preset = "gpt2"
[variables]
d = 8
n = 2
[tensors]
"wte.weight" = { shape = [10, "${d}"] }
"h.{0..${n - 1}}.mlp.c_proj.weight" = { shape = ["${d}", "${d}"] }
"h.{0..${n - 1}}.ln_{1,2}.{weight,bias}" = { shape = ["${d}"] }
"""


@pytest.fixture
def checkpoint(put):
    """Where none of the values is one that any scheme would draw, as they are not read."""
    put("unused", "")
    arrays = {
        "h.0.w": np.full((4, 6), np.nan, np.float32),
        "h.0.b": np.full(6, np.nan, np.float16),
        "n": np.array(3, np.int64),
    }
    safetensors.numpy.save_file(arrays, "m.safetensors")
    return "m.safetensors"


def test_a_spec_is_described(put):
    specs = {spec.name: spec for spec in describe(put("s.toml", SPEC))}
    assert len(specs) == 1 + 2 + 8
    assert specs["h.1.mlp.c_proj.weight"].shape == (8, 8)
    assert specs["h.1.ln_2.weight"].title == "ones"
    assert {spec.seed for spec in specs.values()} == {3}


def test_a_checkpoint_gives_names_shapes_and_dtypes(checkpoint):
    specs = describe(like=checkpoint, rules=["*.w=he_uniform", "*=zeros"])
    assert {(spec.name, spec.shape, spec.dtype.name, spec.scheme.name) for spec in specs} == {
        ("h.0.w", (4, 6), "float32", "he_uniform"),
        ("h.0.b", (6,), "float16", "zeros"),
        ("n", (), "int64", "zeros"),
    }
    assert len(like_model(checkpoint).drafts) == 3


def test_what_is_given_wins_over_the_spec(put):
    path = put("s.toml", SPEC)
    given = describe(path, seed=9, dtype="bf16", variables={"n": "3", "d": "${2 * n}"})
    assert len(given) == 1 + 3 + 12
    assert {(spec.seed, spec.dtype.name, spec.shape[-1]) for spec in given} == {(9, "bfloat16", 6)}


def test_rules_come_before_the_files_and_presets_last(put):
    path = put("s.toml", SPEC + '[[rules]]\nmatch = "wte*"\nscheme = "dummy"\n')
    assert describe(path)[0].title == "dummy"
    assert describe(path, rules=["wte*=uniform"])[0].title == "uniform"
    put("t.toml", '[tensors]\n"wte.weight" = { shape = [10, 8] }\n')
    assert describe("t.toml", preset="torch")[0].title == "random_normal:stddev=1.0"
    assert describe(path, preset="torch", rules=["nothing=zeros"])[0].title == "dummy"


def test_only_some_are_chosen_and_that_changes_none(put):
    path = put("s.toml", SPEC)
    some = describe(path, only=["h.?.ln_1.*", "wte.weight"])
    assert [spec.name for spec in some] == [
        "wte.weight",
        *(f"h.{n}.ln_1.{w}" for n in (0, 1) for w in ("weight", "bias")),
    ]
    whole = {spec.name: spec for spec in describe(path)}
    assert all((spec.made, spec.stream_name) == (whole[spec.name].made, spec.name) for spec in some)
    # The depth that scales a projection is that of the whole model.
    (one,) = describe(path, only=["h.1.mlp*"])
    assert one.params == whole[one.name].params
    assert chosen(some, []) == some


# What is given besides a sound spec; the message; the hint.
BAD = [
    ({"preset": "gtp2"}, "unknown preset 'gtp2'", "did you mean gpt2?"),
    ({"preset": "buffers"}, "unknown preset 'buffers'", "known: "),
    ({"preset": "../x"}, "unknown preset '../x'", "known: "),
    ({"rules": ["x"]}, "--rule 'x' is not PATTERN=SCHEME", "like '*.bias=zeros'"),
    ({"rules": ["=zeros"]}, "--rule '=zeros' is not PATTERN=SCHEME", ""),
    ({"rules": ["x="]}, "--rule 'x=' is not PATTERN=SCHEME", ""),
    ({"rules": ["w{=zeros"]}, "--rule 'w{=zeros': 'w{' has a { without its partner", ""),
    (
        {"rules": ["*=zerso"]},
        "s.toml, line 8: tensors.wte.weight: unknown scheme 'zerso' (by --rule '*=zerso')",
        "zeros",
    ),
    ({"rules": ["*=constant:value=${x}"]}, "--rule '*=constant:value=${x}': there is no variable 'x'", ""),
    ({"variables": {"nn": "3"}}, "there is no variable 'nn' to set", "did you mean n"),
    ({"variables": {"d": "x"}}, "s.toml, line 8: tensors.wte.weight.shape[1]: there is no variable 'x'", ""),
    (
        {"variables": {"d": "${d}"}},
        "s.toml, line 8: tensors.wte.weight.shape[1]: the variable d is defined by itself",
        "",
    ),
    ({"variables": {"d": "-1"}}, "s.toml, line 8: tensors.wte.weight.shape[1]: is -1, and sizes are whole numbers", ""),
    ({"variables": {"d": "1e3"}}, "s.toml, line 8: tensors.wte.weight.shape[1]: is 1000.0, and sizes are whole", ""),
    ({"variables": {"n": "9" * 30}}, "s.toml, line 9: tensors.h.{0..${n - 1}}.mlp.c_proj.weight: the expression", ""),
    ({"only": ["nope"]}, "no tensor is called nope", "known: wte.weight"),
    ({"only": ["wte.wieght", "x"]}, "no tensor is called wte.wieght or x", "did you mean wte.weight?"),
    ({"dtype": "f31"}, "unknown dtype 'f31'", ""),
    ({"dtype": "int8"}, "--dtype int8 is not for weights", ""),
    ({"seed": -1}, "s.toml, line 8: tensors.wte.weight: seed = -1 must be a whole number", ""),
]


@pytest.mark.parametrize(("given", "message", "hint"), BAD, ids=str)
def test_what_does_not_fit_is_refused(given, message, hint, put):
    with pytest.raises(InitgenError) as caught:
        describe(put("s.toml", SPEC), **given)
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


# Options of the command line, after a sound spec.
OPTIONS = [
    (["--set", "d"], "--set 'd' is not NAME=VALUE"),
    (["--set", "=3"], "--set '=3' is not NAME=VALUE"),
    (["--set", "nope=3"], "there is no variable 'nope' to set"),
    (["--rule", "x"], "--rule 'x' is not PATTERN=SCHEME"),
    (["--preset", "nope"], "unknown preset 'nope'"),
    (["--only", "nope"], "no tensor is called nope"),
    (["--like", "m.safetensors"], "a SPEC and --like both say which tensors there are"),
    (["--shape", "2x3"], "--shape describes one tensor"),
    (["--scheme", "zeros"], "--scheme describes one tensor"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=str)
def test_the_command_line_says_the_same(options, message, put, refused):
    said, _ = refused(put("s.toml", SPEC), *options)
    assert said.lower().startswith(message.lower())


@pytest.mark.parametrize("given", [{}, {"preset": "gpt2"}, {"rules": ["*.b=zeros"]}], ids=str)
def test_a_tensor_without_a_scheme_is_named(given, checkpoint):
    with pytest.raises(SpecError) as caught:
        describe(like=checkpoint, **given)
    assert re.fullmatch(
        r"m\.safetensors: (n|h\.0\.w): has no scheme, and no rule matches it(; .*)?", caught.value.message
    )
    assert "--preset NAME" in caught.value.hint


def test_either_a_spec_or_a_checkpoint(checkpoint):
    for given in ({}, {"spec": "s.toml", "like": checkpoint}):
        with pytest.raises(SpecError, match="either a spec or a checkpoint"):
            describe(**given)


# The names of tensors, the output, and what is said; each in every format of specs.
NAMES = {
    "fault19-metadata": (["__metadata__"], "w.safetensors", "name = '__metadata__' is taken by the safetensors header"),
    "fault20-empty": ([""], "w.h5", "name = '' is not a path of plain names in HDF5"),
    "fault20-dot": (["."], "w.h5", "name = '.' is not a path"),
    "fault20-dots": ([".."], "w.h5", "name = '..' is not a path"),
    "fault20-up": (["a/../c"], "w.h5", "name = 'a/../c' is not a path"),
    "fault20-absolute": (["/abs"], "w.h5", "name = '/abs' is not a path"),
    "fault20-slash": (["a/"], "w.h5", "name = 'a/' is not a path"),
    "fault20-zip": (["a/../c"], "w.npz", "name = 'a/../c' is not a path of plain names in a zip file"),
    "fault22-group": (["a", "a/b"], "w.h5", "'a' cannot be both a tensor and the group of 'a/b'"),
    "fault22-group-deep": (["a/b/c", "x", "a"], "w.h5", "'a' cannot be both a tensor and the group of 'a/b/c'"),
}


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
@pytest.mark.parametrize("case", NAMES)
def test_a_name_that_the_format_has_no_place_for_is_refused(case, kind, put, refused):
    names, output, message = NAMES[case]
    tree = {"tensors": {name: {"shape": [2], "scheme": "zeros"} for name in names}}
    said, _ = refused(put(f"s.{kind}", dumps(tree, kind)), output=output)
    assert said.startswith(message)


UNICODE = ["é", "e\u0301", "\u202eabc", "\U0001f600", "\u00a0", "重み", "\u0085", "\u2028", "\x7f", "\x00"]


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_fault23_names_are_kept_exactly(kind, put):
    tree = {"tensors": {name: {"shape": [2], "scheme": "zeros"} for name in UNICODE}}
    assert [spec.name for spec in describe(put(f"s.{kind}", dumps(tree, kind)))] == UNICODE


def test_standard_input_is_a_spec(put, monkeypatch):
    put("unused", "")
    text = json.dumps({"tensors": {"w": {"shape": [2], "scheme": "zeros"}}})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert [spec.name for spec in describe("-")] == ["w"]
