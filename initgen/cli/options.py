"""Options that several commands share, each declared once."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from initgen.core.errors import BadParameter, InitgenError, quoted
from initgen.core.shapes import LAYOUTS, parse_shape

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class Names(click.ParamType):  # type: ignore[type-arg]
    """A name out of a registry, which is imported for completion only."""

    def __init__(self, kind: str, known: Callable[[], list[str]]) -> None:
        self.name = kind
        self._known = known

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in self._known() if name.startswith(incomplete)]


def _scheme_names() -> list[str]:
    from initgen.schemes import SCHEMES

    return list(SCHEMES.entries)


def _dtype_names() -> list[str]:
    from initgen.core.dtypes import DTYPES

    return list(DTYPES.entries)


def _format_names() -> list[str]:
    return ["npy", "npz", "safetensors", "hdf5"]


def _stream_names() -> list[str]:
    from initgen.streams.dialects import STREAMS

    return list(STREAMS)


def _preset_names() -> list[str]:
    from initgen.specs.model import presets

    return presets()


SCHEME = Names("name[:key=value,…]", _scheme_names)
DTYPE = Names("dtype", _dtype_names)
FORMAT = Names("format", _format_names)
PRESET = Names("name", _preset_names)
STREAM = Names("name", _stream_names)


class PathType(click.Path):
    """A path that is looked at where it is opened, and said to be wrong there; the shell completes it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value


PATH = PathType()


class ShapeType(click.ParamType):  # type: ignore[type-arg]
    """100x64."""

    name = "shape"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, tuple) else parse_shape(value)


class SeedType(click.ParamType):  # type: ignore[type-arg]
    """A whole number, or the word random.

    Args:
        signed: whether it may be below 0, as some frameworks' seeds may.
    """

    name = "seed"

    def __init__(self, *, signed: bool = False) -> None:
        self._signed = signed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, int) or value == "random":
            return value
        digits = value.removeprefix("-") if self._signed else value
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 40):
            of = "" if self._signed else " from 0 to 2^64 - 1"
            raise BadParameter(f"seed = {quoted(value)} must be a whole number{of}", "or: --seed random")
        return int(value)


class WholeType(click.ParamType):  # type: ignore[type-arg]
    """A whole number, checked where it is used."""

    name = "n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, int):
            return value
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            name = param.name if param else "value"
            raise BadParameter(f"{name} = {quoted(value)} must be a whole number")
        return int(value)


def kernel_options(command: F) -> F:
    """How the axes of a weight are read: what its fans are taken from."""
    for option in reversed(
        (
            click.option(
                "--layout",
                type=click.Choice(LAYOUTS),
                help="Order of the axes: keras (…, in, out) or torch (out, in, …).  [default: keras]",
            ),
            click.option("--fan-in", type=WholeType(), help="In place of what the shape gives."),
            click.option("--fan-out", type=WholeType(), help="In place of what the shape gives."),
            click.option("--groups", type=WholeType(), default=1, help="Groups of a convolution."),
            click.option("--transposed", is_flag=True, help="The kernel of a transposed convolution: true fans."),
            click.option("--depthwise", is_flag=True, help="A depthwise kernel: true fans."),
        )
    ):
        command = option(command)
    return command


def kernel_of(given: dict[str, Any]) -> dict[str, Any]:
    """What `kernel_options` took, for a description of one tensor."""
    kernel = {key: given[key] for key in ("fan_in", "fan_out", "groups", "transposed", "depthwise")}
    return {**kernel, "layout": given["layout"] or "keras"}


def model_options(command: F) -> F:
    """What a model is described by besides a spec file."""
    for option in reversed(
        (
            click.option(
                "--like",
                type=PATH,
                metavar="FILE",
                help="Names, shapes and dtypes of a checkpoint, from its header.",
            ),
            click.option("--preset", type=PRESET, help="Rules that come with initgen: gpt2, llama, torch, …"),
            click.option(
                "--rule",
                "rules",
                multiple=True,
                metavar="PATTERN=SCHEME",
                help="Like '*.bias=zeros'; first match wins.",
            ),
            click.option(
                "--set", "variables", multiple=True, metavar="NAME=VALUE", help="A variable, in place of the spec's."
            ),
            click.option("--only", multiple=True, metavar="PATTERN", help="Only tensors called so, like '*.weight'."),
        )
    ):
        command = option(command)
    return command


def variables_of(texts: tuple[str, ...]) -> dict[str, str]:
    """``--set d_model=64`` as names and values.

    Raises:
        BadParameter: a text without ``=``.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise BadParameter(f"--set {quoted(text)} is not NAME=VALUE", "like d_model=64")
        found[name] = value
    return found


format_option = click.option(
    "--format", "form", type=FORMAT, help="npy, npz, safetensors or hdf5; by default from the suffix."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer as one JSON document.")
stream_option = click.option(
    "--stream",
    type=STREAM,
    help="The random numbers: native, or those of torch, jax, keras-jax, … See initgen schemes --stream.",
)
threads_option = click.option("--threads", type=click.IntRange(1, 1024), help="By default all cores; changes no byte.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No messages on stderr but errors.")


def seed_of(given: int | str | None, *, stream: str | None = None, quiet: bool = False) -> int | None:
    """A seed as it was given, or for the word random one of the system's, which is said on stderr."""
    if not isinstance(given, str):
        return given
    import secrets

    from initgen.streams.dialects import NATIVE, dialect_of, version

    native = stream is None or version(stream) == NATIVE
    bits = 64 if native else max(bits for bits in (31, 32, 63, 64) if dialect_of(str(stream)).takes(2**bits - 1))
    seed = secrets.randbits(bits)
    if not quiet:
        print(f"seed {seed}", file=sys.stderr)
    return seed


def report(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A report goes to a file; the callback of such an option."""
    if value == "-":
        raise BadParameter(f"--{param.name} = '-' must be a file", "standard output has the answer: --json")
    return value


def each(paths: tuple[str, ...], answer: Callable[[str], Any]) -> tuple[list[Any], int]:
    """``answer(path)`` for each path; one that cannot be answered is said on stderr and does not stop the others.

    Returns the answers, and 2 if any is lacking.
    """
    from initgen.cli import fail

    answers, code = [], 0
    for path in paths:
        try:
            answers.append(answer(path))
        except InitgenError as error:
            code = fail(error.message, error.hint)
    return answers, code
