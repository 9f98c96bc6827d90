"""Directories of files when the system fails: whole files, no index that names a mixture, no temporary, and one message."""

import builtins
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from initgen.core.errors import FormatError, OutputError
from initgen.engine.directory import write_plan
from initgen.engine.files import plan_files
from initgen.specs.tensor import tensor_spec

INDEX = "model.safetensors.index.json"


def make(path, kind="shards", seed=0, size=2400, **options):
    specs = [tensor_spec("he_uniform", (20, 30), name=name, seed=seed) for name in ("a/x", "a/y", "b")]
    form, shard = ("npy", None) if kind == "arrays" else (None, size)
    return write_plan(plan_files(specs, f"{path}/", form, shard), threads=1, **options)


def snapshot(top):
    """Every file below a directory, hidden ones too."""
    found = {}
    for inside, folders, files in os.walk(top):
        for name in folders:
            assert ".initgen-" not in name
        for name in files:
            path = os.path.join(inside, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, top)] = file.read()
    return found


@pytest.fixture(params=["shards", "arrays"])
def kind(request):
    return request.param


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_still_takes_the_set(code, kind, tmp_path, monkeypatch):
    def link(*args, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    assert make(tmp_path, kind).action == "wrote"
    assert len(snapshot(tmp_path)) == (4 if kind == "shards" else 3)
    assert make(tmp_path, kind).action == "unchanged"


class Failing:
    """A function of a module that fails once, at the n-th call that is not for cleaning up."""

    def __init__(self, real, code, number):
        self.real, self.code, self.left, self.reached = real, code, number, False

    def __call__(self, *args, **options):
        if "dir_fd" not in options:  # with which shutil.rmtree calls
            self.left -= 1
            if self.left == 0:
                self.reached = True
                raise OSError(self.code, os.strerror(self.code))
        return self.real(*args, **options)


# What each way of writing calls, besides what all do.
ALL = {"mkdir", "open", "builtins.open", "posix_fallocate", "pwrite", "fsync"}
WAYS = {
    "a new directory": ALL | {"rename"},
    "one that is there": ALL | {"link"},
    "force over another set": ALL | {"replace", "chmod"},
    "force over files of the same names": ALL | {"replace", "chmod"},
}
ONLY_SHARDS = {way: {"unlink"} for way in WAYS if way.startswith("force")}
FAILURES = [
    *(
        (call, errno.ENOSPC)
        for call in ("mkdir", "open", "builtins.open", "posix_fallocate", "pwrite", "link", "rename")
    ),
    *((call, errno.EIO) for call in ("pwrite", "fsync", "replace", "unlink")),
    *((call, errno.EACCES) for call in ("mkdir", "open", "rename", "replace", "chmod")),
]


def prepared(top, way, kind):
    """A directory in the state before, and whether to use force."""
    if way != "a new directory":
        top.mkdir()
        (top / "config.json").write_text("{}")
    if way.startswith("force"):
        make(top, kind, seed=1, size=4800 if way == "force over another set" else 2400, fsync=False)
    return way.startswith("force")


def check_state(top, before, after):
    """Each name has a whole old or a whole new file, and an index names files of one set only."""
    found = snapshot(top) if top.exists() else {}
    for name, raw in found.items():
        assert raw in (before.get(name), after.get(name)), name
    assert "config.json" not in before or "config.json" in found
    if INDEX in found:
        named = {INDEX, *json.loads(found[INDEX])["weight_map"].values()}
        of = [side for side in (before, after) if all(name in side and found.get(name) == side[name] for name in named)]
        assert of, "the index names a mixture"
    return found


@pytest.mark.parametrize(("call", "code"), FAILURES, ids=lambda value: errno.errorcode.get(value, value))
@pytest.mark.parametrize("way", WAYS)
def test_case_34_a_failure_anywhere_leaves_whole_files_and_no_mixture(way, call, code, kind, tmp_path, monkeypatch):
    if call != "fsync":
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # it takes its time
    make(tmp_path / "clean", kind)
    after = snapshot(tmp_path / "clean")
    module, name = (builtins, "open") if call == "builtins.open" else (os, call)
    real = getattr(module, name)
    for number in range(1, 100):
        top = tmp_path / f"m{number}"
        force = prepared(top, way, kind)
        before = snapshot(top) if top.exists() else {}
        failing = Failing(real, code, number)
        with monkeypatch.context() as patch:
            patch.setattr(module, name, failing)
            try:
                said = make(top, kind, force=force).action
            except OutputError as error:
                said = error.message
        found = check_state(top, before, after)
        assert not any(".initgen-" in left for left in os.listdir(tmp_path))
        if not failing.reached:
            break
        if said == "wrote":
            assert call == "mkdir"  # of a directory that is there, which is no harm
            continue
        assert said.replace("/: ", ": ") == f"{top}: {os.strerror(code)}"
        if not force and call not in ("fsync", "open"):  # these are also called when all is done
            assert found == before
        assert make(top, kind, force=True).action == "wrote"
    assert said == "wrote"
    assert {k: v for k, v in found.items() if k != "config.json"} == after
    expected = WAYS[way] | (ONLY_SHARDS.get(way, set()) if kind == "shards" else set())
    assert (number > 1) == (call in expected)


def test_case_31_of_two_writers_with_force_one_set_is_there_and_no_mixture(kind, tmp_path, monkeypatch):
    real, begun, done, said = os.replace, threading.Event(), threading.Event(), {}

    def slowly(*paths):
        real(*paths)
        if threading.current_thread().name == "1" and not begun.is_set():
            begun.set()
            done.wait(0.3)  # the other may do all it has to do now, if it is let

    def run(seed):
        try:
            said[seed] = make(tmp_path / "m", kind, seed=seed, force=True, fsync=False).action
        except Exception as error:
            said[seed] = repr(error)
        done.set()

    sets = []
    for seed in (1, 2):
        make(tmp_path / f"clean{seed}", kind, seed=seed)
        sets.append(snapshot(tmp_path / f"clean{seed}"))
    make(tmp_path / "m", kind, seed=3)
    monkeypatch.setattr(os, "replace", slowly)
    threads = [threading.Thread(target=run, args=[seed], name=str(seed)) for seed in (1, 2)]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert said == {1: "wrote", 2: "wrote"}
    assert snapshot(tmp_path / "m") in sets


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_case_33_a_directory_that_is_closed_is_refused_at_once(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("initgen.engine.directory.local", None)  # nothing is drawn for it
    tmp_path.chmod(0o500)
    for path in (tmp_path, tmp_path / "m"):
        with pytest.raises(OutputError, match="not writable"):
            make(path, kind, force=True)


def test_case_47_a_header_that_is_too_long_is_refused_with_its_size_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("initgen.formats.safetensors._MAX_HEADER", 200)
    monkeypatch.setattr("initgen.engine.write.put", None)
    for path in (tmp_path / "m", tmp_path):
        with pytest.raises(FormatError, match=r"header would be \d+ bytes; the most is 200"):
            make(path, "shards", fsync=False)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc, which Linux has")
@pytest.mark.parametrize("way", WAYS)
def test_every_file_is_flushed_before_it_gets_its_name_and_the_directory_after(way, kind, tmp_path, monkeypatch):
    events = []

    def flushed(descriptor):
        events.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))

    force = prepared(tmp_path / "m", way, kind)
    monkeypatch.setattr(os, "fsync", flushed)
    for name in ("rename", "replace", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *paths, real=real: events.append("named") or real(*paths))
    make(tmp_path / "m", kind, force=force)
    files = {os.path.basename(name) for name in snapshot(tmp_path / "m")} - {"config.json"}
    first = events.index("named")
    assert files <= set(events[:first])
    after = events[len(events) - events[::-1].index("named") :]
    assert tmp_path.name in after
    assert "m" in after or (way == "a new directory" and any(".initgen-" in name for name in events[:first]))
    events.clear()
    make(tmp_path / "n", kind, fsync=False)
    assert set(events) == {"named"}


