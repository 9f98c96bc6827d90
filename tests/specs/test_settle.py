"""Settling: who gives a tensor its scheme, dtype, layout, seed and fans, and who is blamed when that fails."""

import json

import pytest

from initgen.core.errors import BadParameter, SpecError
from initgen.core.shapes import Fans
from initgen.specs.derive import dumps
from initgen.specs.model import Model, read_model
from initgen.specs.rules import rules_of
from initgen.specs.settle import settle


def _model(put, tensors, rules=(), **top):
    return read_model(put("s.toml", dumps({**top, "rules": list(rules), "tensors": tensors}, "toml")))


def _settled(put, tensors, rules=(), **top):
    return {spec.name: spec for spec in settle(_model(put, tensors, rules, **top))}


# Rules, and the scheme that each of the tensors gets.
NAMES = {"h.0.w": [4, 6], "h.0.b": [6], "h.10.w": [4, 6], "H.0.w": [4, 6], "a/b": [2, 3, 4]}
MATCHES = [
    ([{"match": "*"}], ["h.0.w", "h.0.b", "h.10.w", "H.0.w", "a/b"]),
    ([{"match": "*w"}], ["h.0.w", "h.10.w", "H.0.w"]),
    ([{"match": "h.?.w"}], ["h.0.w"]),
    ([{"match": "h.*.w"}], ["h.0.w", "h.10.w"]),
    ([{"match": "[hH].[0-9].w"}], ["h.0.w", "H.0.w"]),
    ([{"match": "[!h]*"}], ["H.0.w", "a/b"]),
    ([{"match": "h.{0,10}.w"}], ["h.0.w", "h.10.w"]),
    ([{"match": ["a*", "*b"]}], ["h.0.b", "a/b"]),
    ([{"match": "a*b"}], ["a/b"]),
    ([{"match": "w"}], []),
    ([{"match": "*", "rank": 2}], ["h.0.w", "h.10.w", "H.0.w"]),
    ([{"match": "*", "rank": [1, 3]}], ["h.0.b", "a/b"]),
    ([{"match": "*", "rank": []}], []),
    ([{"match": "*", "rank": 2, "when": 1}], ["h.0.w", "h.10.w", "H.0.w"]),
    ([{"match": "*", "when": False}], []),
    ([{"match": "*", "when": "${2 - 2}"}], []),
    ([{"match": "*.${p}.*"}], ["h.10.w"]),
]


@pytest.mark.parametrize(("rules", "names"), MATCHES, ids=str)
def test_a_rule_is_for_the_names_and_ranks_that_it_says(rules, names, put):
    rules = [{**rule, "scheme": "ones"} for rule in rules] + [{"match": "*", "scheme": "zeros"}]
    specs = _settled(put, {name: {"shape": shape} for name, shape in NAMES.items()}, rules, variables={"p": 10})
    assert [name for name in NAMES if specs[name].scheme.name == "ones"] == names


def test_the_first_rule_that_matches_is_taken(put):
    rules = [
        {"match": "*.b", "scheme": "zeros"},
        {"match": "*", "scheme": "ones"},
        {"match": "*.w", "scheme": "he_normal"},
    ]
    specs = _settled(put, {"h.w": {"shape": [2, 2]}, "h.b": {"shape": [2]}}, rules)
    assert [spec.scheme.name for spec in specs.values()] == ["ones", "zeros"]


def test_a_scheme_of_its_own_comes_before_all_rules(put):
    specs = _settled(put, {"w": {"shape": [2], "scheme": "zeros"}}, [{"match": "*", "scheme": "ones"}])
    assert specs["w"].scheme.name == "zeros"


