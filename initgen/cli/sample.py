"""``initgen sample``."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from initgen.cli import options
from initgen.core.errors import FormatError, printable

if TYPE_CHECKING:
    from initgen.engine.files import Plan
    from initgen.specs.tensor import TensorSpec

# Options that describe one tensor, and say nothing of a model whose spec says it for each.
_OF_ONE = ("scheme", "shape", "name", "fan_in", "fan_out", "groups", "transposed", "depthwise")
_OF_MODELS = ("like", "preset", "rules", "variables", "only")


@click.command("sample", short_help="Make a weight file.")
@click.argument("spec", required=False)
@click.option("--scheme", "-s", type=options.SCHEME, help="See initgen schemes.")
@click.option("--shape", type=options.ShapeType(), help="Sizes as 100x64; scalar for none.")
@options.model_options
@click.option("--output", "-o", type=click.Path(), help="The file or directory to make; - for standard output.")
@click.option("--dtype", type=options.DTYPE, help="Dtype to store.  [default: float32]")
@click.option("--seed", type=options.SeedType(), help="0 to 2^64 - 1, or random.  [default: 0]")
@click.option("--name", help="The tensor's name in the file.  [default: weight]")
@options.kernel_options
@options.format_option
@click.option("--max-shard-size", metavar="SIZE", help="Of a shard in a directory, like 500MB.  [default: 5GB]")
@click.option("--force", "-f", is_flag=True, help="Replace a file that holds something else.")
@click.option("--check", is_flag=True, help="Write nothing; exit 0 if the file is what this makes, 1 if not.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show every tensor, its law and its size.")
@click.option("--digest", is_flag=True, help="Print the SHA-256 of every tensor, and of every file for sha256sum -c.")
@click.option("--fsync/--no-fsync", default=True, help="Flush the file to disk before it gets its name.")
@options.threads_option
@options.json_option
@options.quiet_option
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Draw the tensors of a model by its SPEC, or one tensor by its scheme, and write them.

    \b
    initgen sample --scheme he_uniform --shape 100x64 -o w.npy
    initgen sample --scheme truncated_normal:stddev=0.02 --shape 4096 --dtype bfloat16 --seed 7 -o b.h5
    initgen sample model.toml -o model.safetensors
    initgen sample model.keras -o model.weights.h5
    initgen sample config.json --set num_hidden_layers=2 -o tiny/
    initgen sample --like model.safetensors --preset llama --max-shard-size 2GB -o model/

    SPEC is a spec file, a Keras model (.keras, or its config in JSON), or a config.json of Hugging Face.
    The same command makes the same bytes, on any machine. The suffix of the output chooses the format; a directory gets
    shards of safetensors with their index, or with --format npy a file for each tensor. Without -o one tensor goes to
    standard output as .npy, or, where that is a terminal, is shown and not written.
    """
    output = given["output"]
    if given["digest"] and output == "-":
        raise click.UsageError("--digest and -o - both want standard output")
    if given["max_shard_size"] is not None:
        from initgen.engine.files import parse_size

        given["max_shard_size"] = parse_size(given["max_shard_size"])
    given["seed"] = options.seed_of(given["seed"], quiet=given["quiet"])
    specs = _described(context, given)
    _warn_if_coarse(specs, given["quiet"])
    _warn_of_twins(specs, given["quiet"])
    if given["dry_run"]:
        if given["digest"]:
            raise click.UsageError("--dry-run draws nothing, so there is nothing for --digest")
        return _dry_run(specs, given)
    if given["check"]:
        return _check(specs, given)
    if output is not None and output != "-":
        return _write(specs, given)
    if given["as_json"] and output == "-":
        raise click.UsageError("--json and -o - both want standard output")
    if given["digest"]:
        return _digest(specs, None, given)
    if given["as_json"] or (output is None and sys.stdout.isatty()):
        return _show(specs, given)
    return _stream(specs, given["form"], given["threads"])


