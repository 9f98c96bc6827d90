"""The examples: each is a sound spec of the model that it says, with the laws that it says."""

import math
from pathlib import Path

import pytest

import initgen

EXAMPLES = Path(initgen.__file__).parent.parent / "examples"

# File, tensors, weights, and some of the stds, from the frameworks' definitions.
SPECS = [
    ("mlp.yaml", 4, 784 * 256 + 256 + 2560 + 10, {"layers/dense/vars/0": math.sqrt(2 / 784)}),
    (
        "cnn.toml",
        22,
        129_517,
        {
            # kaiming_normal(mode="fan_out", nonlinearity="relu"): sqrt(2 / (out k k))
            "stem.conv.weight": math.sqrt(2 / (32 * 9)),
            "stages.0.conv.weight": math.sqrt(2 / (64 * 9)),
            "stages.1.conv.weight": math.sqrt(2 / (128 * 9)),
            "fc.weight": 1 / math.sqrt(3 * 128),
            "fc.bias": 1 / math.sqrt(3 * 128),
        },
    ),
    ("gpt2.toml", 148, 124_439_808, {"transformer.h.7.mlp.c_proj.weight": 0.02 / math.sqrt(24)}),
    ("llama.toml", 39, 967_808, {"model.layers.3.mlp.up_proj.weight": 0.02}),
    ("llama-8b.toml", 291, 8_030_261_248, {"model.layers.31.mlp.up_proj.weight": 0.02}),
    ("seed_he_uniform.json", 4, 7114, {"dense/kernel": math.sqrt(2 / 100), "dense_1/kernel": math.sqrt(2 / 74)}),
    ("conv_selu.toml", 4, 320 + 54_090, {"conv2d/kernel": math.sqrt(1 / 9), "dense/kernel": math.sqrt(2 / 5418)}),
    ("lstm_selu.yaml", 5, 4 * 64 * 97 + 65, {"lstm/lstm_cell/kernel": math.sqrt(1 / 32)}),
    (
        "torch_encoder.toml",
        27,
        64_000 + 2 * 49_984 + 650,
        {
            "head.weight": 1 / math.sqrt(3 * 64),
            "blocks.1.linear2.weight": 0.01,
            "blocks.0.linear1.weight": 1 / math.sqrt(192),
        },
    ),
    ("torch_mlp.toml", 4, 784 * 128 + 128 + 1280 + 10, {"0.weight": 1 / math.sqrt(3 * 784)}),
    (
        "residual.toml",
        16,
        128 * 129 + 2 * (256 + 129 * 512 + 513 * 128) + 1290,
        {"block_1_up/kernel": math.sqrt(2 / 128), "head/kernel": math.sqrt(2 / 138)},
    ),
    ("llama-config.json", 291, 6_738_415_616, {"model.layers.31.mlp.up_proj.weight": 0.02}),
]


def test_every_spec_there_is_listed():
    found = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".toml", ".yaml", ".json")}
    assert found == {name for name, *_ in SPECS}


@pytest.mark.parametrize(("name", "tensors", "weights", "stds"), SPECS)
def test_an_example_is_the_model_that_it_says(name, tensors, weights, stds):
    specs = {spec.name: spec for spec in initgen.model(EXAMPLES / name)}
    assert len(specs) == tensors
    assert sum(spec.count for spec in specs.values()) == weights
    for tensor, std in stds.items():
        assert specs[tensor].made.std == pytest.approx(std, rel=1e-12)
    text = (EXAMPLES / name).read_text()
    if not name.endswith(".json"):  # which has no comments
        assert text.startswith("# ")
        assert f"initgen sample examples/{name} -o " in text


def test_variables_make_a_model_small():
    specs = initgen.model(EXAMPLES / "gpt2.toml", variables={"n_layer": 2, "d_model": 64})
    assert len(specs) == 2 * 12 + 4
    assert max(spec.shape[-1] for spec in specs) == 256