TENSOR, RULE, TOP = {"shape": [4, 6]}, {"match": "*", "scheme": "he_uniform"}, {}
# What the tensor, the rule and the file say; and what comes of it.
SAID = [
    ("dtype", {}, {}, {}, "float32"),
    ("dtype", {}, {}, {"dtype": "float64"}, "float64"),
    ("dtype", {}, {"dtype": "bf16"}, {}, "bfloat16"),
    ("dtype", {"dtype": "float16"}, {"dtype": "bf16"}, {"dtype": "float64"}, "float16"),
    ("layout", {}, {}, {}, "keras"),
    ("layout", {}, {}, {"layout": "torch"}, "torch"),
    ("layout", {}, {"layout": "keras"}, {"layout": "torch"}, "keras"),
    ("layout", {"layout": "torch"}, {"layout": "keras"}, {"layout": "keras"}, "torch"),
    ("seed", {}, {}, {}, (0, True)),
    ("seed", {}, {}, {"seed": 5}, (5, True)),
    ("seed", {}, {"seed": 6}, {"seed": 5}, (6, False)),
    ("seed", {"seed": 0}, {"seed": 6}, {"seed": 5}, (0, False)),
    ("fans", {}, {}, {}, Fans(4, 6)),
    ("fans", {}, {"fan_in": 9}, {}, Fans(9, 6)),
    ("fans", {"fan_in": 8}, {"fan_in": 9, "fan_out": 7}, {}, Fans(8, 7)),
    ("fans", {"fan_in": "${2 * d}"}, {}, {"variables": {"d": 5}}, Fans(10, 6)),
    ("fans", {}, {"groups": 2}, {}, Fans(4, 3)),
    ("fans", {"groups": 3}, {"groups": 2}, {}, Fans(4, 2)),
    ("fans", {}, {"transposed": True}, {}, Fans(6, 4)),
    ("fans", {"depthwise": True}, {}, {}, Fans(1, 6)),
]


@pytest.mark.parametrize(("what", "tensor", "rule", "top", "value"), SAID, ids=str)
def test_what_is_said_nearest_holds(what, tensor, rule, top, value, put):
    spec = _settled(put, {"w": {**TENSOR, **tensor}}, [{**RULE, **rule}], **top)["w"]
    found = {"dtype": spec.dtype.name, "layout": spec.kernel.layout, "seed": (spec.seed, spec.keyed), "fans": spec.fans}
    assert found[what] == value


def test_a_scheme_is_text_or_a_table(put):
    one = _settled(put, {"w": {"shape": [2], "scheme": "random_normal:mean=1,stddev=${s / 2}"}}, variables={"s": 0.5})
    two = _settled(
        put,
        {"w": {"shape": [2], "scheme": {"name": "random_normal", "mean": 1, "stddev": "${s / 2}"}}},
        variables={"s": 0.5},
    )
    assert one["w"].made == two["w"].made
    assert one["w"].title == "random_normal:mean=1.0,stddev=0.25"


def test_variables_count_and_measure_all_tensors(put):
    tensors = {f"h.{n}.w": {"shape": [8, 8], "scheme": "random_normal:stddev=${1 / (n * d)}"} for n in range(3)}
    variables = {"n": {"count": "h.*"}, "d": {"size": "h.0.w", "axis": 1}}
    assert _settled(put, tensors, variables=variables)["h.2.w"].params["stddev"] == 1 / 24


BIAS = {"match": "*b", "scheme": "torch_bias", "fan_from": "w"}
WEIGHTS = {"match": "*w", "scheme": "he_uniform"}
# The shapes; what the bias's fan_in is, None where the rule is not for it.
BESIDE = [
    ({"x.w": [4, 6], "x.b": [6]}, "x.b", 4),
    ({"x/w": [4, 6], "x/b": [6]}, "x/b", 4),
    ({"w": [4, 6], "b": [6]}, "b", 4),
    ({"x.w": [3, 3, 4, 6], "x.b": [6]}, "x.b", 36),
    ({"x.w": [4], "x.b": [6]}, "x.b", None),
    ({"y.w": [4, 6], "x.b": [6]}, "x.b", None),
    ({"x.y.w": [4, 6], "x.b": [6]}, "x.b", None),
]


