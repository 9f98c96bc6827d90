"""Files by a preset are what the framework itself would have made: it loads them, and its own values pass our laws.

The models are those of tests/specs/make_models.py. False alarms: about 700 random tensors with three tests each, at 6.5
standard errors and a Kolmogorov distance of probability 1e-10, are wrong once in three million seeds; the seeds are fixed.
An error of 2 % in std is seen from 53,000 values on.
"""

import importlib
import json
import math
import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import initgen
from initgen.laws import Constant, Law

pytestmark = [
    pytest.mark.interop,
    # Keras' variables do not have numpy 2's signature yet.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

MAKE = runpy.run_path(str(Path(__file__).parents[1] / "specs" / "make_models.py"))
CASES, make, save, tensors_of = (MAKE[name] for name in ("CASES", "make", "save", "tensors_of"))
EXAMPLES = Path(__file__).parents[2] / "examples"
Z = 6.5
# sup |F_n - F| is above this / sqrt(n) with a probability below 1e-10 (Dvoretzky, Kiefer, Wolfowitz; Massart 1990).
DISTANCE = math.sqrt(math.log(2 / 1e-10) / 2)


@pytest.fixture(scope="module", params=[case for case in CASES if not case.memory], ids=str)
def pair(request, tmp_path_factory):
    """The model, the file of its framework, the tensors that the preset describes, and their file."""
    case = request.param
    os.environ["KERAS_BACKEND"] = "jax"
    package = case.kind if case.kind in ("torch", "keras") else "transformers"
    pytest.importorskip(package)
    directory = tmp_path_factory.mktemp("theirs")
    model = make(case, 20240229)
    theirs = save(model, directory)
    specs = initgen.model(like=theirs, preset=case.preset, variables=MAKE["variables_of"](case))
    ours = tmp_path_factory.mktemp("ours") / theirs.name
    if (directory / "config.json").exists():
        shutil.copy(directory / "config.json", ours.parent)
    initgen.write(specs, ours)
    yield model, theirs, specs, ours
    shutil.rmtree(directory)
    shutil.rmtree(ours.parent)


def test_constants_are_the_framework_s_and_the_rest_is_its_law(pair):
    _, theirs, specs, ours = pair
    made = tensors_of(ours)
    off = {}
    for name, values in tensors_of(theirs).items():
        (spec,) = (spec for spec in specs if spec.name == name)
        assert made[name].dtype == values.dtype
        assert made[name].shape == values.shape
        # One step of float32 for torch's arithmetic; its log of whole arrays once differed by more, in the first call of a
        # process, and not again in 200,000 calls.
        close = 1e-4 if spec.scheme.name == "mamba_a_log" else 2**-23
        if not np.allclose(values, made[name], rtol=close, atol=0):
            reasons = differences(values.astype(np.float64), spec)
            off |= {name: f"{spec}: {reasons}"} if reasons else {}
    assert not off


def differences(values, spec):
    """How a framework's values are not what a random tensor's description says."""
    law = spec.made
    if isinstance(law, Constant):
        return [f"is {values.flat[:5]} there"]
    if not isinstance(law, Law):
        broken = [one.name for one in law.properties(values, spec.dtype) if not one.holds]
        free = law.independent(values, spec.dtype)
        if broken or free is None:
            return broken
        law, values = free
    x = np.sort(values.ravel())
    n = x.size
    z_mean = (x.mean() - law.mean) / (law.std / math.sqrt(n))
    z_std = (x.std() / law.std - 1) / math.sqrt((law.kurtosis - 1) / (4 * n))
    at = np.linspace(0, n - 1, min(n, 200)).astype(int)  # enough for the shape, and each cdf takes a while
    cdf = np.array([law.cdf(value) for value in x[at]])
    distance = max(np.abs(cdf - at / n).max(), np.abs(cdf - (at + 1) / n).max()) * math.sqrt(n)
    if max(abs(z_mean), abs(z_std)) > Z or distance > DISTANCE:
        return [f"off by {z_mean:.1f} and {z_std:.1f} standard errors, {distance:.1f} in distance"]
    return []


def test_the_framework_loads_the_file_and_holds_its_values(pair, tmp_path):
    model, _, _, ours = pair
    if hasattr(model, "save_weights"):
        model.load_weights(ours)
    elif hasattr(model, "save_pretrained"):
        model, info = type(model).from_pretrained(ours.parent, output_loading_info=True)
        assert not any(info.values()), info
    else:
        model.load_state_dict(importlib.import_module("safetensors.torch").load_file(ours), strict=True)
    again, file = tensors_of(save(model, tmp_path)), tensors_of(ours)
    assert again.keys() == file.keys()
    assert [name for name, values in file.items() if not np.array_equal(values, again[name])] == []


def test_gpt2_in_shards_is_loaded(tmp_path):
    transformers = pytest.importorskip("transformers")
    specs = initgen.model(EXAMPLES / "gpt2.toml")
    initgen.write(specs, tmp_path / "gpt2", format="safetensors", max_shard_size="200MB", fsync=False)
    index = json.loads((tmp_path / "gpt2" / "model.safetensors.index.json").read_text(encoding="utf-8"))
    assert len(set(index["weight_map"].values())) == 3
    transformers.GPT2Config().save_pretrained(tmp_path / "gpt2")
    model, info = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "gpt2", output_loading_info=True)
    assert not any(info.values()), info
    assert model.lm_head.weight is model.transformer.wte.weight
    shutil.rmtree(tmp_path / "gpt2")
    for layer in (model.transformer.h[0], model.transformer.h[11]):
        assert layer.mlp.c_proj.weight.std().item() == pytest.approx(0.02 / math.sqrt(24), rel=0.01)
        assert layer.mlp.c_fc.weight.std().item() == pytest.approx(0.02, rel=0.01)


