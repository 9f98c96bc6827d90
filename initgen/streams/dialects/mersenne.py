"""MT19937 seeded as torch seeds it: its 32-bit words, from any of them on."""

import threading
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.streams.dialects import jump

# Pairs of words that are drawn in one go to be skipped.
_SKIP = 1 << 15
# A cursor that has gone so many words is put by when another takes its generator: to go again would take longer.
_FAR = 1 << 15
# To jump so many words takes as long as to skip them.
_JUMP = 1 << 24


class _Generator(threading.local):
    """One generator for each thread, as making one costs more than drawing a small tensor, and what it is at.

    `RandomState` is used as its words are promised never to change.
    """

    def __init__(self) -> None:
        self.source = np.random.RandomState(0)
        self.words: Words | None = None
        self.track = 0
        self.position = 0


class _Saved(threading.local):
    """Where one thread's cursors are in one stream: position and state, by track."""

    def __init__(self) -> None:
        self.cursors: dict[int, tuple[int, Any]] = {}


_generator = _Generator()


class Words:
    """The words of one seed, of which only the lowest 32 bits count: init_genrand of Matsumoto & Nishimura.

    MT19937 goes forward only. Each thread has a cursor for each track on which a drawing goes through the words. A
    cursor goes on from where it was, or from the nearest one behind, by skipping words; else from the seed. What is far
    it jumps to.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed & 0xFFFFFFFF
        self._saved = _Saved()

    def singles(self, at: int, count: int, track: int = 0) -> NDArray[np.uint32]:
        """Words ``at`` to ``at + count``."""
        drawn = self.pairs(at, count // 2, track)
        words = np.empty(count, np.uint32)
        pairs = words[: count - count % 2].view(np.uint64)
        if np.little_endian:  # the first word goes from the high half to where it comes first
            np.left_shift(drawn, np.uint64(32), out=pairs)
            drawn >>= np.uint64(32)
            pairs |= drawn
        else:
            pairs[...] = drawn
        if count % 2:
            words[-1] = _single()
        return words

    def pairs(self, at: int, count: int, track: int = 0) -> NDArray[np.uint64]:
        """As many pairs of words from word ``at`` on, the first of each in the high half."""
        if _generator.words is not self or _generator.track != track or _generator.position > at:
            self._change(at, track)
        if at - _generator.position > _JUMP:
            _jump(at)
        while at - _generator.position > 1:
            _pairs(min((at - _generator.position) // 2, _SKIP))
        if at > _generator.position:
            _single()
        return _pairs(count)

    def _change(self, at: int, track: int) -> None:
        """Give the thread's generator to this track, at the nearest state before word ``at``."""
        generator, cursors = _generator, self._saved.cursors
        held = generator.words
        if held is not None and generator.position > _FAR:
            held._saved.cursors[generator.track] = generator.position, generator.source.get_state()
        behind = max((cursor for cursor in cursors.values() if cursor[0] <= at), key=itemgetter(0), default=None)
        # Another drawing of this seed, such as that of the tensor before, may have left it near.
        near = held is not None and held._seed == self._seed and generator.position <= at
        if not near or (behind is not None and behind[0] > generator.position):
            if behind is None:
                generator.source.seed(self._seed)
                generator.position = 0
            else:
                generator.position, state = behind
                generator.source.set_state(state)
        generator.words, generator.track = self, track


def _jump(at: int) -> None:
    drawn = _generator.source.randint(0, 1 << 32, size=jump.window, dtype=np.uint32)
    _generator.source = jump.jumped(drawn, at - _generator.position)
    _generator.position = at


def _pairs(count: int) -> NDArray[np.uint64]:
    _generator.position += 2 * count
    return _generator.source.randint(0, 1 << 64, size=count, dtype=np.uint64)


def _single() -> int:
    _generator.position += 1
    return int(_generator.source.randint(0, 1 << 32, dtype=np.uint32))
