"""A config.json gives the tensors that transformers saves for it, and becomes the config of what is made.

architectures.json holds what transformers saved for each model, and the defaults of its configs (see
make_architectures.py). It is data, so nothing here fails by chance; a std off by 8 % is seen in the larger matrices.
"""

import json
import math
from pathlib import Path

import pytest

import initgen
from initgen.core.errors import InitgenError
from initgen.laws import Constant
from initgen.specs.hugging_face import architectures, variables_of

TABLE = json.loads((Path(__file__).parent / "architectures.json").read_text(encoding="utf-8"))
SHAPES = ("vocab_size", "hidden_size", "n_embd", "num_hidden_layers", "n_layer")
LLAMA = {"model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 2}
LLAMA |= {"num_attention_heads": 4}
GPT2 = {"model_type": "gpt2", "vocab_size": 100, "n_positions": 8, "n_embd": 16, "n_layer": 1, "n_head": 2}
VIT = {"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}


def named(real):
    config = real["config"]
    rest = [f"{key}={value}" for key, value in config.items() if key not in ("architectures", *SHAPES)]
    return " ".join([config["architectures"][0], *rest])


@pytest.fixture
def read(put):
    """``read(config, variables)`` is what a config describes."""

    def describe(config, variables=None, **options):
        put("config.json", config if isinstance(config, str) else json.dumps(config))
        return initgen.model("config.json", variables=variables or {}, **options)

    return describe


def written(described):
    return json.loads(described.files["config.json"])


@pytest.mark.parametrize("real", TABLE["models"], ids=named)
def test_names_shapes_dtypes_and_stds_are_those_of_transformers(real, read):
    specs = {spec.name: spec for spec in read(real["config"])}
    assert {name: spec.shape for name, spec in specs.items()} == {
        name: tuple(shape) for name, (shape, _) in real["tensors"].items()
    }
    assert {spec.dtype.name for spec in specs.values()} == {real["dtype"]}
    for name, (_, seen) in real["tensors"].items():
        spec = specs[name]
        if isinstance(seen, list):
            law = spec.element_law
            error = 5.5 * math.sqrt((law.kurtosis - 1) / (4 * spec.count))
            rows = 1 - 1 / spec.shape[0] if spec.scheme.name == "padded_normal" else 1
            assert law.std * math.sqrt(rows) == pytest.approx(seen[0], rel=error), spec
        else:
            assert spec.made == Constant(seen), spec


def test_the_table_has_every_architecture_and_class():
    assert {real["config"]["model_type"] for real in TABLE["models"]} == set(architectures())
    for kind in architectures():
        classes = {name for name in variables_of(kind) if name[0].isupper()}
        covered = {r["config"]["architectures"][0] for r in TABLE["models"] if r["config"]["model_type"] == kind}
        assert covered == classes


def test_the_embedding_of_the_padding_token_is_zero(read):
    def embedding(config):
        return next(s.title for s in read(config) if s.name.endswith(("embed_tokens.weight", "word_embeddings.weight")))

    assert embedding(LLAMA) == "random_normal:stddev=0.02"
    assert embedding({**LLAMA, "pad_token_id": 3}) == "padded_normal:stddev=0.02,row=3"
    assert embedding({**LLAMA, "pad_token_id": -1}).endswith(f"row={LLAMA['vocab_size'] - 1}")
    assert embedding({"model_type": "bert", "num_hidden_layers": 1}).startswith("padded_normal:stddev=0.02")
    assert (
        embedding({"model_type": "bert", "num_hidden_layers": 1, "pad_token_id": None}) == "random_normal:stddev=0.02"
    )
    assert read({"model_type": "vit", "num_hidden_layers": 1, "pad_token_id": 0})


@pytest.mark.parametrize("kind", architectures())
def test_defaults_are_those_of_transformers(kind):
    variables = {key: value for key, value in variables_of(kind).items() if key[0].islower()}
    theirs = TABLE["defaults"][kind] | {"num_labels": 2}
    plain = {key: value for key, value in variables.items() if not isinstance(value, str)}
    # A list as the size of images is ours; so is text, which stands for what transformers computes where it has null.
    assert plain == {key: theirs.get(key) for key in plain}
    assert not {key for key in variables.keys() - plain.keys() if key in theirs}


DEFAULTS = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3_text": "Gemma3ForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "bert": "BertForMaskedLM",
    "vit": "ViTForImageClassification",
}


@pytest.mark.parametrize("kind", architectures())
@pytest.mark.parametrize("given", [{}, {"architectures": None}, {"architectures": []}], ids=str)
def test_a_config_without_a_class_gets_the_usual_one(kind, given, read):
    described = read({"model_type": kind, **given}, {"vocab_size": 64} if kind != "vit" else {})
    assert written(described)["architectures"] == [DEFAULTS[kind]]


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"model_type": "gpt2"}, 124_439_808),
        ({"model_type": "bert", "architectures": ["BertModel"]}, 109_482_240),
        ({"model_type": "vit", "architectures": ["ViTModel"]}, 86_389_248),
        ({"model_type": "llama"}, 6_738_415_616),
        ({"model_type": "mistral"}, 7_241_732_096),
        ({"model_type": "mixtral"}, 46_702_792_704),
    ],
    ids=lambda config: config["model_type"] if isinstance(config, dict) else "",
)
def test_models_have_the_parameters_that_they_are_known_for(config, parameters, read):
    assert sum(spec.count for spec in read(config)) == parameters


