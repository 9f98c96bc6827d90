"""Holds a machine to the reference digests: ``python tests/portable.py``, with initgen installed and nothing else.

portable.json has what this found once. ``--write`` adds the cases that it lacks; what is there never changes. What linear
algebra or the machine's C library computes is held to a tolerance: docs/portability.md says what that is, and why.
"""

import argparse
import fnmatch
import hashlib
import json
import platform
import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import initgen

HERE = Path(__file__).resolve().parent
TABLE = HERE / "portable.json"
FLOATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")

SPEC = """
seed = 20261101

[tensors]
"größe/β" = { shape = [48, 32], scheme = "he_uniform" }
"narrow" = { shape = [48, 32], scheme = "he_normal", dtype = "bfloat16" }
"eight" = { shape = [7, 5], scheme = "random_normal:stddev=0.5", dtype = "float8_e4m3fn" }
"wide" = { shape = [16, 9], scheme = "truncated_normal:stddev=0.02", dtype = "float64" }
"half" = { shape = [3, 3, 4, 8], scheme = "glorot_uniform", dtype = "float16" }
"positions" = { shape = [1, 12], scheme = "arange", dtype = "int64" }
"mask" = { shape = [1, 1, 6, 6], scheme = "tril", dtype = "bool" }
"empty" = { shape = [0, 4], scheme = "zeros" }
"scalar" = { shape = [], scheme = "ones" }
"""
# What the language of numpy has a dtype for.
PLAIN = ("half", "mask", "positions", "wide", "größe/β")

# Structures, and schemes whose laws need powers and logarithms.
SCHEMES = {
    "sparse:sparsity=0.3": (40, 30),
    "icnr:scale=2": (3, 3, 4, 16),
    "identity:gain=0.3": (5, 7),
    "dirac": (3, 3, 4, 4),
    "unit_forget_bias": (16,),
    "inverse_frequencies": (64,),
    "mamba_a_log": (8, 16),
    "padded_normal": (20, 8),
    "fixup:blocks=24,m=3": (3, 3, 16, 16),
    "t_fixup:stack=encoder,layers=7": (64, 64),
    "t_fixup:stack=decoder,layers=7": (64, 64),
    "t_fixup_embedding:dim=96,layers=11": (50, 96),
    "deepnorm:stack=encoder,layers=13,decoder_layers=5": (64, 64),
    "deepnorm:stack=decoder,layers=13": (64, 64),
    "mup:base_fan_in=48": (64, 64),
    "siren:layer=hidden": (64, 64),
    "gpt2_residual:layers=7": (64, 64),
    "xavier_uniform:gain=1.1": (64, 64),
}
CLOSE_SCHEMES = {
    "orthogonal": (20, 12),
    "delta_orthogonal": (3, 3, 4, 6),
    "chrono:t_max=50": (32,),
    "mamba_dt_bias": (32,),
}
DIALECTS = ("torch", "jax", "jax-nonpartitionable", "keras-jax", "keras-tf", "keras-torch")
LAWS = {
    "uniform": "random_uniform:minval=-0.7,maxval=0.2",
    "normal": "random_normal:stddev=0.02",
    "truncated normal": "truncated_normal:stddev=0.02",
}
# In units of the greatest value.
TOLERANCE = 1e-6

Answer = str | list[str]
Case = tuple[str, Callable[[], Answer]]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", metavar="PATTERN", default="*", help="only cases called so")
    options.add_argument("--write", action="store_true", help="add new cases to the table")
    given = options.parse_args()
    table: dict[str, Answer] = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    same = count = 0
    found: dict[str, Answer] = {}
    with tempfile.TemporaryDirectory() as place:
        for name, work in (*arrays(), *files(Path(place))):
            if not fnmatch.fnmatchcase(name, given.only):
                continue
            count += 1
            try:
                found[name] = work()
            except Exception as error:  # the others still have something to say
                print(f"FAILED {name!a}: {type(error).__name__} {str(error)!a}")
                continue
            if name in table and not is_same(found[name], table[name]):
                print(f"DIFFERS {name!a}: {found[name]}, not {table[name]}")
            same += name in table and is_same(found[name], table[name])
    if given.write:
        text = json.dumps({**found, **table}, indent=1, ensure_ascii=False, sort_keys=True)
        TABLE.write_text(text + "\n", encoding="utf-8")
    print(f"same: {same} of {count} ({machine()})")
    return 0 if same == count else 1


