"""What goes through stacks of torch.nn, forwards and backwards, is what `probe` says of them, on the same weights.

The weights are a file by initgen that torch loads strictly, or one that torch saves. Nothing here is a matter of luck:
weights and batches are of fixed seeds.
"""

import importlib
import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import initgen
from initgen.probe.batch import cotangent_for, random_batch
from initgen.probe.described import network_of
from initgen.probe.signal import probe
from initgen.probe.weights import Drawn, stored

SAME = runpy.run_path(str(Path(__file__).parent / "same_signal.py"))
Theirs, differences, EXACT = (SAME[name] for name in ("Theirs", "differences", "EXACT"))

SEED = 5
WIDE = {"bias_initializer": "random_normal:stddev=3"}  # leaves some units dead
DRAWN = {"weight_initializer": "random_uniform:minval=0.5,maxval=2", "bias_initializer": "random_normal:stddev=0.3"}
ACTIVATIONS = (
    *(
        ("ReLU", {}),
        ("ReLU6", {}),
        ("LeakyReLU", {}),
        ("LeakyReLU", {"negative_slope": 0.2}),
        ("ELU", {}),
        ("ELU", {"alpha": 0.5}),
    ),
    *(("SELU", {}), ("GELU", {}), ("GELU", {"approximate": "tanh"}), ("SiLU", {}), ("Tanh", {}), ("Sigmoid", {})),
    ("Softplus", {}),
)


def linear(fan_in, fan_out, **more):
    return "Linear", {"in_features": fan_in, "out_features": fan_out, **more}


def conv(rank, channels, filters, window, **more):
    sizes = {"in_channels": channels, "out_channels": filters, "kernel_size": window}
    return f"Conv{rank}d", {**sizes, **more}


def batch_norm(rank, count, **more):
    return f"BatchNorm{rank}d", {"num_features": count, **more}


def vgg(*channels):
    """VGG with batch normalization, as torchvision writes it, without its dropout: Simonyan and Zisserman 2015."""
    layers, last = [], 3
    for each in channels:
        if each == "M":
            layers.append(("MaxPool2d", {"kernel_size": 2, "stride": 2}))
        else:
            layers += [conv(2, last, each, 3, padding=1), batch_norm(2, each), ("ReLU", {})]
            last = each
    head = [linear(last, 128), ("ReLU", {}), ("Dropout", {"p": 0.5}), linear(128, 10)]
    return [*layers, ("AdaptiveAvgPool2d", {"output_size": 1}), ("Flatten", {}), *head]


# A stack: the shape of a sample, and its modules.
STACKS = {
    "activations": (
        (20,),
        [each for one in ACTIVATIONS for each in (linear(20, 20, **WIDE), one)]
        + [linear(20, 12), ("Softmax", {"dim": -1}), linear(12, 5, bias=False)],
    ),
    "lines": (
        (4, 23),
        [
            *(
                conv(1, 4, 6, 3, padding=1, **WIDE),
                ("ReLU", {}),
                ("MaxPool1d", {"kernel_size": 3, "stride": 2, "padding": 1}),
            ),
            *(conv(1, 6, 8, 2, stride=2, groups=2), batch_norm(1, 8, **DRAWN), ("Tanh", {})),
            *(("AvgPool1d", {"kernel_size": 3, "stride": 1, "padding": 1}), conv(1, 8, 5, 2, dilation=2, bias=False)),
            *(("AdaptiveMaxPool1d", {"output_size": 1}), ("Flatten", {}), linear(5, 3)),
        ],
    ),
    "images": (
        (3, 17, 14),
        [
            *(conv(2, 3, 8, [3, 5], stride=[1, 2], padding=[0, 2], **WIDE), ("LeakyReLU", {"negative_slope": 0.01})),
            *(batch_norm(2, 8, eps=0.1, **DRAWN), ("MaxPool2d", {"kernel_size": [3, 2], "stride": [2, 1]})),
            *(conv(2, 8, 12, 3, padding="same", dilation=[1, 2], groups=4), ("ELU", {"alpha": 0.7}), ("Dropout2d", {})),
            *(conv(2, 12, 6, 3, stride=2, padding=1), batch_norm(2, 6, affine=False), ("GELU", {})),
            ("AvgPool2d", {"kernel_size": 2, "stride": 1, "padding": 1, "count_include_pad": False}),
            *(("AvgPool2d", {"kernel_size": 3, "stride": 2, "padding": 1}), ("Flatten", {})),
            *(linear(36, 7), ("Softmax", {"dim": 1})),
        ],
    ),
    "cubes": (
        (2, 7, 6, 5),
        [
            *(conv(3, 2, 4, [2, 3, 1], padding=[1, 0, 0], stride=[2, 1, 1]), batch_norm(3, 4, **DRAWN), ("SiLU", {})),
            *(("MaxPool3d", {"kernel_size": [2, 2, 1]}), conv(3, 4, 6, [1, 2, 2], bias=False), ("Softplus", {})),
            *(("AvgPool3d", {"kernel_size": [1, 1, 2]}), ("AdaptiveAvgPool3d", {"output_size": 1}), ("Flatten", {})),
            linear(6, 3),
        ],
    ),
    "sequence": (
        (9,),
        [
            ("Embedding", {"num_embeddings": 30, "embedding_dim": 12}),
            *(linear(12, 24, **WIDE), ("ReLU", {}), ("LayerNorm", {"normalized_shape": 24})),
            *(
                linear(24, 12),
                ("LayerNorm", {"normalized_shape": [9, 12], "bias": False}),
                ("GELU", {}),
                ("Identity", {}),
            ),
            *(("LayerNorm", {"normalized_shape": 12, "elementwise_affine": False, "eps": 0.2}), ("Flatten", {})),
            *(linear(108, 40), ("Unflatten", {"dim": 1, "unflattened_size": [4, 10]}), ("Softmax", {"dim": 1})),
            *(conv(1, 4, 3, 3), ("SELU", {})),
        ],
    ),
    "vgg": ((3, 32, 32), vgg(16, "M", 32, "M", 64, 64, "M", 64, "M")),
}