def _described(context: click.Context, given: dict[str, Any]) -> "list[TensorSpec]":
    """The tensors: those of a model, or the one that the options describe."""
    set_here = [
        param for param in context.params if context.get_parameter_source(param) != click.core.ParameterSource.DEFAULT
    ]
    if given["spec"] is None and given["like"] is None:
        from initgen.specs.tensor import tensor_spec

        if given["scheme"] is None or given["shape"] is None:
            missing = "--shape" if given["scheme"] else "--scheme" if given["shape"] is not None else ""
            wanted = (
                f"missing option {missing}"
                if missing
                else "nothing to sample: give a SPEC, --like FILE, or --scheme and --shape"
            )
            raise click.UsageError(wanted, context)
        for param in _OF_MODELS:
            if param in set_here:
                raise click.UsageError(
                    f"{_option(context, param)} goes with a SPEC or --like, not with --shape", context
                )
        spec = tensor_spec(
            given["scheme"],
            given["shape"],
            name="weight" if given["name"] is None else given["name"],
            dtype=given["dtype"] or "float32",
            seed=given["seed"] or 0,
            **options.kernel_of(given),
        )
        return [spec]
    if given["spec"] is not None and given["like"] is not None:
        raise click.UsageError("a SPEC and --like both say which tensors there are", context)
    for param in _OF_ONE:
        if param in set_here:
            raise click.UsageError(
                f"{_option(context, param)} describes one tensor; for a model say it in the SPEC or with --rule",
                context,
            )
    from initgen.specs.describe import describe

    return describe(
        given["spec"],
        **{key: given[key] for key in ("like", "preset", "rules", "seed", "dtype", "layout", "only")},
        variables=options.variables_of(given["variables"]),
        warn=lambda message: _warn(message, given["quiet"]),
    )


def _warn(message: str, quiet: bool) -> None:
    if not quiet:
        print(f"warning: {message}", file=sys.stderr)


def _option(context: click.Context, name: str) -> str:
    return next(param.opts[0] for param in context.command.params if param.name == name)


def _warn_if_coarse(specs: "list[TensorSpec]", quiet: bool) -> None:
    from initgen.laws import Constant, Law

    coarse = []
    for spec in specs:
        made = spec.made
        if isinstance(made, Law) and not isinstance(made, Constant) and made.std < spec.dtype.normal:
            coarse.append((spec, made.std))
    if coarse:
        from initgen.engine.draw import Tensor

        Tensor.all_of(specs)  # one that would be all zeros is an error instead
    if coarse:
        spec, std = coarse[0]
        of = f" of {printable(spec.name)}" if len(specs) > 1 else ""
        more = f", and {len(coarse) - 1} more are as small" if len(coarse) > 1 else ""
        _warn(
            f"std {std:.3g}{of} is below {spec.dtype.name}'s smallest normal value {spec.dtype.normal:.3g}"
            f"{more}: values will be coarse",
            quiet,
        )


def _warn_of_twins(specs: "list[TensorSpec]", quiet: bool) -> None:
    """Names that look the same, é as one character and as two; some file systems and readers take them for one."""
    foreign = [spec.name for spec in specs if not spec.name.isascii()]
    if not foreign or quiet:
        return
    from unicodedata import normalize

    seen: dict[str, str] = {}
    for name in foreign:
        if seen.setdefault(normalize("NFC", name), name) != name:
            _warn(f"two names look the same and are not: {printable(name)}", quiet)


def _plan(specs: "list[TensorSpec]", given: dict[str, Any]) -> "Plan":
    from initgen.engine.files import plan_files
    from initgen.engine.output import target_of

    output, size = given["output"], given["max_shard_size"]
    if not (given["check"] or output.endswith(os.sep) or os.path.isdir(output) or size):
        target_of(output)  # what cannot be an output at all may have no suffix, and that is not what is wrong with it
    return plan_files(specs, output, given["form"], size)


