"""What is said of results, in the same words wherever it is said."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from initgen.core.errors import printable
from initgen.core.shapes import format_shape
from initgen.streams.dialects import NATIVE

if TYPE_CHECKING:
    from initgen.checks.measure import Measured
    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats
    from initgen.checks.trial import Test
    from initgen.specs.tensor import TensorSpec

# A verdict is told by its sign and its word, never by colour alone.
SIGNS = {True: "✓", False: "✗", None: "–"}
ANSWERS = {True: "yes", False: "no", None: "not checked"}
WORDS = {True: "ok", False: "wrong", None: "not checked"}


def name(tensor: TensorStats) -> str:
    """A tensor as it is called in a heading."""
    return printable(tensor.name) or "no name"


def rate(files: Sequence[FileStats]) -> str:
    """The probability, at most, of a wrong no over several files."""
    return f"{sum(file.false_alarm for file in files):.3g}".replace("-", "−")


def shown_path(path: str) -> str:
    """A file as it is called in a heading."""
    return "standard input" if path == "-" else printable(os.path.basename(path.rstrip("/")) or path)


def shortened(text: str, most: int) -> str:
    """``text`` in at most ``most`` characters; its end, where names of tensors differ, stays longest."""
    if len(text) <= most:
        return text
    head = (most - 1) // 3
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def answer(files: Sequence[FileStats]) -> tuple[bool | None, str]:
    """Of all files: whether they are what they should be, and the same in a line."""
    tensors = [tensor for file in files for tensor in file.tensors]
    if len(tensors) == 1:
        only = tensors[0]
        if only.passed is False:
            said = f"not {only.spec.title}" if only.spec else "; ".join(wrongs(only))
            return False, said + (f"; looks like {' or '.join(only.looks_like)}" if only.looks_like else "")
        if only.passed and only.spec and all(file.passed for file in files):
            return True, f"{only.spec.title}: {held(only)}"
    checked = sum(file.checked for file in files)
    wrong = sum(tensor.passed is False for tensor in tensors)
    if not all(file.passed for file in files):
        parts = [f"{wrong:,} of {counted(len(tensors), 'tensor')} wrong"] if wrong else []
        missing = sum(len(file.missing) for file in files)
        parts += [f"{missing:,} missing"] if missing else []
        across = sum(finding.severity == "wrong" for file in files for finding in file.findings)
        parts += [counted(across, "finding") + " across tensors"] if across else []
        return False, ", ".join(parts)
    if not checked:
        return None, "nothing to hold it against; --scheme NAME says what it should be"
    return True, f"{checked:,} of {counted(len(tensors), 'tensor')} checked, all as they should be"


def counted(count: int, noun: str) -> str:
    """``1 tensor``, ``12 tensors``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def expectation(spec: TensorSpec) -> str:
    """The scheme of a tensor, its law, and the fans that this comes from."""
    return f"{spec.title}: {made_by(spec)}"


def of_streams(specs: Sequence[TensorSpec]) -> str:
    """Of which streams tensors are, to follow what else is said of them; nothing of the native one."""
    return "".join(f", of {name}" for name in sorted({spec.stream for spec in specs} - {NATIVE}))


def made_by(spec: TensorSpec) -> str:
    """The law or structure of a tensor, and the fans that it has them from."""
    if not spec.fans:
        return f"{spec.made}"
    if spec.scheme.fans == "given":
        return f"{spec.made}; fan_in {spec.fans.fan_in}"
    return f"{spec.made}; fan_in {spec.fans.fan_in}, fan_out {spec.fans.fan_out} ({spec.kernel.layout} layout)"


def contents(tensor: TensorStats) -> str:
    """Shape, dtype and moments in a line."""
    found = tensor.measured
    parts = [f"{format_shape(tensor.shape)} {tensor.kind}", counted(found.count, "value")]
    if found.sampled and found.finite:
        parts += [f"mean {found.mean:.6g}", f"std {found.std:.6g}"]
    return ", ".join(parts).replace("-", "−")


def amount(found: Measured) -> str:
    """What there is where no histogram can be drawn."""
    if not found.count:
        return "no values"
    if not found.sampled:
        return "not looked into"
    if not found.finite:
        return "all NaN" if found.nan == found.count else "all NaN or infinite"
    return "too wide to be drawn"


def expected(test: Test) -> str:
    """What a check wants, as a relation where it is a bound."""
    sign = {"least value": "≥ ", "greatest value": "≤ "}.get(test.name, "≤ " if test.note == "at most" else "")
    return f"{sign}{test.expected:.6g}".replace("-", "−")


def note(test: Test) -> str:
    """What a check says besides its numbers."""
    return "" if test.note == "at most" else f" {test.note}".replace(" -", " −")[1:]


def held(tensor: TensorStats) -> str:
    """How many checks a tensor has passed."""
    count = len(tensor.tests)
    return f"all {count} checks hold" if count > 1 else "the only check holds"


def wrongs(tensor: TensorStats) -> list[str]:
    """What is wrong with a tensor, each in a few words."""
    said = [tensor.problem] if tensor.problem else []
    for test in tensor.tests:
        if not test.passed:
            remark = f" ({note(test)})" if note(test) else ""
            said.append(f"{test.name} {test.measured:.4g}{remark}")
    return said + [finding.message for finding in tensor.findings if finding.severity == "wrong"]


def remarks(tensor: TensorStats) -> list[str]:
    """What is worth a look in a tensor, and not wrong."""
    return [finding.message for finding in tensor.findings if finding.severity == "remark"]


def shortened_end(text: str, most: int) -> str:
    """``text`` in at most ``most`` characters, its end cut off."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def found(found: Measured) -> str:
    """What is in a tensor, in a line."""
    parts = [counted(found.count, "value")]
    if found.sampled and found.finite:
        same = found.low == found.high and found.finite == found.count
        parts[0] += f", all {found.low:.6g}" if same else f" from {found.low:.6g} to {found.high:.6g}"
        if not same:
            parts += [f"mean {found.mean:.6g}", f"std {found.std:.6g}", counted(found.zeros, "zero")]
            share = found.distinct / found.sampled
            parts += [f"{share:.2%} distinct"] if share < 1 else []
    parts += [f"{found.nan:,} NaN"] if found.nan else []
    parts += [f"{found.inf:,} infinite"] if found.inf else []
    return ", ".join(parts).replace("-", "−")
