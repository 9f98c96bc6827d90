"""One tensor, described: enough to make its bytes again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING

from initgen.core.dtypes import DTYPES, DType
from initgen.core.errors import BadParameter, printable, quoted
from initgen.core.params import Value, Values, bind, split
from initgen.core.shapes import Fans, Kernel, Shape, check_shape, format_shape
from initgen.formats.format import Header
from initgen.laws import Constant, Law
from initgen.schemes import SCHEMES, Scheme
from initgen.schemes.structure import Structure
from initgen.streams.dialects import NATIVE, dialect_of, version

if TYPE_CHECKING:
    from initgen.streams.dialects.dialect import Call

MAX_SEED = 2**64 - 1


@dataclass(frozen=True)
class TensorSpec:
    """A tensor's description.

    Attributes:
        params: the scheme's parameters, all of them, checked.
        seed: from 0 to 2^64 - 1.
        keyed: whether the seed is the model's, so that the tensor's name takes part in its stream.
        tied: the name of the tensor that it equals, whose stream it draws; empty for most.
        fan_in, fan_out: in place of what the shape gives; None leaves it.
        stream: the random numbers that it is made of, by name and version; see `initgen.streams.dialects`.
        place: where in the stream of its seed it begins; of streams that several tensors share.
        piece_of: of a slice, the shape of the tensor whose law and stream it has; see `elements`.
        first: of a slice, its first element in the whole.
        keras_path: its path in a ``.weights.h5``, where Keras looks for it; empty where that is its name.
    """

    name: str
    shape: Shape
    dtype: DType
    scheme: Scheme
    params: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0
    keyed: bool = False
    kernel: Kernel = field(default_factory=Kernel)
    fan_in: int | None = None
    fan_out: int | None = None
    tied: str = ""
    keras_path: str = ""
    stream: str = NATIVE
    place: tuple[int, ...] = ()
    first: int = 0
    piece_of: Shape | None = None

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return self.count * self.dtype.itemsize

    @property
    def header(self) -> Header:
        """What a format needs to know of it."""
        return Header(self.name, self.shape, self.dtype)

    @property
    def stream_name(self) -> str:
        """The name that keys its stream: empty for a tensor with a seed of its own."""
        return (self.tied or self.name) if self.keyed else ""

    @cached_property
    def fans(self) -> Fans | None:
        """The fans its law takes; None where the scheme asks for none."""
        if self.scheme.fans == "none":
            if self.fan_in is not None or self.fan_out is not None:
                raise BadParameter(f"{self.scheme.name} asks for no fan", "leave out --fan-in and --fan-out")
            return None
        if self.fan_in is not None and self.fan_out is not None:
            return Fans(self.fan_in, self.fan_out)
        if self.scheme.fans == "given":
            if self.fan_in is None:
                raise BadParameter(
                    f"{self.scheme.name} takes the fan_in of another tensor, its weight", "give it: --fan-in N"
                )
            return Fans(self.fan_in, self.fan_in)
        if self.fan_in is not None and len(self.shape) < 2:
            return Fans(self.fan_in, self.fan_in)
        own = self.kernel.fans(self.shape)
        return Fans(
            own.fan_in if self.fan_in is None else self.fan_in, own.fan_out if self.fan_out is None else self.fan_out
        )

    @cached_property
    def made(self) -> Law | Structure:
        """The law of its elements, or the structure that makes it whole.

        Raises:
            BadParameter: the scheme has no answer for this shape, or its parameters contradict each other.
        """
        if self.scheme.build is not None:
            return self.scheme.build(self.shape, self.kernel, self.params)
        return self.scheme.law(self.fans or Fans(1, 1), self.params)

    @property
    def random(self) -> bool:
        """Whether anything is drawn for it."""
        return self.made.random if isinstance(self.made, Structure) else not isinstance(self.made, Constant)

    @property
    def call(self) -> "Call":
        """What a framework is asked for, for streams that are one's."""
        from initgen.streams.dialects.dialect import Call

        shape = self.shape if self.piece_of is None else self.piece_of
        return Call(
            self.scheme.name,
            self.params,
            self.element_law,
            self.fans,
            shape,
            self.kernel,
            self.dtype,
            self.seed,
            self.place,
        )

    @property
    def element_law(self) -> Law | None:
        """The law by which its elements are drawn one by one; None where the tensor is made as a whole."""
        return self.made if isinstance(self.made, Law) else self.made.element_law

    def placed(self, seed: int, place: tuple[int, ...]) -> "TensorSpec":
        """The same with a seed of its own, and a place in that seed's stream."""
        other = self.renamed(self.name, self.keras_path)
        other.__dict__.update(seed=seed, place=place, keyed=False)
        return other

    def renamed(self, name: str, keras_path: str = "") -> "TensorSpec":
        """The same under other names; what was computed of it is kept, which `dataclasses.replace` would not do."""
        other = object.__new__(TensorSpec)
        other.__dict__.update(self.__dict__, name=name, keras_path=keras_path)
        return other

    def elements(self, start: int, end: int) -> "TensorSpec":
        """Elements ``start`` to ``end`` of this tensor in C order, as one axis; what they are does not depend on the cut.

        Raises:
            BadParameter: no such elements.
        """
        if not 0 <= start <= end <= self.count:
            raise BadParameter(
                f"elements = {start}:{end} must be within 0:{self.count}, those of {format_shape(self.shape)}, in order"
            )
        _ = self.fans, self.made  # of the whole
        part = self.renamed(self.name, self.keras_path)
        whole = self.shape if self.piece_of is None else self.piece_of
        part.__dict__.update(shape=(end - start,), first=self.first + start, piece_of=whole)
        return part

    @property
    def title(self) -> str:
        """The scheme as the command line writes it, with the parameters that are not the default."""
        changed = {p.name: self.params[p.name] for p in self.scheme.params if self.params[p.name] != p.default}
        return self.scheme.name + (":" if changed else "") + ",".join(f"{k}={v}" for k, v in changed.items())

    def __str__(self) -> str:
        return f"{printable(self.name)} {format_shape(self.shape)} {self.dtype.name} {self.title}"


