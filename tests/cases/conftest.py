"""The numbered cases of the list of faults, as a user meets them: on the command line."""

import hashlib
import os
import subprocess
import sys

import pytest

OLD = b"precious"


def _found(path):
    """What is at a path: content, mode and time of change; of a link where it leads, of others what they are."""
    if path.is_symlink():
        return os.readlink(path)
    known = path.stat()
    if not path.is_file():
        return known.st_mode
    return hashlib.sha256(path.read_bytes()).hexdigest(), known.st_mode, known.st_mtime_ns


@pytest.fixture
def snapshot(tmp_path):
    """``snapshot()``: every file below the test's directory, hidden ones too."""
    return lambda: {str(path.relative_to(tmp_path)): _found(path) for path in sorted(tmp_path.rglob("*"))}


@pytest.fixture
def made(run):
    """``made(*args)``: a run that has to succeed without a word of warning."""

    def call(*args, **options):
        done = run(*args, **options)
        assert done.code == 0, done.err
        assert "warning: " not in done.err
        return done

    return call


@pytest.fixture
def refused(run, snapshot, tmp_path):
    """``refused(*args, named=…)``: the error of a run that must give none but one line, and change nothing.

    ``output`` is a file that is there, and that ``sample`` is told to replace.
    """

    def call(*args, named, output=None, stdin=b"", code=2):
        if output is not None:
            (tmp_path / output).write_bytes(OLD)
            os.utime(tmp_path / output, ns=(10**18, 10**18))
            args = (*args, "-o", output, "--force")
        before = snapshot()
        done = run(*args, stdin=stdin)
        assert (done.code, done.out) == (code, b""), done
        one_line(done.err, named)
        assert snapshot() == before
        return done.err.splitlines()[0].removeprefix("error: ")

    return call


def one_line(err, named):
    """Hold a message to its form: one error that names what is wrong, and perhaps a hint."""
    errors = [line for line in err.splitlines() if not line.startswith("hint: ")]
    assert len(errors) == 1, err
    assert errors[0].startswith("error: ")
    assert named in errors[0], errors[0]
    assert len(err.splitlines()) <= 2
    assert len(errors[0]) < 1000


@pytest.fixture
def says():
    """``says(err, named)``: that a message has its form, and names this."""
    return one_line


@pytest.fixture
def shell(tmp_path):
    """``shell(command, **environment)``: a command of sh, in processes of its own, in which $I is initgen."""

    def call(command, *, wait=60, **environment):
        return subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "I": f"{sys.executable} -m initgen", **environment},
            capture_output=True,
            timeout=wait,
        )

    return call


@pytest.fixture
def put(tmp_path, monkeypatch):
    """``put("s.toml", text or bytes)`` writes a file in the directory that the test runs in, and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return name

    return write
