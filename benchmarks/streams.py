"""A framework's stream beside the framework: nanoseconds a value, one thread, 10 million of float32.

``make bench-streams`` runs it once for each framework, as each wants a process of its own; each prints a row.
``python benchmarks/streams.py torch`` is one of them.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

COUNT = 10_000_000
TURNS = 5
LAWS = {
    "uniform": "random_uniform:minval=-0.1,maxval=0.1",
    "normal": "random_normal:mean=0,stddev=0.1",
    "truncated": "truncated_normal:mean=0,stddev=0.1",
}
Draws = dict[str, Callable[[], object]]


def torch() -> Draws:
    """torch, into a tensor that is there."""
    import torch

    torch.set_num_threads(1)
    tensor = torch.empty(COUNT)
    return {
        "uniform": lambda: tensor.uniform_(-0.1, 0.1),
        "normal": lambda: tensor.normal_(0.0, 0.1),
        "truncated": lambda: torch.nn.init.trunc_normal_(tensor, 0.0, 0.1, -0.2, 0.2),
    }


def jax() -> Draws:
    """jax, compiled before it is timed."""
    import jax

    key, shape = jax.random.key(0), (COUNT,)
    return {
        "uniform": lambda: jax.random.uniform(key, shape, minval=-0.1, maxval=0.1).block_until_ready(),
        "normal": lambda: (jax.random.normal(key, shape) * 0.1).block_until_ready(),
        "truncated": lambda: (jax.random.truncated_normal(key, -2, 2, shape) * 0.1).block_until_ready(),
    }


def keras() -> Draws:
    """Keras on the backend that KERAS_BACKEND names."""
    import keras

    made = keras.initializers
    ways = {
        "uniform": made.RandomUniform(-0.1, 0.1, seed=0),
        "normal": made.RandomNormal(0.0, 0.1, seed=0),
        "truncated": made.TruncatedNormal(0.0, 0.1, seed=0),
    }
    return {law: lambda way=way: keras.ops.convert_to_numpy(way((COUNT,))) for law, way in ways.items()}


STREAMS = {
    "torch": (torch, {}),
    "jax": (jax, {}),
    "keras-tf": (keras, {"KERAS_BACKEND": "tensorflow"}),
    "keras-numpy": (keras, {"KERAS_BACKEND": "numpy"}),
}


def seconds(draw: Callable[[], object]) -> float:
    """One run of it."""
    began = time.perf_counter()
    draw()
    return time.perf_counter() - began


def main() -> None:
    """Print a row for a stream, or put the table that a file has gathered into a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("stream", choices=STREAMS, nargs="?")
    parser.add_argument("--rows", type=Path, help="a file of rows for --write")
    parser.add_argument("--write", type=Path, help="a page to put the table into, between <!-- streams --> marks")
    given = parser.parse_args()
    if given.write:
        from calibration import put

        head = f"| | {' | '.join(LAWS)} |\n|---{'|---' * len(LAWS)}|\n"
        put(given.write, "streams", head + given.rows.read_text().rstrip())
        return
    make, environment = STREAMS[given.stream]
    os.environ.update(environment)
    # One core, for frameworks that have no other way to be held to one thread.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    theirs = make()
    from initgen.engine.write import array
    from initgen.specs.tensor import tensor_spec

    cells = []
    for law, scheme in LAWS.items():
        spec = tensor_spec(scheme, (COUNT,), stream=given.stream)
        ours, other = partial(array, spec, 1), theirs[law]
        other()
        turns = [(seconds(ours), seconds(other)) for _ in range(TURNS)]
        here, there = (min(side) / COUNT * 1e9 for side in zip(*turns, strict=True))
        cells.append(f"{here:.1f} ({there:.1f})")
    print(f"| `{given.stream}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
