"""The config that Keras writes of a model, as its layers. Nothing in it is run, whatever it names."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from initgen.core.errors import BadParameter, quoted
from initgen.core.registry import nearest
from initgen.specs.layers.keras import KINDS
from initgen.specs.layers.keras.custom import Custom, Kinds
from initgen.specs.layers.keras.initializers import serialized
from initgen.specs.layers.keras.layer import Held, KerasLayer, Sizes, cut
from initgen.specs.layers.keras.model import KerasModel, Node
from initgen.specs.layers.layer import MAX_LAYERS, Initializer, LayerError
from initgen.specs.places import Where
from initgen.specs.schema import plain

_MODELS = {"Sequential": "sequential", "Functional": "functional", "Model": "functional"}
_MAX_NESTING = 16


def model_of(tree: Mapping[str, Any], kinds: Kinds) -> KerasModel:
    """The model that a config describes.

    Args:
        kinds: layer classes that are given by hand.

    Raises:
        LayerError: a layer is of a class that neither Keras nor ``kinds`` has, or has arguments that do not fit it.
    """
    if "class_name" not in tree:
        name = "Functional" if "input_layers" in tree else "Sequential"
        return _model(name, tree, kinds, (), 0)
    if tree["class_name"] not in _MODELS:
        name = tree["class_name"].rpartition(">")[2]
        if name not in KINDS and name not in kinds:
            said = "is neither Sequential nor Functional: the config of a subclassed model does not say its layers"
            hint = "its weight file does: --like m.weights.h5 --preset keras"
            raise LayerError((), _shown(tree), BadParameter(said, hint))
        try:
            held = _held(tree, kinds, 0)
        except BadParameter as error:
            raise LayerError((), _shown(tree), error) from None
        return KerasModel(nodes=[Node(held, (), _build_shapes(tree))])
    return _model(tree["class_name"], tree["config"], kinds, ("config",), 0)


def _model(kind: str, config: Any, kinds: Kinds, where: Where, depth: int) -> KerasModel:
    if depth > _MAX_NESTING:
        raise LayerError(where, kind, BadParameter("models nest too deep"))
    layers: Any = config  # a list in Keras 1
    name = None
    if isinstance(config, dict):
        layers, name, where = config.get("layers"), config.get("name"), (*where, "layers")
    if not isinstance(layers, list):
        raise LayerError(where, kind, BadParameter("has no list of layers"))
    graph = kind != "Sequential"
    return KerasModel(
        name=name if isinstance(name, str) else None,
        nodes=list(_nodes(layers, graph, kinds, where, depth)),
        graph=graph,
        stored=_MODELS[kind],
        outputs=tuple(dict.fromkeys(_outputs(config.get("output_layers"))))
        if graph and isinstance(config, dict)
        else (),
    )


def _outputs(given: object) -> Iterator[str]:
    """The names in ``["dense", 0, 0]``, or in a list or table of such."""
    if isinstance(given, list) and len(given) == 3 and isinstance(given[0], str):
        yield given[0]
    elif isinstance(given, list | dict):
        for each in given.values() if isinstance(given, dict) else given:
            if isinstance(each, list) and each and isinstance(each[0], str):
                yield each[0]


def _nodes(layers: list[Any], graph: bool, kinds: Kinds, where: Where, depth: int) -> Iterator[Node]:
    seen: set[str] = set()
    if len(layers) > MAX_LAYERS:
        raise LayerError(where, "", BadParameter(f"has {len(layers)} layers; the most is {MAX_LAYERS}"))
    for index, given in enumerate(layers):
        here: Where = (*where, index)
        if not isinstance(given, dict) or not isinstance(given.get("class_name"), str):
            raise LayerError(here, "layer", BadParameter("is not a layer as Keras writes it"))
        operator = str(given.get("module")).startswith(("keras.src.ops", "keras.ops"))
        if operator and given["class_name"] != "Add":
            continue  # x * y and the like: neither a layer nor saved
        try:
            held = _held(given, kinds, depth)
        except BadParameter as error:
            raise LayerError(here, _shown(given), error) from None
        if held.name in seen:
            raise LayerError(here, _shown(given), BadParameter("another layer has its name"))
        seen.add(held.name)
        inbound = given.get("inbound_nodes") or []
        shapes, sources = _inbound(inbound[0]) if graph and isinstance(inbound, list) and inbound else ((), ())
        built = _build_shapes(given) or shapes or None
        calls = len(inbound) if graph and isinstance(inbound, list) else 1
        yield Node(held, here, built, sources if graph else None, stored=not operator, calls=max(calls, 1))


def _shown(given: Mapping[str, Any]) -> str:
    config = given.get("config")
    name = given.get("name") or (config.get("name") if isinstance(config, dict) else None)
    kind = cut(str(given["class_name"]))
    return f"{cut(name)} ({kind})" if isinstance(name, str) else kind


def _held(given: object, kinds: Kinds, depth: int) -> Held:
    """A layer, or a model inside of a model, from its class and config."""
    if not isinstance(given, Mapping) or not isinstance(given.get("class_name"), str):
        raise BadParameter(f"{quoted(given)} is not a layer as Keras writes it")
    name, config = given["class_name"].rpartition(">")[2], given.get("config")
    if name in _MODELS:
        return Held(_model(name, config, kinds, ("config",), depth + 1))
    if not isinstance(config, dict):
        raise BadParameter("has no config")
    if name in kinds:
        table = dict(kinds[name])
        own = config.get("name")
        layer = Custom(name=own if isinstance(own, str) else None, class_name=name, given=config, table=table)
        return Held(msgspec.structs.replace(layer, dtype=_dtype(config.get("dtype"))))
    if name not in KINDS or given.get("registered_name") not in (None, name):
        close = "" if name in KINDS else nearest(name, KINDS, ()).removeprefix("known: ")
        by_hand = f"a spec with include and [kinds.{name}] says what weights it has"
        raise BadParameter("is of a class that initgen does not know", " ".join(filter(None, (close, by_hand))))
    return Held(_convert(KINDS[name], config, kinds, depth))


def _convert(kind: type[KerasLayer], config: Mapping[str, Any], kinds: Kinds, depth: int) -> KerasLayer:
    for option in kind.refused:
        if config.get(option):
            raise BadParameter(f"{option} = {quoted(config[option])} is not supported")
    known = {key: value for key, value in config.items() if key in kind.__struct_fields__}
    known["dtype"] = _dtype(config.get("dtype"))
    for key in ("batch_input_shape", "batch_shape"):  # Keras 2
        if isinstance(config.get(key), list) and "batch_shape" not in kind.__struct_fields__:
            known["input_shape"] = config[key][1:]
    if "batch_shape" in kind.__struct_fields__ and isinstance(config.get("batch_input_shape"), list):
        known["batch_shape"] = config["batch_input_shape"]
    activation = known.get("activation")
    if isinstance(activation, dict) and activation.get("class_name") != "function":  # a layer in place of one
        known["activation"] = _held(activation, kinds, depth)

    def hook(wanted: type, value: Any) -> Any:
        return serialized(value) if wanted is Initializer else _held(value, kinds, depth)

    try:
        return msgspec.convert(known, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise BadParameter(_said(error)) from None


def _said(error: msgspec.ValidationError) -> str:
    message, _, place = str(error).partition(" - at `$.")
    place = place.rstrip("`")
    message = cut(plain(message), 100)
    return f"{place}: {message}" if place else message


def _dtype(given: object) -> str | None:
    """The dtype of a layer's variables, from a name or a policy.

    Raises:
        BadParameter: a policy of quantized variables.
    """
    if isinstance(given, Mapping):
        config, policy = given.get("config"), given.get("class_name", "DTypePolicy")
        given = config.get("name") if isinstance(config, Mapping) else None
        if policy not in ("DTypePolicy", "FloatDTypePolicy", "Policy"):
            said = f"dtype = {quoted(given or policy)} is not supported"
            raise BadParameter(said, "quantize after the weights are made")
    if given is None:
        return None
    if not isinstance(given, str):
        raise BadParameter(f"dtype = {quoted(given)} is not the name of a dtype")
    if "_from_" in given:
        raise BadParameter(f"dtype = {quoted(given)} is not supported", "quantize after the weights are made")
    return "float32" if given.startswith("mixed_") else given


def _build_shapes(given: Mapping[str, Any]) -> tuple[Sizes, ...] | None:
    """The shapes that a layer was built with, from its build_config."""
    config = given.get("build_config")
    if not isinstance(config, Mapping):
        return None
    shapes = config.get("shapes_dict")
    if isinstance(shapes, Mapping):
        # Attention may be called with its arguments in any order.
        by_name = {key.removesuffix("_shape"): value for key, value in shapes.items()}
        ordered = [by_name[key] for key in ("query", "value", "key") if key in by_name] or list(by_name.values())
        return _sizes_of(ordered)
    return _sizes_of(config.get("input_shape"))


def _sizes_of(given: Any) -> tuple[Sizes, ...] | None:
    """Shapes with the batch in front, one or several, as `Sizes`."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if not isinstance(given, list) or not given:
        return None
    if all(extent is None or type(extent) is int for extent in given):
        return (tuple(given[1:]),)
    found: list[Sizes] = []
    for shape in given:
        inner = _sizes_of(shape)
        if inner is None:
            return None
        found += inner
    return tuple(found)


def _inbound(node: Any) -> tuple[tuple[Sizes, ...], tuple[str, ...]]:
    """Shapes and sources of what a layer is called with first."""
    shapes: list[Sizes | None] = []
    names: list[str] = []
    if isinstance(node, list):  # Keras 2: [["dense", 0, 0, {}], …]
        for source in node if all(isinstance(each, list) for each in node) else [node]:
            if source and isinstance(source[0], str):
                names.append(source[0])
        return (), tuple(names)
    for value in (node.get("args"), node.get("kwargs")) if isinstance(node, dict) else ():
        for tensor in _tensors(value):
            config = tensor.get("config")
            history = config.get("keras_history") if isinstance(config, dict) else None
            if isinstance(config, dict) and isinstance(history, list) and history and isinstance(history[0], str):
                names.append(history[0])
                found = _sizes_of(config.get("shape"))
                shapes.append(found[0] if found else None)
    return tuple(shape for shape in shapes if shape is not None) if None not in shapes else (), tuple(names)


def _tensors(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value
        else:
            for inner in value.values():
                yield from _tensors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tensors(inner)
