"""What a framework's stream offers for each scheme: the call that it draws, and how exactly."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from initgen.core.errors import BadParameter, InitgenError
from initgen.core.shapes import Shape
from initgen.schemes import Scheme
from initgen.specs.tensor import TensorSpec, tensor_spec
from initgen.streams.dialects import dialect_of

# A matrix, a kernel of a convolution, a bias: some scheme has no answer for the first.
_SHAPES: tuple[Shape, ...] = ((64, 100), (64, 16, 3, 3), (64,))


@dataclass(frozen=True)
class Offer:
    """One scheme under a framework's stream.

    Attributes:
        scheme: as one writes it, with the parameters that must be given.
        function: the framework's call, with the parameters that the scheme has by default; empty where there is none.
        exactness: "bitwise", or "tolerance", or "constant" where nothing is drawn, or "refused".
        tolerance: how far a value may be from the framework's, for a gain of 1.
        reason: why it is refused.
    """

    scheme: str
    function: str
    exactness: Literal["bitwise", "tolerance", "constant", "refused"]
    tolerance: float = 0.0
    reason: str = ""


def offers(stream: str, schemes: Iterable[Scheme]) -> list[Offer]:
    """What a stream offers for these schemes, with their default parameters.

    Raises:
        UnknownName: there is no such stream.
    """
    drawn = dialect_of(stream)
    found = []
    for scheme in schemes:
        example = _example(scheme)
        if not example.random:
            found.append(Offer(scheme.example, "", "constant"))
            continue
        try:
            drawing = drawn.drawing(example.call)
        except BadParameter as error:
            found.append(Offer(scheme.example, "", "refused", reason=error.message))
            continue
        exactness: Literal["tolerance", "bitwise"] = "tolerance" if drawing.tolerance else "bitwise"
        found.append(Offer(scheme.example, drawing.function, exactness, drawing.tolerance))
    return found


def _example(scheme: Scheme) -> TensorSpec:
    fan_in = 64 if scheme.fans == "given" else None
    for shape in _SHAPES:
        try:
            return tensor_spec(scheme.example, shape, layout="torch", fan_in=fan_in)
        except InitgenError as error:
            said = error
    raise said
