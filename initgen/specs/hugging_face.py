"""The config.json of a Hugging Face model, as a spec: its architecture ships with initgen, its keys are the variables.

A new architecture is one file in ``architectures/``, a spec whose variables may also be true or false. There a variable
with a capital is a class of transformers, true for the one that is taken where the config names none; one with an underscore
is not a key of the config, only computed and held to be whole; each other is a key of the config, with its default.
"""

import contextlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from initgen.core.dtypes import DTYPES
from initgen.core.errors import BadParameter, InitgenError, SpecError, UnknownName, quoted
from initgen.core.registry import nearest
from initgen.specs.document import Document, document_of
from initgen.specs.scope import Given, Scope
from initgen.specs.tensor import TensorSpec

_ARCHITECTURES = Path(__file__).parent / "architectures"
_BLOCKS = ("decoder", "dense")  # parts of architectures
# Other names of keys; where a config has both, transformers takes these.
_ALIASES = {
    "gpt2": {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    },
    "mixtral": {"num_experts": "num_local_experts"},
}
# Classes in whose files the names of the body begin with something else; in that of the body itself, with nothing.
_BODIES = {
    **{f"{name}Model": ("model.", "") for name in ("Llama", "Mistral", "Mixtral", "Qwen2", "Qwen3", "Gemma", "Gemma2")},
    "Gemma3TextModel": ("model.", ""),
    **{f"{name}ForQuestionAnswering": ("model.", "transformer.") for name in ("Llama", "Qwen2", "Qwen3")},
    "GPT2Model": ("transformer.", ""),
    "BertModel": ("bert.", ""),
    "ViTModel": ("vit.", ""),
}
# Keys whose null is neither their default nor refused.
_NULLS = {kind: {"num_key_value_heads": "${num_attention_heads}"} for kind in ("qwen2", "qwen3")}
# More than any model has; a config that asks for more is a mistake.
_MOST = {"num_hidden_layers": 10_000, "n_layer": 10_000, "num_local_experts": 10_000, "num_labels": 1_000_000}


def is_config(tree: Mapping[str, Any]) -> bool:
    """Whether a document is a model's config, and not a spec."""
    return ("model_type" in tree or "architectures" in tree) and not tree.keys() & {"tensors", "rules", "layers"}


def architectures() -> list[str]:
    """The model types that initgen knows."""
    return sorted(path.stem for path in _ARCHITECTURES.glob("*.toml") if path.stem not in _BLOCKS)


def architecture(name: str) -> Document:
    """The spec of an architecture, or of a part of some, with 1 and 0 for true and false."""
    document = _document(name)
    tree = dict(document.tree)
    if "variables" in tree:
        tree["variables"] = {key: int(v) if isinstance(v, bool) else v for key, v in tree["variables"].items()}
    return replace(document, tree=tree)


def variables_of(name: str) -> dict[str, Given]:
    """The variables of an architecture as its file has them."""
    return dict(_document(name).tree["variables"])


def _document(name: str) -> Document:
    text = (_ARCHITECTURES / f"{name}.toml").read_text(encoding="utf-8")
    return document_of(text, f"architecture {name}", "", "toml")


@dataclass(frozen=True)
class Config:
    """A config that was read.

    Attributes:
        spec: a spec that includes the architecture.
        variables: what the config says of the architecture's variables.
        keys: those of the config, which may be set.
        body: what the names of the body begin with in the architecture, and in the file.
        tree: the config with what was set in it.
    """

    spec: Document
    variables: dict[str, Given]
    keys: frozenset[str]
    body: tuple[str, str]
    tree: dict[str, Any]

    def name(self, name: str) -> str:
        """A tensor's name in the file of the config's class."""
        theirs, ours = self.body
        return ours + name.removeprefix(theirs) if theirs and name.startswith(theirs) else name

    def text(self, specs: Iterable[TensorSpec]) -> bytes:
        """The config.json of a checkpoint with these tensors."""
        tree = dict(self.tree)
        dtypes = Counter(spec.dtype.name for spec in specs if not spec.dtype.whole)
        for key in [key for key in ("dtype", "torch_dtype") if key in tree] or ["dtype"]:
            tree[key] = dtypes.most_common(1)[0][0] if dtypes else "float32"
        return _dumps(tree)


def read_config(document: Document, given: Mapping[str, Given]) -> Config:
    """The spec that a config stands for.

    Args:
        given: in place of what the config says, by key; names that it has no key for are left alone.

    Raises:
        SpecError: an architecture that initgen does not know, or a value that transformers would refuse.
    """
    return _Reader(document, given).config()


