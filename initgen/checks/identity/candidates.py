"""What a tensor may have been drawn from: schemes, as frameworks and models use them, on a tensor's shape.

`stats` and `identify` both take their guesses from here. To add one: a line in a table below, with its cost.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from initgen.core.errors import InitgenError
from initgen.core.params import Value, bind, split
from initgen.core.shapes import Fans, Kernel, Layout, Shape
from initgen.laws import Law
from initgen.schemes import SCHEMES
from initgen.schemes.keras import CUT_STD
from initgen.schemes.structure import Structure
from initgen.specs.tensor import TensorSpec, tensor_spec

# How the fans are read out of a shape; "beside" takes the fan_in of a weight of the same module, "none" asks for none.
Axes = Literal["none", "keras", "torch", "depthwise", "first in", "last out", "stacked", "stacked torch", "beside"]

_WORDS: dict[Axes, str] = {
    "none": "",
    "keras": "keras layout",
    "torch": "torch layout",
    "depthwise": "depthwise, keras layout",
    "first in": "fan_in: first axis",
    "last out": "fan_out: last axis",
    "stacked": "stacked matrices (in, out)",
    "stacked torch": "stacked matrices (out, in)",
    "beside": "fan_in of the weight beside",
}

# What else a rule is called, wherever it is found.
SYNONYMS = {
    "torch_default": "kaiming_uniform:a=√5",
    "random_normal:stddev=0.02": "trunc_normal:std=0.02, whose cut at ±2 cuts nothing",
    "random_normal:stddev=1": "torch's Embedding",
    "random_uniform": "keras' Embedding",
}

# What costs more than the one is not what one thinks of first; what costs more than the other is said only where nothing
# else fits.
COMMON = 4.0
FAR_FETCHED = 7.0


@dataclass(frozen=True)
class Place:
    """Where a tensor stands in its model, as far as candidates depend on it.

    Attributes:
        beside: the fan_in of each weight of the same module, in torch's layout.
        layers: how many blocks its part of the model has; 0 where the names do not count any.
        block: which of them it is in, from 1; 0 where it is in none.
        width: the size that most matrices of the model share; 0 for a tensor alone.
    """

    beside: tuple[int, ...] = ()
    layers: int = 0
    block: int = 0
    width: int = 0


@dataclass(frozen=True)
class Reading:
    """One way to say how a tensor was drawn.

    Attributes:
        made: the law of its elements, or the structure that they form.
        rule: what it has in common with readings of other tensors: "torch_bias", "random_normal:stddev=1/√dim".
        scheme: as the command line takes it: "random_normal:stddev=0.036".
        cost: minus the logarithm of how common the rule is, up to a constant.
        fan_in, fan_out: in place of what the shape gives.
        shared: whether other tensors are drawn by the same rule, which fitted parameters are not.
    """

    rule: str
    scheme: str
    axes: Axes
    made: Law | Structure
    cost: float
    fan_in: int | None = None
    fan_out: int | None = None
    shared: bool = True

    @property
    def layout(self) -> Layout | None:
        """Of the fans; None where it takes none, or they are given."""
        if self.axes in ("none", "beside"):
            return None
        return "torch" if self.axes in ("torch", "stacked torch") else "keras"

    @property
    def reads(self) -> str:
        """How the fans are read, in words; empty where there are none."""
        return _WORDS[self.axes]

    @property
    def key(self) -> tuple[str, Axes]:
        """The rule with how it reads the axes: what tensors of one model share."""
        return self.rule, self.axes

    def spec(self, name: str, shape: Shape, dtype: str, layout: Layout = "keras") -> TensorSpec:
        """A description that draws such a tensor; ``layout`` where it does not matter."""
        return tensor_spec(
            self.scheme,
            shape,
            name=name,
            dtype=dtype,
            keyed=True,
            layout=layout if self.layout is None or self.fan_out is not None else self.layout,
            depthwise=self.axes == "depthwise",
            fan_in=self.fan_in,
            fan_out=self.fan_out,
        )


# Fans out of the shape: scheme, how the axes are read, cost.
_SHAPED: tuple[tuple[str, Axes, float], ...] = (
    ("glorot_uniform", "keras", 1.0),
    ("torch_default", "torch", 1.0),
    ("lecun_normal", "keras", 1.5),
    ("xavier_uniform", "torch", 1.0),
    ("he_normal", "keras", 2.0),
    ("he_uniform", "keras", 2.0),
    ("kaiming_normal", "torch", 2.0),
    ("kaiming_normal:mode=fan_out", "torch", 2.0),
    ("glorot_normal", "keras", 2.5),
    ("kaiming_uniform", "torch", 2.5),
    ("xavier_normal", "torch", 2.5),
    ("kaiming_normal:nonlinearity=linear", "torch", 3.0),
    ("lecun_normal", "torch", 3.0),
    ("lecun_uniform", "keras", 3.0),
    ("kaiming_uniform:nonlinearity=linear", "torch", 3.5),
    # EfficientNet and its kin: their convolutions, and their last layer.
    ("variance_scaling:scale=2,mode=fan_out", "keras", 4.0),
    (f"variance_scaling:scale={1 / 3!r},mode=fan_out,distribution=uniform", "keras", 4.0),
    (f"variance_scaling:scale={1 / 3!r},mode=fan_out,distribution=uniform", "torch", 4.0),
    ("kaiming_uniform:mode=fan_out", "torch", 4.0),
    ("kaiming_normal:mode=fan_out,nonlinearity=linear", "torch", 4.0),
    # Keras since 3.15 and Flax: kernels of attention by the product of their input and of their output axes.
    *((scheme, axes, 3.0) for axes in ("first in", "last out") for scheme in ("glorot_uniform", "lecun_normal")),
    *((scheme, axes, 4.0) for axes in ("first in", "last out") for scheme in ("he_normal", "he_uniform")),
    *((scheme, "stacked", 4.5) for scheme in ("glorot_uniform", "lecun_normal", "he_normal", "glorot_normal")),
    *((scheme, "stacked torch", 4.5) for scheme in ("torch_default", "xavier_uniform", "kaiming_normal")),
    ("glorot_normal", "torch", 5.0),
    ("he_normal", "torch", 5.0),
    *((scheme, "depthwise", 5.0) for scheme in ("glorot_uniform", "he_normal", "he_uniform", "lecun_normal")),
    ("xavier_uniform:gain=√2", "torch", 4.5),
    ("xavier_uniform:gain=√0.5", "torch", 4.5),  # the packed query, key and value of fairseq
    (f"xavier_uniform:gain={5 / 3!r}", "torch", 5.0),
    ("xavier_normal:gain=√2", "torch", 5.0),
    (f"xavier_normal:gain={5 / 3!r}", "torch", 5.5),
    *(
        (f"kaiming_{kind}:{said}", "torch", cost)
        for kind in ("uniform", "normal")
        for said, cost in (
            ("nonlinearity=tanh", 5.0),
            ("nonlinearity=selu", 5.5),
            ("a=0.2", 7.5),
        )
    ),
    ("kaiming_normal:a=√5", "torch", 5.5),
    ("variance_scaling:scale=2,mode=fan_avg,distribution=truncated_normal", "keras", 5.5),
    ("variance_scaling:scale=2,mode=fan_avg,distribution=uniform", "keras", 5.5),
    ("variance_scaling:mode=fan_out", "keras", 5.0),
    ("variance_scaling:mode=fan_out,distribution=uniform", "keras", 5.5),
    ("variance_scaling:mode=fan_geo_avg", "keras", 10.0),
    ("variance_scaling:scale=0.5,distribution=normal", "torch", 5.5),
    # The one framework's law by the fans of the other's layout.
    ("torch_default", "keras", 5.5),
    *((f"kaiming_normal{said}", "keras", 5.5) for said in ("", ":nonlinearity=linear", ":mode=fan_out")),
    ("xavier_normal", "keras", 5.5),
    ("small_init_uniform", "keras", 9.0),
    ("small_init_uniform", "torch", 9.0),
    ("siren", "torch", 8.0),
    ("siren:layer=first", "torch", 8.5),
    ("siren", "keras", 9.0),
)

# No fans: scheme, cost.
_PLAIN: tuple[tuple[str, float], ...] = (
    ("random_normal:stddev=0.02", 1.0),
    ("random_normal:stddev=1", 2.0),
    ("random_uniform", 2.0),
    ("random_normal:stddev=0.01", 3.0),
    ("random_normal", 3.5),
    ("truncated_normal:stddev=0.02", 2.5),
    ("truncated_normal:stddev=0.01", 4.0),
    ("truncated_normal", 4.5),
    ("truncated_normal:stddev=1", 5.0),
    ("dummy", 3.0),
    ("uniform", 4.0),
    ("uniform:scale=1", 4.5),
    ("random_normal:mean=1,stddev=0.02", 4.5),
    *((f"random_normal:stddev={std}", 4.5) for std in ("0.1", "0.001", "0.006", "1e-06")),
    *((f"random_normal:stddev={std}", 5.5) for std in ("0.5", "0.2", "0.005", "0.002")),
    *((f"random_uniform:minval=-{high},maxval={high}", 4.5) for high in ("0.1", "0.01", "1", "0.08")),
    *((f"random_uniform:minval=-{high},maxval={high}", 5.5) for high in ("0.02", "0.07", "0.001", "0.003", "0.5")),
    *((f"truncated_normal:stddev={std},lower=-3,upper=3", 9.0) for std in ("0.02", "0.01")),
)

# What follows from the shape or the place and is written with a number: rule, cost, and the scheme with the number.
_Derived = Callable[[Shape, Place], Iterator[str]]


def _sizes(shape: Shape, place: Place) -> list[int]:
    """What may be called the width of the model at this tensor."""
    return [size for size in dict.fromkeys((place.width, *shape[-2:])) if size > 1]


def _normals(stds: Callable[[Shape, Place], list[float]]) -> _Derived:
    return lambda shape, place: (f"random_normal:stddev={std!r}" for std in stds(shape, place))


def _fans_in(shape: Shape) -> list[int]:
    if len(shape) < 2:
        return []
    return [Kernel("keras").fans(shape).fan_in, Kernel("torch").fans(shape).fan_in]


_DERIVED: tuple[tuple[str, float, _Derived], ...] = (
    (
        "gpt2_residual",
        2.5,
        lambda _, place: iter([f"gpt2_residual:layers={place.layers}"] if place.layers > 1 else []),
    ),
    ("random_normal:stddev=1/√dim", 4.5, _normals(lambda shape, place: [size**-0.5 for size in _sizes(shape, place)])),
    # BEiT and its kin divide by the place of the block.
    (
        "random_normal:stddev=0.02/√(2 block)",
        5.0,
        _normals(lambda _, place: [0.02 / math.sqrt(2 * place.block)] if place.block else []),
    ),
    (
        "random_normal:stddev=1/√(2 layers dim)",
        5.5,
        _normals(
            lambda shape, place: (
                [(2 * place.layers * size) ** -0.5 for size in _sizes(shape, place)] if place.layers > 1 else []
            )
        ),
    ),
    # Haiku cuts at two std and does not correct; transformers' lecun_normal_ corrects and does not cut.
    (
        "truncated_normal:stddev=1/√fan_in",
        4.5,
        lambda shape, _: (f"truncated_normal:stddev={fan**-0.5!r}" for fan in _fans_in(shape) if fan),
    ),
    (
        f"random_normal:stddev=1/({CUT_STD:.4f} √fan_in)",
        6.0,
        _normals(lambda shape, _: [fan**-0.5 / CUT_STD for fan in _fans_in(shape)[1:] if fan]),
    ),
    (
        "truncated_normal:stddev=1/√dim,lower=-3,upper=3",
        9.0,
        lambda shape, place: (
            f"truncated_normal:stddev={size**-0.5!r},lower=-3,upper=3" for size in _sizes(shape, place)
        ),
    ),
    ("small_init", 5.5, lambda shape, place: (f"small_init:dim={size}" for size in _sizes(shape, place))),
    (
        "wang_init",
        6.0,
        lambda shape, place: (
            f"wang_init:layers={place.layers},dim={size}" for size in _sizes(shape, place) if place.layers > 1
        ),
    ),
)

_PLACED: tuple[tuple[str, float], ...] = (
    ("deepnorm:layers={}", 8.0),
    ("t_fixup:layers={}", 8.5),
    ("t_fixup:layers={},stack=encoder", 8.5),
)


@lru_cache(maxsize=4096)
def readings(shape: Shape, place: Place) -> tuple[Reading, ...]:
    """All that a tensor of this shape may have been drawn from, the common before the rare."""
    found = [*_shaped(shape), *_plain(), *_beside(shape, place)]
    for rule, cost, schemes in _DERIVED:
        for scheme in dict.fromkeys(schemes(shape, place)):
            found += _reading(rule, scheme, "none", cost, None)
    if place.layers > 1 and len(shape) == 2:
        for template, cost in _PLACED:
            found += _reading(template.format("n"), template.format(place.layers), "torch", cost, _fans(shape, "torch"))
    return tuple(sorted(found, key=lambda reading: reading.cost))


@cache
def _plain() -> tuple[Reading, ...]:
    return tuple(reading for scheme, cost in _PLAIN for reading in _reading(scheme, scheme, "none", cost, None))


def _shaped(shape: Shape) -> Iterator[Reading]:
    fans: dict[Axes, Fans | None] = {}
    for scheme, axes, cost in _SHAPED:
        if axes not in fans:
            fans[axes] = _fans(shape, axes)
        own = fans[axes]
        if own is not None:
            given = axes in ("first in", "last out", "stacked", "stacked torch")
            rule = scheme.replace(repr(1 / 3), "1/3").replace(repr(5 / 3), "5/3")
            yield from _reading(rule, scheme, axes, cost + _oddity(shape, axes), own, given=given)


def _beside(shape: Shape, place: Place) -> Iterator[Reading]:
    """Torch's biases, and whatever else has the bound of another tensor's fan."""
    fans = dict.fromkeys(place.beside)
    if len(shape) == 3:  # Bilinear: by its first input alone
        fans[shape[1]] = None
    for fan in fans:
        yield from _reading("torch_bias", "torch_bias", "beside", 1.0 if len(shape) == 1 else 3.0, Fans(fan, fan))


def _fans(shape: Shape, axes: Axes) -> Fans | None:
    """The fans of a shape; None where such axes give none."""
    if not all(shape):
        return None
    try:
        if axes == "keras":
            return Kernel("keras").fans(shape) if shape else None
        if axes == "torch":
            return Kernel("torch").fans(shape)
        if axes == "depthwise":
            return Kernel("keras", depthwise=True).fans(shape) if len(shape) > 2 else None
    except InitgenError:
        return None
    if len(shape) != 3:
        return None
    first, second, third = shape
    return {
        "first in": Fans(first, second * third),
        "last out": Fans(first * second, third),
        "stacked": Fans(second, third),
        "stacked torch": Fans(third, second),
    }.get(axes)


def _oddity(shape: Shape, axes: Axes) -> float:
    """What it costs to read the axes so: windows are small, and stand before the channels in Keras, behind in torch."""
    if len(shape) < 2:
        return 4.0  # Keras takes the size of a vector for its fan, and hardly any layer draws one
    if len(shape) < 4 or axes not in ("keras", "torch", "depthwise"):
        return 0.0
    front, back = math.prod(shape[:-2]), math.prod(shape[2:])
    return 3.0 if (front > back) == (axes != "torch") and front != back else 0.0


def _reading(
    rule: str, text: str, axes: Axes, cost: float, fans: Fans | None, given: bool = False
) -> Iterator[Reading]:
    entry, params = _bound(text)
    try:
        law = SCHEMES[entry].law(fans or Fans(1, 1), params)
    except InitgenError:
        return
    beside = fans is not None and axes == "beside"
    yield Reading(
        rule,
        text,
        axes,
        law,
        cost,
        fans.fan_in if fans and (given or beside) else None,
        fans.fan_out if fans and given else None,
    )


@lru_cache(maxsize=1024)
def _bound(text: str) -> tuple[str, dict[str, Value]]:
    name, given = split(text)
    entry = SCHEMES[name]
    return entry.name, bind(entry.name, entry.params, given)
