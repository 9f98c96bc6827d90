"""Writes a plan: one file, or a directory of files that appear together, the index last."""

import contextlib
import os
import stat
from collections.abc import Iterator
from itertools import islice

from initgen.core.errors import Appeared, OutputError
from initgen.core.url import is_url
from initgen.engine.descriptors import flush
from initgen.engine.draw import Tensor
from initgen.engine.files import Plan
from initgen.engine.output import Target, check_space, directory_of, faults_of, holds, is_there, linked
from initgen.engine.progress import SILENT, Progress
from initgen.engine.signals import held
from initgen.engine.store import Store
from initgen.engine.temporary import clear, temporary
from initgen.engine.write import Blank, Filler, Written, local, matches, write
from initgen.formats.parts import INDEX


def write_plan(
    plan: Plan,
    *,
    force: bool = False,
    fsync: bool = True,
    threads: int | None = None,
    progress: Progress = SILENT,
    filler: Filler | None = None,
) -> Written:
    """Make the files of a plan; what is there already stays, unless ``force``.

    A directory that is not there appears at once, with all its files. In one that is there each file appears whole, the
    index last: an old index goes first, so that it never names a mixture of old shards and new. At a URL there is nothing
    to flush.

    Raises:
        BadParameter: a dtype cannot hold its law.
        OutputError: the output cannot be written, or holds something else.
    """
    if is_url(plan.path):
        from initgen.engine.remote import write_remote

        return write_remote(plan, force=force, threads=threads, progress=progress)
    if not plan.directory:
        (file,) = plan.files
        return write(
            file.specs,
            plan.path,
            file.form,
            force=force,
            fsync=fsync,
            threads=threads,
            progress=progress,
            filler=filler,
        )
    with faults_of(plan.path):
        return _write(plan, force=force, fsync=fsync, filler=filler, threads=threads, progress=progress)


def _write(
    plan: Plan, *, force: bool, fsync: bool, filler: Filler | None, threads: int | None, progress: Progress
) -> Written:
    target = directory_of(plan.path)
    tensors = iter(Tensor.all_of(plan.specs))  # what cannot be drawn says so before anything is made
    there = [name for name in (*plan.names, *_stale(plan, target)) if _exists(target, name)]
    if there and not force:
        if matches_plan(plan, threads, progress):
            for place in (target.real, os.path.dirname(target.real)):
                clear(place)
            return Written(plan.path, "unchanged", _size(plan, target))
        other = [name for name, data in plan.beside.items() if name in there and not _holds(target, name, data)]
        raise OutputError(
            f"{os.path.join(plan.path, (other or there)[0])}: exists, and the directory holds something else",
            "--force replaces it",
        )
    check_space(target, sum(file.nbytes for file in plan.files))
    try:
        size = _make(plan, target, tensors, filler or local(threads), progress, force=force, fsync=fsync)
    except Appeared:  # the same command at the same time makes the same
        if force:
            return _write(plan, force=True, fsync=fsync, filler=filler, threads=threads, progress=progress)
        if not matches_plan(plan, threads):
            raise
        return Written(plan.path, "unchanged", _size(plan, target))
    return Written(plan.path, "wrote", size)


def _make(
    plan: Plan,
    target: Target,
    tensors: Iterator[Tensor],
    filler: Filler,
    progress: Progress,
    *,
    force: bool,
    fsync: bool,
) -> int:
    with _staged(target) as stage:
        for blank in filler(_blanks(plan, stage, tensors), progress):
            if fsync:
                flush(blank.path)
            progress.end(blank.name)
        for name, data in plan.beside.items():
            path = os.path.join(stage, name)
            with open(path, "wb") as beside:
                beside.write(data)
            if fsync:
                flush(path)
        size = sum(os.stat(os.path.join(stage, name)).st_size for name in plan.names)
        if fsync:
            _flush_names(plan, stage)
        if target.mode is None:
            _appear(stage, target)
        else:
            with _alone(target.real), held():  # between two names there is neither set
                _move(plan, stage, target, force=force, fsync=fsync)
            if fsync:
                _flush_names(plan, target.real)
        if fsync:
            flush(os.path.dirname(target.real))
    return size


def _flush_names(plan: Plan, top: str) -> None:
    """Have the disk take the names of a plan's files, and of the directories that they are in."""
    inside = {""}
    for name in plan.names:
        while name := os.path.dirname(name):
            inside.add(name)
    for name in sorted(inside, reverse=True):
        flush(os.path.join(top, name) if name else top)


def _blanks(plan: Plan, stage: str, tensors: Iterator[Tensor]) -> Iterator[Blank]:
    for file in plan.files:
        path = os.path.join(stage, file.name)
        if os.path.lexists(path):
            shown = os.path.join(plan.path, file.name)
            raise OutputError(f"{shown}: another tensor's file has this name, which differs in case only", "rename it")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        yield Blank(path, os.path.join(plan.path, file.name), list(islice(tensors, len(file.specs))), file.form)


