"""The bytes of the native stream, version 1: these never change once released, on any machine, with any numpy.

A failure here is a broken promise, never a reason to make golden.json anew: what would change the bytes is a new version.
"""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import initgen

HERE = Path(__file__).parent
MAKE = HERE / "make_golden.py"
GOLDEN = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))

# Run by a Python whose numpy was told to use none of its dispatched instructions: proves that it does not.
GUARDED = """
import runpy, sys
from numpy._core._multiarray_umath import __cpu_features__ as features
left = [name for name in sys.argv[2:] if features[name]]
assert not left, f"numpy still uses {left}"
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def _printed(python, *args, **environment):
    """What make_golden.py prints in another Python."""
    run = subprocess.run(
        [python, *args],
        env={**os.environ, "PYTHONPATH": str(Path(initgen.__file__).parents[1]), "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_bytes_are_the_golden_ones():
    digests = runpy.run_path(str(MAKE))["digests"]()
    changed = [case for case in GOLDEN if digests.get(case) != GOLDEN[case]]
    assert not changed
    assert digests.keys() == GOLDEN.keys()


def test_the_bytes_are_the_same_without_simd():
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    used = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    if not used:
        pytest.skip("numpy dispatches to no instructions beyond its baseline on this machine")
    assert _printed(sys.executable, "-c", GUARDED, MAKE, *used, NPY_DISABLE_CPU_FEATURES=" ".join(used)) == GOLDEN


def test_the_guard_sees_simd():
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    used = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    if not used:
        pytest.skip("numpy dispatches to no instructions beyond its baseline on this machine")
    with pytest.raises(AssertionError, match="numpy still uses"):
        _printed(sys.executable, "-c", GUARDED, MAKE, *used, NPY_DISABLE_CPU_FEATURES="")


# The oldest numpy that initgen supports and that has builds for this Python, and the newest there is.
OLDEST = "2.0.*" if sys.version_info < (3, 13) else "2.1.*" if sys.version_info < (3, 14) else "2.3.*"


@pytest.mark.slow
@pytest.mark.parametrize("version", [f"numpy=={OLDEST}", "numpy"], ids=["oldest", "newest"])
def test_the_bytes_are_the_same_with_every_numpy(version, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", version, "ml_dtypes"], check=True)
    assert _printed(python, MAKE) == GOLDEN
