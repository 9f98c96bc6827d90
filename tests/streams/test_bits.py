"""The raw words: PCG64DXSM as published, keyed by SHA-256, at any position."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from initgen.streams import bits
from initgen.streams.bits import Joined, Words

reference = runpy.run_path(str(Path(__file__).with_name("reference.py")))

# numpy/random/tests/data/pcg64dxsm-testset-{1,2}.csv: outputs 0, 1, 2 and 997, 998, 999 for a seed, and the state and
# increment that numpy's SeedSequence makes of that seed.
PUBLISHED = {
    0xDEADBEAF: (
        (0xDCBF51ECA8A06D6DA11C0E6F95BE4591, 0x6F01E045569D93C440AC10DD049310B5),
        (0xDF1DDCF1E22521FE, 0xC71B2F9C706CF151, 0x6922A8CC24AD96B2),
        (0x7BD30917BBAA8A94, 0x2672547BC8D7D329, 0x4955C92AAA231578),
    ),
    0x0: (
        (0x1AA1B5345996452D09585EB7A69561E3, 0x418DDADB3AF71A82588133BC447873A9),
        (0xD97E4A147F788A70, 0x8DFA7BCE56E3A253, 0x13556ED9F53D3C10),
        (0xAAEBC76E71592623, 0x969CC319E3ED6058, 0xC0A277E3B2BFC3DE),
    ),
}
SEEDS = (0, 1, 7, 2**63, 2**64 - 1)
NAMES = ("", "weight", "layers.0.attn.q_proj.weight", "größe/重み")


def words32(words, start, count, size=1 << 16):
    return np.concatenate([np.empty(0, np.uint32), *words.blocks32(start, count, size)])


def words64(words, start, count, size=1 << 16):
    return np.concatenate([np.empty(0, np.int64), *words.blocks64(start, count, size)])


@pytest.mark.parametrize("seed", PUBLISHED)
def test_the_generator_gives_the_published_words(seed, monkeypatch):
    (state, increment), first, last = PUBLISHED[seed]
    assert tuple(reference["word64"](state, increment, i) for i in (0, 1, 2)) == first
    assert tuple(reference["word64"](state, increment, i) for i in (997, 998, 999)) == last
    monkeypatch.setattr(bits, "key", lambda seed, name: (state, increment))
    words = words64(Words(0, ""), 0, 1000).view(np.uint64)
    assert tuple(words[:3].tolist()) == first
    assert tuple(words[-3:].tolist()) == last


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_key_is_the_digest_of_version_seed_and_name(seed, name):
    assert bits.key(seed, name) == reference["key"](seed, name)


def test_every_seed_and_name_has_its_own_stream():
    firsts = {words64(Words(seed, name), 0, 1)[0] for seed in SEEDS for name in NAMES}
    assert len(firsts) == len(SEEDS) * len(NAMES)


@pytest.mark.parametrize("start", [0, 1, 2, 999, 2**32 - 1, 2**40 + 1, 2**62 + 3])
def test_words_are_those_of_the_contract_at_any_position(start):
    words = Words(7, "weight")
    wide = [reference["word"](7, "weight", start + i, 64) for i in range(20)]
    assert words64(words, start, 20).tolist() == wide
    narrow = [reference["word"](7, "weight", start + i, 32) for i in range(20)]
    assert words32(words, start, 20).view(np.int32).tolist() == narrow


def test_any_window_is_a_slice_of_the_whole():
    words = Words(3, "")
    whole32, whole64 = words32(words, 0, 5000), words64(words, 0, 5000)
    rng = np.random.default_rng(1)
    for start, count in zip(rng.integers(0, 4500, 200).tolist(), rng.integers(0, 500, 200).tolist(), strict=True):
        for size in (2, 64, 1 << 16):
            assert np.array_equal(words32(words, start, count, size), whole32[start : start + count])
            assert np.array_equal(words64(words, start, count, size), whole64[start : start + count])


def test_pieces_of_several_streams_are_joined_end_to_end():
    parts = [(Words(3, ""), 5, 100), (Words(4, "a"), 0, 7), (Words(3, ""), 6, 1)]
    for take in (words32, words64):
        whole = np.concatenate([take(words, start, count) for words, start, count in parts])
        for size in (2, 64, 1 << 16):
            assert np.array_equal(take(Joined(parts), 0, 108, size), whole)
