"""Makes the inputs that fuzzing starts from, one of each kind: ``python -m fuzz.seeds``."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fuzz.damage import archive_of, safetensors_of
from initgen.api import write
from initgen.specs.describe import describe
from initgen.specs.recipe import recipe_of
from initgen.specs.tensor import TensorSpec, tensor_spec

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"


def npy(array: Any, version: tuple[int, int] = (1, 0)) -> bytes:
    """An array as a file, in one of the format's versions."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), version, allow_pickle=False)
    return file.getvalue()


ARRAYS = {
    "matrix": np.linspace(-1, 1, 12, dtype="f4").reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6, dtype="<f8").reshape(2, 3)),
    "big-endian": np.arange(5, dtype=">f4"),
    "half": np.arange(8, dtype="f2"),
    "scalar": np.float32(3),
    "empty": np.empty((0, 3), "f4"),
    "whole": np.arange(-3, 3, dtype="i8"),
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j], "c8"),
    "special": np.array([np.nan, np.inf, -0.0, 1e-45], "f4"),
    "records": np.zeros(2, [("a", "f4"), ("b", "i2")]),
    "text": np.array(["ab", "c"]),
}


def npys() -> dict[str, bytes]:
    """One of each kind of array."""
    found = {name: npy(array) for name, array in ARRAYS.items()}
    found["version-2"] = npy(ARRAYS["matrix"], (2, 0))
    found["trailing"] = found["matrix"] + b"more"
    return found


def npzs() -> dict[str, bytes]:
    """One of each way to pack."""
    members = [(f"{name}.npy", npy(ARRAYS[name])) for name in ("matrix", "half", "whole", "fortran")]
    ways = {
        "stored": zipfile.ZIP_STORED,
        "deflated": zipfile.ZIP_DEFLATED,
        "bzip2": zipfile.ZIP_BZIP2,
        "lzma": zipfile.ZIP_LZMA,
    }
    found = {name: archive_of([(*member, way) for member in members[:3]]) for name, way in ways.items()}
    found["nested"] = archive_of([("a/b.npy", members[0][1], 0), ("a/", b"", 0), ("readme.txt", b"no array", 0)])
    return found


def specs() -> list[TensorSpec]:
    """Tensors of several kinds."""
    return [
        tensor_spec("he_uniform", (4, 6), name="a.weight", seed=3),
        tensor_spec("orthogonal", (4, 4), name="b/q", seed=3),
        tensor_spec("truncated_normal:stddev=0.02", (9,), name="c", dtype="bfloat16", keyed=True, seed=1),
        tensor_spec("zeros", (), name="d", dtype="int64"),
        tensor_spec("kaiming_uniform", (3, 2, 3), name="t", layout="torch", stream="torch", seed=42),
    ]


