"""Threefry-2x32 and the two ways of counting with it: published vectors, and any piece is a slice of the whole."""

import numpy as np
import pytest

from initgen.streams.dialects.threefry import Original, Partitionable, encrypt, fold_in, seeded

KEY = (0x13198A2E, 0x03707344)


def encrypted(key, x0, x1):
    words = np.array([x0], np.uint32), np.array([x1], np.uint32)
    encrypt(key, *words, np.empty(1, np.uint32))
    return tuple(int(word[0]) for word in words)


def drawn(bits, width, start, count, total, key=KEY):
    blocks = list(bits.blocks(key, width, start, count, total))
    return np.concatenate(blocks) if blocks else np.empty(0, f"u{width // 8}")


@pytest.mark.parametrize(
    ("key", "given", "wanted"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_blocks_are_those_of_random123(key, given, wanted):
    """kat_vectors of Random123 1.14, threefry2x32 with 20 rounds."""
    assert encrypted(key, *given) == wanted


@pytest.mark.parametrize("total", [1, 2, 3, 7, 64, 1001, (1 << 17) + 3])
@pytest.mark.parametrize("width", [8, 16, 32, 64])
@pytest.mark.parametrize("bits", [Partitionable(), Original()], ids=["partitionable", "original"])
def test_any_piece_is_a_slice_of_the_whole(bits, width, total):
    whole = drawn(bits, width, 0, total, total)
    assert whole.shape == (total,)
    assert whole.dtype == np.dtype(f"u{width // 8}")
    rng = np.random.default_rng(total)
    for _ in range(10):
        start = int(rng.integers(total))
        count = int(rng.integers(total - start + 1))
        assert drawn(bits, width, start, count, total).tobytes() == whole[start : start + count].tobytes()


def test_an_element_is_its_own_block_also_behind_32_bits():
    start = (1 << 32) - 2
    words = drawn(Partitionable(), 64, start, 4, 1 << 33)
    for number, word in enumerate(words.tolist(), start):
        high, low = encrypted(KEY, number >> 32, number & 0xFFFFFFFF)
        assert word == high << 32 | low


@pytest.mark.parametrize("words", [1, 5, 8])
def test_a_block_gives_a_word_to_each_half(words):
    half = -(-words // 2)
    pairs = [encrypted(KEY, j, j + half if j + half < words else 0) for j in range(half)]
    wanted = [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
    assert drawn(Original(), 32, 0, words, words).tolist() == wanted[:words]
    wide = [pair[0] << 32 | pair[1] for pair in (encrypted(KEY, j, j + words) for j in range(words))]
    assert drawn(Original(), 64, 0, words, words).tolist() == wide
    narrow = [word >> 8 * byte & 0xFF for word in wanted[:words] for byte in range(4)]
    assert drawn(Original(), 8, 0, 4 * words, 4 * words).tolist() == narrow


def test_a_seed_is_cut_to_32_bits_unless_it_is_wide():
    assert seeded(2**32 + 5, wide=False) == (0, 5)
    assert seeded(2**32 + 5, wide=True) == (1, 5)
    assert seeded(-1, wide=False) == (0, 0xFFFFFFFF)
    assert seeded(-7, wide=True) == (0xFFFFFFFF, 0xFFFFFFF9)


def test_folding_in_a_number_encrypts_it():
    assert fold_in(KEY, 3) == encrypted(KEY, 0, 3)