def test_the_config_is_given_back_with_what_was_set_and_stored(read):
    config = {**LLAMA, "rope_scaling": {"factor": 8.0}, "é": "ü", "torch_dtype": "bfloat16", "rms_norm_eps": 1e-5}
    again = read(config, {"num_hidden_layers": "1", "hidden_size": 32, "rms_norm_eps": "1"})
    assert again.files.keys() == {"config.json"}
    changed = {"num_hidden_layers": 1, "hidden_size": 32, "rms_norm_eps": 1.0, "architectures": ["LlamaForCausalLM"]}
    assert written(again) == {**config, **changed}
    assert list(written(again)) == [*config, "architectures"]
    assert b"\n" in again.files["config.json"][-1:]
    assert [type(written(again)[key]) for key in ("rms_norm_eps", "hidden_size")] == [float, int]


@pytest.mark.parametrize(
    ("config", "dtype", "expected"),
    [
        ({}, None, {"dtype": "float32"}),
        ({"dtype": "float16"}, None, {"dtype": "float16"}),
        ({"dtype": "float16"}, "bfloat16", {"dtype": "bfloat16"}),
        ({"torch_dtype": "float16"}, None, {"torch_dtype": "float16"}),
        ({"torch_dtype": "float16"}, "float64", {"torch_dtype": "float64"}),
        ({"torch_dtype": "float16", "dtype": "bfloat16"}, None, {"torch_dtype": "bfloat16", "dtype": "bfloat16"}),
        ({"dtype": None}, "float16", {"dtype": "float16"}),
        ({"dtype": None, "torch_dtype": "float16"}, None, {"dtype": "float16", "torch_dtype": "float16"}),
    ],
    ids=str,
)
def test_the_dtype_is_that_of_the_config_unless_another_is_asked_for(config, dtype, expected, read):
    described = read({**LLAMA, **config}, dtype=dtype)
    assert {spec.dtype.name for spec in described} == set(expected.values())
    assert {key: value for key, value in written(described).items() if "dtype" in key} == expected


