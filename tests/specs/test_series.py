"""The order in which a framework draws a model: golden values made by the frameworks, and what they do not show."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import initgen
from initgen.specs.layers.keras.config import model_of
from initgen.specs.layers.keras.model import KerasModel, Node
from initgen.specs.layers.keras.placed import placed, turns

GOLDEN = Path(__file__).with_name("golden_series.safetensors")
with safe_open(GOLDEN, "numpy") as golden:
    CASES = json.loads(golden.metadata()["golden"])["cases"]


def bits(path):
    """The tensors of a file as whole numbers, so that NumPy needs no bfloat16."""
    header_size = int.from_bytes(path.read_bytes()[:8], "little")
    raw = path.read_bytes()[8:]
    header = json.loads(raw[:header_size])
    header.pop("__metadata__", None)
    return {
        name: (entry["dtype"], entry["shape"], raw[header_size:][slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


THEIRS = bits(GOLDEN)


@pytest.fixture
def made(tmp_path):
    """The tensors of a spec, by name or, for Keras, by path."""

    def make(spec, **options):
        given, out = tmp_path / "spec.json", tmp_path / "w.safetensors"
        given.write_text(json.dumps(spec))
        specs = initgen.model(given, **options)
        initgen.write(specs, out, fsync=False, force=True)
        found = bits(out)
        return {spec.keras_path or spec.name: found[spec.name] for spec in specs}, specs

    return make


@pytest.mark.parametrize("name", CASES)
def test_a_model_has_the_values_that_its_framework_gives_it(made, name):
    case = CASES[name]
    ours, specs = made(case["spec"], stream=case["stream"], seed=case["seed"])
    theirs = {key.removeprefix(f"{name}:"): one for key, one in THEIRS.items() if key.startswith(f"{name}:")}
    assert ours.keys() == theirs.keys()
    loose = {spec.keras_path or spec.name for spec in specs if spec.scheme.name == "orthogonal"}
    for key, (dtype, shape, data) in theirs.items():
        assert ours[key][:2] == (dtype, shape)
        if key in loose:
            np.testing.assert_allclose(*(np.frombuffer(one, "<f4") for one in (ours[key][2], data)), atol=1e-5)
        else:
            assert ours[key][2] == data, key


def dense(units, **more):
    return {"kind": "Dense", "units": units, **more}


INPUT = {"kind": "Input", "shape": [4]}


def drawn(made, *layers, stream="keras-numpy", seed=1, **more):
    return made({"layers": [INPUT, *layers], "stream": stream, "seed": seed, **more})[0]


def test_a_rule_takes_the_turn_of_the_default(made):
    by_argument = drawn(made, dense(5, kernel_initializer="he_normal"), dense(3))
    rules = [{"match": "dense/kernel", "scheme": "he_normal"}]
    layers = [INPUT, {"kind": "Dense", "units": 5}, dense(3)]
    assert made({"layers": layers, "stream": "keras-numpy", "seed": 1})[0] != by_argument
    custom = [{**layers[1], "kernel_initializer": {"class_name": "Own>Made", "config": {}}}, layers[2]]
    assert drawn(made, *custom, rules=rules) == by_argument


def test_what_draws_nothing_or_has_a_seed_of_its_own_has_no_turn(made):
    alone = drawn(made, dense(4, kernel_initializer="zeros"), dense(3))["layers/dense_1/vars/0"]
    seeded = drawn(made, dense(4, kernel_initializer={"name": "he_normal", "seed": 7}), dense(3))
    assert seeded["layers/dense_1/vars/0"] == alone != drawn(made, dense(4), dense(3))["layers/dense_1/vars/0"]
    assert (
        seeded["layers/dense/vars/0"]
        == drawn(made, dense(4, kernel_initializer={"name": "he_normal", "seed": 7}), seed=2)["layers/dense/vars/0"]
    )


def test_a_tensor_is_the_same_when_only_it_is_asked_for(made):
    layers = [
        {"kind": "MultiheadAttention", "embed_dim": 4, "num_heads": 2},
        {"kind": "Linear", "in_features": 4, "out_features": 2},
    ]
    spec = {"layers": layers, "stream": "torch", "seed": 5}
    whole, _ = made(spec)
    part, _ = made(spec, only=["1.*"])
    assert part == {name: one for name, one in whole.items() if name.startswith("1.")}


OWN_KIND = {"Own": {"scale": {"shape": ["${channels}"], "scheme": "random_normal"}}}


def test_a_layer_of_unknown_order_is_refused_by_its_frameworks_streams_alone(made):
    layers = [dense(4), {"kind": "Own", "name": "mine"}]
    with pytest.raises(initgen.InitgenError, match=r"mine/scale: when keras-numpy draws it .* is not known") as error:
        drawn(made, *layers, kinds=OWN_KIND)
    assert error.value.hint == "give its tensors seeds of their own, or take --stream native"
    for stream in ("torch", "native"):
        assert len(drawn(made, *layers, kinds=OWN_KIND, stream=stream)) == 3
    seeded = {"Own": {"scale": {**OWN_KIND["Own"]["scale"], "seed": 3}}}
    assert len(drawn(made, *layers, kinds=seeded)) == 3


def test_an_initializer_of_unknown_class_is_refused_where_it_fills_nothing(made):
    unknown = {"class_name": "Own>Made", "config": {}}
    with pytest.raises(
        initgen.InitgenError, match=r"of the initializer Own>Made, when keras-numpy draws it .* not known"
    ):
        drawn(made, dense(4, use_bias=False, bias_initializer=unknown))
    assert drawn(made, dense(4, use_bias=False, bias_initializer=unknown), stream="torch")


def test_layers_of_another_framework_are_drawn_in_the_order_of_their_weights(made):
    layers = {"layers": [{"kind": "MultiheadAttention", "embed_dim": 4, "num_heads": 2}], "seed": 1}
    ours, specs = made({**layers, "stream": "numpy"})
    tensors = {spec.name: {"shape": list(spec.shape), "scheme": spec.title, "layout": "torch"} for spec in specs}
    assert made({"tensors": tensors, "seed": 1, "stream": "numpy"})[0] == ours


def test_tensors_before_and_behind_layers_have_their_turns_there(made, tmp_path):
    linear = {"kind": "Linear", "in_features": 4, "out_features": 2}
    (tmp_path / "more.json").write_text(json.dumps({"tensors": {"last": {"shape": [3], "scheme": "random_uniform"}}}))
    spec = {
        "tensors": {"first": {"shape": [3], "scheme": "random_uniform"}},
        "layers": [linear],
        "include": "more.json",
    }
    ours, _ = made({**spec, "stream": "torch"})
    flat = {"first": (3,), "0.weight": (2, 4), "0.bias": (2,), "last": (3,)}
    schemes = {"0.weight": "torch_default", "0.bias": "torch_bias"}
    tensors = {
        name: {"shape": list(shape), "scheme": schemes.get(name, "random_uniform"), "layout": "torch"}
        | ({"fan_in": 4} if name == "0.bias" else {})
        for name, shape in flat.items()
    }
    assert made({"tensors": tensors, "stream": "torch"})[0] == ours


LAYERS = json.loads((Path(__file__).parent / "layers" / "keras.json").read_text(encoding="utf-8"))["layers"]


def test_every_weight_of_a_layer_of_keras_has_one_turn_unless_it_is_always_constant():
    for kind, arguments, inputs, *_, config in LAYERS:
        (node,) = model_of(config, {}).nodes
        model = KerasModel(nodes=[Node(node.held, (), tuple(map(tuple, inputs)))])
        weights = {one.name: one.weight for one in placed(model)[0]}
        found = [name for turn in turns(model) if isinstance(turn, tuple) for name in turn]
        assert len(found) == len(set(found)), (kind, arguments)
        assert set(found) <= weights.keys(), (kind, arguments)
        left = {name.rpartition("/")[2] for name in weights.keys() - set(found)}
        assert left <= {
            "Attention": {"scale", "concat_score_weight"},
            "Normalization": {"mean", "variance", "count"},
        }.get(kind, set()), (kind, arguments)