def written(suffix: str, some: list[TensorSpec]) -> bytes:
    """What initgen writes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"f{suffix}"
        write(some, path, fsync=False)
        return path.read_bytes()


def safetensors() -> dict[str, bytes]:
    """With and without a recipe, and all dtypes."""
    kinds = (
        "F32",
        "F64",
        "F16",
        "BF16",
        "F8_E4M3",
        "F8_E5M2",
        "I64",
        "I32",
        "I16",
        "I8",
        "U8",
        "U16",
        "U32",
        "U64",
        "BOOL",
    )
    header, at = {}, 0
    for kind in sorted(kinds, key=lambda kind: -int("".join(filter(str.isdigit, kind.partition("_")[0])) or 8)):
        size = int("".join(filter(str.isdigit, kind.partition("_")[0])) or 8) // 8
        header[kind.lower()] = {"dtype": kind, "shape": [2], "data_offsets": [at, at + 2 * size]}
        at += 2 * size
    return {
        "recipe": written(".safetensors", specs()),
        "one": written(".safetensors", specs()[:1]),
        "kinds": safetensors_of(header, bytes(range(at))),
        "none": safetensors_of({}, b""),
        "empty": safetensors_of({"a": {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}}, b""),
    }


def hdf5(make: Callable[[h5py.File], None], **options: Any) -> bytes:
    """A file that ``make`` fills."""
    file = io.BytesIO()
    with h5py.File(file, "w", **options) as made:
        make(made)
    return file.getvalue()


def hdf5s() -> dict[str, bytes]:
    """One of each layout, link and version."""
    values = np.linspace(-1, 1, 40, dtype="f4").reshape(4, 10)

    def plain(file: h5py.File) -> None:
        file["a/b"] = values
        file["c"] = np.arange(4)
        file.create_group("nothing")

    def chunked(file: h5py.File) -> None:
        file.create_dataset("z", data=values, chunks=(2, 5), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("l", data=values, chunks=(4, 5), compression="lzf", maxshape=(None, 10))

    def odd(file: h5py.File) -> None:
        file["big"] = values.astype(">f4")
        file["text"] = "words"
        file["null"] = h5py.Empty("f4")
        file["scalar"] = 1.5
        file["soft"] = h5py.SoftLink("/big")

    def linked(file: h5py.File) -> None:
        file["a"] = values
        file["e"] = h5py.ExternalLink("other.h5", "/a")
        file.create_virtual_dataset("v", h5py.VirtualLayout((4, 10), "f4"))

    return {
        "recipe": written(".h5", specs()[:3]),
        "plain": hdf5(plain, libver="earliest"),
        "chunked": hdf5(chunked),
        "odd": hdf5(odd),
        "linked": hdf5(linked, libver="latest"),
        "latest": hdf5(plain, libver="latest"),
    }


def kerases() -> dict[str, bytes]:
    """A model with weights."""
    config = (ROOT / "examples" / "seed_he_uniform.json").read_bytes()
    weights = hdf5(lambda file: file.create_dataset("layers/dense/vars/0", data=np.zeros((2, 3), "f4")))
    members = [("metadata.json", b"{}"), ("config.json", config), ("model.weights.h5", weights[:800])]
    return {name: archive_of([(*member, way) for member in members]) for name, way in (("stored", 0), ("deflated", 8))}


SPEC = """
seed = 3
dtype = "float32"
layout = "torch"
[variables]
d = 4
e = "${2 * d / sqrt(4)}"
n = { count = "h.*" }
k = { size = "*w", axis = 0 }
[tensors]
"h.{0..2}.w" = { shape = ["${d}", 6], scheme = "random_normal:stddev=${1 / n}" }
"h.{0..2}.{b,c}" = { shape = "${d}x3", dtype = "bfloat16", seed = 7 }
x = { shape = [8, 4, 3, 3], scheme = { name = "kaiming_uniform", a = 2 }, groups = 2, transposed = true }
y = { shape = [4, 6], tied = "h.0.w" }
[[rules]]
match = ["*.b", "q*"]
rank = [1, 2]
scheme = "zeros"
[[rules]]
match = "*.c"
scheme = "torch_bias"
fan_from = "w"
"""


def described() -> dict[str, dict[str, bytes]]:
    """Specs in each language, layers, and configs of both frameworks."""
    import tomllib

    from initgen.specs.derive import dumps

    tree = tomllib.loads(SPEC)
    keras = json.loads((ROOT / "tests/specs/layers/keras.json").read_text(encoding="utf-8"))
    layers = [{"kind": kind, "input_shape": inputs[0], **told} for kind, told, inputs, *_ in keras["layers"]]
    entries = {
        f"keras-{at}": json.dumps({"layers": [*layers[at : at + 3], {"kind": "Dense", "units": 2}]}).encode()
        for at in range(0, len(layers), 9)
    }
    torch = [{"kind": "Linear", "name": "h.{0..2}", "in_features": 4, "out_features": "${d}"}, {"kind": "nn.ReLU"}]
    entries["torch"] = json.dumps({"layers": torch, "variables": {"d": 4}}).encode()
    configs = json.loads((ROOT / "tests/specs/architectures.json").read_text(encoding="utf-8"))
    return {
        "toml": {"spec": SPEC.encode()},
        "yaml": {
            "spec": dumps(tree, "yaml").encode(),
            "alias": b"tensors:\n  a: &w {shape: [2], scheme: ones}\n  b: *w\n",
        },
        "json": {"spec": json.dumps(tree).encode()},
        "layers": entries,
        "keras-config": {
            name: json.dumps(record["config"]).encode()
            for name, record in keras["models"].items()
            if len(json.dumps(record["config"])) < 6000
        },
        "config": small(configs),
    }


def small(value: Any, found: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The shortest config of each model type in a tree of them."""
    found = {} if found is None else found
    if isinstance(value, dict) and isinstance(value.get("model_type"), str):
        raw = json.dumps(value).encode()
        kind = value["model_type"]
        if kind not in found or len(raw) < len(found[kind]):
            found[kind] = raw
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        small(item, found)
    return found


