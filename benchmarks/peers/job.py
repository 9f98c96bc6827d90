"""What each peer is asked to do: ``PEER_sample.py JOB FILE [--fsync]`` makes the tensors of a job and saves them.

A job is ``{"dtype": …, "tensors": {name: [law, shape]}}``; the laws, here in units that every peer knows, are those of
`SCHEMES` in ``work.py``.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

BOUND = 0.05  # of the uniform law, ±
STD = 0.02  # of the normal law, and of the truncated one before it is cut at ±2 of it


def run(draw: Callable[[str, tuple[int, ...], str], Any], save: Callable[[dict[str, Any], str], None]) -> None:
    """Do the job of the command line: draw every tensor, save them all, and flush the file if asked to."""
    job = json.loads(Path(sys.argv[1]).read_text())
    path = sys.argv[2]
    save({name: draw(law, tuple(shape), job["dtype"]) for name, (law, shape) in job["tensors"].items()}, path)
    if "--fsync" in sys.argv[3:]:
        descriptor = os.open(path, os.O_RDWR)
        os.fsync(descriptor)
        os.close(descriptor)
