"""Results as JSON: one document, plain names, null where there is no number.

``schema`` names the shape of an answer. Under one name keys may be added, and none goes or changes its meaning.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from initgen.laws import Law
from initgen.streams.dialects import version

if TYPE_CHECKING:
    from initgen.checks.diff import Diff
    from initgen.checks.finding import Finding
    from initgen.checks.stats import FileStats
    from initgen.checks.tensor import TensorStats
    from initgen.checks.verify import Verified
    from initgen.core.errors import InitgenError
    from initgen.core.params import Param
    from initgen.engine.files import Plan
    from initgen.engine.write import Written
    from initgen.schemes import Scheme
    from initgen.specs.offer import Offer
    from initgen.specs.tensor import TensorSpec
    from initgen.streams.dialects.dialect import Dialect


def dumps(value: Any) -> str:
    """JSON text; NaN and infinities become null, which JSON has no other word for.

    In ASCII where standard output is not in UTF-8: what it puts in place of other characters is not JSON's.
    """
    ascii_only = codecs.lookup(getattr(sys.stdout, "encoding", None) or "utf-8").name != "utf-8"
    return json.dumps(_finite(value), indent=2, ensure_ascii=ascii_only, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def of_spec(spec: TensorSpec) -> dict[str, Any]:
    """A described tensor, with the law it has."""
    made = spec.made
    described: dict[str, Any] = {
        "name": spec.name,
        "shape": spec.shape,
        "dtype": spec.dtype.name,
        "nbytes": spec.nbytes,
        "piece_of": spec.piece_of,
        "first": spec.first,
        "scheme": spec.scheme.name,
        "params": dict(spec.params),
        "seed": spec.seed,
        "stream": spec.stream,
        "place": list(spec.place) or None,
        "keyed": spec.keyed,
        "tied": spec.tied or None,
        "layout": spec.kernel.layout,
        "fan_in": spec.fans.fan_in if spec.fans else None,
        "fan_out": spec.fans.fan_out if spec.fans else None,
        "law": str(made),
    }
    if isinstance(made, Law):
        low, high = made.support
        described |= {"mean": made.mean, "std": made.std, "low": low, "high": high}
    return described


def of_specs(specs: Sequence[TensorSpec], plan: Plan | None = None) -> dict[str, Any]:
    """The tensors of a model, and the files that they would be in."""
    described: dict[str, Any] = {
        "tensors": [of_spec(spec) for spec in specs],
        "count": len(specs),
        "parameters": sum(spec.count for spec in specs),
        "nbytes": sum(spec.nbytes for spec in specs),
    }
    if plan is not None:
        described["files"] = [
            {"path": _path(plan, file.name), "tensors": len(file.specs), "nbytes": file.nbytes} for file in plan.files
        ]
    return described


def _path(plan: Plan, name: str) -> str:
    return os.path.join(plan.path, name) if name else plan.path


def of_written(written: Written, plan: Plan) -> dict[str, Any]:
    """What became of an output."""
    return {
        "path": written.path,
        "action": written.action,
        "file_bytes": written.nbytes,
        "files": [_path(plan, name) for name in plan.names],
        "tensors": [of_spec(spec) for spec in plan.specs],
    }


def of_digests(specs: Sequence[TensorSpec], tensors: dict[str, str], files: dict[str, str]) -> dict[str, Any]:
    """Digests of tensors and files."""
    return {
        "tensors": [
            {"name": spec.name, "shape": spec.shape, "dtype": spec.dtype.name, "sha256": tensors[spec.name]}
            for spec in specs
        ],
        "files": [{"path": path, "sha256": digest} for path, digest in files.items()],
    }


def _passed(files: Sequence[FileStats | Verified], complete: bool) -> bool | None:
    """Of all files; None where all that could be answered passed, and some could not."""
    return (True if complete else None) if all(file.passed for file in files) else False


def of_stats(files: Sequence[FileStats], errors: Sequence[tuple[str, InitgenError]] = ()) -> dict[str, Any]:
    """The answer of `stats`, as docs/stats.schema.json describes it.

    Args:
        errors: paths without an answer, and why.
    """
    return {
        "schema": "initgen.stats/1",
        "passed": _passed(files, not errors),
        "errors": [{"path": path, "message": error.message, "hint": error.hint or None} for path, error in errors],
        "files": [
            {
                "path": file.path,
                "passed": file.passed,
                "checked": file.checked,
                "false_alarm": file.false_alarm,
                "findings": [_of_finding(finding) for finding in file.findings],
                "missing": file.missing,
                "warnings": file.warnings,
                "tensors": [_of_tensor(tensor) for tensor in file.tensors],
            }
            for file in files
        ],
    }


def _of_tensor(tensor: TensorStats) -> dict[str, Any]:
    found = tensor.measured
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.kind,
        "count": found.count,
        "min": found.low,
        "max": found.high,
        "mean": found.mean,
        "std": found.std,
        "zeros": found.zeros,
        "nan": found.nan,
        "inf": found.inf,
        "distinct_share": found.distinct / found.sampled if found.sampled else None,
        "expected": tensor.spec.title if tensor.spec else None,
        "law": str(tensor.spec.made) if tensor.spec else None,
        "passed": tensor.passed,
        "drawn": tensor.drawn or None,
        "problem": tensor.problem or None,
        "looks_like": tensor.looks_like,
        "findings": [_of_finding(finding) for finding in tensor.findings],
        "tests": [
            {"name": t.name, "measured": t.measured, "expected": t.expected, "p_at_most": t.p, "passed": t.passed}
            for t in tensor.tests
        ],
    }


def _of_finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "tensors": finding.tensors,
        "message": finding.message,
    }


def of_verified(files: list[Verified], *, complete: bool) -> dict[str, Any]:
    """The answer of `verify`; ``complete`` where no file was without one."""
    return {
        "schema": "initgen.verify/1",
        "passed": _passed(files, complete),
        "files": [
            {
                "path": file.path,
                "passed": file.passed,
                "tensors": file.tensors,
                "by": file.by,
                "problems": [
                    {"tensor": problem.tensor, "kind": problem.kind, "message": problem.message}
                    for problem in file.problems
                ],
                "rounded": file.rounded,
                "remarks": file.remarks,
            }
            for file in files
        ],
    }


def of_diff(answer: Diff) -> dict[str, Any]:
    """The answer of `diff`."""
    return {
        "schema": "initgen.diff/1",
        "equal": answer.equal,
        "a": answer.a,
        "b": answer.b,
        "tensors": [
            {
                "name": tensor.name,
                "kind": tensor.kind,
                "a": {"shape": tensor.a[0], "dtype": tensor.a[1]} if tensor.a else None,
                "b": {"shape": tensor.b[0], "dtype": tensor.b[1]} if tensor.b else None,
                "count": tensor.count,
                "first": tensor.first if tensor.count else None,
                "max_abs": tensor.max_abs,
                "max_ulp": tensor.max_ulp,
            }
            for tensor in answer.tensors
        ],
    }


def of_scheme(scheme: Scheme) -> dict[str, Any]:
    """A scheme and its parameters."""
    return {
        "name": scheme.name,
        "family": scheme.family,
        "summary": scheme.summary,
        "formula": scheme.formula,
        "source": scheme.source,
        "aliases": scheme.aliases,
        "kind": "structure" if scheme.build else "law",
        "fans": scheme.fans,
        "params": [_of_param(param) for param in scheme.params],
    }


def of_stream(framework: Dialect, offered: Sequence[Offer]) -> dict[str, Any]:
    """A framework's stream: what it was compared with, its rules, and what it draws of each scheme."""
    return {
        "stream": version(framework.name),
        "name": framework.name,
        "reference": framework.reference,
        "seeds": framework.seeds,
        "series": framework.series,
        "conditions": framework.conditions,
        "schemes": [
            {
                "scheme": offer.scheme,
                "function": offer.function or None,
                "exactness": offer.exactness,
                "tolerance": offer.tolerance,
                "reason": offer.reason or None,
            }
            for offer in offered
        ],
    }


def _of_param(param: Param) -> dict[str, Any]:
    return {"name": param.name, "default": param.default, "rule": param.rule, "help": param.help}
