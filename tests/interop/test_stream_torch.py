"""torch and keras-torch draw what the frameworks draw: thousands of arrays, compared bit for bit.

A process can have one backend of Keras: for it this file runs itself, and gets the counts as JSON.
"""

import json
import math
import os
import subprocess
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from initgen.engine.write import array
from initgen.specs.tensor import tensor_spec
from initgen.streams.dialects import dialect_of

pytestmark = pytest.mark.interop

FLOATS = ("float32", "float64", "bfloat16", "float16")
SHORT = [(0,), (1,), (2,), (3,), (7,), (15,), (16,), (17,), (31,), (33,)]
SHAPES = [(7, 9), (100, 64), (3, 3, 8, 16), (1, 1), (2, 1, 5)]
SEEDS = (0, 42, 2**31, 2**32 + 5, 2**63 - 1, -1, -(2**63), 2**64 - 1)
LARGE = (2**20 + 3,)
TOLERANCE = {"float32": 1e-5, "float64": 1e-14}


class Counts:
    """Arrays and values that were compared, and those that were not the same."""

    def __init__(self):
        self.arrays = self.values = 0
        self.wrong = []

    def compare(self, ours, theirs, title, tolerance=None):
        """A tensor of torch with an array; ``tolerance`` None asks for the same bits."""
        self.arrays, self.values = self.arrays + 1, self.values + ours.size
        theirs = theirs.detach().contiguous()
        assert tuple(theirs.shape) == ours.shape
        if tolerance is None:
            word = theirs.element_size()
            ours = np.ascontiguousarray(ours).reshape(-1).view(f"i{word}")
            theirs = theirs.reshape(-1).view(getattr(sys.modules["torch"], f"int{8 * word}")).numpy()
            different = np.count_nonzero(ours != theirs)
        else:
            different = np.count_nonzero(~(np.abs(ours - theirs.numpy()) <= tolerance))
        if different:
            self.wrong.append(f"{title}: {different} of {ours.size}")


def drawn(stream, scheme, shape, dtype, seed, params, **options):
    layout = "torch" if stream == "torch" else "keras"
    return array(
        tensor_spec(scheme, shape, params=params, dtype=dtype, seed=seed, stream=stream, layout=layout, **options)
    )


PLAIN = (
    ("random_uniform", {"minval": -0.31, "maxval": 0.77}, "uniform_", (-0.31, 0.77)),
    ("random_uniform", {"minval": 10.0, "maxval": 10.01}, "uniform_", (10.0, 10.01)),
    ("dummy", {}, "uniform_", (-1e-3, 1e-3)),
    ("uniform", {"scale": 0.3}, "uniform_", (0.0, 0.3)),
    ("random_normal", {}, "normal_", (0.0, 0.05)),
    ("random_normal", {"mean": 0.3, "stddev": 1.7}, "normal_", (0.3, 1.7)),
    ("trunc_normal", {}, "trunc_normal_", (0.0, 1.0, -2.0, 2.0)),
    ("trunc_normal", {"mean": 0.5, "a": 0.0, "b": 1.2}, "trunc_normal_", (0.5, 1.0, 0.0, 1.2)),
    ("truncated_normal", {"stddev": 0.02}, "trunc_normal_", (0.0, 0.02, -0.04, 0.04)),
    ("trunc_normal", {"mean": 0.31, "std": 0.7, "a": -0.1, "b": 0.2}, "trunc_normal_", (0.31, 0.7, -0.1, 0.2)),
    ("trunc_normal", {"a": 1.0, "b": 3.0}, "trunc_normal_", (0.0, 1.0, 1.0, 3.0)),
)
SCALED = (
    *(
        (f"kaiming_{law}", given, f"kaiming_{law}_", given)
        for law in ("uniform", "normal")
        for given in (
            {},
            {"a": math.sqrt(5)},
            {"a": 0.3, "mode": "fan_out"},
            {"nonlinearity": "tanh"},
            {"nonlinearity": "relu", "mode": "fan_out"},
            {"nonlinearity": "selu"},
            {"nonlinearity": "linear"},
        )
    ),
    *(
        (f"xavier_{law}", given, f"xavier_{law}_", given)
        for law in ("uniform", "normal")
        for given in ({}, {"gain": 1.6})
    ),
    ("torch_default", {}, "kaiming_uniform_", {"a": math.sqrt(5)}),
)


