"""``initgen sample``."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from initgen.cli import options

if TYPE_CHECKING:
    from initgen.specs.tensor import TensorSpec


@click.command("sample", short_help="Make a weight file.")
@click.option("--scheme", "-s", type=options.SCHEME, required=True, help="See initgen schemes.")
@click.option("--shape", type=options.ShapeType(), required=True, help="Sizes as 100x64; scalar for none.")
@click.option("--output", "-o", type=click.Path(), help="The file to make; - for standard output.")
@click.option("--dtype", type=options.DTYPE, default="float32", show_default=True, help="Dtype to store.")
@click.option("--seed", type=options.SeedType(), default=0, show_default=True, help="0 to 2^64 - 1, or random.")
@click.option("--name", default="weight", show_default=True, help="The tensor's name in the file.")
@options.kernel_options
@options.format_option
@click.option("--force", "-f", is_flag=True, help="Replace a file that holds something else.")
@click.option("--check", is_flag=True, help="Write nothing; exit 0 if the file is what this makes, 1 if not.")
@click.option("--fsync/--no-fsync", default=True, help="Flush the file to disk before it gets its name.")
@options.threads_option
@options.json_option
@options.quiet_option
def command(**given: Any) -> int:
    """Draw a tensor by a scheme and write it.

    \b
    initgen sample --scheme he_uniform --shape 100x64 -o w.npy
    initgen sample --scheme kaiming_normal:nonlinearity=relu --shape 64x3x7x7 --layout torch -o c.safetensors
    initgen sample --scheme truncated_normal:stddev=0.02 --shape 4096 --dtype bfloat16 --seed 7 -o b.h5

    The same command makes the same bytes, on any machine. The suffix of the output chooses the format. Without -o the
    tensor goes to standard output as .npy, or, where that is a terminal, is shown and not written.
    """
    from initgen.specs.tensor import tensor_spec

    output, form, quiet = given["output"], given["form"], given["quiet"]
    seed = given["seed"]
    if seed == "random":
        import secrets

        seed = secrets.randbits(64)
        if not quiet:
            print(f"seed {seed}", file=sys.stderr)
    kernel = {key: given[key] for key in ("layout", "fan_in", "fan_out", "groups", "transposed", "depthwise")}
    spec = tensor_spec(given["scheme"], given["shape"], name=given["name"], dtype=given["dtype"], seed=seed, **kernel)
    _warn_if_coarse(spec, quiet)
    if given["check"]:
        return _check(spec, output, form, given["threads"], quiet)
    if output is not None and output != "-":
        return _write(spec, given)
    if given["as_json"] and output == "-":
        raise click.UsageError("--json and -o - both want standard output")
    if given["as_json"] or (output is None and sys.stdout.isatty()):
        return _preview(spec, as_json=given["as_json"], threads=given["threads"])
    return _stream(spec, form, given["threads"])


def _warn_if_coarse(spec: "TensorSpec", quiet: bool) -> None:
    from initgen.laws import Constant, Law
    from initgen.streams.rounding import bounds

    made = spec.made
    if not isinstance(made, Law) or isinstance(made, Constant) or made.std >= spec.dtype.normal:
        return
    bounds(made, spec.dtype)  # one that would be all zeros is an error instead
    if not quiet:
        print(
            f"warning: std {made.std:.3g} is below {spec.dtype.name}'s smallest normal value {spec.dtype.normal:.3g}:"
            " values will be coarse",
            file=sys.stderr,
        )


def _write(spec: "TensorSpec", given: dict[str, Any]) -> int:
    from initgen.cli import clean_up_when_ended
    from initgen.cli.progress import Progress
    from initgen.engine.output import in_units, target_of
    from initgen.engine.write import write
    from initgen.formats import format_of

    target_of(given["output"])  # a directory has no suffix, and that is not what is wrong with it
    form = format_of(given["output"], given["form"])
    clean_up_when_ended()
    with Progress(spec.nbytes, quiet=given["quiet"]) as progress:
        written = write(
            [spec],
            given["output"],
            form,
            force=given["force"],
            fsync=given["fsync"],
            threads=given["threads"],
            progress=progress,
        )
    if given["as_json"]:
        from initgen.report.json import dumps, of_written

        print(dumps(of_written(written, spec)))
    if not given["quiet"]:
        said = "unchanged" if written.action == "unchanged" else "wrote"
        print(f"{said} {written.path}: {spec}, {spec.made}, {in_units(written.nbytes)}", file=sys.stderr)
    return 0


def _check(spec: "TensorSpec", output: str | None, form: str | None, threads: int | None, quiet: bool) -> int:
    from initgen.engine.output import target_of
    from initgen.engine.write import matches
    from initgen.formats import format_of

    if output is None or output == "-":
        raise click.UsageError("--check needs the file to check: -o FILE")
    target_of(output)
    if not os.path.exists(output):
        return _answer(f"{output}: there is no such file", 1, quiet)
    same = matches([spec], output, format_of(output, form), threads=threads)
    return _answer(f"{output}: {'is' if same else 'is not'} what this description makes", 0 if same else 1, quiet)


def _answer(message: str, code: int, quiet: bool) -> int:
    if not quiet:
        print(message, file=sys.stderr)
    return code


def _stream(spec: "TensorSpec", form: str | None, threads: int | None) -> int:
    from initgen.engine.write import stream
    from initgen.formats import FORMATS

    if sys.stdout.isatty():
        raise click.UsageError("binary data does not go to a terminal; pipe it, or write it to a file with -o FILE")
    for data in stream(spec, FORMATS[form or "npy"], threads):
        sys.stdout.buffer.write(data)
    return 0


def _preview(spec: "TensorSpec", *, as_json: bool, threads: int | None) -> int:
    if as_json:
        from initgen.report.json import dumps, of_spec

        print(dumps(of_spec(spec)))
        return 0
    from initgen.checks.preview import preview
    from initgen.report.console import console
    from initgen.report.text import show_preview

    shown = preview(spec, threads)
    show_preview(console(), spec, shown.measured, shown.bars, shown.span, shown.first)
    print("nothing was written: -o FILE.npy, .safetensors or .h5 writes it, a pipe takes it as .npy", file=sys.stderr)
    return 0
