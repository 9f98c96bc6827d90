"""The limit of reading: ``raw_read.py PATH`` reads a file by two threads into buffers that stay in cache."""

import os
import sys
import threading

PIECE = 1 << 21


def read(descriptor: int, start: int, end: int) -> None:
    buffer = bytearray(PIECE)
    for offset in range(start, end, PIECE):
        os.preadv(descriptor, [buffer], offset)


def main(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    half = size // 2 // PIECE * PIECE
    threads = [threading.Thread(target=read, args=(descriptor, *part)) for part in ((0, half), (half, size))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
