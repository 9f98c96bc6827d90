"""transformers' own GPT-2 passes `stats` under gpt2_residual, and fails it with another number of layers."""

import importlib

import pytest

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("layers", [3, 12])
def test_the_residual_projections_of_gpt2_are_gpt2_residual(layers, failures):
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    torch.manual_seed(20240229)
    config = transformers.GPT2Config(
        n_layer=layers, n_embd=128, n_head=2, vocab_size=50, n_positions=8, bos_token_id=0, eos_token_id=0
    )
    state = transformers.GPT2LMHeadModel(config).state_dict()
    found = [tensor for name, tensor in state.items() if name.endswith(".c_proj.weight")]
    assert len(found) == 2 * layers
    whole = torch.cat([tensor.flatten() for tensor in found])
    assert failures(whole, f"gpt2_residual:layers={layers}") == []
    assert "variance" in failures(whole, f"gpt2_residual:layers={layers + 1}")