class _Reader:
    def __init__(self, document: Document, given: Mapping[str, Given]) -> None:
        self._document = document
        kind = document.tree.get("model_type")
        known = architectures()
        if kind is None:
            raise document.error((), "has no model_type", f"one of {', '.join(known)}")
        if not isinstance(kind, str) or kind not in known:
            hint = nearest(kind if isinstance(kind, str) else "", known)
            raise document.error(("model_type",), f"{quoted(kind)} is not one that initgen knows", hint)
        self._kind = kind
        self._variables = variables_of(kind)
        self._classes = [name for name in self._variables if name[0].isupper()]
        self._own = {name: default for name, default in self._variables.items() if name[0].islower()}
        for name in given:
            if name in self._variables and name not in self._own:
                raise UnknownName(f"there is no variable {name!r} to set", nearest(name, self._own))
        aliases = _ALIASES.get(kind, {})
        self._tree: dict[str, Any] = {}
        for key, value in document.tree.items():
            if key in aliases or key not in self._tree:
                self._tree[aliases.get(key, key)] = value
        self._keys = frozenset({*self._tree, *aliases, "architectures"}) - {"model_type"}
        self._set = {
            aliases.get(name, name): value for name, value in given.items() if name in self._keys or name in self._own
        }
        self._rest = {name: value for name, value in given.items() if aliases.get(name, name) not in self._set}

    def config(self) -> Config:
        document, tree = self._document, self._tree
        for key, value in self._set.items():
            tree[key] = self._parsed(key, value)
        if tree.get("quantization_config") is not None:
            raise self._blame("quantization_config", "initgen makes weights as they are before they are quantized")
        chosen = self._class()
        values = self._values()
        variables: dict[str, Given] = {**self._rest, **dict.fromkeys(self._classes, 0), chosen: 1, **values}
        scope = Scope(self._variables, variables)
        for name, default in self._variables.items():
            if not (isinstance(default, bool | float) or name.endswith("_token_id")):
                self._check(name, scope)
        for key, value in values.items():
            if isinstance(value, str) and tree.get(key) is not None:
                tree[key] = scope[key]
            elif isinstance(value, float):
                tree[key] = value  # transformers takes no 1 for 1.0
        self._settle(scope, chosen)
        variables["padding_row"] = self._padding(scope)
        spec: dict[str, Any] = {"include": f"architectures/{self._kind}.toml", **self._dtype()}
        try:
            _dumps(tree)
        except ValueError:  # also UnicodeError
            raise document.error((), "holds half a character or an infinite number, which JSON does not") from None
        shown = Document(document.shown, "", document.text, spec, document.kind)
        return Config(shown, variables, self._keys, _BODIES.get(chosen, ("", "")), tree)

    def _blame(self, key: str, message: str, hint: str = "") -> SpecError:
        if key in self._set:
            return SpecError(f"{self._document.shown}: {key}: {message}", hint)
        return self._document.error((key,), message, hint)

    def _parsed(self, key: str, value: Given) -> Any:
        """What is set, as JSON: a number, true, null, a list; or text."""
        before, default = self._tree.get(key), self._own.get(key)
        if isinstance(value, str):
            if value.count("[") + value.count("{") > 100:
                raise self._blame(key, "nests too deep")
            with contextlib.suppress(ValueError):
                value = json.loads(value, parse_constant=_refuse)
        if isinstance(default, bool) and value in (0, 1):
            return bool(value)
        if isinstance(value, int) and not isinstance(value, bool) and isinstance(before or default, float):
            return float(value) if abs(value) < 2**64 else math.inf
        if key == "architectures" and isinstance(value, str):
            return [value]
        return value

    def _class(self) -> str:
        """The class of transformers whose file it is."""
        names = self._tree.get("architectures")
        if names is None or names == []:
            return next(name for name in self._classes if self._variables[name])
        name = names[0] if isinstance(names, list) else None
        if not isinstance(name, str):
            raise self._blame("architectures", "must be a list of names")
        if name not in self._classes:
            hint = nearest(name, self._classes) if len(name) > 100 else f"known: {', '.join(self._classes)}"
            raise self._blame("architectures", f"{quoted(name)} is not one that initgen knows for {self._kind}", hint)
        return name

    def _values(self) -> dict[str, Given]:
        """What the config says of each variable."""
        values: dict[str, Given] = {}
        nulls = _NULLS.get(self._kind, {})
        for key, default in self._own.items():
            if key == "num_labels":
                values[key] = self._labels()
            elif key in self._tree and not key.endswith("_token_id"):
                value = self._tree[key]
                if isinstance(value, list) and f"{key}_1" in self._own and len(value) == 2:
                    values |= {f"{key}_{index}": self._value(key, one, 0) for index, one in enumerate(value)}
                elif value is None and (key in nulls or isinstance(default, str)):
                    values |= {key: nulls[key]} if key in nulls else {}
                else:
                    values[key] = self._value(key, value, default)
        return values

    def _value(self, key: str, value: Any, default: Given) -> Given:
        if isinstance(default, bool):
            if isinstance(value, bool):
                return int(value)
            raise self._blame(key, f"is {_shown(value)}, and must be true or false")
        if isinstance(default, float):
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
                return float(value)
            raise self._blame(key, f"is {_shown(value)}, and must be a number above 0")
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and key in self._set:
            return value
        raise self._blame(key, f"is {_shown(value)}, and must be a whole number")

    def _labels(self) -> Given:
        """The number of labels, which a config has as that of its labels' names."""
        names, number = self._tree.get("id2label"), self._tree.get("num_labels")
        if "num_labels" not in self._set and isinstance(names, dict):
            return len(names)
        return 2 if number is None else self._value("num_labels", number, 0)

    def _check(self, name: str, scope: Scope) -> None:
        """A size has to be a whole number, whether the config says it or it follows from others."""
        given = scope.given[name]
        computed = isinstance(given, str) and name not in self._set
        try:
            value = scope[name]
        except InitgenError as error:
            hint = "a whole number, or an expression of other keys"
            raise self._blame(name, error.message, hint if name in self._set else error.hint) from None
        if name == "vocab_size" and value == 0:
            raise self._blame(name, "is 0, and must be at least 1")
        if isinstance(value, int) and 0 <= value <= _MOST.get(name, 2**63 - 1):
            return
        if isinstance(value, int) and value > 0:
            raise self._blame(name, f"is {value}, more than any model has")
        if not computed:
            raise self._blame(name, f"is {value}, and must be a whole number from 0")
        formula = str(given)[2:-1]
        sizes = dict.fromkeys(re.findall(r"[A-Za-z]\w*", formula))
        hint = ", ".join(f"{size} = {scope[size]}" for size in sizes)
        raise self._document.error((), f"{formula} is {value:g}, and must be a whole number", hint)

    def _padding(self, scope: Scope) -> int:
        """The row of the embeddings that is zero, which torch also counts from the end; -1 where there is none."""
        token = self._tree.get("pad_token_id", self._own.get("pad_token_id"))
        if not isinstance(token, int) or isinstance(token, bool) or "vocab_size" not in self._own:
            return -1
        size = int(scope["vocab_size"])
        if not -size <= token < size:
            raise self._blame("pad_token_id", f"is {token}, and vocab_size is {size}")
        return token if token >= 0 else size + token

    def _settle(self, scope: Scope, chosen: str) -> None:
        """Put into the config what follows from what is set in it."""
        tree = self._tree
        tree["architectures"] = [chosen]
        layers = tree.get("layer_types")
        depth = scope["num_hidden_layers"] if "num_hidden_layers" in scope.given else None
        if isinstance(layers, list) and depth is not None and len(layers) != depth:
            if "num_hidden_layers" not in self._set or "layer_types" in self._set:
                raise self._blame("layer_types", f"is of {len(layers)} layers, and num_hidden_layers is {depth}")
            if len(layers) > depth:
                tree["layer_types"] = layers[: int(depth)]
            else:
                del tree["layer_types"]  # then transformers takes its own
        if "num_labels" in self._set:
            del tree["num_labels"]
            count = int(scope["num_labels"])
            names = tree.get("id2label")
            if not isinstance(names, dict) or len(names) != count:  # as PreTrainedConfig.num_labels does
                tree["id2label"] = {str(index): f"LABEL_{index}" for index in range(count)}
                tree["label2id"] = {f"LABEL_{index}": index for index in range(count)}
        if "vocab_size" in self._set:
            # A token outside the vocabulary is a warning of transformers, and an error if it is the padding.
            size = scope["vocab_size"]
            defaults = {key: value for key, value in self._own.items() if key.endswith("_token_id")}
            for key, token in ({**defaults, **tree}).items():
                if not key.endswith("_token_id") or key in self._set:
                    continue
                if isinstance(token, list):
                    tree[key] = [one for one in token if not isinstance(one, int) or one < size] or None
                elif isinstance(token, int) and token >= size:
                    tree[key] = None

    def _dtype(self) -> dict[str, str]:
        """The dtype that the config says, which transformers has under two names."""
        for key in ("dtype", "torch_dtype"):
            name = self._tree.get(key)
            if name is None:
                continue
            try:
                dtype = DTYPES[name]
                if dtype.whole:
                    raise BadParameter(f"{name} is not for weights")
            except InitgenError as error:
                raise self._blame(key, error.message, error.hint) from None
            return {"dtype": dtype.name}
        return {}


def _dumps(tree: dict[str, Any]) -> bytes:
    return (json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _shown(value: Any) -> str:
    return "null" if value is None else quoted(value)


def _refuse(name: str) -> Any:
    raise ValueError(name)
