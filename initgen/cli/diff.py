"""``initgen diff``."""

from typing import Any

import click

from initgen.cli import options


@click.command("diff", short_help="Say what differs between two files.")
@click.argument("a", type=options.PATH)
@click.argument("b", type=options.PATH)
@click.option("--only", multiple=True, metavar="PATTERN", help="Only tensors called so, like '*.weight'.")
@options.threads_option
@options.json_option
def command(a: str, b: str, **given: Any) -> int:
    """Compare the tensors of A and B: names, shapes, dtypes, and every value.

    \b
    initgen diff a.safetensors b.safetensors
    initgen diff checkpoint/ model.h5

    Values are compared bit by bit, whatever the format; where they differ, by how much, also in units of the last place.

    Exit code 0: nothing differs. 1: something does. 2: no answer.
    """
    from initgen.checks.diff import diff

    answer = diff(a, b, only=given["only"], threads=given["threads"])
    if given["as_json"]:
        from initgen.report.json import dumps, of_diff

        print(dumps(of_diff(answer)))
    else:
        from initgen.report.console import console
        from initgen.report.tables import show_diff

        show_diff(console(), answer)
    return 0 if answer.equal else 1
