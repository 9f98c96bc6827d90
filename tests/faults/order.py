"""The order of calls that a loss of power asks for: nothing has a name that the disk does not hold."""

import os

from bench import Bench
from ends import Tally
from scenes import INDEX, Scene


def promised(bench: Bench, scene: Scene) -> Tally:
    """Hold the calls of a run that ends well against the promise, one by one.

    A file is flushed after its last write and before it gets its name; the directory that a name is in, after that and
    before the run ends; and both before and after an index goes, and before one comes, as a disk need not keep the
    order of names.
    """
    tally, top = Tally(scene.name), bench.top
    written: set[str] = set()  # since they were flushed
    named: set[str] = set()  # directories with names that were not flushed
    without: set[str] = set()  # directories that an index has gone from
    for call, path, more, error in bench.ready(scene).log:
        if error:
            continue
        if call in ("write", "fallocate", "truncate"):
            written.add(path)
        elif (more == "new" or call == "mkdir") and not os.path.basename(path).startswith(".initgen-"):
            named.add(os.path.dirname(path))
        elif call == "fsync":
            written.discard(path)
            named.discard(path)
            without.discard(path)
        elif call in ("rename", "link"):
            wrong = _not_flushed(path, more, written, named)
            if os.path.dirname(more) in without:
                wrong = wrong or "that the old index is gone is not flushed"
            tally.add(call, f"{_short(path, top)} -> {_short(more, top)}: {wrong}" if wrong else "")
            written = {_moved(one, path, more) for one in written}
            named = {_moved(one, path, more) for one in named} | {os.path.dirname(more)}
        elif call == "unlink" and ".initgen-" not in path:
            named.add(os.path.dirname(path))
            if path.endswith(INDEX):
                without.add(os.path.dirname(path))
    last = [path for path in named if ".initgen-" not in path and path.startswith(top)]
    tally.add("end", f"the names in {_short(last[0], top)} are not flushed at the end" if last else "")
    return tally


def _not_flushed(path: str, final: str, written: set[str], named: set[str]) -> str:
    inside = [one for one in written | (named if "." not in os.path.basename(final) else set()) if one == path]
    inside += [one for one in written | named if one.startswith(f"{path}/")]
    if inside:
        return f"{os.path.basename(inside[0])} is not flushed"
    # The old index is gone for good, and what the new one names is there for good.
    if final.endswith(INDEX) and os.path.dirname(final) in named:
        return "what came before is not flushed"
    return ""


def _moved(path: str, source: str, target: str) -> str:
    return target + path[len(source) :] if path == source or path.startswith(f"{source}/") else path


def _short(path: str, top: str) -> str:
    return os.path.relpath(path, top)
