"""Recipes: what was described is what is read back, and nothing else is."""

import json
from dataclasses import replace

import pytest

from initgen.core.errors import FormatError, InitgenError
from initgen.schemes import SCHEMES
from initgen.specs.recipe import read_recipe, recipe_of
from initgen.specs.tensor import tensor_spec

SPECS = [
    tensor_spec(
        s.example,
        (8,) if s.name in ("unit_forget_bias", "chrono") else (3, 4, 8),
        name=s.name,
        **({} if s.fans == "none" else {"fan_in": 6, "fan_out": 5}),
    )
    for s in SCHEMES
    if s.name not in ("identity", "sparse")
]
SPECS += [
    tensor_spec("he_uniform", (100, 64), name="plain"),
    tensor_spec("he_normal", (8, 4, 3, 3), name="torch", layout="torch", dtype="bfloat16", seed=2**64 - 1),
    tensor_spec("he_normal", (3, 3, 4, 8), name="grouped", groups=2),
    tensor_spec("he_normal", (3, 3, 4, 8), name="transposed", transposed=True),
    tensor_spec("he_normal", (3, 3, 4, 2), name="depthwise", depthwise=True),
    tensor_spec("dirac", (3, 4, 8), name="groups of a structure", groups=4),
    tensor_spec("truncated_normal:stddev=0.1,lower=-1", (), name="scalar"),
    tensor_spec("torch_bias", (5,), name="bias", layout="torch", fan_in=0),
    tensor_spec("identity:gain=1e-3", (0, 5), name="größe \x00 重み \U0001f600"),
    replace(tensor_spec("glorot_uniform", (3, 4), name="keyed", seed=9), keyed=True),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: ascii(spec.name))
def test_a_tensor_is_read_back_as_it_was_described(spec):
    (name, back), *others = read_recipe(recipe_of([spec]), "f").items()
    assert not others
    assert (name, back.name, back.shape, back.dtype, back.scheme) == (
        spec.name,
        spec.name,
        spec.shape,
        spec.dtype,
        spec.scheme,
    )
    assert (back.params, back.seed, back.stream_name) == (spec.params, spec.seed, spec.stream_name)
    assert (back.fans, back.made, back.title) == (spec.fans, spec.made, spec.title)
    assert recipe_of([back]) == recipe_of([spec])


def test_a_recipe_is_canonical():
    text = recipe_of(SPECS)
    assert text == recipe_of(SPECS[::-1])
    assert text.isascii()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert read_recipe(text, "f").keys() == {spec.name for spec in SPECS}


def test_a_recipe_says_this():
    assert recipe_of([tensor_spec("he_uniform", (100, 64))]) == (
        '{"initgen":1,"stream":"native-1","tensors":{"weight":{"dtype":"float32","fan_in":100,"fan_out":64,'
        '"layout":"keras","params":{},"scheme":"he_uniform","seed":0,"shape":[100,64]}}}'
    )


def _changed(**entry):
    recipe = json.loads(recipe_of([tensor_spec("truncated_normal", (3, 4))]))
    recipe["tensors"]["weight"] |= entry
    return json.dumps(recipe)


HOSTILE = {
    "not JSON": "{",
    "not text": "\ud800",
    "not an object": "[1]",
    "deep": "[" * 100_000,
    "empty": "{}",
    "NaN": _changed(seed=0).replace('"seed": 0', '"seed": NaN'),
    "no tensors": '{"initgen":1,"stream":"native-1"}',
    "unknown field": _changed(color=1),
    "negative size": _changed(shape=[-1]),
    "size of another type": _changed(shape=[1.5]),
    "huge shape": _changed(shape=[2**62, 4]),
    "huge size": _changed(shape=[10**30]),
    "many axes": _changed(shape=[1] * 100),
    "negative seed": _changed(seed=-1),
    "huge seed": _changed(seed=2**64),
    "unknown scheme": _changed(scheme="nope"),
    "unknown dtype": _changed(dtype="int7"),
    "dtype of whole numbers": _changed(dtype="int8"),
    "unknown layout": _changed(layout="tf"),
    "unknown parameter": _changed(params={"x": 1}),
    "parameter out of range": _changed(params={"stddev": -1}),
    "parameter of another type": _changed(params={"stddev": [1]}),
    "no parameter": _changed(params={"stddev": None}),
    "infinite parameter": _changed(params={"stddev": 0}).replace('"stddev": 0', '"stddev": 1e999'),
    "long parameter": _changed(params={"stddev": "9" * 10_000}),
    "nested roots": _changed(params={"stddev": "sqrt(" * 5000 + "2" + ")" * 5000}),
    "no groups": _changed(groups=0),
    "negative fan": _changed(fan_in=-1),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_recipe_is_refused_with_an_error_of_ours(case):
    with pytest.raises(InitgenError) as caught:
        read_recipe(HOSTILE[case], "f.safetensors")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("old", "new"), [('"initgen":1', '"initgen":2'), ("native-1", "native-2")])
def test_a_recipe_of_a_later_version_says_so(old, new):
    text = recipe_of([tensor_spec("zeros", (3,))]).replace(old, new)
    with pytest.raises(FormatError, match=r"f\.h5: its recipe is of version") as caught:
        read_recipe(text, "f.h5")
    assert "a newer initgen wrote it" in caught.value.hint