LINES = {
    "shape": ["100x64", "scalar", "()", "0x10", "9223372036854775807x0", "x".join(["1"] * 64)],
    "scheme": [
        "he_uniform",
        "truncated_normal:stddev=sqrt(2),lower=-1e-3",
        "sparse:sparsity=.5",
        "HeNormal",
        "icnr:scale=2",
    ],
    "expression": ["2 * (d + 3) / sqrt(4) - -1.5e3", "d×e÷2", "q"],
    "names": ["h.{00..11}.{q,k,v}.w", "{{a}}{1..3}", "plain"],
    "tensor": [
        "he_uniform\n8x6\nfloat32\nkeras\nnative\n7\n1\n3",
        "kaiming_uniform\n4x3x2\nbfloat16\ntorch\ntorch\n-5\n2",
        "orthogonal:gain=2\n4x4\nfloat16\nkeras\njax\n1",
        "constant:value=3\n2\nint8",
        *(
            f"{scheme}\n4x6\nfloat32\nkeras\n{stream}"
            for scheme in ("glorot_normal", "identity", "orthogonal")
            for stream in ("keras-tf", "keras-torch", "keras-jax", "keras-numpy", "numpy")
        ),
    ],
    "arguments": [
        "sample\n--scheme\nhe_uniform\n--shape\n3x4\n--seed\nrandom\n--max-shard-size\n1.5GiB\n--shard\n2/4\n--elements\n3:9",
        "sample\ns.toml\n--rule\n*.bias=zeros\n--set\nd=4\n--only\n*.w\n--groups\n2",
        "stats\nf\n--false-alarm\n1e-3\n--fail-on\nremark,unchecked\n--name\nw*",
        "verify\nf\n--spec\ns\n--threads\n3",
        "probe\n--depth\n5\n--activation\nrelu\n--scheme\nhe_uniform",
        "identify\nf\n--as-spec",
        "diff\na\nb\n--only\nx",
        "schemes\nhe_uniform",
        "spec\nf\n--format\nyaml\n--check",
    ],
    "index": ['{"metadata": {"total_size": 16}, "weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}'],
}


def main() -> None:
    """Write all."""
    recipes = {f"{number}": recipe_of([spec]).encode() for number, spec in enumerate(specs())}
    recipes["all"] = recipe_of(specs()).encode()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "s.toml"
        path.write_text(SPEC)
        recipes["series"] = recipe_of(describe(str(path), stream="torch")[:4]).encode()
    families = {
        "npy": npys(),
        "npz": npzs(),
        "safetensors": safetensors(),
        "hdf5": hdf5s(),
        "keras": kerases(),
        "recipe": recipes,
    }
    families |= described()
    families |= {name: {str(at): text.encode() for at, text in enumerate(texts)} for name, texts in LINES.items()}
    for name, files in families.items():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for called, data in files.items():
            (CORPUS / name / f"seed-{called}").write_bytes(data)


if __name__ == "__main__":
    main()
