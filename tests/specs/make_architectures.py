"""Writes architectures.json: what transformers saves for small models of configs, and its configs' defaults.

    python tests/specs/make_architectures.py > tests/specs/architectures.json

The suite does not run this; tests/interop/test_hugging_face.py takes the list of models from here.
"""

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A model to make: its class in transformers and the keys of its config."""

    kind: str
    config: dict[str, Any]

    def __str__(self) -> str:
        changed = {key: value for key, value in self.config.items() if key not in _SIZES}
        return " ".join([self.kind, *(f"{key}={value}" for key, value in changed.items())])


# The bytes of most weights are enough for a std to 3 %.
LLAMA = {"vocab_size": 120, "hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 1}
LLAMA |= {"num_attention_heads": 4, "num_key_value_heads": 2}
QWEN3 = LLAMA | {"head_dim": 24}
BERT = {"vocab_size": 120, "hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 1}
BERT |= {"num_attention_heads": 4, "max_position_embeddings": 48}
VIT = {"hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 1, "num_attention_heads": 4}
VIT |= {"image_size": 40, "patch_size": 8}
GPT2 = {"vocab_size": 120, "n_positions": 48, "n_embd": 64, "n_layer": 2, "n_head": 4}
GPT2 |= {"bos_token_id": 0, "eos_token_id": 0}
MIXTRAL = LLAMA | {"num_local_experts": 3}
TOKENS = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 3}
_SIZES = {*LLAMA, *QWEN3, *BERT, *VIT, *GPT2, *MIXTRAL}

CASES = (
    Case("LlamaForCausalLM", LLAMA),
    Case("LlamaForCausalLM", LLAMA | {"tie_word_embeddings": True, "num_hidden_layers": 2, "dtype": "bfloat16"}),
    Case("LlamaForCausalLM", LLAMA | {"num_key_value_heads": None, "attention_bias": True, "initializer_range": 0.1}),
    Case("LlamaForCausalLM", LLAMA | {"head_dim": 24, "mlp_bias": True, **TOKENS}),
    Case("LlamaForCausalLM", LLAMA | {"num_hidden_layers": 0}),
    Case("LlamaModel", LLAMA | {"dtype": "float16"}),
    Case("LlamaForSequenceClassification", LLAMA | {"num_labels": 5}),
    Case("LlamaForTokenClassification", LLAMA),
    Case("LlamaForQuestionAnswering", LLAMA),
    Case("MistralForCausalLM", LLAMA | {"sliding_window": 32}),
    Case("MistralForCausalLM", LLAMA | {"attention_bias": True, "head_dim": 24}),
    Case("MistralForTokenClassification", LLAMA),
    Case("MistralModel", LLAMA),
    Case("MistralForSequenceClassification", LLAMA),
    Case("MistralForQuestionAnswering", LLAMA),
    Case("MixtralForCausalLM", MIXTRAL),
    Case("MixtralForCausalLM", LLAMA | {"num_experts": 2, "tie_word_embeddings": True, "head_dim": 24}),
    Case("MixtralForTokenClassification", MIXTRAL),
    Case("MixtralModel", MIXTRAL | {"initializer_range": 0.1}),
    Case("MixtralForSequenceClassification", MIXTRAL),
    Case("MixtralForQuestionAnswering", MIXTRAL),
    Case("Qwen2ForCausalLM", LLAMA),
    Case("Qwen2ForCausalLM", LLAMA | {"tie_word_embeddings": True, "num_key_value_heads": None}),
    Case("Qwen2ForSequenceClassification", LLAMA),
    Case("Qwen2Model", LLAMA | {"head_dim": 24, "attention_bias": True}),
    Case("Qwen2ForTokenClassification", LLAMA),
    Case("Qwen2ForQuestionAnswering", LLAMA),
    Case("Qwen3ForCausalLM", QWEN3),
    Case("Qwen3ForCausalLM", QWEN3 | {"tie_word_embeddings": True, "attention_bias": True}),
    Case("Qwen3ForTokenClassification", QWEN3),
    Case("Qwen3Model", QWEN3 | {"num_key_value_heads": None}),
    Case("Qwen3ForSequenceClassification", QWEN3),
    Case("Qwen3ForQuestionAnswering", QWEN3),
    Case("GemmaForCausalLM", QWEN3),
    Case("GemmaForCausalLM", QWEN3 | {"tie_word_embeddings": False, "attention_bias": True}),
    Case("GemmaForSequenceClassification", QWEN3),
    Case("GemmaModel", QWEN3 | {"initializer_range": 0.1}),
    Case("GemmaForTokenClassification", QWEN3),
    Case("Gemma2ForCausalLM", QWEN3),
    Case("Gemma2ForCausalLM", QWEN3 | {"tie_word_embeddings": False, "attention_bias": True}),
    Case("Gemma2ForTokenClassification", QWEN3),
    Case("Gemma2ForSequenceClassification", QWEN3),
    Case("Gemma2Model", QWEN3),
    Case("Gemma3ForCausalLM", QWEN3),
    Case("Gemma3ForCausalLM", QWEN3 | {"tie_word_embeddings": False, "attention_bias": True}),
    Case("Gemma3TextModel", QWEN3),
    Case("Gemma3TextForSequenceClassification", QWEN3),
    Case("GPT2LMHeadModel", GPT2),
    Case("GPT2LMHeadModel", GPT2 | {"add_cross_attention": True, "tie_word_embeddings": False, "n_inner": 96}),
    Case("GPT2Model", GPT2 | {"initializer_range": 0.1, "hidden_size": 32, "num_hidden_layers": 1}),
    Case("GPT2DoubleHeadsModel", GPT2 | {"tie_word_embeddings": False}),
    Case("GPT2DoubleHeadsModel", GPT2 | {"summary_proj_to_labels": False}),
    Case("GPT2DoubleHeadsModel", GPT2 | {"summary_use_proj": False}),
    Case("GPT2ForSequenceClassification", GPT2 | {"id2label": {"0": "a", "1": "b", "2": "c"}}),
    Case("GPT2ForTokenClassification", GPT2),
    Case("GPT2ForQuestionAnswering", GPT2),
    Case("BertForMaskedLM", BERT),
    Case("BertForMaskedLM", BERT | {"tie_word_embeddings": False, "initializer_range": 0.1}),
    Case("BertModel", BERT | {"is_decoder": True, "add_cross_attention": True, "num_hidden_layers": 2}),
    Case("BertForPreTraining", BERT),
    Case("BertForPreTraining", BERT | {"tie_word_embeddings": False, "type_vocab_size": 3}),
    Case("BertLMHeadModel", BERT | {"is_decoder": True}),
    Case("BertForNextSentencePrediction", BERT),
    Case("BertForSequenceClassification", BERT | {"num_labels": 7}),
    Case("BertForMultipleChoice", BERT),
    Case("BertForTokenClassification", BERT),
    Case("BertForQuestionAnswering", BERT),
    Case("ViTForImageClassification", VIT | {"num_labels": 6}),
    Case("ViTForImageClassification", VIT | {"num_labels": 0, "num_channels": 1}),
    Case("ViTModel", VIT | {"image_size": [32, 48], "qkv_bias": False, "pooler_output_size": 24}),
    Case("ViTModel", VIT | {"patch_size": [8, 20], "initializer_range": 0.1}),
    Case("ViTForMaskedImageModeling", VIT | {"encoder_stride": 8}),
)


def make(case: Case, seed: int = 1) -> Any:
    """The model, with fresh values."""
    import torch
    import transformers

    torch.manual_seed(seed)
    kind = getattr(transformers, case.kind)
    return kind._from_config(kind.config_class(**case.config))


def tensors_of(directory: Path) -> dict[str, Any]:
    """Names and values of a checkpoint."""
    from safetensors.torch import load_file

    return load_file(directory / "model.safetensors")


def seen(tensor: Any) -> list[Any]:
    """Shape, and what its values show: the one that all are, or their std in brackets."""
    values = tensor.double().flatten()
    constant = not values.numel() or bool((values == values[0]).all())
    shown = (float(values[0]) if values.numel() else 0.0) if constant else [float(f"{float(values.std()):.4g}")]
    return [list(tensor.shape), shown]


def main() -> None:
    import torch
    import transformers

    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    found: dict[str, Any] = {"made by": f"python tests/specs/make_architectures.py, {versions}", "defaults": {}}
    models = []
    for case in CASES:
        model = make(case)
        with tempfile.TemporaryDirectory() as directory:
            model.save_pretrained(directory)
            tensors = tensors_of(Path(directory))
        (dtype,) = {str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values()}
        config = {"model_type": model.config.model_type, "architectures": [case.kind], **case.config}
        models.append({"config": config, "dtype": dtype, "tensors": {n: seen(one) for n, one in tensors.items()}})
        found["defaults"][model.config.model_type] = {
            key: value
            for key, value in type(model.config).default_config_fields().items()
            if value is None or isinstance(value, bool | int | float)
        }
    # A line for each tensor.
    text = json.dumps(found | {"models": models}).replace('"models": [', '"models": [\n').replace("}}, {", "}},\n{")
    sys.stdout.write(re.sub(r', ("[^"]+": \[\[)', r",\n\1", text.replace('"tensors": {', '"tensors": {\n')) + "\n")


if __name__ == "__main__":
    main()
