"""Inputs run through their target, without a fuzzer."""

import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from fuzz.targets import Target, specs
from fuzz.verdict import Court

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"


def replay(target: Target, paths: Iterable[Path]) -> Iterator[tuple[Path, str, Exception | None]]:
    """Each input with what was said of it, and with the finding if there is one."""
    with specs.limited(), Court() as court:
        for path in paths:
            try:
                said, found = court.try_(target.call, path.read_bytes()), None
            except Exception as error:
                said, found = "", error
            yield path, said, found


def report(replayed: Iterable[tuple[Path, str, Exception | None]]) -> int:
    """Print them; 1 if there is a finding."""
    code = 0
    for path, said, found in replayed:
        print(f"{path}: {said or 'answered'}" if found is None else f"{path}: a finding")
        if found is not None:
            traceback.print_exception(found)
            code = 1
    return code
