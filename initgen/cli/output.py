"""What becomes of the tensors that `sample` describes: written, checked against a file, shown, streamed."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from initgen.core.errors import FormatError, printable
from initgen.core.url import is_url

if TYPE_CHECKING:
    from initgen.engine.files import Plan
    from initgen.specs.tensor import TensorSpec


def warn(message: str, quiet: bool) -> None:
    """A warning on stderr."""
    if not quiet:
        print(f"warning: {message}", file=sys.stderr)


def plan_of(specs: "list[TensorSpec]", given: dict[str, Any]) -> "Plan":
    from initgen.engine.files import SLASHES, plan_files
    from initgen.engine.output import target_of

    output, size = given["output"], given["max_shard_size"]
    if not (given["check"] or is_url(output) or output.endswith(SLASHES) or os.path.isdir(output) or size):
        target_of(output)  # what cannot be an output at all may have no suffix, and that is not what is wrong with it
    return plan_files(specs, output, given["form"], size)


def write(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    from initgen.cli import clean_up_when_ended, fork_if_alone
    from initgen.cli.progress import progress_of
    from initgen.engine.directory import write_plan
    from initgen.engine.output import in_units
    from initgen.report.wording import of_streams

    plan = plan_of(specs, given)
    if any(spec.keras_path for file in plan.files if file.form.name == "hdf5" for spec in file.specs):
        warn(f"{plan.path}: has the tensors by their names, and Keras looks for them in a .weights.h5", given["quiet"])
    filler = None
    if given["dask"] is not None:
        from initgen.engine.cluster import Cluster

        filler = Cluster(given["dask"], fsync=given["fsync"])
        filler.check(plan)
    clean_up_when_ended()
    fork_if_alone()
    total = sum(spec.nbytes for spec in specs)
    with progress_of(total, quiet=given["quiet"], as_json=given["json_progress"]) as progress:
        written = write_plan(
            plan,
            force=given["force"],
            fsync=given["fsync"],
            threads=given["threads"],
            progress=progress,
            filler=filler,
        )
    if given["digest"]:
        digest(specs, plan, given)
    elif given["as_json"]:
        from initgen.report.json import dumps, of_written

        print(dumps(of_written(written, plan)))
    if not given["quiet"]:
        if len(specs) == 1:
            said = f"{specs[0]}, {specs[0].made}"
        else:
            files = f" in {len(plan.files)} files" if len(plan.files) > 1 else ""
            said = f"{len(specs)} tensors, {sum(spec.count for spec in specs):,} parameters{files}"
        print(
            f"{written.action} {written.path}: {said}{of_streams(specs)}, {in_units(written.nbytes)}", file=sys.stderr
        )
    return 0


def check(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    from initgen.cli import fork_if_alone
    from initgen.cli.progress import progress_of
    from initgen.engine.directory import difference, exists

    output = given["output"]
    if output is None or output == "-":
        raise click.UsageError("--check needs the file to check: -o FILE")
    plan = plan_of(specs, given)
    fork_if_alone()
    there = exists(plan)
    total = sum(spec.nbytes for spec in specs)
    with progress_of(total, quiet=given["quiet"], as_json=given["json_progress"]) as progress:
        differs = difference(plan, given["threads"], progress) if there else "there is no such file"
    same = differs is None
    if given["as_json"]:
        from initgen.report.json import dumps

        print(dumps({"path": output, "passed": same}))
    elif same and given["digest"]:
        digest(specs, plan, given)
    if there:
        why = f": {printable(differs)}" if differs else ""
        said = f"{output}: {'is' if same else 'is not'} what this description makes{why}"
    else:
        said = f"{output}: {differs}"
    return _answer(said, 0 if same else 1, given["quiet"])


def _answer(message: str, code: int, quiet: bool) -> int:
    if not quiet:
        print(message, file=sys.stderr)
    return code


def dry_run(specs: "list[TensorSpec]", given: dict[str, Any], plan: "Plan | None" = None) -> int:
    from initgen.engine.draw import Tensor

    Tensor.all_of(specs)  # a law that its dtype cannot hold is an error before it is a line of a table
    if plan is None and given["output"] not in (None, "-"):
        plan = plan_of(specs, given)
    if given["as_json"]:
        from initgen.report.json import dumps, of_specs

        print(dumps(of_specs(specs, plan)))
        return 0
    from initgen.report.console import console
    from initgen.report.tables import show_specs

    show_specs(console(), specs, plan)
    return 0


def digest(specs: "list[TensorSpec]", plan: "Plan | None", given: dict[str, Any]) -> int:
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


def stream(specs: "list[TensorSpec]", form: str | None, threads: int | None) -> int:
    from initgen.engine.write import stream
    from initgen.formats import FORMATS

    if sys.stdout.isatty():
        raise click.UsageError("binary data does not go to a terminal; pipe it, or write it to a file with -o FILE")
    if form is None and len(specs) > 1:
        raise FormatError(
            f"there are {len(specs)} tensors, and a .npy stream holds one",
            "-o FILE, or --format safetensors for the stream",
        )
    for data in stream(specs, FORMATS["npy" if form is None else form], threads):
        sys.stdout.buffer.write(data)
    return 0


def show(specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
    if len(specs) > 1 or ((given["spec"] or given["like"]) and given["elements"] is None):
        code = dry_run(specs, given)
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
