"""jax, jax-nonpartitionable and keras-jax draw what JAX draws: thousands of arrays, compared bit for bit.

A process has one setting of XLA and one backend of Keras: for each this file runs itself, and gets the counts as JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from initgen.engine.write import array
from initgen.specs.tensor import tensor_spec
from initgen.streams.dialects import dialect_of

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[2]
STREAMS = ("jax", "jax-nonpartitionable", "keras-jax")
# XLA fuses float16 where the processor has arithmetic of it; most have none.
GROUPS = {"wide": (("float32", "float64", "bfloat16"), ""), "float16": (("float16",), "--xla_cpu_max_isa=AVX2")}

# Few shapes, as JAX compiles each: one that is odd, one that the engine cuts, and small ones; golden files have more.
SHAPE, LARGE, SMALL = (3, 3, 5, 7), (743, 720), (0, 17)
SEEDS = (0, 1, 5, 42, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, *range(1000, 1034))
WIDE = (*SEEDS[:9], 2**32, 2**32 + 5, 2**53 + 1, 2**63 - 1, -1, -7, -(2**31), -(2**32) - 5, -(2**63), *SEEDS[9:])
PLACED = {"mean": 0.3, "stddev": 1.7}
CUT = {"mean": -0.1, "stddev": 0.37, "lower": -1.3, "upper": 2.9}
ODD = {"minval": -0.31, "maxval": 0.77}
# Of a gain of 1.
QR = {"float32": 1e-5, "float64": 1e-14}


@dataclass
class Counts:
    """What was compared: arrays, values, and what was not the same."""

    arrays: int = 0
    values: int = 0
    wrong: list = field(default_factory=list)

    def compare(self, ours, theirs, title, tolerance=0.0):
        theirs = np.asarray(theirs)
        self.arrays, self.values = self.arrays + 1, self.values + ours.size
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            self.wrong.append(f"{title}: {ours.dtype}{ours.shape}, not {theirs.dtype}{theirs.shape}")
        elif tolerance:
            worst = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max(initial=0)
            if worst > tolerance:
                self.wrong.append(f"{title}: off by {worst}")
        elif ours.tobytes() != theirs.tobytes():
            bits = f"u{ours.dtype.itemsize}"
            different = np.count_nonzero(ours.reshape(-1).view(bits) != theirs.reshape(-1).view(bits))
            self.wrong.append(f"{title}: {different} of {ours.size}")


def drawn(stream, scheme, params, shape, dtype, seed, layout="keras"):
    return array(tensor_spec(scheme, shape, params=params, dtype=dtype, seed=seed, layout=layout, stream=stream), 1)


def calls_of_jax(jax):
    """Scheme, parameters, layout and what JAX has for them: a function of key, shape and dtype."""
    make, random = jax.nn.initializers, jax.random
    yield "he_uniform", {}, "keras", make.he_uniform()
    yield "lecun_normal", {}, "keras", make.lecun_normal()
    yield "glorot_uniform", {}, "torch", make.glorot_uniform(in_axis=1, out_axis=0)
    for mode, distribution in (("fan_geo_avg", "normal"), ("fan_out", "truncated_normal"), ("fan_avg", "uniform")):
        given = {"scale": 0.7, "mode": mode, "distribution": distribution}
        yield "variance_scaling", given, "keras", make.variance_scaling(**given)
    yield "uniform", {"scale": 0.3}, "keras", make.uniform(0.3)
    yield "random_normal", {"stddev": 0.07}, "keras", make.normal(0.07)
    yield "truncated_normal", {"stddev": 0.07}, "keras", make.truncated_normal(0.07)
    yield (
        *("random_uniform", ODD, "keras"),
        lambda key, shape, dtype: random.uniform(key, shape, dtype, ODD["minval"], ODD["maxval"]),
    )
    yield (
        *("random_normal", PLACED, "keras"),
        lambda key, shape, dtype: random.normal(key, shape, dtype) * PLACED["stddev"] + PLACED["mean"],
    )
    yield (
        *("truncated_normal", CUT, "keras"),
        lambda key, shape, dtype: (
            random.truncated_normal(key, CUT["lower"], CUT["upper"], shape, dtype) * CUT["stddev"] + CUT["mean"]
        ),
    )


def calls_of_keras(keras):
    """The same, with a function of seed, shape and dtype."""
    make = keras.initializers
    named = ("he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "glorot_uniform", "glorot_normal")
    given = [(name, {}) for name in named]
    given += [("random_uniform", ODD), ("random_normal", PLACED)]
    given += [("truncated_normal", {"mean": -0.1, "stddev": 0.37}), ("random_normal", {"mean": 0.0, "stddev": 0.07})]
    for mode, distribution in (
        ("fan_out", "truncated_normal"),
        ("fan_avg", "uniform"),
        ("fan_in", "untruncated_normal"),
    ):
        given.append(("variance_scaling", {"scale": 0.7, "mode": mode, "distribution": distribution}))
    for scheme, params in given:
        made = getattr(make, "".join(part.title() for part in scheme.split("_")))
        yield (
            *(scheme, params, "keras"),
            lambda seed, shape, dtype, made=made, params=params: made(**params, seed=seed)(shape, dtype),
        )


def compare(stream, dtypes):
    """Against the framework in this process."""
    import jax

    counts = Counts()
    if stream == "keras-jax":
        import keras

        calls, orthogonal = list(calls_of_keras(keras)), calls_orthogonal_keras(keras)
        seeds, key_of = SEEDS, int
    else:
        calls, orthogonal = list(calls_of_jax(jax)), jax.nn.initializers.orthogonal(1.5)
        seeds, key_of = WIDE, jax.random.key
    with jax.threefry_partitionable(stream != "jax-nonpartitionable"):
        for dtype in dtypes:
            with jax.enable_x64(True) if dtype == "float64" else contextlib.nullcontext():
                large = LARGE if dtype != "float64" else (211, 97)
                for (scheme, params, layout, call), shape in product(calls, (SHAPE, large)):
                    if shape == large and scheme not in ("random_uniform", "random_normal"):
                        continue
                    for seed in seeds if shape == SHAPE else seeds[3:4]:
                        ours = drawn(stream, scheme, params, shape, dtype, seed, layout)
                        title = f"{scheme} {params} {shape} {dtype} {seed}"
                        counts.compare(ours, call(key_of(seed), shape, dtype), title)
                for size in SMALL:
                    scheme, params, _, call = next(one for one in calls if one[0] == "random_uniform")
                    ours = drawn(stream, scheme, params, (size,), dtype, 7)
                    counts.compare(ours, call(key_of(7), (size,), dtype), f"{scheme} {size} {dtype}")
                for shape, seed in product(((8, 13),), seeds[:12] if dtype in QR else ()):
                    ours = drawn(stream, "orthogonal", {"gain": 1.5}, shape, dtype, seed)
                    title = f"orthogonal {shape} {dtype} {seed}"
                    counts.compare(ours, orthogonal(key_of(seed), shape, dtype), title, 1.5 * QR[dtype])
    return counts


def calls_orthogonal_keras(keras):
    return lambda seed, shape, dtype: keras.initializers.Orthogonal(1.5, seed=seed)(shape, dtype)


# Digits of a fraction, by dtype, and how many bits JAX draws for it.
DIGITS = {"float32": (23, 32), "bfloat16": (7, 8), "float16": (10, 16), "float64": (52, 64)}


def fractions_of(dtype):
    """Every fraction that JAX has in the dtype, as whole numbers; of float64, such as lead to every branch."""
    digits, width = DIGITS[dtype]
    if dtype != "float64":
        return np.arange(1 << digits, dtype=f"u{width // 8}")
    # From both ends and from the middle, in growing steps.
    order = np.arange(50_000, dtype=np.uint64)
    steps, whole = (np.uint64(1) << (order % 51)) * (order // 51 * 2 + 1), np.uint64(1 << digits)
    return np.concatenate([steps, whole - steps, whole // 2 + steps]) % whole


def compare_every_fraction():
    """The functions of jax.random on a generator of our own, which gives them one fraction after another."""
    import jax
    import jax.numpy as jnp
    from jax.extend.random import define_prng_impl

    from initgen.core.dtypes import DTYPES
    from initgen.streams.dialects.jax import Numbers

    counts, given = Counts(), {}
    generator = define_prng_impl(
        key_shape=(2,),
        seed=lambda seed: jnp.zeros(2, jnp.uint32),
        split=lambda key, shape: jnp.zeros((*shape, 2), jnp.uint32),
        # The key, which is 0, keeps XLA from computing it all while it compiles, without its own functions.
        random_bits=lambda key, width, shape: given[width] ^ key[0].astype(f"uint{width}"),
        fold_in=lambda key, data: key,
        name="fractions",
    )
    for dtype, (digits, width) in DIGITS.items():
        whole = fractions_of(dtype)
        given[width] = whole << (width - digits)
        numbers = Numbers(DTYPES[dtype])
        fractions = np.ldexp(whole.astype(np.float64), -digits).astype(numbers.kind)
        with jax.enable_x64(dtype == "float64"):
            key = jax.random.key(0, impl=generator)
            drawn = {"normal": (numbers.normal(), jax.random.normal(key, whole.shape, dtype))}
            for cut in ((-2, 2), (-9.0, 9.0), (-0.3, 0.1), (0.5, 30.0)):
                drawn[f"cut {cut}"] = (
                    numbers.truncated(*cut),
                    jax.random.truncated_normal(key, *cut, whole.shape, dtype),
                )
            # The last of them are subnormal, which XLA takes for zero.
            for bounds in ((-0.31, 0.77), (1.0, 1.1), (-1e-3, 1e-3), (0.0, 3e-38)):
                low, high = (numbers.scalar(bound) for bound in bounds)
                drawn[f"uniform {bounds}"] = (
                    numbers.uniform(low, high),
                    jax.random.uniform(key, whole.shape, dtype, *bounds),
                )
            for title, (step, theirs) in drawn.items():
                pieces = [step(piece.copy()) for piece in np.array_split(fractions, max(1, whole.size >> 15))]
                counts.compare(np.concatenate(pieces), theirs, f"{title} {dtype}")
    return counts


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Of what XLA compiles, for all processes: compiling takes most of the time."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("xla")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }


def compared(*what, **environment):
    done = subprocess.run(
        [sys.executable, __file__, *what],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_draws_what_its_framework_draws(stream, group, cache):
    counts = compared(stream, group, **cache, XLA_FLAGS=GROUPS[group][1])
    assert counts["wrong"] == []
    assert counts["arrays"] >= {"wide": 1500, "float16": 500}[group]


def test_every_value_that_jax_draws_in_32_bits_and_below_is_ours():
    counts = compared("every", XLA_FLAGS="--xla_cpu_max_isa=AVX2")
    assert counts["wrong"] == []
    assert counts["values"] > 9 << 23


def test_a_series_is_of_folded_keys():
    jax = pytest.importorskip("jax")
    calls = [tensor_spec("random_normal", (9, 4), seed=-3, stream="jax").call for _ in range(40)]
    for number, call in enumerate(dialect_of("jax").in_series(calls)):
        key = jax.random.fold_in(jax.random.key(-3), number)
        values = np.empty(36, np.float32)
        dialect_of("jax").drawing(call).fill(0, values)
        theirs = jax.nn.initializers.normal(0.05)(key, (9, 4))
        assert values.tobytes() == np.asarray(theirs).tobytes()


@pytest.mark.parametrize("seed", [-(2**63) - 1, -(2**63), -1, 2**63 - 1, 2**63, 2**64])
def test_seeds_are_refused_where_jax_refuses_them(seed):
    jax = pytest.importorskip("jax")
    try:
        jax.random.key(seed)
        taken = True
    except OverflowError:
        taken = False
    assert dialect_of("jax").takes(seed) == taken


if __name__ == "__main__":
    stream, *rest = sys.argv[1:]
    found = compare_every_fraction() if stream == "every" else compare(stream, GROUPS[rest[0]][0])
    json.dump(vars(found), sys.stdout)
