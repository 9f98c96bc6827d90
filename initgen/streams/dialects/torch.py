"""torch: torch.nn.init on a CPU, and the layers that use it."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initgen.core.errors import BadParameter
from initgen.core.params import Values, real, word
from initgen.laws import Normal, TruncatedNormal, Uniform
from initgen.streams import rounding
from initgen.streams.dialects import aten
from initgen.streams.dialects.dialect import Call, Dialect, Drawing, Place
from initgen.streams.dialects.mersenne import Words

REFERENCE = "torch 2.13.0 on a CPU with FMA"
CONDITIONS = (
    "a processor with FMA, AVX2 or newer; without it the last digit of a value may differ",
    "a CPU; on a GPU torch has another generator",
    "contiguous tensors of fewer than 2^32 elements",
    "for float64 normals, and all normals of fewer than 16 elements: log, sin and cos of glibc on both sides",
    "orthogonal: of square matrices about one in a thousand is further off, where the last columns hardly depend on the "
    "others",
)

# torch.nn.init.calculate_gain.
_GAINS = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}


class Torch(Dialect):
    """torch.manual_seed(seed), then one function of torch.nn.init."""

    name = "torch"
    reference = REFERENCE
    conditions = (*CONDITIONS, "for truncated normals torch 2.12 or newer; before, trunc_normal_ drew other numbers")
    seeds = "torch.manual_seed takes whole numbers from -2^63 to 2^64 - 1, of which the lowest 32 bits count"
    series = (
        "torch.manual_seed(seed) once; then the tensors that are drawn, in the order of the spec, from one generator"
    )
    places = (2**40, 2**40)  # 32-bit words drawn before, and before the end of the pair whose second normal is kept

    def takes(self, seed: int) -> bool:
        return -(2**63) <= seed < 2**64

    def _drawing(self, call: Call) -> Drawing:
        if call.scheme == "orthogonal":
            return _Orthogonal(call, real(call.params, "gain"))
        if call.scheme in _INITIALIZERS:
            return _INITIALIZERS[call.scheme](call)
        law = call.law
        if isinstance(law, Uniform):
            return _uniform(call, law.low, law.high, f"torch.nn.init.uniform_(tensor, {law.low!r}, {law.high!r})")
        if isinstance(law, Normal):
            return _normal(call, law.center, law.scale, f"torch.nn.init.normal_(tensor, {law.center!r}, {law.scale!r})")
        if isinstance(law, TruncatedNormal):
            return _truncated(call, law.center, law.scale, law.low, law.high)
        raise self.refusal(call)


class Filled(Drawing):
    """A tensor whose elements are independent."""

    def __init__(self, filling: aten.Filling, function: str) -> None:
        self._filling, self.function = filling, function

    def fill(self, start: int, out: NDArray[Any]) -> None:
        self._filling.fill(start, out)

    @property
    def end(self) -> Place:
        return self._filling.after[1:3]


class _Orthogonal(Drawing):
    """torch.nn.init.orthogonal_: QR of a matrix of normals, in float64, with R's diagonal positive."""

    def __init__(self, call: Call, gain: float) -> None:
        if len(call.shape) < 2:
            raise BadParameter(f"shape has {len(call.shape)} axes; torch's orthogonal_ needs two")
        if call.dtype.itemsize < 4:
            raise BadParameter(f"torch has no orthogonal_ in {call.dtype.name}", "it has one in float32 and float64")
        self._call, self._gain = call, gain
        self._normals = aten.Normal(generator(call), call.count, call.dtype, 0.0, 1.0)
        self.function = f"torch.nn.init.orthogonal_(tensor, gain={gain!r})"
        self.tolerance = 1e-14 if self._normals.wide else 1e-5

    def fill(self, start: int, out: NDArray[Any]) -> None:
        if not out.size:
            return
        drawn = rounding.empty(out.size, self._call.dtype)
        self._normals.fill(0, drawn)
        matrix = drawn.astype(np.float64).reshape(self._call.shape[0], -1)
        wide = matrix.shape[0] < matrix.shape[1]
        q, r = np.linalg.qr(matrix.T if wide else matrix)
        q *= np.sign(np.diagonal(r)) * self._gain
        out[...] = (q.T if wide else q).ravel()

    @property
    def end(self) -> Place:
        return self._normals.after[1:3]


