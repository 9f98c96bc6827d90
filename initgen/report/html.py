"""``stats --html``: one page with all tensors of the files, their checks and their pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from initgen.core.shapes import format_shape
from initgen.report import document, svg, wording
from initgen.report.page import KINDS, OPTION, Errors, cells, check, table, text, whole
from initgen.report.picture import picture_of, qq_of

if TYPE_CHECKING:
    from initgen.checks.finding import Finding
    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats
    from initgen.probe.result import NetworkSignal

__all__ = ["KINDS", "check", "page", "save"]

# Tensors with pictures and checks of their own; further ones have their line in the table. Each takes about 4 kB.
LIMIT = 2000
# Wrong ones that are open from the start, and notices of one kind.
_OPEN = 12
_NOTICES = 50

_CLASSES = {True: "ok", False: "wrong", None: "unchecked"}
_COLORS = {True: "yes", False: "no", None: "soft"}


def save(path: str, files: Sequence[FileStats], errors: Errors = (), signals: Sequence[NetworkSignal] = ()) -> None:
    """Write the page.

    Raises:
        OutputError: the path cannot be written.
    """
    document.write(OPTION, path, page(files, errors, signals).encode())


def page(files: Sequence[FileStats], errors: Errors = (), signals: Sequence[NetworkSignal] = ()) -> str:
    """The page of these results and of the files that had none; the same for the same results.

    Args:
        signals: how a signal fares with the weights of some of the files.
    """
    count = len(files) + len(errors)
    title = wording.shown_path(files[0].path) if len(files) == count == 1 else wording.counted(count, "file")
    passed, said = wording.answer(files)
    if errors:
        passed, said = (
            False if passed is False else None,
            f"{wording.counted(len(errors), 'file')} without an answer; {said}",
        )
    sign = wording.SIGNS[passed]
    tensors = [tensor for file in files for tensor in file.tensors]
    chosen = _chosen(tensors)
    parts = [_verdict(passed, said), _facts(files, tensors), _files(files, errors), "</header><main>"]
    parts.append(_notices(files))
    if len(tensors) > 1:
        parts += [_filters(tensors), _table(files, chosen)]
    places = [file.path if len(files) > 1 else "" for file in files for _ in file.tensors]
    parts += [_tensor(tensors[index], places[index], index, opened) for index, opened in chosen.items()]
    if signals:
        from initgen.report.probe.html import section

        parts += [section(signal, index, several=True) for index, signal in enumerate(signals)]
    parts.append("</main><footer>")
    if len(chosen) < len(tensors):
        parts.append(
            f"<p>{len(chosen):,} of {len(tensors):,} tensors have their checks and pictures here: wrong ones first,"
            " then in file order. --name PATTERN chooses.</p>"
        )
    parts.append(
        "<p>Bars: values. Line: density of the law. Dashed: its limits. Each p is an upper bound on the probability"
        " of a measurement this far off.</p></footer>"
    )
    return whole("initgen stats", title, sign, parts, script="page.js")


def _chosen(tensors: Sequence[TensorStats]) -> dict[int, bool]:
    """Positions of the tensors that get pictures, wrong ones first, each with whether it is open from the start."""
    order = sorted(range(len(tensors)), key=lambda index: tensors[index].passed is not False)[:LIMIT]
    first = {index for index in order[:_OPEN] if tensors[index].passed is False or len(tensors) == 1}
    return {index: index in first for index in order}


def _verdict(passed: bool | None, said: str) -> str:
    word = f"{wording.SIGNS[passed]} {wording.ANSWERS[passed]}"
    return f'<p class="verdict"><b class="{_COLORS[passed]}">{word}</b>{text(said)}</p>'


def _facts(files: Sequence[FileStats], tensors: Sequence[TensorStats]) -> str:
    values = sum(tensor.measured.count for tensor in tensors)
    said = f"{wording.counted(len(tensors), 'tensor')}, {wording.counted(values, 'value')}"
    if any(file.checked for file in files):
        said += f". {'Right files fail' if len(files) > 1 else 'A right file fails'} with p < {wording.rate(files)}"
    return f'<p class="soft">{text(said)}</p>'


def _filters(tensors: Sequence[TensorStats]) -> str:
    classes = [_class(tensor) for tensor in tensors]
    counts = {name: sum(name in one.split() for one in classes) for name in ("wrong", "remarked", "unchecked")}
    names = {"wrong": "wrong", "remarked": "with remarks", "unchecked": "not checked"}
    buttons = f'<button type="button" value="all" aria-pressed="true">all {len(tensors):,}</button>' + "".join(
        f'<button type="button" value="{name}" aria-pressed="false">{names[name]} {count:,}</button>'
        for name, count in counts.items()
        if count
    )
    return (
        '<div class="bar" hidden><input type="search" placeholder="name or scheme" aria-label="Show only names or'
        f' schemes with">{buttons}<output class="soft"></output></div>'
    )


def _class(tensor: TensorStats) -> str:
    return _CLASSES[tensor.passed] + (" remarked" if wording.remarks(tensor) else "")


def _files(files: Sequence[FileStats], errors: Errors) -> str:
    """The answer for each of several files, or why there is none; for one file, where it is."""
    if len(files) == 1 and not errors:
        return f'<p class="soft">{text(files[0].path)}</p>' if os.path.dirname(files[0].path) else ""
    lines = []
    for file in files:
        passed, said = wording.answer([file])
        sign = f'<b class="{_COLORS[passed]}" title="{wording.ANSWERS[passed]}">{wording.SIGNS[passed]}</b>'
        lines.append(f'<li>{sign} {text(file.path)} <span class="soft">{text(said)}</span></li>')
    lines += [
        f'<li><b class="wrong" title="no answer">{wording.SIGNS[False]}</b> {text(path)}'
        f' <span class="soft">{text(error.message)}</span></li>'
        for path, error in errors
    ]
    return f'<ul class="files">{"".join(lines)}</ul>'


def _table(files: Sequence[FileStats], chosen: Mapping[int, bool]) -> str:
    """A line for each tensor, in the order of the files."""
    several = len(files) > 1
    heads = [("answer", ""), *([("file", "file")] if several else []), ("tensor", ""), ("", ""), ("shape", "less")]
    heads += [
        ("dtype", "less"),
        ("scheme", ""),
        ("values", "num"),
        *((name, "num") for name in ("mean", "std", "min", "max")),
    ]
    index = 0
    rows = []
    for file in files:
        for tensor in file.tensors:
            rows.append(_row(tensor, file.path if several else "", index, index in chosen))
            index += 1
    return table("tensors", heads, rows)


def _notices(files: Sequence[FileStats]) -> str:
    """What is to be said of files as a whole."""
    said = []
    for file in files:
        place = f"{file.path}: " if len(files) > 1 else ""
        said += [_notice("remark", f"{place}{warning}") for warning in file.warnings[:_NOTICES]]
        said += [_finding(place, finding) for finding in file.findings[:_NOTICES]]
        said += [_notice("no", f"{place}missing: {name}, which is described") for name in file.missing[:_NOTICES]]
        rest = sum(max(0, len(kind) - _NOTICES) for kind in (file.warnings, file.findings, file.missing))
        said += [_notice("soft", f"{place}and {rest:,} more")] if rest else []
    return f'<ul class="notices">{"".join(said)}</ul>' if said else ""


def _finding(place: str, finding: Finding) -> str:
    names = ", ".join(finding.tensors[:20]) + (
        f" and {len(finding.tensors) - 20:,} more" if finding.tensors[20:] else ""
    )
    return _notice("no" if finding.severity == "wrong" else "remark", f"{place}{finding.message}: {names}")


def _notice(kind: str, said: str) -> str:
    return f'<li class="{kind}">{text(said)}</li>'


def _row(tensor: TensorStats, place: str, index: int, linked: bool) -> str:
    found = tensor.measured
    known = found.sampled and found.finite
    numbers = [f"{found.count:,}"]
    numbers += [_number(value, 5) if known else "" for value in (found.mean, found.std, found.low, found.high)]
    name = f'<a href="#t{index}">{text(wording.name(tensor))}</a>' if linked else text(wording.name(tensor))
    drawn = linked and known and math.isfinite(found.high - found.low)
    row = [
        (_COLORS[tensor.passed], f"{wording.SIGNS[tensor.passed]} {wording.WORDS[tensor.passed]}"),
        *([("file", text(place))] if place else []),
        ("name", name),
        ("", svg.thumbnail(f"b{index}") if drawn else ""),
        ("less", format_shape(tensor.shape)),
        ("less", text(tensor.kind)),
        ("scheme", text(tensor.spec.title) if tensor.spec else ""),
        *(("num", number) for number in numbers),
    ]
    return f'<tr class="{_class(tensor)}" data-t="t{index}">{cells(row)}</tr>'


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}g}".replace("-", "−")


def _tensor(tensor: TensorStats, place: str, index: int, opened: bool) -> str:
    """What is to be said of one tensor, to be opened."""
    sign, color = wording.SIGNS[tensor.passed], _COLORS[tensor.passed]
    scheme = text(tensor.spec.title) if tensor.spec else "no scheme"
    return (
        f'<details id="t{index}" class="{_class(tensor)}"{" open" if opened else ""}>'
        f'<summary><b class="{color}">{sign}</b>{text(f"{place}: " if place else "")}{text(wording.name(tensor))}'
        f'<span class="soft">{format_shape(tensor.shape)} {text(tensor.kind)}, {scheme}</span></summary>'
        f'<div class="tensor"><div class="said">{_said(tensor)}</div>'
        f'<div class="pictures">{_pictures(tensor, index)}</div></div></details>'
    )


def _said(tensor: TensorStats) -> str:
    found = tensor.measured
    said = f"<p>{text(wording.expectation(tensor.spec))}</p>" if tensor.spec else ""
    said += f'<p class="soft">{text(wording.found(found))}</p>'
    if tensor.drawn:
        said += f'<p class="soft">drawn {text(tensor.drawn)}</p>'
    if tensor.problem:
        said += f'<p class="no">{text(tensor.problem)}</p>'
    for finding in tensor.findings:
        said += f'<p class="{"no" if finding.severity == "wrong" else "remark"}">{text(finding.message)}</p>'
    if tensor.looks_like:
        said += f"<p><b>looks like {text(' or '.join(tensor.looks_like))}</b></p>"
    if not tensor.tests:
        return said
    rows = "".join(
        f"<tr><td>{text(test.name)}{_small(wording.note(test))}</td><td>{_number(test.measured, 6)}</td>"
        f'<td>{text(wording.expected(test))}</td><td class="{_COLORS[test.passed]}">{wording.SIGNS[test.passed]}</td>'
        f"<td>{'' if test.p is None else _number(max(test.p, 1e-300), 2)}</td></tr>"
        for test in tensor.tests
    )
    heads = "<th>check</th><th>measured</th><th>expected</th><th></th><th>p ≤</th>"
    return f'{said}<table class="checks"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _small(said: str) -> str:
    return f"<br><small>{text(said)}</small>" if said else ""


def _pictures(tensor: TensorStats, index: int) -> str:
    picture, qq = picture_of(tensor, 60), qq_of(tensor)
    if picture is None:
        return f"<p>{wording.amount(tensor.measured)}</p>"
    caption = "values and the density of the law" if picture.curve.size else "values"
    drawn = f'<figure class="wide"><figcaption>{caption}</figcaption>{svg.histogram(picture, f"b{index}")}</figure>'
    if qq:
        caption = "quantiles against the law’s"
        drawn += f'<figure class="square"><figcaption>{caption}</figcaption>{svg.qq_plot(qq)}</figure>'
    return drawn
