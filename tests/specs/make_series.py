"""Golden values of whole models, made by the frameworks; run it to make golden_series.safetensors again.

The lists below are layers as a spec has them. ``torch_model`` and ``keras_model`` make them as one would write them by hand.
"""

import importlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden_series.safetensors")
SEED = 42

RANDOM = {"class_name": "RandomNormal", "config": {"stddev": 0.5}}
OWN = {"class_name": "HeNormal", "config": {"seed": 77}}
LSTM = {"kind": "LSTM", "units": 4, "return_sequences": True}
HEADS = {"kind": "MultiHeadAttention", "num_heads": 2, "key_dim": 3}
KERAS = {
    "dense": [
        {"kind": "Input", "shape": [6]},
        {
            "kind": "Dense",
            "units": 7,
            "kernel_initializer": "he_normal",
            "activation": {"kind": "PReLU", "name": "slope"},
        },
        {"kind": "Dropout", "rate": 0.2},
        {"kind": "Dropout", "rate": 0.2, "seed": 5},
        {"kind": "Dropout", "rate": 0},
        {"kind": "Dense", "units": 7, "use_bias": False, "bias_initializer": RANDOM},
        {"kind": "GaussianNoise", "stddev": 0.1},
        {"kind": "BatchNormalization", "gamma_initializer": RANDOM, "beta_initializer": RANDOM},
        {"kind": "Dense", "units": 5, "kernel_initializer": OWN, "bias_initializer": RANDOM},
        {"kind": "AlphaDropout", "rate": 0.1},
        {"kind": "PReLU", "alpha_initializer": RANDOM},
        {"kind": "Dense", "units": 6, "activation": {"kind": "PReLU", "alpha_initializer": RANDOM, "name": "slopes"}},
        {
            "kind": "EinsumDense",
            "equation": "ab,bc->ac",
            "output_shape": 4,
            "bias_axes": "c",
            "bias_initializer": RANDOM,
        },
        {"kind": "GaussianDropout", "rate": 0.2},
        {"kind": "Dense", "units": 3, "kernel_initializer": "zeros"},
        {"kind": "Dense", "units": 3, "kernel_initializer": "orthogonal"},
        {"kind": "Dense", "units": 3, "kernel_initializer": "truncated_normal", "bias_initializer": "random_uniform"},
    ],
    "images": [
        {"kind": "Input", "shape": [16, 16, 3]},
        {"kind": "RandomFlip"},
        {"kind": "RandomCrop", "height": 12, "width": 12},
        {"kind": "RandAugment"},
        {"kind": "RandomContrast", "factor": 0.1, "seed": 3},
        {"kind": "Conv2D", "filters": 4, "kernel_size": 3, "bias_initializer": RANDOM, "input_shape": [12, 12, 3]},
        {"kind": "SpatialDropout2D", "rate": 0.1},
        {"kind": "DepthwiseConv2D", "kernel_size": 3, "bias_initializer": RANDOM},
        {"kind": "SeparableConv2D", "filters": 6, "kernel_size": 3, "bias_initializer": RANDOM},
        {"kind": "Conv2DTranspose", "filters": 2, "kernel_size": 2, "bias_initializer": RANDOM},
        {"kind": "GroupNormalization", "groups": 2, "gamma_initializer": RANDOM, "beta_initializer": RANDOM},
        {"kind": "Flatten"},
        {"kind": "Dense", "units": 2},
    ],
    "tokens": [
        {"kind": "Input", "shape": [5], "dtype": "int32"},
        {"kind": "ReversibleEmbedding", "input_dim": 11, "output_dim": 8, "tie_weights": False},
        LSTM,
        {
            "kind": "Bidirectional",
            "layer": {**LSTM, "dropout": 0.1, "bias_initializer": RANDOM, "unit_forget_bias": False},
        },
        {"kind": "GRU", "units": 4, "return_sequences": True, "seed": 3},
        {"kind": "Bidirectional", "layer": LSTM, "backward_layer": {**LSTM, "units": 3, "go_backwards": True}},
        {"kind": "SimpleRNN", "units": 4, "return_sequences": True},
        {"kind": "Bidirectional", "layer": {"kind": "SimpleRNN", "units": 4, "return_sequences": True, "seed": 4}},
        {"kind": "TimeDistributed", "layer": {"kind": "Dense", "units": 4, "name": "inner"}},
        {
            "kind": "RNN",
            "cell": {
                "kind": "StackedRNNCells",
                "cells": [{"kind": "GRUCell", "units": 5}, {"kind": "LSTMCell", "units": 6}],
            },
            "return_sequences": True,
        },
        {
            "kind": "Bidirectional",
            "layer": {"kind": "RNN", "cell": {"kind": "SimpleRNNCell", "units": 3, "name": "own"}},
        },
        {"kind": "Dense", "units": 2},
    ],
    "frames": [
        {"kind": "Input", "shape": [3, 6, 6, 2]},
        {"kind": "ConvLSTM2D", "filters": 2, "kernel_size": 3, "return_sequences": True},
        {"kind": "Bidirectional", "layer": {"kind": "ConvLSTM2D", "filters": 2, "kernel_size": 3}},
        {"kind": "Conv2D", "filters": 2, "kernel_size": 1, "groups": 2},
    ],
    "nested": [
        {"kind": "Input", "shape": [6]},
        {"kind": "Dense", "units": 4},
        {"kind": "Sequential", "layers": [{"kind": "Dense", "units": 4}, {"kind": "Dropout", "rate": 0.5}]},
        {
            "kind": "Sequential",
            "layers": [
                {"kind": "Input", "shape": [4]},
                {"kind": "Dense", "units": 3},
                {"kind": "Dropout", "rate": 0.5},
            ],
        },
        {"kind": "Dense", "units": 4},
    ],
    # Seeds are taken when a layer is built, too: as soon as it is called.
    "attention": [
        {"kind": "Input", "shape": [5, 6], "name": "given"},
        {"kind": "Dense", "units": 6, "name": "first"},
        {**HEADS, "name": "heads", "dropout": 0.1, "bias_initializer": RANDOM, "inputs": ["first", "given"]},
        {"kind": "Dense", "units": 6, "name": "second"},
        {**HEADS, "name": "gated", "use_gate": True, "use_bias": False, "inputs": ["second", "first"]},
        {
            "kind": "GroupQueryAttention",
            "head_dim": 3,
            "num_query_heads": 4,
            "num_key_value_heads": 2,
            "use_gate": True,
            "dropout": 0.1,
            "inputs": ["gated", "first"],
            "name": "grouped",
        },
        {"kind": "Attention", "dropout": 0.1, "use_scale": True, "inputs": ["grouped", "first"], "name": "plain"},
        {"kind": "AdditiveAttention", "dropout": 0.1, "inputs": ["plain", "first"], "name": "additive"},
        {"kind": "Dense", "units": 2},
    ],
}
HEADS = {"embed_dim": 4, "num_heads": 2}
TORCH = {
    "linear": [
        {"kind": "Linear", "in_features": 5, "out_features": 7},
        {"kind": "ReLU"},
        {"kind": "BatchNorm1d", "num_features": 7},
        {"kind": "Linear", "in_features": 7, "out_features": 3},
        {"kind": "Linear", "in_features": 0, "out_features": 3},
        {"kind": "Bilinear", "in1_features": 3, "in2_features": 2, "out_features": 4},
        {"kind": "PReLU"},
        {"kind": "Embedding", "num_embeddings": 5, "embedding_dim": 4, "padding_idx": 1},
        {"kind": "Conv2d", "in_channels": 2, "out_channels": 4, "kernel_size": 3, "groups": 2},
        {"kind": "ConvTranspose1d", "in_channels": 4, "out_channels": 2, "kernel_size": 3, "bias": False},
    ],
    "recurrent": [
        {"kind": "LSTM", "input_size": 3, "hidden_size": 4, "num_layers": 2, "bidirectional": True, "proj_size": 2},
        {"kind": "GRU", "input_size": 3, "hidden_size": 4, "bias": False},
        {"kind": "RNNCell", "input_size": 3, "hidden_size": 2},
        {"kind": "Linear", "in_features": 2, "out_features": 3},
    ],
    "attention": [
        {"kind": "MultiheadAttention", **HEADS, "add_bias_kv": True},
        {"kind": "MultiheadAttention", **HEADS, "kdim": 3, "vdim": 5},
        {"kind": "MultiheadAttention", **HEADS, "bias": False},
        {"kind": "TransformerEncoderLayer", "d_model": 4, "nhead": 2, "dim_feedforward": 6},
        {"kind": "TransformerDecoderLayer", "d_model": 4, "nhead": 2, "dim_feedforward": 6},
        {"kind": "Linear", "in_features": 4, "out_features": 2},
    ],
}
LATEST = {"numpy": tuple(KERAS), "jax": ("dense",), "torch": ("dense",), "tensorflow": ("dense",)}


