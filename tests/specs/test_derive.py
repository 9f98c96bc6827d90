"""From a file to a spec and back: the same bytes, whatever the file holds, in each format of specs."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import initgen
from initgen.core.dtypes import DTYPES
from initgen.core.errors import InitgenError, SpecError
from initgen.schemes import SCHEMES
from initgen.specs.derive import derive, dumps, tree_of
from initgen.specs.describe import describe
from initgen.specs.document import document_of
from initgen.specs.recipe import recipe_of
from initgen.specs.tensor import tensor_spec

KINDS = ["toml", "yaml", "json"]


def _scheme(name):
    """A tensor of a scheme, in the first shape that it has an answer for."""
    for shape in ((3, 4, 8), (4, 8), (8,), (6, 4)):
        for fans in ({}, {"fan_in": 6}):
            try:
                return tensor_spec(name, shape, name=f"of.{name}", keyed=True, **fans)
            except InitgenError:
                continue
    raise AssertionError(f"no shape for {name}")


ODD = [
    "",
    " ",
    "a b",
    'quo"te',
    "apo'strophe",
    "new\nline",
    "\r",
    "\t",
    "{0..3}",
    "{a,b}",
    "}{",
    "{{",
    "${d}",
    "$0",
    "$1",
]
ODD += [
    "${",
    "$",
    "#",
    "# a",
    "a: b",
    "- a",
    "? a",
    ":a",
    "?a",
    "!a",
    "&a",
    "*a",
    "[a]",
    "a]",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
]
ODD += ["~", "null", "true", "no", "1", "1e3", "0x1", "010", ".nan", "<<", "=", "a=b", "a.b", "'''", '"""', "\\", "\\n"]
ODD += ["é", "e\u0301", "\u202e", "\U0001f600", "\x00", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "a" * 300]
MODELS = {
    "every scheme": [_scheme(scheme.example) for scheme in SCHEMES],
    "every float dtype": [
        tensor_spec("random_normal", (3, 4), name=f"t.{dtype.name}", dtype=dtype.name, keyed=True)
        for dtype in DTYPES
        if not dtype.whole
    ],
    "every whole dtype": [
        tensor_spec("ones", (3, 4), name=f"t.{dtype.name}", dtype=dtype.name) for dtype in DTYPES if dtype.whole
    ],
    "parameters": [
        tensor_spec("truncated_normal:mean=1e-3,stddev=0.1,lower=-1", (5,), name="a", keyed=True),
        tensor_spec("kaiming_uniform:a=sqrt(5),mode=fan_out,nonlinearity=leaky_relu", (4, 5), name="b", keyed=True),
        tensor_spec("icnr:scale=2,base=he_uniform", (3, 3, 4, 8), name="c", keyed=True),
        tensor_spec("constant:value=-1e-30", (5,), name="d", keyed=True),
        tensor_spec("variance_scaling:scale=0.1,distribution=uniform", (4, 5), name="e", keyed=True),
    ],
    "layouts": [
        tensor_spec("he_normal", (8, 4, 3, 3), name=f"{layout}.{n}", layout=layout, keyed=True)
        for layout in ("keras", "torch", "keras")
        for n in range(2)
    ][2:],
    "kernels": [
        tensor_spec("he_normal", (3, 3, 4, 8), name="groups", groups=2, keyed=True),
        tensor_spec("he_normal", (3, 3, 4, 8), name="transposed", transposed=True, keyed=True),
        tensor_spec("he_normal", (3, 3, 4, 2), name="depthwise", depthwise=True, keyed=True),
        tensor_spec("he_normal", (8, 4, 3, 3), name="torch", layout="torch", transposed=True, groups=2, keyed=True),
        tensor_spec(
            "he_normal", (8, 1, 3, 3), name="torch depth", layout="torch", depthwise=True, groups=4, keyed=True
        ),
        tensor_spec("glorot_uniform", (3, 4), name="fans", fan_in=100, fan_out=7, keyed=True),
        tensor_spec("torch_bias", (4,), name="bias", layout="torch", fan_in=0, keyed=True),
        tensor_spec("dirac", (8, 4, 3), name="dirac", layout="torch", groups=2, keyed=True),
        tensor_spec("zeros", (4,), name="zeros", groups=3, keyed=True),
    ],
    "shapes": [tensor_spec("dummy", shape, name=str(shape), keyed=True) for shape in [(), (0,), (3, 0), (1,) * 32]],
    "own seeds": [
        tensor_spec("dummy", (4,), name=f"s.{seed}", seed=seed) for seed in (0, 1, 2, 2**63, 2**64 - 2, 2**64 - 1)
    ],
    "a model's seed": [tensor_spec("dummy", (4,), name=f"s.{n}", seed=2**64 - 1, keyed=True) for n in range(12)],
    "tied": [
        tensor_spec("dummy", (4,), name="base", seed=4, keyed=True),
        replace(tensor_spec("dummy", (4,), name="tied", seed=4, keyed=True), tied="base"),
        replace(tensor_spec("dummy", (4,), name="to what is gone", seed=4, keyed=True, dtype="f16"), tied="${d}*[0]"),
        replace(tensor_spec("dummy", (4,), name="with a seed", seed=5), tied="base"),
    ],
    "odd names": [tensor_spec("dummy", (2,), name=name, seed=1, keyed=True) for name in ODD],
    "layers": [
        tensor_spec("he_uniform", (4, 4), name=f"h.{n}.{w}.weight", dtype=("f32", "f16")[n == 3], keyed=True)
        for n in range(12)
        for w in ("q", "k")
    ],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", MODELS)
def test_the_spec_of_a_file_makes_the_same_bytes(model, kind, put, tmp_path):
    put("unused", "")
    initgen.write(MODELS[model], "m.safetensors")
    path = put(f"s.{kind}", dumps(derive("m.safetensors"), kind))
    again = describe(path)
    initgen.write(again, "again.safetensors")
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    # And it is no worse when it is derived again.
    assert dumps(derive("again.safetensors"), kind) == (tmp_path / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", MODELS)
def test_a_spec_describes_what_it_was_made_of(model, kind, put):
    """The same without a file: what a recipe does not keep is kept too."""
    again = describe(put(f"s.{kind}", dumps(tree_of(MODELS[model]), kind)))
    assert sorted(spec.name for spec in again) == sorted(spec.name for spec in MODELS[model])
    assert recipe_of(again) == recipe_of(MODELS[model])


@pytest.mark.parametrize("output", ["m.h5", "m.safetensors", "shards/"])
def test_files_of_other_formats_make_the_same_tensors(output, put):
    put("unused", "")
    initgen.write(MODELS["layers"], output)
    assert recipe_of(describe(put("s.toml", dumps(derive(output), "toml")))) == recipe_of(MODELS["layers"])


def test_layers_become_one_line_each_and_what_most_share_stands_once():
    assert dumps(tree_of(MODELS["layers"]), "toml").splitlines() == [
        "seed = 0",
        'dtype = "float32"',
        'layout = "keras"',
        "",
        "[tensors]",
        '"h.{0..2}.q.weight" = { shape = [4, 4], scheme = "he_uniform" }',
        '"h.{4..11}.q.weight" = { shape = [4, 4], scheme = "he_uniform" }',
        '"h.{0..2}.k.weight" = { shape = [4, 4], scheme = "he_uniform" }',
        '"h.{4..11}.k.weight" = { shape = [4, 4], scheme = "he_uniform" }',
        '"h.3.q.weight" = { shape = [4, 4], scheme = "he_uniform", dtype = "float16" }',
        '"h.3.k.weight" = { shape = [4, 4], scheme = "he_uniform", dtype = "float16" }',
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_a_recipe_gives_names_shapes_and_dtypes(kind, put):
    put("unused", "")
    arrays = {f"h.{n}.w": np.zeros((4, 6), np.float16) for n in range(3)} | {"n": np.array(3, np.int64)}
    safetensors.numpy.save_file(arrays, "m.safetensors")
    tree = derive("m.safetensors")
    assert tree == {
        "seed": 0,
        "dtype": "float16",
        "tensors": {"h.{0..2}.w": {"shape": [4, 6]}, "n": {"shape": [], "dtype": "int64"}},
    }
    with pytest.raises(SpecError, match="has no scheme"):
        describe(put(f"s.{kind}", dumps(tree, kind)))
    full = derive("m.safetensors", rules=["*.w=he_uniform", "n=zeros"])
    specs = describe(put(f"s.{kind}", dumps(full, kind)))
    assert sorted((spec.name, spec.title) for spec in specs) == [
        *((f"h.{n}.w", "he_uniform") for n in range(3)),
        ("n", "zeros"),
    ]
    with pytest.raises(SpecError, match="n: has no scheme"):
        derive("m.safetensors", rules=["*.w=he_uniform"])


def test_a_file_of_nothing_has_no_spec(put):
    put("unused", "")
    safetensors.numpy.save_file({}, "m.safetensors")
    with pytest.raises(SpecError, match=r"m\.safetensors: has no tensors"):
        derive("m.safetensors")


def test_two_seeds_of_models_are_more_than_a_spec_can_say():
    specs = [tensor_spec("dummy", (2,), name=f"w{seed}", seed=seed, keyed=True) for seed in range(2)]
    with pytest.raises(SpecError, match="its tensors are of 2 models with a seed each"):
        tree_of(specs)


PLAIN = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**64), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
TREES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**64 - 1),
        "tensors": st.dictionaries(st.text(max_size=8), st.fixed_dictionaries({"x": PLAIN})),
    }
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_what_is_written_is_read_back(tree):
    for kind in KINDS:
        assert document_of(dumps(tree, kind), "s", kind=kind).tree == tree
    assert json.loads(dumps(tree, "json")) == tree
    assert tomllib.loads(dumps(tree, "toml")) == tree
