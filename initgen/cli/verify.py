"""``initgen verify``."""

from typing import Any

import click

from initgen.cli import options


@click.command("verify", short_help="Draw a file anew from its own recipe, and compare.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@options.format_option
@options.threads_option
@options.json_option
def command(files: tuple[str, ...], **given: Any) -> int:
    """Re-derive every tensor of a file from the recipe in it, byte for byte.

    \b
    initgen verify model.safetensors

    Exit code 0: it is what its recipe makes. 1: it is not. 2: no answer, for example because it has no recipe.
    """
    from initgen.checks.verify import verify

    answers, code = options.each(files, lambda path: verify(path, form=given["form"], threads=given["threads"]))
    if given["as_json"]:
        from initgen.report.json import dumps, of_verified

        print(dumps(of_verified(answers, complete=code == 0)))
    else:
        for answer in answers:
            for problem in answer.problems:
                print(f"{answer.path}: {problem}")
            for name in answer.rounded:
                print(f"{answer.path}: {name}: equal but for rounding, as another machine's linear algebra gives it")
            count = "its tensor is" if answer.tensors == 1 else f"all {answer.tensors} tensors are"
            print(
                f"{answer.path}: {f'{count} what the recipe makes' if answer.passed else 'is not what its recipe makes'}"
            )
    return code or (0 if all(answer.passed for answer in answers) else 1)
