"""Answers of `stats`, and previews of tensors, as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from initgen.core.errors import printable
from initgen.core.shapes import format_shape
from initgen.laws import Constant, Law
from initgen.report import wording
from initgen.report.chart import BAR, legend, picture, sparkline
from initgen.report.console import Part, Screen, show_facts
from initgen.report.tables import Cell, show_table, table_width
from initgen.schemes.structure import Structure
from initgen.streams.dialects import NATIVE

if TYPE_CHECKING:
    from initgen.checks.finding import Finding
    from initgen.checks.histogram import Histogram
    from initgen.checks.measure import Measured
    from initgen.checks.preview import Preview
    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats
    from initgen.checks.trial import Test
    from initgen.specs.tensor import TensorSpec

# Bars of the picture in a table, which has as many columns.
_SMALL = 10
# So many of a model's wrong tensors are shown in full, so many findings, and so many names in a line.
_TENSORS, _FINDINGS, _NAMES = 3, 10, 4

# So many roundings past a bound `stats` allows in dtypes up to 16 bits.
_ROUNDINGS = 2

_WRONG: Part = ("WRONG", "bold red")


def show_stats(out: Screen, file: FileStats) -> None:
    """What is in a file, each check, and the answer."""
    shown = "standard input" if file.path == "-" else file.path
    for warning in file.warnings:
        out.paragraph((f"{shown}: {warning}", "yellow"))
    if len(file.tensors) == 1:
        _show_tensor(out, shown, file.tensors[0], whole=True)
        _show_findings(out, file.findings)
    else:
        _show_model(out, shown, file)
    if file.missing:
        out.paragraph(_WRONG, f"  missing, though described: {_names(file.missing)}", indent=2)
    out.paragraph(*_answer(shown, file))


def _show_model(out: Screen, shown: str, file: FileStats) -> None:
    out.paragraph((shown, "bold"))
    if file.tensors:
        _show_overview(out, file.tensors)
    wrong = [tensor for tensor in file.tensors if tensor.passed is False]
    for tensor in wrong[:_TENSORS]:
        out.print()
        _show_tensor(out, shown, tensor, whole=False)
    if len(wrong) > _TENSORS:
        more = _names(tensor.name for tensor in wrong[_TENSORS:])
        out.print()
        out.paragraph(f"also wrong, and shown in full by --name: {more}", indent=2)
    others = [*wrong[_TENSORS:], *(tensor for tensor in file.tensors if tensor.passed is not False)]
    _show_findings(out, [*_alike(found for tensor in others for found in tensor.findings), *file.findings])


def _answer(shown: str, file: FileStats) -> tuple[Part, ...]:
    only = file.tensors[0] if len(file.tensors) == 1 else None
    if not file.passed:
        return ("no", "bold red"), f": {shown}{_fault(only) if only and only.passed is False else _faults(file)}"
    if not file.checked:
        return (f"{shown}: nothing to hold it against; --scheme NAME says what it should be",)
    said = f": {file.checked} of {len(file.tensors)} tensors checked, all as they should be"
    if only and only.spec:
        said = f" is {only.spec.title}"
    return ("yes", "bold green"), f": {shown}{said} (a right file fails with p < {file.false_alarm:g})"


def _fault(tensor: TensorStats) -> str:
    """What is wrong with the only tensor of a file."""
    if tensor.spec and (tensor.problem or not all(test.passed for test in tensor.tests)):
        return f" is not {tensor.spec.title}"
    return f" has {_reason(tensor)}"


def _faults(file: FileStats) -> str:
    """What is wrong with a file of several tensors, or with more of it than its only tensor."""
    wrong = sum(tensor.passed is False for tensor in file.tensors)
    said = [f"{wrong:,} of {len(file.tensors):,} tensors not what they should be"] if wrong else []
    said += dict.fromkeys(finding.kind for finding in file.findings if finding.severity == "wrong")
    if file.missing:
        said.append(f"{len(file.missing):,} described tensors missing")
    return f": {', '.join(said)}"


def _show_overview(out: Screen, tensors: Sequence[TensorStats]) -> None:
    """A line for each tensor."""
    rows: list[tuple[Cell, ...]] = [
        ("tensor", "shape", "dtype", "values", "mean", "std", "min", "max", "scheme", "", ""),
    ]
    for tensor in tensors:
        found, bars = tensor.measured, tensor.histogram
        rows.append(
            (
                printable(tensor.name),
                format_shape(tensor.shape),
                tensor.kind,
                Text(sparkline(bars.bars(_SMALL).tolist(), out.glyphs), BAR) if bars else "",
                *(f"{value:.5g}" for value in (found.mean, found.std, found.low, found.high)),
                tensor.spec.title if tensor.spec else "",
                _mark(tensor.passed),
                _reason(tensor),
            )
        )
    _, shape, dtype, values, mean, std, low, high, scheme, _, reason = range(len(rows[0]))
    show_table(out, rows, less=(dtype, high, low, reason, mean, scheme, shape, std, values))


def _reason(tensor: TensorStats) -> str:
    """Why a tensor is wrong, in the names of what it failed."""
    failed = ["shape or dtype"] if tensor.problem else []
    failed += [test.name for test in tensor.tests if not test.passed]
    return ", ".join(failed + [finding.kind for finding in tensor.findings if finding.severity == "wrong"])


def _show_tensor(out: Screen, shown: str, tensor: TensorStats, *, whole: bool) -> None:
    """One tensor; of its checks those that failed, or the ``whole``."""
    found, spec = tensor.measured, tensor.spec
    out.paragraph((f"{shown}: {printable(tensor.name)}, {format_shape(tensor.shape)} {tensor.kind}", "bold"))
    said = [("expected", wording.expectation(spec))] if spec else []
    drawn = [("drawn", tensor.drawn)] if tensor.drawn else []
    show_facts(out, [*said, ("found", summary(found)), *drawn])
    _show_picture(out, tensor.histogram, None if tensor.problem else spec, found.finite)
    if tensor.problem:
        out.paragraph((tensor.problem, "red"), indent=2)
    if tensor.tests:
        rows: list[tuple[Cell, ...]] = [("check", "measured", "expected", "", "")]
        told = [test for test in tensor.tests if whole or not test.passed]
        for test in told:
            rows.append(
                (test.name, f"{test.measured:.6g}", _plain(wording.expected(test)), _mark(test.passed), _note(test))
            )
        if told:
            cramped = out.room is not None and table_width(out, rows) > out.room
            show_table(out, rows, less=(4, 2, 1))
            for test in told if cramped else ():  # what is wrong, where the column of it has no room
                if not test.passed and _note(test):
                    out.paragraph(f"{test.name}: {_note(test)}", indent=2)
        if len(told) < len(tensor.tests):
            out.paragraph(f"and {len(tensor.tests) - len(told)} other checks, which are ok", indent=2)
    if tensor.looks_like:
        out.paragraph(f"looks like: {'; '.join(tensor.looks_like)}", indent=2)
    _show_findings(out, [replace(finding, tensors=()) for finding in tensor.findings])


def _show_picture(out: Screen, histogram: Histogram | None, spec: TensorSpec | None, count: int) -> None:
    """The histogram of ``count`` finite values, with the law of those that are drawn from one."""
    if histogram is None:
        return
    law = spec.element_law if spec else None
    if isinstance(law, Constant):
        law = None
    if spec and isinstance(spec.made, Structure):
        start, stop = spec.made.zeros
        count -= stop - start
    rounding = _ROUNDINGS * 2.0**-spec.dtype.digits if spec and spec.dtype.itemsize <= 2 else 0.0
    out.picture(picture(histogram, law, count, out.chart_width, out.glyphs, rounding))
    if spec and law:
        out.paragraph(*legend(law, spec.title, out.glyphs), indent=2)
        out.print()


def _note(test: Test) -> str:
    parts = [test.note] if test.note and test.note != "at most" else []
    if test.p is not None and not test.passed:
        parts.append(f"p < {max(test.p, 1e-300):.1g}")
    return ", ".join(parts)


def _mark(passed: bool | None) -> Text:
    if passed is None:
        return Text("not checked", "dim")
    return Text("ok", "green") if passed else Text("WRONG", "bold red")


def _show_findings(out: Screen, findings: Sequence[Finding]) -> None:
    """The first findings with the first names of each, what is wrong before what is only strange."""
    ordered = sorted(findings, key=lambda finding: finding.severity != "wrong")
    for finding in ordered[:_FINDINGS]:
        word: Part = _WRONG if finding.severity == "wrong" else ("remark", "yellow")
        out.paragraph(word, f"  {finding.message}{': ' * bool(finding.tensors)}{_names(finding.tensors)}", indent=2)
    if len(ordered) > _FINDINGS:
        out.paragraph(f"{len(ordered) - _FINDINGS:,} more findings are in --json", indent=2)


def _alike(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that say the same of different tensors, as one of all of these."""
    names: dict[Finding, list[str]] = {}
    for finding in findings:
        names.setdefault(replace(finding, tensors=()), []).extend(finding.tensors)
    return [replace(finding, tensors=tuple(several)) for finding, several in names.items()]


