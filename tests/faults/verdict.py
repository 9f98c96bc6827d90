"""What must be there after a run, and what it must have said."""

import json
import os
from dataclasses import dataclass

from scenes import INDEX, Scene, Tree

# How each signal to end is answered, as a shell says it; one that comes before the run makes anything ends it at once.
CODES = {"KILL": (-9,), "INT": (130,), "TERM": (143, -15), "HUP": (129, -1)}


@dataclass(frozen=True)
class Run:
    """What became of a run: its exit code, what it printed, how long it took in all and since its last signal, its group."""

    code: int
    said: str
    seconds: float = 0.0
    since: float = 0.0
    group: int = 0


@dataclass(frozen=True)
class Verdict:
    """``old`` where nothing has changed, ``new`` where all has, ``between`` else; and what is wrong, if something is."""

    state: str
    problem: str = ""
    met: bool = True


def is_temporary(path: str) -> bool:
    return ".initgen-" in path


def of_files(scene: Scene, found: Tree, old: Tree, new: Tree, *, temporaries: bool = False) -> Verdict:
    """Whether what is there is right while, or after, the old is replaced by the new.

    Each name has a whole old or a whole new file; none that both have is away, but for an index; and an index that is
    there has beside it the files of its own set.
    """
    rest = {path: entry for path, entry in found.items() if not is_temporary(path)}
    state = "new" if rest == new else "old" if rest == old else "between"
    left = sorted(set(found) - set(rest))
    if left and not temporaries:
        return Verdict(state, f"left {left[0]}")
    for path, entry in rest.items():
        if entry not in (old.get(path), new.get(path)):
            known = path in old or path in new
            return Verdict(state, f"{path} " + ("is neither the old nor the new" if known else "should not be there"))
    for path in old:
        if path in new and path not in rest and not path.endswith(INDEX):
            return Verdict(state, f"{path} is away")
    for path, (_, data) in rest.items():
        if path.endswith(INDEX) and data:
            files = [os.path.join(os.path.dirname(path), name) for name in json.loads(data)["weight_map"].values()]
            sets = [side for side in (old, new) if side.get(path) == rest[path]]
            if not any(all(rest.get(file) == side.get(file) for file in files) for side in sets):
                return Verdict(state, f"{path} names a mixture")
    if state == "between" and not scene.many:
        return Verdict(state, "neither the old state nor the new one is there")
    return Verdict(state)


def of_refusal(run: Run, output: str) -> str:
    """What is wrong with the end of a run that could not do its work; empty where it is right."""
    lines = run.said.splitlines()
    if run.code != 2 or not 1 <= len(lines) <= 2 or not lines[0].startswith("error: "):
        return f"code {run.code}: {run.said.strip()}"
    if len(lines) == 2 and not lines[1].startswith("hint: "):
        return run.said.strip()
    nameless = ("error: not enough memory", "cannot be loaded")  # nothing that could be named has begun
    if output.rstrip("/") not in lines[0] and not any(words in lines[0] for words in nameless):
        return f"does not name the file: {lines[0]}"
    return ""


def of_signal(run: Run, *names: str) -> str:
    """The same for a run that was sent a signal, or several, and may have been faster."""
    if run.code == 0:
        return ""
    said = [line for line in run.said.splitlines() if not line.startswith("wrote ")]  # it came when all was done
    if not any(run.code in CODES[name] for name in names) or len(said) > 1 or "Trace" in run.said:
        return f"code {run.code}: {run.said.strip()}"
    return "" if run.since < 2 else f"took {run.since:.1f} s to end"
