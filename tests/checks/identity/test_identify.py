"""`identify` names what made a tensor, says so where it cannot tell, and gives no name to what has none.

Tensors are drawn by numpy or built by hand; seeds are fixed. A right name is missed by chance where a moment is off by
4.5 standard errors: once in 150,000 tensors.
"""

import math

import numpy as np
import pytest
from safetensors.numpy import save_file

import initgen
from initgen.checks.identity.described import describe_file
from initgen.checks.identity.groups import groups_of, patterns_of
from initgen.checks.identity.identify import identify
from initgen.laws import Normal

RNG = np.random.Generator(np.random.PCG64(20261122))


def uniform(limit, shape):
    return RNG.uniform(-limit, limit, shape)


def normal(std, shape):
    return RNG.normal(0, std, shape)


def cut(scale, shape):
    values = RNG.standard_normal(2 * math.prod(shape))
    return scale * values[abs(values) < 2][: math.prod(shape)].reshape(shape)


def orthogonal(rows, cols, gain=1.0):
    q, _ = np.linalg.qr(RNG.standard_normal((max(rows, cols), min(rows, cols))))
    return gain * (q if rows >= cols else q.T)


def padded(std, shape, row):
    values = normal(std, shape)
    values[row] = 0
    return values


def sparse(rows, cols, share, std):
    values = normal(std, (rows, cols))
    for column in values.T:
        column[RNG.permutation(rows)[: math.ceil(share * rows)]] = 0
    return values


