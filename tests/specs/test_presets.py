"""A preset gives every tensor of a model the law that its framework's own values show.

models.json holds headers of real models, and mean, std and kurtosis of their values (see make_models.py). It is data, so
nothing here fails by chance; a law off by 2 % is seen wherever the table has over 40,000 values, a uniform one in place
of a normal one from 10,000.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import initgen
from initgen.core.dtypes import DTYPES
from initgen.core.errors import SpecError
from initgen.laws import Constant, Law
from initgen.specs.model import add_preset, headers_model, presets, read_model
from initgen.specs.settle import settle
from initgen.specs.tensor import TensorSpec

Z = 5.5
TABLE = json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8"))
EXAMPLES = Path(__file__).parents[2] / "examples"


class Seen(NamedTuple):
    """What a framework's values show: that all are one value; or their moments, and whether seeds change them."""

    shape: tuple[int, ...]
    dtype: str
    mean: float
    std: float
    kurtosis: float
    drawn: bool
    count: int


def seen(
    shape: list[int], dtype: str, mean: float, std: float = 0.0, kurtosis: float = 0.0, fixed: bool = True
) -> Seen:
    count = math.prod(shape) * (1 if fixed else TABLE["seeds"])
    return Seen(tuple(shape), dtype, mean, std, kurtosis, not fixed, count)


class Real(NamedTuple):
    """A real model."""

    preset: str
    model: str
    variables: dict[str, float]
    tensors: dict[str, Seen]

    def __str__(self) -> str:
        return f"{self.preset} {self.model}"


MODELS = [
    Real(one["preset"], one["model"], one["variables"], {name: seen(*row) for name, row in one["tensors"].items()})
    for one in TABLE["models"]
]
FAMILIES = sorted(set(presets()) - {"torch", "keras"})


def by_preset(preset: str, tensors: dict[str, Any], **variables: float) -> dict[str, TensorSpec]:
    """The tensors of a header with what the preset gives them; ``tensors`` holds shape and dtype first."""
    model = headers_model("model", [(name, tuple(one[0]), DTYPES[one[1]], one[1]) for name, one in tensors.items()])
    add_preset(model, preset, variables)
    return {spec.name: spec for spec in settle(model)}


@pytest.fixture(scope="module", params=MODELS, ids=str)
def settled(request):
    return request.param, by_preset(request.param.preset, request.param.tensors, **request.param.variables)


def test_constant_tensors_get_their_constant(settled):
    real, specs = settled
    constant = {name: one.mean for name, one in real.tensors.items() if not one.std}
    laws = {name: specs[name].made for name in constant}
    assert {name: law.value if isinstance(law, Constant) else law for name, law in laws.items()} == constant


def test_random_tensors_get_the_mean_std_and_shape_that_the_framework_shows(settled):
    real, specs = settled
    off = {}
    for name, one in real.tensors.items():
        law = specs[name].made
        if one.std and isinstance(law, Law):
            assert one.drawn
            assert law.std, f"{name} is {law}"
            z_mean = (one.mean - law.mean) / (law.std / math.sqrt(one.count))
            z_std = (one.std / law.std - 1) / math.sqrt((law.kurtosis - 1) / (4 * one.count))
            # Of 10,000 normal values it is known to 0.05.
            other_shape = one.count > 10_000 and abs(one.kurtosis - law.kurtosis) > 0.3
            if max(abs(z_mean), abs(z_std)) > Z or other_shape:
                off[name] = f"{specs[name]}: {law} is off by {z_mean:.1f} and {z_std:.1f} standard errors, from {one}"
    assert not off


def test_structures_show_the_same_mean_and_std(settled):
    real, specs = settled
    for name, one in real.tensors.items():
        spec = specs[name]
        if one.std and not isinstance(spec.made, Law):
            ours = initgen.sample(spec.title, spec.shape, layout=spec.kernel.layout).astype(np.float64)
            mean, std = ours.mean(), ours.std()
            # Both are draws, unless the framework gave the same values twice; then six digits are in the table.
            shares = 1 / one.count + 1 / ours.size if one.drawn else 0
            kurtosis = ((ours - mean) ** 4).mean() / std**4
            assert mean == pytest.approx(one.mean, rel=1e-6, abs=Z * std * math.sqrt(shares)), name
            assert std == pytest.approx(one.std, rel=1e-6 + Z * math.sqrt((kurtosis - 1) / 4 * shares)), name


def test_the_table_has_every_preset():
    assert {real.preset for real in MODELS} == set(presets())


@pytest.mark.parametrize("preset", presets())
def test_a_tensor_that_no_rule_knows_is_named(preset):
    name = "model.layers.0.lora_A" if preset in ("torch", "keras") else "model.layers.0.adapter.weight"
    with pytest.raises(SpecError, match=name):
        by_preset(preset, {name: ([8, 4], "float32")})


