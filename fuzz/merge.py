"""What fuzzing found, taken into the corpus: the smallest inputs that go through lines in an order that no other does."""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from fuzz.replay import CORPUS
from fuzz.targets import Target, specs
from fuzz.verdict import Court

Steps = set[tuple[CodeType, int, int]]


def merge(target: Target, fresh: Path, most: int) -> int:
    """Take over what is new in ``fresh``, so many bytes of it; inputs with a name of their own stay, the others go.

    Returns the number of inputs that the target then has.
    """
    own = CORPUS / target.name
    own.mkdir(parents=True, exist_ok=True)
    old = [path for path in own.iterdir() if re.fullmatch("[0-9a-f]{40}", path.name)]
    found = {path.name: path.read_bytes() for path in (*old, *fresh.glob("*"))}
    for path in old:
        path.unlink()
    named = [path.read_bytes() for name in (target.name, *target.seeds) for path in (CORPUS / name).glob("*-*")]
    seen: Steps = set()
    with specs.limited(), Court() as court:
        for data in named:
            seen |= _steps(court, target, data)
        for name, data in sorted(found.items(), key=lambda item: (len(item[1]), item[0])):
            if len(data) > most:
                break
            steps = _steps(court, target, data)
            if not steps <= seen:
                seen |= steps
                most -= len(data)
                (own / name).write_bytes(data)
    return len(list(own.iterdir()))


def _steps(court: Court, target: Target, data: bytes) -> Steps:
    """From which line to which line of initgen it goes."""
    steps: Steps = set()

    def called(frame: FrameType, event: str, told: Any) -> Any:
        if "initgen" + os.sep not in frame.f_code.co_filename:
            return None
        last = 0

        def inside(frame: FrameType, event: str, told: Any) -> Any:
            nonlocal last
            if event == "line":
                steps.add((frame.f_code, last, frame.f_lineno))
                last = frame.f_lineno
            return inside

        return inside

    sys.settrace(called)
    try:
        with suppress(Exception):
            court.try_(target.call, data)
    finally:
        sys.settrace(None)
    return steps
