"""The schemes of papers against numbers worked out by hand, and numbers measured in the code that has them."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import initgen
from initgen.core.dtypes import FLOATS
from initgen.core.errors import BadParameter, SpecError
from initgen.laws import Normal, Uniform
from initgen.schemes import SCHEMES, papers
from initgen.specs.tensor import tensor_spec

TOP = Path(__file__).parent.parent.parent


def law_of(text, shape=(64, 100), **given):
    return tensor_spec(text, shape, layout="torch", **given).made


# Scheme, shape as torch has it, kind, and std; parameters are chosen so that the numbers can be worked out by hand.
STD = [
    ("gpt2_residual:layers=8", (3, 5), Normal, 0.005),
    ("gpt2_residual:layers=2,stddev=0.5", (3, 5), Normal, 0.25),
    ("gpt2_residual:layers=4", (3, 5), Normal, 0.007071067811865475),  # .00702 to .0071 measured in transformers
    ("megatron_output:layers=8", (3, 5), Normal, 0.005),
    ("megatron_output:layers=16,multiplier=1,stddev=0.1", (3, 5), Normal, 0.025),
    ("small_init:dim=40", (3, 5), Normal, 0.1),
    ("small_init:dim=4096", (3, 5), Normal, 0.009882117688026186),
    ("small_init_uniform", (6, 8), Uniform, 0.25),  # 2/(8 + 4 6) = 1/16
    ("small_init_uniform:gain=2", (6, 8), Uniform, 0.5),
    ("wang_init:layers=10,dim=64", (3, 5), Normal, 0.025),
    ("siren", (7, 2), Uniform, 1 / 30),  # the bound is sqrt(3)/30
    ("siren:omega=10", (7, 2), Uniform, 0.1),
    ("siren:layer=first", (7, 2), Uniform, 0.5 / math.sqrt(3)),  # the bound is 1/2
    ("siren:layer=first,omega=10", (7, 2), Uniform, 0.5 / math.sqrt(3)),
    ("fixup:blocks=4", (2, 7), Normal, 0.5),  # sqrt(2/2) 4^(-1/2)
    ("fixup:blocks=16,m=3", (2, 7), Normal, 0.5),  # 16^(-1/4)
    ("fixup:blocks=9", (8, 7, 3, 3), Normal, math.sqrt(2 / 72) / 3),  # the window counts
    ("t_fixup:layers=9", (5, 3), Uniform, 1 / 6),  # 81^(-1/4) = 1/3, sqrt(2/8) = 1/2
    ("t_fixup:layers=16,stack=encoder", (5, 3), Uniform, 0.1675),  # 0.67/2 1/2
    ("t_fixup_embedding:layers=9,dim=4", (1000, 7), Normal, 1 / 6),
    ("deepnorm:layers=2", (5, 3), Normal, 0.25),  # 16^(-1/4) = 1/2
    ("deepnorm:layers=108,stack=decoder", (5, 3), Normal, 1 / 12),  # 1296^(-1/4) = 1/6
    ("deepnorm:layers=16,stack=encoder,decoder_layers=1", (5, 3), Normal, 0.2175),  # 0.87 16^(-1/4) 1/2
    ("deepnorm:layers=1,stack=encoder,decoder_layers=65536", (5, 3), Normal, 0.2175),  # 2^(-16/16)
    ("mup_normal:width=512,base_width=128", (3, 5), Normal, 0.01),
]

# mup 1.0.0: the std that its init.py comes to for a shape with these base shapes, of a base width of 64.
HIDDEN, OUTPUT, INPUT = "base_fan_in=64,base_fan_out=128", "base_fan_in=64", "base_fan_in=20,base_fan_out=128"
MUP = [
    (HIDDEN, (1024, 768), "mode=fan_avg", 0.029462782549439487),  # xavier_normal_
    (HIDDEN, (1024, 768), "mode=fan_avg,scale=4,distribution=uniform", 0.058925565098878974),  # gain=2
    (HIDDEN, (1024, 768), "scale=2", 0.051031036307982884),  # kaiming_normal_
    (HIDDEN, (1024, 768), "scale=2,mode=fan_out,distribution=uniform", 0.036084391824351615),
    (OUTPUT, (10, 768), "mode=fan_avg", 0.1643989873053573),
    (OUTPUT, (10, 768), "scale=2", 0.1767766952966369),
    (OUTPUT, (10, 768), "scale=2,mode=fan_out", 0.4472135954999579),
    (OUTPUT, (10, 768), "", 0.125),
    (INPUT, (1024, 20), "mode=fan_avg", 0.1162476387438193),
    (INPUT, (1024, 20), "scale=2", 0.31622776601683794),
    (INPUT, (1024, 20), "scale=2,mode=fan_out", 0.125),
    # The same width as the base: torch's own law.
    ("base_fan_in=768,base_fan_out=1024", (1024, 768), "mode=fan_avg", math.sqrt(2 / 1792)),
]
STD += [
    (f"mup:{base}{given and ','}{given}", shape, Uniform if "uniform" in given else Normal, std)
    for base, shape, given, std in MUP
]


@pytest.mark.parametrize(("text", "shape", "kind", "std"), STD, ids=str)
def test_a_law_has_the_std_of_its_paper(text, shape, kind, std):
    law = law_of(text, shape)
    assert isinstance(law, kind)
    assert law.mean == 0
    assert law.std == pytest.approx(std, rel=1e-12, abs=0)


def test_every_scheme_of_a_paper_is_in_the_table():
    assert {text.partition(":")[0] for text, *_ in STD} | {"chrono"} == {scheme.name for scheme in papers.SCHEMES}


def test_a_readout_of_mup_keeps_the_law_of_its_base():
    """MuReadout(768, 5000) of a base of 64: weights and biases up to 0.12499997 and 0.12497894 measured."""
    third = "scale=0.3333333333333333,distribution=uniform"
    assert law_of(f"mup:base_fan_in=64,{third}", (5000, 768)).high == pytest.approx(1 / 8)
    assert law_of(f"mup:base_fan_in=64,{third}", (5000,), fan_in=768).high == pytest.approx(1 / 8)


def test_a_width_of_mup_that_did_not_grow_changes_nothing():
    for base in ("base_fan_in=100", "base_fan_in=100,base_fan_out=64"):
        assert law_of(f"mup:{base}").variance == law_of("variance_scaling:distribution=normal").variance


REFUSED = [
    ("gpt2_residual", "gpt2_residual needs layers: gpt2_residual:layers=12"),
    ("gpt2_residual:stddev=0.1", "gpt2_residual needs layers: gpt2_residual:layers=12"),
    ("wang_init", "wang_init needs layers and dim: wang_init:layers=12,dim=768"),
    ("wang_init:dim=64", "wang_init needs layers: wang_init:layers=12,dim=64"),
    ("chrono", "chrono needs t_max: chrono:t_max=100"),
    ("deepnorm:layers=3,stack=encoder", "deepnorm needs decoder_layers"),
    ("deepnorm:layers=3,decoder_layers=3", "deepnorm with stack=single takes no decoder_layers"),
    ("fixup:blocks=3,m=1", "m = '1' must be a whole number from 2"),
    ("gpt2_residual:layers=0", "layers = '0' must be a whole number from 1"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=str)
def test_what_is_missing_is_said_in_one_line(text, said):
    with pytest.raises(BadParameter) as caught:
        law_of(text)
    assert said in caught.value.message


def test_what_a_rule_leaves_out_is_said_with_its_line(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text('[tensors]\nw = {shape = [4, 4]}\n\n[[rules]]\nmatch = "*"\nscheme = "gpt2_residual"\n')
    with pytest.raises(SpecError, match="gpt2_residual needs layers"):
        initgen.model(path)


GATES = [
    ("chrono:t_max=200", (8000,), "keras", 2000, 1, 0),
    ("chrono:t_max=200", (8000,), "torch", 2000, 1, 0),
    ("chrono:t_max=200,cell=gru", (6000,), "keras", 2000, 0, None),
    ("chrono:t_max=200,cell=gru", (6000,), "torch", 2000, 1, None),
    ("chrono:t_max=200,cell=gru", (2, 6000), "keras", 2000, 0, None),
]


@pytest.mark.parametrize(("text", "shape", "layout", "units", "keep", "write"), GATES, ids=str)
def test_chrono_draws_the_gate_that_keeps_the_state(text, shape, layout, units, keep, write):
    bias = initgen.sample(text, shape, layout=layout, dtype="float64", seed=3)
    first, *second = bias.reshape(-1, shape[-1])
    assert not np.any(second)
    gates = first.reshape(-1, units)
    # A false alarm in a million; sees a distance of 0.06 in the cdf.
    assert stats.kstest(np.exp(gates[keep]), stats.uniform(1, 198).cdf).pvalue > 1e-6
    for gate, values in enumerate(gates):
        if gate == write:
            np.testing.assert_array_equal(values, -gates[keep])
        elif gate != keep:
            assert not values.any()


def spoiled(tensor, place, value):
    changed = tensor.copy()
    changed.reshape(-1)[place] = value
    return changed


@pytest.mark.parametrize("dtype", [dtype.name for dtype in FLOATS])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_spoiled_bias_is_noticed(cell, dtype):
    spec = tensor_spec(f"chrono:t_max=50,cell={cell}", (24,), dtype=dtype)
    tensor = initgen.sample(f"chrono:t_max=50,cell={cell}", (24,), dtype=dtype).astype(np.float64)

    def holds(changed):
        return all(one.holds for one in spec.made.properties(changed, spec.dtype))

    assert holds(tensor)
    assert not holds(spoiled(tensor, -1, 0.5))  # a gate that is zero
    assert not holds(spoiled(tensor, {"lstm": 6, "gru": 0}[cell], 8.0))  # log 49 is 3.9
    assert not holds(spoiled(tensor, {"lstm": 6, "gru": 0}[cell], math.nan))
    if cell == "lstm":
        assert not holds(spoiled(tensor, 0, -0.25))
        assert not holds(-tensor)


@pytest.mark.parametrize("t_max", [2.000001, 3, 1e6])
def test_the_times_are_taken_back_from_the_bias(t_max):
    spec = tensor_spec(f"chrono:t_max={t_max}", (4000,))
    tensor = initgen.sample(f"chrono:t_max={t_max}", (4000,), seed=2).astype(np.float64)
    law, values = spec.made.independent(tensor, spec.dtype)
    drawn = initgen.sample("random_uniform:minval=0,maxval=1", (1000,), dtype="float64", seed=2)
    assert law == Uniform(0.0, 1.0)
    np.testing.assert_allclose(values, drawn, atol=2e-6)


@pytest.mark.parametrize(
    ("text", "shape", "said"),
    [
        ("chrono:t_max=9", (6,), "4 does not divide 6"),
        ("chrono:t_max=9", (2, 8), "is not that of the bias"),
        ("chrono:t_max=9,cell=gru", (8,), "3 does not divide 8"),
        ("chrono:t_max=9,cell=gru", (3, 6), "is not that of the bias"),
        ("chrono:t_max=2", (8,), "t_max = '2' must be a number above 2"),
    ],
)
def test_a_bias_of_another_shape_is_refused(text, shape, said):
    with pytest.raises(BadParameter, match=said):
        tensor_spec(text, shape)


# Tensors, and the scheme that the rules of docs/schemes.md give each: in the order of its examples.
DOCUMENTED = [
    {"h.0.mlp.c_proj.weight": "gpt2_residual:layers=2", "h.1.mlp.c_proj.weight": "gpt2_residual:layers=2"},
    {
        "l.0.self_attention.linear_proj.weight": "megatron_output:layers=24",
        "l.0.mlp.linear_fc1.weight": "random_normal:stddev=0.02",
    },
    {
        "l.0.attention.dense.weight": "wang_init:layers=44,dim=64",
        "l.0.attention.query_key_value.weight": "small_init:dim=64",
    },
    {"net.0.linear.weight": "siren:layer=first", "net.3.linear.weight": "siren", "net.3.linear.bias": "torch_bias"},
    {"lstm.bias_ih_l0": "chrono:t_max=500.0", "lstm.bias_hh_l0": "zeros"},
    {"layer1.0.conv1.weight": "fixup:blocks=16,m=3", "layer1.0.conv3.weight": "zeros", "layer1.0.scale": "ones"},
    {
        "encoder.layers.0.fc1.weight": "t_fixup:layers=6,stack=encoder",
        "decoder.layers.0.self_attn.q_proj.weight": "xavier_uniform",
        "decoder.layers.0.encoder_attn.v_proj.weight": "t_fixup:layers=6",
        "decoder.embed_tokens.weight": "t_fixup_embedding:layers=6,dim=64",
    },
    {
        "encoder.layers.0.fc2.weight": "deepnorm:layers=18,stack=encoder,decoder_layers=6",
        "decoder.layers.0.fc1.weight": "deepnorm:layers=6,stack=decoder",
        "decoder.layers.0.self_attn.k_proj.weight": "xavier_normal",
    },
    {
        "h.0.mlp.fc.weight": "mup_normal:width=64,base_width=16",
        "wte.weight": "random_normal:stddev=0.02",
        "head.weight": "mup:base_fan_in=16,scale=0.3333333333333333,distribution=uniform",
    },
]


def examples():
    text = (TOP / "docs" / "schemes.md").read_text()
    return [block.partition("```")[0] for block in text.split("```toml\n")[1:]]


@pytest.mark.parametrize("number", range(len(DOCUMENTED)))
def test_the_rules_in_the_docs_give_these_schemes(number, tmp_path):
    rules, wanted = examples()[number], DOCUMENTED[number]
    assert tomllib.loads(rules)["rules"]
    tables = [
        f'"{name}" = {{ shape = {[64] if name.rpartition(".")[2].startswith(("bias", "scale")) else [64, 64]} }}'
        for name in wanted
    ]
    path = tmp_path / "m.toml"
    path.write_text(rules + "\n[tensors]\n" + "\n".join(tables) + "\n")
    assert {spec.name: spec.title for spec in initgen.model(path)} == wanted


def test_the_docs_name_every_scheme():
    text = (TOP / "docs" / "schemes.md").read_text()
    assert len(examples()) == len(DOCUMENTED)
    assert [scheme.name for scheme in SCHEMES if scheme.family == "paper" and f"`{scheme.name}`" not in text] == []
