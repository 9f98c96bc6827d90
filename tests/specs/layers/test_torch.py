"""PyTorch's layer kinds have the arguments, weights, defaults and refusals of torch, as torch itself wrote them down.

The oracle is torch.json, made by make_torch.py. tests/interop/test_torch_layers.py holds the laws against torch.
"""

import json
import math
from pathlib import Path

import msgspec
import pytest

from initgen.core.errors import BadParameter, InitgenError
from initgen.laws import Constant, Normal, Uniform
from initgen.specs.layers.layer import Initializer, Layer
from initgen.specs.layers.torch import KINDS
from initgen.specs.tensor import tensor_spec

GOLDEN = json.loads(Path(__file__).with_name("torch.json").read_text(encoding="utf-8"))
IDS = [f"{kind} {arguments}" for kind, arguments, _ in GOLDEN["states"]]
DENSE = {"in_features": 5, "out_features": 3}
CONV = {"in_channels": 6, "out_channels": 4, "kernel_size": 3}
RECURRENT = {"input_size": 5, "hidden_size": 8}
HEADS = {"embed_dim": 12, "num_heads": 3}
SMALL = {"d_model": 12, "nhead": 3, "dim_feedforward": 20}


def read(kind, arguments):
    """A layer as a spec gives it: plain values, and schemes as text or tables."""
    return msgspec.convert(arguments, KINDS[kind], dec_hook=lambda _, given: Initializer.read(given))


def specs_of(kind, **arguments):
    """The tensors of a layer by name, as a spec would make them."""
    specs = {}
    for weight in read(kind, arguments).weights():
        told = {key: value for key, value in msgspec.structs.asdict(weight.options).items() if value is not None}
        scheme, params = told.pop("scheme"), {}
        if isinstance(scheme, dict):
            params = dict(scheme)
            scheme = params.pop("name")
        told |= {"params": params, "keyed": "seed" not in told}
        specs[weight.name] = tensor_spec(scheme, weight.shape, name=weight.name, **told)
    return specs


def stored(kind, arguments):
    return {name: [list(spec.shape), spec.dtype.name] for name, spec in specs_of(kind, **arguments).items()}


@pytest.mark.parametrize(("kind", "arguments", "state"), GOLDEN["states"], ids=IDS)
def test_names_shapes_dtypes_and_order_are_torchs(kind, arguments, state):
    assert list(stored(kind, arguments).items()) == list(state.items())


def test_every_kind_with_weights_is_held_against_torch():
    weightless = {kind for kind, layer in KINDS.items() if layer.__module__.endswith(".plain")}
    assert {kind for kind, _, _ in GOLDEN["states"]} == KINDS.keys() - weightless


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_and_their_defaults_are_torchs(kind):
    fields = [one for one in msgspec.structs.fields(KINDS[kind]) if one.name not in Layer.__struct_fields__]
    ours = {one.name: "…" if one.required else one.default for one in fields if not one.name.endswith("_initializer")}
    assert ours == GOLDEN["arguments"][kind]


@pytest.mark.parametrize(("kind", "arguments", "blamed"), GOLDEN["refused"], ids=str)
def test_what_torch_refuses_is_refused_by_name(kind, arguments, blamed):
    with pytest.raises(BadParameter, match=f"^{blamed} = "):
        specs_of(kind, **arguments)


