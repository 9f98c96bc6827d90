"""Values that stand twice in one file: a stream that wrapped, a block that was copied, rows that are equal.

Where to look is chosen by the values themselves, so that a copy is looked at in the same places wherever it stands: an
*anchor* is a value whose bits, multiplied by a constant, come out small, and its key is a hash of the values that follow.
This is how copied text is found: Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for document
fingerprinting", with Manber's choice of places (1994).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Words = NDArray[np.unsignedinteger]

# About so many anchors are kept of a tensor, and at most one value in so many is one.
_ANCHORS = 1 << 16
_DENSEST = 16
# So many neighbours are passed over together where none of them is an anchor.
_STRETCH = 1 << 10
# Multipliers: 2^32 and 2^64 over the golden ratio, made odd (Knuth, The Art of Computer Programming 3, 6.4).
_MIX32 = np.uint32(2654435769)
_MIX64 = np.uint64(11400714819323198485)


@dataclass(frozen=True)
class Anchors:
    """Chosen places of a tensor.

    Attributes:
        places: index in storage order.
        keys: two 64-bit hashes of the values from there on, shape (n, 2).
        ranks: the hash that chose the place; the smaller of two is chosen more readily.
    """

    places: Places
    keys: NDArray[np.uint64]
    ranks: NDArray[np.uint32]

    @property
    def size(self) -> int:
        """How many there are."""
        return self.places.size

    def least(self, count: int) -> "Anchors":
        """The ``count`` that are chosen most readily: of equal values the same ones."""
        if self.size <= count:
            return self
        chosen = np.argpartition(self.ranks, count)[:count]
        return Anchors(self.places[chosen], self.keys[chosen], self.ranks[chosen])


def window(itemsize: int) -> int:
    """How many values a key is made of."""
    return 32 if itemsize == 1 else 16


def no_anchors() -> Anchors:
    """Of a tensor that is not looked into."""
    return Anchors(np.empty(0, np.int64), np.empty((0, 2), np.uint64), np.empty(0, np.uint32))


def anchors_of(words: Words, start: int, count: int) -> Anchors:
    """The anchors in a block.

    Args:
        words: the block's values as unsigned integers of their size, in native byte order.
        start: index of its first value in the tensor.
        count: elements of the whole tensor, which sets how densely anchors lie.
    """
    span = window(words.itemsize)
    usable = words.size - span + 1
    if usable < 1:
        return no_anchors()
    ranks = _ranks(words)[:usable]
    share = min(1 / _DENSEST, _ANCHORS / count)
    bits = 8 * ranks.itemsize
    at = _below(ranks, ranks.dtype.type(int(share * 2**bits)))
    # A run of one value is no copy of another such run.
    if at.size * _DENSEST > 2 * usable:  # zeros, say: all that follows them would be 16 times the block
        changes = np.zeros(words.size, np.int64)
        np.cumsum(words[1:] != words[:-1], out=changes[1:])
        at = at[changes[at + span - 1] > changes[at]]
    followed = words[at[:, None] + np.arange(span)]
    alive = (followed != followed[:, :1]).any(axis=1)
    at, followed = at[alive], followed[alive].astype(np.uint64)
    keys = followed @ _multipliers(span)
    top = ranks[at] if bits == 32 else ranks[at] >> np.uint64(32)
    return Anchors(at + start, keys, top.astype(np.uint32))


def _below(ranks: Words, limit: np.unsignedinteger) -> Places:
    """Where ranks are smaller; those of most stretches are not, which their minimum tells in a third of the time."""
    end = ranks.size // _STRETCH * _STRETCH
    stretches = ranks[:end].reshape(-1, _STRETCH)
    few = np.flatnonzero(stretches.min(axis=1) < limit)
    row, column = np.divmod(np.flatnonzero(stretches[few] < limit), _STRETCH)
    return np.concatenate([few[row] * _STRETCH + column, np.flatnonzero(ranks[end:] < limit) + end])


def _ranks(words: Words) -> Words:
    """A hash of the bits at each place: of one value, or of as many as make 32 bits."""
    if words.itemsize == 8:
        return words * _MIX64
    if words.itemsize == 4:
        return words * _MIX32
    together = 4 // words.itemsize
    last = words.size - together + 1
    joined = words[:last].astype(np.uint32)
    for offset in range(1, together):
        joined <<= np.uint32(8 * words.itemsize)
        joined |= words[offset : last + offset]
    joined *= _MIX32
    return joined


@lru_cache
def _multipliers(span: int) -> NDArray[np.uint64]:
    """Two columns of odd numbers with their bits well mixed."""
    powers = np.arange(1, 2 * span + 1, dtype=np.uint64) * _MIX64
    powers ^= powers >> np.uint64(29)
    powers *= np.uint64(0xBF58476D1CE4E5B9)
    powers ^= powers >> np.uint64(32)
    return np.ascontiguousarray((powers | np.uint64(1)).reshape(2, span).T)


def joined(parts: list[Anchors]) -> Anchors:
    """The anchors of the blocks of a tensor."""
    if not parts:
        return no_anchors()
    return Anchors(
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.ranks for part in parts]),
    )


@dataclass(frozen=True)
class Repeat:
    """Values that stand again.

    Attributes:
        first, again: where the first of them stand, and where they stand again.
        shift: how far on most of what repeats stands again.
        share: about what part of the tensor stands elsewhere before.
    """

    first: int
    again: int
    shift: int
    share: float


def repeat_in(anchors: Anchors) -> Repeat | None:
    """What repeats within one tensor."""
    if anchors.size < 2:
        return None
    order = np.lexsort((anchors.places, anchors.keys[:, 1], anchors.keys[:, 0]))
    keys, places = anchors.keys[order], anchors.places[order]
    same = np.flatnonzero((keys[1:] == keys[:-1]).all(axis=1))
    if not same.size:
        return None
    first, again = places[same], places[same + 1]
    shifts, counts = np.unique(again - first, return_counts=True)
    shift = int(shifts[np.argmax(counts)])
    earliest = int(np.argmin(np.where(again - first == shift, first, np.iinfo(np.int64).max)))
    return Repeat(int(first[earliest]), int(again[earliest]), shift, same.size / anchors.size)


def shared(tensors: list[Anchors]) -> list[tuple[int, int, int, int, int]]:
    """Pairs of tensors with values in common: two indices, a place in each, and how many anchors they share.

    A tensor that shares values with several is paired with the first of them.
    """
    owners = np.concatenate([np.full(anchors.size, index) for index, anchors in enumerate(tensors)] or [np.empty(0)])
    together = joined(tensors)
    if together.size < 2:
        return []
    order = np.lexsort((together.places, owners, together.keys[:, 1], together.keys[:, 0]))
    keys, places, whose = together.keys[order], together.places[order], owners[order].astype(np.int64)
    same = np.flatnonzero((keys[1:] == keys[:-1]).all(axis=1) & (whose[1:] != whose[:-1]))
    found: dict[int, tuple[int, int, int, int, int]] = {}
    for at in same.tolist():
        a, b = int(whose[at]), int(whose[at + 1])
        if b in found and found[b][0] == a:
            first = min(found[b][2:4], (int(places[at]), int(places[at + 1])))
            found[b] = (a, b, *first, found[b][4] + 1)
        elif b not in found or found[b][0] > a:
            found[b] = (a, b, int(places[at]), int(places[at + 1]), 1)
    return [found[b] for b in sorted(found)]
