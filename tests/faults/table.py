"""What the loops found, for a terminal of 100 columns."""

from collections import Counter
from collections.abc import Iterable, Mapping

from ends import Tally
from injection import ERRORS
from loop import Cell

_NAME, _COLUMN = 24, 4


def matrix(cells: Mapping[str, Mapping[str, Cell]]) -> str:
    """How often each way to write makes each call, up to which it was made to fail: N reached."""
    calls = [call for call in ERRORS if any(call in row and row[call].reached for row in cells.values())]
    lines = ["", "", ""]
    for number, call in enumerate(calls):  # names are wider than columns, and stand in three lines
        end = _NAME + _COLUMN * (number + 1)
        lines[number % 3] = f"{lines[number % 3]:{end - len(call)}}{call}"
    for name, row in cells.items():
        numbers = "".join(f"{row[call].reached or '·' if call in row else '·':>{_COLUMN}}" for call in calls)
        lines.append(f"{name:{_NAME}}{numbers}")
    return "\n".join(line.rstrip() for line in lines)


def outcomes(cells: Mapping[str, Mapping[str, Cell]]) -> str:
    """What became of the points, by call and by way to write."""
    by_call: dict[str, Cell] = {}
    by_scene: dict[str, Cell] = {}
    for name, row in cells.items():
        for call, cell in row.items():
            for key, into in ((call, by_call), (name, by_scene)):
                total = into.setdefault(key, Cell())
                total.states += cell.states
                total.kinds |= cell.kinds
                total.problems += cell.problems
    known = [kind for kinds in ERRORS.values() for kind in kinds]
    order = {kind: known.index(kind) for kind in known}
    head = f"{'points':>7} {'old':>6} {'new':>6} {'between':>8} {'failed':>7}"
    lines = [f"{'call':{_NAME}}{head}  errors tried"]
    lines += [
        f"{call:{_NAME}}{_row(by_call[call])}  {' '.join(sorted(by_call[call].kinds, key=order.__getitem__))}"
        for call in ERRORS
        if call in by_call and by_call[call].points
    ]
    lines += ["", f"{'way to write':{_NAME}}{head}"]
    lines += [f"{name:{_NAME}}{_row(cell)}" for name, cell in by_scene.items()]
    total = Cell(states=sum((cell.states for cell in by_scene.values()), Counter()))
    total.problems = [problem for cell in by_scene.values() for problem in cell.problems]
    return "\n".join([*lines, f"{'together':{_NAME}}{_row(total)}"])


def _row(cell: Cell) -> str:
    states = cell.states
    return f"{cell.points:7,} {states['old']:6,} {states['new']:6,} {states['between']:8,} {len(cell.problems):7,}"


def summary(what: str, tallies: Iterable[Tally], *, longest: bool = False) -> str:
    """A line for some tallies, and one for each of them below it."""
    tallies = list(tallies)
    good, runs = sum(tally.good for tally in tallies), sum(tally.runs for tally in tallies)
    took = f", the longest ended after {max((tally.longest for tally in tallies), default=0):.2f} s" if longest else ""
    lines = [f"{what}: {good}/{runs}{took}"]
    for tally in tallies:
        states = ", ".join(f"{count} {state}" for state, count in sorted(tally.states.items()))
        lines.append(f"  {tally.name:32} {tally.good}/{tally.runs}  {states}")
    return "\n".join(lines)