def matches_plan(plan: Plan, threads: int | None = None, progress: Progress = SILENT) -> bool:
    """Whether what is there is what `write_plan` would make."""
    return difference(plan, threads, progress) is None


def difference(plan: Plan, threads: int | None = None, progress: Progress = SILENT) -> str | None:
    """What first tells the files that are there from those that `write_plan` would make, in words; None if nothing does.

    There are no words where there is one file only, or nobody looked further.

    Raises:
        OutputError: in a file's place is something that is none.
    """
    if is_url(plan.path):
        from initgen.engine.remote import matches_remote

        return None if matches_remote(plan, threads, progress) else ""
    if not plan.directory:
        (file,) = plan.files
        is_there(plan.path, plan.path)
        return None if matches(file.specs, plan.path, file.form, threads, progress) else ""
    with faults_of(plan.path):
        return _difference(plan, threads, progress)


def _difference(plan: Plan, threads: int | None, progress: Progress) -> str | None:
    target = Target(plan.path, os.path.realpath(plan.path), None)  # it need not be writable
    for name in plan.names:
        if not _exists(target, name):
            return f"{name} is missing"
    for name in _stale(plan, target):
        return f"{name} is of another set"
    for name, data in plan.beside.items():
        if not _holds(target, name, data):
            return f"{name} differs"
    for file in plan.files:
        if not matches(file.specs, os.path.join(plan.path, file.name), file.form, threads, progress):
            return f"{file.name} differs"
    return None


def exists(plan: Plan) -> bool:
    """Whether anything is where a plan goes."""
    if is_url(plan.path):
        from initgen.engine import remote

        return remote.exists(plan)
    return os.path.exists(plan.path)


def store_at(path: str, *, fsync: bool = True, threads: int | None = None) -> Store:
    """Where the files of a plan at this path go.

    Args:
        fsync: flush files to disk; at a URL there is nothing to flush.

    Raises:
        OutputError: they cannot.
    """
    if is_url(path):
        from initgen.engine.remote import Remote

        return Remote(path, threads)
    from initgen.engine.local import Directory

    return Directory(path, fsync=fsync, threads=threads)


def _holds(target: Target, name: str, data: bytes) -> bool:
    """Whether a small file of a directory is what it should be."""
    return holds(os.path.join(target.real, name), data)


@contextlib.contextmanager
def _staged(target: Target) -> Iterator[str]:
    """A directory on the same disk that nobody looks into, gone when the block ends, however it ends."""
    above = target.real if target.mode is not None else os.path.dirname(target.real)
    with faults_of(target.path), temporary(above, folder=True) as stage:
        yield stage


def _appear(stage: str, target: Target) -> None:
    try:
        os.rename(stage, target.real)
    except OSError:
        if os.path.exists(target.real):
            raise Appeared(f"{target.path}: appeared while it was being made", "--force replaces it") from None
        raise


@contextlib.contextmanager
def _alone(directory: str) -> Iterator[None]:
    """No other initgen gives files their names there meanwhile: of two sets one would be a mixture."""
    try:
        import fcntl
    except ImportError:  # Windows, which opens no directories either
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not on all network file systems
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # type: ignore[attr-defined, unused-ignore]
        yield
    finally:
        os.close(descriptor)


def _move(plan: Plan, stage: str, target: Target, *, force: bool, fsync: bool) -> None:
    """Give the files their names in a directory that is there.

    The disk takes what was done before and after an index is away: it need not keep names in the order of their changes.
    """
    stale = _stale(plan, target)
    finals = {name: os.path.join(target.real, name) for name in plan.names}
    if force:
        for name, final in finals.items():
            with contextlib.suppress(FileNotFoundError):
                mode = os.stat(final).st_mode
                os.chmod(os.path.join(stage, name), stat.S_IMODE(mode))
        for name in (*stale, *plan.names):
            if name.endswith(INDEX):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(target.real, name))
                    if fsync:
                        flush(target.real)
    made: list[str] = []
    folders: list[str] = []
    try:
        for name, final in finals.items():
            source = os.path.join(stage, name)
            inside = os.path.dirname(final)
            while inside != target.real and not os.path.isdir(inside):
                folders.append(inside)
                inside = os.path.dirname(inside)
            os.makedirs(os.path.dirname(final), exist_ok=True)
            if fsync and name.endswith(INDEX):
                flush(target.real)
            if force or not linked(source, Target(os.path.join(plan.path, name), final, None)):
                os.replace(source, final)
            made.append(final)
    except BaseException:
        for final in made if not force else ():  # as it was
            with contextlib.suppress(OSError):
                os.unlink(final)
        for folder in sorted(folders, reverse=True):  # those that are empty
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        raise
    for name in stale:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(target.real, name))


def _exists(target: Target, name: str) -> bool:
    return is_there(target.real, target.path, name)


def _stale(plan: Plan, target: Target) -> list[str]:
    """Files of another sharded checkpoint in the same directory, which its readers would take for part of this one."""
    try:
        return plan.stale(os.listdir(target.real))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(plan: Plan, target: Target) -> int:
    return sum(os.stat(os.path.join(target.real, name)).st_size for name in plan.names)
