"""``initgen schemes``."""

from typing import TYPE_CHECKING

import click

from initgen.cli import options
from initgen.core.errors import BadParameter

if TYPE_CHECKING:
    from initgen.schemes import Scheme
    from initgen.specs.tensor import TensorSpec


@click.command("schemes", short_help="List the schemes, or explain one.")
@click.argument("name", required=False, type=options.SCHEME)
@click.option("--stream", type=options.STREAM, help="What this framework's stream draws of them, and how exactly.")
@options.json_option
def command(name: str | None, stream: str | None, as_json: bool) -> None:
    """List all schemes with their laws, or explain the one called NAME.

    \b
    initgen schemes
    initgen schemes he_uniform
    initgen schemes --stream torch

    Names are those of Keras; class names (HeUniform) and the names of torch and JAX are taken too. Where frameworks mean
    different laws by one idea, each has its own entry: he_normal is cut at two std as in Keras and JAX, kaiming_normal is
    not, as in torch.
    """
    from initgen.schemes import SCHEMES

    chosen = [SCHEMES[name]] if name else list(SCHEMES)
    if stream is not None:
        _show_stream(stream, chosen, as_json)
        return
    if as_json:
        from initgen.report.json import dumps, of_scheme

        print(dumps(of_scheme(chosen[0]) if name else [of_scheme(scheme) for scheme in chosen]))
        return
    from initgen.report.console import console
    from initgen.report.schemes import show_scheme, show_schemes

    if name:
        show_scheme(console(), chosen[0], _example(chosen[0].example))
    else:
        show_schemes(console(), chosen)


def _show_stream(stream: str, schemes: "list[Scheme]", as_json: bool) -> None:
    from initgen.specs.offer import offers
    from initgen.streams.dialects import NATIVE, dialect_of, version

    if version(stream) == NATIVE:
        raise BadParameter("--stream native draws all schemes, to the bit", "initgen schemes NAME explains one")
    framework, offered = dialect_of(stream), offers(stream, schemes)
    if as_json:
        from initgen.report.json import dumps, of_stream

        print(dumps(of_stream(framework, offered)))
        return
    from initgen.report.console import console
    from initgen.report.streams import show_stream

    show_stream(console(), framework, offered)


def _example(text: str) -> "TensorSpec | None":
    from initgen.core.errors import InitgenError
    from initgen.specs.tensor import tensor_spec

    try:
        return tensor_spec(text, (100, 64))
    except InitgenError:  # a convolution's scheme, or one that needs a fan
        return None
