"""Bad values in a spec, in each format: one line that says file, line, path and rule; and nothing is written.

The numbers are those of the project's list of faults.
"""

import re

import pytest

from initgen.specs.derive import dumps


def _tensor(**entry):
    return {"tensors": {"other": {"shape": [3], "scheme": "ones"}, "dense/kernel": entry}}


def _shaped(shape):
    return _tensor(shape=shape, scheme="zeros")


def _top(**keys):
    return {**keys, **_tensor(shape=[2, 3], scheme="zeros")}


def _rule(**rule):
    return {**_tensor(shape=[2, 3]), "rules": [{"match": "o*", "scheme": "ones"}, rule]}


def _names(*names):
    return {"tensors": {name: {"shape": [2], "scheme": "zeros"} for name in names}}


K = "tensors.dense/kernel"
# What is wrong: the spec, something that stands on the line to be named, the path, the message; then part of the hint.
# That the line is the right one of several is in test_places.
FAULTS = {
    "fault07-ends-in-x": (_shaped("100x"), "100x", f"{K}.shape", "is not a size"),
    "fault07-exponent": (_shaped("1e3x4"), "1e3x4", f"{K}.shape", "'1e3' is not a size"),
    "fault07-foreign-digits": (_shaped("１００x64"), "１００", f"{K}.shape", "is not a size"),
    "fault07-underscore": (_shaped("1_000"), "1_000", f"{K}.shape", "'1_000' is not a size"),
    "fault07-spaces": (_shaped("10 x 6"), "10 x 6", f"{K}.shape", "is not a size"),
    "fault07-empty": (_shaped(""), "shape", f"{K}.shape", "is not a size"),
    "fault07-digits": (_shaped("9" * 10_000), "999", f"{K}.shape", "is not a size"),
    "fault02-too-large": (_shaped([1, 2**63]), "9223372", f"{K}.shape[1]", "is larger than 2^63 - 1"),
    "fault02-product": (_shaped([2**40, 2**40]), "shape", f"{K}.shape", "has more than 2^63 elements"),
    "fault03-negative": (_shaped([4, -1]), "-1", f"{K}.shape[1]", "is -1, and sizes are whole numbers from 0"),
    "fault06-axes": (_shaped([1] * 65), "shape", f"{K}.shape", "has 65 axes; the most is 64"),
    "fault08-float": (_shaped([4, 64.0]), "64.0", f"{K}.shape[1]", "must be a whole number or text, not a number"),
    "fault08-bool": (_shaped([4, True]), "true", f"{K}.shape[1]", "must be a whole number or text, not true or false"),
    "fault08-text": (_shaped([4, "64"]), "64", f"{K}.shape[1]", "'64' is not a size"),
    "fault08-word": (_shaped([4, "d_model"]), "d_model", f"{K}.shape[1]", "'d_model' is not a size"),
    "fault08-list": (_shaped([4, [64]]), "64", f"{K}.shape[1]", "must be a whole number or text, not a list"),
    "fault08-number": (_shaped(64), "64", f"{K}.shape", "must be text or a list, not a whole number"),
    "fault08-expression": (_shaped([4, "${1 / 3}"]), "1 / 3", f"{K}.shape[1]", "sizes are whole numbers"),
    "fault09-seed-negative": (_top(seed=-1), "-1", "seed", "is -1, and must be a whole number from 0 to 2^64 - 1"),
    "fault09-seed-float": (_top(seed=1.5), "1.5", "seed", "must be a whole number, not a number"),
    "fault09-seed-whole-float": (_top(seed=7.0), "7.0", "seed", "must be a whole number, not a number"),
    "fault09-seed-text": (_top(seed="7"), "7", "seed", "must be a whole number, not text"),
    "fault09-seed-bool": (_top(seed=True), "true", "seed", "must be a whole number, not true or false"),
    "fault09-own-seed": (_tensor(shape=[2], scheme="zeros", seed=-1), K[8:], K, "seed = -1 must be a whole number"),
    "fault10-seed-2^64": (_top(seed=2**64), "18446", "seed", "must be a whole number from 0 to 2^64 - 1"),
    "fault10-seed-2^200": (_top(seed=2**200), "160693", "seed", "must be a whole number from 0 to 2^64 - 1"),
    "fault16-key": (_top(sede=1), "sede", "sede", "is not a key of a spec", "did you mean seed?"),
    "fault16-key-of-tensor": (
        _tensor(shape=[2], shceme="zeros"),
        "shceme",
        f"{K}.shceme",
        "is not a key of a spec",
        "did you mean scheme",
    ),
    "fault16-key-of-rule": (
        _rule(mach="*", scheme="zeros"),
        "mach",
        "rules[1].mach",
        "is not a key of a spec",
        "did you mean match?",
    ),
    "fault16-key-of-variable": (_top(variables={"d": {"cuont": "*"}}), "cuont", "variables.d.cuont", "is not a key"),
    "fault16-scheme": (_tensor(shape=[2], scheme="zerso"), K[8:], K, "unknown scheme 'zerso'", "zeros"),
    "fault16-parameter": (_tensor(shape=[2], scheme="constant:vlaue=1"), K[8:], K, "no parameter 'vlaue'", "value?"),
    "fault16-dtype": (_tensor(shape=[2], scheme="zeros", dtype="f31"), K[8:], K, "unknown dtype 'f31'", "f32"),
    "fault16-dtype-of-all": (_top(dtype="float31"), "float31", "dtype", "unknown dtype 'float31'", "float32"),
    "fault16-layout": (_tensor(shape=[2], scheme="zeros", layout="tf"), K[8:], K, "layout = 'tf' must be keras or"),
    "fault16-layout-of-all": (_top(layout="tf"), "tf", "layout", "is 'tf', and must be keras or torch"),
    "fault16-preset": (_top(preset="gpt3"), "gpt3", "preset", "unknown preset 'gpt3'", "did you mean gpt2?"),
    "fault16-stream": (_top(stream="pytorch"), "pytorch", "stream", "'pytorch'"),
    "fault18-equal-ranges": (
        _names("w.{0..3}", "w.{2..5}"),
        "w.{2..5}",
        "tensors.w.{2..5}",
        "the name 'w.2' is taken already",
        "by s.KIND, line ",
    ),
    "fault18-within": (_names("w.{a,a}"), "w.{a,a}", "tensors.w.{a,a}", "the name 'w.a' is taken already"),
    "fault47-range": (_names("w{0..1000000}"), "w{0", "tensors.w{0..1000000}", "stands for more than 1000000 names"),
    "fault47-product": (
        _names("w{0..999}.{0..1000}"),
        "w{0",
        "tensors.w{0..999}.{0..1000}",
        "stands for more than 1000000 names",
    ),
    "type-tensor": (_names("w") | {"tensors": {"w": "zeros"}}, "w", "tensors.w", "must be a table, not text"),
    "type-tensors": ({"tensors": [1]}, "tensors", "tensors", "must be a table, not a list"),
    "type-rules": (_top(rules={"a": 1}), "rules", "rules", "must be a list, not a table"),
    "type-flag": (_tensor(shape=[2], scheme="zeros", transposed="yes"), "yes", f"{K}.transposed", "true or false"),
    "type-variable": (_top(variables={"d": True}), "true", "variables.d", "not true or false"),
    "type-parameter": (
        _tensor(shape=[2], scheme={"name": "constant", "value": True}),
        "scheme",
        f"{K}.scheme",
        "not true or false",
    ),
    "no-shape": (_tensor(scheme="zeros"), K[8:], K, "has no shape"),
    "no-scheme": (_tensor(shape=[2]), K[8:], K, "has no scheme, and no rule matches it", "--rule 'PATTERN=SCHEME'"),
    "no-scheme-name": (_tensor(shape=[2], scheme={"value": 1}), K[8:], K, "scheme has no name"),
    "no-tensors": ({"seed": 1}, None, "", "there are no tensors"),
    "groups": (_tensor(shape=[4, 4], scheme="he_uniform", groups=3), K[8:], K, "groups = 3 does not divide the 4"),
    "groups-of-an-expression": (
        _tensor(shape=[4, 4], scheme="he_uniform", groups="${1.5}"),
        K[8:],
        K,
        "${1.5} is 1.5, not a whole number",
    ),
    "fan-that-nobody-asks-for": (
        _tensor(shape=[4], scheme="zeros", fan_in=3),
        K[8:],
        K,
        "no fan",
        "fan_in and fan_out",
    ),
    "fan-of-a-bias": (_tensor(shape=[4], scheme="torch_bias"), K[8:], K, "takes the fan_in of another", "fan_in = N"),
    "fan_from-nothing": (
        _tensor(shape=[4], scheme="torch_bias", fan_from="weight"),
        K[8:],
        K,
        "takes the fan_in of dense/weight, which is not there",
    ),
    "fan_from-itself": (_tensor(shape=[4], scheme="torch_bias", fan_from="kernel"), K[8:], K, "depends on itself"),
    "tied-to-nothing": (_tensor(shape=[4], tied="x*"), K[8:], K, "is tied to x*, and not exactly one tensor"),
    "tied-to-itself": (_tensor(shape=[4], tied="dense/kernel"), K[8:], K, "is tied to dense/kernel, and not exactly"),
    "tied-to-another-shape": (_tensor(shape=[4], tied="other"), K[8:], K, "not exactly one tensor of its shape"),
    "tied-in-a-circle": (
        {"tensors": {"a": {"shape": [2], "tied": "b"}, "b": {"shape": [2], "tied": "a"}}},
        "a",
        "tensors.a",
        "depends on itself: a → b → a",
    ),
    "rule-without-match": (_rule(scheme="zeros"), "zeros", "rules[1]", "has no match"),
    "rule-without-scheme": (_rule(match="d*"), "d*", "rules[1]", "has neither scheme nor tied"),
    "rule-pattern": (_rule(match="d{", scheme="zeros"), "d{", "rules[1]", "has a { without its partner"),
    "rule-pattern-type": (_rule(match=["d*", 3], scheme="zeros"), "3", "rules[1].match[1]", "must be text, not a"),
    "rule-rank": (_rule(match="d*", rank=True, scheme="zeros"), "true", "rules[1].rank", "not true or false"),
    "rule-variable": (_rule(match="d*", scheme="constant:value=${x}"), "d*", "rules[1]", "there is no variable 'x'"),
    "variable-unknown": (_shaped([4, "${x}"]), "${x}", f"{K}.shape[1]", "there is no variable 'x'", "[variables]"),
    "variable-in-a-circle": (
        {"variables": {"a": "${b}", "b": "${a}"}, **_shaped(["${a}"])},
        "${a}",
        f"{K}.shape[0]",
        "the variable a is defined by itself: a → b → a",
    ),
    "variable-of-tensors-in-a-shape": (
        {"variables": {"n": {"count": "*"}}, **_shaped([4, "${n}"])},
        "${n}",
        f"{K}.shape[1]",
        "the variable n is taken from the tensors, so no tensor's shape or name can use it",
    ),
    "variable-of-tensors-in-a-name": (
        {"variables": {"n": {"count": "*"}}, **_names("w.{0..${n}}")},
        "w.{0",
        "tensors.w.{0..${n}}",
        "the variable n is taken from the tensors, so no tensor's shape or name can use it",
    ),
    "range-down": (_names("w{5..3}"), "w{5", "tensors.w{5..3}", "counts from 5 down to 3", "ranges count up"),
    "brace-open": (_names("w{"), "w{", "tensors.w{", "has a { without its partner", "{{ and }} are plain braces"),
    "brace-closed": (_names("w}"), "w}", "tensors.w}", "has a } without its partner"),
    "brace-of-neither": (_names("w{a}"), "w{a}", "tensors.w{a}", "neither a range nor a list"),
    "include-missing": (_top(include=["a", "nope.toml"][1:]), "nope", "include[0]", "nope.toml: there is no such file"),
    "include-absolute": (_top(include="/etc/hosts"), "/etc", "include", "/etc/hosts is not a relative path"),
    "include-type": (_top(include=[3]), "3", "include[0]", "must be text, not a whole number"),
}


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_with_its_file_line_and_path(fault, kind, put, refused):
    tree, marker, path, message, *hint = FAULTS[fault]
    text = dumps(tree, kind)
    said, next_step = refused(put(f"s.{kind}", text))
    place, line, rest = re.fullmatch(r"(s\.\w+)(?:, line (\d+))?: (.*)", said).groups()
    assert place == f"s.{kind}"
    assert rest.startswith(f"{path}: " if path else "")
    assert message in rest
    if path:
        named = text.splitlines()[int(line) - 1]
        assert marker in named or named.strip() in ("{", "[")  # of an item of a list, in JSON
    for part in hint:
        assert part.replace("KIND", kind) in next_step
