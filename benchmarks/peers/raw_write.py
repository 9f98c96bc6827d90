"""What the system allows: bytes that are there already, into a file laid out before.

``raw_write.py NBYTES FILE THREADS [--fsync]`` prints the seconds that this took, without the start of the interpreter.
"""

import os
import sys
import threading
import time

PIECE = 1 << 19  # stays in a core's cache, and takes far longer to write than to come back for


def main(nbytes: int, path: str, count: int, fsync: bool) -> None:
    piece = os.urandom(PIECE)

    def fill(first: int) -> None:
        for at in range(first * PIECE, nbytes, count * PIECE):
            os.pwrite(descriptor, piece[: nbytes - at], at)

    started = time.perf_counter()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.posix_fallocate(descriptor, 0, nbytes)
    threads = [threading.Thread(target=fill, args=(first,)) for first in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if fsync:
        os.fsync(descriptor)
    os.close(descriptor)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), "--fsync" in sys.argv[4:])
