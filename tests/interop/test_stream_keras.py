"""keras-tf, keras-numpy and numpy draw what the frameworks draw: thousands of arrays, compared bit for bit.

A process can have one backend of Keras: for each this file runs itself, and gets the counts as JSON.
"""

import json
import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from initgen.api import array
from initgen.specs.tensor import tensor_spec
from initgen.streams.dialects import dialect_of

pytestmark = pytest.mark.interop

BACKENDS = {"keras-tf": "tensorflow", "keras-numpy": "numpy", "numpy": ""}
FLOATS = ("float32", "float64", "bfloat16", "float16")
# For a gain of 1; numpy's own QR is the same, TensorFlow's is another.
TOLERANCE = {
    "keras-tf": {"float32": 1e-4, "float64": 1e-13},
    "keras-numpy": {"float32": 0, "float64": 0, "bfloat16": 0},
}

SHAPES = [(3, 0), (1,), (2,), (15,), (16,), (17,), (31,), (33,), (7, 9), (100, 64), (3, 3, 8, 16), (70_001,)]
SEEDS = {
    "keras-tf": (0, 42, 2**31 - 2, 2**31, 2**32 + 5, 2**63 - 1, -1, -(2**63)),
    "keras-numpy": (0, 1, 42, 1337, 2**31 - 1, 2**31, 2**32 - 1),
    "numpy": (0, 1, 42, 2**31, 2**32 + 5, 2**63 - 1, 2**64 - 1),
}
REFUSED = {"keras-tf": (2**63, -(2**63) - 1), "keras-numpy": (-1, 2**32), "numpy": (-1,)}

NAMED = {
    "he_uniform": "HeUniform",
    "he_normal": "HeNormal",
    "lecun_uniform": "LecunUniform",
    "lecun_normal": "LecunNormal",
    "glorot_uniform": "GlorotUniform",
    "glorot_normal": "GlorotNormal",
}
CALLS = (
    *((scheme, {}, name, {}) for scheme, name in NAMED.items()),
    *((scheme, given, name, given) for scheme, name, given in [
        ("random_uniform", "RandomUniform", {"minval": -0.3, "maxval": 1.7}),
        ("random_normal", "RandomNormal", {"mean": 0.3, "stddev": 0.7}),
        ("truncated_normal", "TruncatedNormal", {"mean": -1.1, "stddev": 0.2}),
        *(("variance_scaling", "VarianceScaling", {"scale": scale, "mode": mode, "distribution": distribution})
            for scale, mode, distribution in [
                (0.3, "fan_avg", "uniform"), (3.0, "fan_out", "truncated_normal"), (0.7, "fan_in", "untruncated_normal"),
            ]),
    ]),
    ("uniform", {"scale": 0.01}, "RandomUniform", {"minval": 0.0, "maxval": 0.01}),
    ("trunc_normal", {}, "TruncatedNormal", {"mean": 0.0, "stddev": 1.0}),
)  # fmt: skip


def bits(values):
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


class Counts:
    """Arrays and values that were compared, and those that were not the same."""

    def __init__(self):
        self.arrays = self.values = 0
        self.wrong, self.worst = [], {}

    def compare(self, ours, theirs, title, tolerance=None):
        """``tolerance`` None asks for the same bits."""
        theirs = theirs.astype(ours.dtype)
        self.arrays, self.values = self.arrays + 1, self.values + ours.size
        if tolerance is None:
            different = int(np.count_nonzero(bits(ours) != bits(theirs))) if ours.shape == theirs.shape else -1
        else:
            error = float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max(initial=0))
            self.worst[ours.dtype.name] = max(self.worst.get(ours.dtype.name, 0.0), error)
            different = error > tolerance
        if different:
            self.wrong.append(f"{title}: {different}")


