"""Layers of Keras as operations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from initgen.core.errors import BadParameter, InitgenError, quoted
from initgen.core.shapes import Shape
from initgen.probe.activations import KNOWN, LINEAR, RELU, RELU6, Activation, activation
from initgen.probe.network import INPUT, Assembly, Bound
from initgen.probe.operations.activation import Applied, Softmax
from initgen.probe.operations.convolution import Convolution, Depthwise
from initgen.probe.operations.dense import Dense, Embedding
from initgen.probe.operations.norm import Norm
from initgen.probe.operations.operation import Operation
from initgen.probe.operations.pooling import GlobalPooling, Pooling
from initgen.probe.operations.recurrent import GRU, LSTM, SimpleRNN
from initgen.probe.operations.shape import Add, Concatenate, Pad, Permute, Reshape
from initgen.specs.layers.keras.layer import Held, Saved, Sizes, cut, kernel_size, path, size
from initgen.specs.layers.keras.model import KerasModel, Node
from initgen.specs.layers.keras.plain import InputLayer
from initgen.specs.layers.layer import LayerError

# Operations with their weights, one after another.
Chain = list[tuple[Operation, Mapping[str, Bound]]]
Named = dict[str, Bound]
Make = Callable[[Any, Named, Sizes], Chain]


def assembled(model: KerasModel) -> tuple[Assembly, Sizes]:
    """The steps of a model, and the shape of its input without the batch.

    Raises:
        LayerError: a layer of a kind that is not run, called twice, or with arguments that are not followed.
        BadParameter: no layers, or more than one input or output.
    """
    assembly = Assembly()
    output = _Walk(assembly).through(model, (), [INPUT], "")
    assembly.checked(output)
    return assembly, _input_of(model)


def _input_of(model: KerasModel) -> Sizes:
    """The shape of what the model gets."""
    first = model.nodes[0]
    while isinstance(first.held.layer, KerasModel):
        model = first.held.layer
        first = model.nodes[0]
    if isinstance(first.held.layer, InputLayer) and first.held.layer.given is not None:
        return first.held.layer.given
    for _, given in model.built(()):
        return given[0]
    raise BadParameter("there are no layers that a signal goes through")


class _Walk:
    """Goes through a model, and those inside of it, in their order."""

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        # Where the channels come first in the output of a step.
        self.first: set[int] = set()

    def through(self, model: KerasModel, shapes: Sequence[Sizes], given: Sequence[int], prefix: str) -> int:
        """The step of the model's output, given those of its inputs."""
        built = {id(node): sizes for node, sizes in model.built(shapes)}
        inputs = [node for node in model.nodes if isinstance(node.held.layer, InputLayer)]
        if len(inputs) > 1 or len(given) > 1:
            raise BadParameter(f"there are {max(len(inputs), len(given))} inputs", "probe follows one")
        last = given[0]
        outputs = {node.held.name: last for node in inputs}
        for node in model.nodes:
            if isinstance(node.held.layer, InputLayer):
                continue
            try:
                sources = self._sources(node, outputs, last)
                last = outputs[node.held.name] = self._layer(node, built[id(node)], sources, prefix)
            except InitgenError as error:
                raise LayerError(node.where, node.shown, error) from None
        if len(model.outputs) > 1:
            names = " and ".join(map(cut, model.outputs))
            raise BadParameter(f"there are {len(model.outputs)} outputs: {names}", "probe follows one")
        for name in model.outputs:
            if name not in outputs:
                raise BadParameter(f"gives the output of {quoted(name)}, which is not a layer that probe runs")
            last = outputs[name]
        return last

    def _sources(self, node: Node, outputs: Mapping[str, int], last: int) -> list[int]:
        if node.calls > 1:
            raise BadParameter(f"is called {node.calls} times", "probe runs each layer once")
        if node.sources is None:
            return [last]
        for name in node.sources:
            if name not in outputs:
                raise BadParameter(f"gets the output of {quoted(name)}, which is not a layer that probe runs")
        return [outputs[name] for name in node.sources]

    def _layer(self, node: Node, sizes: Sequence[Sizes], sources: Sequence[int], prefix: str) -> int:
        layer, name = node.held.layer, path(prefix, node.held.name)
        if isinstance(layer, KerasModel):
            return self.through(layer, sizes, sources, name)
        kind = type(layer).__name__
        make = _MAKERS.get(kind)
        if make is None:
            raise BadParameter("is of a kind that probe does not run", "docs/probe.md lists those it runs")
        merging = kind in _MERGING
        if merging == (len(sources) < 2):
            raise BadParameter(f"has {len(sources)} input{'s' * (len(sources) != 1)}")
        weights = _bound(node.held.saved("", name, sizes)) if kind in _WEIGHTED else {}
        chain = make(layer, weights, sizes[0])
        if kind not in _RECURRENT and kind not in ("Activation", "Softmax"):
            chain += _activated(layer.activation)
        first = getattr(layer, "data_format", None) == "channels_first"
        first = first or (kind in _IN_PLACE and self.first.issuperset(sources))
        units = 1 if first else -1
        chain = [(replace(each, axis=units) if isinstance(each, Applied) else each, own) for each, own in chain]
        last = self.assembly.add(name, kind, sources, chain, deep=kind in _DEEP, silent=kind in _SILENT)
        if first:
            self.first.add(last)
        return last


