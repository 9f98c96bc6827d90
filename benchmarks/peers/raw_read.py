"""The limit of reading: ``raw_read.py FILE THREADS`` reads a file into buffers that stay in cache.

Prints the seconds that this took, without the start of the interpreter.
"""

import os
import sys
import threading
import time

PIECE = 1 << 20


def main(path: str, count: int) -> None:
    def read(first: int) -> None:
        buffer = bytearray(PIECE)
        for offset in range(first * PIECE, size, count * PIECE):
            os.preadv(descriptor, [buffer], offset)

    started = time.perf_counter()
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    threads = [threading.Thread(target=read, args=(first,)) for first in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(descriptor)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
