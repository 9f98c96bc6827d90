"""Directories made from a config.json are what transformers makes of it: names, shapes, dtypes and laws, and it loads them.

The models are those of tests/specs/make_architectures.py. False alarms: about 500 judgements at 1e-9 each are wrong once in
two million seeds; the seeds are fixed. An error of 10 % in std is seen from 2,500 values on.
"""

import json
import logging
import math
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import initgen
from initgen.laws import Constant

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.interop

MAKE = runpy.run_path(str(Path(__file__).parents[1] / "specs" / "make_architectures.py"))
CASES, make, tensors_of = (MAKE[name] for name in ("CASES", "make", "tensors_of"))


@pytest.fixture(scope="module", params=CASES, ids=str)
def pair(request, tmp_path_factory):
    """The model, the directory that transformers saves, what its config describes to us, and our directory."""
    model = make(request.param, seed=20240229)
    theirs = tmp_path_factory.mktemp("theirs")
    model.save_pretrained(theirs)
    described = initgen.model(theirs / "config.json")
    ours = tmp_path_factory.mktemp("ours") / "model"
    initgen.write(described, f"{ours}/")
    return model, theirs, described, ours


def loaded(kind, directory):
    """The model in a directory, which has to load without a word."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    transformers.utils.logging.warning_once.cache_clear()  # what was said before is not held back
    logging.getLogger("transformers").addHandler(handler)
    try:
        with warnings.catch_warnings():
            # torch's own, of the empty tensors of a model without labels.
            warnings.filterwarnings("ignore", "Initializing zero-element tensors is a no-op")
            model, info = kind.from_pretrained(directory, output_loading_info=True)
    finally:
        logging.getLogger("transformers").removeHandler(handler)
    assert not any(info.values()), info
    assert not said
    return model


def outputs(model):
    """What a model answers first."""
    config = model.config
    if config.model_type == "vit":
        sizes = config.image_size if isinstance(config.image_size, list) else [config.image_size] * 2
        given = {"pixel_values": torch.linspace(-1, 1, config.num_channels * math.prod(sizes))}
        given["pixel_values"] = given["pixel_values"].reshape(1, config.num_channels, *sizes).to(model.dtype)
    else:
        ids = torch.tensor([[4, 5, 6, 7, 8]])
        given = {"input_ids": ids[None] if type(model).__name__.endswith("MultipleChoice") else ids}
    with torch.no_grad():
        return model.eval()(**given)[0]


def test_names_shapes_and_dtypes_are_those_that_transformers_saves(pair):
    _, theirs, _, ours = pair
    made = {name: (tensor.shape, tensor.dtype) for name, tensor in tensors_of(ours).items()}
    assert made == {name: (tensor.shape, tensor.dtype) for name, tensor in tensors_of(theirs).items()}
    assert json.loads((ours / "config.json").read_bytes()) == json.loads((theirs / "config.json").read_bytes())


def test_transformers_loads_the_directory_and_computes_with_it(pair):
    model, _, _, ours = pair
    again = loaded(type(model), ours)
    assert again.dtype == model.dtype
    answer = outputs(again)
    assert answer.isfinite().all()
    assert answer.shape == outputs(model).shape
    state = again.state_dict()
    names = [name for name in tensors_of(ours) if name in state]  # some have others in memory
    assert all(torch.equal(state[name], tensors_of(ours)[name]) for name in names)
    assert len(names) > 2


def test_the_fresh_weights_of_transformers_have_our_laws_and_so_have_ours(pair, failures):
    _, theirs, described, ours = pair
    specs = {spec.name: spec for spec in described}
    judged = set()
    for directory in (theirs, ours):
        for name, values in tensors_of(directory).items():
            spec = specs[name]
            if isinstance(spec.made, Constant):
                assert (values == spec.made.value).all(), name
                continue
            key = (directory, spec.title, values.shape)
            if values.numel() >= 2500 and key not in judged:
                judged.add(key)
                assert failures(values, spec.title) == [], spec
    assert judged or not any(values.numel() >= 2500 for values in tensors_of(theirs).values())


def test_a_lacking_tensor_is_seen(tmp_path):
    config = {"model_type": "llama", **CASES[0].config}
    (tmp_path / "config.json").write_text(json.dumps(config))
    described = initgen.model(tmp_path / "config.json")
    del described[3]
    initgen.write(described, f"{tmp_path / 'model'}/")
    with pytest.raises(AssertionError):
        loaded(transformers.LlamaForCausalLM, tmp_path / "model")


DECODER = {"num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "head_dim": 16}
DECODER |= {"num_key_value_heads": 2, "vocab_size": 64}
TINY = {
    **dict.fromkeys(("llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"), DECODER),
    "gpt2": {"n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 64},
    "bert": {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 64},
    "vit": {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "num_labels": 5},
}
AUTO = {"bert": "AutoModelForMaskedLM", "vit": "AutoModelForImageClassification"}


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
@pytest.mark.parametrize("kind", TINY)
def test_a_full_config_becomes_a_tiny_model(kind, dtype, tmp_path):
    """The config is one that transformers saves, with every default spelled out."""
    auto = getattr(transformers, AUTO.get(kind, "AutoModelForCausalLM"))
    transformers.AutoConfig.for_model(kind).save_pretrained(tmp_path)
    variables = {key: str(value) for key, value in TINY[kind].items()}
    described = initgen.model(tmp_path / "config.json", variables=variables, dtype=dtype)
    initgen.write(described, f"{tmp_path / 'tiny'}/")
    model = loaded(auto, tmp_path / "tiny")
    assert str(model.dtype) == f"torch.{dtype or 'float32'}"
    assert outputs(model).isfinite().all()
    tokens = {key: getattr(model.config, key, None) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = transformers.AutoConfig.for_model(kind, **TINY[kind] | (tokens if kind != "vit" else {}))
    theirs = auto.from_config(config)
    assert type(theirs) is type(model)
    expected = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert {name: tensor.shape for name, tensor in model.state_dict().items()} == expected


def test_a_tiny_model_of_a_minimal_config_generates(tmp_path):
    (tmp_path / "c.json").write_text('{"model_type": "llama", "vocab_size": 256}')
    variables = {"num_hidden_layers": "2", "hidden_size": "64", "intermediate_size": "128"}
    initgen.write(
        initgen.model(tmp_path / "c.json", variables=variables), f"{tmp_path / 'tiny'}/", max_shard_size="100kB"
    )
    assert len(list((tmp_path / "tiny").glob("*.safetensors"))) > 1
    model = loaded(transformers.AutoModelForCausalLM, tmp_path / "tiny")
    made = model.generate(torch.tensor([[1, 2, 3]]), max_new_tokens=4, do_sample=False, attention_mask=torch.ones(1, 3))
    assert made.shape[1] > 3
    assert np.isfinite(model.lm_head.weight.detach().numpy()).all()