LARGE = """dtype = "float64"
[tensors]
"a" = { shape = [20000000], scheme = "random_normal" }
"b" = { shape = [20000000], scheme = "random_normal" }
"""


def sample(spec, top, *options, **popen):
    spec.write_text(LARGE)
    command = [sys.executable, "-m", "initgen", "sample", str(spec), "-o", f"{top}/", "--force", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)


@pytest.mark.parametrize("old", [True, False])
def test_case_37_a_signal_in_mid_write_leaves_what_was_there(old, kind, tmp_path):
    top = tmp_path / "top" / "m"
    top.parent.mkdir()
    if old:
        make(top, kind)
    before = snapshot(top)
    form = ["--format", "npy"] if kind == "arrays" else ["--max-shard-size", "100MB"]
    process = sample(
        *(tmp_path / "m.toml", top, "--threads", "1", "--no-fsync", *form),
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while not any(".initgen-" in name for name in os.listdir(top if old else top.parent)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + signal.SIGTERM, b"")
    assert b"Traceback" not in err
    assert snapshot(top.parent) == {f"m/{name}": raw for name, raw in before.items()}


def test_case_35_a_limit_on_the_size_of_files_is_an_error_and_leaves_nothing(kind, tmp_path):
    form = ["--format", "npy"] if kind == "arrays" else ["--max-shard-size", "100MB"]
    process = sample(
        *(tmp_path / "m.toml", tmp_path / "m", *form),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert err == f"error: {tmp_path}/m: File too large\n".encode()
    assert os.listdir(tmp_path) == ["m.toml"]


def test_a_signal_waits_until_all_files_have_their_names(kind, tmp_path, monkeypatch):
    class Ended(BaseException):
        pass

    def end(number, frame):
        raise Ended

    def replace(source, target):
        os.kill(os.getpid(), signal.SIGTERM)
        os.rename(source, target)

    make(tmp_path / "m", kind)
    make(tmp_path / "new", kind, seed=1)
    before = signal.signal(signal.SIGTERM, end)
    try:
        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(Ended):
            make(tmp_path / "m", kind, seed=1, force=True)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert snapshot(tmp_path / "m") == snapshot(tmp_path / "new")
