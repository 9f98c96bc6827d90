"""`stats`: what is in a file, and is it what it should be?"""

import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from initgen.checks.finding import Finding
from initgen.checks.source import Source, recipe_in, sources_of, stream_source
from initgen.checks.tensor import CHANCES, TensorStats, tensor_stats
from initgen.core.errors import BadParameter, FormatError
from initgen.core.registry import fits
from initgen.formats.parts import open_parts
from initgen.schemes.structure import Structure
from initgen.specs.tensor import TensorSpec

# The probability that a run over right files says no.
FALSE_ALARM = 1e-6

# What a tensor should be, given where it was found; None where nothing is known.
Expect = Callable[[Source], TensorSpec | None]


@dataclass(frozen=True)
class FileStats:
    """One file.

    Attributes:
        findings: what is wrong or strange across its tensors.
        false_alarm: the probability, at most, of a wrong no over the whole run.
        missing: tensors of the file's recipe that it does not have.
    """

    path: str
    tensors: tuple[TensorStats, ...]
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]
    false_alarm: float

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; a file that could be held against nothing has nothing wrong."""
        wrong = any(finding.severity == "wrong" for finding in self.findings)
        return not wrong and not self.missing and all(tensor.passed is not False for tensor in self.tensors)

    @property
    def checked(self) -> int:
        """How many tensors were held against something."""
        return sum(tensor.spec is not None for tensor in self.tensors)


def stats(
    path: str,
    *,
    expect: Expect | None = None,
    names: Iterable[str] = (),
    form: str | None = None,
    false_alarm: float = FALSE_ALARM,
    threads: int | None = None,
    quantiles: bool = False,
) -> FileStats:
    """Measure every tensor of a file in one pass and hold it against what it should be.

    Args:
        path: a file, or ``-`` for a .npy stream on standard input.
        expect: what each tensor should be; by default what the file's own recipe says.
        names: patterns (``*.weight``) of the tensors to look at; all by default.
        false_alarm: the probability, at most, that a right file is said to be wrong.
        quantiles: whether to keep those of a Q-Q plot for each tensor.

    Raises:
        FormatError: the file cannot be read, or none of its tensors has such a name.
        BadParameter: the expected scheme has no answer for a tensor's shape.
    """
    recipe: dict[str, TensorSpec] = {}
    if path == "-":
        if sys.stdin is None:
            raise FormatError("standard input is closed")
        sources = [stream_source(sys.stdin.buffer, "standard input")]
        warnings: tuple[str, ...] = ()
    else:
        parts = open_parts(path, form)
        sources = [source for part in parts for source in sources_of(part)]
        warnings = tuple(warning for part in parts for warning in part.contents.warnings)
        for part in parts:
            if expect is None and part.contents.recipe is not None:
                recipe |= recipe_in(part)
    patterns = tuple(names)
    if patterns:
        every = sources
        sources = [s for s in sources if fits(s.stored.name, patterns)]
        if not sources:
            raise FormatError(f"{path}: no tensor is called {' or '.join(patterns)}", f"it has {_some(every)}")
    find: Expect = expect or (lambda source: recipe.get(source.stored.name))
    specs = [find(source) for source in sources]
    if expect and sources and not any(specs):
        stored = sources[0].stored
        raise BadParameter(f"{path}: {stored.name} holds {stored.kind}, which no scheme of weights makes")
    share = false_alarm / (CHANCES * max(1, len(sources)))
    results = [
        tensor_stats(source, spec, share, threads, quantiles) for source, spec in zip(sources, specs, strict=True)
    ]
    held = {source.stored.name for source in sources}
    missing = tuple(name for name in recipe if name not in held) if not patterns else ()
    return FileStats(path, tuple(results), _equal(sources, results, recipe.keys()), missing, warnings, false_alarm)


def _some(sources: list[Source]) -> str:
    """The first names, for a hint."""
    names = [source.stored.name for source in sources]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _equal(sources: list[Source], results: list[TensorStats], recipe: Collection[str]) -> tuple[Finding, ...]:
    """Groups of tensors with the same values, confirmed byte for byte.

    Constants, tied tensors and those to which a recipe gives the same seed are equal by right.
    """
    alike: dict[object, list[int]] = {}
    for index, result in enumerate(results):
        measured = result.measured
        spec = result.spec
        seeded = spec is not None and result.name in recipe and not spec.keyed
        equal_by_right = seeded or (spec is not None and (isinstance(spec.made, Structure) or spec.tied))
        if measured.count > 8 and measured.low < measured.high and not equal_by_right:
            alike.setdefault((result.kind, measured.fingerprint), []).append(index)
    findings = []
    for members in alike.values():
        if len(members) > 1:
            first = sources[members[0]]
            same = [m for m in members[1:] if _same_bytes(first, sources[m])]
            if same:
                names = tuple(results[m].name for m in (members[0], *same))
                findings.append(Finding("equal tensors", names, "equal, value for value"))
    return tuple(findings)


def _same_bytes(a: Source, b: Source) -> bool:
    return all(x().tobytes() == y().tobytes() for x, y in zip(a.blocks(), b.blocks(), strict=True))


def expect_scheme(make: Callable[..., TensorSpec]) -> Expect:
    """Expect one scheme of every tensor that holds weights; ``make`` builds it for a name, shape and dtype."""

    def expect(source: Source) -> TensorSpec | None:
        stored = source.stored
        if stored.dtype is None or stored.dtype.whole:
            return None  # counters and positions beside the weights
        return make(name=stored.name, shape=stored.shape, dtype=stored.dtype.name)

    return expect
