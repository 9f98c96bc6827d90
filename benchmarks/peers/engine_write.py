"""initgen in a process that has started already: ``engine_write.py SCHEME SHAPE DTYPE FILE`` prints the seconds of `write`.

Beside the limit, which is measured without the start of its interpreter too. Not flushed, by all cores: in processes, as
the command does it.
"""

import sys
import time

import initgen
from initgen.engine import processes


def main(scheme: str, shape: str, dtype: str, path: str) -> None:
    initgen.sample(scheme, (1,), dtype=dtype)  # imports what drawing needs
    spec = initgen.tensor(scheme, [int(size) for size in shape.split("x")], dtype=dtype)
    processes.alone = True
    started = time.perf_counter()
    initgen.write(spec, path, fsync=False)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
