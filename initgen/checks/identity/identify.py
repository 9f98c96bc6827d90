"""`identify`: which schemes could have made the tensors of a file?"""

import math
import sys
from collections import defaultdict
from collections.abc import Iterable

from initgen.checks.identity.likelihood import FAR, key_of, slack
from initgen.checks.identity.neighbours import kind_of, leaning_of, places_of, template_of
from initgen.checks.identity.options import Option, try_out
from initgen.checks.identity.pooling import pooled
from initgen.checks.identity.result import FileIdentity
from initgen.checks.identity.verdict import answer
from initgen.checks.identity.vote import Ballot, elect
from initgen.checks.measure import Measured
from initgen.checks.source import Source, called, sources_of, stream_source
from initgen.core.errors import FormatError
from initgen.formats.parts import open_parts
from initgen.laws import Law


def identify(
    path: str, *, names: Iterable[str] = (), form: str | None = None, threads: int | None = None
) -> FileIdentity:
    """Say of every tensor of a file which schemes, layouts and parameters could have made it.

    The file is read once, and what may be a structure again. All tensors of a file take part in the decision on each,
    also those that ``names`` leaves out.

    Args:
        path: a file, ``-`` for a .npy stream on standard input, a sharded checkpoint by its directory or index, or a
            directory of arrays.
        names: patterns (``*.weight``) of the tensors to answer about; all by default.

    Raises:
        FormatError: the file cannot be read, or none of its tensors has such a name.
    """
    parts = [] if path == "-" else open_parts(path, form)
    sources = [source for part in parts for source in sources_of(part)] or _streamed(path)
    patterns = tuple(names)
    if not sources:
        raise FormatError(f"{path}: has no tensors")
    asked = called(path, sources, patterns) if patterns else sources
    places = places_of([(source.stored.name, source.stored.shape) for source in sources])
    tried = [try_out(source, place, threads) for source, place in zip(sources, places, strict=True)]
    measured = [one.measured for one in tried]
    options = [one.options for one in tried]
    options = pooled(sources, measured, _agreeing(sources, measured, options))
    options = [_named_once(possible) for possible in options]
    ballots = [
        Ballot(kind_of(source.stored.name, source.stored.shape), tuple((one.reading, one.score) for one in possible))
        for source, possible in zip(sources, options, strict=True)
    ]
    weights = elect(
        ballots, leaning_of([source.stored.name for source in sources], parts[0].form.name if parts else "npy")
    )
    answers = [
        answer(source, one, possible, weight)
        for source, one, possible, weight in zip(sources, tried, options, weights, strict=True)
    ]
    names_asked = {source.stored.name for source in asked}
    chosen = tuple(answer for answer in answers if answer.name in names_asked)
    groups = tuple(group for part in parts for group in part.contents.groups)
    warnings = tuple(warning for part in parts for warning in part.contents.warnings)
    return FileIdentity(path, chosen, groups, warnings)


def _streamed(path: str) -> list[Source]:
    """The array on standard input, in memory: what may be a structure is read twice."""
    if path != "-":
        return []
    if sys.stdin is None:
        raise FormatError("standard input is closed")
    source = stream_source(sys.stdin.buffer, "standard input")
    return [source.read(source.whole())]


def _named_once(options: list[Option]) -> list[Option]:
    """Without laws with fitted parameters that have a name after all."""
    named = {key_of(option.reading.made) for option in options if option.fit and not option.nameless}
    return [option for option in options if not option.nameless or key_of(option.reading.made) not in named]


def _agreeing(sources: list[Source], measured: list[Measured], options: list[list[Option]]) -> list[list[Option]]:
    """Without the rules that tensors which differ by a number in their names refute together, each being off a little."""
    alike: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, source in enumerate(sources):
        alike[template_of(source.stored.name), source.stored.dtype].append(index)
    kept = list(options)
    for members in alike.values():
        # Layers that were copied from one another count once.
        single = list({measured[index].fingerprint: index for index in members}.values())
        if len(single) < 2:
            continue
        sums: defaultdict[object, tuple[float, float, float, float]] = defaultdict(lambda: (0.0, 0.0, 0.0, 0.0))
        for index in single:
            n = float(measured[index].finite)
            for option in options[index]:
                law = option.reading.made
                if option.fit is None or option.nameless:
                    continue
                assert isinstance(law, Law)
                excess, variance, gap, count = sums[option.reading.key]
                sums[option.reading.key] = (
                    excess + n * (option.fit.spread**2 - 1),
                    variance + n * (law.kurtosis - 1),
                    gap + option.fit.gap,
                    count + 1,
                )
        loose = slack(dtype) if (dtype := sources[single[0]].stored.dtype) else 0.0
        total = sum(measured[index].finite for index in single)
        refuted = {
            key
            for key, (excess, variance, gap, count) in sums.items()
            # The room at both ends: of each tensor a Gamma(2) variable.
            if abs(excess) > FAR * math.sqrt(variance) + 2 * loose * total
            or gap > 2 * count + 6 * math.sqrt(2 * count) + 10
        }
        if refuted:
            for index in members:
                kept[index] = [
                    option for option in options[index] if option.nameless or option.reading.key not in refuted
                ]
    return kept
