"""The ``layers`` of a spec: entries with a kind and its arguments, one after another, as weights with their names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from initgen.core.errors import BadParameter, SpecError, quoted
from initgen.core.registry import nearest
from initgen.specs.layers import keras, torch
from initgen.specs.layers.keras.custom import Custom, Kinds
from initgen.specs.layers.keras.initializers import named
from initgen.specs.layers.keras.layer import Held, KerasLayer, numbered
from initgen.specs.layers.keras.model import KerasModel, Node
from initgen.specs.layers.layer import MAX_LAYERS, Initializer, Layer, LayerError
from initgen.specs.layers.torch.sequential import Module
from initgen.specs.names import expand
from initgen.specs.places import Where
from initgen.specs.scope import Scope

Entry = Mapping[str, Any]
# Makes an error at a place of the spec out of what msgspec says of an entry, and of what we say.
Located = Callable[[Where, str, type], SpecError]

_FRAMEWORKS: dict[str, Mapping[str, type[Layer]]] = {"keras": keras.KINDS, "torch": torch.KINDS}
_PREFIXES = {"keras.layers.": "keras", "keras.": "keras", "torch.nn.": "torch", "nn.": "torch", "torch.": "torch"}
# What the frameworks themselves call otherwise than the class.
_ALIASES = {"Input": "InputLayer"}
_SEQUENTIAL = "Sequential"
_SHOWN = {"keras": "Keras'", "torch": "PyTorch's"}


class Reader:
    """Entries of one spec, as layers.

    Args:
        layout: that of the file, which decides about kinds that both frameworks have.
        kinds: layer classes that the spec gives by hand.
        located: makes an error about an entry.
    """

    def __init__(self, scope: Scope, layout: str | None, kinds: Kinds, located: Located) -> None:
        self._scope, self._layout, self._kinds, self._located = scope, layout, kinds, located
        self._framework = "keras"

    def layers(self, entries: Sequence[Entry]) -> KerasModel | list[Module]:
        """The layers in order: a model of Keras, or modules of torch.nn.

        Raises:
            SpecError: an entry is not sound.
            LayerError: an entry is no layer.
        """
        self._framework = self._framework_of(entries)
        if self._framework == "keras":
            return self._sequential(entries, ("layers",))
        return list(self._modules(entries, "", ("layers",)))

    def _framework_of(self, entries: Sequence[Entry]) -> str:
        """The one framework that has all these kinds; where both do, the file's layout says which."""
        possible: set[str] | None = None
        for place, entry in _flat(entries, ("layers",)):
            kind = self._text(entry, place)
            having = self._having(kind)
            if not having:
                where: Where = (*place, "kind")
                hint = nearest(
                    kind, {name for kinds in _FRAMEWORKS.values() for name in kinds}, ("see docs/layers.md",)
                )
                raise LayerError(where, quoted(kind), BadParameter("is not a kind of layer", hint))
            if possible is not None and not possible & having:
                other = possible.copy().pop()
                message = f"is {_SHOWN[having.pop()]}, and the layers before it are {_SHOWN[other]}"
                raise LayerError(place, kind, BadParameter(message, "a list has layers of one framework"))
            possible = having if possible is None else possible & having
        if possible is None or len(possible) > 1:
            return self._layout or "keras"
        return possible.pop()

    def _having(self, kind: str) -> set[str]:
        """The frameworks that have a kind."""
        name, framework = _bare(kind)
        if name in self._kinds:
            return {"keras"}
        having = {each for each, kinds in _FRAMEWORKS.items() if name in kinds or name == _SEQUENTIAL}
        return having & {framework} if framework else having

    def _text(self, entry: object, where: Where) -> str:
        if not isinstance(entry, Mapping):
            raise LayerError(where, "", BadParameter("is not a table", 'like {kind = "Dense", units = 64}'))
        kind = entry.get("kind")
        if not isinstance(kind, str):
            raise LayerError(where, "", BadParameter("has no kind", 'like {kind = "Dense", units = 64}'))
        return kind

    def _sequential(self, entries: Any, where: Where) -> KerasModel:
        nodes: list[Node] = []
        counts: dict[str, int] = {}
        for index, entry in enumerate(_listed(entries, where)):
            here: Where = (*where, index)
            layer = self._layer(entry, here)
            self._check_inputs(layer, {node.held.name for node in nodes}, here)
            for name in _names(layer.name, here):
                if len(nodes) == MAX_LAYERS:
                    raise LayerError(here, "", BadParameter(f"there are more than {MAX_LAYERS} layers"))
                given = numbered(layer.snake(), counts) if name is None else name
                sources = None if layer.inputs is None else tuple(layer.inputs)
                nodes.append(Node(Held(msgspec.structs.replace(layer, name=given)), here, sources=sources))
        return KerasModel(nodes=nodes)

    def _check_inputs(self, layer: KerasLayer, before: set[str], where: Where) -> None:
        for index, name in enumerate(layer.inputs or ()):
            if name not in before:
                hint = nearest(name, before) if before else "the first layer gets the model's input"
                said = BadParameter(f"inputs: there is no layer {quoted(name)} before it", hint)
                raise LayerError((*where, "inputs", index), type(layer).__name__, said)

    def _modules(self, entries: Any, prefix: str, where: Where) -> Iterator[Module]:
        place = 0
        for index, entry in enumerate(_listed(entries, where)):
            here: Where = (*where, index)
            sequential = _bare(self._text(entry, here))[0] == _SEQUENTIAL
            layer = None if sequential else self._layer(entry, here)
            for name in _names(self._named(entry, here) if layer is None else layer.name, here):
                full = prefix + (name or str(place))
                place += 1
                if layer is None:
                    yield from self._modules(entry.get("layers"), full + ".", (*here, "layers"))
                    continue
                yield Module(full, layer, here)

    def _layer(self, entry: Any, where: Where) -> Any:
        """One layer, with the layers that it holds."""
        kind, _ = _bare(self._text(entry, where))
        if kind == _SEQUENTIAL:
            name = self._named(entry, where)
            return msgspec.structs.replace(self._sequential(entry.get("layers"), (*where, "layers")), name=name)
        given = {key: self._filled_at(value, (*where, key), kind) for key, value in entry.items() if key != "kind"}
        if kind in self._kinds:
            own = {key: given[key] for key in ("name", "dtype", "input_shape") if key in given}
            plain = self._converted(own, KerasLayer, where)
            more: dict[str, Any] = {key: getattr(plain, key) for key in own}
            return Custom(class_name=kind, given=given, table=dict(self._kinds[kind]), **more)
        struct = _FRAMEWORKS[self._framework].get(kind)
        if struct is None:
            raise LayerError((*where, "kind"), quoted(kind), BadParameter(f"is not a layer of {self._framework}"))
        if isinstance(given.get("activation"), dict):  # a layer in place of a function
            given["activation"] = Held(self._layer(given["activation"], (*where, "activation")))
        return self._converted(given, struct, where)

    def _converted(self, given: Mapping[str, Any], struct: type[Layer], where: Where) -> Any:
        """A layer of its arguments."""

        def hook(wanted: type, value: Any) -> Any:
            if wanted is Initializer:
                return named(value) if self._framework == "keras" else Initializer.read(value)
            return Held(self._layer(value, where))

        try:
            return msgspec.convert(given, struct, dec_hook=hook)
        except msgspec.ValidationError as error:
            found = self._located(where, str(error), struct)
            if all(struct.__name__ in kinds for kinds in _FRAMEWORKS.values()):
                (other,) = set(_FRAMEWORKS) - {self._framework}
                found.hint = f"read as {self._framework}.{struct.__name__}; there is {other}.{struct.__name__} too"
            raise found from None
        except LayerError:  # of a layer inside
            raise
        except BadParameter as error:
            raise LayerError(where, struct.__name__, error) from None

    def _named(self, entry: Entry, where: Where) -> str | None:
        """The name of a Sequential, which has layers and no other arguments."""
        for key in entry:
            if key not in ("kind", "name", "layers"):
                raise LayerError((*where, key), _SEQUENTIAL, BadParameter("is not an argument of it"))
        name = self._filled_at(entry.get("name"), (*where, "name"), _SEQUENTIAL)
        if not isinstance(name, str | None):
            raise LayerError((*where, "name"), _SEQUENTIAL, BadParameter(f"{quoted(name)} is not text"))
        return name

    def _filled_at(self, value: Any, where: Where, kind: str) -> Any:
        try:
            return self._filled(value)
        except BadParameter as error:
            raise LayerError(where, kind, error) from None

    def _filled(self, value: Any) -> Any:
        """A value with its variables put in; what is one expression becomes a number."""
        if isinstance(value, str) and "${" in value:
            whole = value.startswith("${") and value.endswith("}") and value.count("${") == 1
            return self._scope.number(value) if whole else self._scope.fill(value)
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        return value


def _bare(kind: str) -> tuple[str, str]:
    """A kind without the framework in front, and that framework or nothing."""
    for prefix, framework in _PREFIXES.items():
        if kind.startswith(prefix):
            name = kind.removeprefix(prefix)
            return _ALIASES.get(name, name), framework
    return _ALIASES.get(kind, kind), ""


def _listed(entries: Any, where: Where) -> Sequence[Any]:
    if not isinstance(entries, list):
        raise LayerError(where, _SEQUENTIAL, BadParameter("has no list of layers"))
    return entries


def _flat(entries: Any, where: Where) -> Iterator[tuple[Where, Any]]:
    """The entries, and those inside of a Sequential."""
    for index, entry in enumerate(_listed(entries, where)):
        here: Where = (*where, index)
        yield here, entry
        if isinstance(entry, Mapping) and _bare(str(entry.get("kind")))[0] == _SEQUENTIAL:
            yield from _flat(entry.get("layers"), (*here, "layers"))


def _names(given: str | None, where: Where) -> Sequence[str | None]:
    """One name for each layer that an entry stands for: block_{0..3} is four."""
    try:
        return [None] if given is None else expand(given)
    except BadParameter as error:
        raise LayerError((*where, "name"), "", error) from None
