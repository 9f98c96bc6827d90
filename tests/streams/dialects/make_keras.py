"""Makes golden/NAME.safetensors by the framework itself: python make_keras.py keras-tf | keras-numpy | numpy.

Needs keras, and tensorflow for keras-tf. No code of initgen takes part. Once made, a file is never made again.
"""

import hashlib
import json
import math
import os
import sys
from importlib.metadata import version
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

BACKENDS = {"keras-tf": "tensorflow", "keras-numpy": "numpy"}
VERSIONS = {
    "keras-tf": ("keras", "tensorflow-cpu", "numpy"),
    "keras-numpy": ("keras", "numpy", "ml-dtypes"),
    "numpy": ("numpy", "ml-dtypes"),
}
DTYPES = ("float32", "float64", "bfloat16", "float16")
SIZES = (0, 1, 2, 15, 16, 17, 31, 33)
SEEDS = {
    "keras-tf": (0, 1, 2**31 - 2, 2**31, 2**32 + 5, 2**63 - 1, -1, -(2**63)),
    "keras-numpy": (0, 1, 2**31, 2**32 - 1),
    "numpy": (0, 1, 2**31, 2**32 + 5, 2**63 - 1, 2**64 - 1),
}
LARGE = 600_001  # more than one piece of any engine

UNIFORM = ("random_uniform", {"minval": -0.3, "maxval": 1.7})
NORMAL = ("random_normal", {"mean": 0.3, "stddev": 0.7})
CUT = ("truncated_normal", {"mean": -1.1, "stddev": 0.2})


