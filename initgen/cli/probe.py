"""``initgen probe``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from initgen.cli import clean_up_when_ended, options
from initgen.core.errors import BadParameter, InitgenError

if TYPE_CHECKING:
    from initgen.probe.network import Network
    from initgen.probe.result import NetworkSignal

# Reports beside the answer, and the modules that check their paths and save them.
REPORTS = {"plot": "initgen.report.probe.plot", "html": "initgen.report.probe.html"}
# The quick form, where nothing else is said.
_DEPTH, _WIDTH, _ACTIVATION, _SCHEME = 50, 256, "relu", "he_uniform"


def _activation_names() -> list[str]:
    from initgen.probe.activations import KNOWN

    return list(KNOWN)


@click.command("probe", short_help="Say whether the signal survives an initialization.")
@click.argument("specs", metavar="[SPEC]…", nargs=-1, type=options.PATH)
@click.option("--depth", type=options.WholeType(), help=f"Dense layers, one after another.  [default: {_DEPTH}]")
@click.option("--width", type=options.WholeType(), help=f"Units of each.  [default: {_WIDTH}]")
@click.option(
    "--activation",
    "-a",
    "activations",
    type=options.Names("name[:key=value]", _activation_names),
    multiple=True,
    help=f"Of each; several are compared.  [default: {_ACTIVATION}]",
)
@click.option("--scheme", "-s", "schemes", type=options.SCHEME, multiple=True, help=f"Likewise.  [default: {_SCHEME}]")
@click.option("--seed", type=options.SeedType(), help="Of weights, batch and gradient.  [default: 0, or the spec's]")
@click.option("--weights", type=options.PATH, metavar="FILE", help="The weights of SPEC, in place of drawn ones.")
@click.option("--rule", "rules", multiple=True, metavar="PATTERN=SCHEME", help="Before the rules of SPEC.")
@click.option("--set", "variables", multiple=True, metavar="NAME=VALUE", help="A variable of SPEC.")
@click.option("--batch", type=options.WholeType(), help="Samples; by default 256, fewer of large ones.")
@click.option(
    "--input", "batch_file", type=options.PATH, metavar="FILE", help="Samples, a .npy; by default standard normal."
)
@click.option("--input-shape", type=options.ShapeType(), help="Of a sample, where SPEC does not say it.")
@click.option("--suggest", is_flag=True, help="Say which gains and schemes would hold the signal.")
@click.option("--require", type=click.Choice(["stable"]), help="Exit code 1 for all that is not.")
@click.option("--all-layers", is_flag=True, help="Leave none out of the table.")
@click.option("--plot", type=options.PATH, callback=options.report, metavar="FILE", help="Draw it: .png, .svg or .pdf.")
@click.option("--html", type=options.PATH, callback=options.report, metavar="FILE", help="A report in one page.")
@options.json_option
def command(specs: tuple[str, ...], **given: Any) -> int:
    """Send a random batch through a network and a random gradient back, and say whether the signal survives.

    \b
    initgen probe --depth 50 --activation relu --scheme he_uniform
    initgen probe --activation relu --scheme he_uniform --scheme lecun_uniform --plot relu.png
    initgen probe model.keras --suggest
    initgen probe model.toml --weights trained.safetensors
    initgen probe model.toml --require stable

    Runs the [[layers]] of a spec and the models of Keras on the weights that `initgen sample` draws for the same seed, or
    on those of a file; without SPEC, dense layers of one width. Beside each measured value stands what mean-field theory
    predicts. Stable is what changes its size by less than ten over all layers, forwards and backwards.

    Exit code 0: there is an answer. 1: --require stable, and a network is not. 2: no answer.
    """
    from initgen.probe.batch import check_size, random_batch, read_batch, size_for
    from initgen.probe.signal import probe
    from initgen.probe.weights import Drawn, stored

    reports = {name: given[name] for name in REPORTS if given[name] is not None}
    for name, path in reports.items():
        import_module(REPORTS[name]).check(path)
    seed = options.seed_of(given["seed"])
    if given["batch"] is not None:
        if given["batch_file"] is not None:
            raise BadParameter("--batch and --input both say how many samples", "leave one out")
        check_size(given["batch"])

    errors: list[tuple[str, InitgenError]] = []

    def signal(network: "Network") -> "NetworkSignal":
        weights = Drawn(network.specs)
        source = weights if given["weights"] is None else stored(given["weights"], network)
        # That which tensors without one of their own are drawn by.
        own = next((spec.seed for spec in network.specs.values() if spec.keyed), 0) if seed is None else seed
        if given["batch_file"] is not None:
            batch = read_batch(given["batch_file"], network, own)
        else:
            count = given["batch"] or size_for(network.input_shape)
            check_size(count, network.input_shape)
            batch = random_batch(network, count, own)
        return probe(network, source, batch, suggest=given["suggest"])

    def answer(path: str) -> "NetworkSignal":
        try:
            return signal(_network(path, seed, given))
        except InitgenError as error:
            errors.append((path, error))
            raise

    if specs:
        _refuse(given, ("depth", "width", "activations", "schemes"), "is for the quick form, without SPEC")
        if given["weights"] is not None and len(specs) > 1:
            raise BadParameter(f"--weights are of one SPEC, not of {len(specs)}")
        answers, code = options.each(specs, answer)
    else:
        answers, code = [signal(network) for network in _quick(seed or 0, given)], 0
    _show(answers, errors, given)
    if reports:
        clean_up_when_ended()
    if "plot" in reports and answers:
        import_module(REPORTS["plot"]).save(reports["plot"], answers)
    if "html" in reports:
        import_module(REPORTS["html"]).save(reports["html"], answers, errors)
    failed = given["require"] == "stable" and any(each.verdict != "stable" for each in answers)
    return code or int(failed)


def _refuse(given: dict[str, Any], names: Sequence[str], why: str) -> None:
    for name in names:
        if given[name] not in (None, ()):
            option = {"activations": "activation", "schemes": "scheme", "rules": "rule", "variables": "set"}
            raise BadParameter(f"--{option.get(name, name).replace('_', '-')} {why}")


def _network(path: str, seed: int | None, given: dict[str, Any]) -> "Network":
    from initgen.probe.described import network_of

    return network_of(
        path,
        input_shape=given["input_shape"],
        variables=options.variables_of(given["variables"]),
        rules=given["rules"],
        seed=seed,
        warn=lambda message: print(f"warning: {message}", file=sys.stderr),
    )


def _quick(seed: int, given: dict[str, Any]) -> "list[Network]":
    from initgen.probe.described import quick_network

    _refuse(given, ("weights", "rules", "variables", "input_shape"), "is for a SPEC, and there is none")
    depth = _DEPTH if given["depth"] is None else given["depth"]
    width = _WIDTH if given["width"] is None else given["width"]
    return [
        quick_network(depth, width, activation, scheme, seed=seed)
        for activation in given["activations"] or (_ACTIVATION,)
        for scheme in given["schemes"] or (_SCHEME,)
    ]


def _show(answers: "list[NetworkSignal]", errors: list[tuple[str, InitgenError]], given: dict[str, Any]) -> None:
    if given["as_json"]:
        from initgen.report.json import dumps
        from initgen.report.probe.json import of_probe

        print(dumps(of_probe(answers, errors)))
    elif answers:
        from initgen.report.console import console
        from initgen.report.probe.text import show_probe

        show_probe(console(), answers, every=given["all_layers"])
