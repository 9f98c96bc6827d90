"""Arrays in memory, without a file: ``memory.py WHAT SIZE`` prints the least seconds of several times.

Normals are drawn by one thread: SIZE of them by initgen into a new array, by numpy and torch into one that is there, so that
they pay for no memory. Matrices of SIZE x SIZE are made by as many threads as numpy's linear algebra takes.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

TIMES = 5


def normals_of_initgen(dtype: str, size: int) -> Callable[[], Any]:
    import initgen
    from initgen.engine.write import array

    spec = initgen.tensor("random_normal:stddev=0.02", (size,), dtype=dtype)
    return lambda: array(spec, threads=1)


def normals_of_numpy(dtype: str, size: int) -> Callable[[], Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    if dtype == "bfloat16":
        import ml_dtypes

        single = np.empty(size, np.float32)
        return lambda: rng.standard_normal(out=single, dtype=np.float32).astype(ml_dtypes.bfloat16)
    values = np.empty(size, dtype)
    return lambda: rng.standard_normal(out=values, dtype=values.dtype)


def normals_of_torch(dtype: str, size: int) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    values = torch.empty(size, dtype=getattr(torch, dtype))
    return lambda: values.normal_()


def orthogonal(size: int) -> Callable[[], Any]:
    import initgen

    return lambda: initgen.sample("orthogonal", (size, size))


def qr(size: int) -> Callable[[], Any]:
    import numpy as np

    matrix = np.random.default_rng(0).standard_normal((size, size))
    return lambda: np.linalg.qr(matrix)


NORMALS = {"initgen": normals_of_initgen, "numpy": normals_of_numpy, "torch": normals_of_torch}
MATRICES = {"orthogonal": orthogonal, "qr": qr}


def main(what: str, size: int) -> None:
    program, _, dtype = what.partition(":")
    once = NORMALS[program](dtype, size) if dtype else MATRICES[program](size)
    once()
    least = float("inf")
    for _ in range(TIMES):
        started = time.perf_counter()
        once()
        least = min(least, time.perf_counter() - started)
    print(least)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
