"""Settling a model: each tensor gets its scheme, from its own table or from the first rule that matches it."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from initgen.core.dtypes import DTYPES
from initgen.core.errors import BadParameter, InitgenError, SpecError
from initgen.core.shapes import Shape
from initgen.specs.model import Draft, Model
from initgen.specs.rules import File, Rule, scheme_of
from initgen.specs.schema import Options, Size
from initgen.specs.scope import Scope
from initgen.specs.series import in_series, unknown
from initgen.specs.tensor import TensorSpec, tensor_spec
from initgen.streams.dialects import NATIVE, version


def settle(
    model: Model,
    names: Sequence[str] | None = None,
    *,
    seed: int | None = None,
    dtype: str | None = None,
    layout: str | None = None,
    stream: str | None = None,
    used: set[Rule] | None = None,
) -> list[TensorSpec]:
    """The tensors of a model, in its order, ready to be drawn.

    A tensor's own table comes before a rule, a rule before what its file says for all. Tensors without a seed of their
    own share the model's: keyed by their names in the native stream, one after another in a framework's.

    Args:
        names: of the tensors that are wanted; all by default.
        seed: in place of the model's, which is 0 by default.
        dtype: in place of every floating-point dtype.
        layout: where neither tensor nor rule nor file says one; by default the preset's, or keras.
        stream: in place of the model's, which is native by default.
        used: gets the rules that gave a tensor its scheme.

    Raises:
        SpecError: a tensor without a scheme, or with one that has no answer for it; none at all.
    """
    if not model.drafts:
        raise SpecError(
            f"{model.shown}: there are no tensors",
            "a spec has them under [tensors] or [[layers]]; --like takes them from a checkpoint",
        )
    if dtype is not None and DTYPES[dtype].whole:
        raise BadParameter(f"--dtype {dtype} is not for weights", "give whole numbers their dtype in the spec")
    shapes = {name: draft.shape for name, draft in model.drafts.items()}
    for scope in model.scopes:
        scope.shapes = shapes
    settling = _Settling(
        model,
        (model.seed or 0) if seed is None else seed,
        version(stream if stream is not None else model.stream or NATIVE),
        dtype,
        layout or model.layout or "keras",
    )
    specs = settling.all(list(model.drafts) if names is None else names)
    if settling.stream != NATIVE:
        specs = settling.in_series([spec.name for spec in specs])
    if used is not None:
        used |= settling.used
    return specs


class _Unmatched(SpecError):
    """A tensor that nothing gives a scheme."""

    def __init__(self, name: str, error: SpecError) -> None:
        super().__init__(error.message, error.hint)
        self.name = name


class _Settling:
    """One run of `settle`: rules made ready, and the tensors that were settled so far."""

    def __init__(self, model: Model, seed: int, stream: str, dtype: str | None, layout: str) -> None:
        self._model, self._seed, self.stream, self._dtype, self._layout = model, seed, stream, dtype, layout
        self._done: dict[str, TensorSpec] = {}
        self._open: list[str] = []
        self._alike: dict[object, TensorSpec] = {}
        self.used: set[Rule] = set()

    def all(self, names: Sequence[str]) -> list[TensorSpec]:
        try:
            return [self.one(name) for name in names]
        except _Unmatched as error:
            self._open.clear()
            more = [name for name in names if name != error.name and not self._matched(name)]
            said = (
                f"; {len(more)} more like it: {', '.join(more[:10])}{', …' if len(more) > 10 else ''}" if more else ""
            )
            raise SpecError(error.message + said, error.hint) from None
        except RecursionError:
            raise SpecError(f"{self._model.shown}: its tensors depend on each other in too long a chain") from None

    def in_series(self, names: Sequence[str]) -> list[TensorSpec]:
        """These tensors with their places in a stream that all of the model share; for that all have to be settled."""
        self.all(list(self._model.drafts))
        turns = [[self._turn(draft) for draft in turn] for turn in self._model.turns(self.stream)]
        places = in_series(turns, self.stream)
        placed = []
        for name in names:
            spec = self._done[name]
            if spec.random and spec.keyed:
                if name not in places:
                    raise self._model.drafts[name].blame((), unknown(self.stream))
                spec = spec.placed(*places[name])
            placed.append(spec)
        return placed

    def _turn(self, draft: Draft) -> TensorSpec:
        """What is drawn at one turn; that has no name where it is thrown away."""
        if draft.name:
            return self._done[draft.name]
        assert draft.options is not None
        if draft.options.scheme is None:  # a class that initgen does not know, which may take a seed or none
            raise draft.blame((), unknown(self.stream))
        return self._from(draft, draft.options, None, "")

    def one(self, name: str) -> TensorSpec:
        """A tensor, and before it those that it takes something from."""
        if name in self._done:
            return self._done[name]
        draft = self._model.drafts[name]
        if name in self._open:
            raise draft.blame((), BadParameter(f"depends on itself: {' → '.join((*self._open, name))}"))
        self._open.append(name)
        spec = self._made(draft)
        if draft.keras_path:
            spec = spec.renamed(name, draft.keras_path)
        self._open.pop()
        self._done[name] = spec
        return spec

    def _made(self, draft: Draft) -> TensorSpec:
        options = draft.options
        if options is not None and (options.scheme is not None or options.tied is not None):
            return self._from(draft, options, None, "")
        for rule in self._model.rules:
            star = rule.fits(draft.name, draft.shape)
            if star is None:
                continue
            table = rule.table
            if table.fan_from and not self._has_fans(_beside(draft.name, table.fan_from, star)):
                continue
            if table.tied and table.scheme is None and self._equal_to(draft, rule.file, table.tied) is None:
                continue
            self.used.add(rule)
            return self._from(draft, table, rule, star)
        hint = "--rule 'PATTERN=SCHEME' or --preset NAME gives it one; --only PATTERN leaves it out"
        error = draft.blame((), BadParameter("has no scheme, and no rule matches it", hint))
        raise _Unmatched(draft.name, error)

    def _matched(self, name: str) -> bool:
        """Whether a tensor has a scheme; what else may be wrong with it is not asked here."""
        try:
            self.one(name)
        except _Unmatched as error:
            return error.name != name
        except InitgenError:
            return True
        finally:
            self._open.clear()
        return True

    def _from(self, draft: Draft, said: Options, rule: Rule | None, star: str) -> TensorSpec:
        """A tensor by its own table or by a rule; whoever says it is blamed for what is wrong with it."""
        file = rule.file if rule else draft.file
        assert file is not None

        def blame(error: InitgenError) -> SpecError:
            if rule:
                error = draft.blame((), error)
                return SpecError(f"{error.message} (by {rule.shown})", error.hint)
            return draft.blame((), error)

        try:
            if said.scheme is None:
                if said.tied is None:
                    raise BadParameter("has neither scheme nor tied")
                return self._tied(draft, said, file, said.tied)
            # The tensors of a model are mostly alike but for their names; each kind is checked once.
            key = (id(said), id(draft.options), id(draft.file), draft.shape, draft.dtype)
            by_name = said.fan_from or (draft.options and draft.options.fan_from)
            if key in self._alike and not by_name:
                return self._alike[key].renamed(draft.name)
            spec = self._drawn(draft, said, rule, file, star)
            if said.tied is not None:
                spec = replace(spec, tied=said.tied)
            self._alike[key] = spec
            return spec
        except SpecError:
            raise
        except InitgenError as error:
            raise blame(error) from None

    def _tied(self, draft: Draft, said: Options, file: File, pattern: str) -> TensorSpec:
        name = self._equal_to(draft, file, pattern)
        if name is None:
            raise BadParameter(f"is tied to {pattern}, and not exactly one tensor of its shape is called so")
        base = self.one(name)
        return replace(
            base,
            name=draft.name,
            keras_path="",
            tied=base.tied or base.name,
            dtype=DTYPES[self._dtype_of(draft, said, file)],
        )

    def _equal_to(self, draft: Draft, file: File, pattern: str) -> str | None:
        pattern = file.scope.fill(pattern)
        names = (
            [pattern]
            if pattern in self._model.drafts
            else [name for name in self._model.drafts if fnmatchcase(name, pattern) and name != draft.name]
        )
        fitting = [name for name in names if self._model.drafts[name].shape == draft.shape and name != draft.name]
        return fitting[0] if len(fitting) == 1 else None

    def _dtype_of(self, draft: Draft, said: Options, file: File) -> str:
        own = draft.dtype or said.dtype or (draft.file.dtype if draft.file else None) or file.dtype or "float32"
        return self._dtype if self._dtype and not DTYPES[own].whole else own

    def _drawn(self, draft: Draft, said: Options, rule: Rule | None, file: File, star: str) -> TensorSpec:
        layers = [(said, file.scope)]
        if rule and draft.options is not None and draft.file is not None:
            layers.insert(0, (draft.options, draft.file.scope))  # what the tensor itself adds to a rule

        def first(key: str) -> Any:
            return next((value for options, _ in layers if (value := getattr(options, key)) is not None), None)

        def size(key: str) -> int | None:
            sizes = (_size(getattr(options, key), scope, draft.shape) for options, scope in layers)
            return next((size for size in sizes if size is not None), None)

        scheme, params = rule.scheme if rule else scheme_of(said, file.scope)
        fan_in, groups, seed, beside = size("fan_in"), size("groups"), first("seed"), first("fan_from")
        if fan_in is None and beside is not None:
            fan_in = self._fan_of(draft, beside, star)
        place = first("place")
        if place and seed is None:
            raise BadParameter(f"place = {place} is one in the stream of a seed, and this tensor has none of its own")
        layout = first("layout") or (draft.file.layout if draft.file else None) or file.layout
        return tensor_spec(
            scheme,
            draft.shape,
            params=params,
            name=draft.name,
            dtype=self._dtype_of(draft, said, file),
            seed=self._seed if seed is None else seed,
            stream=self.stream,
            place=place or (),
            keyed=seed is None,
            layout=layout or self._layout,
            groups=1 if groups is None else groups,
            transposed=bool(first("transposed")),
            depthwise=bool(first("depthwise")),
            fan_in=fan_in,
            fan_out=size("fan_out"),
        )

    def _has_fans(self, name: str) -> bool:
        return name in self._model.drafts and len(self._model.drafts[name].shape) >= 2

    def _fan_of(self, draft: Draft, last: str, star: str) -> int:
        name = _beside(draft.name, last, star)
        if name not in self._model.drafts:
            raise BadParameter(f"takes the fan_in of {name}, which is not there")
        other = self.one(name)
        if other.fan_in is not None:
            return other.fan_in
        return other.kernel.fans(other.shape).fan_in


def _beside(name: str, last: str, star: str) -> str:
    """The tensor beside this one whose last part of the name is ``last``."""
    return name[: max(name.rfind("."), name.rfind("/")) + 1] + last.replace("*", star)


def _size(given: "Size | None", scope: Scope, shape: Shape = ()) -> int | None:
    if given is None or isinstance(given, int):
        return given
    value = scope.number(given, shape)
    if not isinstance(value, int):
        raise BadParameter(f"{given} is {value}, not a whole number")
    return value