def test_torch_draws_the_same():
    import torch

    def theirs(function, shape, dtype, seed, *values, **options):
        torch.manual_seed(seed)
        return getattr(torch.nn.init, function)(torch.empty(shape, dtype=getattr(torch, dtype)), *values, **options)

    counts = Counts()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of means outside the bounds
        for (scheme, params, function, values), dtype, shape, seed in product(PLAIN, FLOATS, SHORT + SHAPES, SEEDS):
            ours = drawn("torch", scheme, shape, dtype, seed, params)
            counts.compare(
                ours, theirs(function, shape, dtype, seed, *values), f"{scheme} {params} {shape} {dtype} {seed}"
            )
        for (scheme, params, function, values), dtype in product(PLAIN, FLOATS):
            shape = (70_001,) if dtype == "float64" or values[-2:] == (1.0, 3.0) else LARGE
            ours = drawn("torch", scheme, shape, dtype, 5, params)
            counts.compare(ours, theirs(function, shape, dtype, 5, *values), f"{scheme} {params} {shape} {dtype}")
    for (scheme, params, function, options), dtype, shape, seed in product(SCALED, FLOATS, SHAPES, SEEDS[:3]):
        ours = drawn("torch", scheme, shape, dtype, seed, params)
        counts.compare(
            ours, theirs(function, shape, dtype, seed, **options), f"{scheme} {params} {shape} {dtype} {seed}"
        )
    for dtype, shape, seed, gain in product(
        TOLERANCE, [(20, 20), (9, 30), (40, 8), (6, 5, 3, 3)], range(20), (1.0, 1.4)
    ):
        ours = drawn("torch", "orthogonal", shape, dtype, seed, {"gain": gain})
        title = f"orthogonal {shape} {dtype} {seed}"
        counts.compare(ours, theirs("orthogonal_", shape, dtype, seed, gain), title, gain * TOLERANCE[dtype])
    print(f"torch: {counts.arrays} arrays, {counts.values} values, {len(counts.wrong)} wrong")
    assert counts.wrong == []
    assert counts.arrays > 2_000
    assert counts.values > 20_000_000
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises((RuntimeError, ValueError, OverflowError)):
            torch.manual_seed(seed)
        assert not dialect_of("torch").takes(seed)


def test_torch_draws_the_same_one_after_another():
    import torch

    counts = Counts()
    steps = [
        (function, shape, values, tensor_spec(scheme, shape, params=params, stream="torch"))
        for number, (scheme, params, function, values) in enumerate(PLAIN)
        for shape in ((number + 1,), (5,), (33, 3), (3,), (1000 + number,), (0,))
    ]
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(steps))
        calls = [tensor_spec(steps[at][3].title, steps[at][1], seed=seed, stream="torch").call for at in order]
        torch.manual_seed(seed)
        for at, call in zip(order, dialect_of("torch").in_series(calls), strict=True):
            function, shape, values, _ = steps[at]
            out = np.empty(call.count, np.float32)
            dialect_of("torch").drawing(call).fill(0, out)
            theirs = getattr(torch.nn.init, function)(torch.empty(shape), *values)
            counts.compare(out.reshape(shape), theirs, f"{seed}: {function} {shape}")
    assert counts.wrong == []


def test_layers_draw_the_same_weight_and_bias():
    import torch

    layers = (
        lambda: torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.ReLU(), torch.nn.Linear(5, 100)),
        lambda: torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), torch.nn.Conv1d(8, 6, 4, groups=2), torch.nn.Conv3d(2, 3, 2)
        ),
        lambda: torch.nn.Sequential(torch.nn.ConvTranspose2d(6, 4, 3), torch.nn.Linear(1, 1)),
    )
    counts = Counts()
    for made, seed in product(layers, (0, 1, 2**32 + 5)):
        torch.manual_seed(seed)
        state = made().state_dict()
        calls, fan_in = [], 0
        for name, tensor in state.items():
            shape = tuple(tensor.shape)
            if name.endswith("weight"):
                fan_in = math.prod(shape[1:])
                spec = tensor_spec("torch_default", shape, seed=seed, stream="torch", layout="torch")
            else:
                spec = tensor_spec("torch_bias", shape, seed=seed, stream="torch", layout="torch", fan_in=fan_in)
            calls.append(spec.call)
        for (name, tensor), call in zip(state.items(), dialect_of("torch").in_series(calls), strict=True):
            out = np.empty(call.count, np.float32)
            dialect_of("torch").drawing(call).fill(0, out)
            counts.compare(out.reshape(call.shape), tensor, f"{seed}: {name}")
    assert counts.wrong == []


