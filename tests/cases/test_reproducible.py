"""Cases 58 to 61, and 65: the same bytes wherever and however; arrays in any order; dependencies that are not there."""

import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

RIGHT = ("sample", "--scheme", "random_normal", "--shape", "300x400", "--seed", "7")
PLAIN = np.random.default_rng(0).normal(0, 0.05, (24, 36)).astype(np.float32)


def _read_only():
    array = PLAIN.copy()
    array.flags.writeable = False
    return array


ARRAYS = {
    "Fortran order": lambda: np.asfortranarray(PLAIN),
    "transposed": lambda: np.ascontiguousarray(PLAIN.T).T,
    "strided": lambda: np.repeat(np.repeat(PLAIN, 2, 0), 3, 1)[::2, ::3],
    "negative strides": lambda: np.ascontiguousarray(PLAIN[::-1, ::-1])[::-1, ::-1],
    "read-only": _read_only,
    "big-endian": lambda: PLAIN.astype(">f4"),
    "big-endian in Fortran order": lambda: np.asfortranarray(PLAIN.astype(">f4")),
    "a view into bytes": lambda: np.frombuffer(b"!" + PLAIN.tobytes(), np.uint8)[1:].view("<f4").reshape(PLAIN.shape),
    "broadcast": lambda: np.broadcast_to(PLAIN[:1], PLAIN.shape),
}


def _save(path, array):
    if path.endswith(".npy"):
        np.save(path, array)
    elif path.endswith(".npz"):
        np.savez(path, array=array)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["array"] = array


@pytest.mark.parametrize("path", ["w.npy", "w.npz", "w.h5"])
@pytest.mark.parametrize("case", ARRAYS)
def test_case_58_an_array_in_any_order_is_read_to_the_bit(case, path, made):
    """No command takes arrays; what others write of them is what there is to read."""
    array = ARRAYS[case]()
    made("schemes", "zeros")  # the fixture's directory
    _save(path, array)
    np.save("plain.npy", np.ascontiguousarray(array, "<f4"))
    made("diff", path, "plain.npy")
    shown = [json.loads(made("stats", name, "--json").out)["files"][0]["tensors"][0] for name in (path, "plain.npy")]
    assert [found["std"] for found in shown] == [shown[0]["std"]] * 2
    assert shown[0]["shape"] == [24, 36]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("path", ["w.npy", "w.npz", "w.safetensors", "w.h5"])
def test_case_58_what_is_written_is_what_is_drawn_to_the_bit(path, dtype, made):
    scheme = "arange" if dtype == "int64" else "he_uniform"
    given = ("sample", "--scheme", scheme, "--shape", "70x90", "--dtype", dtype)
    streamed = np.load(io.BytesIO(made(*given).out))
    made(*given, "-o", path)
    if path == "w.npz":
        with np.load(path) as archive:
            read = archive["weight"]
    elif path == "w.safetensors":
        from safetensors.numpy import load_file

        read = load_file(path)["weight"]
    elif path == "w.h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path) as file:
            read = file["weight"][()]
    else:
        read = np.load(path)
    assert (read.dtype, read.shape) == (streamed.dtype, streamed.shape)
    assert read.tobytes() == streamed.tobytes()


def test_case_59_the_same_command_in_another_place_makes_the_same_file(put, made, shell):
    """Other directory, time zone, language, umask, hashes, home, buffering; and twice."""
    there = put("elsewhere/w.safetensors", "old")
    made(*RIGHT, "-o", "w.safetensors")
    changed = {"TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8", "LC_ALL": "C", "HOME": "/nonexistent"}
    changed |= {"PYTHONHASHSEED": "1", "PYTHONUTF8": "0", "PYTHONUNBUFFERED": "1"}
    changed["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = shell(f"cd elsewhere && umask 077 && $I {' '.join(RIGHT)} --force -o w.safetensors", **changed)
    assert done.returncode == 0, done.stderr
    assert Path(there).read_bytes() == Path("w.safetensors").read_bytes()


@pytest.mark.parametrize("path", ["w.npy", "w.npz", "w.safetensors", "w.h5"])
def test_case_59_threads_change_no_byte(path, tmp_path, made):
    for threads in (1, 8):
        made(*RIGHT, "--threads", threads, "-o", f"{threads}{path}")
    assert (tmp_path / f"1{path}").read_bytes() == (tmp_path / f"8{path}").read_bytes()


def _model(*names):
    return json.dumps({"seed": 3, "tensors": {name: {"shape": [40, 30], "scheme": "he_normal"} for name in names}})


def _digests(text):
    return sorted(line for line in text.decode().splitlines() if line.startswith("# "))


def test_case_59_neither_order_nor_files_change_a_tensor(tmp_path, put, made):
    put("ab.json", _model("b", "a", "c.10", "c.2"))
    put("ba.json", _model("c.2", "c.10", "a", "b"))
    put("range.json", _model("c.{2,10}", "{a,b}"))
    for name in ("ab", "ba", "range"):
        made("sample", f"{name}.json", "-o", f"{name}.safetensors")
    assert len({(tmp_path / f"{name}.safetensors").read_bytes() for name in ("ab", "ba", "range")}) == 1
    told = [
        _digests(made("sample", "ab.json", "--digest", "-o", output, *more).out)
        for output, *more in (("w.safetensors",), ("shards/", "--max-shard-size", "5kB"), ("w.h5",), ("w.npz",))
    ]
    assert len(os.listdir("shards")) == 5
    assert len(told[0]) == 4
    assert told == [told[0]] * 4
    made("diff", "w.safetensors", "shards/")
    made("diff", "w.safetensors", "w.h5")


def test_case_59_a_tensor_more_changes_no_other(put, made):
    put("two.json", _model("a", "b"))
    put("three.json", _model("a", "aa", "b"))
    two, three = (set(_digests(made("sample", f"{name}.json", "--digest").out)) for name in ("two", "three"))
    assert two < three


CLOCKS = {"1970": 0.0, "far future": 1e11}


@pytest.mark.parametrize("case", CLOCKS)
def test_case_61_the_clock_changes_no_byte(case, tmp_path, made, monkeypatch):
    outputs = ("w.npy", "w.npz", "w.safetensors", "w.h5", "w.html", "w.xml")

    def files(prefix):
        for output in outputs[:4]:
            made(*RIGHT, "-o", prefix + output)
        made("stats", "0w.npy", "--html", prefix + "w.html", "--junit", prefix + "w.xml")
        return [(tmp_path / (prefix + output)).read_bytes() for output in outputs]

    now = files("0")
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: CLOCKS[case])
        patch.setattr(time, "localtime", lambda *_: time.gmtime(0))
        then = files("1")
    assert now == then