SET = {  # config, what is set, what the config becomes
    "a boolean": (LLAMA, {"tie_word_embeddings": "true"}, {"tie_word_embeddings": True}),
    "a boolean as a number": (LLAMA, {"tie_word_embeddings": 1}, {"tie_word_embeddings": True}),
    "an expression": (LLAMA, {"intermediate_size": "${2 * hidden_size}"}, {"intermediate_size": 128}),
    "a class": (LLAMA, {"architectures": "LlamaModel"}, {"architectures": ["LlamaModel"]}),
    "another name": (GPT2, {"hidden_size": 32, "num_hidden_layers": "2"}, {"n_embd": 32, "n_layer": 2}),
    "both names": ({**GPT2, "hidden_size": 32}, {"n_embd": 8}, {"n_embd": 8}),
    "another name before": ({"hidden_size": 32, **GPT2}, {"n_layer": 2}, {"n_embd": 32}),
    "a whole float": ({**LLAMA, "initializer_range": 1}, {"hidden_size": 32}, {"initializer_range": 1.0}),
    "null": ({**GPT2, "n_inner": 24}, {"n_inner": "null"}, {"n_inner": None}),
    "text": ({**LLAMA, "hidden_act": "silu"}, {"hidden_act": "gelu"}, {"hidden_act": "gelu"}),
    "a list": ({**VIT, "image_size": 64}, {"image_size": "[32, 48]"}, {"image_size": [32, 48]}),
    "a float": (LLAMA, {"initializer_range": "1"}, {"initializer_range": 1.0}),
    "labels": (VIT, {"num_labels": 2}, {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}),
    "as many labels": (
        {**VIT, "id2label": {"0": "cat", "1": "dog"}},
        {"num_labels": 2},
        {"id2label": {"0": "cat", "1": "dog"}},
    ),
    "fewer layers": ({**LLAMA, "layer_types": ["a", "b"]}, {"num_hidden_layers": 1}, {"layer_types": ["a"]}),
    "a small vocabulary": (GPT2, {"vocab_size": 9}, {"vocab_size": 9, "bos_token_id": None, "eos_token_id": None}),
    "tokens in a list": (
        {**LLAMA, "eos_token_id": [8, 9], "pad_token_id": 99},
        {"vocab_size": 9},
        {"eos_token_id": [8], "pad_token_id": None},
    ),
    "tokens that are set": ({**GPT2, "eos_token_id": 9}, {"vocab_size": 9, "eos_token_id": 3}, {"eos_token_id": 3}),
}


@pytest.mark.parametrize("case", SET)
def test_what_is_set_stands_in_the_config_and_holds_for_the_tensors(case, read):
    config, variables, expected = SET[case]
    described = read(config, variables)
    tree = written(described)
    assert {key: tree[key] for key in expected} == expected
    assert all(type(tree[key]) is type(value) for key, value in expected.items())
    assert not {"num_labels", "hidden_size" if "n_embd" in tree else ""} & tree.keys()
    assert {spec.name: spec.shape for spec in read(tree)} == {spec.name: spec.shape for spec in described}
    same = sum(spec.count for spec in described) == sum(spec.count for spec in read(config))
    assert same == (case in ("text", "a float", "labels", "as many labels"))


def test_a_spec_can_include_a_config_and_say_more(put):
    put("config.json", json.dumps({**LLAMA, "architectures": ["LlamaModel"], "torch_dtype": "float16"}))
    put(
        "s.toml",
        'include = "config.json"\ndtype = "float64"\n[variables]\nd = 16\nhidden_size = "${2 * d}"\n'
        "[tensors]\nx = {shape = [1], scheme = 'ones'}\n[[rules]]\nmatch = 'norm.weight'\nscheme = 'zeros'\n",
    )
    described = {spec.name: spec for spec in initgen.model("s.toml", variables={"num_hidden_layers": 1})}
    assert len(described) == 12
    assert described["embed_tokens.weight"].shape == (100, 32)
    assert described["norm.weight"].made == Constant(0)
    assert (described["x"].dtype.name, described["norm.weight"].dtype.name) == ("float64", "float16")


def test_more_layers_than_kinds_of_layers_leave_the_kinds_to_transformers(read):
    tree = written(read({**LLAMA, "layer_types": ["a", "b"]}, {"num_hidden_layers": 3}))
    assert "layer_types" not in tree


def test_weights_alone_are_the_same_bytes_as_in_a_directory(read, tmp_path):
    described = read(LLAMA)
    initgen.write(described, tmp_path / "m.safetensors")
    initgen.write(described, f"{tmp_path / 'm'}/")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["config.json", "model.safetensors"]
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


