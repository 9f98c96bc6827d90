"""`stats`: what is in a file, and is it what it should be?"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from initgen.checks.finding import Finding
from initgen.checks.relations import relations
from initgen.checks.source import Source, called, recipe_in, sources_of, stream_source
from initgen.checks.tensor import TensorStats, tensor_stats
from initgen.checks.trial import CHANCES
from initgen.core.errors import BadParameter, FormatError
from initgen.engine.draw import check_memory
from initgen.formats.parts import open_parts
from initgen.schemes.structure import Structure
from initgen.specs.description import in_file
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
    specs: Sequence[TensorSpec] | None = None,
) -> FileStats:
    """Measure every tensor of a file in one pass and hold it against what it should be.

    Args:
        path: a file, or ``-`` for a .npy stream on standard input.
        expect: what each tensor should be; by default what the file's own recipe says.
        names: patterns (``*.weight``) of the tensors to look at; all by default.
        false_alarm: the probability, at most, that a right file is said to be wrong.
        quantiles: whether to keep those of a Q-Q plot for each tensor.
        specs: what should be in the file, in place of its own recipe; a tensor alone may have any name.

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
            if expect is None and specs is None and part.contents.recipe is not None:
                recipe |= recipe_in(part)
    if specs is not None:
        recipe = {spec.name: spec for spec in in_file(path, specs)}
        if len(sources) == len(recipe) == 1:
            recipe = {
                source.stored.name: spec.renamed(source.stored.name) for source in sources for spec in recipe.values()
            }
    patterns = tuple(names)
    if patterns:
        sources = called(path, sources, patterns)
    find: Expect = expect or (lambda source: recipe.get(source.stored.name))
    wanted = [find(source) for source in sources]
    if expect and sources and not any(wanted) and not any(0 in source.stored.shape for source in sources):
        stored = sources[0].stored
        raise BadParameter(f"{path}: {stored.name} holds {stored.kind}, which no scheme of weights makes")
    for source, spec in zip(sources, wanted, strict=True):
        if spec and isinstance(spec.made, Structure):  # is read as a whole
            try:
                check_memory(spec.made)
            except BadParameter as error:
                raise FormatError(f"{path}: {source.stored.name}: {error.message}") from None
    # One share more for what the tensors have in common.
    share = false_alarm / (CHANCES * len(sources) + 1)
    beside = len(sources) if len(sources) > 1 else 0
    results = [
        tensor_stats(source, spec, share, threads, quantiles=quantiles, beside=beside)
        for source, spec in zip(sources, wanted, strict=True)
    ]
    found = tuple(relations(sources, results, recipe.keys(), share))
    held = {source.stored.name for source in sources}
    missing = tuple(name for name in recipe if name not in held) if not patterns else ()
    return FileStats(path, tuple(results), found, missing, warnings, false_alarm)


def expect_scheme(make: Callable[..., TensorSpec]) -> Expect:
    """Expect one scheme of every tensor that holds weights; ``make`` builds it for a name, shape and dtype."""

    def expect(source: Source) -> TensorSpec | None:
        stored = source.stored
        if stored.dtype is None or stored.dtype.whole or 0 in stored.shape:
            return None  # counters and positions beside the weights, and what has no values to be held against anything
        return make(name=stored.name, shape=stored.shape, dtype=stored.dtype.name)

    return expect
