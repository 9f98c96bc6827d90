"""``initgen stats``."""

import contextlib
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from initgen.cli import clean_up_when_ended, options
from initgen.core.errors import BadParameter, InitgenError, printable, quoted

if TYPE_CHECKING:
    from initgen.checks.stats import FileStats
    from initgen.probe.result import NetworkSignal
    from initgen.specs.tensor import TensorSpec

# What makes the exit code 1.
FAIL_ON = ("wrong", "remark", "unchecked", "never")
# Reports beside the answer, and the modules that check their paths and save them.
REPORTS = ("plot", "html", "junit")


def _rate(context: click.Context, param: click.Parameter, value: float) -> float:
    if not 0 < value <= 0.5:  # click's range lets NaN pass
        raise BadParameter(f"--false-alarm = {value:g} must be above 0 and at most 0.5")
    return value


def _levels(context: click.Context, param: click.Parameter, values: tuple[str, ...]) -> set[str]:
    levels = {word.strip() for value in values for word in value.split(",")}
    for word in sorted(levels - set(FAIL_ON)):
        raise BadParameter(f"--fail-on = {quoted(word)} must be {', '.join(FAIL_ON[:-1])} or {FAIL_ON[-1]}")
    if "never" in levels and len(levels) > 1:
        raise BadParameter(f"--fail-on = {quoted(','.join(sorted(levels)))}: never goes with no other")
    return levels


