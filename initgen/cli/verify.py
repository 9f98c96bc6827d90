"""``initgen verify``."""

from typing import Any

import click

from initgen.cli import options
from initgen.core.errors import printable


@click.command("verify", short_help="Draw a file anew from its own recipe, and compare.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=options.PATH)
@click.option("--spec", type=options.PATH, metavar="SPEC", help="What should be in it, for files without a recipe.")
@click.option("--set", "variables", multiple=True, metavar="NAME=VALUE", help="A variable, in place of the spec's.")
@options.format_option
@options.threads_option
@options.json_option
def command(files: tuple[str, ...], **given: Any) -> int:
    """Re-derive every tensor of a file from the recipe in it, byte for byte.

    \b
    initgen verify model.safetensors
    initgen verify checkpoint/
    initgen verify --spec model.toml model.npz

    FILE may be a directory: a sharded checkpoint, or one of .npy files.

    Exit code 0: it is what its recipe makes. 1: it is not. 2: no answer, for example because it has no recipe.
    """
    from initgen.checks.verify import verify
    from initgen.cli import fork_if_alone

    fork_if_alone()
    specs = None
    if given["spec"] is not None:
        from initgen.specs.describe import describe

        specs = describe(given["spec"], variables=options.variables_of(given["variables"]))
    answers, code = options.each(
        files, lambda path: verify(path, specs=specs, form=given["form"], threads=given["threads"])
    )
    if given["as_json"]:
        from initgen.report.json import dumps, of_verified

        print(dumps(of_verified(answers, complete=code == 0)))
    else:
        for answer in answers:
            for problem in answer.problems:
                print(f"{answer.path}: {problem}")
            for remark in answer.remarks:
                print(f"{answer.path}: {remark}")
            for name in answer.rounded:
                print(
                    f"{answer.path}: {printable(name)}: equal but for rounding, as another machine's linear algebra gives it"
                )
            count = "its tensor is" if answer.tensors == 1 else f"all {answer.tensors} tensors are"
            said = f"{count} what the {answer.by} makes" if answer.passed else f"is not what the {answer.by} makes"
            print(f"{answer.path}: {said}")
    return code or (0 if all(answer.passed for answer in answers) else 1)
