"""Writes golden/jax.safetensors, golden/jax-nonpartitionable.safetensors and golden/keras-jax.safetensors.

    python make_jax.py

needs jax 0.10.2, keras 3.15.1, safetensors and ml_dtypes. Every array is what the framework returns.
"""

import hashlib
import json
import os
from pathlib import Path

# Where the processor has arithmetic of float16, XLA fuses it; most have none.
os.environ["XLA_FLAGS"] = "--xla_cpu_max_isa=AVX2"
os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parent / "golden"
DTYPES = ("float32", "float64", "bfloat16", "float16")
SIZES = (0, 1, 2, 15, 16, 17, 31, 33)
ODD = {"minval": -0.31, "maxval": 0.77}
CUT = {"mean": 0.1, "stddev": 0.37, "lower": -1.3, "upper": 2.9}


def by_jax(scheme, params, shape, dtype, layout, seed):
    """The scheme as jax has it: an initializer, or else the function of jax.random."""
    key, dtype = jax.random.key(seed), getattr(jnp, dtype)
    get = params.get
    if scheme == "variance_scaling":
        made = jax.nn.initializers.variance_scaling(get("scale"), get("mode"), get("distribution"))
    elif scheme == "uniform":
        made = jax.nn.initializers.uniform(get("scale"))
    elif scheme == "random_normal" and "mean" not in params:
        made = jax.nn.initializers.normal(get("stddev"))
    elif scheme == "truncated_normal" and "mean" not in params:
        made = jax.nn.initializers.truncated_normal(get("stddev"), lower=get("lower", -2.0), upper=get("upper", 2.0))
    elif scheme == "orthogonal":
        made = jax.nn.initializers.orthogonal(get("gain"), column_axis=0 if layout == "torch" else -1)
    elif scheme == "random_uniform":
        return jax.random.uniform(key, shape, dtype, get("minval"), get("maxval"))
    elif scheme == "random_normal":
        return jax.random.normal(key, shape, dtype) * get("stddev") + get("mean")
    elif scheme == "truncated_normal":
        cut = jax.random.truncated_normal(key, get("lower"), get("upper"), shape, dtype)
        return cut * get("stddev") + get("mean")
    elif scheme == "trunc_normal":
        lower, upper = ((get(bound) - get("mean")) / get("std") for bound in "ab")
        return jax.random.truncated_normal(key, lower, upper, shape, dtype) * get("std") + get("mean")
    else:
        axes = {"in_axis": 1, "out_axis": 0} if layout == "torch" else {}
        made = getattr(jax.nn.initializers, scheme)(**axes)
    return made(key, shape, dtype)


def by_keras(scheme, params, shape, dtype, layout, seed):
    """The scheme as keras.initializers has it."""
    name = "".join(part.title() for part in scheme.split("_"))
    return getattr(keras.initializers, name)(**params, seed=seed)(shape, dtype)


def case(scheme, shape, dtype="float32", seed=42, layout="keras", **params):
    shape = shape if isinstance(shape, tuple) else (shape,)
    return {"scheme": scheme, "params": params, "shape": shape, "dtype": dtype, "layout": layout, "seed": seed}


