"""Keras on JAX: keras/src/backend/jax/random.py. JAX's functions, with the key (seed, 0)."""

from collections.abc import Sequence

from initgen.core.errors import BadParameter
from initgen.streams.dialects import threefry
from initgen.streams.dialects.dialect import Call, Dialect, Drawing
from initgen.streams.dialects.jax import QR_ERROR, Elements, Jax, Numbers, Step
from initgen.streams.dialects.keras import KerasDialect, Orthogonal


class KerasJax(KerasDialect):
    """Keras with KERAS_BACKEND=jax."""

    name = "keras-jax"
    reference = "keras 3.15.1 on jax and jaxlib 0.10.2, on an x86-64 CPU with FMA"
    conditions = (
        "jax_threefry_partitionable is True, as it is by default.",
        "float64 is what Keras draws where jax_enable_x64 is set; without it Keras' float64 on JAX is float32.",
        *Jax.processors,
        "The seed is a whole number: a SeedGenerator counts its calls.",
    )
    seeds = "keras' initializers on JAX take whole numbers from 0 to 2^32 - 1"

    def takes(self, seed: int) -> bool:
        return 0 <= seed < 1 << 32

    def uniform(self, call: Call, low: float, high: float, function: str) -> Drawing:
        numbers = Numbers(call.dtype)
        return _elements(call, function, [numbers.uniform(numbers.scalar(low), numbers.scalar(high))])

    def normal(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        numbers = Numbers(call.dtype)
        return _elements(call, function, [numbers.normal(), *_placed(numbers, mean, std)])

    def truncated(self, call: Call, mean: float, std: float, function: str) -> Drawing:
        numbers = Numbers(call.dtype)
        return _elements(call, function, [numbers.truncated(-2, 2), *_placed(numbers, mean, std)])

    def orthogonal(self, call: Call, gain: float, function: str) -> Drawing:
        if call.dtype.name not in QR_ERROR:
            raise BadParameter(
                f"jax makes no orthogonal matrix of {call.dtype.name}", f"it does of {', '.join(QR_ERROR)}"
            )
        normals = _elements(call, function, [Numbers(call.dtype).normal()])
        return Orthogonal(call, gain, normals, QR_ERROR[call.dtype.name], function)


def _placed(numbers: Numbers, mean: float, std: float) -> Sequence[Step]:
    return numbers.times(numbers.scalar(std)), numbers.plus(numbers.scalar(mean))


def _elements(call: Call, function: str, steps: Sequence[Step]) -> Elements:
    return Elements(function, threefry.Partitionable(), (call.seed, 0), Numbers(call.dtype), call.count, steps)


DIALECTS: dict[str, Dialect] = {"keras-jax": KerasJax()}
