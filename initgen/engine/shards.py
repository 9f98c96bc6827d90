"""A plan made in parts, by several machines or in several attempts: the files first, each checked, the index last.

An index is only there over files that were all checked: who makes a file removes it first, and only the end puts one.
"""

import heapq
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from initgen.core.errors import BadParameter, FormatError, OutputError, quoted
from initgen.engine.draw import Tensor
from initgen.engine.files import File, Plan
from initgen.engine.progress import SILENT, Progress
from initgen.engine.store import Store
from initgen.formats.parts import INDEX

_PART = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class Outcome:
    """What became of the files of a part, or of a whole plan, by their names below the output.

    Attributes:
        kept: were there, and every byte is as it should be.
        missing: are not there.
        wrong: are there, and hold something else.
        identities: of files as they were when they were right (`Store.identity`).
    """

    wrote: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    identities: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Whether every file is there and right."""
        return not (self.missing or self.wrong)


def parse_part(text: str) -> tuple[int, int]:
    """``2/4`` as its numbers: the second of four parts.

    Raises:
        BadParameter: it is not two whole numbers with a slash, or there is no such part.
    """
    found = _PART.fullmatch(text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count:
        raise BadParameter(
            f"shard = {quoted(text)} is not I/N with I from 1 to N", "like 2/4, the second of four parts"
        )
    return number, count


def part_of(plan: Plan, number: int, count: int) -> Plan:
    """Part ``number``, from 1 to ``count``, of a plan's files, without what goes beside them.

    The largest file first, each to the part that has the least: a part has at most 4/3 of what it would have at best
    (Graham 1969). It depends on the plan and the count alone.

    Raises:
        FormatError: the plan is one file.
    """
    check_divisible(plan)
    parts = [(0, 0, part) for part in range(1, count + 1)]  # bytes, files, number
    mine = set()
    for file in sorted(plan.files, key=lambda file: -file.nbytes):  # equal ones in their order
        nbytes, files, part = parts[0]
        heapq.heapreplace(parts, (nbytes + file.nbytes, files + 1, part))
        if part == number:
            mine.add(file.name)
    return replace(plan, files=tuple(file for file in plan.files if file.name in mine), beside={})


def check_divisible(plan: Plan) -> None:
    """Refuse an output that is one file.

    Raises:
        FormatError: it is one.
    """
    if not plan.directory:
        raise FormatError(
            f"{plan.path}: is one file, which has no parts", "a directory has: -o DIRECTORY/ --max-shard-size SIZE"
        )


def write_part(
    plan: Plan, files: Sequence[File], store: Store, *, force: bool = False, progress: Progress = SILENT
) -> Outcome:
    """Make these files of a plan; those that are there already are drawn anew, compared, and kept.

    Raises:
        BadParameter: a dtype cannot hold its law.
        OutputError: a file cannot be written, or one that is there holds something else and not ``force``.
    """
    Tensor.all_of([spec for file in files for spec in file.specs])  # what cannot be drawn says so first
    there = _admitted(plan, store, force)
    kept, todo = [], []
    identities = {}
    for file in files:
        identities[file.name] = store.identity(file.name)
        if file.name in there and store.matches(file, progress):
            kept.append(file.name)
        elif file.name in there and not force:
            raise _taken(store, file.name)
        else:
            todo.append(file)
    store.check_room(sum(file.nbytes for file in todo))
    for name in _indexes(plan, there):
        if todo or plan.beside.get(name) is None or not store.holds(name, plan.beside[name]):
            store.remove(name)
    for file in todo:
        store.write(file, progress, force=force)
        identities[file.name] = store.identity(file.name)
        _remove_index(plan, store)  # of another run, which has checked what was there before
    return Outcome(tuple(file.name for file in todo), tuple(kept), identities=identities)


def check_part(files: Sequence[File], store: Store, *, progress: Progress = SILENT) -> Outcome:
    """Draw these files anew and compare; nothing is written."""
    there = set(store.names())
    missing = _missing(files, there, store)
    present = [file for file in files if file.name in there]
    identities = {file.name: store.identity(file.name) for file in present}
    right = {file.name: store.matches(file, progress) for file in present}
    return Outcome(
        identities=identities,
        kept=tuple(name for name, same in right.items() if same),
        missing=missing,
        wrong=tuple(name for name, same in right.items() if not same),
    )


def finish(plan: Plan, store: Store, *, force: bool = False, progress: Progress = SILENT) -> Outcome:
    """Check every file of a plan, and put beside them what belongs there, the index last.

    Where files are missing that is the answer, at once; nothing is drawn, and nothing written.

    Raises:
        OutputError: there is a file of another set, or a small one that holds something else, and not ``force``.
    """
    there = _admitted(plan, store, force)
    missing = _missing(plan.files, there, store)
    if missing:
        return Outcome(missing=missing)
    checked = check_part(plan.files, store, progress=progress)
    return _closed(plan, store, checked, force) if checked.complete else checked


def resume(plan: Plan, store: Store, *, force: bool = False, progress: Progress = SILENT) -> Outcome:
    """Make a plan file by file, and go on with one that was interrupted: `write_part` of all of it, and its end.

    Raises:
        OutputError: as `write_part` and `finish`.
    """
    return _closed(plan, store, write_part(plan, plan.files, store, force=force, progress=progress), force)


def _missing(files: Sequence[File], there: set[str], store: Store) -> tuple[str, ...]:
    missing = tuple(file.name for file in files if file.name not in there)
    for name in missing:
        store.check_place(name)
    return missing


def _admitted(plan: Plan, store: Store, force: bool) -> set[str]:
    """The files that are there, where none of them stands in the way."""
    store.clear()
    there = set(store.names())
    if not force:
        for name in plan.stale(there):
            raise OutputError(f"{os.path.join(plan.path, name)}: is of another set", "--force removes it")
        for name, data in plan.beside.items():
            if name in there and not store.holds(name, data):
                raise _taken(store, name)
    return there


def _indexes(plan: Plan, there: set[str]) -> list[str]:
    """The indexes that are there, of this set and of others."""
    return [name for name in (*plan.stale(there), *plan.beside) if name.endswith(INDEX) and name in there]


def _remove_index(plan: Plan, store: Store) -> None:
    for name in plan.beside:
        if name.endswith(INDEX):
            store.remove(name)


def _taken(store: Store, name: str) -> OutputError:
    return OutputError(f"{os.path.join(store.path, name)}: exists and holds something else", "--force replaces it")


def _closed(plan: Plan, store: Store, made: Outcome, force: bool) -> Outcome:
    """What the last step makes of files that are all there and right."""
    there = _admitted(plan, store, force)
    for name in sorted(plan.stale(there), key=lambda name: not name.endswith(INDEX)):
        store.remove(name)
    todo = [name for name, data in plan.beside.items() if name not in there or not store.holds(name, data)]
    for name in todo:
        store.write_bytes(name, plan.beside[name], force=force)
    # Who replaced a file since removes the index after it, or is seen here, whichever comes later.
    changed = [name for name, before in made.identities.items() if store.identity(name) != before]
    if changed:
        _remove_index(plan, store)
        raise OutputError(
            f"{os.path.join(plan.path, changed[0])}: was changed meanwhile by another run", "run this again"
        )
    kept = tuple(name for name in plan.beside if name not in todo)
    return replace(made, wrote=(*made.wrote, *todo), kept=(*made.kept, *kept))