def jax_cases(seeds):
    yield from (case("random_normal", size, stddev=0.5) for size in SIZES)
    yield from (case("random_uniform", size, "bfloat16", **ODD) for size in SIZES[1:])
    yield from (case("uniform", size, "float16", scale=0.3) for size in SIZES[1::2])
    yield from (case("random_normal", size, "float64", stddev=0.05) for size in SIZES[1:])
    for dtype in DTYPES:
        yield case("random_uniform", (21, 13), dtype, **ODD)
        yield case("random_normal", (21, 13), dtype, mean=0.3, stddev=1.7)
        yield case("truncated_normal", (21, 13), dtype, stddev=0.05)
        yield case("truncated_normal", (21, 13), dtype, **CUT)
        yield case("he_normal", (3, 3, 5, 6), dtype)
        yield case("glorot_uniform", (3, 3, 5, 6), dtype, layout="torch")
        yield case("variance_scaling", (7, 11), dtype, scale=0.7, mode="fan_geo_avg", distribution="normal")
    yield case("trunc_normal", (21, 13), mean=0.5, std=2.0, a=-1.0, b=1.5)
    yield case("he_uniform", (100, 64))
    yield case("lecun_normal", (3, 3, 8, 16))
    yield from (case("lecun_uniform", (5, 9), seed=seed) for seed in seeds)
    yield from (case("lecun_uniform", (5, 9), "float64", seed=seed) for seed in seeds[3:])
    yield from (case("orthogonal", shape, layout="torch", gain=1.5) for shape in ((12, 7), (4, 3, 3, 2)))
    yield from (case("orthogonal", (8, 13), dtype, gain=1.5) for dtype in ("float32", "float64"))
    yield case("random_normal", (733, 1024), stddev=1.0)
    yield case("random_uniform", (733, 1024), "bfloat16", **ODD)
    yield case("random_uniform", (733, 1023), "float64", **ODD)


def keras_cases(seeds):
    yield from (case("random_normal", size, mean=0.3, stddev=0.5) for size in SIZES)
    yield from (case("random_uniform", size, "bfloat16", **ODD) for size in SIZES[1:])
    for dtype in DTYPES:
        yield case("random_uniform", (21, 13), dtype, **ODD)
        yield case("random_normal", (21, 13), dtype, mean=0.0, stddev=0.02)
        yield case("truncated_normal", (21, 13), dtype, mean=0.1, stddev=0.37)
        yield case("he_normal", (3, 3, 5, 6), dtype)
        yield case("glorot_uniform", (3, 3, 5, 6), dtype)
        yield case("lecun_normal", 17, dtype)
        for name in ("uniform", "truncated_normal", "untruncated_normal"):
            yield case("variance_scaling", (7, 11), dtype, scale=0.7, mode="fan_avg", distribution=name)
    yield case("he_uniform", (100, 64))
    yield from (case("lecun_uniform", (5, 9), seed=seed) for seed in seeds)
    yield from (case("orthogonal", shape, gain=1.5) for shape in ((12, 7), (3, 3, 2, 5)))
    yield from (case("orthogonal", (8, 13), dtype, gain=1.5) for dtype in ("float32", "float64"))
    yield case("random_normal", (733, 1024), mean=0.0, stddev=1.0)
    yield case("he_normal", (733, 1024), "bfloat16")


def write(name, cases, draw):
    arrays, listed = {}, {}
    for number, found in enumerate(cases):
        with jax.enable_x64(found["dtype"] == "float64"):
            drawn = np.asarray(draw(**found))
        assert (drawn.shape, drawn.dtype.name) == (found["shape"], found["dtype"])
        label = f"{number:02d} {found['scheme']} {found['dtype']}"
        if found["scheme"] == "orthogonal":
            found["atol"] = 1.5 * {"float32": 1e-5, "float64": 1e-14}[found["dtype"]]
        if drawn.size > 1 << 17:
            found["sha256"] = hashlib.sha256(drawn.tobytes()).hexdigest()
        else:
            arrays[label] = drawn
        listed[label] = found
    versions = {package.__name__: package.__version__ for package in (jax, keras, np)}
    said = {"made": "python make_jax.py", "versions": versions, "cases": listed}
    save_file(arrays, GOLDEN / f"{name}.safetensors", metadata={"golden": json.dumps(said)})


if __name__ == "__main__":
    seeds = (0, 1, 2**31, 2**32 - 1)
    wide = (*seeds, 2**32 + 5, 2**40 + 12345, 2**63 - 1, -1, -7, -(2**63))
    with jax.threefry_partitionable(True):
        write("jax", jax_cases(wide), by_jax)
        write("keras-jax", keras_cases(seeds), by_keras)
    with jax.threefry_partitionable(False):
        write("jax-nonpartitionable", jax_cases(wide), by_jax)
