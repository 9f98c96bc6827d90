"""A job by keras, on the backend of jax, and safetensors."""

import os

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"  # or float64 is float32

import keras
import numpy as np
from job import BOUND, STD, run
from safetensors.numpy import save_file

INITIALIZERS = {
    "ones": lambda: keras.initializers.Ones(),
    "uniform": lambda: keras.initializers.RandomUniform(-BOUND, BOUND, seed=seeds),
    "normal": lambda: keras.initializers.RandomNormal(stddev=STD, seed=seeds),
    "truncated": lambda: keras.initializers.TruncatedNormal(stddev=STD, seed=seeds),
}
seeds = keras.random.SeedGenerator(0)


def draw(law: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return np.asarray(INITIALIZERS[law]()(shape, dtype=dtype))


if __name__ == "__main__":
    run(draw, save_file)
