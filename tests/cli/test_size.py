"""A terabyte and more: planned, and parts of it made, in the time and memory of the parts."""

import hashlib
import io
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="asks Linux for the memory of a process"
)

# Of a process, in MiB, at its largest: the interpreter with numpy takes 40, and drawing with two threads 80 more.
PLANNED, DRAWN = 80, 200

# Measured with 4000 tensors; CPU time, so that a busy machine does not count.
SECONDS = 5

# 1.0 TB: 2000 blocks of half a gigabyte, and 2000 small ones beside them that share shards.
BLOCKS = {
    "tensors": {
        "block.{0..1999}.weight": {"shape": [12500, 10000], "scheme": "he_uniform"},
        "block.{0..1999}.lora": {"shape": [4, 10000], "scheme": "he_uniform"},
    }
}


def initgen(tmp_path, *args, most, seconds=SECONDS):
    """Run the command line in a process that may not take more than ``most`` MiB; its standard output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    # Not ru_maxrss, which begins with that of the process that was forked.
    code = (
        "import sys\nfrom initgen.cli import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        "    print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "sample", *args], cwd=tmp_path, capture_output=True, timeout=120, check=False
    )
    *said, peak = done.stderr.decode().splitlines()
    assert done.returncode == 0, said
    assert int(peak) < most * 1024
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < seconds
    return done.stdout


def uniform(seed, name, fan_in, start, count):
    """he_uniform in float32 by the text of docs/stream.md."""
    digest = hashlib.sha256(b"initgen native-1\0" + seed.to_bytes(8, "little") + name.encode()).digest()
    bits = np.random.PCG64DXSM()
    bits.state = {
        "bit_generator": "PCG64DXSM",
        "state": {"state": int.from_bytes(digest[:16], "little"), "inc": int.from_bytes(digest[16:], "little") | 1},
        "has_uint32": 0,
        "uinteger": 0,
    }
    bits.advance(start // 2)
    words = bits.random_raw(count // 2 + 2)
    halves = [int(words[at // 2 - start // 2]) >> 32 * (at % 2) & 0xFFFFFFFF for at in range(start, start + count)]
    signed = np.array([half - (half >> 31 << 32) for half in halves])
    bound = np.sqrt(6 / fan_in)
    values = (signed.astype(np.float32) + np.float32(0.5)) * np.float32(bound / 2**31)
    within = np.float32(bound) if np.float32(bound) <= bound else np.nextafter(np.float32(bound), np.float32(0))
    return np.clip(values, -within, within)


@pytest.mark.parametrize("start", [0, 1, 123_456_789_123, 250_000_000_000 - 1001])
def test_a_piece_of_a_tensor_of_a_terabyte_is_that_of_its_stream(start, tmp_path):
    given = ("-s", "he_uniform", "--shape", "500000x500000", "--seed", "7", "--elements", f"{start}:{start + 1001}")
    piece = np.load(io.BytesIO(initgen(tmp_path, *given, most=PLANNED)))
    assert piece.tobytes() == uniform(7, "", 500_000, start, 1001).tobytes()


@pytest.mark.slow
def test_a_model_of_a_terabyte_is_planned_and_a_part_of_it_made(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(BLOCKS))
    shards = ("s.json", "--max-shard-size", "4MB", "-o", "m/")
    planned = json.loads(initgen(tmp_path, *shards, "--dry-run", "--json", most=PLANNED))
    assert planned["nbytes"] == 2000 * 4 * (12500 * 10000 + 4 * 10000) > 10**12
    assert len(planned["files"]) == 2000 + 80
    assert not (tmp_path / "m").exists()

    made = json.loads(initgen(tmp_path, *shards, "--shard", "2007/2080", "--json", most=DRAWN))
    assert os.listdir(tmp_path / "m") == made["wrote"]
    (name,) = made["wrote"]
    held = safetensors.numpy.load_file(tmp_path / "m" / name)
    assert sum(array.nbytes for array in held.values()) == made["nbytes"] == 25 * 4 * 40000
    for tensor, array in held.items():
        assert array.tobytes() == uniform(0, tensor, 4, 0, 40000).tobytes()

    of_one = ("s.json", "--only", "block.1234.weight", "--elements", "124999000:")
    piece = np.load(io.BytesIO(initgen(tmp_path, *of_one, most=PLANNED)))
    assert piece.tobytes() == uniform(0, "block.1234.weight", 12500, 124_999_000, 1000).tobytes()


LLAMA_405B = ("layers=126", "d_model=16384", "n_heads=128", "n_kv_heads=8", "d_ff=53248")


@pytest.mark.slow
def test_llama_405b_in_float32_is_planned_at_once(tmp_path):
    spec = os.path.join(os.path.dirname(__file__), "../../examples/llama-8b.toml")
    sizes = [word for size in LLAMA_405B for word in ("--set", size)]
    planned = json.loads(initgen(tmp_path, spec, *sizes, "--dtype", "float32", "--dry-run", "--json", most=PLANNED))
    assert planned["parameters"] == 405_853_388_800  # as Hugging Face says of meta-llama/Llama-3.1-405B


@pytest.mark.slow
def test_memory_does_not_grow_with_what_is_made(tmp_path):
    for size in ("1000x16384", "10000x16384", "40000x16384"):  # 66 MB, 655 MB, 2.6 GB
        initgen(
            tmp_path,
            "-s",
            "he_normal",
            "--shape",
            size,
            "-o",
            "w.npy",
            "--no-fsync",
            "--threads",
            "2",
            most=DRAWN,
            seconds=60,
        )
        (tmp_path / "w.npy").unlink()
