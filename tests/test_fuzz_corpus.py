"""The corpus of `make fuzz`, and damaged copies of it, are answered or refused. ``INITGEN_FUZZ=20000`` makes so many."""

import os
import sys
import warnings
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initgen.core.errors import FormatError

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
NAMES = sorted(path.name for path in CORPUS.iterdir())
# Specs and configs have tests of their own; HDF5's library may not survive what it is given.
DAMAGED = ("npy", "npz", "safetensors", "index", "recipe", "keras", "shape", "scheme", "tensor", "names", "expression")
EXAMPLES = int(os.environ.get("INITGEN_FUZZ", "40"))


@pytest.fixture(scope="module")
def fuzz():
    """The fuzzer's targets, and the court that they are held to, as a function of name and bytes."""
    sys.path.insert(0, str(ROOT))
    try:
        from fuzz.targets import TARGETS, specs
        from fuzz.verdict import Court
    finally:
        sys.path.remove(str(ROOT))
    with specs.limited(), Court() as court:
        yield TARGETS, court


def test_each_target_has_a_corpus_and_all_of_it_is_small(fuzz):
    targets, _ = fuzz
    assert set(NAMES) >= {name for name, target in targets.items() if not target.seeds}
    assert set(NAMES) <= set(targets)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_the_corpus_holds(fuzz, name):
    targets, court = fuzz
    said = [court.try_(targets[name].call, path.read_bytes()) for path in sorted((CORPUS / name).iterdir())]
    assert "" in said or not any(path.name.startswith("seed-") for path in (CORPUS / name).iterdir())


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_answered_or_refused(fuzz, name):
    targets, court = fuzz
    inputs = [path.read_bytes() for path in sorted((CORPUS / name).glob("seed-*"))]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="INITGEN_FUZZ" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.sampled_from(inputs), st.integers(0, 2**32), st.integers(1, 4))
    def holds(data, seed, times):
        random = Random(seed)
        for _ in range(times):
            data = targets[name].damage(data, random)
        court.try_(targets[name].call, data)

    holds()


def fail(error):
    raise error


def out_of_memory():
    try:
        np.empty(1 << 62, np.uint8)
    except MemoryError:
        raise FormatError("too large") from None


def hidden():
    try:
        Path("/initgen-was-here").write_bytes(b"")
    except Exception:  # as a reader of hostile files has it
        raise FormatError("no") from None


BROKEN = {
    "another error": (lambda: fail(IndexError("x")), IndexError, "x"),
    "an error that says nothing": (lambda: fail(FormatError("")), AssertionError, "says nothing"),
    "memory": (out_of_memory, AssertionError, "memory ran out"),
    "a warning": (lambda: warnings.warn("odd", stacklevel=1), AssertionError, "UserWarning: odd"),
    "a file elsewhere": (hidden, AssertionError, "for writing: /initgen-was-here"),
    "another's file": (lambda: Path("../../x").read_bytes(), AssertionError, "for reading"),
    "a program": (lambda: os.system("true"), AssertionError, "left the sandbox: os.system"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_promise_is_a_finding(fuzz, case):
    _, court = fuzz
    call, kind, message = BROKEN[case]
    with pytest.raises(kind, match=message):
        court.try_(lambda sandbox, data: call(), b"")


def test_what_takes_too_long_is_a_finding(fuzz, monkeypatch):
    _, court = fuzz
    monkeypatch.setattr("fuzz.verdict.SECONDS", 0.01)
    with pytest.raises(AssertionError, match="took 0"):
        court.try_(lambda sandbox, data: sum(range(1 << 20)), b"")


def test_an_error_is_a_line_whatever_it_quotes(fuzz):
    targets, court = fuzz
    said = court.try_(targets["yaml"].call, b"tensors: !" + b"x" * 5000 + b" {}")
    assert "could not determine a constructor" in said
    assert len(said) < 2000