SCALES = (
    *("q_proj.weight_scale", "q_proj.weight_scale_inv", "q_proj.weight_scale_2", "q_proj.input_scale"),
    *("q_proj.output_scale", "attn.k_scale", "attn.v_scale", "attn.kv_scale", "q_proj.scales"),
    *("q_proj.weight_global_scale", "q_proj.weights_scaling_factor"),
)
BUFFERS = {
    **{f"model.layers.0.{name}": ([], "float32", 1.0) for name in SCALES},
    "model.layers.0.q_proj.qweight": ([4, 8], "int32", 0.0),
    "model.layers.0.q_proj.qzeros": ([1, 8], "int32", 0.0),
    "model.layers.0.q_proj.g_idx": ([32], "int32", 0.0),
    "model.bn.running_mean": ([8], "float32", 0.0),
    "model.bn.running_var": ([8], "float32", 1.0),
    "model.bn.num_batches_tracked": ([], "int64", 0.0),
    "embeddings.token_type_ids": ([1, 8], "int64", 0.0),
}


@pytest.mark.parametrize("preset", presets())
def test_scales_and_buffers_are_never_random(preset):
    specs = by_preset(preset, BUFFERS)
    laws = {name: specs[name].made for name in BUFFERS}
    assert {name: getattr(law, "value", law) for name, law in laws.items()} == {n: one[2] for n, one in BUFFERS.items()}
    assert specs["embeddings.token_type_ids"].dtype.name == "int64"
    positions = by_preset(preset, {"embeddings.position_ids": ([1, 512], "int64")})["embeddings.position_ids"]
    assert positions.scheme.name == "arange"


TIED = (
    ("gpt2", "lm_head.weight", "transformer.wte.weight"),
    ("bert", "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
    ("bert", "lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"),
    *(("t5", name, "shared.weight") for name in ("lm_head.weight", "encoder.embed_tokens.weight")),
    ("t5", "transformer.decoder.embed_tokens.weight", "transformer.shared.weight"),
    ("mamba", "lm_head.weight", "backbone.embeddings.weight"),
)


@pytest.mark.parametrize(("preset", "name", "base"), TIED)
def test_tied_tensors_equal_their_base(preset, name, base):
    specs = by_preset(preset, {name: ([32, 8], "float32"), base: ([32, 8], "float32")})
    assert specs[name].tied == base
    assert specs[name].made == specs[base].made
    with pytest.raises(SpecError, match=name):
        by_preset(preset, {name: ([32, 9], "float32"), base: ([32, 8], "float32")})


@pytest.mark.parametrize("layers", [1, 2, 12])
@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_gpt2_scales_residual_projections_by_the_layers_it_finds(layers, prefix):
    names = [f"{prefix}h.{i}.{part}.c_proj.weight" for i in range(layers) for part in ("attn", "mlp")]
    for given in ({}, {"n_layer": 48}):
        specs = by_preset("gpt2", dict.fromkeys(names, ([16, 16], "float32")), **given)
        expected = 0.02 / math.sqrt(2 * (given.get("n_layer") or layers))
        assert [spec.made.std for spec in specs.values()] == [pytest.approx(expected)] * len(names)


def test_the_masks_of_old_gpt2_checkpoints_are_masks():
    tensors = {"h.0.attn.bias": ([1, 1, 16, 16], "uint8"), "h.0.attn.masked_bias": ([], "float32")}
    mask, value = by_preset("gpt2", tensors).values()
    assert mask.scheme.name == "tril"
    assert value.made.value == -1e4


def test_mamba_divides_by_the_depth_where_asked():
    names = [f"backbone.layers.{i}.mixer.{part}" for i in range(4) for part in ("out_proj.weight", "A_log")]
    for residuals, divisor in ((1, 1), ("${n_layer}", 2)):
        specs = by_preset("mamba", dict.fromkeys(names, ([32, 48], "float32")), residuals=residuals)
        assert specs[names[0]].made.support[1] == pytest.approx(1 / math.sqrt(48) / divisor)


def test_a_bias_in_keras_that_may_be_of_an_lstm_or_not_is_named():
    cell = "layers/bidirectional/forward_layer/cell/vars/2"
    assert by_preset("keras", {cell: ([2, 96], "float32")})[cell].made == Constant(0.0)  # only a GRU's has two axes
    with pytest.raises(SpecError, match=cell):
        by_preset("keras", {cell: ([96], "float32")})


SMALL = (
    ("gpt2.toml", "GPT2LMHeadModel", {"n_layer": 3, "d_model": 256, "n_vocab": 260, "n_positions": 200}, "float32"),
    (
        *("llama.toml", "LlamaForCausalLM"),
        {"n_layer": 2, "d_model": 256, "n_heads": 8, "n_kv_heads": 4, "d_head": 48, "d_ff": 384, "n_vocab": 260},
        "bfloat16",
    ),
)


@pytest.mark.parametrize(("example", "model", "variables", "dtype"), SMALL)
def test_examples_have_the_tensors_of_the_real_model(example, model, variables, dtype):
    real = next(real for real in MODELS if real.model == model)
    specs = {spec.name: spec for spec in settle(read_model(str(EXAMPLES / example), variables))}
    assert {name: spec.shape for name, spec in specs.items()} == {n: one.shape for n, one in real.tensors.items()}
    assert {spec.dtype.name for spec in specs.values()} == {dtype}
    theirs = by_preset(real.preset, real.tensors)
    assert {name: spec.made for name, spec in specs.items()} == {name: spec.made for name, spec in theirs.items()}


def test_the_example_of_gpt2_is_gpt2_small():
    specs = settle(read_model(str(EXAMPLES / "gpt2.toml")))
    assert sum(spec.count for spec in specs) == 124_439_808  # 124M, as its configuration in transformers gives
