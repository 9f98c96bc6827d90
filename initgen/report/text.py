"""Results as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from initgen.core.errors import printable
from initgen.core.registry import camel
from initgen.core.shapes import format_shape
from initgen.laws import Constant, Law
from initgen.report.chart import histogram
from initgen.report.console import columns, facts

if TYPE_CHECKING:
    from initgen.checks.measure import Measured
    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats
    from initgen.checks.trial import Test
    from initgen.schemes import Scheme
    from initgen.specs.tensor import TensorSpec


def show_stats(out: Console, file: FileStats) -> None:
    """What is in a file, each check, and the answer."""
    shown = "standard input" if file.path == "-" else file.path
    for warning in file.warnings:
        out.print(Text(f"{shown}: {warning}", "yellow"))
    if len(file.tensors) > 1:
        _show_overview(out, shown, file)
    for tensor in file.tensors:
        if len(file.tensors) == 1 or tensor.passed is False:
            _show_tensor(out, shown, tensor)
    for finding in (*(found for tensor in file.tensors for found in tensor.findings), *file.findings):
        style = "red" if finding.severity == "wrong" else "yellow"
        out.print(Text(f"  {finding.message}: {', '.join(map(printable, finding.tensors))}", style))
    for name in file.missing:
        out.print(Text(f"  missing: {printable(name)}, which the recipe has", "red"))
    out.print(_answer(shown, file))


def _answer(shown: str, file: FileStats) -> Text:
    only = file.tensors[0].spec if len(file.tensors) == 1 else None
    if not file.passed:
        wrong = sum(tensor.passed is False for tensor in file.tensors)
        said = f": {wrong} of {len(file.tensors)} tensors not what they should be"
        if len(file.tensors) == 1:
            said = f" is not {only.title}" if only else f" has {file.tensors[0].tests[0].name}"
        return Text.assemble(("no", "bold red"), f": {shown}{said}")
    if not file.checked:
        return Text(f"{shown}: nothing to hold it against; --scheme NAME says what it should be")
    said = (
        f" is {only.title}"
        if only
        else f": {file.checked} of {len(file.tensors)} tensors checked, all as they should be"
    )
    return Text.assemble(("yes", "bold green"), f": {shown}{said} (a right file fails with p < {file.false_alarm:g})")


def _show_overview(out: Console, shown: str, file: FileStats) -> None:
    out.print(Text(shown, "bold"))
    table = columns("tensor", "shape", "dtype", "mean", "std", "min", "max", "scheme", "")
    for tensor in file.tensors:
        found = tensor.measured
        table.add_row(
            "",
            printable(tensor.name),
            format_shape(tensor.shape),
            tensor.kind,
            *(f"{value:.5g}" for value in (found.mean, found.std, found.low, found.high)),
            tensor.spec.title if tensor.spec else "",
            _mark(tensor.passed),
        )
    out.print(table)


def _show_tensor(out: Console, shown: str, tensor: TensorStats) -> None:
    found, spec = tensor.measured, tensor.spec
    heading = f"{shown}: {printable(tensor.name)}, {format_shape(tensor.shape)} {tensor.kind}"
    out.print(Text(heading, "bold"))
    said = [("expected", f"{spec.title}: {spec.made}{_fans(spec)}")] if spec else []
    out.print(facts([*said, ("found", summary(found))]))
    if tensor.problem:
        out.print(Text(f"  {tensor.problem}", "red"))
    if tensor.tests:
        table = columns("check", "measured", "expected", "", "")
        for test in tensor.tests:
            table.add_row("", test.name, f"{test.measured:.6g}", _expected(test), _mark(test.passed), _note(test))
        out.print(table)
    if tensor.looks_like:
        out.print(f"  looks like: {'; '.join(tensor.looks_like)}")


def _expected(test: Test) -> str:
    sign = {"least value": "≥ ", "greatest value": "≤ "}.get(test.name, "≤ " if test.note == "at most" else "")
    return f"{sign}{test.expected:.6g}"


def _note(test: Test) -> str:
    parts = [test.note] if test.note and test.note != "at most" else []
    if test.p is not None and not test.passed:
        parts.append(f"p < {max(test.p, 1e-300):.1g}")
    return ", ".join(parts)


def _mark(passed: bool | None) -> Text:
    if passed is None:
        return Text("not checked", "dim")
    return Text("ok", "green") if passed else Text("WRONG", "bold red")


def _fans(spec: TensorSpec) -> str:
    if not spec.fans:
        return ""
    if spec.scheme.fans == "given":
        return f"; fan_in {spec.fans.fan_in}"
    return f"; fan_in {spec.fans.fan_in}, fan_out {spec.fans.fan_out} ({spec.kernel.layout} layout)"


def summary(found: Measured) -> str:
    """One line on what is in a tensor."""
    if not found.sampled or not found.finite:
        return f"{found.count:,} values" + (
            f", {found.nan:,} NaN, {found.inf:,} infinite" if found.nan or found.inf else ""
        )
    line = (
        f"{found.count:,} values from {found.low:.6g} to {found.high:.6g}, mean {found.mean:.6g}, std {found.std:.6g},"
        f" {found.zeros:,} zeros"
    )
    if found.nan or found.inf:
        line += f", {found.nan:,} NaN, {found.inf:,} infinite"
    share = found.distinct / found.sampled
    return line + (f", {share:.2%} distinct" if share < 1 else "")


def show_preview(
    out: Console,
    spec: TensorSpec,
    found: Measured,
    bars: Sequence[int],
    span: tuple[float, float],
    first: Sequence[float],
) -> None:
    """A tensor that was drawn and not written: its law, its numbers, its picture."""
    out.print(Text(f"{spec.title} {format_shape(spec.shape)} {spec.dtype.name}, seed {spec.seed}", "bold"))
    made = spec.made
    said = [("law", f"{made}{_fans(spec)}")]
    if isinstance(made, Law) and not isinstance(made, Constant):
        said.append(("expected", f"mean {made.mean:.6g}, std {made.std:.6g}, variance {made.variance:.6g}"))
    said.append(("drawn", summary(found)))
    said.append(("first values", "  ".join(f"{value:.6g}" for value in first)))
    out.print(facts(said))
    if bars:
        out.print()
        for line in histogram(bars):
            out.print(Text("  " + line, "cyan"))
        left, right = (f"{edge:.4g}" for edge in span)
        out.print("  " + left + " " * max(1, len(bars) - len(left) - len(right)) + right)


def show_schemes(out: Console, schemes: Sequence[Scheme]) -> None:
    """The table of all schemes."""
    table = columns("scheme", "as in", "law", "parameters")
    for scheme in schemes:
        params = ", ".join(p.name if p.default is None else f"{p.name}={p.default}" for p in scheme.params)
        table.add_row("", scheme.name, scheme.family, scheme.formula, params)
    out.print(table)


def show_scheme(out: Console, scheme: Scheme, example: TensorSpec | None) -> None:
    """One scheme: its law, names, parameters and source."""
    out.print(Text(scheme.name, "bold"))
    out.print(f"  {scheme.summary}")
    said = [("law", scheme.formula)]
    if example:
        given = scheme.example.partition(":")[2].replace(",", ", ")
        said.append((f"for 100x64{given and ', '}{given}", f"{example.made}{_fans(example)}"))
    said.append(("also called", ", ".join((camel(scheme.name), *scheme.aliases))))
    said.append(("source", scheme.source))
    out.print(facts(said))
    if scheme.params:
        table = columns("parameter", "default", "must be", "")
        for param in scheme.params:
            default = "must be given" if param.default is None else f"{param.default}"
            table.add_row("", param.name, default, param.rule, param.help)
        out.print(table)
