"""Results as JSON: one document, plain names, null where there is no number."""

import json
import math
from collections.abc import Sequence
from typing import Any

from initgen.checks.stats import FileStats
from initgen.checks.tensor import TensorStats
from initgen.checks.verify import Verified
from initgen.core.params import Param
from initgen.engine.write import Written
from initgen.laws import Law
from initgen.schemes import Scheme
from initgen.specs.tensor import TensorSpec


def dumps(value: Any) -> str:
    """JSON text; NaN and infinities become null, which JSON has no other word for."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)


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
        "scheme": spec.scheme.name,
        "params": dict(spec.params),
        "seed": spec.seed,
        "layout": spec.kernel.layout,
        "fan_in": spec.fans.fan_in if spec.fans else None,
        "fan_out": spec.fans.fan_out if spec.fans else None,
        "law": str(made),
    }
    if isinstance(made, Law):
        low, high = made.support
        described |= {"mean": made.mean, "std": made.std, "low": low, "high": high}
    return described


def of_written(written: Written, spec: TensorSpec) -> dict[str, Any]:
    """What became of an output."""
    return {"path": written.path, "action": written.action, "file_bytes": written.nbytes, "tensors": [of_spec(spec)]}


def _passed(files: Sequence[FileStats | Verified], complete: bool) -> bool | None:
    """Of all files; None where all that could be answered passed, and some could not."""
    return (True if complete else None) if all(file.passed for file in files) else False


def of_stats(files: list[FileStats], *, complete: bool) -> dict[str, Any]:
    """The answer of `stats`; ``complete`` where no file was without one."""
    return {
        "passed": _passed(files, complete),
        "files": [
            {
                "path": file.path,
                "passed": file.passed,
                "checked": file.checked,
                "false_alarm": file.false_alarm,
                "equal": file.equal,
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
        "problem": tensor.problem or None,
        "looks_like": tensor.looks_like,
        "tests": [
            {"name": t.name, "measured": t.measured, "expected": t.expected, "p_at_most": t.p, "passed": t.passed}
            for t in tensor.tests
        ],
    }


def of_verified(files: list[Verified], *, complete: bool) -> dict[str, Any]:
    """The answer of `verify`; ``complete`` where no file was without one."""
    return {
        "passed": _passed(files, complete),
        "files": [
            {
                "path": file.path,
                "passed": file.passed,
                "tensors": file.tensors,
                "problems": file.problems,
                "rounded": file.rounded,
            }
            for file in files
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


def _of_param(param: Param) -> dict[str, Any]:
    return {"name": param.name, "default": param.default, "rule": param.rule, "help": param.help}
