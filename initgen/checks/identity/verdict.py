"""The verdict on a tensor, out of what it allows and what the tensors of its file have voted for."""

import math
from collections.abc import Sequence
from dataclasses import replace

from initgen.checks.identity.likelihood import family_of, key_of, slack
from initgen.checks.identity.options import Option, Tried
from initgen.checks.identity.result import Guess, TensorIdentity, Verdict
from initgen.checks.source import Source
from initgen.laws import Law
from initgen.schemes.structure import Structure

# From these odds on, one law is named and the others are left out.
DECISIVE = math.log(1000.0)
# Fewer random values than this are given no name of their own.
FEW = 100
# Two laws whose std differ by less than this, and that fit about equally, count as one.
_SAME = 1e-3


def answer(source: Source, tried: Tried, options: list[Option], weights: list[float]) -> TensorIdentity:
    """The verdict on one tensor."""
    stored, found = source.stored, tried.measured
    kind = stored.dtype.name if stored.dtype else stored.kind

    def say(verdict: Verdict, guesses: Sequence[Guess] = (), note: str = "") -> TensorIdentity:
        if tried.strays:
            strange = f"{tried.strays} of the values at ±2, where torch's trunc_normal_ cuts"
            note = f"{note}; {strange}" if note else strange
        return TensorIdentity(
            stored.name, stored.shape, kind, stored.dtype, found, verdict, tuple(guesses), note, tried.rejected
        )

    if stored.dtype is None:
        return say("not weights", note=f"holds {kind}")
    if not found.count:
        return say("not weights", note="is empty")
    if found.finite != found.count:
        return say("unknown", note=f"{found.nan:,} NaN, {found.inf:,} infinite")
    if not options:
        if stored.dtype.whole:
            return say("not weights", note=f"whole numbers from {found.low:g} to {found.high:g}")
        return say("unknown", note="no law that initgen knows fits")
    named = [(option, weight) for option, weight in zip(options, weights, strict=True) if not option.nameless]
    others = [(option, weight) for option, weight in zip(options, weights, strict=True) if option.nameless]
    best = max((weight for _, weight in named), default=-math.inf)
    plain = max((weight for _, weight in others), default=-math.inf)
    guesses = _guesses(named, max(_SAME, slack(stored.dtype)))
    if plain > best:
        first = max(others, key=lambda pair: pair[1])[0]
        lead = Guess((first.reading,), plain - best, 0.0, first.fit)
        rest = [replace(guess, odds=min(guess.odds, 0.0)) for guess in guesses]
        if found.count < FEW:
            return say("cannot tell", (lead, *rest), f"{found.count} values are too few")
        return say("fitted", (lead, *rest), "no scheme fits as well as these parameters")
    exact = guesses[0].fit is None
    if found.count < FEW and not exact:
        if guesses[0].odds >= DECISIVE:
            return say("consistent", guesses, f"{found.count} values are too few to tell by themselves")
        return say("cannot tell", guesses, f"{found.count} values are too few")
    if not exact and best - plain < DECISIVE:
        return say("cannot tell", guesses, "a law without a name fits about as well")
    if guesses[0].odds >= DECISIVE:
        return say("named", guesses)
    return say("cannot tell", guesses, "the values fit several about as well")


def _guesses(options: list[tuple[Option, float]], near: float) -> list[Guess]:
    """The options with one law together, the likeliest first; ``near`` is by how much its std may differ."""
    laws: list[list[tuple[Option, float]]] = []
    for pair in sorted(options, key=lambda pair: -pair[1]):
        same = next((group for group in laws if _same(group[0][0], pair[0], near)), None)
        if same is None:
            laws.append([pair])
        else:
            same.append(pair)
    weighed = [(sum(math.exp(max(weight, -700)) for _, weight in group), group) for group in laws]
    weighed.sort(key=lambda one: -one[0])
    guesses = []
    for index, (weight, group) in enumerate(weighed):
        against = weighed[1][0] if index == 0 and len(weighed) > 1 else weighed[0][0] if index else 0.0
        odds = math.log(weight / against) if weight and against else math.inf if index == 0 else -math.inf
        top, first = weighed[0][1][0][0], group[0][0]
        distinct = {option.reading.key: option.reading for option, _ in group}
        guesses.append(Guess(tuple(distinct.values()), odds, first.score - top.score, first.fit))
    return guesses


def _same(a: Option, b: Option, tolerance: float) -> bool:
    first, second = a.reading.made, b.reading.made
    if not (isinstance(first, Law) and isinstance(second, Law)):
        return isinstance(first, Structure) and isinstance(second, Structure)
    if key_of(first) == key_of(second):
        return True
    near = family_of(first) == family_of(second) and abs(first.std - second.std) <= tolerance * first.std
    return near and abs(first.mean - second.mean) <= tolerance * first.std and abs(a.score - b.score) < 3