@click.command("stats", short_help="Say what is in a file, and whether it is what it should be.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=options.PATH)
@click.option("--scheme", "-s", type=options.SCHEME, help="What every tensor should be; by default its recipe.")
@click.option("--spec", type=options.PATH, metavar="SPEC", help="A spec that says what each tensor should be.")
@click.option(
    "--set", "variables", multiple=True, metavar="NAME=VALUE", help="A variable of SPEC, in place of its own."
)
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
@click.option(
    "--fail-on",
    type=options.Names("what", lambda: list(FAIL_ON)),
    metavar="WHAT,…",
    callback=_levels,
    multiple=True,
    default=("wrong",),
    show_default=True,
    help="Exit code 1 for what is wrong; also for a remark or warning (remark), or a tensor held against nothing"
    " (unchecked); or never.",
)
@click.option("--plot", type=options.PATH, callback=options.report, metavar="FILE", help="Draw it: .png, .svg or .pdf.")
@click.option("--html", type=options.PATH, callback=options.report, metavar="FILE", help="A report in one page.")
@click.option(
    "--junit", type=options.PATH, callback=options.report, metavar="FILE", help="A report in JUnit XML, for CI."
)
@options.threads_option
@options.json_option
def command(files: tuple[str, ...], scheme: str | None, names: tuple[str, ...], **given: Any) -> int:
    """Measure the tensors of a file and hold them against their scheme.

    \b
    initgen stats w.npy --scheme he_uniform
    initgen stats model.safetensors
    initgen stats w.npy --scheme he_uniform --plot w.png
    initgen stats model.safetensors --spec model.toml --html report.html
    initgen stats model.safetensors --fail-on remark,unchecked --junit stats.xml
    initgen sample --scheme he_uniform --shape 100x64 | initgen stats - --scheme he_uniform

    Checks bounds, mean, variance and shape of the distribution, each row and column, correlation, zeros, digits and copies;
    across tensors equal values and shared seeds; of orthogonal and other structures their own properties. Files of
    initgen say what they should be; others need --scheme or --spec.

    Exit code 0: nothing is wrong. 1: something is, or what --fail-on names. 2: no answer.
    """
    from functools import partial

    from initgen.checks.stats import expect_scheme, stats
    from initgen.specs.tensor import tensor_spec

    reports = {name: given[name] for name in REPORTS if given[name] is not None}
    for name, path in reports.items():
        import_module(f"initgen.report.{name}").check(path)
    specs = _specs(scheme, given)
    expect = expect_scheme(partial(tensor_spec, scheme, **options.kernel_of(given))) if scheme else None
    errors: list[tuple[str, InitgenError]] = []

    def answer(path: str) -> "FileStats":
        try:
            return stats(
                path,
                expect=expect,
                names=names,
                form=given["form"],
                # Shared by the files of one run, as each shares its part among its tensors.
                false_alarm=given["false_alarm"] / len(files),
                threads=given["threads"],
                quantiles=bool({"plot", "html"} & reports.keys()),
                specs=specs,
            )
        except InitgenError as error:
            errors.append((path, error))
            raise

    answers, code = options.each(files, answer)
    try:
        _show(answers, errors, given["as_json"])
    finally:  # also where nobody reads the answer to its end
        _save(reports, answers, errors, given)
    return code or _code(answers, given["fail_on"])


def _signals(answers: list["FileStats"], given: dict[str, Any]) -> "list[NetworkSignal]":
    """How a signal fares with the weights of each file, where --spec has layers that can be run; for the HTML report."""
    if given["html"] is None or given["spec"] is None:
        return []
    from dataclasses import replace

    from initgen.probe.described import network_of
    from initgen.probe.signal import probe_file

    try:
        network = network_of(given["spec"], variables=options.variables_of(given["variables"]))
    except InitgenError:  # not every spec is of a network
        return []
    found = []
    for answer in answers:
        with contextlib.suppress(InitgenError):  # nor has every file its weights
            found.append(probe_file(replace(network, title=answer.path), answer.path))
    return found


def _specs(scheme: str | None, given: dict[str, Any]) -> "Sequence[TensorSpec] | None":
    """What --spec describes; what goes without --scheme and --spec is refused, not passed over."""
    kernel = {key: value for key, value in options.kernel_of(given).items() if value not in (None, False, 1)}
    if given["layout"] is None:
        del kernel["layout"]
    if kernel and scheme is None:
        option = next(iter(kernel)).replace("_", "-")
        raise BadParameter(f"--{option} says how to read a scheme, and there is none", "--scheme NAME")
    if given["spec"] is None:
        if given["variables"]:
            raise BadParameter("--set is for the variables of --spec, and there is none")
        return None
    if scheme is not None:
        raise BadParameter("--scheme and --spec both say what it should be", "leave one out")
    from initgen.specs.describe import describe

    return describe(given["spec"], variables=options.variables_of(given["variables"]))


def _show(answers: list["FileStats"], errors: list[tuple[str, InitgenError]], as_json: bool) -> None:
    if as_json:
        from initgen.report.json import dumps, of_stats

        print(dumps(of_stats(answers, errors)))
        return
    from initgen.report.console import console
    from initgen.report.text import show_stats

    out = console()
    for answer in answers:
        show_stats(out, answer)


def _save(
    reports: dict[str, str], answers: list["FileStats"], errors: list[tuple[str, InitgenError]], given: dict[str, Any]
) -> None:
    if not reports:
        return
    clean_up_when_ended()
    for name, path in reports.items():
        module = import_module(f"initgen.report.{name}")
        if name == "html":
            module.save(path, answers, errors, _signals(answers, given))
        elif name == "junit":
            module.save(path, answers, errors)
        elif answers:
            module.save(path, answers)


def _code(answers: Sequence["FileStats"], levels: set[str]) -> int:
    """0 or 1; why, where the answer alone does not say it."""
    if "never" in levels or not answers:
        return 0
    if not all(answer.passed for answer in answers):
        return 1
    reasons = []
    for answer in answers:
        shown = "standard input" if answer.path == "-" else printable(answer.path)
        if "remark" in levels and (remarks := _remarks(answer)):
            reasons.append(f"{shown}: {_count(remarks, 'remark')} (--fail-on remark)")
        unchecked = len(answer.tensors) - answer.checked
        if "unchecked" in levels and (unchecked or not answer.tensors):
            said = f"{_count(unchecked, 'tensor')} held against nothing" if unchecked else "no tensors"
            reasons.append(f"{shown}: {said} (--fail-on unchecked)")
    for reason in reasons:
        print(reason, file=sys.stderr)
    return 1 if reasons else 0


def _remarks(answer: "FileStats") -> int:
    findings = [*answer.findings, *(finding for tensor in answer.tensors for finding in tensor.findings)]
    return len(answer.warnings) + sum(finding.severity == "remark" for finding in findings)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
