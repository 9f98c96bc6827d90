"""A model: the tensors and rules of a spec file and of all it includes, put together into descriptions of tensors."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from initgen.core.dtypes import DTYPES, DType
from initgen.core.errors import BadParameter, InitgenError, SpecError, UnknownName
from initgen.core.registry import nearest
from initgen.core.shapes import Shape, check_shape
from initgen.specs.document import KINDS, Document, document_of, read_document
from initgen.specs.hugging_face import architecture, is_config, read_config
from initgen.specs.layers import is_keras_model
from initgen.specs.names import MAX_NAMES, expand
from initgen.specs.places import Where
from initgen.specs.rules import File, Rule
from initgen.specs.schema import Options, SpecTable, TensorTable, located, read_table
from initgen.specs.scope import Given, Scope
from initgen.specs.tensor import TensorSpec
from initgen.streams.dialects import version

if TYPE_CHECKING:
    from initgen.specs.layers.keras.model import KerasModel
    from initgen.specs.layers.layer import Placed
    from initgen.specs.layers.torch.sequential import Module

_MAX_FILES = 100
_PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Draft:
    """A tensor before its scheme is settled.

    Attributes:
        dtype: None where neither its own table nor its header says.
        keras_path: where a ``.weights.h5`` has it, if not at its name.
        options: what the spec says of it; None for a tensor out of a header.
        blame: makes an error about it, at a path below its own.
    """

    name: str
    shape: Shape
    dtype: str | None
    options: Options | None
    file: File | None
    blame: Callable[[Where, InitgenError], SpecError]
    keras_path: str = ""


@dataclass(frozen=True)
class Layers:
    """The layers of one file.

    Attributes:
        framework: torch or keras, which streams of it begin with.
        names: of their weights.
        turns: what the framework draws when it makes them; see `Model.turns`.
    """

    framework: str
    names: Sequence[str]
    turns: Callable[[], Iterator[list[Draft]]]


@dataclass
class Model:
    """All that was described, before the schemes are settled: see `settle`.

    Attributes:
        shown: the spec or checkpoint as messages name it.
        layers: what some of the tensors are the weights of, and the file that says so.
        drawn: when a framework draws them.
        groups, files: what an output has besides, see `Description`; a file is made once the tensors are settled.
    """

    shown: str
    seed: int | None = None
    stream: str | None = None
    layout: str | None = None
    drafts: dict[str, Draft] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    layers: "list[tuple[KerasModel | list[Module], File]]" = field(default_factory=list)
    drawn: list[Layers] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    files: dict[str, Callable[[Sequence[TensorSpec]], bytes]] = field(default_factory=dict)

    def add(self, draft: Draft) -> None:
        """One more tensor.

        Raises:
            SpecError: another has its name.
        """
        if draft.name in self.drafts:
            other = self.drafts[draft.name].blame((), BadParameter("is here")).message.rpartition(": is here")[0]
            raise draft.blame((), BadParameter(f"the name {draft.name!r} is taken already", f"by {other}"))
        if len(self.drafts) >= MAX_NAMES:
            raise draft.blame((), BadParameter(f"there are more than {MAX_NAMES} tensors"))
        self.drafts[draft.name] = draft

    def turns(self, stream: str) -> Iterator[list[Draft]]:
        """What a framework draws, in order: a tensor, or several that share their numbers.

        Layers of that framework have its order, with what it throws away, which has no name; tensors of whose turn it is
        not known are left out. All others are drawn in the order of the model.
        """
        layers = {name: each for each in self.drawn if stream.startswith(each.framework) for name in each.names}
        done: list[Layers] = []
        for name, draft in self.drafts.items():
            if name not in layers:
                yield [draft]
            elif layers[name] not in done:
                done.append(layers[name])
                yield from layers[name].turns()


def read_model(path: str | Document, variables: Mapping[str, Given] | None = None) -> Model:
    """The model that a spec file, or a model's config.json, describes; ``-`` is standard input.

    Args:
        variables: these win over those of the file.

    Raises:
        SpecError: a file cannot be read, says what a spec has no word for, or contradicts itself.
    """
    document = read_document(path) if isinstance(path, str) else path
    model = Model(document.shown)
    _take(model, document, variables or {}, (document.path,), None)
    return model


def add_preset(model: Model, name: str, variables: Mapping[str, Given] | None = None) -> None:
    """Put the rules of a preset behind those that are there; its layout is the model's where nothing else is said.

    Raises:
        UnknownName: there is no such preset.
    """
    document = preset_document(name)
    model.layout = model.layout or read_table(document).layout
    _take(model, document, variables or {}, (f"preset {name}",), None)


def presets() -> list[str]:
    """Names of the presets that ship with initgen."""
    return sorted(path.stem for path in _PRESETS.glob("*.toml") if path.stem != "buffers")


def preset_document(name: str) -> Document:
    """The file of a preset.

    Raises:
        UnknownName: there is no such preset.
    """
    known = presets()
    if name not in known:
        raise UnknownName(f"unknown preset {name[:60]!r}", nearest(name, known))
    return _shipped(f"{name}.toml")


def _shipped(file: str) -> Document:
    folder, _, name = file.rpartition("/")
    if folder:
        return architecture(name.removesuffix(".toml"))
    text = (_PRESETS / file).read_text(encoding="utf-8")
    return document_of(text, f"preset {file.removesuffix('.toml')}", "", "toml")


def _take(
    model: Model,
    document: Document,
    inherited: Mapping[str, Given],
    chain: tuple[str, ...],
    above: File | None,
    *,
    seeded: bool = False,
) -> None:
    """Add what a file says to the model, then what it includes, then its preset.

    Args:
        chain: the files that include one another down to this one.
        above: the file that includes this one.
        seeded: whether one of those gives the seed, which then is the model's.
    """
    if is_keras_model(document.tree):
        _take_keras(model, document, above)
        return
    if is_config(document.tree):
        _take_config(model, document, inherited, chain, above)
        return
    table = read_table(document)
    scope = Scope(table.variables, inherited)
    layout, dtype = table.layout, table.dtype
    try:
        preset = None if table.preset is None else preset_document(table.preset)
    except UnknownName as error:
        raise document.blame(("preset",), error) from None
    if layout is None and preset is not None:
        layout = read_table(preset).layout
    if above is not None:
        layout, dtype = layout or above.layout, dtype or above.dtype
    kinds = {**(above.kinds if above else {}), **table.kinds}
    file = File(document, table, scope, dtype, layout, kinds)
    model.scopes.append(scope)
    if len(model.scopes) > _MAX_FILES:
        raise document.error((), f"is one of more than {_MAX_FILES} files that include one another")
    if table.seed is not None and not seeded:
        if model.seed not in (None, table.seed):
            raise document.error(
                ("seed",), "another file has another seed", "give it once, in the file that includes both"
            )
        model.seed, seeded = table.seed, True
    if table.stream is not None:
        if model.stream not in (None, version(table.stream)):
            raise document.error(("stream",), "another file has another stream", "a model has one: give it once")
        model.stream = version(table.stream)
    for name, options in table.tensors.items():
        for draft in _drafts(file, name, options):
            model.add(draft)
    model.groups += table.empty_groups
    if table.layers:
        from initgen.specs.layers.entries import Reader

        reader = Reader(scope, layout, kinds, lambda where, said, kind: located(document, where, said, kind))
        _place(model, file, lambda: reader.layers(table.layers))
    model.rules += [Rule(rule, file, ("rules", index)) for index, rule in enumerate(table.rules)]
    included = [table.include] if isinstance(table.include, str) else table.include
    for index, name in enumerate(included):
        where: Where = ("include", index) if isinstance(table.include, list) else ("include",)
        inner = _included(document, name, where)
        if (inner.path or inner.shown) in chain:
            raise document.error(where, f"{name} includes itself: {' → '.join((*chain, inner.path or inner.shown))}")
        _take(model, inner, scope.given, (*chain, inner.path or inner.shown), file, seeded=seeded)
    if preset is not None:
        _take(model, preset, scope.given, (*chain, preset.shown), None)


def _take_keras(model: Model, document: Document, above: File | None) -> None:
    """Add what a config of Keras describes."""
    from initgen.specs.layers.keras.config import model_of

    kinds = above.kinds if above else {}
    file = File(document, SpecTable(), Scope({}), above.dtype if above else None, "keras", kinds)
    _place(model, file, lambda: model_of(document.tree, kinds))


def _take_config(
    model: Model, document: Document, inherited: Mapping[str, Given], chain: tuple[str, ...], above: File | None
) -> None:
    """Add what a config of Hugging Face describes."""
    config = read_config(document, inherited)
    before = len(model.drafts)
    _take(model, config.spec, config.variables, chain, above)
    for draft in list(model.drafts.values())[before:]:
        del model.drafts[draft.name]
        model.add(replace(draft, name=config.name(draft.name)))
    model.scopes.append(Scope(dict.fromkeys(config.keys, 0)))  # what may be set besides the variables
    model.files["config.json"] = config.text


def _place(model: Model, file: File, read: "Callable[[], KerasModel | list[Module]]") -> None:
    """Add layers and their weights."""
    from initgen.specs.layers.keras import placed as keras
    from initgen.specs.layers.layer import LayerError, Placed
    from initgen.specs.layers.torch import sequential as torch

    try:
        layers = read()
        weights, groups = (list(torch.placed(layers)), []) if isinstance(layers, list) else keras.placed(layers)
    except LayerError as error:
        raise file.document.error(error.where, error.message, error.hint) from None
    model.layers.append((layers, file))
    for placed in weights:
        model.add(_draft_of(file, placed))
    model.groups += groups

    def turns() -> Iterator[list[Draft]]:
        for turn in torch.turns(layers) if isinstance(layers, list) else keras.turns(layers):
            if isinstance(turn, Placed):
                yield [replace(_draft_of(file, turn), name="")]
            else:
                yield [model.drafts[name] for name in turn]

    framework = "torch" if isinstance(layers, list) else "keras"
    model.drawn.append(Layers(framework, [placed.name for placed in weights], turns))


def _draft_of(file: File, placed: "Placed") -> Draft:
    options = placed.weight.options
    dtype = options.dtype or placed.dtype
    blame = _blame_of(file, placed)
    try:
        sizes = check_shape(placed.weight.shape)
        _ = dtype is None or DTYPES[dtype]
    except InitgenError as error:
        raise blame((), error) from None
    return Draft(placed.name, sizes, dtype, options, file, blame, placed.keras_path)


def _blame_of(file: File, placed: "Placed") -> Callable[[Where, InitgenError], SpecError]:
    initializer = placed.weight.initializer
    unknown = initializer is not None and initializer.scheme is None
    name = f"{placed.name}, of the initializer {initializer.shown}," if initializer and unknown else f"{placed.name}:"

    def blame(below: Where, error: InitgenError) -> SpecError:
        return file.document.blame((*placed.where, *below), BadParameter(f"{name} {error.message}", error.hint))

    return blame


def _included(document: Document, name: str, where: Where) -> Document:
    if not document.path:  # a preset
        return _shipped(name)
    if os.path.isabs(name):
        raise document.error(where, f"{name} is not a relative path")
    path = os.path.normpath(os.path.join(os.path.dirname(document.path) if document.path != "-" else "", name))
    if os.path.isfile(path) and PurePath(os.path.realpath(path)).suffix.lower() not in KINDS:
        # Of any other file, such as of passwords, an error would quote what it says.
        raise document.error(where, f"{name} is not a spec file by its name", "name it .toml, .yaml or .json")
    try:
        return read_document(os.path.join(os.curdir, path) if path == "-" else path)  # - would be standard input
    except SpecError as error:
        raise document.error(where, error.message, error.hint) from None


def _drafts(file: File, text: str, options: TensorTable) -> Iterator[Draft]:
    where: Where = ("tensors", text)
    document, scope = file.document, file.scope
    shape, keras_path = options.shape, options.keras_path

    def blame(below: Where, error: InitgenError) -> SpecError:
        return document.blame((*where, *below), error)

    try:
        if not scope.holds(options.when):
            return
    except BadParameter as error:
        raise blame(("when",), error) from None
    try:
        names = expand(scope.fill(text))
    except BadParameter as error:
        raise blame((), error) from None
    below: Where = () if isinstance(shape, str) else (0,)
    sizes = scope.sizes(shape, lambda index, error: blame(("shape", index) if below else ("shape",), error))
    try:
        check_shape(sizes)
    except BadParameter as error:
        raise blame(("shape",), error) from None
    if keras_path and len(names) > 1:
        raise blame(("keras_path",), BadParameter(f"is one path, and there are {len(names)} tensors"))
    for name in names:
        yield Draft(name, sizes, options.dtype, options, file, blame, keras_path)


def headers_model(
    path: str, headers: Iterable[tuple[str, Shape, DType | None, str]], groups: Iterable[str] = ()
) -> Model:
    """A model with the tensors of a checkpoint's header: name, shape, dtype, and the dtype as the file calls it.

    Raises:
        SpecError: a dtype that initgen does not make.
    """
    model = Model(path, groups=list(groups))

    def blame_for(name: str) -> Callable[[Where, InitgenError], SpecError]:
        return lambda below, error: SpecError(f"{path}: {name}: {error.message}", error.hint)

    for name, shape, dtype, kind in headers:
        blame = blame_for(name)
        if dtype is None:
            raise blame((), BadParameter(f"holds {kind}, which initgen does not make"))
        model.add(Draft(name, shape, dtype.name, None, None, blame))
    return model
