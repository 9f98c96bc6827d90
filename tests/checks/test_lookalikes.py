"""What a tensor looks like instead: the mistake that was made is the first that is named."""

import numpy as np
import pytest

import initgen

RNG = np.random.Generator(np.random.PCG64(11))
SHAPE = (300, 700)
SIZE = 210_000


def uniform(variance, shape=SHAPE):
    limit = (3 * variance) ** 0.5
    return RNG.uniform(-limit, limit, shape)


def normal(std, shape=SHAPE):
    return RNG.normal(0, std, shape)


def cut(scale):
    values = RNG.standard_normal(2 * SIZE)
    return scale * values[abs(values) < 2][:SIZE].reshape(SHAPE)


CASES = [
    ("lecun_uniform", uniform(2 / 300), "he_uniform"),
    ("he_uniform", uniform(1 / 300), "lecun_uniform"),
    ("he_uniform", uniform(2 / 1000), "glorot_uniform"),
    ("he_uniform", uniform(2 / 700), "he_uniform with fans of the other layout: --layout torch"),
    ("he_normal", cut((2 / 300) ** 0.5), "he_normal without the correction for the cut (÷ 0.8796)"),
    ("he_normal", normal((2 / 300) ** 0.5 / 0.87962566), "he_normal with the correction, but not cut"),
    ("he_normal", normal((2 / 300) ** 0.5), "he_normal, not cut"),
    ("he_normal", uniform(2 / 300), "he_normal, but uniform"),
    ("he_uniform", normal((2 / 300) ** 0.5), "he_uniform, but normal"),
    ("he_uniform", np.full(SHAPE, 0.5), "constant 0.5"),
    ("he_uniform", np.zeros(SHAPE), "constant 0"),
    ("he_uniform", uniform(2 / 9, (3, 3, 40, 80)), "he_uniform with fans of a depthwise kernel: --depthwise"),
]


@pytest.mark.parametrize(("scheme", "value", "wanted"), CASES, ids=[case[2] for case in CASES])
def test_the_mistake_that_was_made_is_named_first(scheme, value, wanted, tmp_path):
    path = str(tmp_path / "w.npy")
    np.save(path, value.astype(np.float32))
    answer = initgen.stats(path, scheme)
    assert not answer.passed
    assert answer.tensors[0].looks_like[0] == wanted


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_looks_like_nothing_known_is_given_no_name(dtype, tmp_path):
    path = str(tmp_path / "w.npy")
    np.save(path, RNG.laplace(0, 0.37, SHAPE).astype(dtype))
    assert initgen.stats(path, "he_uniform").tensors[0].looks_like == ()


def test_a_tensor_that_passes_is_not_said_to_look_like_another(tmp_path):
    path = str(tmp_path / "w.npy")
    np.save(path, initgen.sample("he_uniform", SHAPE))
    assert initgen.stats(path, "he_uniform").tensors[0].looks_like == ()


def test_ordinary_schemes_are_named_before_far_fetched_ones(tmp_path):
    path = str(tmp_path / "w.npy")
    # Glorot's law for a square; the first layer's of SIREN, the hidden layers' and xformers' are other laws there.
    np.save(path, uniform(1 / 200, (200, 200)).astype(np.float32))
    assert initgen.stats(path, "he_uniform").tensors[0].looks_like == ("glorot_uniform",)
    # 0.02 is also GPT-NeoX' small_init for a width of 1000.
    np.save(path, normal(0.02, (200, 1000)).astype(np.float32))
    assert initgen.stats(path, "he_uniform").tensors[0].looks_like[0] == "random_normal:stddev=0.02"


def test_a_far_fetched_scheme_is_named_where_nothing_else_fits(tmp_path):
    path = str(tmp_path / "w.npy")
    np.save(path, uniform(2 / (300 + 4 * 700)).astype(np.float32))
    assert initgen.stats(path, "he_uniform").tensors[0].looks_like == ("small_init_uniform",)
