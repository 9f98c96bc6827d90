"""The answer of `probe` as JSON, as docs/probe.schema.json describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from initgen.probe.result import Candidate, NetworkSignal
    from initgen.report.page import Errors


def of_probe(networks: Sequence[NetworkSignal], errors: Errors = ()) -> dict[str, Any]:
    """Every field of the results under its own name, and the verdicts; null for what there is not.

    Args:
        errors: what could not be probed, and why.
    """
    return {
        "schema": "initgen.probe/1",
        "stable": (None if errors else True) if all(x.verdict == "stable" for x in networks) else False,
        "errors": [{"path": path, "message": error.message, "hint": error.hint or None} for path, error in errors],
        "networks": [_of_network(network) for network in networks],
    }


def _of_network(network: NetworkSignal) -> dict[str, Any]:
    found = asdict(network)
    for layer in found["layers"]:
        layer["activation"] = layer["activation"] or None
    for limit in found["limits"]:
        limit["layer"] = limit["layer"] or None
    return {
        **found,
        "overflow": network.overflow or None,
        "candidates": [_of_candidate(candidate) for candidate in network.candidates],
        "verdict": network.verdict,
    }


def _of_candidate(candidate: Candidate) -> dict[str, Any]:
    return {**asdict(candidate), "verdict": candidate.verdict}