def keras_counts(stream):
    """Every initializer in every dtype, shape and seed; models under one seed; seeds that are refused."""
    import keras
    from keras import initializers, ops

    def theirs(initializer, shape, dtype):
        return np.asarray(ops.convert_to_numpy(initializer(shape, dtype=dtype)))

    counts = Counts()
    for (scheme, params, name, given), dtype, shape, seed in product(CALLS, FLOATS, SHAPES, SEEDS[stream]):
        if 0 in shape and "mode" in params:  # a scheme of ours refuses to divide by no outputs
            continue
        if shape == (70_001,) and seed not in SEEDS[stream][:5]:
            continue
        spec = tensor_spec(scheme, shape, params=params, dtype=dtype, seed=seed, stream=stream)
        drawn = theirs(getattr(initializers, name)(**given, seed=seed), shape, dtype)
        counts.compare(array(spec), drawn, f"{spec.call} {name}")
    for dtype, tolerance in TOLERANCE[stream].items():
        for shape, gain, seed in product([(6, 4), (4, 6), (64, 64), (3, 3, 4, 20)], (1.0, 1.4), SEEDS[stream]):
            spec = tensor_spec("orthogonal", shape, params={"gain": gain}, dtype=dtype, seed=seed, stream=stream)
            drawn = theirs(initializers.Orthogonal(gain, seed=seed), shape, dtype)
            counts.compare(array(spec), drawn, spec.call, tolerance * gain)
    large = 2**20 + 3
    for scheme, params, name, given in CALLS[6:9]:
        spec = tensor_spec(scheme, (large,), params=params, seed=5, stream=stream)
        counts.compare(
            array(spec), theirs(getattr(initializers, name)(**given, seed=5), (large,), "float32"), spec.call
        )
    for seed in (0, 5, 2**31, 2**32 - 1):
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(5), keras.layers.Conv1D(4, 3, kernel_initializer="he_normal")]
        made = [getattr(initializers, name)(**given) for _, _, name, given in CALLS]
        made = [*(layer.kernel_initializer for layer in layers), *made]
        schemes = [("glorot_uniform", {}), ("he_normal", {}), *((scheme, params) for scheme, params, _, _ in CALLS)]
        calls = [
            tensor_spec(scheme, (6, 7), params=params, seed=seed, stream=stream).call for scheme, params in schemes
        ]
        for initializer, call in zip(made, dialect_of(stream).in_series(calls), strict=True):
            out = np.empty(call.count, np.float32)
            dialect_of(stream).drawing(call).fill(0, out)
            counts.compare(out.reshape(6, 7), theirs(initializer, (6, 7), "float32"), f"series {call}")
    for seed in REFUSED[stream]:
        with pytest.raises((OverflowError, ValueError)):
            theirs(initializers.HeUniform(seed=seed), (2, 2), "float32")
        assert not dialect_of(stream).takes(seed)
    return counts


def numpy_counts():
    """Uniform and normal of default_rng, and normals cut by rejection, alone and one after another."""
    counts = Counts()
    shapes = [*SHAPES, (300_001,)]
    for dtype, shape, seed in product(FLOATS, shapes, SEEDS["numpy"]):
        count, kind = math.prod(shape), tensor_spec("random_normal", (1,), dtype=dtype).dtype.numpy

        def cut(rng, mean, std, low, high, count=count):
            kept = np.empty(0)
            while kept.size < count:
                batch = rng.normal(mean, std, count)
                kept = np.append(kept, batch[(batch >= low) & (batch <= high)])
            return kept[:count]

        draws = {
            "random_uniform:minval=-0.3,maxval=1.7": lambda rng, count=count: rng.uniform(-0.3, 1.7, count),
            "random_normal:mean=0.3,stddev=0.7": lambda rng, count=count: rng.normal(0.3, 0.7, count),
            "dummy": lambda rng, count=count: rng.uniform(-1e-3, 1e-3, count),
            "truncated_normal:mean=1,stddev=0.5,lower=-0.5,upper=1.75": lambda rng, cut=cut: cut(
                rng, 1, 0.5, 0.75, 1.875
            ),
        }
        rng = np.random.default_rng(seed)
        calls = [tensor_spec(scheme, shape, dtype=dtype, seed=seed, stream="numpy").call for scheme in draws]
        for scheme, call in zip(draws, dialect_of("numpy").in_series(calls), strict=True):
            alone = array(tensor_spec(scheme, shape, dtype=dtype, seed=seed, stream="numpy"))
            fresh = draws[scheme](np.random.default_rng(seed)).astype(kind)
            counts.compare(alone, fresh.reshape(shape), call)
            placed = array(tensor_spec(scheme, shape, dtype=dtype, seed=seed, stream="numpy", place=call.place))
            counts.compare(placed, draws[scheme](rng).astype(kind).reshape(shape), f"series {call}")
    for seed in REFUSED["numpy"]:
        with pytest.raises(ValueError, match="non-negative"):
            np.random.default_rng(seed)
        assert not dialect_of("numpy").takes(seed)
    return counts


@pytest.mark.parametrize("stream", BACKENDS)
def test_every_array_is_the_frameworks_to_the_bit(stream):
    environment = {**os.environ, "KERAS_BACKEND": BACKENDS[stream], "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, stream]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["wrong"] == []
    assert counts["arrays"] >= 2000
    assert counts["values"] >= 20_000_000


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print(json.dumps(vars(numpy_counts() if sys.argv[1] == "numpy" else keras_counts(sys.argv[1]))))