def tensor_spec(
    scheme: str,
    shape: Shape,
    *,
    params: Values | None = None,
    name: str = "weight",
    dtype: str = "float32",
    seed: int = 0,
    stream: str = NATIVE,
    place: Sequence[int] = (),
    keyed: bool = False,
    layout: str = "keras",
    groups: int = 1,
    transposed: bool = False,
    depthwise: bool = False,
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> TensorSpec:
    """A checked description of one tensor, from what a user writes.

    Args:
        scheme: a name, or a name with parameters, ``truncated_normal:stddev=0.02``.
        params: more parameters, as values.
        stream: the random numbers, ``native`` or a framework's: ``torch``, ``keras-jax``.
        place: where in the stream of its seed it begins, as a recipe says it.
        keyed: whether the seed is a model's, and the name keys the tensor's stream.

    Raises:
        UnknownName: no such scheme, parameter, dtype or stream.
        BadParameter: a value that breaks its rule; a shape for which the scheme has no answer.
    """
    if not isinstance(scheme, str):
        raise BadParameter(f"scheme = {quoted(scheme)} is not text", "like truncated_normal:stddev=0.02")
    scheme_name, given = split(scheme)
    entry = SCHEMES[scheme_name]
    seed = check_seed(seed, stream)
    if layout not in ("keras", "torch"):
        raise BadParameter(f"layout = {layout!r} must be keras or torch")
    for what, value in (("groups", groups), ("fan_in", fan_in), ("fan_out", fan_out)):
        least = 1 if what == "groups" else 0
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise BadParameter(f"{what} = {value!r} must be a whole number from {least}")
    spec = TensorSpec(
        name,
        check_shape(tuple(shape)),
        DTYPES[dtype],
        entry,
        bind(entry.name, entry.params, {**given, **(params or {})}),
        seed,
        keyed,
        kernel=Kernel("torch" if layout == "torch" else "keras", groups, transposed, depthwise),
        fan_in=fan_in,
        fan_out=fan_out,
        stream=version(stream),
        place=tuple(place),
    )
    _ = spec.fans, spec.made  # a scheme that has no answer says so now
    if spec.stream == NATIVE and spec.place:
        raise BadParameter(f"place = {list(place)} is one in a framework's stream", "give the stream, like torch")
    if spec.stream != NATIVE and spec.random:
        dialect_of(spec.stream).drawing(spec.call)  # and so does the framework
    if spec.dtype.whole and not _whole(spec):
        raise BadParameter(
            f"{spec.title} does not go into {spec.dtype.name}", "it holds whole numbers: zeros, arange, …"
        )
    return spec


def check_seed(seed: object, stream: str) -> int:
    """A seed as a Python number; what is none, or not one of this stream, is refused.

    Raises:
        BadParameter: with the rule.
    """
    native = version(stream) == NATIVE
    said = f"seed = {seed!r} must be a whole number{' from 0 to 2^64 - 1' if native else ''}"
    try:
        number = index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise BadParameter(said) from None
    if isinstance(seed, bool):
        raise BadParameter(said)
    if native and not 0 <= number <= MAX_SEED:
        raise BadParameter(said, "some of the frameworks' streams take others: --stream" if number < 0 else "")
    if not native:
        dialect_of(stream).check_seed(number)
    return number


def _whole(spec: TensorSpec) -> bool:
    """Whether a tensor's values are whole numbers that its dtype of whole numbers holds."""
    if isinstance(spec.made, Structure):
        return spec.made.whole
    signed = spec.dtype.kind == "signed"
    return isinstance(spec.made, Constant) and spec.made.value.is_integer() and (signed or spec.made.value >= 0)
