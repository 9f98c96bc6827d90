"""Writes models.json: what transformers, torch and Keras give every tensor of small models. Needs all three.

    python tests/specs/make_models.py > tests/specs/models.json

The suite does not run this; tests/interop/test_presets.py takes the list of models from here.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """A model to make.

    Attributes:
        kind: the class, of transformers; or torch or keras for a model of some of their layers.
        config: the arguments of the class's config; or layers by name, as (class, arguments, options).
        memory: whether the names are those in memory, where they are others than in the file that is saved.
    """

    preset: str
    kind: str
    config: dict[str, Any]
    memory: bool = False

    def __str__(self) -> str:
        return f"{self.preset} {self.kind}"


# Sizes that make most matrices of 50,000 values or more, so that a std is known to better than 2 %.
LABELS = {"num_labels": 160}
GPT2 = {"vocab_size": 260, "n_positions": 200, "n_embd": 256, "n_layer": 3, "n_head": 4}
GPT2 |= {"bos_token_id": 0, "eos_token_id": 0}
LLAMA = {"vocab_size": 260, "hidden_size": 256, "intermediate_size": 384, "num_hidden_layers": 2}
LLAMA |= {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 48, "max_position_embeddings": 64}
BERT = {"vocab_size": 8192, "hidden_size": 256, "intermediate_size": 384, "num_hidden_layers": 2}
BERT |= {"num_attention_heads": 4, "max_position_embeddings": 200, "type_vocab_size": 200}
VIT = {"hidden_size": 256, "intermediate_size": 384, "num_hidden_layers": 2, "num_attention_heads": 4}
VIT |= {"image_size": 120, "patch_size": 8}
# Here no two of d_model, d_kv, heads x d_kv and d_ff are equal.
T5 = {"vocab_size": 260, "d_model": 256, "d_kv": 20, "d_ff": 384, "num_layers": 2, "num_heads": 12}
T5 |= {"relative_attention_num_buckets": 4096}
MOE = LLAMA | {"num_local_experts": 4, "num_experts": 4, "moe_intermediate_size": 128}
MAMBA = {"vocab_size": 260, "hidden_size": 256, "state_size": 16, "num_hidden_layers": 3}

TORCH = {
    "embedding": ("Embedding", (300, 200), {}),
    "fc": ("Linear", (300, 200), {}),
    "plain": ("Linear", (40_000, 2), {"bias": False}),
    "wide": ("Linear", (30, 60_000), {}),
    "conv1": ("Conv1d", (60, 300, 5), {"groups": 3}),
    "conv2": ("Conv2d", (40, 60, (5, 3)), {}),
    "conv3": ("Conv3d", (20, 40, 4), {}),
    "up": ("ConvTranspose2d", (60, 40, 5), {}),
    "bn": ("BatchNorm2d", (60,), {}),
    "ln": ("LayerNorm", (60,), {}),
    "gn": ("GroupNorm", (4, 60), {}),
    "rms": ("RMSNorm", (60,), {}),
    "prelu": ("PReLU", (60,), {}),
    "rnn": ("RNN", (300, 200), {"bidirectional": True}),
    "lstm": ("LSTM", (100, 150), {"num_layers": 2}),
    "gru": ("GRU", (200, 180), {}),
    "projected": ("LSTM", (200, 250), {"proj_size": 100, "num_layers": 2}),
    "cell": ("LSTMCell", (100, 150), {}),
    "self_attn": ("MultiheadAttention", (256, 8), {}),
    "cross_attn": ("MultiheadAttention", (1024, 8), {"kdim": 60, "vdim": 80, "add_bias_kv": True}),
    "block": ("TransformerDecoderLayer", (256, 8, 300), {}),
}
SEQUENCE = {
    "input": ("Input", (50,), {}),
    "embedding": ("Embedding", (300, 200), {}),
    "lstm": ("LSTM", (120,), {"return_sequences": True}),
    "gru": ("GRU", (150,), {"return_sequences": True}),
    "old": ("GRU", (150,), {"return_sequences": True, "reset_after": False}),
    "rnn": ("SimpleRNN", (240,), {"return_sequences": True}),
    "rms": ("RMSNormalization", (), {}),
    "attention": ("MultiHeadAttention", (8, 50), {"value_dim": 40}),
    "ln": ("LayerNormalization", (), {}),
    "gn": ("GroupNormalization", (8,), {}),
    "scaled": ("Attention", (), {"use_scale": True}),
    "additive": ("AdditiveAttention", (), {}),
    "einsum": ("EinsumDense", ("abc,cd->abd", (None, 256)), {"bias_axes": "d"}),
    "conv": ("Conv1D", (100, 5), {}),
    "head": ("Dense", (600,), {}),
}
IMAGE = {
    "input": ("Input", (20, 20, 32), {}),
    "stem": ("Conv2D", (80, 5), {}),
    "bn": ("BatchNormalization", (), {}),
    "prelu": ("PReLU", (), {}),
    "depthwise": ("DepthwiseConv2D", (5,), {"depth_multiplier": 2}),
    "separable": ("SeparableConv2D", (300, 3), {}),
    "up": ("Conv2DTranspose", (40, 5), {}),
    "norm": ("Normalization", (), {}),
    "flat": ("GlobalAveragePooling2D", (), {}),
    "first": ("Dense", (700,), {}),
    "second": ("Dense", (100,), {"use_bias": False}),
}
FRAMES = {
    "input": ("Input", (4, 8, 8, 20), {}),
    "lstm": ("ConvLSTM2D", (32, 5), {}),
    "rows": ("Reshape", ((16, 32),), {}),
    "grouped": ("GroupQueryAttention", (48, 40, 4), {}),
}

CASES = (
    Case("gpt2", "GPT2LMHeadModel", GPT2),
    Case("gpt2", "GPT2Model", GPT2 | {"initializer_range": 0.05}),
    Case("gpt2", "GPT2LMHeadModel", GPT2 | {"add_cross_attention": True, "tie_word_embeddings": False}),
    Case("gpt2", "GPT2ForSequenceClassification", GPT2 | LABELS),
    Case("gpt2", "GPT2DoubleHeadsModel", GPT2 | LABELS),
    Case("llama", "LlamaForCausalLM", LLAMA),
    Case("llama", "LlamaModel", LLAMA | {"attention_bias": True, "mlp_bias": True, "initializer_range": 0.01}),
    Case("llama", "LlamaForSequenceClassification", LLAMA | LABELS),
    Case("llama", "LlamaForQuestionAnswering", LLAMA),
    Case("llama", "MistralForCausalLM", LLAMA),
    Case("llama", "Qwen2ForCausalLM", LLAMA | {"tie_word_embeddings": True}),
    Case("llama", "Qwen3ForCausalLM", LLAMA),
    Case("llama", "Phi3ForCausalLM", LLAMA | {"pad_token_id": None, "bos_token_id": 0, "eos_token_id": 0}),
    Case("bert", "BertForMaskedLM", BERT),
    Case("bert", "BertForPreTraining", BERT | {"tie_word_embeddings": False}),
    Case("bert", "BertForSequenceClassification", BERT | LABELS),
    Case("bert", "BertModel", BERT | {"is_decoder": True, "add_cross_attention": True, "initializer_range": 0.1}),
    Case("bert", "RobertaForMaskedLM", BERT),
    Case("bert", "RobertaForSequenceClassification", BERT | LABELS),
    Case("vit", "ViTForImageClassification", VIT | LABELS),
    Case("vit", "ViTModel", VIT | {"initializer_range": 0.05}),
    Case("vit", "ViTForMaskedImageModeling", VIT | {"encoder_stride": 8}),
    Case("t5", "T5ForConditionalGeneration", T5),
    Case("t5", "T5EncoderModel", T5 | {"feed_forward_proj": "gated-gelu", "initializer_factor": 0.5}),
    Case("t5", "T5ForSequenceClassification", T5 | LABELS),
    Case("t5", "T5ForTokenClassification", T5 | LABELS),
    Case("t5", "T5ForQuestionAnswering", T5),
    Case("mixtral", "MixtralForCausalLM", MOE),
    Case("mixtral", "MixtralModel", MOE | {"initializer_range": 0.04}),
    Case("mixtral", "Qwen2MoeForCausalLM", MOE | {"shared_expert_intermediate_size": 256}),
    Case("mixtral", "Qwen3MoeForCausalLM", MOE),
    Case("mamba", "MambaForCausalLM", MAMBA),
    Case("mamba", "MambaModel", MAMBA | {"use_bias": True, "time_step_rank": 60, "time_step_max": 0.5}),
    Case("torch", "torch", TORCH),
    Case("keras", "keras", SEQUENCE),
    Case("keras", "keras", IMAGE),
    Case("keras", "keras", FRAMES),
    # Also with what is tied, which no file has.
    Case("gpt2", "GPT2LMHeadModel", GPT2, memory=True),
    Case("bert", "BertForMaskedLM", BERT, memory=True),
    Case("vit", "ViTForMaskedImageModeling", VIT | {"encoder_stride": 8}, memory=True),
    Case("t5", "T5ForConditionalGeneration", T5, memory=True),
    Case("mixtral", "MixtralForCausalLM", MOE, memory=True),
    Case("mamba", "MambaForCausalLM", MAMBA, memory=True),
    Case("keras", "keras", SEQUENCE, memory=True),
    Case("keras", "keras", IMAGE, memory=True),
    Case("keras", "keras", FRAMES, memory=True),
)
# What a config says to a variable of the preset that has its name, or another.
VARIABLES = ("initializer_range", "initializer_factor", "time_step_max")


def variables_of(case: Case) -> dict[str, float]:
    """The variables by which the preset learns what the config says and no name does."""
    return {key: case.config[key] for key in VARIABLES if key in case.config}


def make(case: Case, seed: int) -> Any:
    """The model, with the values that its framework gives it."""
    if case.kind == "keras":
        import keras

        keras.utils.clear_session()  # names count from one again
        keras.utils.set_random_seed(seed)
        layers = {
            name: getattr(keras.layers, kind)(*given, **options)
            for name, (kind, given, options) in case.config.items()
            if kind != "Input"
        }
        first = x = keras.layers.Input(case.config["input"][1])
        for layer in layers.values():
            kind = type(layer).__name__
            if kind in ("Attention", "AdditiveAttention"):
                x = layer([x, x])
            else:
                x = layer(x, x) if kind.endswith("Attention") else layer(x)
        return keras.Model(first, x)
    import torch

    torch.manual_seed(seed)
    if case.kind == "torch":
        return torch.nn.ModuleDict(
            {name: getattr(torch.nn, kind)(*given, **options) for name, (kind, given, options) in case.config.items()}
        )
    import transformers

    cls = getattr(transformers, case.kind)
    return cls(cls.config_class(**case.config))


def save(model: Any, directory: Path) -> Path:
    """The file that the model's framework writes."""
    if hasattr(model, "save_weights"):
        model.save_weights(directory / "model.weights.h5")
        return directory / "model.weights.h5"
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(directory)
    else:
        from safetensors.torch import save_file

        save_file(model.state_dict(), directory / "model.safetensors")
    return directory / "model.safetensors"