def torch_model(entries):
    """The modules, made one after another."""
    nn = importlib.import_module("torch").nn
    return nn.Sequential(
        *(getattr(nn, entry["kind"])(**{key: entry[key] for key in entry if key != "kind"}) for entry in entries)
    )


def keras_model(entries):
    """Sequential of a list of layers, or where they name their inputs each called as soon as it is made."""
    keras = importlib.import_module("keras")
    if not any("inputs" in entry for entry in entries):
        model = keras.Sequential([_layer(entry) for entry in entries])
    else:
        x = first = keras.Input(entries[0]["shape"], name=entries[0]["name"])
        found = {entries[0]["name"]: first}
        for entry in entries[1:]:
            given = [found[name] for name in entry["inputs"]] if "inputs" in entry else [x]
            layer = _layer(entry)
            apart = len(given) == 1 or entry["kind"] in ("MultiHeadAttention", "GroupQueryAttention")
            x = found[layer.name] = layer(*given) if apart else layer(given)
        model = keras.Model(first, x)
    if any(isinstance(entry.get("activation"), dict) for entry in entries):
        model(
            importlib.import_module("numpy").ones((1, *model.input_shape[1:]))
        )  # builds what is in place of a function
    return model


def _layer(entry):
    """A layer of an entry, those inside of it first."""
    given = {key: _value(value) for key, value in entry.items() if key not in ("kind", "inputs")}
    keras = importlib.import_module("keras")
    if entry["kind"] == "Sequential":
        return keras.Sequential(given["layers"])
    return getattr(keras.layers, "InputLayer" if entry["kind"] == "Input" else entry["kind"])(**given)


