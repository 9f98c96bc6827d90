"""What goes through models of Keras, forwards and backwards, is what `probe` says of them, on the same weights.

Keras runs on torch, in a process of its own, as other tests choose another backend: see keras_signals.py. Nothing here is
a matter of luck: weights and batches are of fixed seeds, and small against the tolerances is all that differs.
"""

import json
import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from initgen.probe.batch import random_batch, read_batch
from initgen.probe.described import network_of
from initgen.probe.weights import Drawn, stored

HERE = Path(__file__).parent
SAME = runpy.run_path(str(HERE / "same_signal.py"))
Theirs, differences, EXACT, ROUNDED = (SAME[name] for name in ("Theirs", "differences", "EXACT", "ROUNDED"))

SEED = 3
SMALL = (
    *("activations", "convolutions", "lines_and_cubes", "poolings", "norms", "recurrent", "shapes"),
    *("one_after_another", "defaults", "residual", "seed_he_uniform", "seed_lecun"),
)
THEIR_OWN = ("own_recurrent", "own_residual", "own_convolutions")
REAL = ("vgg16", "resnet50", "densenet")

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("probe_keras")]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Of what Keras has for all models."""
    directory = tmp_path_factory.mktemp("signals")
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, HERE / "keras_signals.py", directory],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return directory


def theirs_of(directory, name):
    found = Theirs()
    with np.load(directory / f"{name}.npz") as arrays:
        for key in arrays:
            what, _, layer = key.partition(":")
            if what == "given":
                found.given = arrays[key]
            else:
                getattr(found, what)[layer] = arrays[key] if arrays[key].ndim else arrays[key].item()
    return found


def ours_of(directory, name):
    """The network, and the batch that Keras was given."""
    network = network_of(str(directory / f"{name}.json"), seed=SEED)
    values = np.load(directory / f"{name}.input.npy")
    batch = random_batch(network, len(values), SEED)
    assert np.array_equal(batch.values, values)
    return network, batch


class Wide:
    """The same weights in float64, in which `probe` then computes."""

    def __init__(self, weights):
        self.weights, self.law = weights, weights.law

    def __call__(self, name):
        return self.weights(name).astype(np.float64)


def test_the_script_runs_the_models_that_are_judged_here(directory):
    assert {path.stem for path in directory.glob("*.npz")} == {*SMALL, *THEIR_OWN, *REAL}


@pytest.mark.parametrize("name", SMALL)
def test_outputs_and_gradients_are_keras_own_to_float32(directory, name):
    network, batch = ours_of(directory, name)
    found, _ = differences(network, Drawn(network.specs), batch, theirs_of(directory, name))
    assert found == []


@pytest.mark.parametrize("name", [*SMALL, *REAL])
def test_in_float64_outputs_and_gradients_are_keras_own(directory, name):
    """Free of rounding: a ReLU or a maximum that falls the other way there changes a gradient by a step."""
    network, batch = ours_of(directory, name)
    wide = replace(batch, values=batch.values.astype(np.float64))
    found, _ = differences(network, Wide(Drawn(network.specs)), wide, theirs_of(directory, name), EXACT)
    assert found == []


@pytest.mark.parametrize("name", REAL)
def test_networks_of_many_layers_are_as_near_as_keras_own_float32(directory, name):
    network, batch = ours_of(directory, name)
    theirs = theirs_of(directory, name)
    room, back = (max(ROUNDED, 5 * theirs.rounding[what]) for what in ("outputs", "gradients"))
    found, _ = differences(network, Drawn(network.specs), batch, theirs, room, back)
    assert found == []


@pytest.mark.parametrize("name", THEIR_OWN)
def test_weights_and_batches_are_read_from_files(directory, name):
    network = network_of(str(directory / f"{name}.json"), seed=SEED)
    weights = stored(str(directory / f"{name}.weights.h5"), network)
    batch = read_batch(str(directory / f"{name}.input.npy"), network, SEED)
    found, _ = differences(network, weights, batch, theirs_of(directory, name))
    assert found == []


# The model `defaults` as a user writes it.
DEFAULTS = """
- {kind: ZeroPadding2D, input_shape: [16, 14, 3]}
- {kind: Conv2D, filters: 4, kernel_size: 3}
- {kind: BatchNormalization}
- {kind: LeakyReLU}
- {kind: MaxPooling2D}
- {kind: DepthwiseConv2D, kernel_size: 2}
- {kind: ELU}
- {kind: AveragePooling2D}
- {kind: SeparableConv2D, filters: 5, kernel_size: 2}
- {kind: ReLU}
- {kind: LayerNormalization}
- {kind: Reshape, target_shape: [4, 5]}
- {kind: LSTM, units: 6, return_sequences: true}
- {kind: GRU, units: 4, return_sequences: true}
- {kind: SimpleRNN, units: 6}
- {kind: Dense, units: 7}
- {kind: RMSNormalization}
- {kind: Dense, units: 5}
- {kind: Softmax}
"""


def test_what_a_spec_leaves_out_is_as_in_keras(directory, tmp_path):
    path = tmp_path / "defaults.yaml"
    path.write_text("layers:" + DEFAULTS.replace("\n- ", "\n  - "), encoding="utf-8")
    network = network_of(str(path), seed=SEED)
    _, batch = ours_of(directory, "defaults")
    theirs = theirs_of(directory, "defaults")
    found, _ = differences(network, stored(str(directory / "defaults.weights.h5"), network), batch, theirs)
    assert found == []


@pytest.mark.parametrize("name", ["activations", "one_after_another"])
def test_there_are_dead_units_to_be_found(directory, name):
    theirs = theirs_of(directory, name)
    dead = [np.abs(slopes).max(axis=0).min() < 0.05 for slopes in theirs.slopes.values()]
    assert sum(dead) >= 2


def test_the_command_prints_what_keras_has(directory, tmp_path):
    path, given = (str(directory / f"residual.{suffix}") for suffix in ("json", "input.npy"))
    answers = []
    for weights in ([], ["--weights", str(directory / "residual.weights.h5")]):
        command = ["-m", "initgen", "probe", path, "--seed", str(SEED), "--input", given, "--json", *weights]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=100, check=True)
        (answer,) = json.loads(done.stdout)["networks"]
        answers.append([{key: told for key, told in layer.items() if key != "predicted"} for layer in answer["layers"]])
    assert answers[0] == answers[1]
    theirs = theirs_of(directory, "residual")
    assert len(answers[0]) > 5
    for layer in answers[0]:
        if layer["name"] in theirs.outputs and not layer["before"]:
            y, back = (arrays[layer["name"]].astype(np.float64) for arrays in (theirs.outputs, theirs.gradients))
            assert layer["values"]["square"] == pytest.approx(np.square(y).mean(), rel=2 * ROUNDED)
            assert layer["gradient"]["square"] == pytest.approx(np.square(back).mean(), rel=2 * ROUNDED)


# What Keras is not right about on torch; its numpy has no gradients, but outputs.
FORWARD = """
import sys, keras, numpy as np
from keras import Input, Model, Sequential, layers as L
drawn = dict(beta_initializer=keras.initializers.RandomNormal(), gamma_initializer=keras.initializers.RandomUniform(0.5, 2))
same = dict(padding="same")
end = lambda: (L.Flatten(), L.Dense(6))
models = [
    Sequential([Input((9, 8, 4)), L.AveragePooling2D((2, 3), strides=(1, 2), **same), L.AveragePooling2D(2, **same), *end()]),
    Sequential([Input((11, 3)), L.AveragePooling1D(4, strides=3, **same), *end()]),
    Sequential([Input((5, 4, 3, 2)), L.AveragePooling3D((2, 3, 2), **same), *end()]),
    Sequential([Input((6, 5, 8)), L.LayerNormalization(axis=2, **drawn), L.LayerNormalization(axis=[3, 1], **drawn)]),
    Sequential([Input((6, 5)), L.LayerNormalization(axis=1, **drawn)]),
]
for number, model in enumerate(models):
    stem = f"{sys.argv[1]}/{number}"
    open(f"{stem}.json", "w").write(model.to_json())
    model.save_weights(f"{stem}.weights.h5")
    x = np.random.default_rng(number).normal(size=(4, *model.input_shape[1:])).astype("float32")
    np.save(f"{stem}.input.npy", x)
    np.save(f"{stem}.output.npy", np.asarray(model(x)))
"""


def test_outputs_are_those_of_keras_on_numpy(tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", FORWARD, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for number in range(5):
        stem = str(tmp_path / str(number))
        network = network_of(f"{stem}.json")
        weights = stored(f"{stem}.weights.h5", network)
        arrays = [np.load(f"{stem}.input.npy")]
        for step in network.steps:
            bound = {name: one.oriented(weights(one.tensor)) for name, one in step.weights.items()}
            arrays.append(step.operation.forward([arrays[step.inputs[0] + 1]], bound))
        np.testing.assert_allclose(arrays[-1], np.load(f"{stem}.output.npy"), rtol=ROUNDED, atol=ROUNDED)
