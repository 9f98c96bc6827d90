"""Arrays that the frameworks themselves made, and which dialects have to make again; each file says what made it."""

import hashlib
import json
from pathlib import Path

import ml_dtypes  # noqa: F401  gives numpy the name bfloat16
import numpy as np
import pytest
from safetensors import safe_open

from initgen.engine.write import array
from initgen.specs.tensor import tensor_spec
from initgen.streams.dialects import DIALECTS

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.safetensors"))


def _read(path):
    """The cases of a file, each with its array, or with None where only a digest of it is kept."""
    with safe_open(path, "np") as file:
        said = json.loads(file.metadata()["golden"])
        kept = set(file.keys())
        return said, {
            name: (case, file.get_tensor(name) if name in kept else None) for name, case in said["cases"].items()
        }


def _drawn(stream, case, threads=None):
    options = {key: case[key] for key in ("params", "dtype", "layout", "seed", "fan_in", "fan_out") if key in case}
    return array(tensor_spec(case["scheme"], tuple(case["shape"]), stream=stream, **options), threads)


def test_every_dialect_has_a_golden_file_and_together_they_are_small():
    assert {path.stem for path in FILES} == set(DIALECTS)
    assert sum(path.stat().st_size for path in FILES) < 3_000_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialect_draws_what_the_framework_drew(path):
    said, cases = _read(path)
    assert said["made"]
    assert said["versions"]
    wrong = []
    for name, (case, wanted) in cases.items():
        got = _drawn(path.stem, case)
        if wanted is None:
            same = hashlib.sha256(got.tobytes()).hexdigest() == case["sha256"]
        elif "atol" in case:
            assert got.shape == wanted.shape
            same = np.allclose(got.astype(np.float64), wanted.astype(np.float64), rtol=0, atol=case["atol"])
        else:
            same = (got.shape, got.dtype, got.tobytes()) == (wanted.shape, wanted.dtype, wanted.tobytes())
        if not same:
            wrong.append(name)
    assert not wrong, f"{len(wrong)} of {len(cases)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_orthogonal_matrices_are_within_a_tolerance(path):
    _, cases = _read(path)
    assert {case["scheme"] for case, _ in cases.values() if "atol" in case} <= {"orthogonal"}
    assert len(cases) >= 40
