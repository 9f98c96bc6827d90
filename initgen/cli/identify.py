"""``initgen identify``."""

from typing import Any

import click

from initgen.cli import options, put


@click.command("identify", short_help="Say which schemes could have made the tensors of a file.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=options.PATH)
@click.option("--name", "names", multiple=True, metavar="PATTERN", help="Only tensors called so, like '*.weight'.")
@click.option("--as-spec", is_flag=True, help="Print a spec that draws such tensors; with --json, in JSON.")
@options.format_option
@options.threads_option
@options.json_option
def command(files: tuple[str, ...], names: tuple[str, ...], **given: Any) -> int:
    """Find the schemes, layouts and parameters that could have made the tensors of a file.

    \b
    initgen identify w.npy
    initgen identify checkpoint.safetensors
    initgen identify checkpoint/ --name '*.q_proj.weight'
    initgen identify model.weights.h5 --as-spec > model.toml

    Every scheme is held against every tensor, by its bounds, its moments, its likelihood and the shape of its
    distribution; where several fit, the tensors of the file decide together, as few rules make most of a model. What
    the values cannot tell is said so.

    Exit code 0: there is an answer, which may be that nobody can tell. 2: no answer.
    """
    from initgen.checks.identity.identify import identify

    if given["as_spec"] and len(files) != 1:
        raise click.UsageError(f"--as-spec takes one FILE, not {len(files)}")
    answers, code = options.each(
        files, lambda path: identify(path, names=names, form=given["form"], threads=given["threads"])
    )
    if given["as_spec"]:
        if answers:
            _print_spec(answers[0], given["as_json"])
    elif given["as_json"]:
        from initgen.report.identify import of_identities
        from initgen.report.json import dumps

        print(dumps(of_identities(answers, complete=code == 0)))
    else:
        from initgen.report.console import console
        from initgen.report.identify import show_identity

        out = console()
        for answer in answers:
            show_identity(out, answer)
    return code


def _print_spec(answer: Any, as_json: bool) -> None:
    import sys

    from initgen.checks.identity.described import describe_file
    from initgen.core.errors import printable
    from initgen.report.identify import comment
    from initgen.specs.derive import dumps

    described = describe_file(answer)
    text = dumps(described.tree, "json" if as_json else "toml")
    put(text if as_json else comment(described, answer.path) + text)
    for names, said in (
        (described.left_out, "left out, since no spec can say their dtype"),
        (described.guessed, "of no known law, and given their mean and std"),
    ):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            print(f"{said}: {', '.join(map(printable, names[:5]))}{more}", file=sys.stderr)