# What torch takes, or finds out later, and no file should be made of.
@pytest.mark.parametrize(
    ("kind", "arguments", "blamed"),
    [
        ("Conv2d", {**CONV, "kernel_size": 0}, "kernel_size"),
        ("Conv2d", {**CONV, "kernel_size": [3]}, "kernel_size"),
        ("Conv2d", {**CONV, "kernel_size": [3, 3, 3]}, "kernel_size"),
        ("GroupNorm", {"num_groups": -1, "num_channels": 3}, "num_groups"),
        ("EmbeddingBag", {"num_embeddings": 3, "embedding_dim": 2, "mode": "average"}, "mode"),
        ("RNNCell", {**RECURRENT, "nonlinearity": "gelu"}, "nonlinearity"),
        ("GRU", {**RECURRENT, "num_layers": 10_001}, "num_layers"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(kind, arguments, blamed):
    with pytest.raises(BadParameter, match=f"^{blamed} = "):
        specs_of(kind, **arguments)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("Linear", {**DENSE, "device": "cpu"}),
        ("Linear", {"in_features": 5}),
        ("Linear", {**DENSE, "bias": "yes"}),
        ("GRU", {**RECURRENT, "proj_size": 2}),
        ("ReLU", {"alpha": 1.0}),
        ("MaxPool2d", {}),
    ],
    ids=str,
)
def test_arguments_that_torch_does_not_have_are_refused(kind, arguments):
    with pytest.raises(msgspec.ValidationError):
        read(kind, arguments)


# Limits of the uniform laws, from the formulas of the modules' documentation.
LIMITS = (
    ("Linear", DENSE, {"weight": 5**-0.5, "bias": 5**-0.5}),
    ("Bilinear", {"in1_features": 5, "in2_features": 4, "out_features": 3}, {"weight": 5**-0.5, "bias": 5**-0.5}),
    ("Conv2d", {**CONV, "kernel_size": [2, 5], "groups": 2}, {"weight": 30**-0.5, "bias": 30**-0.5}),
    ("ConvTranspose2d", {**CONV, "kernel_size": [2, 5], "groups": 2}, {"weight": 20**-0.5, "bias": 20**-0.5}),
    ("LSTM", RECURRENT, dict.fromkeys(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), 8**-0.5)),
    ("GRUCell", RECURRENT, dict.fromkeys(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), 8**-0.5)),
    ("MultiheadAttention", HEADS, {"in_proj_weight": (6 / 48) ** 0.5, "out_proj.weight": 12**-0.5}),
    (
        "MultiheadAttention",
        {**HEADS, "kdim": 6},
        {"q_proj_weight": (6 / 24) ** 0.5, "k_proj_weight": (6 / 18) ** 0.5, "v_proj_weight": (6 / 24) ** 0.5},
    ),
    (
        "TransformerEncoderLayer",
        SMALL,
        {"linear1.bias": 12**-0.5, "linear2.weight": 20**-0.5, "linear2.bias": 20**-0.5},
    ),
)


@pytest.mark.parametrize(("kind", "arguments", "limits"), LIMITS, ids=str)
def test_uniform_laws_end_where_torch_says(kind, arguments, limits):
    specs = specs_of(kind, **arguments)
    for name, limit in limits.items():
        law = specs[name].made
        assert isinstance(law, Uniform)
        assert law.support == (pytest.approx(-limit), pytest.approx(limit))


def test_every_weight_of_an_lstm_with_a_projection_is_by_its_hidden_size():
    specs = specs_of("LSTM", **RECURRENT, proj_size=3, num_layers=2, bidirectional=True)
    assert len(specs) == 20
    assert {spec.made.support[1] for spec in specs.values()} == {1 / math.sqrt(8)}


def test_biases_of_attention_are_zero_and_those_of_keys_and_values_normal():
    specs = specs_of("MultiheadAttention", **HEADS, add_bias_kv=True)
    assert specs["in_proj_bias"].made == specs["out_proj.bias"].made == Constant(0.0)
    for name in ("bias_k", "bias_v"):
        assert isinstance(specs[name].made, Normal)
        assert specs[name].made.std == pytest.approx(12**-0.5)


def test_norms_begin_as_the_identity():
    values = {name: spec.made.value for name, spec in specs_of("BatchNorm2d", num_features=3).items()}
    assert values == {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1, "num_batches_tracked": 0}


def test_prelu_begins_with_the_slope_that_it_is_given():
    assert specs_of("PReLU")["weight"].made == Constant(0.25)
    assert specs_of("PReLU", init=1e-5)["weight"].made == Constant(1e-5)


@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize(("index", "row"), [(0, 0), (5, 5), (-1, 6), (-7, 0)])
def test_the_padding_of_an_embedding_is_a_row_of_zeros(kind, index, row):
    sizes = {"num_embeddings": 7, "embedding_dim": 4}
    assert specs_of(kind, **sizes, padding_idx=index)["weight"].title == f"padded_normal{f':row={row}' if row else ''}"
    assert specs_of(kind, **sizes)["weight"].title == "random_normal:stddev=1.0"