def _value(value):
    if isinstance(value, dict) and "kind" in value:
        return _layer(value)
    return [_value(each) for each in value] if isinstance(value, list) else value


def arrays_of(path):
    """The weights in a .weights.h5, by path."""
    found = {}
    with importlib.import_module("h5py").File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, item[()]) if hasattr(item, "dtype") else None)
    return {name: values for name, values in found.items() if "seed_generator" not in name}


def by_keras(backend, folder):
    """In a process whose Keras has this backend: a .weights.h5 of each list, and of the model that its config makes."""
    keras = importlib.import_module("keras")
    for name in LATEST[backend]:
        for config in (False, True):
            keras.backend.clear_session()
            keras.utils.set_random_seed(SEED)
            model = keras_model(KERAS[name])
            if config:
                text = model.to_json()
                (folder / f"{name}.json").write_text(text)
                keras.utils.set_random_seed(SEED)
                model = keras.models.model_from_json(text)
            model.save_weights(folder / f"{name}{'.config' * config}.weights.h5")


def main():
    torch = importlib.import_module("torch")
    cases, tensors = {}, {}
    for dtype in ("float32", "float64", "bfloat16"):
        torch.set_default_dtype(getattr(torch, dtype))
        for name, entries in TORCH.items():
            torch.manual_seed(SEED)
            spec = {"layers": [{**entry, "kind": f"nn.{entry['kind']}"} for entry in entries], "dtype": dtype}
            cases[f"torch {name} {dtype}"] = {"stream": "torch", "seed": SEED, "spec": spec}
            for key, values in torch_model(entries).state_dict().items():
                tensors[f"torch {name} {dtype}:{key}"] = values
    for backend in LATEST:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "KERAS_BACKEND": backend}
            subprocess.run([sys.executable, __file__, backend, folder], env=environment, check=True)
            for name in LATEST[backend]:
                specs = {"": {"layers": KERAS[name]}, ".config": json.loads(Path(folder, f"{name}.json").read_text())}
                for suffix, spec in specs.items():
                    stream = "keras-tf" if backend == "tensorflow" else f"keras-{backend}"
                    case = f"{stream} {name}{suffix}"
                    cases[case] = {"stream": stream, "seed": SEED, "spec": spec}
                    for key, values in arrays_of(Path(folder, f"{name}{suffix}.weights.h5")).items():
                        tensors[f"{case}:{key}"] = torch.tensor(values)
    versions = {
        name: importlib.import_module(name).__version__ for name in ("torch", "keras", "jax", "tensorflow", "numpy")
    }
    golden = {"made": shlex.join(["python", "tests/specs/make_series.py"]), "versions": versions, "cases": cases}
    importlib.import_module("safetensors.torch").save_file(tensors, GOLDEN, metadata={"golden": json.dumps(golden)})


if __name__ == "__main__":
    by_keras(sys.argv[1], Path(sys.argv[2])) if sys.argv[1:] else main()