def tensors_in(model: Any) -> dict[str, np.ndarray]:
    """Names and values in memory."""
    if hasattr(model, "save_weights"):
        return {weight.path: np.array(weight.value) for weight in model.weights}
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def tensors_of(path: Path) -> dict[str, np.ndarray]:
    """Names and values of a file."""
    if path.suffix == ".h5":
        import h5py

        found: dict[str, np.ndarray] = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        return {name: np.asarray(array) for name, array in found.items()}
    from safetensors.numpy import load_file

    return load_file(path)


def seen(values: list[np.ndarray]) -> list[Any]:
    """Shape, dtype and what the values show: a constant; or mean, std, kurtosis, and whether each seed gives the same."""
    first = values[0]
    fixed = all(np.array_equal(first, other) for other in values)
    head = [list(first.shape), first.dtype.name]
    if fixed and first.size and (first == first.flat[0]).all():
        return [*head, float(first.flat[0])]
    wide = np.concatenate([array.astype(np.float64).ravel() for array in ([first] if fixed else values)])
    mean, std = wide.mean(), wide.std()
    kurtosis = ((wide - mean) ** 4).mean() / std**4
    return [*head, float(f"{mean:.7g}"), float(f"{std:.7g}"), round(float(kurtosis), 2), fixed]


def main() -> None:
    import torch
    import transformers

    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    versions = f"transformers {transformers.__version__}, torch {torch.__version__}, keras {keras.__version__}"
    found = {"made by": f"python tests/specs/make_models.py, {versions}", "seeds": 2, "models": []}
    for case in CASES:
        drawn = []
        for seed in (1, 2):
            model = make(case, seed)
            with tempfile.TemporaryDirectory() as directory:
                drawn.append(tensors_in(model) if case.memory else tensors_of(save(model, Path(directory))))
        found["models"].append(
            {
                "preset": case.preset,
                "model": case.kind + " in memory" * case.memory,
                "variables": variables_of(case),
                "tensors": {name: seen([values[name] for values in drawn]) for name in drawn[0]},
            }
        )
    # A line for each tensor.
    text = json.dumps(found).replace('"models": [', '"models": [\n').replace("}}, {", "}},\n{")
    sys.stdout.write(re.sub(r', ("[^"]+": \[\[)', r",\n\1", text.replace('"tensors": {', '"tensors": {\n')) + "\n")


if __name__ == "__main__":
    main()