def machine() -> str:
    parts = " ".join(f"{name} {version(name)}" for name in ("numpy", "ml_dtypes", "h5py", "safetensors"))
    system = f"{platform.system()} {platform.machine()} {sys.byteorder}-endian"
    return f"{system}, {platform.python_implementation()} {platform.python_version()}, {parts}"


def arrays() -> Iterator[Case]:
    """What is in memory: the native stream, structures, and the streams of the frameworks."""
    golden = runpy.run_path(str(HERE / "streams" / "make_golden.py"))["digests"]
    wanted = (HERE / "streams" / "golden.json").read_text(encoding="utf-8")
    yield "native: golden.json", lambda: "yes" if golden() == json.loads(wanted) else "no"
    for dtype in FLOATS:
        yield f"native: he_normal: {dtype}", partial(array, "he_normal", (300, 70), dtype)
    for scheme, shape in SCHEMES.items():
        yield f"native: {scheme}: float64", partial(array, scheme, shape, "float64")
    yield "native: tables of narrow dtypes", partial(array, "he_normal", (1024, 1040), "bfloat16")
    for scheme, shape in CLOSE_SCHEMES.items():
        yield f"native: {scheme}: close", partial(values, scheme, shape, "float32")
    for stream in DIALECTS:
        for law, scheme in LAWS.items():
            for dtype in ("float32", "bfloat16", "float16"):
                yield f"{stream}: {law}: {dtype}", partial(array, scheme, (40, 30), dtype, stream)
            yield f"{stream}: {law}: float64, close", partial(values, scheme, (40, 30), "float64", stream)
    for stream in ("numpy", "keras-numpy"):
        for law, scheme in LAWS.items():
            yield f"{stream}: {law}: close", partial(values, scheme, (40, 30), "float32", stream)


def files(place: Path) -> Iterator[Case]:
    """What is on disk, or comes down a pipe; and whether it is read again as what it is."""
    (place / "model.toml").write_text(SPEC, encoding="utf-8")
    command = partial(printed, place)
    yield "command: digests", lambda: hexes(command("sample", "model.toml", "-o", "model.safetensors", "--digest"))
    yield "command: safetensors", partial(file, place / "model.safetensors")
    yield "command: check", lambda: yes(command("sample", "model.toml", "-o", "model.safetensors", "--check"))
    yield (
        "command: pipe",
        lambda: digest(command("sample", "--scheme", "he_uniform", "--shape", "100x64", "--seed", "7")),
    )
    yield "command: shards", lambda: yes(command("sample", "model.toml", "-o", "shards/", "--max-shard-size", "3kB"))
    for number in (1, 2, 3):
        yield f"command: shard {number}", partial(file, place / "shards" / f"model-0000{number}-of-00003.safetensors")
    yield "command: index", partial(file, place / "shards" / "model.safetensors.index.json")
    yield "command: verify", lambda: yes(command("verify", "model.safetensors", "shards/"))
    yield "command: spec", lambda: document(command("spec", "model.safetensors", "--format", "json"))
    yield "command: stats", lambda: yes(command("stats", "model.safetensors", "--json"))

    model = initgen.model(place / "model.toml")
    plain = [spec for spec in model if spec.name in PLAIN]
    for spec in plain:
        path = place / f"{spec.dtype.name}.npy"
        yield f"write: npy: {spec.dtype.name}", partial(written, [spec], path)
    yield "write: npz", partial(written, plain, place / "plain.npz")
    yield "write: h5, contents", partial(contents, model, place / "model.h5")
    # In a locale without UTF-8 the other name cannot be that of a file.
    ascii_names = [spec for spec in plain if spec.name.isascii()]
    yield "write: arrays", partial(written, ascii_names, place / "arrays", "half.npy", format="npy")
    for name in ("model.safetensors", "model.h5", "shards"):
        yield f"read: {name}", lambda name=name: passed(initgen.verify(place / name), initgen.stats(place / name))
    for name, specs in (("plain.npz", plain), ("arrays", ascii_names)):
        yield f"read: {name}", lambda n=name, s=specs: passed(initgen.verify(place / n, s), initgen.stats(place / n))
    yield "read: npy", lambda: passed(initgen.stats(place / "float16.npy", "glorot_uniform"))
    yield "read: bfloat16", lambda: identified(place / "model.safetensors", "narrow")
    yield "read: float8", lambda: identified(place / "model.h5", "eight")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def little(array: Any) -> bytes:
    """The bytes of an array as files have them, on any machine."""
    native = array.dtype.byteorder in "=|" and array.dtype.itemsize > 1
    big = array.dtype.byteorder == ">" or (native and sys.byteorder == "big")
    return bytes((array.byteswap() if big else array).tobytes())


