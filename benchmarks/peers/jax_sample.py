"""A job by jax and safetensors: each draw compiled as a whole, and saved from numpy's view of the same memory."""

import os
from functools import partial

os.environ["JAX_ENABLE_X64"] = "1"  # or float64 is float32

import jax
import numpy as np
from job import BOUND, STD, run
from safetensors.numpy import save_file

DRAW = {
    "ones": lambda key, shape, dtype: jax.numpy.ones(shape, dtype),
    "uniform": lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -BOUND, BOUND),
    "normal": lambda key, shape, dtype: jax.random.normal(key, shape, dtype) * np.array(STD, dtype),
    "truncated": lambda key, shape, dtype: jax.random.truncated_normal(key, -2, 2, shape, dtype) * np.array(STD, dtype),
}
numbers = iter(range(1 << 31))


@partial(jax.jit, static_argnums=(1, 2, 3))
def compiled(key: jax.Array, law: str, shape: tuple[int, ...], dtype: jax.numpy.dtype) -> jax.Array:
    return DRAW[law](key, shape, dtype)


def draw(law: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    key = jax.random.fold_in(jax.random.key(0), next(numbers))
    return np.asarray(compiled(key, law, shape, jax.numpy.dtype(dtype)))


if __name__ == "__main__":
    run(draw, save_file)
