"""Signals to end: heard in the middle of long work, obeyed with all cleaned up, and held where they would do harm."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from initgen.engine.signals import held, listening, unwind

LONG = """
import ctypes, sys, time
from initgen.engine.ordered import ordered
from initgen.engine.signals import listening

def compiled(task):  # a call that hears nothing, as one of LAPACK
    ctypes.CDLL(None).sleep(60) if task else None

def python(task):
    while task:
        pass

def end(number, frame):
    raise SystemExit(7)

import signal
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
match sys.argv[1]:
    case "python":
        list(ordered(python, range(4), 2))
    case "compiled":
        list(ordered(lambda task: listening(lambda: compiled(task)), range(4), 2))
    case "alone":
        listening(lambda: compiled(1))
"""


@pytest.mark.parametrize("work", ["python", "compiled", "alone"])
def test_long_work_is_left_when_a_signal_says_so(work):
    with subprocess.Popen(
        [sys.executable, "-c", LONG, work], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            process.stdout.readline()
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, said) == (7, b"")


def test_a_thread_that_is_unwound_cleans_up():
    done = []

    def run():
        with contextlib.suppress(SystemExit):
            try:
                while True:
                    time.sleep(0.001)
            finally:
                done.append("cleaned up")

    thread = threading.Thread(target=run)
    thread.start()
    unwind(thread)
    assert done == ["cleaned up"]
    assert not thread.is_alive()


def test_listening_gives_what_the_work_gives():
    assert listening(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        listening(lambda: 1 // 0)


def test_signals_that_are_held_come_once_the_block_has_ended():
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with held():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            assert not came
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
