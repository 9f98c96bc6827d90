"""Philox4x32-10 gives the published words, and any of its blocks alone."""

import numpy as np
import pytest

from initgen.streams.dialects import philox

# Random123 1.14, tests/kat_vectors: philox4x32 10, counter, key, words.
VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
KEY, UPPER = (0x12345678, 0x9ABCDEF0), (5, 6)


@pytest.mark.parametrize(("counter", "key", "words"), VECTORS)
def test_the_published_words_come_out(counter, key, words):
    counter, key, words = (tuple(int(word, 16) for word in text.split()) for text in (counter, key, words))
    assert philox.block(key, counter) == words


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1, 2**32, 2**40 + 3, 2**64 - 1])
def test_a_block_has_its_number_as_the_lower_half_of_the_counter(number):
    words = philox.blocks(KEY, UPPER, np.array([number], np.uint64))
    assert tuple(int(word[0]) for word in words) == philox.block(KEY, (number % 2**32, number >> 32, *UPPER))


def test_blocks_in_any_order_are_the_same_blocks():
    forwards = np.arange(1000, dtype=np.uint64)
    shuffled = np.random.default_rng(0).permutation(forwards)
    one, other = (np.stack(philox.blocks(KEY, UPPER, numbers)) for numbers in (forwards, shuffled))
    assert (one[:, shuffled.astype(int)] == other).all()
