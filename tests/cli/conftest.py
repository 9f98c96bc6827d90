"""The command line, run inside the test's own process and directory."""

import io
import signal
from dataclasses import dataclass

import pytest

from initgen.cli import main


@dataclass
class Run:
    """What a run of the command line left behind."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


@pytest.fixture
def run(tmp_path, monkeypatch, capsysbinary):
    """``run(*args, stdin=b"")`` in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)  # pytest's own stay

    def call(*args, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        out, err = capsysbinary.readouterr()
        return Run(left.value.code or 0, out, err.decode())

    return call