def array(scheme: str, shape: tuple[int, ...], dtype: str, stream: str = "native") -> str:
    drawn = initgen.sample(scheme, shape, seed=42, dtype=dtype, stream=stream)
    assert drawn.shape == shape
    assert drawn.astype(np.float64).any()
    return digest(little(drawn))


def values(scheme: str, shape: tuple[int, ...], dtype: str, stream: str = "native") -> list[str]:
    """The first values, as text that loses nothing."""
    drawn = initgen.sample(scheme, shape, seed=42, dtype=dtype, stream=stream)
    return [float(value).hex() for value in drawn.reshape(-1)[:24]]


def is_same(found: Answer, wanted: Answer) -> bool:
    if isinstance(found, str) or isinstance(wanted, str):
        return found == wanted
    got, want = (np.array([float.fromhex(value) for value in side]) for side in (found, wanted))
    return got.shape == want.shape and bool(np.abs(got - want).max() <= TOLERANCE * np.abs(want).max())


def printed(place: Path, *args: str) -> bytes:
    """What the command prints to standard output."""
    done = subprocess.run([sys.executable, "-m", "initgen", *args], cwd=place, capture_output=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"initgen {' '.join(args)} left with {done.returncode}: {done.stderr!r}")
    return done.stdout


def hexes(text: bytes) -> str:
    """The digests that are printed, without names, which are written as the locale can."""
    return digest(b" ".join(re.findall(rb"[0-9a-f]{64}", text)))


def document(text: bytes) -> str:
    """Digest of a JSON document."""
    return digest(json.dumps(json.loads(text), sort_keys=True).encode())


def yes(_: bytes) -> str:
    return "yes"


def file(path: Path) -> str:
    return digest(path.read_bytes())


def written(specs: Any, path: Path, inside: str = "", **options: Any) -> str:
    initgen.write(specs, path if not inside else f"{path}/", **options)
    return file(path / inside if inside else path)


def contents(specs: Any, path: Path) -> str:
    """Digest of what is in an HDF5 file, whose own bytes depend on the library's version."""
    import h5py

    initgen.write(specs, path)
    parts = []
    with h5py.File(path) as stored:
        for spec in sorted(specs, key=lambda spec: spec.name):
            data = stored[spec.name]
            raw = data[()] if data.dtype.kind != "V" else data[()].view(f"<u{data.dtype.itemsize}")
            parts.append(
                f"{spec.name} {data.shape} {digest(np.asarray(raw).astype(raw.dtype.newbyteorder('<')).tobytes())}"
            )
    return digest("\n".join(parts).encode())


def passed(*results: Any) -> str:
    return "yes" if all(result.passed for result in results) else f"no: {results}"


def identified(path: Path, name: str) -> str:
    (tensor,) = initgen.identify(path, names=[name]).tensors
    return f"{tensor.verdict} {tensor.best.scheme if tensor.best else ''}".strip()


if __name__ == "__main__":
    sys.exit(main())
