"""Results as JUnit XML, which CI services show beside the tests: a suite for each file, a case for each tensor.

Elements and attributes are those of Jenkins' junit-10.xsd, and ``error``, which that calls ``errors`` and all readers
``error``. GitLab shows a failure's text and not its message, and takes the first of two cases of one name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from initgen.core.errors import InitgenError, OutputError, printable
from initgen.engine.output import target_of, write_text

if TYPE_CHECKING:
    from initgen.checks.finding import Finding
    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats
    from initgen.checks.trial import Test

_BOUNDS = {"least value": "at least ", "greatest value": "at most "}


def check(path: str) -> None:
    """Look at the output before any work is done for it.

    Raises:
        OutputError: it cannot be written, or holds what is no report.
    """
    try:
        target = target_of(path)
    except OutputError as error:
        raise OutputError(error.message) from None  # its hint is on outputs that may be streams
    if target.mode is None:
        return
    try:
        with open(target.real, "rb") as file:
            start = file.read(100).lstrip()
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None
    if start and not start.startswith(b"<"):
        raise OutputError(f"{path}: is there, and is not a report", "a report replaces only what is XML or empty")


def save(path: str, files: Sequence[FileStats], errors: Sequence[tuple[str, InitgenError]] = ()) -> None:
    """Write the report, whole or not at all; one that is there is replaced.

    Args:
        errors: paths without an answer, and why.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(path, report(files, errors), force=True)


def report(files: Sequence[FileStats], errors: Sequence[tuple[str, InitgenError]] = ()) -> str:
    """The report as text; the same answers give the same text."""
    root = Element("testsuites", name="initgen stats")
    for file in files:
        shown = _path(file.path)
        suite = SubElement(root, "testsuite", name=shown)
        suite.extend(_cases(file, shown))
        if file.warnings:
            SubElement(suite, "system-out").text = _lines(file.warnings)
    for path, error in errors:
        suite = SubElement(root, "testsuite", name=_path(path))
        case = SubElement(suite, "testcase", classname=_path(path), name="answer")
        _put(case, "error", "error", [error.message], [f"hint: {error.hint}"] if error.hint else [])
    for element in (*root, root):
        _count(element)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _count(element: Element) -> None:
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        # junit-10.xsd has no skipped for the whole.
        if element.tag == "testsuite" or tag != "skipped":
            element.set(attribute, str(sum(1 for _ in element.iter(tag))))
    # Readers want a number. None is measured: the same answers give the same report.
    element.set("time", "0")
    for case in element.findall("testcase"):
        case.set("time", "0")


def _cases(file: FileStats, shown: str) -> Iterator[Element]:
    for tensor in file.tensors:
        yield _case_of_tensor(tensor, shown)
    for finding in file.findings:
        names = ", ".join(finding.tensors)
        case = Element("testcase", classname=shown, name=printable(f"{finding.kind}: {names}"))
        _put(case, "failure" if finding.severity == "wrong" else "system-out", finding.kind, [_found(finding, names)])
        yield case
    for name in file.missing:
        case = Element("testcase", classname=shown, name=printable(name))
        _put(case, "failure", "missing", ["is missing, though the recipe or spec has it"])
        yield case


def _case_of_tensor(tensor: TensorStats, shown: str) -> Element:
    case = Element("testcase", classname=shown, name=printable(tensor.name))
    wrong = [("problem", tensor.problem)] if tensor.problem else []
    wrong += [(test.name, _failed(test)) for test in tensor.tests if not test.passed]
    wrong += [(found.kind, _found(found)) for found in tensor.findings if found.severity == "wrong"]
    remarks = [_found(found) for found in tensor.findings if found.severity != "wrong"]
    if wrong:
        about = [f"expected: {tensor.spec.title}: {tensor.spec.made}"] if tensor.spec else []
        about += [f"looks like: {'; '.join(tensor.looks_like)}"] if tensor.looks_like else []
        _put(case, "failure", wrong[0][0], [said for _, said in wrong], about)
    elif tensor.passed is None:
        _put(case, "skipped", "", ["held against nothing"])
    if remarks:
        SubElement(case, "system-out").text = _lines(remarks)
    return case


def _put(case: Element, tag: str, kind: str, said: Sequence[str], about: Sequence[str] = ()) -> None:
    """What became of a case: all that is said as its text, and in one line as its message."""
    if tag == "system-out":
        SubElement(case, tag).text = _lines(said)
        return
    element = SubElement(case, tag, message=printable("; ".join(said)))
    if kind:
        element.set("type", printable(kind))
        element.text = _lines((*said, *about))


def _failed(test: Test) -> str:
    """One line on a test that failed."""
    bound = "at most " if test.note == "at most" else _BOUNDS.get(test.name, "")
    said = f"{test.name}: {test.measured:.6g}, expected {bound}{test.expected:.6g}"
    if test.note and test.note != "at most":
        said += f", {test.note}"
    return said if test.p is None else f"{said}, p < {max(test.p, 1e-300):.1g}"


def _found(finding: Finding, names: str = "") -> str:
    return f"{finding.kind}: {finding.message}" + (f": {names}" if names else "")


def _path(path: str) -> str:
    return "standard input" if path == "-" else printable(path)


def _lines(said: Sequence[str]) -> str:
    """Lines without control characters, which XML cannot hold, not even escaped."""
    return "\n".join(printable(line) for line in said)
