"""A share of the fault loops, and proof that they see what is wrong; `make test-faults` runs the whole."""

import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


def faults(*options, broken="", place=None):
    """Run the loops; ``broken`` is Python that the process that writes begins with."""
    environment = dict(os.environ)
    if broken:
        (place / "sitecustomize.py").write_text(f"import os\nif 'INJECT_DRIVER' in os.environ:\n    {broken}\n")
        environment["PYTHONPATH"] = str(place)
    done = subprocess.run(
        [sys.executable, HERE, "--jobs", "1", *options], capture_output=True, text=True, env=environment, timeout=100
    )
    if done.stdout.startswith("skipped"):
        pytest.skip(done.stdout)
    return done


@pytest.mark.slow
def test_a_fork_meets_the_fault_that_a_command_meets():
    """One is judged as the other, and makes the same calls."""
    point = "write ENOSPC 3 hdf5 single force"
    forked, alone = (faults("--only", point, *way) for way in ((), ("--command",)))
    assert (forked.returncode, alone.returncode) == (0, 0), forked.stdout + alone.stdout

    def calls(done):
        return [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(("$", "error"))]

    assert calls(forked) == calls(alone)
    assert "No space left on device" in forked.stdout


def test_flushes_and_names_may_fail_and_are_made_in_the_order_that_a_loss_of_power_asks_for():
    scenes = ("--scene", "hdf5 single force", "--scene", "shards force")
    done = faults("--part", "loop", "--part", "order", *scenes, "--call", "rename", "--call", "truncate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 failed" in done.stdout


BROKEN = {
    "a file that is written in place": (
        "os.replace = lambda a, b: open(b, 'wb').write(open(a, 'rb').read())",
        ("--part", "loop", "--scene", "npy single force", "--call", "write"),
        "w.npy is neither the old nor the new",
    ),
    "a temporary that stays": (
        "os.unlink = lambda path, **options: None",
        ("--part", "loop", "--scene", "npy single new", "--call", "chmod"),
        "left .initgen-",
    ),
    "data that is not flushed": (
        "os.fsync = lambda descriptor: None",
        ("--part", "order", "--scene", "npy single new"),
        "is not flushed",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_loops_see(what, tmp_path):
    broken, options, said = BROKEN[what]
    done = faults(*options, broken=broken, place=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert said in done.stdout
