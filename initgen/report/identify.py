"""What made the tensors of a file, as text for people and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initgen.checks.identity.candidates import SYNONYMS
from initgen.checks.identity.groups import Group, groups_of
from initgen.core.errors import printable
from initgen.core.shapes import format_shape
from initgen.laws import Constant, Law, Uniform
from initgen.report.console import Part, Screen, columns, show_facts
from initgen.report.text import summary

if TYPE_CHECKING:
    from initgen.checks.identity.candidates import Reading
    from initgen.checks.identity.described import Described
    from initgen.checks.identity.result import FileIdentity, Guess, TensorIdentity

_HEADINGS = {
    "cannot tell": "cannot tell",
    "fitted": "a law without a name",
    "unknown": "unknown",
    "not weights": "not initialized weights",
}
_MOST_PATTERNS = 12


def show_identity(out: Screen, file: FileIdentity) -> None:
    """The answer on one file: on its one tensor in full, on several by the rules that made them."""
    shown = "standard input" if file.path == "-" else file.path
    for warning in file.warnings:
        out.paragraph((f"{shown}: {warning}", "yellow"))
    if len(file.tensors) == 1:
        _show_tensor(out, shown, file.tensors[0])
    else:
        _show_groups(out, shown, file)


def _show_groups(out: Screen, shown: str, file: FileIdentity) -> None:
    total = sum(tensor.measured.count for tensor in file.tensors)
    kinds = ", ".join(dict.fromkeys(tensor.kind for tensor in file.tensors))
    out.paragraph((f"{shown}: {len(file.tensors)} tensors, {total:,} values, {kinds}", "bold"))
    for group in groups_of(file):
        out.print()
        out.paragraph(*_title(group), indent=2)
        if group.verdict == "cannot tell":
            for tensor in group.tensors[:_MOST_PATTERNS]:
                out.paragraph(f"{printable(tensor.name)} {format_shape(tensor.shape)}: {_choice(tensor)}", indent=6)
            _more(out, len(group.tensors), "tensors")
            continue
        names = [printable(pattern) for pattern in group.patterns]
        more = f", and {len(names) - _MOST_PATTERNS} more" if len(names) > _MOST_PATTERNS else ""
        out.paragraph(", ".join(names[:_MOST_PATTERNS]) + more, indent=6)
        out.paragraph((_evidence(group, total), "dim"), indent=6)
    out.print()
    out.paragraph(*_answer(file))


def _title(group: Group) -> list[Part]:
    reading = group.reading
    if group.verdict in ("unknown", "not weights") or reading is None:
        return [(f"{_HEADINGS[group.verdict]}: {group.tensors[0].note}", "yellow")]
    if group.verdict == "named":
        synonym = SYNONYMS.get(reading.rule)
        same = len({tensor.best.scheme for tensor in group.tensors if tensor.best}) == 1
        placed = reading.rule.endswith("=n") or reading.scheme.startswith(reading.rule + ":")
        rule = reading.scheme if same and placed else reading.rule
        if same and not synonym and "√" in rule and reading.axes == "none":
            synonym = _short(reading)
        said = [(rule, "bold green"), (f", {reading.reads}" if reading.reads else "", "")]
        return [*said, (f" (= {synonym})" if synonym else "", "dim")]
    if group.verdict == "fitted":
        return [(f"{_HEADINGS['fitted']}: ", "yellow"), (str(reading.made), "")]
    return [(f"{_HEADINGS['cannot tell']}, but perhaps ", "yellow"), (_named(reading), "")]


def _evidence(group: Group, total: int) -> str:
    count = len(group.tensors)
    parts = [f"{count} tensor{'s' * (count != 1)}, {_share(group.values, total)} of the values"]
    if group.spreads:
        low, high = (f"{spread:.3f}" for spread in group.spreads)
        parts.append(f"std {low if low == high else f'{low} to {high}'} × the law's")
    if group.verdict == "named" and group.spreads and math.isfinite(group.odds):
        parts.append(f"odds {_odds(group.odds)}")
    if group.consistent:
        parts.append(f"{'all' if group.consistent == count else group.consistent} too small to tell alone")
    strange = {tensor.note for tensor in group.tensors if tensor.verdict == "named" and tensor.note}
    return "; ".join([*parts, *sorted(strange)])


def _choice(tensor: TensorIdentity) -> str:
    """What a tensor may be."""
    said = [_named(guess.readings[0]) for guess in tensor.guesses[:3]]
    if len(said) == 1:
        return f"{said[0]}; {tensor.note}"
    first = tensor.guesses[0]
    return f"{said[0]}, {_odds(first.odds)} against {' or '.join(said[1:])}; {tensor.note}"


def _named(reading: Reading) -> str:
    return reading.rule + (f" ({reading.reads})" if reading.reads else "")


def _short(reading: Reading) -> str:
    """Its law with few digits, for rules that are written with a root."""
    made = reading.made
    return f"std {made.std:.4g}" if isinstance(made, Law) else str(made)


def _odds(log: float) -> str:
    """Odds out of their natural logarithm."""
    if math.isinf(log):
        return "beyond all others"
    if log < math.log(1e6):
        return f"{math.exp(log):,.0f}:1" if log > math.log(10) else f"{math.exp(log):.1f}:1"
    return f"10^{log / math.log(10):.0f}:1"


def _share(part: int, total: int) -> str:
    if part == total:
        return "100 %"
    return f"{100 * part / total:.3g} %" if total else "0 %"


def _more(out: Screen, count: int, what: str) -> None:
    if count > _MOST_PATTERNS:
        out.print(f"      and {count - _MOST_PATTERNS} more {what}")


def _answer(file: FileIdentity) -> list[Part]:
    weights = [tensor for tensor in file.tensors if tensor.verdict != "not weights"]
    total = sum(tensor.measured.count for tensor in weights)
    named = [tensor for tensor in weights if tensor.verdict in ("named", "consistent")]
    said = (
        f": {len(named)} of {len(weights)} tensors, {_share(sum(t.measured.count for t in named), total)} of the values"
    )
    rest = [
        f"{count} {what}"
        for verdict, what in (
            ("cannot tell", "that cannot be told"),
            ("fitted", "without a name"),
            ("unknown", "unknown"),
        )
        if (count := sum(tensor.verdict == verdict for tensor in weights))
    ]
    return [("identified", "bold"), said, f"; {', '.join(rest)}" if rest else ""]


def _show_tensor(out: Screen, shown: str, tensor: TensorIdentity) -> None:
    found = tensor.measured
    out.paragraph((f"{shown}: {printable(tensor.name)}, {format_shape(tensor.shape)} {tensor.kind}", "bold"))
    said = [("found", summary(found))]
    lead = tensor.guesses[0] if tensor.guesses else None
    if lead:
        reading = lead.readings[0]
        is_named = tensor.verdict in ("named", "consistent")
        said.append(("law" if is_named else "perhaps", f"{lead.made}"))
        also = [_named(other) for other in lead.readings[1:4]]
        if SYNONYMS.get(reading.rule):
            also.insert(0, SYNONYMS[reading.rule])
        if also:
            said.append(("also", "; ".join(also)))
        if lead.fit and isinstance(lead.made, Law):
            said += _fits(tensor, lead)
    show_facts(out, said)
    rows = _ranked(tensor)
    if rows:
        table = columns(out, "other laws", "", folded=("other laws", ""))
        for row in rows:
            table.add_row("", *row)
        out.print(table)
    out.paragraph(*_sentence(shown, tensor))


def _fits(tensor: TensorIdentity, lead: Guess) -> list[tuple[str, str]]:
    """How mean, std, bounds and shape compare."""
    found, made = tensor.measured, lead.made
    assert lead.fit is not None
    assert isinstance(made, Law)
    off = (found.mean - made.mean) / made.std * found.finite**0.5
    said = [
        ("mean", f"{found.mean:.6g} of {made.mean:.6g}, {off:+.1f} standard errors off"),
        ("std", f"{found.std:.6g} of {made.std:.6g}, {lead.fit.spread:.4f} × the law's"),
    ]
    low, high = made.support
    if isinstance(made, Uniform) or (math.isfinite(low) and abs(found.low - low) < made.std):
        said.append(("bounds", f"{found.low:.6g} to {found.high:.6g} of {low:.6g} to {high:.6g}"))
    shape = f"p < {lead.fit.shape:.2g}" if lead.fit.shape < 0.1 else "as it should be"
    return [*said, ("shape", shape)]


def _ranked(tensor: TensorIdentity) -> list[tuple[str, str]]:
    rows = []
    for guess in tensor.guesses[1:5]:
        spread = f"std {guess.fit.spread:.3f} × the law's, " if guess.fit else ""
        against = _odds(-guess.odds) if guess.odds < 0 else "1:1"
        rows.append(
            (_named(guess.readings[0]), f"{spread}log-likelihood {guess.likelihood:+.1f}, odds {against} against")
        )
    rows += [(_named(one.reading), f"ruled out: {one.objection}") for one in tensor.rejected]
    return rows


def _sentence(shown: str, tensor: TensorIdentity) -> list[Part]:
    best = _named(tensor.best) if tensor.best else ""
    if tensor.verdict == "named":
        odds = tensor.guesses[0].odds
        exact = tensor.guesses[0].fit is None
        known = f", odds {_odds(odds)}" if math.isfinite(odds) else "" if exact else ", and no other law that is known"
        note = f" ({tensor.note})" if tensor.note else ""
        return [("identified", "bold"), f": {shown} is ", (best, "bold green"), f"{known}{note}"]
    if tensor.verdict == "consistent":
        return [("consistent with ", "bold"), (best, "bold green"), f": {tensor.note}"]
    if tensor.verdict == "fitted":
        return [("a law without a name: ", "bold yellow"), f"{tensor.guesses[0].made}; {tensor.note}"]
    if tensor.verdict == "cannot tell":
        return [("cannot tell", "bold yellow"), f": {_choice(tensor)}" if tensor.guesses else ""]
    return [(_HEADINGS[tensor.verdict], "bold yellow"), f": {tensor.note}"]


def comment(described: Described, shown: str) -> str:
    """What stands above a spec: what it does not say for sure."""
    lines = [f"What `initgen identify` found in {printable(shown)}; see docs/identify.md."]
    for names, said in (
        (described.undecided, "The first of several schemes that fit"),
        (described.guessed, "Of no known law, drawn with their mean and std"),
        (described.left_out, "Left out, since no spec can say their dtype"),
    ):
        if names:
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            lines.append(f"{said}: {', '.join(map(printable, names[:10]))}{more}.")
    return "".join(f"# {line}\n" for line in lines)


def of_identities(files: Sequence[FileIdentity], *, complete: bool) -> dict[str, Any]:
    """The answers as JSON; ``complete`` where no file was without one."""
    return {"schema": "initgen.identify/1", "complete": complete, "files": [_of_file(file) for file in files]}


def _of_file(file: FileIdentity) -> dict[str, Any]:
    return {
        "path": file.path,
        "warnings": file.warnings,
        "groups": [
            {
                "verdict": group.verdict,
                "rule": group.reading.rule if group.reading else None,
                "layout": group.reading.layout if group.reading else None,
                "patterns": group.patterns,
                "tensors": len(group.tensors),
                "values": group.values,
            }
            for group in groups_of(file)
        ],
        "tensors": [_of_tensor(tensor) for tensor in file.tensors],
    }


def _of_tensor(tensor: TensorIdentity) -> dict[str, Any]:
    found = tensor.measured
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.kind,
        "count": found.count,
        "mean": found.mean,
        "std": found.std,
        "min": found.low,
        "max": found.high,
        "verdict": tensor.verdict,
        "note": tensor.note or None,
        "guesses": [_of_guess(guess) for guess in tensor.guesses],
        "rejected": [{**_of_reading(one.reading), "objection": one.objection} for one in tensor.rejected],
    }


def _of_guess(guess: Guess) -> dict[str, Any]:
    made = guess.made
    drawn = isinstance(made, Law) and not isinstance(made, Constant)
    return {
        "law": str(made),
        "std": made.std if isinstance(made, Law) and drawn else None,
        "readings": [_of_reading(reading) for reading in guess.readings],
        "log_odds": guess.odds,
        "log_likelihood": guess.likelihood,
        "std_ratio": guess.fit.spread if guess.fit else None,
        "shape_p_at_most": guess.fit.shape if guess.fit else None,
    }


def _of_reading(reading: Reading) -> dict[str, Any]:
    return {
        "rule": reading.rule,
        "scheme": reading.scheme,
        "layout": reading.layout,
        "axes": reading.axes,
        "fan_in": reading.fan_in,
        "fan_out": reading.fan_out,
    }
