"""``initgen sample``."""

import sys
from typing import TYPE_CHECKING, Any

import click

from initgen.cli import options, output
from initgen.core.errors import printable

if TYPE_CHECKING:
    from initgen.specs.tensor import TensorSpec

# Options that describe one tensor, and say nothing of a model whose spec says it for each.
_OF_ONE = ("scheme", "shape", "name", "fan_in", "fan_out", "groups", "transposed", "depthwise")
_OF_MODELS = ("like", "preset", "rules", "variables", "only")


@click.command("sample", short_help="Make a weight file.")
@click.argument("spec", required=False, type=options.PATH)
@click.option("--scheme", "-s", type=options.SCHEME, help="See initgen schemes.")
@click.option("--shape", type=options.ShapeType(), help="Sizes as 100x64; scalar for none.")
@options.model_options
@click.option("--output", "-o", type=options.PATH, help="The file or directory to make; - for standard output.")
@click.option("--dtype", type=options.DTYPE, help="Dtype to store.  [default: float32]")
@click.option(
    "--seed",
    type=options.SeedType(signed=True),
    help="0 to 2^64 - 1, or random; or as the --stream has it.  [default: 0]",
)
@options.stream_option
@click.option("--name", help="The tensor's name in the file.  [default: weight]")
@options.kernel_options
@options.format_option
@click.option("--max-shard-size", metavar="SIZE", help="Of a shard in a directory, like 500MB.  [default: 5GB]")
@click.option("--shard", metavar="I/N", help="Make part I of N of the directory's files; --finish is the last step.")
@click.option("--finish", is_flag=True, help="Check all files that --shard made, and write the index.")
@click.option("--resume", is_flag=True, help="Make file by file, and go on with what an interrupted run left.")
@click.option("--elements", metavar="A:B", help="Only elements A to B, without B, of the one tensor, as one axis.")
@click.option("--force", "-f", is_flag=True, help="Replace a file that holds something else.")
@click.option("--check", is_flag=True, help="Write nothing; exit 0 if the file is what this makes, 1 if not.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show every tensor, its law and its size.")
@click.option("--digest", is_flag=True, help="Print the SHA-256 of every tensor, and of every file for sha256sum -c.")
@click.option("--fsync/--no-fsync", default=True, help="Flush the file to disk before it gets its name.")
@options.threads_option
@click.option("--dask", metavar="ADDRESS", help="Have the workers of a Dask cluster draw: tcp://HOST:PORT.")
@options.json_option
@click.option("--json-progress", is_flag=True, help="Say on stderr how far it is, a JSON document in each line.")
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
    initgen sample --stream torch --seed 42 --layout torch --scheme kaiming_uniform --shape 64x100 -o t.npy

    SPEC is a spec file, a Keras model (.keras, or its config in JSON), or a config.json of Hugging Face.
    The same command makes the same bytes, on any machine; with --stream they are the very numbers of a framework. The
    suffix of the output chooses the format; a directory gets shards of safetensors with their index, or with --format
    npy a file for each tensor. Without -o one tensor goes to standard output as .npy, or, where that is a terminal, is
    shown and not written.
    """
    path = given["output"]
    if given["digest"] and path == "-":
        raise click.UsageError("--digest and -o - both want standard output")
    if given["max_shard_size"] is not None:
        from initgen.engine.files import parse_size

        given["max_shard_size"] = parse_size(given["max_shard_size"])
    parts = None
    if given["shard"] is not None or given["finish"] or given["resume"]:
        from initgen.cli.shards import Parts

        parts = Parts.of(given)
    given["seed"] = options.seed_of(given["seed"], stream=given["stream"], quiet=given["quiet"])
    specs = _described(context, given)
    if given["elements"] is not None:
        if given["dask"] is not None:
            raise click.UsageError("--dask draws from recipes, and those describe whole tensors: not --elements")
        from initgen.cli.shards import elements

        specs = [elements(specs, given)]
    _warn_if_coarse(specs, given["quiet"])
    _warn_of_twins(specs, given["quiet"])
    if given["dry_run"] and given["digest"]:
        raise click.UsageError("--dry-run draws nothing, so there is nothing for --digest")
    if parts:
        return parts.make(specs, given)
    if given["dry_run"]:
        return output.dry_run(specs, given)
    if given["check"]:
        return output.check(specs, given)
    if path is not None and path != "-":
        return output.write(specs, given)
    if given["dask"] is not None:
        raise click.UsageError("--dask needs a file or directory that its workers can fill: -o FILE")
    if given["as_json"] and path == "-":
        raise click.UsageError("--json and -o - both want standard output")
    if given["digest"]:
        return output.digest(specs, None, given)
    if given["as_json"] or (path is None and sys.stdout.isatty()):
        return output.show(specs, given)
    return output.stream(specs, given["form"], given["threads"])


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
            dtype="float32" if given["dtype"] is None else given["dtype"],
            seed=given["seed"] or 0,
            stream="native" if given["stream"] is None else given["stream"],
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
        **{key: given[key] for key in ("like", "preset", "rules", "seed", "stream", "dtype", "layout", "only")},
        variables=options.variables_of(given["variables"]),
        warn=lambda message: output.warn(message, given["quiet"]),
    )


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
        output.warn(
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
            output.warn(f"two names look the same and are not: {printable(name)}", quiet)