@pytest.mark.parametrize(("shapes", "bias", "fan"), BESIDE, ids=str)
def test_a_bias_takes_the_fan_of_the_weight_beside_it(shapes, bias, fan, put):
    last = {"match": "*", "scheme": "zeros"}
    specs = _settled(put, {name: {"shape": shape} for name, shape in shapes.items()}, [BIAS, WEIGHTS, last])
    if fan is None:
        assert specs[bias].scheme.name == "zeros"
    else:
        assert (specs[bias].scheme.name, specs[bias].fans) == ("torch_bias", Fans(fan, fan))


def test_a_fan_from_takes_what_the_weight_really_has(put):
    tensors = {"w": {"shape": [4, 6], "scheme": "he_uniform", "fan_in": 99}, "b": {"shape": [6]}}
    assert _settled(put, tensors, [BIAS])["b"].fans == Fans(99, 99)


def test_each_of_many_biases_takes_the_fan_of_its_own_weight(put):
    weights = {f"h.{n}.w": {"shape": [n + 4, 6], "scheme": "he_uniform"} for n in range(3)}
    by_rule = _settled(put, {**weights, "h.{0..2}.b": {"shape": [6]}}, [BIAS])
    by_table = _settled(put, {**weights, "h.{0..2}.b": {"shape": [6], "scheme": "torch_bias", "fan_from": "w"}})
    by_both = _settled(
        put, {**weights, "h.{0..2}.b": {"shape": [6], "fan_from": "w"}}, [{"match": "*b", "scheme": "torch_bias"}]
    )
    for specs in (by_rule, by_table, by_both):
        assert [specs[f"h.{n}.b"].fans.fan_in for n in range(3)] == [4, 5, 6]


def test_a_star_in_fan_from_is_what_the_pattern_s_last_star_was(put):
    tensors = {f"bias_l{n}": {"shape": [6]} for n in range(2)} | {
        f"weight_l{n}": {"shape": [n + 4, 6]} for n in range(2)
    }
    rules = [{"match": "bias_l*", "scheme": "torch_bias", "fan_from": "weight_l*"}, {"match": "*", "scheme": "zeros"}]
    specs = _settled(put, tensors, rules)
    assert [specs[f"bias_l{n}"].fans.fan_in for n in range(2)] == [4, 5]


def test_a_tied_tensor_has_the_stream_of_the_other(put):
    rules = [{"match": "head", "tied": "*wte"}, {"match": "*", "scheme": "he_uniform"}]
    specs = _settled(put, {"head": {"shape": [4, 6], "dtype": "float16"}, "m.wte": {"shape": [4, 6]}}, rules, seed=3)
    head, base = specs["head"], specs["m.wte"]
    assert (head.stream_name, head.seed, head.made, head.tied) == (base.stream_name, 3, base.made, "m.wte")
    assert (head.dtype.name, base.dtype.name) == ("float16", "float32")


def test_a_chain_of_ties_ends_at_one_tensor(put):
    tensors = {
        "a": {"shape": [2], "tied": "b"},
        "b": {"shape": [2], "tied": "c"},
        "c": {"shape": [2], "scheme": "dummy"},
    }
    assert [spec.tied for spec in _settled(put, tensors).values()] == ["c", "c", ""]


@pytest.mark.parametrize(
    "others",
    [{}, {"x.wte": [6, 4]}, {"x.wte": [4, 6], "y.wte": [4, 6]}],
    ids=["none", "another shape", "two"],
)
def test_a_rule_that_ties_is_passed_over_without_exactly_one_tensor(others, put):
    rules = [{"match": "head", "tied": "*wte"}, {"match": "*", "scheme": "ones"}]
    shapes = {"head": [4, 6], **others}
    assert _settled(put, {name: {"shape": shape} for name, shape in shapes.items()}, rules)["head"].tied == ""


def test_a_name_is_no_pattern_when_it_is_a_name(put):
    tensors = {"w[0]": {"shape": [2], "scheme": "dummy"}, "w0": {"shape": [2], "scheme": "ones"}}
    assert _settled(put, {**tensors, "t": {"shape": [2], "tied": "w[0]"}})["t"].tied == "w[0]"


