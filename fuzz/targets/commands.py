"""Whole commands on hostile files, in this process: an exit code, an answer or one line, and nothing written elsewhere."""

import io
import os
import sys
from functools import partial
from random import Random

from fuzz import damage
from fuzz.sandbox import Sandbox
from fuzz.targets.target import Target
from fuzz.verdict import LONGEST, Finding
from initgen import cli

_MAGIC = {b"\x93NUMPY": "npy", b"PK": "npz", b"\x89HDF": "h5"}
_DAMAGE = {"npy": damage.npy, "npz": damage.archive, "h5": damage.octets, "safetensors": damage.safetensors}


def kind_of(data: bytes) -> str:
    """The format by which a file is read: by its first bytes."""
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "safetensors")


def run(arguments: tuple[str, ...], sandbox: Sandbox, data: bytes) -> None:
    """One command; ``{in}`` is the input and ``{out}`` a directory for outputs."""
    path = sandbox.put(f"f.{kind_of(data)}", data)
    names = {"in": path, "out": sandbox.out, "beside": os.path.join(sandbox.inside, "beside.npy")}
    if "{beside}" in arguments and not os.path.exists(names["beside"]):
        sandbox.put("beside.npy", _BESIDE)
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace"), io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        code = cli._run([argument.format(**names) for argument in arguments])
    finally:
        sys.stdout, sys.stderr = before
    try:
        _check(code, err.getvalue(), sandbox.strays(("new", "new.h5", "new.npz", "s.toml")))
    finally:
        sandbox.clear()


def _check(code: int, said: str, strays: list[str]) -> None:
    lines = said.splitlines()
    if code not in (0, 1, 2) or (code == 2) != any(line.startswith("error: ") for line in lines):
        raise Finding(f"code {code}, and on stderr: {said[:300]!r}")
    for word in ("Traceback", "not enough memory", "standard output", "Warning"):
        if word in said and "in/f." not in said.partition(word)[0].rpartition("\n")[2]:
            raise Finding(f"on stderr: {said[:300]!r}")
    if any(len(line) > LONGEST for line in lines if line.startswith(("error: ", "hint: "))):
        raise Finding(f"an error of {max(map(len, lines))} characters: {said[:200]!r}")
    if strays:
        raise Finding(f"left {strays}")


_BESIDE = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".ljust(117)
    + b"\n"
    + bytes(8)
)


def _damage(data: bytes, random: Random) -> bytes:
    return _DAMAGE[kind_of(data)](data, random)


def _command(name: str, *arguments: str) -> Target:
    return Target(name, partial(run, arguments), _damage, 6000, (), ("npy", "npz", "safetensors"))


_LIKE = ("sample", "--like", "{in}", "--rule", "*=zeros", "--no-fsync", "--threads", "1")
TARGETS = (
    _command("stats", "stats", "{in}", "--threads", "1"),
    _command("stats-scheme", "stats", "{in}", "--scheme", "he_uniform", "--json", "--threads", "1"),
    _command("verify", "verify", "{in}", "--threads", "1"),
    _command("identify", "identify", "{in}", "--threads", "1"),
    _command("diff", "diff", "{in}", "{beside}", "--threads", "1"),
    _command("spec", "spec", "{in}", "-o", "{out}/s.toml"),
    _command("like-shards", *_LIKE, "--max-shard-size", "100", "-o", "{out}/new/"),
    _command("like-arrays", *_LIKE, "--format", "npy", "-o", "{out}/new/"),
    _command("like-hdf5", *_LIKE, "-o", "{out}/new.h5"),
    _command("like-npz", *_LIKE, "-o", "{out}/new.npz"),
)