EVERY_LAYER = {"num_layers": 2, "bidirectional": True}
OVERRIDDEN = (
    ("Linear", DENSE, "weight", "xavier_normal", ["weight"]),
    ("Linear", DENSE, "bias", "zeros", ["bias"]),
    ("Conv2d", CONV, "weight", "dirac", ["weight"]),
    ("LSTM", RECURRENT, "weight_hh", "orthogonal", ["weight_hh_l0"]),
    (
        *("GRU", {**RECURRENT, **EVERY_LAYER}, "weight_ih", "glorot_uniform"),
        ["weight_ih_l0", "weight_ih_l0_reverse", "weight_ih_l1", "weight_ih_l1_reverse"],
    ),
    ("LSTM", {**RECURRENT, "proj_size": 2}, "weight_hr", "zeros", ["weight_hr_l0"]),
    ("BatchNorm1d", {"num_features": 6}, "running_var", "zeros", ["running_var"]),
    ("MultiheadAttention", HEADS, "out_proj_weight", "zeros", ["out_proj.weight"]),
    ("TransformerDecoderLayer", SMALL, "norm3_weight", "zeros", ["norm3.weight"]),
    ("TransformerDecoderLayer", SMALL, "multihead_attn_out_proj_bias", "ones", ["multihead_attn.out_proj.bias"]),
    ("Embedding", {"num_embeddings": 7, "embedding_dim": 4, "padding_idx": 0}, "weight", "zeros", ["weight"]),
)


@pytest.mark.parametrize(("kind", "arguments", "weight", "scheme", "names"), OVERRIDDEN, ids=str)
def test_an_initializer_replaces_the_default_of_its_weights_alone(kind, arguments, weight, scheme, names):
    plain = specs_of(kind, **arguments)
    changed = specs_of(kind, **arguments, **{f"{weight}_initializer": scheme})
    assert [name for name in plain if plain[name].title != changed[name].title] == names
    assert {changed[name].title for name in names} == {scheme}


@pytest.mark.parametrize(("kind", "arguments", "_"), GOLDEN["states"], ids=IDS)
def test_every_parameter_and_statistic_has_an_initializer(kind, arguments, _):
    layer = read(kind, arguments)
    for part in layer.parts():
        if part.name != "num_batches_tracked":
            given = specs_of(kind, **arguments, **{part.key: {"name": "constant", "value": 0.5, "seed": 7}})[part.name]
            assert (given.made, given.seed, given.keyed) == (Constant(0.5), 7, False)


def test_a_bias_takes_the_fan_of_its_weight_whatever_the_scheme():
    law = specs_of("Conv1d", **CONV, bias_initializer="he_uniform")["bias"].made
    assert law.support[1] == pytest.approx(math.sqrt(6 / 18))


def test_a_weight_takes_its_own_fans_by_another_scheme():
    specs = specs_of("LSTM", **RECURRENT, weight_ih_initializer="he_uniform")
    assert specs["weight_ih_l0"].made.support[1] == pytest.approx(math.sqrt(6 / 5))
    weight = specs_of("Bilinear", in1_features=5, in2_features=4, out_features=3, weight_initializer="torch_default")
    assert weight["weight"].made.support[1] == pytest.approx(20**-0.5)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("Linear", {**DENSE, "bias": False, "bias_initializer": "zeros"}),
        ("MultiheadAttention", {**HEADS, "kdim": 6, "in_proj_weight_initializer": "zeros"}),
        ("MultiheadAttention", {**HEADS, "k_proj_weight_initializer": "zeros"}),
        ("LSTM", {**RECURRENT, "weight_hr_initializer": "zeros"}),
        ("InstanceNorm1d", {"num_features": 3, "weight_initializer": "ones"}),
    ],
    ids=str,
)
def test_an_initializer_for_a_weight_that_is_not_there_is_refused(kind, arguments):
    name = next(key for key in arguments if key.endswith("_initializer"))
    with pytest.raises(BadParameter, match=f"^{name} is for a weight that is not there"):
        specs_of(kind, **arguments)


def test_an_unknown_scheme_is_the_spec_s_to_refuse():
    (weight, _) = read("Linear", {**DENSE, "weight_initializer": "he_unifrm"}).weights()
    assert weight.options.scheme == "he_unifrm"
    with pytest.raises(InitgenError, match="he_unifrm"):
        specs_of("Linear", **DENSE, bias_initializer="he_unifrm")
