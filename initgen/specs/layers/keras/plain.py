"""Layers without weights: only the shape of what they give matters here."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from msgspec import defstruct

from initgen.core.errors import BadParameter, quoted
from initgen.specs.layers.keras.layer import KerasLayer, Sizes, axis_of, kernel_size, need_axes, shown


class Plain(KerasLayer, kw_only=True, forbid_unknown_fields=False):
    """What gives the shape that it gets, whatever its arguments are."""


class Noise(Plain, kw_only=True, forbid_unknown_fields=False):
    """What draws while a model is trained, from a generator of its own."""

    rate: Any = None
    stddev: Any = None
    seed: Any = None

    many: ClassVar[int] = 1

    @property
    def generators(self) -> int:
        return self.many if self.seed is None and 0 not in (self.rate, self.stddev) else 0


class InputLayer(KerasLayer, kw_only=True):
    """keras.Input: the shape that a model gets."""

    shape: list[int | None] | None = None
    batch_shape: list[int | None] | None = None
    batch_size: int | None = None
    sparse: Any = None
    ragged: Any = None
    optional: Any = None

    @property
    def given(self) -> Sizes | None:
        """The shape without the batch, if it is there."""
        if self.batch_shape is not None:
            return tuple(self.batch_shape[1:])
        shape = self.shape if self.shape is not None else self.input_shape
        return None if shape is None else tuple(shape)

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        return self.given


class Flatten(KerasLayer, kw_only=True):
    """keras.layers.Flatten."""

    data_format: Any = None

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return (None if None in inputs[0] else math.prod(extent for extent in inputs[0] if extent is not None),)


class Reshape(KerasLayer, kw_only=True):
    """keras.layers.Reshape."""

    target_shape: list[int]

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        if self.target_shape.count(-1) > 1 or min(self.target_shape, default=1) < -1:
            raise BadParameter(f"target_shape = {self.target_shape} must be whole numbers, at most one of them -1")
        known = math.prod(extent for extent in self.target_shape if extent != -1)
        if not known and -1 in self.target_shape:
            raise BadParameter(f"target_shape = {self.target_shape} has an axis of no size, which leaves -1 open")
        if None in inputs[0]:
            return tuple(None if extent == -1 else extent for extent in self.target_shape)
        whole = math.prod(extent for extent in inputs[0] if extent is not None)
        if whole % known if known and -1 in self.target_shape else whole != known:
            raise BadParameter(f"target_shape = {self.target_shape} does not hold the {whole} values of its input")
        return tuple(whole // known if extent == -1 else extent for extent in self.target_shape)


class Permute(KerasLayer, kw_only=True):
    """keras.layers.Permute: axes are counted from 1."""

    dims: list[int]

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        if sorted(self.dims) != list(range(1, len(inputs[0]) + 1)):
            raise BadParameter(f"dims = {self.dims} must be 1 to {len(inputs[0])} in some order")
        return tuple(inputs[0][axis - 1] for axis in self.dims)


class RepeatVector(KerasLayer, kw_only=True):
    """keras.layers.RepeatVector."""

    n: int

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        self.at_least(1, "n")
        return (self.n, *inputs[0])


class Pooling(KerasLayer, kw_only=True):
    """The largest or the mean of each window."""

    pool_size: int | list[int] = 2
    strides: int | list[int] | None = None
    padding: Literal["valid", "same"] = "valid"
    data_format: Literal["channels_last", "channels_first"] | None = None

    rank: ClassVar[int]

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        window = kernel_size(self.pool_size, self.rank, "pool_size")
        steps = window if self.strides is None else kernel_size(self.strides, self.rank, "strides")
        return _each(self, inputs[0], lambda place, at: self._moved(place, window[at], steps[at]))

    def _moved(self, place: int, width: int, step: int) -> int:
        return -(-(place - width + 1 if self.padding == "valid" else place) // step)


class GlobalPooling(KerasLayer, kw_only=True):
    """One value for each channel."""

    keepdims: bool = False
    data_format: Literal["channels_last", "channels_first"] | None = None

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        first = self.data_format == "channels_first"
        channels = inputs[0][0 if first else -1]
        ones = (1,) * (len(inputs[0]) - 1) if self.keepdims else ()
        return (channels, *ones) if first else (*ones, channels)


class UpSampling(KerasLayer, kw_only=True):
    """Each value several times."""

    size: int | list[int] = 2
    data_format: Literal["channels_last", "channels_first"] | None = None
    interpolation: Any = None

    rank: ClassVar[int]

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        many = kernel_size(self.size, self.rank, "size")
        return _each(self, inputs[0], lambda place, at: place * many[at])


class Padding(KerasLayer, kw_only=True):
    """Zeros around, or with a negative sign less of the edge."""

    padding: int | list[int | list[int]] = 1  # one for each axis, or two for each
    data_format: Literal["channels_last", "channels_first"] | None = None

    rank: ClassVar[int]
    sign: ClassVar[int] = 1

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        return _each(self, inputs[0], lambda place, at: place + self.sign * sum(self.around[at]))

    @property
    def around(self) -> list[list[int]]:
        """How much before and after, for each axis that it slides along.

        Raises:
            BadParameter: not as many as there are axes.
        """
        name = "padding" if self.sign > 0 else "cropping"
        given = getattr(self, name)
        if isinstance(given, int):
            given = [given] * self.rank
        elif self.rank == 1 and len(given) == 2:
            given = [given]
        pairs = [[each, each] if isinstance(each, int) else each for each in given]
        if len(pairs) != self.rank or not all(
            len(pair) == 2 and type(pair[0]) is type(pair[1]) is int and min(pair) >= 0 for pair in pairs
        ):
            raise BadParameter(
                f"{name} = {quoted(getattr(self, name))} must be {self.rank} whole numbers from 0, or pairs of them"
            )
        return pairs


class Cropping(Padding, kw_only=True):
    """Less of the edge."""

    cropping: int | list[int | list[int]] = 1

    sign = -1


class Merge(Plain, kw_only=True, forbid_unknown_fields=False):
    """Add, Multiply and the like: shapes that go together by the rules of broadcasting."""

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        longest = max(inputs, key=len)
        found = list(longest)
        for sizes in inputs:
            for back, extent in enumerate(reversed(sizes), 1):
                if found[-back] == 1:
                    found[-back] = extent
                elif extent not in (1, None, found[-back]) and found[-back] is not None:
                    raise BadParameter(f"its inputs {' and '.join(map(shown, inputs))} do not go together")
        return tuple(found)


class Concatenate(KerasLayer, kw_only=True):
    """keras.layers.Concatenate."""

    axis: int = -1

    def output(self, inputs: Sequence[Sizes]) -> Sizes:
        axis = axis_of(self.axis)
        joined = [sizes[axis] for sizes in inputs]
        others = [(*sizes[:axis], *sizes[axis:][1:]) for sizes in inputs]
        if len({len(sizes) for sizes in inputs}) > 1 or any(
            len({*along} - {None}) > 1 for along in zip(*others, strict=True)
        ):
            raise BadParameter(f"its inputs {' and '.join(map(shown, inputs))} do not go together")
        found = list(inputs[0])
        found[axis] = None if None in joined else sum(extent for extent in joined if extent is not None)
        return tuple(found)


class LeakyReLU(Plain, kw_only=True, forbid_unknown_fields=False):
    """keras.layers.LeakyReLU; older versions call the slope alpha."""

    negative_slope: float | None = None
    alpha: float | None = None


class ELU(Plain, kw_only=True, forbid_unknown_fields=False):
    """keras.layers.ELU."""

    alpha: float = 1.0


class ReLU(Plain, kw_only=True, forbid_unknown_fields=False):
    """keras.layers.ReLU."""

    max_value: float | None = None
    negative_slope: float | None = 0.0
    threshold: float | None = 0.0


class Softmax(Plain, kw_only=True, forbid_unknown_fields=False):
    """keras.layers.Softmax."""

    axis: int | list[int] = -1


class Unknown(Plain, kw_only=True, forbid_unknown_fields=False):
    """What may give any shape."""

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        return None


class Cut(Noise, Unknown, kw_only=True, forbid_unknown_fields=False):
    """What cuts a piece out at random."""


def _each(layer: Any, sizes: Sizes, moved: Any) -> Sizes:
    """The shape with each axis that is not of channels changed."""
    need_axes(sizes, layer.rank + 1)
    first = layer.data_format == "channels_first"
    places = sizes[1:] if first else sizes[:-1]
    found = [None if place is None else moved(place, at) for at, place in enumerate(places)]
    if any(place is not None and place < 1 for place in found):
        raise BadParameter(f"leaves nothing of its input {shown(sizes)}")
    return (sizes[0], *found) if first else (*found, sizes[-1])


def _kinds(base: type[KerasLayer], names: str, **more: int) -> list[type[KerasLayer]]:
    """Classes that differ by their names, and maybe by the number of axes that they slide along."""
    made: list[Any] = [
        defstruct(name, (), bases=(base,), namespace={"__doc__": f"keras.layers.{name}.", **more}, kw_only=True)
        for name in names.split()
    ]
    return made


_ALIKE = """
    Activation ActivityRegularization Identity Masking ThresholdedReLU UnitNormalization Rescaling AutoContrast Equalization