def test_llama_is_loaded(tmp_path):
    transformers = pytest.importorskip("transformers")
    initgen.write(initgen.model(EXAMPLES / "llama.toml"), tmp_path / "model.safetensors")
    config = {"num_hidden_layers": 4, "hidden_size": 128, "num_attention_heads": 8, "num_key_value_heads": 2}
    config |= {"intermediate_size": 352, "vocab_size": 1024, "dtype": "bfloat16"}
    transformers.LlamaConfig(**config).save_pretrained(tmp_path)
    model, info = transformers.LlamaForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert str(model.dtype) == "torch.bfloat16"


def test_the_perceptron_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    initgen.write(initgen.model(EXAMPLES / "mlp.yaml"), tmp_path / "mlp.weights.h5")
    layers = keras.layers
    model = keras.Sequential([layers.Input((784,)), layers.Dense(256, "relu"), layers.Dense(10)])
    model.load_weights(tmp_path / "mlp.weights.h5")
    kernels = [np.asarray(keras.ops.convert_to_numpy(layer.kernel)) for layer in model.layers]
    limits = [math.sqrt(6 / 784), math.sqrt(3 / 256)]
    assert [abs(kernel).max() for kernel in kernels] == [pytest.approx(limit, rel=0.01) for limit in limits]


def test_the_convolutional_network_is_loaded(tmp_path):
    torch = pytest.importorskip("torch")
    initgen.write(initgen.model(EXAMPLES / "cnn.toml"), tmp_path / "cnn.safetensors")
    nn = torch.nn

    def stage(inputs, outputs):
        return nn.ModuleDict({"conv": nn.Conv2d(inputs, outputs, 3, bias=False), "bn": nn.BatchNorm2d(outputs)})

    stages = nn.ModuleList([stage(32, 64), stage(64, 128)])
    model = nn.ModuleDict(
        {"stem": stage(3, 32), "stages": stages, "fc": nn.Linear(128, 256), "head": nn.Linear(256, 10)}
    )
    values = importlib.import_module("safetensors.torch").load_file(tmp_path / "cnn.safetensors")
    model.load_state_dict(values, strict=True)
    assert model["stem"]["bn"].num_batches_tracked.dtype == torch.int64
