"""Writing as a process: limits and signals leave nothing behind, and a written file is what the array is."""

import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from initgen.core.errors import BadParameter, FormatError
from initgen.engine.write import array, differences, matches, stream, write
from initgen.formats import FORMATS
from initgen.specs.tensor import tensor_spec

SPEC = tensor_spec("he_uniform", (300, 400))
LARGE = ["--scheme", "he_normal", "--shape", "60000000", "--dtype", "float64", "--threads", "1", "--no-fsync"]


def sample(*options, **popen):
    return subprocess.Popen(
        [sys.executable, "-m", "initgen", "sample", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen
    )


def hear_signals():
    """Undo what nohup, or a shell in the background, has its children ignore."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_in_mid_write_leaves_what_was_there(number, old, tmp_path):
    path = tmp_path / "w.npy"
    if old:
        path.write_bytes(b"precious")
    process = sample(*LARGE, "-o", str(path), "--force", preexec_fn=hear_signals)
    deadline = time.monotonic() + 30
    while not any(name.startswith(".initgen-") for name in os.listdir(tmp_path)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == b""
    assert b"Traceback" not in err
    assert len(err.strip().splitlines()) <= 1
    assert os.listdir(tmp_path) == (["w.npy"] if old else [])
    assert not old or path.read_bytes() == b"precious"


def test_a_killed_write_leaves_the_old_file_and_the_next_one_works(tmp_path):
    path = tmp_path / "w.npy"
    path.write_bytes(b"precious")
    process = sample(*LARGE, "-o", str(path), "--force")
    while not any(name.startswith(".initgen-") for name in os.listdir(tmp_path)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert path.read_bytes() == b"precious"
    assert write([SPEC], str(path), FORMATS["npy"], force=True).action == "wrote"


@pytest.mark.parametrize("suffix", [".npy", ".safetensors", ".h5"])
@pytest.mark.parametrize("limit", [100, 10_000])
def test_a_limit_on_the_size_of_files_is_an_error_and_leaves_nothing(suffix, limit, tmp_path):
    path = tmp_path / f"w{suffix}"
    process = sample(
        *("--scheme", "he_uniform", "--shape", "100x64", "-o", str(path)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(f"error: {path}: ".encode())
    assert b"too large" in err
    assert len(err.splitlines()) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
@pytest.mark.parametrize("scheme", ["he_normal", "orthogonal", "constant:value=2"])
def test_what_was_written_matches_until_a_value_changes(form, scheme, tmp_path):
    form, path = FORMATS[form], str(tmp_path / "file")
    spec = tensor_spec(scheme, (30, 40))
    write([spec], path, form)
    assert matches([spec], path, form)
    (stored,) = form.read(path).tensors
    assert list(differences([spec], path, [stored.extent])) == []
    with open(path, "r+b") as file:
        for index in (700, 1100):
            at = stored.extent.offset + 4 * index
            os.pwrite(file.fileno(), bytes([os.pread(file.fileno(), 1, at)[0] ^ 1]), at)
    assert not matches([spec], path, form)
    (found,) = differences([spec], path, [stored.extent])
    assert (found.name, found.count, found.first) == ("weight", 2, 700)


OTHERS = [
    tensor_spec("he_uniform", (300, 400), seed=1),
    tensor_spec("he_uniform", (400, 300)),
    tensor_spec("he_uniform", (300, 400), dtype="float64"),
    tensor_spec("he_normal", (300, 400)),
    tensor_spec("he_uniform", (300, 400), layout="torch"),
]


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_another_description_does_not_match(form, other, tmp_path):
    form, path = FORMATS[form], str(tmp_path / "file")
    write([SPEC], path, form)
    assert not matches([other], path, form)


@pytest.mark.parametrize("form", [form.name for form in FORMATS])
def test_the_same_values_by_another_description_match_only_where_no_recipe_is_kept(form, tmp_path):
    path = str(tmp_path / "file")
    other = tensor_spec("variance_scaling:scale=2,mode=fan_in,distribution=uniform", (300, 400))
    assert array(other).tobytes() == array(SPEC).tobytes()
    write([SPEC], path, FORMATS[form])
    assert matches([other], path, FORMATS[form]) == (not FORMATS[form].carries_recipe)


def test_another_spelling_of_the_same_header_is_not_the_same_file(tmp_path):
    path = tmp_path / "file"
    write([SPEC], str(path), FORMATS["npy"])
    path.write_bytes(path.read_bytes().replace(b"'descr'", b'"descr"'))
    np.testing.assert_array_equal(np.load(path), array(SPEC))
    assert not matches([SPEC], str(path), FORMATS["npy"])


@pytest.mark.parametrize("form", ["npy", "safetensors"])
def test_a_stream_has_the_bytes_of_the_file(form, tmp_path):
    path = tmp_path / "file"
    write([SPEC], str(path), FORMATS[form])
    assert b"".join(stream([SPEC], FORMATS[form])) == path.read_bytes()


def test_a_format_that_has_no_stream_says_so():
    with pytest.raises(FormatError, match="cannot be streamed"):
        list(stream([SPEC], FORMATS["hdf5"]))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "float8_e4m3fn"])
def test_progress_adds_up_to_all_bytes(dtype, told, tmp_path):
    seen = []
    spec = tensor_spec("he_uniform", (1000, 300), dtype=dtype)
    written = write([spec], str(tmp_path / "w.safetensors"), FORMATS["safetensors"], progress=told(seen.append))
    assert sum(seen) == spec.nbytes
    assert written.nbytes == os.stat(written.path).st_size
    np.testing.assert_array_equal(array(spec).shape, (1000, 300))


OVERFLOWS = [
    ("constant:value=70000", "float16"),
    ("random_normal:stddev=100000", "float16"),
    ("orthogonal:gain=1e6", "float16"),
    ("identity:gain=500", "float8_e4m3fn"),
    ("random_uniform:minval=-1e100,maxval=1e100", "float32"),
    ("random_normal:stddev=1e-30", "float8_e5m2"),
]


@pytest.mark.parametrize(("scheme", "dtype"), OVERFLOWS)
def test_what_the_dtype_cannot_hold_is_refused_and_nothing_is_created(scheme, dtype, tmp_path):
    with pytest.raises(BadParameter, match=dtype):
        write([tensor_spec(scheme, (4, 4), dtype=dtype)], str(tmp_path / "w.h5"), FORMATS["hdf5"])
    assert os.listdir(tmp_path) == []
