"""Layer classes of somebody's own, whose weights a spec gives by hand under [kinds]."""

import json

import pytest

from initgen.core.errors import InitgenError
from initgen.specs.describe import describe


def model(*layers):
    made = [{"class_name": "InputLayer", "config": {"batch_shape": [None, 5, 8]}}, *layers]
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": made}})


def layer(kind, **more):
    return {"class_name": kind, "config": {"name": "own", "rank": 2, "wide": True, "ratio": 0.5, "mode": "x"}, **more}


DENSE = {"class_name": "Dense", "config": {"name": "out", "units": 3}}
KINDS = """
include = "m.json"
[kinds.Adapter]
down = { shape = ["${channels}", "${rank}"], scheme = "he_uniform" }
up = { shape = ["${rank}", "${channels}"], scheme = "zeros" }
places = { shape = ["${input_0}", "${input_1 / rank}"], scheme = "truncated_normal:stddev=${1 / rank}" }
gate = { shape = ["${wide}"], scheme = "constant:value=2", dtype = "float64", seed = 7 }
"""
FOUND = {"own/down": (8, 2), "own/up": (2, 8), "own/places": (5, 4), "own/gate": (1,)}


def test_a_class_of_a_model_is_given_by_the_spec_that_includes_it(put):
    put("m.json", model(layer("Adapter", registered_name="mine>Adapter"), DENSE))
    found = describe(put("s.toml", KINDS))
    assert {spec.name: spec.shape for spec in found} == {**FOUND, "out/kernel": (8, 3), "out/bias": (3,)}
    assert [spec.keras_path for spec in found][:5] == [f"layers/adapter/vars/{n}" for n in range(4)] + [
        "layers/dense/vars/0"
    ]
    by_name = {spec.name.removeprefix("own/"): spec for spec in found}
    assert by_name["places"].title == "truncated_normal:stddev=0.5"
    assert (by_name["gate"].dtype.name, by_name["gate"].seed, by_name["gate"].keyed) == ("float64", 7, False)
    assert (by_name["down"].fans.fan_in, by_name["down"].fans.fan_out) == (8, 2)


def test_a_class_of_a_list_of_layers_is_given_by_the_same_spec(put):
    layers = """
[[layers]]
kind = "Adapter"
name = "own"
input_shape = [5, 8]
rank = 2
wide = true
ratio = 0.5
[[layers]]
kind = "Dense"
name = "out"
units = 3
"""
    found = describe(put("s.toml", KINDS.replace('include = "m.json"', "") + layers))
    assert {spec.name: spec.shape for spec in found} == {**FOUND, "out/kernel": (8, 3), "out/bias": (3,)}


def test_a_class_of_keras_may_be_given_otherwise(put):
    put("m.json", model(DENSE))
    found = describe(put("s.toml", 'include = "m.json"\n[kinds.Dense]\nw = {shape = ["${units}"], scheme = "ones"}\n'))
    assert [(spec.name, spec.shape) for spec in found] == [("out/w", (3,))]


def test_kinds_hold_for_what_is_included_and_not_beside_it(put):
    put("m.json", model(layer("Adapter")))
    put(
        "kinds.toml",
        '[kinds.Adapter]\nw = {shape = [1], scheme = "ones"}\n[tensors]\nx = {shape = [1], scheme = "ones"}\n',
    )
    with pytest.raises(InitgenError, match=r"Adapter.*is of a class that initgen does not know"):
        describe(put("s.toml", 'include = ["kinds.toml", "m.json"]\n'))


def test_a_class_without_weights_is_an_empty_table(put):
    put("m.json", model(layer("Adapter"), DENSE))
    found = describe(put("s.toml", 'include = "m.json"\n[kinds.Adapter]\n'))
    assert [spec.name for spec in found] == ["out/kernel", "out/bias"]
    assert found.groups == ("layers/adapter/vars", "vars")


REFUSED = [
    ("shape = ['${nothing}'], scheme = 'ones'", r"own \(Adapter\): w.shape\[0\]: there is no variable 'nothing'"),
    ("shape = ['${mode}'], scheme = 'ones'", r"own \(Adapter\): w.shape\[0\]: there is no variable 'mode'"),
    (
        "shape = ['${ratio}'], scheme = 'ones'",
        r"own \(Adapter\): w.shape\[0\]: is 0.5, and sizes are whole numbers from 0",
    ),
    ("shape = ['${rank - 3}'], scheme = 'ones'", r"own \(Adapter\): w.shape\[0\]: is -1, and"),
    ("shape = ['${10 ** 30}'], scheme = 'ones'", r"own \(Adapter\): w.shape\[0\]: "),
    ("shape = [1], scheme = 'he_unifrm'", "own/w: unknown scheme 'he_unifrm'"),
    ("shape = [1], scheme = 'constant:value=${no}'", r"own \(Adapter\): there is no variable 'no'"),
    ("shape = [1], dtype = 'float99', scheme = 'ones'", "own/w: unknown dtype 'float99'"),
    ("shape = [1], fan_in = '${no}', scheme = 'ones'", r"own \(Adapter\): there is no variable 'no'"),
    (
        "shape = [1], fan_in = '${1 / 3}', scheme = 'he_uniform'",
        r"own \(Adapter\): w.fan_in = \$\{1 / 3\} is 0.3333333333333333, and must be a whole number",
    ),
    ("shape = [1], fan_in = '${rank - 3}', scheme = 'he_uniform'", "fan_in = -1 must be a whole number from 0"),
]


@pytest.mark.parametrize(("weight", "said"), REFUSED, ids=[weight for weight, _ in REFUSED])
def test_a_weight_that_cannot_be_made_is_named_with_its_layer(weight, said, put):
    put("m.json", model(layer("Adapter")))
    with pytest.raises(InitgenError, match=said) as refused:
        describe(put("s.toml", f'include = "m.json"\n[kinds.Adapter]\nw = {{{weight}}}\n'))
    assert refused.value.message.startswith("m.json, line 1: config.layers[1]: ")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[kinds.Adapter.w]\nscheme = 'ones'", "s.toml, line 2: kinds.Adapter.w: has no shape"),
        ("[kinds.Adapter.w]\nshape = [1]\nscale = 3", "s.toml, line 4: kinds.Adapter.w.scale: is not a key of a spec"),
        ("kinds = 3", "s.toml, line 2: kinds: must be a table, not a whole number"),
    ],
)
def test_a_kind_that_is_not_sound_is_said_where_it_stands(table, said, put):
    put("m.json", model(layer("Adapter")))
    with pytest.raises(InitgenError) as refused:
        describe(put("s.toml", f'include = "m.json"\n{table}\n'))
    assert refused.value.message == said


def test_weights_of_a_layer_inside_are_where_its_attribute_is(put):
    put("m.json", model({"class_name": "Block", "config": {"name": "own", "units": 3}}, DENSE))
    found = describe(
        put(
            "s.toml",
            'include = "m.json"\n[kinds.Block]\n'
            '"d1/kernel" = { shape = ["${channels}", "${units}"], scheme = "he_uniform" }\n'
            'w = { shape = ["${units}"], scheme = "ones" }\n"d1/bias" = { shape = ["${units}"], scheme = "zeros" }\n',
        )
    )
    assert {spec.name: spec.keras_path for spec in found if spec.name.startswith("own")} == {
        "own/w": "layers/block/vars/0",
        "own/d1/kernel": "layers/block/d1/vars/0",
        "own/d1/bias": "layers/block/d1/vars/1",
    }
