"""The answer: seconds, memory, and ratios beside what they should be, as Markdown and as JSON."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from measure import Run, Runs

Key = tuple[str, str]  # row, column
TIMES = ("initgen", "1 thread", "engine", "verify", "stats", "numpy", "torch", "jax", "keras", "pwrite", "pread")
MEMORY = ("initgen", "1 thread", "verify", "stats", "numpy", "torch", "jax", "keras")


@dataclass(frozen=True)
class Ratio:
    """Time of the fastest of ``over`` in times of the fastest of ``under``; without these, the peak memory of ``over``."""

    name: str
    over: list[Key]
    under: list[Key]
    least: float | None = None
    most: float | None = None

    def value(self, runs: dict[Key, list[Run]]) -> float | None:
        """The median of the ratios within each turn; none where a side was not measured."""
        if not self.under:
            return max((run.mib for key in self.over for run in runs.get(key, [])), default=None)
        over, under = ([runs[key] for key in side if key in runs] for side in (self.over, self.under))
        if not over or not under:
            return None
        turns = min(len(each) for each in (*over, *under))
        return statistics.median(
            min(each[turn].seconds for each in over) / min(each[turn].seconds for each in under)
            for turn in range(turns)
        )

    def wanted(self) -> str:
        """What it should be, in words."""
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}" if self.most is not None else ""

    def reached(self, value: float | None) -> bool | None:
        """Whether it is what it should be; none where nothing is asked or known."""
        if value is None or not self.wanted():
            return None
        return value >= self.least if self.least is not None else value <= (self.most or 0)


def page(runs: Runs, ratios: list[Ratio], about: list[tuple[str, str]]) -> Iterator[str]:
    """Everything, line by line."""
    for name, value in about:
        yield f"- {name}: {value}"
    yield from ("", "### Seconds", "")
    yield from grid(runs, TIMES, lambda each: statistics.median(run.seconds for run in each), "{:#.3g}")
    if runs.failures:
        yield ""
        for (row, column), why in runs.failures.items():
            yield f"- {row}, {column}: {why}"
    yield from ("", "### Peak memory, MiB", "")
    yield from grid(runs, MEMORY, lambda each: max(run.mib for run in each), "{:.0f}", skip="in memory")
    yield from ("", "### Ratios", "")
    rows = []
    for ratio in ratios:
        value = ratio.value(runs.of)
        said = "–" if value is None else f"{value:.0f}" if not ratio.under else f"{value:.2f}"
        reached = {True: "yes", False: "**no**", None: ""}[ratio.reached(value)]
        rows.append([ratio.name, said, ratio.wanted(), reached])
    yield from markdown(["ratio", "measured", "should be", "reached"], rows)


def grid(runs: Runs, columns: tuple[str, ...], figure: Any, form: str, skip: str = "\n") -> Iterator[str]:
    """A figure of each row and column; the limits are the better of one thread and two."""
    found: dict[Key, float] = {}
    for (row, column), each in runs.of.items():
        key = row, column.split(" ")[0] if column.startswith(("pwrite", "pread")) else column
        if skip not in row:
            found[key] = min(figure(each), found.get(key, float("inf")))
    rows = dict.fromkeys(row for row, _ in found)
    shown = [column for column in columns if any(key[1] == column for key in (*found, *runs.failures))]
    cells = [
        [row, *(form.format(found[row, column]) if (row, column) in found else "–" for column in shown)] for row in rows
    ]
    yield from markdown(["", *shown], cells)


def markdown(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A table whose columns are aligned in its source too."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width if number == 0 else "-" * (width - 1) + ":" for number, width in enumerate(widths)]
    for first, *others in (header, rule, *rows):
        cells = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
        yield f"| {' | '.join(cells)} |"


def document(runs: Runs, ratios: list[Ratio], about: list[tuple[str, str]]) -> dict[str, Any]:
    """Every figure, for machines."""
    works: dict[str, dict[str, Any]] = {}
    for (row, column), each in runs.of.items():
        works.setdefault(row, {})[column] = [run._asdict() for run in each]
    failures: dict[str, dict[str, str]] = {}
    for (row, column), why in runs.failures.items():
        failures.setdefault(row, {})[column] = why
    values = [(ratio, ratio.value(runs.of)) for ratio in ratios]
    return {
        "about": dict(about),
        "runs": works,
        "failures": failures,
        "ratios": [
            {"name": each.name, "value": value, "least": each.least, "most": each.most, "reached": each.reached(value)}
            for each, value in values
        ],
    }
