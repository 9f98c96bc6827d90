"""From what a user gives, a spec or a checkpoint to be like, to descriptions of tensors."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from initgen.core.errors import BadParameter, SpecError, UnknownName
from initgen.core.registry import fits, nearest
from initgen.formats.parts import Part, open_parts
from initgen.specs.description import Description, empty_groups
from initgen.specs.document import Document
from initgen.specs.model import Model, add_preset, headers_model, read_model
from initgen.specs.rules import Rule, rules_of
from initgen.specs.scope import Given
from initgen.specs.settle import settle
from initgen.specs.tensor import TensorSpec


def describe(
    spec: str | Document | None = None,
    *,
    like: str | None = None,
    preset: str | None = None,
    rules: Iterable[str] | str = (),
    variables: Mapping[str, Given] | None = None,
    seed: int | None = None,
    stream: str | None = None,
    dtype: str | None = None,
    layout: str | None = None,
    only: Sequence[str] | str = (),
    warn: Callable[[str], None] = lambda message: None,
) -> Description:
    """The tensors of a model.

    Args:
        spec: a spec file, or a model's config.json; ``-`` is standard input. Or one that was read.
        like: in place of a spec, a checkpoint whose names, shapes and dtypes are taken.
        preset: a list of rules that comes with initgen; its rules come last.
        rules: more rules, ``*.bias=zeros``; they come first.
        variables: in place of those in the spec, by name.
        seed: in place of the spec's.
        stream: in place of the spec's: ``native``, or a framework's, ``torch``.
        dtype: in place of every floating-point dtype.
        layout: where nothing else says how the axes are read.
        only: patterns of the names that are wanted; all by default. Leaving some out changes no other.
        warn: is told of what was asked for in vain.

    Raises:
        InitgenError: something cannot be read, or a tensor has no scheme, or one that has no answer for it.
    """
    if (spec is None) == (like is None):
        raise SpecError("either a spec or a checkpoint to be like is needed, and not both")
    given = variables or {}
    model = read_model(spec, given) if spec is not None else like_model(like or "")
    first = rules_of([rules] if isinstance(rules, str) else rules)
    model.rules[:0] = first
    if preset is not None:
        add_preset(model, preset, given)
    _check_names(model, given)
    names = chosen(list(model.drafts), [only] if isinstance(only, str) else only)
    used: set[Rule] = set()
    specs = settle(model, names, seed=seed, stream=stream, dtype=dtype, layout=layout, used=used)
    for rule in first:
        if rule not in used:
            fitting = any(rule.fits(draft.name, draft.shape) is not None for draft in model.drafts.values())
            why = ": those that it fits have a scheme of their own, or from a rule before it" if fitting else ""
            warn(f"{rule.shown} decides no tensor{why}")
    paths = [draft.keras_path or draft.name for draft in model.drafts.values()]
    files = {name: make(specs) for name, make in model.files.items()}
    return Description(specs, empty_groups(model.groups, paths), files, model.layers)


def check(path: str) -> tuple[list[TensorSpec], int]:
    """The tensors of a spec, and how many rules it has. One that is only there to be included may have no tensors.

    Raises:
        SpecError: it is not sound.
    """
    model = read_model(path)
    specs = [] if not model.drafts and model.rules else settle(model)
    for rule in model.rules:
        if rule.table.scheme is not None and rule.file.document.path and (specs or "${" not in str(rule.table.scheme)):
            rule.check()  # also of rules that no tensor has met
    return specs, len(model.rules)


def like_model(path: str, parts: Sequence[Part] | None = None) -> Model:
    """The tensors of a checkpoint, without their data and without schemes; its files may have been looked into already."""
    parts = open_parts(path) if parts is None else parts
    headers = (
        (stored.name, stored.shape, stored.dtype, stored.kind) for part in parts for stored in part.contents.tensors
    )
    return headers_model(path, headers, [group for part in parts for group in part.contents.groups])


def chosen(names: Sequence[str], only: Sequence[str]) -> list[str]:
    """Those that fit one of these patterns, or all where there are none.

    Raises:
        BadParameter: there are none.
    """
    if not only:
        return list(names)
    found = [name for name in names if fits(name, only)]
    if not found:
        hint = nearest(only[0], names[:1000], [*names[:5], "…"] if len(names) > 5 else names)
        raise BadParameter(f"no tensor is called {' or '.join(pattern or repr('') for pattern in only)}", hint)
    return found


def _check_names(model: Model, given: Mapping[str, Given]) -> None:
    """A variable that is set and that nobody has is a slip of the pen."""
    known = {name for scope in model.scopes for name in scope.own}
    for name in given:
        if name not in known:
            raise UnknownName(f"there is no variable {name!r} to set", nearest(name, sorted(known)) if known else "")
