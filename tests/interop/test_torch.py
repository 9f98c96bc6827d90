"""What torch.nn.init and torch's layers draw passes `stats`, and fails it under another scheme.

The file that is judged is written by safetensors.torch. False alarms: see conftest.
"""

import importlib
import math
from typing import Any, NamedTuple

import numpy as np
import pytest

import initgen
from initgen.core.shapes import Kernel
from initgen.schemes.torch import gain

pytestmark = pytest.mark.interop


@pytest.fixture
def torch():
    module = importlib.import_module("torch")
    module.manual_seed(20240229)
    return module


class Drawn(NamedTuple):
    """A function of torch.nn.init with its arguments, the scheme that it is, and one that it is not."""

    function: str
    given: dict[str, Any]
    scheme: str
    other: str

    def __str__(self):
        return f"{self.function} {self.scheme}"


DENSE, CONV, LONG = (260, 300), (96, 32, 5, 5), (64, 40, 31)
NONLINEARITIES = (
    *("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    *("sigmoid", "tanh", "relu", "leaky_relu", "selu"),
)

BY_FANS = (
    Drawn("kaiming_uniform_", {}, "kaiming_uniform", "lecun_uniform"),
    Drawn("kaiming_uniform_", {"mode": "fan_out"}, "kaiming_uniform:mode=fan_out", "kaiming_uniform"),
    Drawn("kaiming_uniform_", {"a": math.sqrt(5)}, "kaiming_uniform:a=sqrt(5)", "kaiming_uniform"),
    Drawn("kaiming_uniform_", {"a": math.sqrt(5)}, "torch_default", "lecun_uniform"),
    Drawn("kaiming_normal_", {}, "kaiming_normal", "he_normal"),
    Drawn("kaiming_normal_", {"mode": "fan_out"}, "kaiming_normal:mode=fan_out", "kaiming_normal"),
    Drawn("kaiming_normal_", {"a": 0.3}, "kaiming_normal:a=0.3", "kaiming_normal"),
    Drawn("xavier_uniform_", {}, "xavier_uniform", "lecun_uniform"),
    Drawn("xavier_uniform_", {"gain": 5 / 3}, "xavier_uniform:gain=1.6666666666666667", "xavier_uniform"),
    Drawn("xavier_normal_", {}, "xavier_normal", "glorot_normal"),
    Drawn("xavier_normal_", {"gain": 0.5}, "xavier_normal:gain=0.5", "xavier_normal"),
    *(
        Drawn(
            f"kaiming_{law}_",
            {"nonlinearity": name},
            f"kaiming_{law}:nonlinearity={name}",
            f"kaiming_{law}:nonlinearity={'relu' if name == 'selu' else 'selu'}",
        )
        for law in ("uniform", "normal")
        for name in NONLINEARITIES
    ),
)
WITHOUT_FANS = (
    Drawn("uniform_", {}, "random_uniform:minval=0,maxval=1", "random_uniform:minval=0,maxval=1.02"),
    Drawn("uniform_", {"a": -0.3, "b": 0.1}, "random_uniform:minval=-0.3,maxval=0.1", "random_uniform"),
    Drawn("normal_", {}, "random_normal:stddev=1", "random_normal:stddev=0.98"),
    Drawn("normal_", {"mean": 2.0, "std": 0.02}, "random_normal:mean=2,stddev=0.02", "random_normal:stddev=0.02"),
    Drawn("trunc_normal_", {}, "trunc_normal", "random_normal:stddev=0.88"),
    # The bounds are absolute: at this std nothing is cut.
    Drawn("trunc_normal_", {"std": 0.02}, "trunc_normal:std=0.02", "truncated_normal:stddev=0.02"),
    Drawn("trunc_normal_", {"std": 0.02}, "random_normal:stddev=0.02", "trunc_normal:std=0.02,a=-0.04,b=0.04"),
    Drawn("trunc_normal_", {"mean": 1.0, "a": 0.5, "b": 4.0}, "trunc_normal:mean=1,a=0.5,b=4", "trunc_normal:mean=1"),
    Drawn("trunc_normal_", {"a": 1.0, "b": 3.0}, "trunc_normal:a=1,b=3", "trunc_normal:a=1,b=2.9"),
    Drawn("zeros_", {}, "zeros", "ones"),
    Drawn("ones_", {}, "ones", "zeros"),
    Drawn("constant_", {"val": 0.1}, "constant:value=0.1", "constant:value=0.1000001"),
    Drawn("orthogonal_", {}, "orthogonal", "orthogonal:gain=1.0001"),
    Drawn("orthogonal_", {"gain": 2.0}, "orthogonal:gain=2", "orthogonal"),
)


def drawn(torch, case, shape, dtype="float32"):
    return getattr(torch.nn.init, case.function)(torch.empty(shape, dtype=getattr(torch, dtype)), **case.given)


@pytest.mark.parametrize("shape", [DENSE, CONV, LONG], ids=str)
@pytest.mark.parametrize("case", BY_FANS + WITHOUT_FANS, ids=str)
def test_initializers_pass_as_themselves_and_fail_as_others(torch, failures, case, shape):
    w = drawn(torch, case, shape)
    assert failures(w, case.scheme, layout="torch") == []
    assert failures(w, case.other, layout="torch")


@pytest.mark.parametrize("shape", [DENSE, CONV], ids=str)
@pytest.mark.parametrize("case", BY_FANS[:11], ids=str)
def test_the_layout_decides_the_fans(torch, failures, case, shape):
    w = drawn(torch, case, shape)
    symmetric = case.function.startswith("xavier") and len(shape) == 2
    assert bool(failures(w, case.scheme, layout="keras")) is not symmetric


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
@pytest.mark.parametrize("case", BY_FANS[:11] + WITHOUT_FANS[:4] + WITHOUT_FANS[9:12], ids=str)
def test_narrow_and_wide_dtypes_pass(torch, failures, case, dtype):
    assert failures(drawn(torch, case, DENSE, dtype), case.scheme, layout="torch") == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("case", BY_FANS + WITHOUT_FANS[:9], ids=str)
def test_a_model_rounded_to_a_narrow_dtype_passes_and_others_fail(torch, failures, case, dtype):
    w = drawn(torch, case, DENSE).to(getattr(torch, dtype))
    assert failures(w, case.scheme, layout="torch") == []
    assert failures(w, case.other, layout="torch")


def test_a_value_rounded_past_the_exact_bound_is_no_fault_but_one_two_steps_further_is(torch, failures):
    w = torch.nn.Linear(299, 260).weight.detach().bfloat16()
    bound = 299**-0.5  # rounds upwards
    assert w.abs().max().item() > bound
    assert failures(w, "torch_default", layout="torch") == []
    w.view(torch.int16)[0, 0] = w.abs().max().view(torch.int16) + 2
    assert failures(w, "torch_default", layout="torch") == ["greatest value"]


# A layer, its arguments and the fan_in of its biases, of which there are enough to be told from others.
LAYERS = (
    ("Linear", (7, 30_000), {}, 7),
    ("Conv1d", (12, 20_000, 3), {}, 12 * 3),
    ("Conv1d", (12, 20_000, 3), {"groups": 4}, 12 // 4 * 3),
    ("Conv2d", (16, 8_000, (3, 2)), {"groups": 2}, 16 // 2 * 6),
    ("Conv2d", (8_000, 16_000, 3), {"groups": 8_000}, 9),  # depthwise
    ("Conv3d", (3, 20_000, 2), {}, 3 * 8),
    ("ConvTranspose1d", (6, 20_000, 4), {}, 20_000 * 4),
    ("ConvTranspose2d", (40, 20_000, 3), {"groups": 40}, 500 * 9),
)


@pytest.mark.parametrize(("layer", "sizes", "given", "fan_in"), LAYERS, ids=str)
def test_weights_and_biases_of_layers_pass(torch, failures, layer, sizes, given, fan_in):
    made = getattr(torch.nn, layer)(*sizes, **given)
    assert failures(made.weight, "torch_default", layout="torch") == []
    assert failures(made.weight, "lecun_uniform", layout="torch")
    assert failures(made.bias, "torch_bias", layout="torch", fan_in=fan_in) == []
    assert failures(made.bias, "torch_bias", layout="torch", fan_in=2 * fan_in)
    assert failures(made.bias, "torch_bias", layout="torch", fan_in=max(fan_in // 2, 1))


def test_an_embedding_is_standard_normal(torch, failures):
    assert failures(torch.nn.Embedding(1000, 80).weight, "random_normal:stddev=1") == []


@pytest.mark.parametrize(("sparsity", "std"), [(0.25, 0.01), (0.1, 1.0), (0.9, 0.3)])
def test_sparse_passes_and_another_sparsity_fails(torch, failures, sparsity, std):
    w = torch.nn.init.sparse_(torch.empty(303, 260), sparsity, std)
    assert failures(w, f"sparse:sparsity={sparsity},std={std}", layout="torch") == []
    assert failures(w, f"sparse:sparsity={sparsity + 0.01},std={std}", layout="torch")
    assert failures(w, f"sparse:sparsity={sparsity},std={1.1 * std}", layout="torch")


@pytest.mark.parametrize("shape", [(8, 8), (200, 50), (50, 200), (64, 16, 3, 3), (16, 64, 3, 3), (1, 7)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 0.1, 2**0.5])
def test_orthogonal_passes_at_any_shape_and_gain(torch, failures, shape, gain):
    w = torch.nn.init.orthogonal_(torch.empty(shape), gain)
    assert failures(w, f"orthogonal:gain={gain!r}", layout="torch") == []


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(8, 3, 5), (8, 2, 4), (4, 8, 3, 3), (12, 3, 2, 3), (8, 8, 2, 3, 4)], ids=str)
def test_dirac_is_torchs_array(torch, shape, groups):
    ours = initgen.sample(f"dirac:groups={groups}", shape, layout="torch")
    np.testing.assert_array_equal(ours, torch.nn.init.dirac_(torch.empty(shape), groups).numpy(), strict=True)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 1)], ids=str)
