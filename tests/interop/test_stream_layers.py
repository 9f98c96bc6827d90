"""Layers of a spec under a framework's stream are what the framework makes of them under the seed: value for value."""

import importlib
import importlib.util
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import initgen
from initgen.streams.dialects import DIALECTS

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors is a no-op:UserWarning"),
]

SCRIPT = Path(__file__).parent / "keras_series.py"
SPECS = Path(__file__).parents[1] / "specs"
SERIES = runpy.run_path(str(SPECS / "make_series.py"))
MODULES = runpy.run_path(str(SPECS / "layers" / "make_torch.py"))
SEEDS = (2**31 + 5, 0)
# The order is the same for all; JAX compiles for each shape.
FEW = ("nested", "attention", "zoo_nested")
BACKENDS = {"numpy": (), "torch": (), "jax": FEW, "tensorflow": FEW}


def need(stream):
    if importlib.util.find_spec(f"initgen.streams.dialects.{DIALECTS[stream][1]}") is None:
        pytest.skip(f"initgen has no {stream} yet")


@pytest.fixture
def torch():
    need("torch")
    module = importlib.import_module("torch")
    before = module.get_default_dtype()
    yield module
    module.set_default_dtype(before)


@pytest.fixture
def drawn(tmp_path):
    """The tensors of a spec under a stream, in the way of torch."""

    def draw(entries, seed, dtype="float32"):
        spec, out = tmp_path / "layers.json", tmp_path / "w.safetensors"
        layers = [{**entry, "kind": f"nn.{entry['kind']}"} for entry in entries]
        spec.write_text(json.dumps({"layers": layers, "dtype": dtype, "seed": seed, "stream": "torch"}))
        initgen.write(initgen.model(spec), out, fsync=False, force=True)
        return importlib.import_module("safetensors.torch").load_file(out)

    return draw


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_layers_of_torch_have_the_values_that_torch_gives_them(torch, drawn, dtype):
    torch.set_default_dtype(getattr(torch, dtype))
    behind = [{"kind": "ReLU"}, {"kind": "Linear", "in_features": 7, "out_features": 30}]
    cases = [[{"kind": case.kind, **case.arguments}, *behind] for case in MODULES["CASES"]]
    count = 0
    for entries in (*cases, *SERIES["TORCH"].values()):
        for seed in (0, 2**40 + 1):
            torch.manual_seed(seed)
            theirs, ours = SERIES["torch_model"](entries).state_dict(), drawn(entries, seed, dtype)
            assert theirs.keys() == ours.keys()
            assert [name for name, one in theirs.items() if not torch.equal(one, ours[name])] == [], (entries, seed)
            count += len(ours)
    assert count > 1000


def test_another_scheme_is_drawn_by_torch_at_the_turn_of_the_default(torch, drawn):
    heads = {"kind": "MultiheadAttention", "embed_dim": 6, "num_heads": 2, "add_bias_kv": True}
    given = {
        "in_proj_weight_initializer": "orthogonal",
        "in_proj_bias_initializer": "random_normal:stddev=0.5",
        "out_proj_weight_initializer": "kaiming_normal",
        "out_proj_bias_initializer": "random_uniform:minval=-1,maxval=1",
    }
    entries = [{**heads, **given}, {"kind": "Linear", "in_features": 6, "out_features": 20}]
    ours = drawn(entries, 9)
    torch.manual_seed(9)
    init, empty = torch.nn.init, torch.empty
    wanted = {"0.out_proj.weight": init.kaiming_normal_(empty(6, 6))}
    init.uniform_(empty(6))
    matrix = init.orthogonal_(empty(18, 6))
    wanted["0.in_proj_bias"] = init.normal_(empty(18), std=0.5)
    wanted["0.out_proj.bias"] = init.uniform_(empty(6), -1, 1)
    wanted["0.bias_k"] = init.xavier_normal_(empty(1, 1, 6))
    wanted["0.bias_v"] = init.xavier_normal_(empty(1, 1, 6))
    wanted["1.weight"] = torch.nn.Linear(6, 20).weight
    assert all(torch.equal(one, ours[name]) for name, one in wanted.items())
    assert torch.allclose(matrix, ours["0.in_proj_weight"], atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_of_keras_have_the_values_that_keras_gives_them(tmp_path, backend):
    stream = "keras-tf" if backend == "tensorflow" else f"keras-{backend}"
    need(stream)
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONWARNINGS": "ignore"}
    seeds = SEEDS if backend == "numpy" else SEEDS[:1]
    command = [sys.executable, SCRIPT, tmp_path, ",".join(map(str, seeds)), *BACKENDS[backend]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    count = 0
    for path in sorted(tmp_path.glob("*.weights.h5")):
        name, seed, *_ = path.name.split(".")
        spec = tmp_path / f"{name}.json"
        if name in SERIES["KERAS"]:
            spec.write_text(json.dumps({"layers": SERIES["KERAS"][name]}))
        ours = initgen.model(spec, seed=int(seed), stream=stream)
        initgen.write(ours, tmp_path / f"ours.{path.name}", fsync=False)
        theirs, values = SERIES["arrays_of"](path), SERIES["arrays_of"](tmp_path / f"ours.{path.name}")
        assert values.keys() == theirs.keys()
        loose = {one.keras_path for one in ours if one.scheme.name == "orthogonal"}
        for key, array in theirs.items():
            said = f"{path.name} {key}"
            if key in loose:
                np.testing.assert_allclose(values[key], array, atol=1e-5, err_msg=said)
            else:
                assert values[key].tobytes() == array.tobytes(), said
        count += len(theirs)
    assert count > (30 if BACKENDS[backend] else 400) * len(seeds)
