"""Jumps of MT19937: the same words as step by step, and any distance in no time."""

import time

import numpy as np
import pytest

from initgen.streams.dialects import jump, mersenne
from initgen.streams.dialects.mersenne import Words


def words(generator, count):
    return generator.randint(0, 1 << 32, size=count, dtype=np.uint32)


@pytest.mark.parametrize("distance", [0, 1, 623, 624, 625, 19936, 19937, 100_003])
@pytest.mark.parametrize("gone", [0, 1, 700])
def test_a_jump_leads_where_so_many_steps_do(distance, gone):
    generator, stepping = np.random.RandomState(5), np.random.RandomState(5)
    words(generator, gone)
    words(stepping, gone + distance)
    jumped = jump.jumped(words(generator, jump.window), distance)
    np.testing.assert_array_equal(words(jumped, 1300), words(stepping, 1300))


def test_a_jump_meets_the_word_that_the_c_plus_plus_standard_gives():
    # ISO C++, rand.predef: the 10000th word of a default mt19937, whose seed is 5489.
    assert words(jump.jumped(words(np.random.RandomState(5489), jump.window), 9999), 1).tolist() == [4123659995]


def test_two_jumps_are_one_of_the_sum():
    near, far = 2**39 + 12345, 2**39 - 678
    start = words(np.random.RandomState(1), jump.window)
    twice = jump.jumped(words(jump.jumped(start, near), jump.window), far)
    np.testing.assert_array_equal(words(twice, 1000), words(jump.jumped(start, near + far), 1000))


def test_words_that_are_jumped_to_are_those_that_are_skipped_to(monkeypatch):
    at = 3 * mersenne._JUMP + 1
    found = Words(7).singles(at, 1000)
    monkeypatch.setattr(mersenne, "_JUMP", 2**60)
    Words(8).singles(0, 1)  # and not from where that cursor is
    np.testing.assert_array_equal(found, Words(7).singles(at, 1000))


def test_the_last_place_there_is_takes_no_time():
    started = time.process_time()
    Words(3).singles(2**40 - 1, 10)
    assert time.process_time() - started < 2  # to go there word by word would take an hour