def test_identity_is_torchs_array(torch, shape):
    ours = initgen.sample("eye_", shape, layout="torch")
    np.testing.assert_array_equal(ours, torch.nn.init.eye_(torch.empty(shape)).numpy(), strict=True)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("value", [0.1, -1 / 3, 3e-3, 1.0])
def test_constants_round_as_torch_rounds(torch, dtype, value):
    ours = initgen.sample("constant_", (3,), params={"value": value}, dtype=dtype)
    theirs = torch.nn.init.constant_(torch.empty(3, dtype=torch.float64), value).to(getattr(torch, dtype))
    assert ours.tobytes() == theirs.view(torch.uint8).numpy().tobytes()


def test_every_gain_is_torchs_and_there_are_no_others(torch):
    from typing import get_args

    assert set(get_args(torch.nn.init._NonlinearityType)) == set(NONLINEARITIES)
    for name in NONLINEARITIES:
        for a in (0.0, 0.01, 0.2, math.sqrt(5), -3.0):
            assert gain(name, a) == pytest.approx(torch.nn.init.calculate_gain(name, a), rel=1e-15)
    for name in ("gelu", "silu", "elu", "mish"):
        with pytest.raises(ValueError, match="Unsupported"):
            torch.nn.init.calculate_gain(name)
        with pytest.raises(initgen.InitgenError):
            initgen.tensor(f"kaiming_normal:nonlinearity={name}", (3, 4), layout="torch")


