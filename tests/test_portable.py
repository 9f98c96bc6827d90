"""The same digests whatever the environment; `portable.py` holds any machine to them, and is run here where it is odd."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import initgen

PORTABLE = Path(__file__).parent / "portable.py"
ROOT = Path(initgen.__file__).parents[1]
# Characters of the locale are lost on it, and Python is not to make good for that.
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ODD = ASCII | {
    "PYTHONIOENCODING": "ascii:strict",
    "PYTHONHASHSEED": "random",
    "PYTHONWARNINGS": "error",
    "TMPDIR": "/nowhere",
    "TZ": "Nowhere/Odd+25",
    "SOURCE_DATE_EPOCH": "yesterday",
    "COLUMNS": "-1",
    "TERM": "",
}
# One that has no file mode that stops it, as root, gives that up.
BOUND = (
    ["setpriv", "--bounding-set=-all"]
    if hasattr(os, "geteuid") and not os.geteuid() and shutil.which("setpriv")
    else []
)


def run(*args, without=(), cwd=None, bound=False, **environment):
    inherited = {
        name: value for name, value in os.environ.items() if name not in without and not name.startswith("LC_")
    }
    return subprocess.run(
        [*(BOUND if bound else ()), sys.executable, *map(str, args)],
        env=inherited | {"PYTHONPATH": str(ROOT)} | environment,
        cwd=cwd,
        capture_output=True,
        timeout=300,
        **({"umask": 0o077} if os.name == "posix" else {}),
    )


def is_same(done):
    last = done.stdout.decode(errors="replace").splitlines()[-1:]
    assert done.returncode == 0, (done.stdout, done.stderr)
    same, count = last[0].split(" (")[0].removeprefix("same: ").split(" of ")
    assert same == count != "0"


def test_the_digests_are_the_same_without_simd_threads_and_asserts():
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    is_same(
        run(
            PORTABLE,
            "--only",
            "[!cr]*",
            NPY_DISABLE_CPU_FEATURES=" ".join(name for name in __cpu_dispatch__ if __cpu_features__[name]),
            OMP_NUM_THREADS="1",
            OPENBLAS_NUM_THREADS="1",
            PYTHONHASHSEED="0",
            PYTHONOPTIMIZE="2",
        )
    )


@pytest.mark.skipif(os.name != "posix", reason="a locale and a read-only directory of POSIX")
def test_the_digests_are_the_same_in_an_odd_environment(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    is_same(run(PORTABLE, "--only", "[crw]*", without=("HOME", "USER"), cwd=closed, bound=True, **ODD))
    assert not list(closed.iterdir())


def test_the_digests_are_the_same_for_an_isolated_python_that_takes_warnings_for_errors():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import runpy; sys.argv[1:] = ['--only', 'native: *float*']; "
    )
    is_same(run("-I", "-W", "error", "-c", f"{code}runpy.run_path({str(PORTABLE)!r}, run_name='__main__')"))


def test_a_digest_that_differs_is_seen(tmp_path):
    for name in ("portable.py", "streams/make_golden.py", "streams/golden.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PORTABLE.parent / name, tmp_path / name)
    table = json.loads((PORTABLE.parent / "portable.json").read_text(encoding="utf-8"))
    table["native: he_normal: float32"] = "0" * 64
    del table["native: he_normal: float16"]
    (tmp_path / "portable.json").write_text(json.dumps(table))
    done = run(tmp_path / "portable.py", "--only", "native: he_normal: float[13]*")
    assert done.returncode == 1
    assert b"DIFFERS 'native: he_normal: float32'" in done.stdout
    assert b"same: 0 of 2" in done.stdout


SPEC = '[tensors]\n"größe\U0001f600" = { shape = [4, 3], scheme = "he_uniform" }\n'


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are in UTF-8 whatever the locale")
def test_names_that_the_locale_cannot_say_stay_what_they_are(tmp_path):
    (tmp_path / "m.toml").write_text(SPEC, encoding="utf-8")

    def ask(*args, code=0):
        done = run("-m", "initgen", *args, cwd=tmp_path, **ASCII)
        assert done.returncode == code, done.stderr
        return done.stdout

    path = "päth.npz"
    (said,) = json.loads(ask("sample", "m.toml", "-o", path, "--json"))["tensors"]
    assert said["name"] == "größe\U0001f600"
    assert (tmp_path / path).exists()
    (tmp_path / "derived.toml").write_bytes(ask("spec", path))
    assert [spec.name for spec in initgen.model(tmp_path / "derived.toml", rules=["*=zeros"])] == [said["name"]]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are in UTF-8 whatever the locale")
@pytest.mark.parametrize("options", [(), ("--shard", "1/1")])
def test_a_tensor_whose_file_the_locale_cannot_name_is_an_error_of_one_line(options, tmp_path):
    (tmp_path / "m.toml").write_text(SPEC, encoding="utf-8")
    done = run("-m", "initgen", "sample", "m.toml", "-o", "d/", "--format", "npy", *options, cwd=tmp_path, **ASCII)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: name = ")
    assert done.stderr.count(b"\n") == 2
    assert [path.name for path in tmp_path.iterdir()] == ["m.toml"]


@pytest.mark.parametrize("command", [(), ("sample",)])
def test_help_needs_neither_docstrings_nor_a_home(command, tmp_path):
    done = run("-OO", "-m", "initgen", *command, "--help", without=("HOME",), cwd=tmp_path, **ASCII)
    assert done.returncode == 0, done.stderr
    assert b"Usage: initgen" in done.stdout
    assert not done.stderr
