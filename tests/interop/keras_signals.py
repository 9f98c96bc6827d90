"""Runs models of Keras on initgen's weights in float64, and keeps the arrays that go through: for test_probe_keras.py.

    KERAS_BACKEND=torch python keras_signals.py DIRECTORY [NAME]…

Of each model it leaves NAME.json, its config; NAME.weights.h5, by initgen, or by Keras for `THEIR_OWN`; NAME.input.npy;
and NAME.npz, what goes through in float64, by the names of the fields of `Theirs` in same_signal.py. Dropout is off, and
batch normalization goes by the batch. Not here, as Keras is not right about it on torch: averages of windows that stand
out on one side only ("same"), and LayerNormalization over axes that are not the last.
"""

import sys
from functools import wraps
from pathlib import Path

import keras
import numpy as np
import torch
from keras import Model
from keras import activations as A
from keras import layers as L
from keras_networks import MODELS, THEIR_OWN

import initgen
from initgen.probe.batch import cotangent_for, random_batch
from initgen.probe.described import network_of

SEED = 3
# Keras normalizes in float32 whatever it is given, unless it is told that float64 is the wider.
RESULT_TYPE = keras.src.backend.result_type
keras.src.backend.result_type = lambda *given: "float64" if "float64" in str(given) else RESULT_TYPE(*given)


def layers_of(model, prefix=""):
    """Each with its name, those of models inside of it by their paths."""
    for layer in getattr(model, "operations", None) or model.layers:
        if isinstance(layer, Model):
            yield from layers_of(layer, f"{prefix}{layer.name}/")
        elif not isinstance(layer, L.InputLayer):
            yield f"{prefix}{layer.name}", layer


ACTIVATIONS = (L.Activation, L.ReLU, L.LeakyReLU, L.ELU)
IN_PLACE = (*ACTIVATIONS, L.BatchNormalization)


class Recording:
    """Listens to every layer of a model."""

    def __init__(self, model):
        self.tensors, self.arrays, self.variables = {}, {}, {}
        for name, layer in layers_of(model):
            self._listen(name, layer)
            cell = getattr(layer, "cell", None)
            for inside, owner in ((name, layer), *([(f"{name}/{cell.name}", cell)] if cell else [])):
                for variable in getattr(owner, "_trainable_variables", ()):
                    self.variables[f"{inside}/{variable.name}"] = variable

    def _listen(self, name, layer):
        call, more = layer.call, {"training": True} if isinstance(layer, L.BatchNormalization) else {}
        acts = isinstance(layer, ACTIVATIONS)

        @wraps(call)
        def listened(*given, **named):
            found = call(*given, **{**named, **more})
            if found is given[0]:  # dropout that is off
                return found
            found.retain_grad()
            self.tensors[name] = found
            first = getattr(layer, "data_format", None) == "channels_first"
            found.units = 1 if first else getattr(given[0], "units", -1) if isinstance(layer, IN_PLACE) else -1
            self.arrays[f"units:{name}"] = np.array(found.units)
            if acts and getattr(layer, "activation", None) is not A.softmax:
                self._slopes(name, call, given[0])
            return found

        layer.call = listened
        function = None if acts or hasattr(layer, "cell") else getattr(layer, "activation", None)
        if function is not None:
            plain = function.call if isinstance(function, L.Layer) else function

            def activated(x):
                self.arrays[f"before:{name}"] = x.detach().numpy()
                if function is not A.linear and function is not A.softmax:
                    self._slopes(name, plain, x)
                return plain(x)

            if isinstance(function, L.Layer):
                function.call = activated
            else:
                layer.activation = activated

    def _slopes(self, name, function, x):
        grid = np.linspace(-12, 12, 24_001)
        steepest = np.abs(slopes(function, torch.tensor(grid))).max()
        self.arrays[f"slopes:{name}"] = slopes(function, x.detach()) / steepest


def slopes(function, x):
    x = x.clone().requires_grad_()
    function(x).sum().backward()
    return x.grad.numpy()


def arrays_of(model, weights, batch):
    """All that is kept of a model, in its own precision."""
    model.load_weights(weights)
    recording = Recording(model)
    whole = "int" in model.inputs[0].dtype
    x = (
        torch.tensor(batch)
        .to(torch.int64 if whole else getattr(torch, model.inputs[0].dtype))
        .requires_grad_(not whole)
    )
    y = model(x, training=False)
    y.backward(torch.tensor(cotangent_for(tuple(y.shape), SEED), dtype=y.dtype))
    arrays = recording.arrays
    for layer, tensor in recording.tensors.items():
        arrays[f"outputs:{layer}"], arrays[f"gradients:{layer}"] = tensor.detach().numpy(), tensor.grad.numpy()
    for variable, held in recording.variables.items():
        arrays[f"weights:{variable}"] = held.value.grad.numpy()
    return arrays | ({} if whole else {"given:": x.grad.numpy()})


def run(name, directory):
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    model, path, weights = MODELS[name](), directory / f"{name}.json", directory / f"{name}.weights.h5"
    config = model.to_json()
    path.write_text(config, encoding="utf-8")
    if name in THEIR_OWN:
        model.save_weights(weights)
    else:
        initgen.write(initgen.model(path, seed=SEED), weights, fsync=False)
    batch = random_batch(network_of(str(path), seed=SEED), 8, SEED).values
    np.save(directory / f"{name}.input.npy", batch)
    arrays = arrays_of(keras.models.model_from_json(config.replace('"float32"', '"float64"')), weights, batch)
    rounded = arrays_of(model, weights, batch)
    for what in ("outputs", "gradients"):
        names = [key for key in arrays if key.startswith(what)]
        worst = max(np.linalg.norm(rounded[key] - arrays[key]) / np.linalg.norm(arrays[key]) for key in names)
        arrays[f"rounding:{what}"] = np.array(worst)
    np.savez(directory / f"{name}.npz", **{key: array.astype(np.float32) for key, array in arrays.items()})


if __name__ == "__main__":
    for each in sys.argv[2:] or MODELS:
        run(each, Path(sys.argv[1]))
