"""The text of a spec: three formats that say one thing."""

import pytest

from initgen.core.errors import BadParameter, SpecError
from initgen.specs.document import document_of, kind_of, read_document, shown_path

TREE = {"seed": 7, "x": -1.5, "flag": True, "tensors": {"dense/kernel": {"shape": [2, "${d}"], "scheme": "zeros"}}}
TEXTS = {
    "toml": 'seed = 7\nx = -1.5\nflag = true\n[tensors]\n"dense/kernel" = {shape=[2, "${d}"], scheme="zeros"}\n',
    "yaml": 'seed: 7\nx: -1.5\nflag: true\ntensors:\n  dense/kernel: {shape: [2, "${d}"], scheme: zeros}\n',
    "json": '{"seed": 7, "x": -1.5, "flag": true,\n'
    '"tensors": {"dense/kernel": {"shape": [2, "${d}"], "scheme": "zeros"}}}\n',
}


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "BOM"])
@pytest.mark.parametrize("name", ["s.toml", "s.yaml", "s.YML", "s.json", "toml", "yaml", "json"])
def test_the_formats_say_the_same(name, start, end, put):
    kind = name.rpartition(".")[2].lower().replace("yml", "yaml")
    document = read_document(put(name, (start + TEXTS[kind]).replace("\n", end)))
    assert (document.tree, document.shown, document.kind) == (TREE, name, kind)


KINDS = [
    ("{}", "json"),
    ('\n  {"a": 1}', "json"),
    ("[tensors]", "toml"),
    ("# a: b\n\nseed = 1", "toml"),
    ('"a.b" = 1', "toml"),
    ("a.b = 1", "toml"),
    ("", "toml"),
    ("# a", "toml"),
    ("seed: 1", "yaml"),
    ("---\nseed: 1", "yaml"),
    ("%YAML 1.2\n---\nseed: 1", "yaml"),
    ("tensors:\n  a = b: 1", "yaml"),
]


@pytest.mark.parametrize(("text", "kind"), KINDS, ids=ascii)
def test_a_text_without_a_suffix_is_told_by_its_first_words(text, kind):
    assert kind_of(text) == kind


PATHS = [((), ""), (("seed",), "seed"), (("tensors", "dense/kernel", "shape", 1), "tensors.dense/kernel.shape[1]")]


@pytest.mark.parametrize(("where", "shown"), PATHS, ids=str)
def test_a_path_is_shown_as_the_issue_writes_it(where, shown):
    assert shown_path(where) == shown


def test_a_long_path_is_cut():
    assert len(shown_path(("tensors", "x" * 10_000, "shape", 1))) < 200


def test_an_error_of_the_command_line_speaks_of_keys():
    document = document_of(TEXTS["toml"], "s.toml")
    error = document.blame(("seed",), BadParameter("is off", "leave out --fan-in and --fan-out; or --fan-in N"))
    assert isinstance(error, SpecError)
    assert (error.message, error.hint) == (
        "s.toml, line 1: seed: is off",
        "leave out fan_in and fan_out; or fan_in = N",
    )


# YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), where it is not what YAML 1.1 reads.
SCALARS = [
    *(("no", "no"), ("yes", "yes"), ("on", "on"), ("y", "y"), ("1:30", "1:30"), ("010", 10), ("0o10", 8), ("0x10", 16)),
    *(("1e-3", 0.001), ("1e3", 1000.0), ("12e03", 12000.0), ("+5", 5), ("-0", 0), ("true", True), ("False", False)),
    *(("~", None), ("null", None), ("", None), ('"5"', "5"), ("'no'", "no"), (".inf", float("inf")), ("1.", 1.0)),
]


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=str)
def test_fault45_yaml_is_version_1_2(text, value):
    found = document_of(f"x: {text}\n", "s.yaml", kind="yaml").tree["x"]
    assert (found, type(found)) == (value, type(value))


def test_yaml_may_repeat_what_it_named():
    tree = document_of("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\nd: &a 3\ne: *a\n", "s.yaml", kind="yaml").tree
    assert tree == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}, "d": 3, "e": 3}
