"""What a network is given: a random batch, or the user's, and the gradient that is sent back."""

import math
from dataclasses import dataclass

import numpy as np

from initgen.core.errors import BadParameter, FormatError
from initgen.core.shapes import Shape, format_shape
from initgen.engine.write import array
from initgen.probe.measurement import cosine_of
from initgen.probe.network import Network
from initgen.probe.operations.operation import Array, Moments
from initgen.probe.weights import float32_of
from initgen.specs.tensor import tensor_spec

# The two samples of a pair begin with this cosine: at 0, two inputs that a symmetric activation never brings together
# would tell nothing.
PAIRED = 0.5
# As many samples as have about so many values, between these.
_VALUES, _FEWEST, _MOST = 1 << 20, 8, 256


@dataclass(frozen=True)
class Batch:
    """Samples along axis 0: each two are a pair.

    Attributes:
        moments: what is known of their law.
        seed: of the gradient that is sent back.
    """

    values: Array
    moments: Moments
    seed: int


def size_for(shape: Shape) -> int:
    """How many samples of a shape are run by default."""
    return max(_FEWEST, min(_MOST, _VALUES // max(math.prod(shape), 1) // 2 * 2))


def random_batch(network: Network, count: int, seed: int) -> Batch:
    """Standard normal samples, those of a pair with a cosine of `PAIRED`; of whole numbers, evenly chosen ones."""
    shape = (count, *network.input_shape)
    if network.rows is not None:
        uniform = _drawn("random_uniform:minval=0,maxval=1", shape, seed, "probe/input")
        chosen = np.minimum(np.floor(uniform * network.rows), network.rows - 1)
        return Batch(chosen, Moments(0.0, 0.0), seed)
    x = _drawn("random_normal:stddev=1", shape, seed, "probe/input")
    firsts = x[: count // 2 * 2 : 2]
    x[1::2] = PAIRED * firsts + math.sqrt(1 - PAIRED**2) * x[1::2]
    return Batch(x, Moments(0.0, 1.0, gaussian=True, pair=PAIRED), seed)


def read_batch(path: str, network: Network, seed: int) -> Batch:
    """The samples of a .npy file; each two that follow one another are a pair.

    Raises:
        FormatError: it cannot be read, its values are not finite, or its samples have another shape than the network's.
    """
    from initgen.checks.source import sources_of
    from initgen.formats.parts import open_parts

    found = [source for part in open_parts(path) for source in sources_of(part)]
    if len(found) != 1:
        raise FormatError(f"{path}: holds {len(found)} arrays", "an input is one")
    stored = found[0].stored
    expected = format_shape(("batch", *network.input_shape))  # type: ignore[arg-type]
    if len(stored.shape) < 1 or stored.shape[1:] != network.input_shape or not stored.shape[0]:
        raise FormatError(f"{path}: is {format_shape(stored.shape)}, and the network takes {expected}")
    raw = found[0].whole()
    if raw.dtype.kind not in "fiu" and stored.dtype is None:
        raise FormatError(f"{path}: holds {stored.kind}, which are no numbers")
    x = float32_of(path, raw)
    square, cosine = float(np.square(x, dtype=np.float64).mean()), cosine_of(x)
    pair = None if cosine is None else cosine * square
    return Batch(x, Moments(float(x.mean(dtype=np.float64)), square, pair=pair), seed)


def cotangent_for(shape: Shape, seed: int) -> Array:
    """A standard normal gradient with respect to an output."""
    return _drawn("random_normal:stddev=1", shape, seed, "probe/cotangent")


def _drawn(scheme: str, shape: Shape, seed: int, name: str) -> Array:
    found: Array = array(tensor_spec(scheme, shape, name=name, seed=seed, keyed=True)).astype(np.float32)
    return found


def check_size(count: int, shape: Shape = ()) -> None:
    """Refuse batches without a pair, and those of more than 4 GB.

    Raises:
        BadParameter: fewer than 2 samples, or too many values.
    """
    if count < 2:
        raise BadParameter(f"batch = {count} must be at least 2", "samples are compared in pairs")
    if count * math.prod(shape) > 1 << 30:
        raise BadParameter(f"batch = {count} samples of {format_shape(shape)} are more than 2^30 values")
