"""``initgen stats``."""

from typing import Any

import click

from initgen.cli import options
from initgen.core.errors import BadParameter


def _rate(context: click.Context, param: click.Parameter, value: float) -> float:
    if not 0 < value <= 0.5:  # click's range lets NaN pass
        raise BadParameter(f"--false-alarm = {value:g} must be above 0 and at most 0.5")
    return value


@click.command("stats", short_help="Say what is in a file, and whether it is what it should be.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@click.option("--scheme", "-s", type=options.SCHEME, help="What every tensor should be; by default its recipe.")
@click.option("--name", "names", multiple=True, metavar="PATTERN", help="Only tensors called so, like '*.weight'.")
@options.kernel_options
@options.format_option
@click.option(
    "--false-alarm",
    type=float,
    callback=_rate,
    default=1e-6,
    show_default=True,
    help="Probability, at most, that a right file fails.",
)
@options.threads_option
@options.json_option
def command(files: tuple[str, ...], scheme: str | None, names: tuple[str, ...], **given: Any) -> int:
    """Measure the tensors of a file and hold them against their scheme.

    \b
    initgen stats w.npy --scheme he_uniform
    initgen stats model.safetensors
    initgen sample --scheme he_uniform --shape 100x64 | initgen stats - --scheme he_uniform

    Checks bounds, mean, variance, the shape of the distribution, serial correlation and equal tensors; for orthogonal and
    other structures their own properties. Files of initgen say what they should be; others need --scheme.

    Exit code 0: nothing is wrong. 1: something is. 2: no answer.
    """
    from functools import partial

    from initgen.checks.stats import expect_scheme, stats
    from initgen.specs.tensor import tensor_spec

    expect = expect_scheme(partial(tensor_spec, scheme, **options.kernel_of(given))) if scheme else None
    answers, code = options.each(
        files,
        lambda path: stats(
            path,
            expect=expect,
            names=names,
            form=given["form"],
            # Shared by the files of one run, as each shares its part among its tensors.
            false_alarm=given["false_alarm"] / len(files),
            threads=given["threads"],
        ),
    )
    if given["as_json"]:
        from initgen.report.json import dumps, of_stats

        print(dumps(of_stats(answers, complete=code == 0)))
    else:
        from initgen.report.console import console
        from initgen.report.text import show_stats

        out = console()
        for answer in answers:
            show_stats(out, answer)
    return code or (0 if all(answer.passed for answer in answers) else 1)
