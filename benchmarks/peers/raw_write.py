"""What the system allows: bytes that are there already, into a file that is laid out: ``raw_write.py NBYTES FILE``."""

import os
import sys
import threading

PIECE = 1 << 19

nbytes, path = int(sys.argv[1]), sys.argv[2]
piece = os.urandom(PIECE)
descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.posix_fallocate(descriptor, 0, nbytes)
cores = len(os.sched_getaffinity(0))


def fill(first: int) -> None:
    for at in range(first * PIECE, nbytes, cores * PIECE):
        os.pwrite(descriptor, piece[: nbytes - at], at)


threads = [threading.Thread(target=fill, args=(first,)) for first in range(cores)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
os.close(descriptor)