def dirac(outputs, inputs, size):
    kernel = np.zeros((outputs, inputs, size))
    for channel in range(min(outputs, inputs)):
        kernel[channel, channel, size // 2] = 1
    return kernel


def centred(outputs, inputs, size):
    kernel = np.zeros((size, inputs, outputs))
    kernel[(size - 1) // 2] = orthogonal(inputs, outputs)
    return kernel


CORRECTED = 0.87962566103423978  # the std of a normal that is cut at two


@pytest.fixture
def identified(tmp_path):
    """The answers on the tensors of a file."""

    def ask(tensors, dtype=np.float32):
        path = tmp_path / "w.safetensors"
        cast = {
            name: np.ascontiguousarray(value if value.dtype.kind in "iub" else value.astype(dtype))
            for name, value in tensors.items()
        }
        save_file(cast, path)
        return identify(str(path))

    return ask


@pytest.mark.parametrize(
    ("value", "rule", "layout"),
    [
        (uniform(math.sqrt(6 / 300), (300, 700)), "he_uniform", "keras"),
        (uniform(math.sqrt(6 / 700), (300, 700)), "kaiming_uniform", "torch"),
        (uniform(math.sqrt(6 / 1000), (300, 700)), "glorot_uniform", "keras"),
        (uniform(math.sqrt(1 / 700), (300, 700)), "torch_default", "torch"),
        (uniform(math.sqrt(3 / 300), (300, 700)), "lecun_uniform", "keras"),
        (cut(math.sqrt(2 / 300) / CORRECTED, (300, 700)), "he_normal", "keras"),
        (cut(math.sqrt(1 / 300) / CORRECTED, (300, 700)), "lecun_normal", "keras"),
        (cut(math.sqrt(2 / 1000) / CORRECTED, (300, 700)), "glorot_normal", "keras"),
        (cut(math.sqrt(1 / 300), (300, 700)), "truncated_normal:stddev=1/√fan_in", None),
        (normal(math.sqrt(2 / 700), (300, 700)), "kaiming_normal", "torch"),
        (normal(math.sqrt(2 / 300), (300, 700)), "kaiming_normal:mode=fan_out", "torch"),
        (normal(math.sqrt(2 / 1000), (300, 700)), "xavier_normal", "torch"),
        (normal(0.02, (300, 700)), "random_normal:stddev=0.02", None),
        (cut(0.02, (300, 700)), "truncated_normal:stddev=0.02", None),
        (uniform(math.sqrt(6 / (9 * 60)), (3, 3, 20, 40)), "glorot_uniform", "keras"),
        (uniform(math.sqrt(6 / (9 * 60)), (40, 20, 3, 3)), "xavier_uniform", "torch"),
        (uniform(1 / math.sqrt(20 * 9), (40, 20, 3, 3)), "torch_default", "torch"),
        (uniform(math.sqrt(6 / (64 + 512)), (64, 8, 64)), "glorot_uniform", "keras"),
        (np.zeros((40, 50)), "zeros", None),
        (np.full((40, 50), 1e-5), "constant:value=1e-05", None),
        (orthogonal(300, 200), "orthogonal", None),
        (orthogonal(200, 300, math.sqrt(2)), "orthogonal:gain=1.4142135623730951", None),
        (orthogonal(64, 16 * 9).reshape(64, 16, 3, 3), "orthogonal", "torch"),
        (np.eye(30, 40), "identity", None),
        (dirac(30, 20, 3), "dirac", "torch"),
        (centred(30, 20, 4), "delta_orthogonal", "keras"),
        (sparse(200, 30, 0.1, 0.01), "sparse:sparsity=0.1,std=0.01", None),
        (padded(1.0, (300, 40), 7), "padded_normal:stddev=1,row=7", None),
        (np.tile(np.arange(30), (4, 1)), "arange", None),
        (np.repeat([0.0, 1.0, 0.0, 0.0], 25), "unit_forget_bias", None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_was_drawn_is_named_first(identified, value, rule, layout):
    (tensor,) = identified({"w": value}).tensors
    assert tensor.verdict == "named", tensor.note
    assert (tensor.best.rule, tensor.best.layout) == (rule, layout)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (uniform(math.sqrt(6 / 300), (300, 700)), "he_uniform"),
        (cut(math.sqrt(2 / 300) / CORRECTED, (300, 700)), "he_normal"),
        (normal(0.02, (300, 700)), "random_normal:stddev=0.02"),
        (np.full(300, 1e-5), "constant:value=1e-05"),
        (orthogonal(300, 200), "orthogonal"),
    ],
)
def test_files_of_low_precision_are_named_too(identified, value, rule, dtype):
    import ml_dtypes

    (tensor,) = identified({"w": value}, getattr(ml_dtypes, dtype, np.float16)).tensors
    assert (tensor.verdict, tensor.best.rule) == ("named", rule)


def test_readings_that_no_number_can_tell_apart_stand_together(identified):
    (tensor,) = identified({"w": uniform(math.sqrt(6 / 400), (200, 200))}).tensors
    said = {(reading.rule, reading.layout) for reading in tensor.guesses[0].readings}
    assert {("glorot_uniform", "keras"), ("xavier_uniform", "torch"), ("lecun_uniform", "keras")} <= said
    assert math.isinf(tensor.guesses[0].odds)


def test_the_tensors_of_a_file_decide_what_one_alone_does_not(identified):
    # By itself of Kaiming's law or of Xavier's, whose std are 9 % apart: 2.3 standard errors of 320 values.
    value = normal(1.0, (8, 40))
    value *= 0.9 * math.sqrt(2 / 40) / value.std()
    (alone,) = identified({"a.weight": value}).tensors
    assert alone.verdict == "cannot tell"
    assert alone.best.rule == "xavier_normal"
    beside = {f"layers.{size}.weight": normal(math.sqrt(2 / size), (120, size)) for size in range(30, 130, 4)}
    (one, *_) = identified({"a.weight": value, **beside}).tensors
    assert (one.best.rule, one.best.layout) == ("kaiming_normal", "torch")


def test_a_bias_has_the_fan_of_the_weight_beside_it(identified):
    limit = 1 / math.sqrt(100)
    file = identified({"x.weight": uniform(limit, (300, 100)), "x.bias": uniform(limit, (300,))})
    bias = next(tensor for tensor in file.tensors if tensor.name == "x.bias")
    assert (bias.verdict, bias.best.rule, bias.best.fan_in) == ("named", "torch_bias", 100)
    # Without the weight there is nothing that says 100.
    (alone,) = identified({"x.bias": uniform(0.0913, (300,))}).tensors
    assert alone.verdict == "fitted"


def test_too_few_values_get_no_name_of_their_own(identified):
    limit = 1 / math.sqrt(100)
    file = identified({"x.weight": uniform(limit, (40, 100)), "x.bias": uniform(limit, (40,)), "y": normal(0.3, (40,))})
    verdicts = {tensor.name: tensor.verdict for tensor in file.tensors}
    assert verdicts == {"x.weight": "named", "x.bias": "consistent", "y": "cannot tell"}


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (normal(0.0371, (300, 700)), "fitted"),
        (RNG.laplace(0, 0.05, (300, 700)), "unknown"),
        (np.where(RNG.random((300, 700)) < 0.5, normal(0.02, (300, 700)), normal(0.2, (300, 700))), "unknown"),
        (np.full((30, 70), np.nan), "unknown"),
        (RNG.integers(0, 99, (300, 70)), "not weights"),
        (np.empty((0, 5)), "not weights"),
    ],
)
def test_what_has_no_name_gets_none(identified, value, verdict):
    (tensor,) = identified({"w": value}).tensors
    assert tensor.verdict == verdict
    assert tensor.best is None or verdict == "fitted"


def test_a_law_without_a_name_is_that_of_all_tensors_that_differ_by_a_number(identified):
    file = identified({f"layers.{at}.q.weight": normal(0.0371, (64, 64)) for at in range(20)})
    laws = {tensor.best.made for tensor in file.tensors}
    assert {tensor.verdict for tensor in file.tensors} == {"fitted"}
    assert len(laws) == 1
    # 20 tensors of 4096 values: a standard error of 0.25 %.
    assert laws.pop().scale == pytest.approx(0.0371, rel=0.0125)


def test_names_that_each_tensor_allows_and_all_of_them_refute_are_not_said(identified):
    # 3 % off 0.02 is 2.7 standard errors of one tensor and 13 of all of them.
    file = identified({f"layers.{at}.weight": normal(0.0206, (64, 64)) for at in range(24)})
    assert {tensor.verdict for tensor in file.tensors} == {"fitted"}


def test_layers_that_were_copied_do_not_count_as_many(identified):
    # Its std is 3.0 standard errors off: one tensor does not refute 0.02, and 24 copies are one tensor.
    value = normal(1.0, (64, 64))
    value *= 0.02 * (1 + 3.0 / math.sqrt(2 * value.size)) / value.std()
    file = identified({f"layers.{at}.weight": value for at in range(24)} | {"head.weight": normal(0.02, (500, 64))})
    assert {tensor.best.rule for tensor in file.tensors} == {"random_normal:stddev=0.02"}


def test_odd_scales_are_seldom_given_a_name(identified):
    # Some lie as near to one that has a name as chance allows: 4.5 standard errors are 1.25 %.
    stds = np.exp(RNG.uniform(math.log(0.003), 0, 100))
    found = [identified({"w": normal(std, (128, 512))}).tensors[0] for std in stds]
    wrong = [
        tensor
        for tensor, std in zip(found, stds, strict=True)
        if tensor.verdict == "named" and abs(tensor.best.made.std / std - 1) > 0.0125
    ]
    assert sum(tensor.verdict == "named" for tensor in found) < 15
    assert not wrong


def test_what_torch_leaves_at_the_cut_does_not_hide_the_law(identified):
    value = normal(0.02, (300, 700))
    value[5, 6] = -2.0
    (tensor,) = identified({"w": value}).tensors
    assert (tensor.verdict, tensor.best.rule) == ("named", "random_normal:stddev=0.02")
    assert "trunc_normal_" in tensor.note


def test_groups_have_patterns_that_fit_no_other_tensor(identified):
    tensors = {
        **{f"h.{at}.attn.c_attn.weight": normal(0.02, (64, 192)) for at in range(6)},
        **{f"h.{at}.attn.c_proj.weight": normal(0.02 / math.sqrt(12), (64, 64)) for at in range(6)},
        **{f"h.{at}.ln.weight": np.ones(64) for at in range(6)},
        **{f"h.{at}.attn.c_attn.bias": np.zeros(64) for at in range(6)},
    }
    groups = {group.reading.scheme: group.patterns for group in groups_of(identified(tensors))}
    assert groups == {
        "random_normal:stddev=0.02": ("*.c_attn.weight",),
        "gpt2_residual:layers=6": ("*.c_proj.weight",),
        "ones": ("*.ln.weight",),
        "zeros": ("*.bias",),
    }


def test_patterns_of_names_are_as_short_as_they_can_be():
    every = ["a.0.weight", "a.1.weight", "a.0.bias", "b.weight", "layers/dense_1/vars/0", "layers/dense_1/vars/1"]
    assert patterns_of(["a.0.weight", "a.1.weight"], every) == ("a.*.weight",)
    assert patterns_of(["a.0.bias"], every) == ("a.0.bias",)
    assert patterns_of(["a.0.weight", "a.1.weight", "b.weight"], every) == ("*.weight",)


def test_its_spec_draws_a_file_that_is_identified_alike(identified, tmp_path):
    import initgen
    from initgen.specs.derive import dumps

    tensors = {
        "embed.weight": padded(1.0, (300, 64), 0),
        "layers.0.weight": uniform(1 / 8, (256, 64)),
        "layers.0.bias": uniform(1 / 8, (256,)),
        "layers.1.weight": uniform(1 / 8, (256, 64)),
        "layers.1.bias": uniform(1 / 8, (256,)),
        "attention.weight": uniform(math.sqrt(6 / (64 + 512)), (64, 8, 64)),
        "norm.weight": np.ones(64),
        "odd.weight": normal(0.0371, (64, 64)),
        "trained.weight": RNG.laplace(0.3, 0.05, (300, 70)),
        "positions": np.arange(64),
    }
    file = identified(tensors)
    described = describe_file(file)
    assert described.guessed == ("trained.weight",)
    spec = tmp_path / "model.toml"
    spec.write_text(dumps(described.tree, "toml"), encoding="utf-8")
    again = tmp_path / "again.safetensors"
    initgen.write(initgen.model(spec), again)
    drawn = {tensor.name: tensor for tensor in identify(str(again)).tensors}
    assert {name: (tensor.shape, tensor.kind) for name, tensor in drawn.items()} == {
        tensor.name: (tensor.shape, tensor.kind) for tensor in file.tensors
    }
    for tensor in file.tensors:
        if tensor.verdict in ("named", "consistent"):
            assert str(drawn[tensor.name].best.made) == str(tensor.best.made), tensor.name
    assert isinstance(drawn["odd.weight"].best.made, Normal)


@pytest.mark.parametrize("scheme", ["torch_default", "kaiming_normal", "he_normal"])
def test_a_single_value_has_an_answer(scheme, tmp_path):
    path = tmp_path / "w.npy"
    initgen.write(initgen.tensor(scheme, (1, 1), layout="torch", seed=1), path)
    (tensor,) = initgen.identify(path).tensors
    assert tensor.best is not None
