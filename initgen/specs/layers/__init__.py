"""Layers of Keras and PyTorch: from the arguments of a layer to its weights."""

from collections.abc import Mapping
from typing import Any


def is_keras_model(tree: Mapping[str, Any]) -> bool:
    """Whether a document is the config of a Keras model, as ``model.to_json()`` or ``get_config()`` gives it."""
    if isinstance(tree.get("class_name"), str) and "config" in tree:
        return True
    layers = tree.get("layers")
    return isinstance(layers, list) and bool(layers) and isinstance(layers[0], dict) and "class_name" in layers[0]