def test_a_command_line_comes_before_the_file(put):
    tensors = {"w": {"shape": [4, 6], "scheme": "he_uniform", "dtype": "bf16"}, "n": {"shape": [], "scheme": "zeros"}}
    tensors["n"]["dtype"] = "int64"
    model = _model(put, tensors, seed=3)
    w, n = settle(model, seed=9, dtype="float64", layout="torch")
    assert (w.seed, w.dtype.name, w.kernel.layout, n.dtype.name) == (9, "float64", "torch", "int64")
    assert settle(model, seed=0)[0].seed == 0
    with pytest.raises(BadParameter, match="--dtype int8 is not for weights"):
        settle(model, dtype="int8")


def test_a_tensor_s_values_do_not_depend_on_the_others(put):
    few = _settled(put, {"w": {"shape": [4, 6], "scheme": "he_uniform"}})
    many = _settled(put, {"a": {"shape": [1], "scheme": "ones"}, "w": {"shape": [4, 6], "scheme": "he_uniform"}})
    assert (few["w"].stream_name, few["w"].seed, few["w"].made) == (many["w"].stream_name, 0, many["w"].made)


RULES = [
    ({"match": "w", "scheme": "zerso"}, "unknown scheme 'zerso'", "did you mean zero"),
    ({"match": "w", "scheme": "random_normal:stddev=-1"}, "stddev = '-1' must be a number above 0", ""),
    ({"match": "w", "scheme": "random_normal:std=1"}, "random_normal has no parameter 'std'", "did you mean stddev?"),
    ({"match": "w", "scheme": {"name": "zeros", "x": 1}}, "zeros has no parameter 'x'", "zeros takes none"),
    ({"match": "w", "scheme": "zeros", "dtype": "f31"}, "unknown dtype 'f31'", ""),
    ({"match": "w", "scheme": "he_uniform", "layout": "tf"}, "layout = 'tf' must be keras or torch", ""),
    ({"match": "w", "scheme": "he_uniform", "fan_in": "${x}"}, "there is no variable 'x'", ""),
    ({"match": "w", "scheme": "he_uniform", "groups": 5}, "groups = 5 does not divide the 6 channels", ""),
    ({"match": "w", "scheme": "constant:value=0.5", "dtype": "int8"}, "does not go into int8", ""),
]


@pytest.mark.parametrize(("rule", "message", "hint"), RULES, ids=str)
def test_an_error_of_a_rule_says_which_tensor_and_which_rule(rule, message, hint, put):
    rules = f"rules:\n- {{match: v, scheme: ones}}\n- {json.dumps(rule)}\n"
    put("s.yaml", rules + "tensors:\n  v: {shape: [1]}\n  w: {shape: [4, 6]}\n")
    with pytest.raises(SpecError) as caught:
        settle(read_model("s.yaml"))
    assert caught.value.message.startswith("s.yaml, line 6: tensors.w: ")
    assert message in caught.value.message
    assert caught.value.message.endswith(" (by s.yaml, line 3: rules[1])")
    assert hint in caught.value.hint


def test_a_rule_of_the_command_line_is_named_too(put):
    model = _model(put, {"w": {"shape": [2]}})
    model.rules = rules_of(["*=zerso"])
    with pytest.raises(
        SpecError, match=r"s\.toml, line 4: tensors\.w: unknown scheme 'zerso' \(by --rule '\*=zerso'\)"
    ):
        settle(model)


@pytest.mark.parametrize("length", [20, 3000])
def test_a_long_chain_of_ties_is_settled_or_refused(length, put):
    tensors = {f"t{n}": {"shape": [1], "tied": f"t{n + 1}"} for n in range(length)}
    model = _model(put, {**tensors, f"t{length}": {"shape": [1], "scheme": "dummy"}})
    if length < 100:
        assert settle(model)[0].tied == f"t{length}"
    else:
        with pytest.raises(SpecError, match=r"s\.toml: its tensors depend on each other in too long a chain"):
            settle(model)


def test_no_tensors_is_an_error_that_names_the_file():
    with pytest.raises(SpecError, match=r"^s\.toml: there are no tensors"):
        settle(Model("s.toml"))