def _write(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    from initgen.cli import clean_up_when_ended
    from initgen.cli.progress import Progress
    from initgen.engine.directory import write_plan
    from initgen.engine.output import in_units

    plan = _plan(specs, given)
    if any(spec.keras_path for file in plan.files if file.form.name == "hdf5" for spec in file.specs):
        _warn(f"{plan.path}: has the tensors by their names, and Keras looks for them in a .weights.h5", given["quiet"])
    clean_up_when_ended()
    with Progress(sum(spec.nbytes for spec in specs), quiet=given["quiet"]) as progress:
        written = write_plan(
            plan, force=given["force"], fsync=given["fsync"], threads=given["threads"], progress=progress
        )
    if given["digest"]:
        _digest(specs, plan, given)
    elif given["as_json"]:
        from initgen.report.json import dumps, of_written

        print(dumps(of_written(written, plan)))
    if not given["quiet"]:
        if len(specs) == 1:
            said = f"{specs[0]}, {specs[0].made}"
        else:
            files = f" in {len(plan.files)} files" if len(plan.files) > 1 else ""
            said = f"{len(specs)} tensors, {sum(spec.count for spec in specs):,} parameters{files}"
        print(f"{written.action} {written.path}: {said}, {in_units(written.nbytes)}", file=sys.stderr)
    return 0


def _check(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    from initgen.engine.directory import matches_plan

    output = given["output"]
    if output is None or output == "-":
        raise click.UsageError("--check needs the file to check: -o FILE")
    plan = _plan(specs, given)
    there = os.path.exists(output)
    same = there and matches_plan(plan, threads=given["threads"])
    if given["as_json"]:
        from initgen.report.json import dumps

        print(dumps({"path": output, "passed": same}))
    elif same and given["digest"]:
        _digest(specs, plan, given)
    said = (
        f"{output}: {'is' if same else 'is not'} what this description makes"
        if there
        else f"{output}: there is no such file"
    )
    return _answer(said, 0 if same else 1, given["quiet"])


def _answer(message: str, code: int, quiet: bool) -> int:
    if not quiet:
        print(message, file=sys.stderr)
    return code


def _dry_run(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    from initgen.engine.draw import Tensor

    Tensor.all_of(specs)  # a law that its dtype cannot hold is an error before it is a line of a table
    plan = _plan(specs, given) if given["output"] not in (None, "-") else None
    if given["as_json"]:
        from initgen.report.json import dumps, of_specs

        print(dumps(of_specs(specs, plan)))
        return 0
    from initgen.report.console import console
    from initgen.report.tables import show_specs

    show_specs(console(), specs, plan)
    return 0


def _digest(specs: "list[TensorSpec]", plan: "Plan | None", given: dict[str, Any]) -> int:
    from initgen.checks.digest import digests_of_files, digests_of_specs

    tensors = digests_of_specs(specs, given["threads"])
    files = digests_of_files(plan, given["threads"]) if plan else {}
    if given["as_json"]:
        from initgen.report.json import dumps, of_digests

        print(dumps(of_digests(specs, tensors, files)))
        return 0
    from initgen.core.shapes import format_shape

    # sha256sum -c passes over lines that begin with #, and takes a backslash in front as the sign of an escaped name.
    for spec in specs:
        print(f"# {tensors[spec.name]}  {printable(spec.name)} {format_shape(spec.shape)} {spec.dtype.name}")
    for path, digest in files.items():
        escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        print(f"{'' if escaped == path else chr(92)}{digest}  {escaped}")
    return 0


def _stream(specs: "list[TensorSpec]", form: str | None, threads: int | None) -> int:
    from initgen.engine.write import stream
    from initgen.formats import FORMATS

    if sys.stdout.isatty():
        raise click.UsageError("binary data does not go to a terminal; pipe it, or write it to a file with -o FILE")
    if form is None and len(specs) > 1:
        raise FormatError(
            f"there are {len(specs)} tensors, and a .npy stream holds one",
            "-o FILE, or --format safetensors for the stream",
        )
    for data in stream(specs, FORMATS[form or "npy"], threads):
        sys.stdout.buffer.write(data)
    return 0


def _show(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    if len(specs) > 1 or given["spec"] or given["like"]:
        code = _dry_run(specs, given)
        if not given["as_json"]:
            print(
                "nothing was written: -o FILE.safetensors, .h5 or .npz writes it, -o DIRECTORY/ in shards",
                file=sys.stderr,
            )
        return code
    (spec,) = specs
    if given["as_json"]:
        from initgen.report.json import dumps, of_spec

        print(dumps(of_spec(spec)))
        return 0
    from initgen.checks.preview import preview
    from initgen.report.console import console
    from initgen.report.text import show_preview

    show_preview(console(), spec, preview(spec, given["threads"]))
    print("nothing was written: -o FILE.npy, .safetensors or .h5 writes it, a pipe takes it as .npy", file=sys.stderr)
    return 0
