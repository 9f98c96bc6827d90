"""Reading in another process: its answers and errors come as they are, and its end is an error that names the file."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from initgen.core.errors import FormatError
from initgen.engine import apart as module
from initgen.engine.apart import apart
from initgen.engine.processes import LINUX

pytestmark = pytest.mark.skipif(not LINUX, reason="elsewhere there is no such process")


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
    """A process of this test's own; the test runner's threads do nothing meanwhile."""
    monkeypatch.setattr(module, "_reader", None)
    monkeypatch.setattr(module.threading, "active_count", lambda: 1)
    yield
    if module._reader:
        module._reader.end()


def process(path):
    return os.getpid()


def echo(path, *given):
    return [path, *given]


def array(path, dtype):
    return np.arange(24, dtype=dtype).reshape(2, 3, 4)[:, :, ::2]


def nothing(path):
    return np.empty((0, 3), "V2")


def refuse(path):
    raise FormatError(f"{path}: no", "a hint")


def crash(path):
    os.kill(os.getpid(), signal.SIGSEGV)


def spin(path):
    while True:
        pass


def fill(path):
    return len(np.ones(1 << 33, np.uint8))


def limits(path):
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE)[0]


def test_one_process_reads_all(tmp_path):
    found = {apart(process, str(tmp_path / name)) for name in "abc"}
    assert len(found) == 1
    assert os.getpid() not in found


def test_arrays_and_errors_come_as_they_are(tmp_path):
    assert apart(echo, "p", "größe\udcff\n", 3) == ["p", "größe\udcff\n", 3]
    for dtype in ("<f4", ">f8", "i1"):
        found = apart(array, "p", dtype)
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(found, array("p", dtype))
    assert apart(nothing, "p").shape == (0, 3)
    with pytest.raises(FormatError, match="p: no") as error:
        apart(refuse, "p")
    assert error.value.hint == "a hint"
    assert apart(limits, "p") == 0


def test_a_crash_is_an_error_that_names_the_file_and_the_next_file_is_read(tmp_path):
    with pytest.raises(FormatError) as error:
        apart(crash, "bad.h5")
    assert error.value.message == "bad.h5: HDF5 crashed on it (SIGSEGV)"
    assert apart(echo, "good.h5") == ["good.h5"]


def test_what_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 1)
    with pytest.raises(FormatError, match=r"bad\.h5: HDF5 went on reading it without an end"):
        apart(spin, "bad.h5")


def test_what_asks_for_memory_without_end_gets_none():
    with pytest.raises(MemoryError):
        apart(fill, "bad.h5")


def test_no_file_of_this_process_is_held_open_there(tmp_path):
    with open(tmp_path / "mine", "w") as file:
        names = apart(opened, "p")
        assert file.name not in names


def opened(path):
    return [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]


RUN = """
import os, sys
from initgen.cli import script
from initgen.formats import hdf5_tree
def spin(path, *given):
    print(os.getpid(), flush=True)
    while True:
        pass
import initgen.formats.hdf5 as hdf5
hdf5.listed = spin
sys.modules["spinning"] = sys.modules["__main__"]
sys.argv = ["initgen", "stats", sys.argv[1]]
script()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_can_be_ended_while_hdf5_spins_and_takes_the_reader_with_it(number, tmp_path):
    path = tmp_path / "bad.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
    with subprocess.Popen([sys.executable, "-c", RUN, str(path)], stdout=subprocess.PIPE, text=True) as run:
        reader = int(run.stdout.readline())
        assert reader != run.pid
        run.send_signal(number)
        run.wait(20)
    for _ in range(100):
        if not os.path.exists(f"/proc/{reader}"):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the reader goes on")


def test_the_command_reads_hdf5_in_a_process_of_its_own(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file["w"] = np.arange(600.0, dtype="f4").reshape(20, 30)
        file.create_dataset("z", data=np.arange(600.0, dtype=">f4"), chunks=(60,), compression="gzip")
    script = (
        "import os, sys; from initgen.cli import script; sys.argv[0] = 'initgen'; first, end = os.getpid(), os._exit\n"
        "def left(code):\n"
        "    if os.getpid() == first: print('h5py' in sys.modules, flush=True)\n"
        "    end(code)\n"
        "os._exit = left; script()"
    )
    run = subprocess.run([sys.executable, "-c", script, "stats", str(path)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "20x30" in run.stdout
    assert run.stdout.splitlines()[-1] == "False"


def lost(path):
    open(path).close()


def test_a_fault_of_the_system_comes_as_it_is():
    with pytest.raises(FileNotFoundError) as caught:
        apart(lost, "/nowhere/w.h5")
    assert caught.value.filename == "/nowhere/w.h5"
    assert process("") != apart(process, "")