def _names(names: Sequence[str] | Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = tuple(names)
    said = ", ".join(map(printable, names[:_NAMES]))
    return f"{said} and {len(names) - _NAMES:,} more" if len(names) > _NAMES else said


def summary(found: Measured) -> str:
    """One line on what is in a tensor."""
    return _plain(wording.found(found))


def _plain(text: str) -> str:
    """With the minus sign that can be copied."""
    return text.replace("−", "-")


def show_preview(out: Screen, spec: TensorSpec, shown: Preview) -> None:
    """A tensor that was drawn and not written: its law, its numbers, its picture."""
    drawn = f"seed {spec.seed}" if spec.stream == NATIVE else f"seed {spec.seed} of {spec.stream}"
    out.paragraph((f"{spec.title} {format_shape(spec.shape)} {spec.dtype.name}, {drawn}", "bold"))
    made = spec.made
    said = [("law", wording.made_by(spec))]
    if isinstance(made, Law) and not isinstance(made, Constant):
        said.append(("expected", f"mean {made.mean:.6g}, std {made.std:.6g}, variance {made.variance:.6g}"))
    said.append(("drawn", summary(shown.measured)))
    said.append(("first values", "  ".join(f"{value:.6g}" for value in shown.first)))
    show_facts(out, said)
    _show_picture(out, shown.histogram, spec, shown.measured.finite)