"""
_NOISE = """
    AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast RandomErasing RandomFlip RandomGaussianBlur
    RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation
    RandomSharpness RandomShear RandomTranslation RandomZoom Solarization CutMix MixUp
"""

KINDS = (
    *(InputLayer, Flatten, Reshape, Permute, RepeatVector, Concatenate),
    *(LeakyReLU, ELU, ReLU, Softmax),
    *_kinds(Plain, _ALIKE),
    *_kinds(Noise, _NOISE),
    *_kinds(Noise, "AugMix RandAugment", many=10),  # one for each kind of change that they may make
    *_kinds(Merge, "Add Average Maximum Minimum Multiply Subtract"),
    *(kind for n in (1, 2, 3) for kind in _kinds(Pooling, f"MaxPooling{n}D AveragePooling{n}D", rank=n)),
    *(kind for n in (1, 2, 3) for kind in _kinds(GlobalPooling, f"GlobalMaxPooling{n}D GlobalAveragePooling{n}D")),
    *(kind for n in (1, 2, 3) for kind in _kinds(UpSampling, f"UpSampling{n}D", rank=n)),
    *(kind for n in (1, 2, 3) for kind in _kinds(Padding, f"ZeroPadding{n}D", rank=n)),
    *(kind for n in (1, 2, 3) for kind in _kinds(Cropping, f"Cropping{n}D", rank=n)),
    *_kinds(Cut, "RandomCrop", many=2),  # one for a seed that it keeps, one for its generator
    *_kinds(Unknown, "Dot Lambda CenterCrop Resizing CategoryEncoding AdaptiveAveragePooling1D"),
    *_kinds(Unknown, "AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D"),
    *_kinds(Unknown, "AdaptiveMaxPooling3D"),
)