EPOCHS = [("pdf", "junk"), ("html", "junk")]
MORE = [("svg", "junk"), ("png", "junk"), *(("pdf", epoch) for epoch in ("", "-1", "1e9", "99999999999999999999", "0"))]


@pytest.mark.parametrize(
    ("suffix", "epoch"), [*EPOCHS, *(pytest.param(*each, marks=pytest.mark.slow) for each in MORE)]
)
def test_case_61_a_date_for_sources_changes_no_byte_whatever_it_is(suffix, epoch, tmp_path, made, monkeypatch):
    """Neither files nor reports have a date. matplotlib reads it all the same, when it makes a PDF."""
    if suffix in ("pdf", "svg", "png"):
        pytest.importorskip("matplotlib")
    option = "--html" if suffix == "html" else "--plot"
    made("sample", "-s", "zeros", "--shape", "3", "-o", "w.npy")
    made("stats", "w.npy", option, f"a.{suffix}")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    made("stats", "w.npy", option, f"b.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    assert os.environ["SOURCE_DATE_EPOCH"] == epoch
    made("sample", "-s", "zeros", "--shape", "3", "--check", "-o", "w.npy")


# What is missing, and what needs it; the first have to be there, the others are extras of the package.
MISSING = {
    "h5py": (("-o", "w.h5"), "h5py cannot be loaded", "pip install --force-reinstall initgen"),
    "fsspec": (("-o", "s3://bucket/w.npy"), "s3://bucket/w.npy", "initgen[remote]"),
    "distributed": (("--dask", "tcp://127.0.0.1:1", "-o", "w.npy"), "--dask", "initgen[dask]"),
}


@pytest.fixture
def without(monkeypatch):
    """``without("h5py")``: as if it were not installed."""

    def call(name):
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, name, None)

    return call


@pytest.mark.parametrize("name", MISSING)
def test_case_65_what_is_not_installed_is_said_with_what_installs_it(name, without, run, snapshot, says):
    args, named, hint = MISSING[name]
    without(name)
    done = run(*RIGHT, *args)
    assert (done.code, done.out, snapshot()) == (2, b"", {})
    says(done.err, named)
    assert hint in done.err.splitlines()[1]


def test_case_65_so_it_is_in_a_process_that_never_had_it(put, shell, says):
    put("ml_dtypes.py", "raise ModuleNotFoundError(\"No module named 'ml_dtypes'\", name='ml_dtypes')")
    done = shell(f"$I {' '.join(RIGHT)} --dtype bfloat16 -q -o w.safetensors && $I stats w.safetensors; echo $?")
    assert done.stdout == b"2\n"
    says(done.stderr.decode(), "ml_dtypes cannot be loaded: No module named 'ml_dtypes'")


@pytest.mark.parametrize("command", ["stats", "probe"])
def test_case_65_so_it_is_where_pictures_need_matplotlib(command, made, without, refused):
    made(*RIGHT, "-o", "w.npy")
    without("matplotlib")
    given = ("stats", "w.npy") if command == "stats" else ("probe", "--depth", "2", "--width", "8")
    refused(*given, "--plot", "w.png", named="--plot needs matplotlib")


def test_case_65_who_does_not_need_it_does_not_miss_it(made, without):
    for name in ("h5py", "ml_dtypes", "fsspec", "distributed", "matplotlib", "rich", "safetensors"):
        without(name)
    made(*RIGHT, "-o", "w.npy")
    made(*RIGHT, "--check", "-o", "w.npy")
