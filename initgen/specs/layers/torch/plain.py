"""Modules without weights, which stand between the others in an nn.Sequential and count among its names."""

from collections.abc import Sequence
from typing import Any, cast

from msgspec import defstruct

from initgen.specs.layers.torch.module import Sizes, TorchLayer

Fields = Sequence[tuple[str, Any] | tuple[str, Any, Any]]

_INPLACE: Fields = [("inplace", bool, False)]
_DROPOUT: Fields = [("p", float, 0.5), *_INPLACE]
_DIM: Fields = [("dim", int | None, None)]
_WINDOW: Fields = [("kernel_size", Sizes), ("stride", Sizes | None, None)]
_PADDED: Fields = [*_WINDOW, ("padding", Sizes, 0)]
_MAX: Fields = [*_PADDED, ("dilation", Sizes, 1), ("return_indices", bool, False), ("ceil_mode", bool, False)]
_AVG: Fields = [*_PADDED, ("ceil_mode", bool, False), ("count_include_pad", bool, True)]
_LP: Fields = [("norm_type", float), *_WINDOW, ("ceil_mode", bool, False)]
_ADAPTIVE: Fields = [("output_size", int | list[int | None] | None)]
_PAD: Fields = [("padding", Sizes)]
_RESIZED: Fields = [("size", Sizes | None, None), ("scale_factor", float | list[float] | None, None)]
_BLOCKS: Fields = [("kernel_size", Sizes), ("dilation", Sizes, 1), ("padding", Sizes, 0), ("stride", Sizes, 1)]

_FIELDS: dict[str, Fields] = {
    **dict.fromkeys(("Identity", "Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "Softmax2d"), ()),
    **dict.fromkeys(("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid"), _INPLACE),
    **dict.fromkeys(("ELU", "CELU"), (("alpha", float, 1.0), *_INPLACE)),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Softmin"), _DIM),
    **dict.fromkeys(("Hardshrink", "Softshrink"), (("lambd", float, 0.5),)),
    "GELU": [("approximate", str, "none")],
    "GLU": [("dim", int, -1)],
    "LeakyReLU": [("negative_slope", float, 0.01), *_INPLACE],
    "RReLU": [("lower", float, 1 / 8), ("upper", float, 1 / 3), *_INPLACE],
    "Hardtanh": [("min_val", float, -1.0), ("max_val", float, 1.0), *_INPLACE],
    "Softplus": [("beta", float, 1.0), ("threshold", float, 20.0)],
    "Threshold": [("threshold", float), ("value", float), *_INPLACE],
    **dict.fromkeys(("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"), _DROPOUT),
    **dict.fromkeys(("AlphaDropout", "FeatureAlphaDropout"), _DROPOUT),
    "Flatten": [("start_dim", int, 1), ("end_dim", int, -1)],
    "Unflatten": [("dim", int), ("unflattened_size", list[int])],
    **{f"MaxPool{rank}d": _MAX for rank in (1, 2, 3)},
    "AvgPool1d": _AVG,
    **{f"AvgPool{rank}d": [*_AVG, ("divisor_override", int | None, None)] for rank in (2, 3)},
    **{f"LPPool{rank}d": _LP for rank in (1, 2, 3)},
    **{f"AdaptiveAvgPool{rank}d": _ADAPTIVE for rank in (1, 2, 3)},
    **{f"AdaptiveMaxPool{rank}d": [*_ADAPTIVE, ("return_indices", bool, False)] for rank in (1, 2, 3)},
    **{f"{how}Pad{rank}d": _PAD for how in ("Zero", "Reflection", "Replication", "Circular") for rank in (1, 2, 3)},
    **{f"ConstantPad{rank}d": [*_PAD, ("value", float)] for rank in (1, 2, 3)},
    "Upsample": [
        *_RESIZED,
        ("mode", str, "nearest"),
        ("align_corners", bool | None, None),
        ("recompute_scale_factor", bool | None, None),
    ],
    **dict.fromkeys(("UpsamplingNearest2d", "UpsamplingBilinear2d"), _RESIZED),
    "PixelShuffle": [("upscale_factor", int)],
    "PixelUnshuffle": [("downscale_factor", int)],
    "ChannelShuffle": [("groups", int)],
    "LocalResponseNorm": [("size", int), ("alpha", float, 1e-4), ("beta", float, 0.75), ("k", float, 1.0)],
    "Unfold": _BLOCKS,
    "Fold": [("output_size", Sizes), *_BLOCKS],
}


def _kind(name: str, fields: Fields) -> type[TorchLayer]:
    made = defstruct(name, fields, bases=(TorchLayer,), module=__name__, kw_only=True)
    made.__doc__ = f"torch.nn.{name}: no weights."
    return cast(type[TorchLayer], made)


KINDS = tuple(_kind(name, fields) for name, fields in _FIELDS.items())