HUGE = "1" + "0" * 30
REFUSED = {  # config, what is set, message, hint
    "model type": ({"model_type": "lama"}, {}, "line 1: model_type: 'lama' is not one that initgen knows", "llama"),
    "no model type": ({"architectures": ["LlamaModel"]}, {}, "has no model_type", "one of bert, gemma"),
    "model type of another kind": ({"model_type": 3}, {}, "model_type: 3 is not one that initgen knows", "bert, gemma"),
    "architecture": (
        {**LLAMA, "architectures": ["LlamaForMultipleChoice"]},
        {},
        "architectures: 'LlamaForMultipleChoice' is not one that initgen knows for llama",
        "known: LlamaForCausalLM, LlamaModel, ",
    ),
    "architectures": ({**LLAMA, "architectures": "LlamaModel"}, {}, "architectures: must be a list of names", ""),
    "quantized": ({**LLAMA, "quantization_config": {}}, {}, "quantization_config: initgen makes weights as they", ""),
    "slip": (LLAMA, {"hiden_size": 3}, "there is no variable 'hiden_size' to set", "did you mean hidden_size"),
    "model type set": (LLAMA, {"model_type": "gpt2"}, "there is no variable 'model_type' to set", ""),
    "class set": (LLAMA, {"LlamaModel": 1}, "there is no variable 'LlamaModel' to set", ""),
    "heads": (
        LLAMA,
        {"hidden_size": 63},
        "hidden_size / num_attention_heads is 15.75, and must be a whole number",
        "hidden_size = 63, num_attention_heads = 4",
    ),
    "groups": ({**LLAMA, "num_key_value_heads": 3}, {}, "num_attention_heads / num_key_value_heads is 1.33333", ""),
    "no heads": (LLAMA, {"num_attention_heads": 0}, "divides by 0", ""),
    "patches": ({**VIT, "image_size": 225}, {}, "image_size_0 / patch_size_0 is 14.0625, and must be", "image_size_0"),
    "negative": (
        LLAMA,
        {"hidden_size": -64},
        "config.json: hidden_size: is -64, and must be a whole number from 0",
        "",
    ),
    "negative layers": (
        {**LLAMA, "num_hidden_layers": -1},
        {},
        "num_hidden_layers: is -1, and must be a whole number from 0",
        "",
    ),
    "layers": ({**LLAMA, "num_hidden_layers": 10**9}, {}, "num_hidden_layers: is 1000000000, more than any model", ""),
    "labels": (LLAMA, {"num_labels": 10**9}, "config.json: num_labels: is 1000000000, more than any model has", ""),
    "huge": ({**LLAMA, "vocab_size": int(HUGE)}, {}, f"vocab_size: is {HUGE}, more than any model has", ""),
    "huge product": (LLAMA, {"vocab_size": 2**40, "hidden_size": 2**40}, "lm_head.weight.shape: shape = ", ""),
    "fraction": ({**LLAMA, "hidden_size": 64.0}, {}, "hidden_size: is 64.0, and must be a whole number", ""),
    "fraction set": (LLAMA, {"hidden_size": "6.5"}, "config.json: hidden_size: is 6.5, and must be a whole number", ""),
    "text": ({**LLAMA, "hidden_size": "64"}, {}, "hidden_size: is '64', and must be a whole number", ""),
    "text set": (LLAMA, {"hidden_size": "many"}, "config.json: hidden_size: there is no variable 'many'", ""),
    "a list": ({**LLAMA, "hidden_size": [64]}, {}, "hidden_size: is [64], and must be a whole number", ""),
    "true": ({**LLAMA, "hidden_size": True}, {}, "hidden_size: is True, and must be a whole number", ""),
    "null": ({**LLAMA, "hidden_size": None}, {}, "hidden_size: is null, and must be a whole number", ""),
    "one for true": ({**LLAMA, "mlp_bias": 1}, {}, "mlp_bias: is 1, and must be true or false", ""),
    "two for true": (LLAMA, {"mlp_bias": 2}, "config.json: mlp_bias: is 2, and must be true or false", ""),
    "range": ({**LLAMA, "initializer_range": "x"}, {}, "initializer_range: is 'x', and must be a number", ""),
    "no range": (
        LLAMA,
        {"initializer_range": "0"},
        "config.json: initializer_range: is 0.0, and must be a number above 0",
        "",
    ),
    "infinite": ('{"model_type": "llama", "initializer_range": 1e999}', {}, "initializer_range: is inf, and must", ""),
    "infinite elsewhere": ('{"model_type": "llama", "x": 1e999}', {}, "half a character or an infinite number", ""),
    "dtype": (
        {**LLAMA, "torch_dtype": "bfloat61"},
        {},
        "torch_dtype: unknown dtype 'bfloat61'",
        "did you mean bfloat16",
    ),
    "whole dtype": ({**LLAMA, "dtype": "int8"}, {}, "dtype: int8 is not for weights", ""),
    "dtypes": ({**LLAMA, "dtype": {"text": "float16"}}, {}, "dtype: dtype = {'text': 'float16'} is not a name", ""),
    "layer types": ({**LLAMA, "layer_types": ["a"]}, {}, "layer_types: is of 1 layers, and num_hidden_layers is 2", ""),
    "half a character set": ({**LLAMA, "x": 1}, {"x": "\udcff"}, "half a character", ""),
    "nesting set": ({**LLAMA, "x": 1}, {"x": "[" * 5000 + "]" * 5000}, "config.json: x: nests too deep", ""),
    "nesting": ('{"model_type": "llama", "x": ' + "[" * 5000 + "]" * 5000 + "}", {}, "nests too deep", ""),
    "twice": ('{"model_type": "llama", "a": 1, "a": 2}', {}, "the key 'a' stands twice", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_config_that_makes_no_model_is_refused_by_the_name_of_the_key(case, read):
    config, variables, message, hint = REFUSED[case]
    with pytest.raises(InitgenError) as caught:
        read(config, variables)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.slow
def test_a_large_config_is_read_soon(read):
    described = read(
        {**LLAMA, "id2label": {str(index): "x" * 40 for index in range(200_000)}}, {"num_hidden_layers": 1}
    )
    assert len(described) == 12
    assert len(written(described)["id2label"]) == 200_000


def test_a_tensor_is_there_when_its_condition_holds(put):
    put(
        "s.toml",
        "[variables]\nbias = 1\ntied = 1\n[tensors]\n"
        "a = {shape = [1], scheme = 'zeros', when = '${bias}'}\nb = {shape = [1], scheme = 'zeros', when = '${1 - tied}'}\n"
        "c = {shape = [1], scheme = 'zeros', when = true}\nd = {shape = ['${1 / 0}'], scheme = 'zeros', when = false}\n"
        "e = {shape = ['${bias}'], scheme = 'constant:value=${bias}', when = 2}\n",
    )
    described = initgen.model("s.toml")
    assert [spec.name for spec in described] == ["a", "c", "e"]
    assert described[2].made == Constant(1)
    assert [spec.name for spec in initgen.model("s.toml", variables={"bias": 0, "tied": "0"})] == ["b", "c", "e"]
    put("t.toml", "[tensors]\na = {shape = [1], scheme = 'zeros', when = '${bias}'}\n")
    with pytest.raises(InitgenError, match=r"t.toml, line 2: tensors.a.when: there is no variable 'bias'"):
        initgen.model("t.toml")


def test_a_weight_of_a_kind_is_there_when_its_condition_holds(put):
    layers = "".join(
        f"{{kind = 'Mine', name = '{name}', bias = {bias}}}," for name, bias in (("a", "true"), ("b", "false"))
    )
    put(
        "s.toml",
        f"layout = 'keras'\nlayers = [{{kind = 'Input', shape = [3]}}, {layers}]\n"
        "[kinds.Mine]\nw = {shape = [2], scheme = 'ones'}\nb = {shape = [2], scheme = 'zeros', when = '${bias}'}\n",
    )
    assert [spec.name for spec in initgen.model("s.toml")] == ["a/w", "a/b", "b/w"]