KERAS = (
    *(
        (f"{name.lower()}_{law.lower()}", {}, name + law, {})
        for name in ("He", "Lecun", "Glorot")
        for law in ("Uniform", "Normal")
    ),
    *(
        (scheme, given, name, given)
        for scheme, name, given in (
            ("random_uniform", "RandomUniform", {"minval": -0.3, "maxval": 1.7}),
            ("random_normal", "RandomNormal", {"mean": 0.3, "stddev": 0.7}),
            ("truncated_normal", "TruncatedNormal", {"mean": -1.1, "stddev": 0.2}),
            ("variance_scaling", "VarianceScaling", {"scale": 0.3, "mode": "fan_avg", "distribution": "uniform"}),
            (
                "variance_scaling",
                "VarianceScaling",
                {"scale": 3.0, "mode": "fan_out", "distribution": "truncated_normal"},
            ),
            ("variance_scaling", "VarianceScaling", {"scale": 0.7, "distribution": "untruncated_normal"}),
        )
    ),
)


def keras_counts():
    """Every initializer in every dtype, shape and seed, and one after another under one seed."""
    import keras

    counts = Counts()
    seeds = (*SEEDS, 2**64, -(2**70))
    for (scheme, params, name, given), dtype, shape, seed in product(KERAS, FLOATS, SHORT + SHAPES, SEEDS):
        if 0 in shape and "random" not in scheme:  # a scheme of ours refuses to divide by no inputs
            continue
        theirs = getattr(keras.initializers, name)(**given, seed=seed)(shape, dtype=dtype)
        counts.compare(
            drawn("keras-torch", scheme, shape, dtype, seed, params), theirs, f"{scheme} {shape} {dtype} {seed}"
        )
    for (scheme, params, name, given), dtype in product(KERAS, FLOATS):
        shape = (70_001,) if dtype == "float64" and "niform" not in name else (500_001,)
        theirs = getattr(keras.initializers, name)(**given, seed=5)(shape, dtype=dtype)
        counts.compare(drawn("keras-torch", scheme, shape, dtype, 5, params), theirs, f"{scheme} {shape} {dtype}")
    for dtype, shape, seed, gain in product(
        TOLERANCE, [(20, 20), (9, 30), (40, 8), (3, 3, 4, 7)], range(20), (1.0, 1.4)
    ):
        theirs = keras.initializers.Orthogonal(gain, seed=seed)(shape, dtype=dtype)
        ours = drawn("keras-torch", "orthogonal", shape, dtype, seed, {"gain": gain})
        counts.compare(ours, theirs, f"orthogonal {shape} {dtype} {seed}", gain * TOLERANCE[dtype])
    dialect = dialect_of("keras-torch")
    for seed in seeds[-2:]:
        theirs = keras.initializers.RandomUniform(seed=seed)((20,), dtype="float32")
        out = np.empty(20, np.float32)
        assert dialect.takes(seed)
        dialect.drawing(dialect_call("random_uniform", {}, (20,), seed)).fill(0, out)
        counts.compare(out, theirs, f"{seed}")
    for seed in (0, 5, 2**32 - 1):
        keras.utils.set_random_seed(seed)
        made = [(getattr(keras.initializers, name)(**given), scheme, params) for scheme, params, name, given in KERAS]
        calls = [dialect_call(scheme, params, (6, 7), seed) for _, scheme, params in made]
        for (initializer, scheme, _), call in zip(made, dialect.in_series(calls), strict=True):
            out = np.empty(42, np.float32)
            dialect.drawing(call).fill(0, out)
            counts.compare(out.reshape(6, 7), initializer((6, 7), dtype="float32"), f"{seed}: {scheme}")
    return counts


def dialect_call(scheme, params, shape, seed):
    from dataclasses import replace

    return replace(tensor_spec(scheme, shape, params=params, stream="keras-torch").call, seed=seed)


def test_keras_on_torch_draws_the_same():
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).resolve())], env=environment, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    counts = json.loads(said.stdout.splitlines()[-1])
    print(f"keras-torch: {counts['arrays']} arrays, {counts['values']} values, {len(counts['wrong'])} wrong")
    assert counts["wrong"] == []
    assert counts["arrays"] > 2_000
    assert counts["values"] > 20_000_000


if __name__ == "__main__":
    print(json.dumps(vars(keras_counts())))
