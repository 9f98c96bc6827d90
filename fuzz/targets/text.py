"""What stands on a command line, and the small languages in specs."""

import io
from contextlib import redirect_stdout, suppress
from importlib import import_module

import click

from fuzz.sandbox import Sandbox
from fuzz.targets.target import Target
from initgen.api import array
from initgen.cli import COMMANDS, options
from initgen.cli.shards import elements
from initgen.core.errors import InitgenError
from initgen.core.params import number, split
from initgen.core.registry import fits
from initgen.core.shapes import MAX_COUNT, MAX_RANK, format_shape, parse_shape
from initgen.engine.files import parse_size
from initgen.engine.shards import parse_part
from initgen.schemes import SCHEMES
from initgen.specs.expression import evaluate
from initgen.specs.names import expand, fold
from initgen.specs.recipe import read_recipe, recipe_of
from initgen.specs.rules import rules_of
from initgen.specs.tensor import tensor_spec

# A tensor of more elements is described, and not drawn.
MOST = 4096


def lines(data: bytes) -> list[str]:
    """The lines of an input, as the arguments of a command come: any bytes at all."""
    return data.decode("utf-8", "surrogateescape").replace("\0", "").split("\n")


def shape(sandbox: Sandbox, data: bytes) -> None:
    """A shape, which is written as it was read."""
    found = parse_shape(data.decode("utf-8", "surrogateescape"))
    assert len(found) <= MAX_RANK
    count = 1
    for size in found:
        count *= size
    assert 0 <= count <= MAX_COUNT
    assert parse_shape(format_shape(found)) == found


def scheme(sandbox: Sandbox, data: bytes) -> None:
    """A scheme and its parameters."""
    name, given = split(data.decode("utf-8", "surrogateescape"))
    for value in given.values():
        number(value)
    entry = SCHEMES[name]
    for param in entry.params:
        if param.name in given:
            param.read(given[param.name])


def expression(sandbox: Sandbox, data: bytes) -> None:
    """Arithmetic."""
    value = evaluate(data.decode("utf-8", "replace"), lambda name: _VALUES[len(name) % len(_VALUES)])
    assert abs(value) < float("inf")


_VALUES = (4, 0.5, 2**63, -3)


def names(sandbox: Sandbox, data: bytes) -> None:
    """Names that stand for many, and back."""
    found = expand(data.decode("utf-8", "replace"))
    if len(found) <= 200 and len(set(found)) == len(found):
        again = [name for template, _ in fold((name, 0) for name in found) for name in expand(template)]
        assert sorted(again) == sorted(found)


def tensor(sandbox: Sandbox, data: bytes) -> None:
    """Lines: scheme, shape, dtype, layout, stream, seed, groups, fan_in. Drawn where it is small."""
    told = [*lines(data), *[""] * 8]
    whole = options.WholeType()
    spec = tensor_spec(
        told[0],
        parse_shape(told[1]),
        dtype=told[2] or "float32",
        layout=told[3] or "keras",
        stream=told[4] or "native",
        seed=options.SeedType(signed=True).convert(told[5], None, None) if told[5] not in ("", "random") else 0,
        groups=whole.convert(told[6], None, None) if told[6] else 1,
        fan_in=whole.convert(told[7], None, None) if told[7] else None,
    )
    assert spec.title
    if not spec.kernel.transposed:
        (back,) = read_recipe(recipe_of([spec]), "recipe").values()
        assert recipe_of([back]) == recipe_of([spec])
    if spec.count <= MOST:
        assert array(spec).shape == spec.shape


def arguments(sandbox: Sandbox, data: bytes) -> None:
    """A command and its arguments, as far as they can be checked before anything is opened."""
    name, *given = lines(data)
    if name not in COMMANDS:
        return
    command = import_module(COMMANDS[name]).command
    try:
        with redirect_stdout(io.StringIO()), command.make_context(name, list(given)) as context:
            told = context.params
    except (click.UsageError, click.exceptions.Exit):
        return
    if told.get("variables"):
        options.variables_of(told["variables"])
    for rule in rules_of(told.get("rules") or ()):
        with suppress(InitgenError):
            rule.check()
        rule.fits("h.0.weight", (3, 4))
    fits("h.0.weight", told.get("only") or told.get("names") or ())
    if told.get("max_shard_size"):
        assert parse_size(told["max_shard_size"]) > 0
    if told.get("shard"):
        part, count = parse_part(told["shard"])
        assert 1 <= part <= count
    if told.get("elements") is not None:
        spec = elements(
            [tensor_spec("he_uniform", (20, 30))], {"output": None, "form": None, "elements": told["elements"]}
        )
        assert array(spec).size == spec.count <= 600


TARGETS = (
    Target("shape", shape, length=200),
    Target("scheme", scheme, length=200),
    Target("expression", expression, length=400),
    Target("names", names, length=200),
    Target("tensor", tensor, length=300),
    Target("arguments", arguments, length=400),
)