def generator(call: Call) -> aten.Generator:
    """The generator that draws it, where the call before has left it."""
    return aten.Generator(Words(call.seed), *call.place)


def _uniform(call: Call, low: float, high: float, function: str) -> Drawing:
    most = call.dtype.largest
    if high - low > most or max(-low, high) > most:
        raise BadParameter(
            f"torch's uniform_ does not draw from {low:g} to {high:g} in {call.dtype.name}", f"it reaches {most:g}"
        )
    return Filled(aten.Uniform(generator(call), call.count, call.dtype, low, high), function)


def _normal(call: Call, mean: float, std: float, function: str) -> Drawing:
    return Filled(aten.Normal(generator(call), call.count, call.dtype, mean, std), function)


def _truncated(call: Call, mean: float, std: float, low: float, high: float) -> Drawing:
    # Its way follows from how many normals lie between, in torch's own expression.
    inside = _below((high - mean) / std) - _below((low - mean) / std)
    way = aten.Redrawn if inside > 0.3 else aten.Tried
    drawn = way(generator(call), call.count, call.dtype, mean, std, low, high)
    return Filled(drawn, f"torch.nn.init.trunc_normal_(tensor, {mean!r}, {std!r}, {low!r}, {high!r})")


def _below(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _kaiming_std(call: Call) -> float:
    slope, fans = real(call.params, "a"), call.fans
    assert fans is not None
    name = word(call.params, "nonlinearity")
    gain = math.sqrt(2.0 / (1 + slope**2)) if name == "leaky_relu" else _GAINS.get(name, 1.0)
    return gain / math.sqrt(fans.fan_in if word(call.params, "mode") == "fan_in" else fans.fan_out)


def _kaiming_uniform(call: Call) -> Drawing:
    bound = math.sqrt(3.0) * _kaiming_std(call)
    return _uniform(call, -bound, bound, f"torch.nn.init.kaiming_uniform_(tensor, {_given(call.params)})")


def _kaiming_normal(call: Call) -> Drawing:
    return _normal(call, 0.0, _kaiming_std(call), f"torch.nn.init.kaiming_normal_(tensor, {_given(call.params)})")


def _xavier_std(call: Call) -> float:
    assert call.fans is not None
    return real(call.params, "gain") * math.sqrt(2.0 / float(call.fans.fan_in + call.fans.fan_out))


def _xavier_uniform(call: Call) -> Drawing:
    bound = math.sqrt(3.0) * _xavier_std(call)
    return _uniform(call, -bound, bound, f"torch.nn.init.xavier_uniform_(tensor, {_given(call.params)})")


def _xavier_normal(call: Call) -> Drawing:
    return _normal(call, 0.0, _xavier_std(call), f"torch.nn.init.xavier_normal_(tensor, {_given(call.params)})")


def _layer_weight(call: Call) -> Drawing:
    assert call.fans is not None
    bound = math.sqrt(3.0) * (math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(call.fans.fan_in))
    return _uniform(call, -bound, bound, "torch.nn.init.kaiming_uniform_(tensor, a=math.sqrt(5))")


def _layer_bias(call: Call) -> Drawing:
    assert call.fans is not None
    bound = 1 / math.sqrt(call.fans.fan_in)
    return _uniform(call, -bound, bound, f"torch.nn.init.uniform_(tensor, {-bound!r}, {bound!r})")


def _given(params: Values) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in params.items())


_INITIALIZERS = {
    "kaiming_uniform": _kaiming_uniform,
    "kaiming_normal": _kaiming_normal,
    "xavier_uniform": _xavier_uniform,
    "xavier_normal": _xavier_normal,
    "torch_default": _layer_weight,
    "torch_bias": _layer_bias,
}

DIALECTS: dict[str, Dialect] = {"torch": Torch()}
