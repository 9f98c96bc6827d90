"""A spec out of a file: from the recipe in it, or from its header alone."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from initgen.core.errors import BadParameter, SpecError
from initgen.core.shapes import Fans, Kernel
from initgen.formats.parts import INDEX, open_parts
from initgen.specs.describe import describe, like_model
from initgen.specs.document import KINDS
from initgen.specs.model import Model, add_preset
from initgen.specs.names import fold
from initgen.specs.recipe import read_recipe
from initgen.specs.rules import rules_of
from initgen.specs.settle import settle
from initgen.specs.tensor import TensorSpec
from initgen.streams.dialects import NATIVE

Tree = dict[str, Any]


def derive(path: str, *, preset: str | None = None, rules: Iterable[str] = ()) -> Tree:
    """A spec that makes a file like the one at ``path``, as plain values.

    From initgen's own files it is the recipe, and makes the same bytes. From others it has names, shapes and dtypes, and
    schemes as far as ``preset`` and ``rules`` give them.

    Raises:
        FormatError: the file cannot be read.
        SpecError: a tensor that neither preset nor rules give a scheme, or a recipe that no spec can say.
    """
    rules = list(rules)
    if PurePath(path).suffix.lower() in KINDS and not path.endswith(INDEX):
        described = describe(path, preset=preset, rules=rules)
        return tree_of(described, described.groups)
    if preset is None and not rules:
        parts = open_parts(path)
        if not any(part.contents.tensors for part in parts):
            raise SpecError(f"{path}: has no tensors")
        if all(part.contents.recipe is not None for part in parts):
            specs = [spec for part in parts for spec in read_recipe(part.contents.recipe or "", part.path).values()]
            if not specs:
                raise SpecError(f"{path}: its recipe describes no tensors")
            return tree_of(specs, [group for part in parts for group in part.contents.groups])
        return _bare(like_model(path, parts))
    model = like_model(path)
    model.rules += rules_of(rules)
    if preset is not None:
        add_preset(model, preset)
    return tree_of(settle(model), model.groups)


def tree_of(specs: Sequence[TensorSpec], groups: Sequence[str] = ()) -> Tree:
    """A spec that describes these tensors: model-wide what most of them share, and names over ranges.

    Raises:
        SpecError: they have several model-wide seeds.
    """
    seeds = {spec.seed for spec in specs if spec.keyed}
    if len(seeds) > 1:
        raise SpecError(f"its tensors are of {len(seeds)} models with a seed each, which one spec cannot say")
    streams = {spec.stream for spec in specs}
    if len(streams) > 1:
        raise SpecError(f"its tensors are of {len(streams)} streams, and a spec has one: {', '.join(sorted(streams))}")
    dtype = _most(spec.dtype.name for spec in specs)
    layout = _most(spec.kernel.layout for spec in specs)
    entries = fold((spec.name, json.dumps(_entry(spec, dtype, layout))) for spec in specs)
    stream = streams.pop() if streams else NATIVE
    drawn = {} if stream == NATIVE else {"stream": stream}
    top = {"seed": seeds.pop() if seeds else 0, **drawn, "dtype": dtype, "layout": layout, **_empty(groups)}
    return {**top, "tensors": {name: json.loads(entry) for name, entry in entries}}


def _entry(spec: TensorSpec, dtype: str, layout: str) -> Tree:
    entry: Tree = {"shape": list(spec.shape), "scheme": spec.title}
    if spec.keras_path:
        entry["keras_path"] = spec.keras_path
    if spec.dtype.name != dtype:
        entry["dtype"] = spec.dtype.name
    if spec.kernel.layout != layout:
        entry["layout"] = spec.kernel.layout
    if not spec.keyed:
        entry["seed"] = spec.seed
    if spec.place:
        entry["place"] = list(spec.place)
    if spec.tied:
        entry["tied"] = spec.tied
    if spec.kernel.groups > 1:
        entry["groups"] = spec.kernel.groups
    if spec.fans is not None and spec.fans != _own_fans(spec):
        entry |= {"fan_in": spec.fans.fan_in, "fan_out": spec.fans.fan_out}
    return entry


def _own_fans(spec: TensorSpec) -> Fans | None:
    """What the shape alone gives."""
    try:
        own = Kernel(spec.kernel.layout, spec.kernel.groups).fans(spec.shape)
    except BadParameter:
        return None
    return own if spec.scheme.fans == "shape" else None


def _bare(model: Model) -> Tree:
    """Names, shapes and dtypes."""
    dtype = _most(draft.dtype or "" for draft in model.drafts.values())
    entries = fold(
        (name, json.dumps({"shape": list(draft.shape)} | ({} if draft.dtype == dtype else {"dtype": draft.dtype})))
        for name, draft in model.drafts.items()
    )
    top = {"seed": 0, "dtype": dtype, **_empty(model.groups)}
    return {**top, "tensors": {name: json.loads(entry) for name, entry in entries}}


def _empty(groups: Sequence[str]) -> Tree:
    return {"empty_groups": sorted(groups)} if groups else {}


def _most(values: Iterable[str]) -> str:
    return Counter(values).most_common(1)[0][0]


def dumps(tree: Tree, kind: str) -> str:
    """A spec as text: toml, yaml or json."""
    if kind == "json":
        return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    if kind == "yaml":
        import io

        from ruamel.yaml import YAML
        from ruamel.yaml.representer import SafeRepresenter

        class Representer(SafeRepresenter):
            """Quotes what its writer leaves plain and its reader takes for something else."""

            def represent_str(self, data: str) -> Any:
                style = '"' if data[:1] in (":", "?") or "\x85" in data else None
                return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

        Representer.add_representer(str, Representer.represent_str)
        yaml = YAML(typ="safe", pure=True)
        yaml.Representer = Representer
        yaml.default_flow_style = None  # what holds no tables in one line
        yaml.width = 1 << 20
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        out = io.StringIO()
        yaml.dump(tree, out)
        return out.getvalue()
    lines = [f"{key} = {_lines(value)}" for key, value in tree.items() if not isinstance(value, dict)]
    for table, entries in tree.items():
        if isinstance(entries, dict):
            lines += ["", f"[{table}]", *(f"{_toml(name)} = {_toml(entry)}" for name, entry in entries.items())]
    return "\n".join(lines) + "\n"


def _lines(value: Any) -> str:
    """A value at the top: a long list with a line for each."""
    if not isinstance(value, list) or len(_toml(value)) <= 100:
        return _toml(value)
    return "[\n" + "".join(f"  {_toml(item)},\n" for item in value) + "]"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON's strings are TOML's but for the one control character that JSON lets stand.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
