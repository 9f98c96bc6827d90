"""Files of a spec's layers are what torch's modules load, and either's values pass the laws that initgen assigns.

The modules are those of tests/specs/layers/make_torch.py, and larger ones below. False alarms: see conftest.
"""

import importlib
import json
import runpy
from pathlib import Path

import msgspec
import pytest

import initgen
from initgen.laws import Constant
from initgen.specs.layers.torch import KINDS

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
]

MAKE = runpy.run_path(str(Path(__file__).parents[1] / "specs" / "layers" / "make_torch.py"))
CASES, REFUSED, made, arguments_of = (MAKE[name] for name in ("CASES", "REFUSED", "made", "arguments_of"))
Case = MAKE["Case"]


@pytest.fixture
def torch():
    module = importlib.import_module("torch")
    module.manual_seed(20240229)
    return module


@pytest.fixture
def specs_of(tmp_path):
    """The tensors of a spec file with these layers, (kind, arguments) each."""

    def specs(*layers, **more):
        entries = [{"kind": f"nn.{kind}", **arguments} for kind, arguments in layers]
        path = tmp_path / "layers.json"
        path.write_text(json.dumps({"layers": entries, **more}), encoding="utf-8")
        return initgen.model(path)

    return specs


def stored(state):
    return [(name, tuple(one.shape), str(one.dtype).removeprefix("torch.")) for name, one in state.items()]


def loaded(path):
    return importlib.import_module("safetensors.torch").load_file(path)


def called(torch, case, module):
    """What a module answers, all tensors of it."""
    if case.kind.startswith("Embedding"):
        given = [torch.randint(case.arguments["num_embeddings"], shape) for shape in case.inputs]
    else:
        given = [torch.randn(shape) for shape in case.inputs]
    answer, found = [module.eval()(*given)], []
    while answer:
        one = answer.pop()
        if isinstance(one, tuple):
            answer += one
        else:
            found.append(one)
    return found


# An InstanceNorm without weights and the like have no tensors, which a spec must have: a Linear stands beside each module.
BESIDE = ("Linear", {"in_features": 2, "out_features": 3})


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_module_is_loaded_strictly_and_answers_finite_numbers(torch, specs_of, tmp_path, case):
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), made(torch, case.kind, case.arguments))
    specs = specs_of(BESIDE, (case.kind, case.arguments))
    assert [(spec.name, spec.shape, spec.dtype.name) for spec in specs] == stored(module.state_dict())
    initgen.write(specs, tmp_path / "w.safetensors", fsync=False)
    values = loaded(tmp_path / "w.safetensors")
    shapes = [one.shape for one in called(torch, case, module[1])] if case.inputs else []
    module.load_state_dict(values, strict=True)
    assert all(torch.equal(one, values[name]) for name, one in module.state_dict().items())
    answers = called(torch, case, module[1]) if case.inputs else []
    assert [one.shape for one in answers] == shapes
    assert all(one.isfinite().all() for one in answers)


# Uniform laws end at their bounds, so 2,000 values tell one from another 2 % wider; normal laws need 60,000.
CONV = {"in_channels": 24, "out_channels": 2000, "groups": 4}
RECURRENT = {"input_size": 40, "hidden_size": 700}
LAWS = (
    ("Linear", {"in_features": 30, "out_features": 2500}),
    ("Bilinear", {"in1_features": 12, "in2_features": 5, "out_features": 2500}),
    ("Embedding", {"num_embeddings": 400, "embedding_dim": 200}),
    ("Embedding", {"num_embeddings": 400, "embedding_dim": 200, "padding_idx": -3}),
    ("EmbeddingBag", {"num_embeddings": 400, "embedding_dim": 200, "padding_idx": 7}),
    ("PReLU", {"num_parameters": 50, "init": 0.1}),
    ("Conv1d", {**CONV, "kernel_size": 5}),
    ("Conv2d", {**CONV, "kernel_size": [2, 3]}),
    ("Conv3d", {**CONV, "kernel_size": 2, "groups": 1}),
    ("ConvTranspose1d", {**CONV, "kernel_size": 5}),
    ("ConvTranspose2d", {**CONV, "kernel_size": [2, 3]}),
    ("ConvTranspose3d", {**CONV, "kernel_size": 2, "groups": 1}),
    ("RNN", {**RECURRENT, "hidden_size": 2200, "nonlinearity": "relu"}),
    ("LSTM", {**RECURRENT, "num_layers": 2, "bidirectional": True, "proj_size": 60}),
    ("GRU", {**RECURRENT, "num_layers": 2}),
    ("RNNCell", {**RECURRENT, "hidden_size": 2200}),
    ("LSTMCell", RECURRENT),
    ("GRUCell", RECURRENT),
    ("BatchNorm2d", {"num_features": 300}),
    ("InstanceNorm1d", {"num_features": 300, "affine": True, "track_running_stats": True}),
    ("GroupNorm", {"num_groups": 3, "num_channels": 300}),
    ("LayerNorm", {"normalized_shape": [30, 10]}),
    ("RMSNorm", {"normalized_shape": 300}),
    ("MultiheadAttention", {"embed_dim": 240, "num_heads": 8, "add_bias_kv": True}),
    ("MultiheadAttention", {"embed_dim": 240, "num_heads": 8, "kdim": 100, "vdim": 60}),
    ("TransformerEncoderLayer", {"d_model": 240, "nhead": 8, "dim_feedforward": 2500}),
    ("TransformerDecoderLayer", {"d_model": 240, "nhead": 8, "dim_feedforward": 2500, "norm_first": True}),
)


