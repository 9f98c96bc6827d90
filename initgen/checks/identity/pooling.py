"""Laws without a name that many tensors share: their parameters are those of all of them together."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from initgen.checks.identity.likelihood import Fit, rounded, score
from initgen.checks.identity.neighbours import template_of
from initgen.checks.identity.options import NAMELESS, Option, fitted_reading
from initgen.checks.measure import Measured
from initgen.checks.source import Source
from initgen.laws import Normal

# One of ten thousand tensors is off by so many standard errors once in two hundred files.
_APART = 5.5


def pooled(
    sources: Sequence[Source], measured: Sequence[Measured], options: Sequence[list[Option]]
) -> list[list[Option]]:
    """The options of each tensor, with one normal in place of many where tensors whose names are alike have the same std.

    Such a law takes part in the vote, which one that was fitted to a tensor alone does not. Names are alike that end in the
    same two parts, else those that differ only by numbers.
    """
    made = list(options)
    for alike in (template_of, _ending):
        members: defaultdict[tuple[str, object], list[int]] = defaultdict(list)
        for index, source in enumerate(sources):
            if any(_centred(option) for option in options[index]):
                members[alike(source.stored.name), source.stored.dtype].append(index)
        for indices in members.values():
            _pool(indices, sources, measured, options, made)
    return made


def _ending(name: str) -> str:
    return template_of(".".join(name.split(".")[-2:]))


def _centred(option: Option) -> bool:
    law = option.reading.made
    return option.nameless and isinstance(law, Normal) and law.center == 0


def _pool(
    indices: list[int],
    sources: Sequence[Source],
    measured: Sequence[Measured],
    options: Sequence[list[Option]],
    made: list[list[Option]],
) -> None:
    """Give these tensors one normal, if they can have it."""
    squares = {index: measured[index].spread(0.0) for index in indices}
    # Copies count once.
    single = list({measured[index].fingerprint: index for index in indices}.values())
    count = sum(measured[index].finite for index in single)
    std = math.sqrt(sum(squares[index] * measured[index].finite for index in single) / count)
    near = all(abs(squares[i] / std**2 - 1) < _APART * math.sqrt(2 / measured[i].finite) for i in indices)
    if len(single) < 2 or not near:
        return
    law = Normal(0.0, rounded(std, std / math.sqrt(2 * count)))
    # It pays once for having been fitted: what one tensor of them all would pay.
    cost = NAMELESS - math.log(2.5 / 10 / math.sqrt(2 * count))
    reading = replace(fitted_reading(law), cost=cost, shared=True)
    for index in indices:
        dtype = sources[index].stored.dtype
        assert dtype is not None
        own = next(option for option in options[index] if _centred(option))
        shape = own.fit.shape if own.fit else 1.0
        held = Fit(score(measured[index], law, dtype), math.sqrt(squares[index]) / law.scale, shape)
        rest = [option for option in options[index] if not _centred(option)]
        made[index] = [*rest, Option(reading, held, nameless=True)]