def _bound(saved: Sequence[Saved]) -> Named:
    return {weight.name: Bound(path(part.name, weight.name)) for part in saved for weight in part.weights}


def _activated(given: Any) -> Chain:
    """What an argument ``activation`` stands for."""
    if isinstance(given, Held):
        kind = type(given.layer).__name__
        if kind not in _ACTIVATIONS:
            raise BadParameter(f"activation: {kind} is not one that probe runs")
        return _MAKERS[kind](given.layer, {}, ())
    if given is None:
        return []
    name = _function(given)
    if name == "softmax":
        return [(Softmax(), {})]
    found = activation(name)
    return [] if found is LINEAR else [(Applied(found), {})]


def _function(given: Any) -> str:
    """The name of a function as Keras writes it into configs, or as a user does."""
    if isinstance(given, dict):
        given = given.get("config")
    if not isinstance(given, str):
        raise BadParameter(f"activation = {quoted(given)} is not the name of one", f"known: {', '.join(KNOWN)}")
    return given


def _elementwise(given: Any) -> Activation:
    return LINEAR if given is None else activation(_function(given))


def _dense(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    return [(Dense(size(sizes, -1), layer.units), weights)]


def _convolution(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    rank = layer.rank
    common = {
        "window": layer.window,
        "channels": layer.channels([sizes]),
        "strides": kernel_size(layer.strides, rank, "strides"),
        "dilation": kernel_size(layer.dilation_rate, rank, "dilation_rate"),
        "padding": layer.padding,
        "channels_first": layer.data_format == "channels_first",
    }
    kind = type(layer).__name__
    if kind.startswith("Depthwise"):
        return [(Depthwise(multiplier=layer.depth_multiplier, **common), weights)]
    if kind.startswith("Separable"):
        many = common["channels"] * layer.depth_multiplier
        ones = (1,) * rank
        point = common | {"window": ones, "channels": many, "strides": ones, "dilation": ones}
        own = {"kernel": weights.pop("pointwise_kernel")} | weights
        first = own.pop("depthwise_kernel")
        return [
            (Depthwise(multiplier=layer.depth_multiplier, **common), {"kernel": first}),
            (Convolution(filters=layer.filters, **point), own),
        ]
    return [(Convolution(filters=layer.filters, groups=layer.groups, **common), weights)]


def _embedding(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    if layer.mask_zero:
        raise BadParameter("mask_zero is not followed")
    return [(Embedding(layer.input_dim), weights)]


def _pooling(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    kind: Any = "max" if type(layer).__name__.startswith("Max") else "average"
    window = kernel_size(layer.pool_size, layer.rank, "pool_size")
    strides = window if layer.strides is None else kernel_size(layer.strides, layer.rank, "strides")
    first = layer.data_format == "channels_first"
    return [(Pooling(kind, window, strides, layer.padding, first, count_padding=False), {})]


def _global(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    kind: Any = "max" if "Max" in type(layer).__name__ else "average"
    return [(GlobalPooling(kind, layer.keepdims, layer.data_format == "channels_first"), {})]


def _batch_norm(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    own = [layer.axis] if isinstance(layer.axis, int) else layer.axis
    return [(Norm(None, tuple(sorted(own)), layer.epsilon), _scales(weights))]


def _layer_norm(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    if getattr(layer, "rms_scaling", False):
        raise BadParameter("rms_scaling is not followed", "RMSNormalization is")
    count = len(sizes) + 1
    over = sorted(axis % count for axis in ([layer.axis] if isinstance(layer.axis, int) else layer.axis))
    centred = type(layer).__name__ == "LayerNormalization"
    return [(Norm(tuple(over), tuple(over), layer.epsilon, centred), _scales(weights))]


def _scales(weights: Named) -> Named:
    """Without the statistics that training gathers."""
    names = {"gamma": "gamma", "beta": "beta", "scale": "gamma"}
    return {names[name]: bound for name, bound in weights.items() if name in names}


def _recurrent(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    common = {
        "units": layer.units,
        "return_sequences": layer.return_sequences,
        "go_backwards": layer.go_backwards,
        "activation": _elementwise(layer.activation),
    }
    if layer.return_state:
        raise BadParameter("return_state is not followed")
    kind = type(layer).__name__
    if kind == "SimpleRNN":
        return [(SimpleRNN(**common), weights)]
    common["recurrent_activation"] = _elementwise(layer.recurrent_activation)
    if kind == "LSTM":
        return [(LSTM(**common), weights)]
    return [(GRU(reset_after=layer.reset_after, **common), weights)]


def _zero_padding(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    around = [(before, after) for before, after in layer.around]
    none = [(0, 0)]
    first = layer.data_format == "channels_first"
    return [(Pad(tuple(none + around if first else around + none)), {})]


def _relu(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    slope = layer.negative_slope or 0.0
    if layer.max_value == 6 and not (slope or layer.threshold):
        return [(Applied(RELU6), {})]
    if layer.max_value is not None or layer.threshold:
        raise BadParameter("max_value and threshold are not followed", "but for a max_value of 6")
    return [(Applied(activation("leaky_relu", {"negative_slope": slope}) if slope else RELU), {})]


def _leaky_relu(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    slope = next((each for each in (layer.negative_slope, layer.alpha) if each is not None), 0.3)
    return [(Applied(activation("leaky_relu", {"negative_slope": slope})), {})]


def _softmax(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    if not isinstance(layer.axis, int):
        raise BadParameter("axis must be one")
    return [(Softmax(layer.axis), {})]


def _flatten(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    chain: Chain = [(Reshape((-1,)), {})]
    if layer.data_format == "channels_first" and len(sizes) > 1:  # Keras has the channels last all the same
        chain.insert(0, (Permute((0, *range(2, len(sizes) + 1), 1)), {}))
    return chain


def _nothing(layer: Any, weights: Named, sizes: Sizes) -> Chain:
    return []


_MAKERS: dict[str, Make] = {
    "Dense": _dense,
    **{f"Conv{rank}D": _convolution for rank in (1, 2, 3)},
    **{f"{kind}Conv{rank}D": _convolution for kind in ("Depthwise", "Separable") for rank in (1, 2)},
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU"), _recurrent),
    "Embedding": _embedding,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _layer_norm,
    **{f"{kind}Pooling{rank}D": _pooling for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": _global for kind in ("Max", "Average") for rank in (1, 2, 3)},
    "Activation": lambda layer, weights, sizes: _activated(layer.activation),
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": lambda layer, weights, sizes: [(Applied(activation("elu", {"alpha": layer.alpha})), {})],
    "Softmax": _softmax,
    "Add": lambda layer, weights, sizes: [(Add(), {})],
    "Concatenate": lambda layer, weights, sizes: [(Concatenate(layer.axis), {})],
    "Flatten": _flatten,
    "Reshape": lambda layer, weights, sizes: [(Reshape(tuple(layer.target_shape)), {})],
    "Permute": lambda layer, weights, sizes: [(Permute((0, *layer.dims)), {})],
    **{f"ZeroPadding{rank}D": _zero_padding for rank in (1, 2, 3)},
    # Dropout is left out, as where a trained network answers.
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _nothing),
    **dict.fromkeys(
        ("AlphaDropout", "GaussianDropout", "GaussianNoise", "Identity", "ActivityRegularization"), _nothing
    ),
}
_RECURRENT = {"SimpleRNN", "LSTM", "GRU"}
_DEEP = _RECURRENT | {"Dense"} | {kind for kind in _MAKERS if "Conv" in kind}
_WEIGHTED = _DEEP | {"Embedding", "BatchNormalization", "LayerNormalization", "RMSNormalization"}
_ACTIVATIONS = {"ReLU", "LeakyReLU", "ELU", "Softmax", "Activation"}
# What leaves the channels where they are.
_IN_PLACE = {
    *("Activation", "ReLU", "LeakyReLU", "ELU", "Add", "BatchNormalization"),
    *(kind for kind, make in _MAKERS.items() if make is _nothing),
}
_MERGING = {"Add", "Concatenate"}
_SILENT = {"Flatten", "Reshape", "Permute", *(f"ZeroPadding{rank}D" for rank in (1, 2, 3))}


def complete(sizes: Sizes, given: Shape | None) -> Shape:
    """The shape of an input, with what the user says of it.

    Raises:
        BadParameter: an axis without a size that the user does not say, or another shape than the model has.
    """
    shown = "x".join("?" if extent is None else str(extent) for extent in sizes) or "one value"
    if given is None:
        if None in sizes:
            raise BadParameter(f"the input {shown} has an axis without a size", "--input-shape says it: 20x32")
        return tuple(extent for extent in sizes if extent is not None)
    if len(given) != len(sizes) or any(extent not in (None, told) for extent, told in zip(sizes, given, strict=False)):
        raise BadParameter(f"--input-shape {'x'.join(map(str, given))} is not one of {shown}")
    return given
