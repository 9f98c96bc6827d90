"""From what a user gives, a spec, a Keras model's config or a few words, to networks."""

from collections.abc import Callable, Iterable, Mapping

from initgen.core.errors import BadParameter, InitgenError, quoted
from initgen.core.shapes import Shape, format_shape
from initgen.probe import keras, torch
from initgen.probe.activations import activation
from initgen.probe.network import INPUT, Assembly, Network
from initgen.probe.operations.dense import Embedding
from initgen.specs.describe import describe
from initgen.specs.description import Description
from initgen.specs.document import Document, document_of
from initgen.specs.layers.layer import LayerError
from initgen.specs.scope import Given
from initgen.specs.tensor import tensor_spec

# Of the quick form: more is a slip of the pen. A kernel of so many units takes 4 GB.
_DEEPEST, _WIDEST = 100_000, 1 << 15


def network_of(
    spec: str | Document,
    *,
    title: str = "",
    input_shape: Shape | None = None,
    variables: Mapping[str, Given] | None = None,
    rules: Iterable[str] = (),
    seed: int | None = None,
    warn: Callable[[str], None] = lambda message: None,
) -> Network:
    """The network that a spec with ``layers``, or the config of a Keras model, describes.

    Args:
        title: by default the path.
        input_shape: of a sample, where the description leaves it open.
        variables, rules, seed, warn: as those of `describe`.

    Raises:
        InitgenError: it cannot be read, has no layers, or some that are not run.
    """
    described = describe(spec, variables=variables, rules=rules, seed=seed, warn=warn)
    shown = title or (spec if isinstance(spec, str) else spec.shown)
    try:
        if len(described.layers) != 1:
            count = f"layers of {len(described.layers)} files" if described.layers else "no layers"
            hint = "probe runs the [[layers]] of a spec, and the models of Keras: docs/probe.md"
            raise BadParameter(f"has {count}", hint)
        assembly, shape = _assembled(described, input_shape)
        if 0 in shape:
            raise BadParameter(f"an input of {format_shape(shape)} has no values")
    except LayerError as error:
        raise described.layers[0][1].document.error(error.where, error.message, error.hint) from None
    except InitgenError as error:
        raise BadParameter(f"{shown}: {error.message}", error.hint) from None
    first = next(step.operation for step in assembly.steps if INPUT in step.inputs)
    return Network(
        title=shown,
        input_shape=shape,
        rows=first.rows if isinstance(first, Embedding) else None,
        steps=assembly.steps,
        layers=assembly.layers,
        specs={spec.name: spec for spec in described},
    )


def _assembled(described: Description, input_shape: Shape | None) -> tuple[Assembly, Shape]:
    layers, _ = described.layers[0]
    if isinstance(layers, list):
        return torch.assembled(layers, input_shape)
    assembly, sizes = keras.assembled(layers)
    return assembly, keras.complete(sizes, input_shape)


def quick_spec(depth: int, width: int, activation_name: str, scheme: str, dtype: str = "float32") -> str:
    """The spec, in TOML, that the quick form stands for: dense layers of one width, without biases.

    Raises:
        BadParameter: sizes below 1, or an activation that is not known.
    """
    for name, value, most in (("depth", depth, _DEEPEST), ("width", width, _WIDEST)):
        if not 1 <= value <= most:
            raise BadParameter(f"{name} = {value} must be from 1 to {most}")
    if activation_name.partition(":")[0].lower() != "softmax":
        activation(activation_name)
    return f"""\
layout = "keras"
dtype = "{dtype}"

[[layers]]
kind = "Dense"
name = "dense_{{0..{depth - 1}}}"
input_shape = [{width}]
units = {width}
activation = {_text(activation_name)}
use_bias = false
kernel_initializer = {_text(scheme)}
"""


def _text(value: str) -> str:
    import json

    if "${" in value:
        raise BadParameter(f"{quoted(value)} is not a name")
    return json.dumps(value)


def quick_network(
    depth: int, width: int, activation_name: str, scheme: str, *, seed: int = 0, dtype: str = "float32"
) -> Network:
    """Dense layers of one width, without biases, one after another.

    Raises:
        InitgenError: no such scheme or activation, or sizes that are not sound.
    """
    text = quick_spec(depth, width, activation_name, scheme, dtype)
    tensor_spec(scheme, (width, width), dtype=dtype)  # says what is wrong with a scheme without the spec around it
    document = document_of(text, f"{scheme}, {activation_name}", "", "toml")
    return network_of(document, title=f"{scheme}, {activation_name}", seed=seed)
