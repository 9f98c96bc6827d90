"""Specs as a user gives them: written to an empty directory and read by the command line, in this process."""

import io
import os
import signal
import time

import pytest

from initgen.cli import main


@pytest.fixture
def put(tmp_path, monkeypatch):
    """``put("s.toml", text or bytes)`` writes a file in the directory that the test runs in, and gives its name."""
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as file:
            file.write(data)
        return name

    return write


@pytest.fixture
def refused(put, tmp_path, monkeypatch, capsysbinary):
    """``refused(spec, *options)`` is the error and the hint of a run that must fail and leave nothing behind."""
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)  # pytest's own stay

    def run(*args, stdin=b"", output="out.safetensors"):
        before = sorted(tmp_path.rglob("*"))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        start = time.process_time()
        with pytest.raises(SystemExit) as left:
            main(["sample", *map(str, args), "-o", output])
        assert time.process_time() - start < 5
        out, err = capsysbinary.readouterr()
        assert (left.value.code, out) == (2, b"")
        assert sorted(tmp_path.rglob("*")) == before
        lines = err.decode().splitlines()
        assert lines[0].startswith("error: ")
        assert [line.partition(": ")[0] for line in lines[1:]] in ([], ["hint"])
        return lines[0].removeprefix("error: "), lines[1].removeprefix("hint: ") if lines[1:] else ""

    return run