FAN_SHAPES = ((3, 4), (1, 1), (5, 7, 3), (6, 2, 3, 5), (8, 4, 2, 3, 4), (2, 3, 1, 2, 3, 2), (4, 0), (0, 4), (4, 0, 3))


@pytest.mark.parametrize("shape", FAN_SHAPES, ids=str)
def test_fans_are_torchs(torch, shape):
    fans = Kernel("torch").fans(shape)
    assert (fans.fan_in, fans.fan_out) == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


@pytest.mark.parametrize("shape", [(), (5,)], ids=str)
def test_both_refuse_the_fans_of_less_than_a_matrix(torch, shape):
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    with pytest.raises(initgen.InitgenError):
        Kernel("torch").fans(shape)


@pytest.mark.parametrize(
    ("layer", "inputs", "outputs", "kernel"),
    [
        ("Conv1d", 6, 4, Kernel("torch")),
        ("Conv2d", 6, 4, Kernel("torch", groups=2)),
        ("Conv2d", 6, 6, Kernel("torch", groups=6)),
        ("Conv2d", 6, 12, Kernel("torch", depthwise=True)),
        ("Conv2d", 6, 12, Kernel("torch", groups=6, depthwise=True)),
        ("Conv3d", 4, 6, Kernel("torch", groups=2)),
        ("ConvTranspose1d", 6, 4, Kernel("torch", transposed=True)),
        ("ConvTranspose2d", 6, 4, Kernel("torch", groups=2, transposed=True)),
        ("ConvTranspose3d", 6, 3, Kernel("torch", groups=3, transposed=True)),
    ],
    ids=str,
)
def test_true_fans_are_what_a_layer_of_ones_counts(torch, layer, inputs, outputs, kernel):
    """With ones everywhere, an inner output is the number of inputs that feed it, an inner gradient that of outputs."""
    rank = int(layer[-2])
    if kernel.depthwise and kernel.groups == 1:
        # torch's depthwise weight does not say how many channels there were; one each, it must be told.
        inputs = outputs
    groups = inputs if kernel.depthwise else kernel.groups
    made = getattr(torch.nn, layer)(inputs, outputs, 3, groups=groups, bias=False)
    torch.nn.init.ones_(made.weight)
    x = torch.ones(1, inputs, *(9,) * rank, requires_grad=True)
    y = made(x)
    y.sum().backward()
    fans = kernel.fans(tuple(made.weight.shape))
    assert (fans.fan_in, fans.fan_out) == (y.max().item(), x.grad.max().item())