pytestmark = pytest.mark.interop


@pytest.fixture
def torch():
    return importlib.import_module("torch")


@pytest.fixture
def stack(torch, tmp_path):
    """The network, and the module of torch with its weights, in float64."""

    def made(shape, layers):
        path = tmp_path / "layers.json"
        entries = [{"kind": f"nn.{kind}", **given} for kind, given in layers]
        path.write_text(json.dumps({"layers": entries}), encoding="utf-8")
        initgen.write(initgen.model(path, seed=SEED), tmp_path / "w.safetensors", fsync=False)
        module = torch.nn.Sequential(*(module_of(torch, kind, given) for kind, given in layers))
        load = importlib.import_module("safetensors.torch").load_file
        module.load_state_dict(load(tmp_path / "w.safetensors"), strict=True)
        return network_of(str(path), input_shape=shape, seed=SEED), module.double()

    return made


def module_of(torch, kind, given):
    arguments = {name: value for name, value in given.items() if "_initializer" not in name}
    module = getattr(torch.nn, kind)(**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
    return module.eval() if "Dropout" in kind else module.train()


def theirs_of(torch, network, module, batch):
    """What goes through the module; statistics are those of the batch, dropout is off."""
    whole = network.rows is not None
    x = torch.tensor(batch.values).to(torch.int64 if whole else torch.float64).requires_grad_(not whole)
    y, found, kept, units = x, Theirs(), {}, -1
    for name, layer in module.named_children():
        given, y = y, layer(y)
        if y is given:
            continue
        y.retain_grad()
        kept[name], kind = y, type(layer).__name__
        if kind.startswith(("Conv", "BatchNorm", "Linear")):
            units = -1 if kind == "Linear" else 1
        if (kind in dict(ACTIVATIONS)) and kind != "Softmax":
            grid = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
            found.slopes[name] = slopes(layer, given) / np.abs(slopes(layer, grid)).max()
            found.units[name] = units
    y.backward(torch.tensor(cotangent_for(tuple(y.shape), SEED), dtype=torch.float64))
    for name, tensor in kept.items():
        found.outputs[name], found.gradients[name] = tensor.detach().numpy(), tensor.grad.numpy()
    found.weights = {name: parameter.grad.numpy() for name, parameter in module.named_parameters()}
    found.given = None if whole else x.grad.numpy()
    return found


def slopes(function, x):
    x = x.detach().clone().requires_grad_()
    function(x).sum().backward()
    return x.grad.numpy()


class Wide:
    """The same weights in float64, in which `probe` then computes."""

    def __init__(self, weights):
        self.weights, self.law = weights, weights.law

    def __call__(self, name):
        return self.weights(name).astype(np.float64)


@pytest.mark.parametrize("name", STACKS)
def test_outputs_and_gradients_are_torchs_own(torch, stack, name):
    network, module = stack(*STACKS[name])
    batch = random_batch(network, 8, SEED)
    theirs = theirs_of(torch, network, module, batch)
    assert differences(network, Drawn(network.specs), batch, theirs)[0] == []
    network, _ = stack(*STACKS[name])
    wide = replace(batch, values=batch.values.astype(np.float64))
    assert differences(network, Wide(Drawn(network.specs)), wide, theirs, EXACT)[0] == []


@pytest.mark.parametrize("name", ["activations", "lines", "images", "sequence"])
def test_there_are_dead_units_to_be_found(torch, stack, name):
    network, _ = stack(*STACKS[name])
    assert any(layer.dead for layer in probe(network, Drawn(network.specs), random_batch(network, 8, SEED)).layers)


@pytest.mark.parametrize("name", ["sequence", "vgg"])
def test_weights_that_torch_saves_are_read(torch, stack, tmp_path, name):
    network, module = stack(*STACKS[name])
    torch.manual_seed(SEED)
    for layer in module:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    module.float()
    importlib.import_module("safetensors.torch").save_file(module.state_dict(), tmp_path / "theirs.safetensors")
    batch = random_batch(network, 8, SEED)
    theirs = theirs_of(torch, network, module.double(), batch)
    weights = stored(str(tmp_path / "theirs.safetensors"), network)
    assert differences(network, weights, batch, theirs)[0] == []


@pytest.mark.parametrize("activation", [None, "Tanh", "ReLU", "SELU"])
def test_the_condition_is_that_of_torchs_jacobian(torch, stack, activation):
    layers = [linear(30, 24, **WIDE), *([(activation, {})] if activation else []), linear(24, 40)]
    network, module = stack((30,), layers)
    batch = random_batch(network, 4, SEED)
    found = probe(network, Drawn(network.specs), batch)
    x = torch.tensor(batch.values[:1], dtype=torch.float64)
    for layer, function in zip(found.layers, (module[:-1], module[-1:]), strict=True):
        jacobian = torch.autograd.functional.jacobian(function, x).reshape(-1, x.shape[1])
        values = torch.linalg.svdvals(jacobian).numpy()
        kept = values[values > values[0] * 1e-5]  # a dead unit has a singular value of zero
        assert layer.condition == pytest.approx(kept[0] / kept[-1], rel=1e-3)
        x = function(x).detach()
