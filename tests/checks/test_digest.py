"""Digests are those that hashlib gives of the arrays that other libraries read, and of the files as sha256sum reads them."""

import hashlib
import shutil
import subprocess

import h5py
import ml_dtypes  # noqa: F401  (names bfloat16 for numpy)
import numpy as np
import pytest
import safetensors

from initgen.checks.digest import digests_of_files, digests_of_specs
from initgen.core.dtypes import DTYPES
from initgen.engine.directory import write_plan
from initgen.engine.files import plan_files
from initgen.engine.write import array
from initgen.specs.tensor import tensor_spec

SPECS = [
    tensor_spec("zeros", (0, 3), name="first/empty"),
    tensor_spec("he_uniform", (30, 40), name="a/weight", seed=1),
    tensor_spec("random_normal", (1_200_001,), name="large", dtype="float16"),
    tensor_spec("orthogonal", (20, 10), name="whole", dtype="float64"),
    tensor_spec("ones", (), name="scalar"),
    tensor_spec("zeros", (2, 0), name="middle", dtype="int64"),
    tensor_spec("zeros", (7, 0), name="middle 2", dtype="int64"),
    tensor_spec("constant:value=3", (5,), name="ids", dtype="int64"),
    tensor_spec("ones", (3,), name="mask", dtype="bool"),
    tensor_spec("zeros", (0,), name="last"),
]
NARROW = [tensor_spec("random_normal", (50,), name=f"n/{kind}", dtype=kind) for kind in ("bfloat16", "float8_e4m3fn")]


def of(raw):
    return hashlib.sha256(raw).hexdigest()


def in_safetensors(path):
    return {name: bytes(entry["data"]) for name, entry in safetensors.deserialize(path.read_bytes())}


def in_hdf5(path):
    with h5py.File(path) as file:
        return {spec.name: np.asarray(file[spec.name][()]).tobytes() for spec in SPECS}


def in_npz(path):
    with np.load(path) as file:
        return {name: file[name].tobytes() for name in file.files}


def in_shards(path):
    return {name: raw for file in path.glob("*.safetensors") for name, raw in in_safetensors(file).items()}


def in_arrays(path):
    return {spec.name: np.load(path / f"{spec.name}.npy").tobytes() for spec in SPECS}


PLACES = {  # format, bytes of a shard, and who else reads it
    "m.safetensors": (None, None, in_safetensors),
    "m.h5": (None, None, in_hdf5),
    "m.npz": (None, None, in_npz),
    "shards/": (None, 100_000, in_shards),
    "arrays/": ("npy", None, in_arrays),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_digest_of_a_tensor_is_that_of_its_data_in_every_format(name, tmp_path):
    form, size, read = PLACES[name]
    specs = SPECS + (NARROW if read in (in_safetensors, in_shards) else [])
    write_plan(plan_files(specs, f"{tmp_path}/{name}", form, size), fsync=False)
    assert digests_of_specs(specs) == {key: of(raw) for key, raw in read(tmp_path / name).items()}


@pytest.mark.parametrize("threads", [1, 3])
def test_neither_order_nor_company_nor_threads_change_a_digest(threads):
    wanted = {spec.name: of(array(spec).tobytes()) for spec in SPECS}
    assert digests_of_specs(SPECS, threads) == wanted
    assert list(digests_of_specs(SPECS, threads)) == [spec.name for spec in SPECS]
    assert digests_of_specs(SPECS[::-1], threads) == wanted
    for spec in SPECS:
        assert digests_of_specs([spec], threads) == {spec.name: wanted[spec.name]}
    assert wanted["last"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of no bytes
    assert digests_of_specs([]) == {}


@pytest.mark.parametrize("dtype", [dtype.name for dtype in DTYPES])
def test_every_dtype_is_digested_as_it_lies_in_a_file(dtype):
    spec = tensor_spec("ones" if DTYPES[dtype].whole else "random_normal", (11,), dtype=dtype)
    assert digests_of_specs([spec]) == {"weight": of(array(spec).tobytes())}


@pytest.mark.parametrize("name", PLACES)
def test_sha256sum_accepts_the_digests_of_the_files(name, tmp_path, monkeypatch):
    if shutil.which("sha256sum") is None:
        pytest.skip("there is no sha256sum here")
    monkeypatch.chdir(tmp_path)
    form, size, _ = PLACES[name]
    plan = plan_files(SPECS, name, form, size)
    write_plan(plan, fsync=False)
    digests = digests_of_files(plan)
    assert len(digests) == len(plan.names)
    lines = "".join(f"{digest}  {path}\n" for path, digest in digests.items())
    check = ["sha256sum", "--strict", "--check", "-"]
    assert subprocess.run(check, input=lines.encode(), capture_output=True, check=False).returncode == 0
    first = next(iter(digests))
    with open(first, "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xa5")
    said = subprocess.run(check, input=lines.encode(), capture_output=True, check=False)
    assert said.returncode == 1
    assert f"{first}: FAILED".encode() in said.stdout
