"""A model's weights by the names of its layers, and by their paths in the ``.weights.h5`` of Keras 3."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from initgen.specs.layers.keras.layer import path, taken
from initgen.specs.layers.keras.model import KerasModel
from initgen.specs.layers.layer import Placed, Weight


def placed(model: KerasModel) -> tuple[list[Placed], list[str]]:
    """All weights of a model, and the group that Keras keeps for each of its layers, with weights or without.

    Names are those of the layers from the outside in, then the variable's: ``encoder/dense/kernel``. Keras itself puts
    a Sequential's own name in front.

    Raises:
        LayerError: a layer cannot be built.

    Source: keras 3, src/saving/saving_lib.py, _save_state and _save_container_state.
    """
    found: list[Placed] = []
    groups: list[str] = []
    for saved in model.saved(()):
        groups.append(path(saved.attribute, "vars"))
        for number, weight in enumerate(saved.weights):
            # Its axes are Keras', whatever the layout of the spec that it stands in.
            options = msgspec.structs.replace(weight.options, layout=weight.options.layout or "keras")
            own = replace(weight, options=options)
            keras_path = f"{groups[-1]}/{number}"
            found.append(Placed(path(saved.name, weight.name), own, saved.dtype, saved.where, keras_path))
    return found, groups


def turns(model: KerasModel) -> Iterator[tuple[str, ...] | Placed]:
    """What takes a seed while Keras makes a model, in order: names of weights, or what fills none.

    Raises:
        LayerError: a layer cannot be built.
    """
    for turn in taken(model.saved(())):
        yield Placed("a weight that is not there", turn, None, ()) if isinstance(turn, Weight) else turn