def cases(name):
    """Scheme, parameters, shape, dtype and seed of each call."""
    for dtype in DTYPES:
        for scheme, params in (UNIFORM, NORMAL, CUT):
            yield scheme, params, (33,), dtype, 7
            yield scheme, params, (LARGE,), dtype, 11
    for size in SIZES:
        yield *UNIFORM, (size,), "float32", 3
        yield *NORMAL, (size,), "float32", 3
        yield *CUT, (size,), "float32", 3
    for seed in SEEDS[name]:
        yield "random_uniform", {}, (5,), "float32", seed
        yield "random_normal", {}, (5,), "float64", seed
    for scheme in ("he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "glorot_uniform", "glorot_normal"):
        yield scheme, {}, (3, 3, 4, 6), "float32", 42
    for scheme in ("he_uniform", "he_normal"):
        yield scheme, {}, (100, 64), "float32", 42
        yield scheme, {}, (3, 3, 8, 16), "bfloat16", 42
        yield scheme, {}, (3, 5, 7), "float64", 2
    for distribution in ("uniform", "truncated_normal", "untruncated_normal"):
        yield "variance_scaling", {"scale": 0.3, "mode": "fan_avg", "distribution": distribution}, (7, 9), "float16", 2
        yield "variance_scaling", {"scale": 3.0, "mode": "fan_out", "distribution": distribution}, (9,), "float32", 2
    yield "uniform", {"scale": 0.01}, (20,), "float32", 5
    yield "dummy", {}, (20,), "bfloat16", 5
    yield "trunc_normal", {}, (20,), "float32", 5
    if name == "numpy":
        yield "truncated_normal", {"mean": 1.0, "stddev": 0.5, "lower": -0.7, "upper": 1.9}, (500,), "float32", 5
        yield "truncated_normal", {"mean": 0.0, "stddev": 1.0, "lower": 3.0, "upper": 5.0}, (40,), "float64", 5
    for shape in ((6, 4), (4, 6), (32, 32), (3, 3, 4, 6)):
        yield "orthogonal", {"gain": 1.4}, shape, "float32", 9
    if name != "keras-numpy":  # Keras computes it in float32 there
        yield "orthogonal", {"gain": 1.0}, (20, 7), "float64", 9


def by_keras(scheme, params, shape, dtype, seed):
    """The array that an initializer of Keras returns."""
    from keras import initializers, ops

    names = {
        "random_uniform": "RandomUniform",
        "random_normal": "RandomNormal",
        "truncated_normal": "TruncatedNormal",
        "variance_scaling": "VarianceScaling",
        "he_uniform": "HeUniform",
        "he_normal": "HeNormal",
        "lecun_uniform": "LecunUniform",
        "lecun_normal": "LecunNormal",
        "glorot_uniform": "GlorotUniform",
        "glorot_normal": "GlorotNormal",
        "orthogonal": "Orthogonal",
    }
    others = {
        "uniform": lambda scale: initializers.RandomUniform(0.0, scale, seed=seed),
        "dummy": lambda: initializers.RandomUniform(-1e-3, 1e-3, seed=seed),
        "trunc_normal": lambda: initializers.TruncatedNormal(0.0, 1.0, seed=seed),
    }
    make = others.get(scheme) or (lambda **given: getattr(initializers, names[scheme])(**given, seed=seed))
    # Keras on numpy leaves an orthogonal matrix in a dtype of numpy's choice, and casts it where a layer takes it.
    return np.asarray(ops.convert_to_numpy(make(**params)(shape, dtype=dtype))).astype(dtype)


def by_numpy(scheme, params, shape, dtype, seed):
    """The array that default_rng draws."""
    rng = np.random.default_rng(seed)
    count = math.prod(shape)

    def cut(mean, std, low, high):
        kept = np.empty(0)
        while kept.size < count:
            batch = rng.normal(mean, std, count)
            kept = np.concatenate([kept, batch[(batch >= low) & (batch <= high)]])
        return kept[:count].reshape(shape)

    def scaled(scale, mode, distribution):
        window = math.prod(shape[:-2])
        fans = (window * shape[-2], window * shape[-1]) if len(shape) > 1 else shape * 2
        variance = scale / {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": (fans[0] + fans[1]) / 2}[mode]
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        if distribution == "untruncated_normal":
            return rng.normal(0.0, math.sqrt(variance), shape)
        std = math.sqrt(variance) / 0.87962566103423978
        return cut(0.0, std, -2 * std, 2 * std)

    def truncated(mean, stddev, lower=-2.0, upper=2.0):
        return cut(mean, stddev, mean + lower * stddev, mean + upper * stddev)

    def orthogonal(gain):
        rows, cols = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(rng.normal(size=(max(rows, cols), min(rows, cols))))
        q = q * np.sign(np.diagonal(r))
        return gain * (q if rows >= cols else q.T).reshape(shape)

    laws = {
        "random_uniform": lambda minval=-0.05, maxval=0.05: rng.uniform(minval, maxval, shape),
        "random_normal": lambda mean=0.0, stddev=0.05: rng.normal(mean, stddev, shape),
        "truncated_normal": truncated,
        "variance_scaling": scaled,
        "he_uniform": lambda: scaled(2.0, "fan_in", "uniform"),
        "he_normal": lambda: scaled(2.0, "fan_in", "truncated_normal"),
        "lecun_uniform": lambda: scaled(1.0, "fan_in", "uniform"),
        "lecun_normal": lambda: scaled(1.0, "fan_in", "truncated_normal"),
        "glorot_uniform": lambda: scaled(1.0, "fan_avg", "uniform"),
        "glorot_normal": lambda: scaled(1.0, "fan_avg", "truncated_normal"),
        "uniform": lambda scale: rng.uniform(0.0, scale, shape),
        "dummy": lambda: rng.uniform(-1e-3, 1e-3, shape),
        "trunc_normal": lambda: truncated(0.0, 1.0),
        "orthogonal": orthogonal,
    }
    return laws[scheme](**params).astype(dtype)


def main(name):
    """Draws every case, and writes the file."""
    if name in BACKENDS:
        os.environ["KERAS_BACKEND"] = BACKENDS[name]
    draw = by_keras if name in BACKENDS else by_numpy
    arrays, said = {}, {}
    for scheme, params, shape, dtype, seed in cases(name):
        array = draw(scheme, params, shape, dtype, seed)
        if (array.shape, array.dtype.name) != (shape, dtype):
            raise ValueError(f"{scheme} of {shape} is a {array.dtype} of {array.shape}")
        case = {"scheme": scheme, "params": params, "shape": shape, "dtype": dtype, "layout": "keras", "seed": seed}
        if scheme == "orthogonal":
            case["atol"] = (1e-5 if name == "keras-tf" else 1e-6) if dtype == "float32" else 1e-13
        title = f"{len(said):02} {scheme} {dtype} {'x'.join(map(str, shape))} seed {seed}"
        said[title] = case
        if array.size > 100_000:
            case["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
        else:
            arrays[title] = np.ascontiguousarray(array)
    command = f"python tests/streams/dialects/make_keras.py {name}"
    golden = {"made": command, "versions": {package: version(package) for package in VERSIONS[name]}, "cases": said}
    path = Path(__file__).parent / "golden" / f"{name}.safetensors"
    save_file(arrays, path, {"golden": json.dumps(golden)})


if __name__ == "__main__":
    assert ml_dtypes.bfloat16  # its import teaches numpy the name
    main(sys.argv[1])