def random_enough(spec):
    """Whether there are enough values to tell a law from one 2 % wider, and one 15 % narrower."""
    return spec.count >= (60_000 if "normal" in spec.title else 2_000)


@pytest.mark.parametrize(("kind", "arguments"), LAWS, ids=str)
def test_fresh_weights_of_torch_and_of_initgen_pass_the_law_and_fail_when_scaled(
    torch, specs_of, failures, tmp_path, kind, arguments
):
    specs = specs_of((kind, arguments))
    initgen.write(specs, tmp_path / "ours.safetensors", fsync=False)
    module = made(torch, kind, arguments)
    theirs, ours = torch.nn.Sequential(module).state_dict(), loaded(tmp_path / "ours.safetensors")
    assert all(tensor.passed for tensor in initgen.stats(tmp_path / "ours.safetensors").tensors)
    for spec in specs:
        if spec.dtype.whole:
            assert torch.equal(theirs[spec.name], ours[spec.name])
            continue
        fans = {"fan_in": spec.fan_in, "fan_out": spec.fan_out}
        for made_by, values in (("torch", theirs[spec.name]), ("initgen", ours[spec.name])):
            assert failures(values, spec.title, layout="torch", **fans) == [], (made_by, spec)
            if isinstance(spec.made, Constant):
                assert failures(values + 1, spec.title, **fans), (made_by, spec)
            elif random_enough(spec):
                assert failures(1.02 * values, spec.title, layout="torch", **fans), (made_by, spec)
                assert failures(0.85 * values, spec.title, layout="torch", **fans), (made_by, spec)


@pytest.mark.parametrize(("kind", "arguments", "_"), REFUSED, ids=str)
def test_what_is_refused_is_refused_by_torch_too(torch, specs_of, kind, arguments, _):
    with pytest.raises(initgen.InitgenError, match=kind):
        specs_of((kind, arguments))
    with pytest.raises((ValueError, RuntimeError, AssertionError, IndexError, ZeroDivisionError)):
        made(torch, kind, arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_and_their_defaults_are_torchs(torch, kind):
    fields = [one for one in msgspec.structs.fields(KINDS[kind]) if one.name not in ("name", "dtype")]
    ours = {one.name: "…" if one.required else one.default for one in fields if "_initializer" not in one.name}
    assert ours == arguments_of(torch, kind)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_spec_of_layers_is_a_sequential_module(torch, specs_of, tmp_path, dtype):
    layer = {"d_model": 12, "nhead": 3, "dim_feedforward": 20, "batch_first": True}
    linear = {"in_features": 8, "out_features": 12, "weight_initializer": "orthogonal"}
    specs = specs_of(
        ("Linear", linear),
        ("ReLU", {"inplace": True}),
        ("BatchNorm1d", {"num_features": 12}),
        ("Dropout", {"p": 0.1}),
        ("Linear", {"in_features": 12, "out_features": 12}),
        ("TransformerEncoderLayer", layer),
        dtype=dtype,
    )
    initgen.write(specs, tmp_path / "model.safetensors", fsync=False)
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Linear(8, 12), nn.ReLU(True), nn.BatchNorm1d(12), nn.Dropout(0.1), nn.Linear(12, 12)),
        nn.TransformerEncoderLayer(**layer),
    ).to(getattr(torch, dtype))
    model.load_state_dict(loaded(tmp_path / "model.safetensors"), strict=True)
    assert stored(model.state_dict()) == [(spec.name, spec.shape, spec.dtype.name) for spec in specs]
    answer = model.eval()(torch.randn(5, 8, dtype=getattr(torch, dtype)))
    assert answer.shape == (5, 12)
    assert answer.isfinite().all()
    weight = model[0].weight.double()
    assert torch.allclose(weight.T @ weight, torch.eye(8, dtype=torch.float64), atol=0.02)
