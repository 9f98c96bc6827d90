"""What a spec, a model or a checkpoint describes: its tensors, and what stands beside them in an output."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from initgen.specs.tensor import TensorSpec

if TYPE_CHECKING:
    from initgen.specs.layers.keras.model import KerasModel
    from initgen.specs.layers.torch.sequential import Module
    from initgen.specs.rules import File


class Description(list[TensorSpec]):
    """Described tensors, with what an output has besides.

    Attributes:
        groups: paths of groups in HDF5 that hold nothing; Keras wants one for a layer without weights.
        files: small files of a directory, by name: a Hugging Face checkpoint has its config.json.
        layers: what the tensors are the weights of, where they were described so, and the file that says it.
    """

    def __init__(
        self,
        specs: Iterable[TensorSpec],
        groups: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        layers: "Sequence[tuple[KerasModel | list[Module], File]]" = (),
    ) -> None:
        super().__init__(specs)
        self.groups = tuple(groups)
        self.files = dict(files or {})
        self.layers = tuple(layers)


def in_file(path: str, specs: Iterable[TensorSpec]) -> list[TensorSpec]:
    """The tensors as a file at ``path`` calls them: a ``.weights.h5`` has those of Keras at Keras' paths.

    Their values are still those of their own names.
    """
    if not path.lower().endswith(".weights.h5"):
        return list(specs)
    return [
        replace(spec, name=spec.keras_path, keras_path="", tied=spec.tied or (spec.name if spec.keyed else ""))
        if spec.keras_path
        else spec
        for spec in specs
    ]


def empty_groups(groups: Iterable[str], names: Iterable[str]) -> list[str]:
    """Those of ``groups`` that none of these tensors, nor another group, is in."""
    groups = set(groups)
    full = {path[:at] for path in (*names, *groups) for at, sign in enumerate(path) if sign == "/"}
    return sorted(groups - full)
