"""A job by numpy and safetensors.

numpy draws no bfloat16: it is rounded from float32, by ml_dtypes. A truncated normal is a normal whose values beyond the
cut are drawn again, which is many times faster than ``scipy.stats.truncnorm``.
"""

import numpy as np
from job import BOUND, STD, run
from safetensors.numpy import save_file

rng = np.random.default_rng(0)


def draw(law: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    drawn = np.float64 if dtype == "float64" else np.float32
    if law == "ones":
        values = np.ones(shape, drawn)
    elif law == "uniform":
        values = rng.random(shape, drawn)
        values *= 2 * BOUND
        values -= BOUND
    else:
        values = rng.standard_normal(shape, drawn)
        if law == "truncated":
            flat = values.reshape(-1)
            beyond = np.flatnonzero(np.abs(flat) > 2)
            while beyond.size:
                again = rng.standard_normal(beyond.size, drawn)
                flat[beyond] = again
                beyond = beyond[np.abs(again) > 2]
        values *= STD
    if dtype == "bfloat16":
        import ml_dtypes

        return values.astype(ml_dtypes.bfloat16)
    return values


if __name__ == "__main__":
    run(draw, save_file)
