"""The fault loop: every call of every way to write fails at its first time, its second, its third, until none is left."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench import Bench
from injection import ALWAYS, ERRORS, ONCE, SIGNALS, Fault
from scenes import Scene
from verdict import Run, Verdict

# What several processes write takes half a second, and calls that are made hundreds of times: some of those, and the calls
# that are made nowhere else.
SPARSE = (1, 2, 3, 30, 60, 100)
SEVERAL = {
    "write": ("ENOSPC", "EIO", "EINTR", "half"),
    "fork": ERRORS["fork"],
    "pipe": ERRORS["pipe"],
    "disk": ("KILL", "TERM"),
}


@dataclass
class Cell:
    """What became of the points of one call of one scene."""

    reached: int = 0
    kinds: set[str] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def points(self) -> int:
        """How many there were."""
        return self.states.total()


def ways(call: str, kind: str) -> tuple[bool, ...]:
    """Whether a fault comes once, or lasts from its time on."""
    if call == ALWAYS:
        return (kind not in SIGNALS,)
    return (False,) if kind in ONCE else (False, True)


def points(bench: Bench, scene: Scene, call: str) -> Iterator[tuple[Fault, Verdict, Run]]:
    """Every fault of a call, each at its first time, its second, and so on as long as it is met."""
    for kind in (SEVERAL if scene.large else ERRORS)[call]:
        for lasting in ways(call, kind):
            number = 0
            while True:
                number = number + 1 if not scene.large else next((n for n in SPARSE if n > number), number)
                fault = Fault(call, kind, number, lasting)
                verdict, run = bench.point(scene, fault)
                yield fault, verdict, run
                if not verdict.met or (scene.large and number == SPARSE[-1]):
                    break


def loop(bench: Bench, scene: Scene, calls: tuple[str, ...] | None = None) -> dict[str, Cell]:
    """All points of a scene, by call."""
    cells = {}
    seen = bench.ready(scene).calls
    for call in SEVERAL if scene.large else ERRORS:
        if (calls is not None and call not in calls) or not (seen[call] or call == ALWAYS):
            continue
        cell = cells[call] = Cell()
        for fault, verdict, _ in points(bench, scene, call):
            if verdict.met:
                cell.reached = max(cell.reached, fault.number)
                cell.kinds.add(fault.kind)
                cell.states[verdict.state] += 1
            if verdict.problem:
                cell.problems.append((f"{fault} {scene.name}", verdict.problem))
    return cells
