"""Modules of torch.nn as operations; the channels come first in their data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from initgen.core.errors import BadParameter, InitgenError, quoted
from initgen.core.shapes import Shape
from initgen.probe.activations import RELU, RELU6, SELU, SIGMOID, TANH, Activation, activation
from initgen.probe.network import INPUT, Assembly, Bound
from initgen.probe.operations.activation import Applied, Softmax
from initgen.probe.operations.convolution import Convolution
from initgen.probe.operations.dense import Dense, Embedding
from initgen.probe.operations.norm import Norm
from initgen.probe.operations.operation import Operation
from initgen.probe.operations.pooling import GlobalPooling, Pooling
from initgen.probe.operations.shape import Reshape
from initgen.specs.layers.layer import LayerError
from initgen.specs.layers.torch.sequential import Module

Operations = Sequence[tuple[Operation, Mapping[str, Bound]]]
# Makes the operations of a module, given the name of each of its weights.
Make = Callable[[Any, Callable[[str], str]], Operations]

# Steps of an input of whole numbers, where nobody says how many.
_STEPS = 16


def assembled(modules: Sequence[Module], input_shape: Shape | None) -> tuple[Assembly, Shape]:
    """The steps of modules one after another, and the shape of a sample.

    Raises:
        LayerError: a module of a kind that is not run, or with arguments that are not followed.
        BadParameter: no layers; or a convolution first, and nobody says how large its input is.
    """
    assembly = Assembly()
    last, units = INPUT, -1
    for module in modules:
        kind = type(module.layer).__name__
        try:
            make = _MAKERS.get(kind)
            if make is None:
                raise BadParameter("is of a kind that probe does not run", "docs/probe.md lists those it runs")
            operations = make(module.layer, lambda name, module=module: f"{module.name}.{name}")  # type: ignore[misc]
        except InitgenError as error:
            raise LayerError(module.where, module.shown, error) from None
        if kind in _DEEP or kind.startswith("BatchNorm"):
            units = -1 if kind == "Linear" else 1
        operations = [
            (replace(each, axis=units) if isinstance(each, Applied) else each, weights) for each, weights in operations
        ]
        last = assembly.add(
            module.name, kind, [last], operations, deep=kind in _DEEP, silent=kind in ("Flatten", "Unflatten")
        )
    assembly.checked(last)
    return assembly, _input_of(modules) if input_shape is None else input_shape


def _input_of(modules: Sequence[Module]) -> Shape:
    for module in modules:
        layer, kind = module.layer, type(module.layer).__name__
        if kind == "Linear":
            return (layer.in_features,)  # type: ignore[attr-defined]
        if kind == "Embedding":
            return (_STEPS,)
        if kind.startswith("Conv"):
            places = "x".join(["32"] * layer.rank)  # type: ignore[attr-defined]
            hint = f"--input-shape {layer.in_channels}x{places}"  # type: ignore[attr-defined]
            raise LayerError(module.where, module.shown, BadParameter("the size of its input is not known", hint))
        if kind.startswith("BatchNorm") and kind != "BatchNorm1d":
            break
        if kind == "BatchNorm1d":
            return (layer.num_features,)  # type: ignore[attr-defined]
    raise BadParameter("the size of the input is not known", "--input-shape 3x32x32")


def _bound(called: Callable[[str], str], layer: Any, kernel: tuple[int, ...]) -> dict[str, Bound]:
    weights = {"kernel": Bound(called("weight"), kernel)}
    return weights | ({"bias": Bound(called("bias"))} if layer.bias else {})


def _linear(layer: Any, called: Callable[[str], str]) -> Operations:
    return [(Dense(layer.in_features, layer.out_features), _bound(called, layer, (1, 0)))]


def _sizes(given: int | list[int], rank: int) -> tuple[int, ...]:
    return (given,) * rank if isinstance(given, int) else tuple(given)


def _convolution(layer: Any, called: Callable[[str], str]) -> Operations:
    rank = layer.rank
    if layer.padding_mode != "zeros":
        raise BadParameter(f"padding_mode = {quoted(layer.padding_mode)} is not followed")
    around = layer.padding
    padding: Any = around if isinstance(around, str) else tuple((each, each) for each in _sizes(around, rank))
    operation = Convolution(
        window=_sizes(layer.kernel_size, rank),
        filters=layer.out_channels,
        channels=layer.in_channels,
        strides=_sizes(layer.stride, rank),
        dilation=_sizes(layer.dilation, rank),
        padding=padding,
        groups=layer.groups,
        channels_first=True,
    )
    return [(operation, _bound(called, layer, (*range(2, rank + 2), 1, 0)))]


def _scales(layer: Any, called: Callable[[str], str], affine: bool) -> dict[str, Bound]:
    if not affine:
        return {}
    return {"gamma": Bound(called("weight"))} | ({"beta": Bound(called("bias"))} if layer.bias else {})


def _batch_norm(layer: Any, called: Callable[[str], str]) -> Operations:
    return [(Norm(None, (1,), layer.eps), _scales(layer, called, layer.affine))]


def _layer_norm(layer: Any, called: Callable[[str], str]) -> Operations:
    axes = tuple(range(-len(_sizes(layer.normalized_shape, 1)), 0))
    return [(Norm(axes, axes, layer.eps), _scales(layer, called, layer.elementwise_affine))]


def _embedding(layer: Any, called: Callable[[str], str]) -> Operations:
    if layer.max_norm is not None:
        raise BadParameter("max_norm is not followed")
    return [(Embedding(layer.num_embeddings), {"embeddings": Bound(called("weight"))})]


def _pooling(layer: Any, called: Callable[[str], str]) -> Operations:
    name = type(layer).__name__
    rank, largest = int(name[-2]), name.startswith("Max")
    window = _sizes(layer.kernel_size, rank)
    if layer.ceil_mode or (largest and (layer.dilation not in (1, [1] * rank) or layer.return_indices)):
        raise BadParameter("ceil_mode, dilation and return_indices are not followed")
    if getattr(layer, "divisor_override", None) is not None:
        raise BadParameter("divisor_override is not followed")
    strides = window if layer.stride is None else _sizes(layer.stride, rank)
    padding = tuple((each, each) for each in _sizes(layer.padding, rank))
    counted = False if largest else layer.count_include_pad
    return [(Pooling("max" if largest else "average", window, strides, padding, True, counted), {})]


def _adaptive(layer: Any, called: Callable[[str], str]) -> Operations:
    name = type(layer).__name__
    rank = int(name[-2])
    if layer.output_size not in (1, [1] * rank):
        raise BadParameter(f"output_size = {layer.output_size} is not followed", "1 is")
    return [(GlobalPooling("max" if "Max" in name else "average", True, True), {})]


def _flatten(layer: Any, called: Callable[[str], str]) -> Operations:
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise BadParameter("start_dim and end_dim are not followed")
    return [(Reshape((-1,)), {})]


def _unflatten(layer: Any, called: Callable[[str], str]) -> Operations:
    if layer.dim != 1:
        raise BadParameter(f"dim = {layer.dim} is not followed", "1 is")
    return [(Reshape(tuple(layer.unflattened_size)), {})]


def _softmax(layer: Any, called: Callable[[str], str]) -> Operations:
    if layer.dim is None:
        raise BadParameter("dim is not given")
    return [(Softmax(layer.dim), {})]


def _softplus(layer: Any, called: Callable[[str], str]) -> Operations:
    if layer.beta != 1:
        raise BadParameter(f"beta = {layer.beta:g} is not followed")
    return _applied(activation("softplus"))


def _applied(found: Activation) -> Operations:
    return [(Applied(found), {})]


_MAKERS: dict[str, Make] = {
    "Linear": _linear,
    **{f"Conv{rank}d": _convolution for rank in (1, 2, 3)},
    "Embedding": _embedding,
    **{f"BatchNorm{rank}d": _batch_norm for rank in (1, 2, 3)},
    "LayerNorm": _layer_norm,
    **{f"{kind}Pool{rank}d": _pooling for kind in ("Max", "Avg") for rank in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{rank}d": _adaptive for kind in ("Max", "Avg") for rank in (1, 2, 3)},
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "ReLU": lambda layer, called: _applied(RELU),
    "ReLU6": lambda layer, called: _applied(RELU6),
    "LeakyReLU": lambda layer, called: _applied(activation("leaky_relu", {"negative_slope": layer.negative_slope})),
    "ELU": lambda layer, called: _applied(activation("elu", {"alpha": layer.alpha})),
    "SELU": lambda layer, called: _applied(SELU),
    "GELU": lambda layer, called: _applied(activation("gelu", {"approximate": layer.approximate == "tanh"})),
    "SiLU": lambda layer, called: _applied(activation("silu")),
    "Tanh": lambda layer, called: _applied(TANH),
    "Sigmoid": lambda layer, called: _applied(SIGMOID),
    "Softplus": _softplus,
    "Softmax": _softmax,
    **dict.fromkeys(("Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d"), lambda layer, called: []),
    **dict.fromkeys(("AlphaDropout", "FeatureAlphaDropout"), lambda layer, called: []),
}
_DEEP = {"Linear", "Conv1d", "Conv2d", "Conv3d"}
