"""The tensors of a model vote: what many were drawn by is what one more was drawn by.

A reading's weight is its likelihood times how often its rule is found among the other tensors, those of its own kind
before others; a rule that none of them has keeps the weight of how common it is elsewhere. So few rules explain most.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from initgen.checks.identity.candidates import Reading

_ROUNDS = 12
# A tensor of the same kind counts so much more than any other.
_OWN_KIND = 3.0
# Between rules with equally many votes the common one is preferred, by this part of the difference in cost.
_COMMON = 0.2


@dataclass(frozen=True)
class Ballot:
    """What one tensor may have been drawn from.

    Attributes:
        kind: of tensors that are mostly drawn alike: the last part of the name, and how many axes.
        choices: readings with the logarithm of their likelihood.
    """

    kind: Hashable
    choices: tuple[tuple[Reading, float], ...]


def elect(ballots: Sequence[Ballot], leaning: dict[str, float]) -> list[list[float]]:
    """For each choice of each ballot, the logarithm of its weight after all have voted; the best has 0.

    Args:
        leaning: so many votes for each layout beforehand.
    """
    shares = [[0.0] * len(ballot.choices) for ballot in ballots]
    logs: list[list[float]] = []
    for _ in range(_ROUNDS):
        rules: defaultdict[Hashable, float] = defaultdict(float)
        own: defaultdict[Hashable, float] = defaultdict(float)
        layouts: defaultdict[str, float] = defaultdict(float, leaning)
        for ballot, share in zip(ballots, shares, strict=True):
            for (reading, _), part in zip(ballot.choices, share, strict=True):
                if part > 1e-6 and reading.shared:
                    rules[reading.key] += part
                    own[ballot.kind, reading.key] += part
                    layouts[reading.layout or ""] += part
        logs = [_weights(ballot, share, rules, own, layouts) for ballot, share in zip(ballots, shares, strict=True)]
        shares = [_shares(weights) for weights in logs]
    return logs


def _weights(
    ballot: Ballot,
    share: list[float],
    rules: defaultdict[Hashable, float],
    own: defaultdict[Hashable, float],
    layouts: defaultdict[str, float],
) -> list[float]:
    """The choices of one tensor, weighed by the votes of the others."""
    mine: defaultdict[str, float] = defaultdict(float)
    for (reading, _), part in zip(ballot.choices, share, strict=True):
        mine[reading.layout or ""] += part
    voted = {side: max(0.0, layouts[side] - mine[side]) for side in ("keras", "torch")}
    weights = []
    for (reading, score), part in zip(ballot.choices, share, strict=True):
        votes = (
            0.0
            if not reading.shared
            else max(0.0, rules[reading.key] - part) + _OWN_KIND * max(0.0, own[ballot.kind, reading.key] - part)
        )
        weight = score + math.log(math.exp(-reading.cost) + votes) - _COMMON * reading.cost
        if reading.layout:
            weight += math.log((1 + voted[reading.layout]) / (1 + max(voted.values())))
        weights.append(weight)
    top = max(weights, default=0.0)
    return [weight - top for weight in weights]


def _shares(weights: list[float]) -> list[float]:
    top = max(weights, default=0.0)
    shares = [math.exp(weight - top) for weight in weights]
    total = sum(shares)
    return [share / total for share in shares]
