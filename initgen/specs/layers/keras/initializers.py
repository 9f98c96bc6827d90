"""The initializers of Keras, as its configs write them and as a spec's Keras layers may name them."""

from collections.abc import Mapping
from typing import Any

from initgen.core.errors import BadParameter, quoted
from initgen.specs.layers.keras.layer import cut, snake_case
from initgen.specs.layers.layer import Initializer

# Class to scheme and the arguments that are the scheme's parameters, by Keras' name and by ours.
_SCALED = ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
_CLASSES: dict[str, tuple[str, dict[str, str]]] = {
    **{name: (snake_case(name), {}) for name in _SCALED},
    "VarianceScaling": ("variance_scaling", {"scale": "scale", "mode": "mode", "distribution": "distribution"}),
    "RandomUniform": ("random_uniform", {"minval": "minval", "maxval": "maxval"}),
    "RandomNormal": ("random_normal", {"mean": "mean", "stddev": "stddev"}),
    "TruncatedNormal": ("truncated_normal", {"mean": "mean", "stddev": "stddev"}),
    "Constant": ("constant", {"value": "value"}),
    "Zeros": ("zeros", {}),
    "Ones": ("ones", {}),
    "Orthogonal": ("orthogonal", {"gain": "gain"}),
    "OrthogonalInitializer": ("orthogonal", {"gain": "gain"}),
    "Identity": ("identity", {"gain": "gain"}),
    "IdentityInitializer": ("identity", {"gain": "gain"}),
}
# Names by which keras.initializers.get finds them; uniform is another scheme in JAX.
_ALIASES = {"uniform": "random_uniform", "normal": "random_normal", "zero": "zeros", "one": "ones"}


def named(given: object) -> Initializer:
    """An initializer of a Keras layer in a spec: a scheme, with Keras' meaning where a name has several.

    Raises:
        BadParameter: it is neither text nor a table.
    """
    if isinstance(given, dict) and "class_name" in given:
        return serialized(given)
    if isinstance(given, str):
        name, colon, rest = given.partition(":")
        given = _ALIASES.get(name, name) + colon + rest
    elif isinstance(given, dict) and isinstance(given.get("name"), str):
        given = {**given, "name": _ALIASES.get(given["name"], given["name"])}
    return Initializer.read(given)


def serialized(given: object) -> Initializer:
    """An initializer as a config has it: a class with its arguments, or one of Keras' short names.

    One that initgen does not know has no scheme: a rule may give it.

    Raises:
        BadParameter: it is not what Keras writes, or has a seed that is no seed here.
    """
    if isinstance(given, Initializer):
        return given
    if isinstance(given, str):
        classes = {snake_case(name): name for name in _CLASSES}
        name = _ALIASES.get(given, given)
        given = {"class_name": classes.get(name, name), "config": {}}
    if not isinstance(given, Mapping) or not isinstance(given.get("class_name"), str):
        raise BadParameter(f"{quoted(given)} is not an initializer")
    name, config = given["class_name"], given.get("config")
    config = config if isinstance(config, Mapping) else {}
    custom = given.get("registered_name") not in (None, name) or name not in _CLASSES
    scheme = None if custom else _scheme(name, config)
    axes = config.get("input_axes"), config.get("output_axes")
    if all(isinstance(each, list) and all(type(axis) is int for axis in each) for each in axes):
        fans: Any = axes
    else:
        fans = None
    # Before 3.15 there were no such axes, and EinsumDense took the fans of a convolution.
    by_shape = name in (*_SCALED, "VarianceScaling") and "input_axes" not in config and bool(config)
    return Initializer(scheme, _seed(config.get("seed")), fans, by_shape, cut(name))


def _scheme(name: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    scheme, params = _CLASSES[name]
    table: dict[str, Any] = {"name": scheme}
    for theirs, ours in params.items():
        value = config.get(theirs)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None  # a Constant of several values
        table[ours] = value
    if table.get("distribution") == "normal":  # what JAX calls so is not cut
        table["distribution"] = "truncated_normal"
    return table


def _seed(given: object) -> int | None:
    """A seed of its own; none where it is to come from a generator, which gives another number each time."""
    if given is None or isinstance(given, Mapping):
        return None
    if type(given) is not int or not 0 <= given < 2**64:
        raise BadParameter(f"seed = {quoted(given)} must be a whole number from 0 to 2^64 - 1")
    return given
