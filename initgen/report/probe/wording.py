"""What is said of networks, in the same words wherever it is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from initgen.core.errors import printable
from initgen.probe.result import ALIKE
from initgen.report.wording import counted

if TYPE_CHECKING:
    from initgen.probe.result import Candidate, Critical, FixedPoint, Flow, NetworkSignal

ACTIVATIONS, GRADIENTS = "mean square of activations", "squared norm of gradients"


def title(network: NetworkSignal) -> str:
    """A network as it is called in a heading."""
    return printable(network.title) or "network"


def facts(network: NetworkSignal) -> str:
    """What was probed, in a line."""
    depth = counted(network.depth, "layer") + (" with kernels" if len(network.layers) != network.depth else "")
    drawn = f"seed {network.seed}" + (f", weights of {printable(network.weights)}" if network.weights else "")
    return f"{depth}, {counted(network.parameters, 'parameter')}, batch {network.batch:,}, {drawn}"


def fixed(found: FixedPoint | None) -> str:
    """Where the variance tends to, and what becomes of gradients there; empty where that is not known."""
    if found is None:
        return ""
    chi = f"χ₁ = {number(found.chi)}"
    if found.variance is None:
        return f"any variance has {chi}"
    if found.variance == math.inf:
        return f"the variance before the activation grows without end; {chi}"
    return f"the variance before the activation tends to {found.variance:.3g}, where {chi}"


def alike(network: NetworkSignal) -> str:
    """From where on inputs are not told apart; empty where they are."""
    return f"alike (cosine above {ALIKE:g}) from {place(network, network.alike)} on" if network.alike else ""


def number(value: float | None) -> str:
    """Three digits; nothing for what there is not."""
    return "" if value is None else f"{value:#.3g}".rstrip(".")


def share(value: float | None) -> str:
    """A share in per cent."""
    return "" if value is None else f"{100 * value:.3g}%"


def rough(value: float) -> str:
    """A factor over all layers, of which only the size matters."""
    if value == 0 or 1e-3 <= value < 100 or value == math.inf:
        return f"{value:.2g}"
    if 100 <= value < 1e4:
        return f"{value:.0f}"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit}e{int(exponent)}"


def joint(norms: Sequence[float]) -> float | None:
    """The squared norm of several gradients together."""
    norm = math.hypot(*norms)
    return norm * norm if norms else None


def line(network: NetworkSignal) -> str:
    """What becomes of the signal, in a line."""
    backward = network.backward
    over = " until then" if network.overflow else f" over {counted(network.depth, 'layer')}"
    said = f"the {ACTIVATIONS} {_course(network.forward, ' per layer', over)}"
    if network.overflow:
        course = f"; {said}" if network.forward.factor < math.inf else ""
        said = f"float32 overflows at {place(network, network.overflow)}{course}"
    if backward is None:
        return f"{said}; no gradient came through"
    # What is said of both directions is said once.
    return f"{said}, the {GRADIENTS} {_course(backward, '', '')}"


def _course(flow: Flow, per: str, over: str) -> str:
    if flow.factor == math.inf:
        return "grows beyond all numbers"
    total = f"{per} ({rough(flow.total)}{over})" if flow.total < math.inf else per
    if flow.verdict == "stable":
        return f"is multiplied by {number(flow.factor)}{total}"
    if flow.verdict == "vanishing":
        return f"falls to {number(flow.factor)} of itself{total}"
    return f"grows to {number(flow.factor)} times itself{total}"


def factors(network: NetworkSignal) -> str:
    """The factors per layer, where there is little room."""
    backward = network.backward
    said = f"per layer × {number(network.forward.factor)} forward"
    said += f", × {number(backward.factor)} backward" if backward else ", nothing came back"
    return said.replace("-", "−")


def place(network: NetworkSignal, name: str) -> str:
    """A layer by its number and name; that which overflows comes next after those that are there."""
    names = [*(layer.name for layer in network.layers), network.overflow]
    return f"layer {names.index(name) + 1} ({printable(name)})" if name in names else printable(name)


def limits(network: NetworkSignal, what: Literal["activations", "gradients"]) -> str:
    """Where ranges end, of dtypes that end together in one; empty where none is known."""
    ends: dict[tuple[str, str, int], list[str]] = {}
    for limit in network.limits:
        if limit.what == what:
            ends.setdefault((limit.problem, limit.layer, limit.depth), []).append(limit.dtype)
    said = []
    for (problem, layer, depth), dtypes in ends.items():
        from_output = f", {depth:,} from the output" if layer and what == "gradients" else ""
        said.append(_end(dtypes, problem, depth, place(network, layer) if layer else "") + from_output)
    return "; ".join(said)


def first_limit(network: NetworkSignal) -> str:
    """The limit that is met first, or would be, without the layer's name."""
    if not network.limits:
        return ""
    limit = min(network.limits, key=lambda limit: (not limit.layer, limit.depth))
    of = "gradients: " if limit.what == "gradients" else ""
    where = place(network, limit.layer).partition(" (")[0] if limit.layer else ""
    return of + _end([limit.dtype], limit.problem, limit.depth, where)


def _end(dtypes: Sequence[str], problem: str, depth: int, where: str) -> str:
    names = " and ".join((", ".join(dtypes[:-1]), dtypes[-1]) if len(dtypes) > 1 else dtypes)
    if not where:
        return f"{names} would {problem} after about {counted(depth, 'layer')}"
    return f"{names} {problem}{'s' * (len(dtypes) == 1)} at {where}"


def critical(found: Critical) -> str:
    """Which weights are on the edge of chaos."""
    gain = f"{found.gain:.4g}"
    said = f"gain {gain}, std {gain}/√fan_in, which is variance_scaling:scale={found.gain**2:.4g}"
    if found.bias:
        said += f", with biases of std {found.bias:.4g}"
    if found.variance is not None:
        said += f"; the variance before the activation tends to {found.variance:.4g}"
    return said


def candidates(tried: Sequence[Candidate]) -> tuple[str, str]:
    """Schemes that hold the signal, and those that do not, with the factors per layer."""
    holding: list[str] = []
    losing: list[str] = []
    for candidate in tried:
        forward, backward = number(candidate.forward.factor), number(candidate.backward.factor)
        factors = forward if forward == backward else f"{forward} forward and {backward} backward"
        stable = candidate.verdict == "stable"
        (holding if stable else losing).append(f"{printable(candidate.scheme)} ({factors})")
    return ", ".join(holding) or f"none of {counted(len(tried), 'scheme')}", ", ".join(losing)


def answer(networks: Sequence[NetworkSignal]) -> str:
    """Of several networks: how many the signal survives."""
    stable = sum(network.verdict == "stable" for network in networks)
    return f"{stable} of {counted(len(networks), 'network')} {'is' if stable == 1 else 'are'} stable"
