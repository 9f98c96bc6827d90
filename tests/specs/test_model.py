"""Files put together: what each says, what it includes, which seed and variable wins, and includes that lead nowhere."""

import os

import pytest

from initgen.core.errors import SpecError, UnknownName
from initgen.specs.model import add_preset, preset_document, presets, read_model
from initgen.specs.rules import rules_of
from initgen.specs.settle import settle

W = '[tensors]\nw = { shape = ["${d}"], scheme = "zeros" }\n'
RULE = '[[rules]]\nmatch = "{}"\nscheme = "{}"\n'


def _shape(*args):
    (draft,) = read_model(*args).drafts.values()
    return draft.shape


def test_braces_and_variables_make_tensors_in_order(put):
    put(
        "s.toml",
        '[variables]\nn = 2\n[tensors]\n"h.{0..${n - 1}}.{w,b}" = { shape = ["${n}", 3] }\nz = { shape = [] }\n',
    )
    model = read_model("s.toml")
    assert list(model.drafts) == ["h.0.w", "h.0.b", "h.1.w", "h.1.b", "z"]
    assert [draft.shape for draft in model.drafts.values()] == [(2, 3)] * 4 + [()]


INCLUDED = {
    "../up/r.toml": "[variables]\nd = 5\n[tensors]\nv = {shape = ['${d}']}\n",
    "r.yaml": "variables: {d: 5}\ntensors: {v: {shape: ['${d}']}}\n",
    "deep/er/r.json": '{"variables": {"d": 5}, "tensors": {"v": {"shape": ["${d}"]}}}',
    "r.YML": "variables: {d: 5}\ntensors: {v: {shape: ['${d}']}}\n",
}


@pytest.mark.parametrize("name", INCLUDED)
def test_an_include_is_found_from_the_file_that_includes_it(name, put, tmp_path, monkeypatch):
    put("here/s.toml", f'include = "{name}"\n[tensors]\nw = {{shape = [7]}}\n')
    put(os.path.normpath(f"here/{name}"), INCLUDED[name])
    monkeypatch.chdir(tmp_path.parent)
    model = read_model(f"{tmp_path.name}/here/s.toml")
    assert {draft.name: draft.shape for draft in model.drafts.values()} == {"w": (7,), "v": (5,)}


def test_rules_come_in_the_order_of_the_files(put):
    put(
        "s.toml",
        'include = ["a.toml", "b.toml"]\npreset = "keras"\n' + RULE.format("1", "zeros") + RULE.format("2", "zeros"),
    )
    put("a.toml", 'include = "c.toml"\n' + RULE.format("3", "zeros"))
    put("b.toml", RULE.format("5", "zeros"))
    put("c.toml", RULE.format("4", "zeros"))
    matches = [rule.table.match for rule in read_model("s.toml").rules]
    assert matches[:5] == ["1", "2", "3", "4", "5"]
    assert len(matches) > 10  # the preset's


def test_variables_of_the_file_that_includes_win(put):
    put("s.toml", 'include = "a.toml"\n[variables]\nd = 3\n')
    put("a.toml", "[variables]\nd = 5\n" + W)
    assert _shape("a.toml") == (5,)
    assert _shape("s.toml") == (3,)
    assert _shape("s.toml", {"d": "7"}) == (7,)
    assert _shape("s.toml", {"d": "${2 * e}", "e": "4"}) == (8,)


def test_a_variable_that_is_set_wins_over_one_of_the_tensors(put):
    put("s.toml", '[variables]\nd = { count = "*" }\n' + W)
    with pytest.raises(SpecError, match="d is taken from the tensors"):
        read_model("s.toml")
    assert _shape("s.toml", {"d": 4}) == (4,)


SEEDS = [
    ({"s.toml": "seed = 1\ninclude = 'a.toml'", "a.toml": "seed = 2"}, 1),
    ({"s.toml": "include = 'a.toml'", "a.toml": "seed = 2"}, 2),
    ({"s.toml": "include = ['a.toml', 'b.toml']", "a.toml": "seed = 2", "b.toml": "seed = 2"}, 2),
    ({"s.toml": "seed = 1\ninclude = ['a.toml', 'b.toml']", "a.toml": "seed = 2", "b.toml": "seed = 3"}, 1),
    ({"s.toml": "include = 'a.toml'", "a.toml": "seed = 0\ninclude = 'b.toml'", "b.toml": "seed = 3"}, 0),
    ({"s.toml": ""}, None),
]


@pytest.mark.parametrize(("files", "seed"), SEEDS, ids=str)
def test_the_outermost_seed_is_the_models(files, seed, put):
    for name, text in files.items():
        put(name, text)
    assert read_model("s.toml").seed == seed


# The files; the message; the hint, or part of it.
BAD = {
    "missing": ({"s.toml": "\ninclude = ['a.toml']"}, "s.toml, line 2: include[0]: a.toml: there is no such file"),
    "absolute": ({"s.toml": "include = '/etc/hosts'"}, "s.toml, line 1: include: /etc/hosts is not a relative path"),
    "directory": ({"s.toml": "include = 'd'", "d/x": ""}, "s.toml, line 1: include: d: is a directory"),
    "empty name": ({"s.toml": "include = ''"}, "s.toml, line 1: include: .: is a directory"),
    "not standard input": ({"s.toml": "include = '-'"}, "s.toml, line 1: include: ./-: there is no such file"),
    "NUL": ({"s.toml": 'include = "a\\u0000b"'}, "s.toml, line 1: include: spec = 'a\\x00b' is not a path"),
    "itself": ({"s.toml": "include = 's.toml'"}, "s.toml, line 1: include: s.toml includes itself: s.toml → s.toml"),
    "itself by a detour": (
        {"s.toml": "include = './x/../s.toml'"},
        "s.toml, line 1: include: ./x/../s.toml includes itself: s.toml → s.toml",
    ),
    "circle": (
        {"s.toml": "include = 'd/a.yaml'", "d/a.yaml": "\ninclude: [b.json]", "d/b.json": '{"include": "../s.toml"}'},
        "d/b.json, line 1: include: ../s.toml includes itself: s.toml → d/a.yaml → d/b.json → s.toml",
    ),
    "syntax": (
        {"s.toml": "include = 'a.toml'", "a.toml": "\nx =\n"},
        "s.toml, line 1: include: a.toml, line 2: not TOML: Invalid value",
    ),
    "key": ({"s.toml": "include = 'a.yaml'", "a.yaml": "\nsede: 1\n"}, "a.yaml, line 2: sede: is not a key of a spec"),
    "seeds": (
        {"s.toml": "include = ['a.toml', 'b.yaml']", "a.toml": "seed = 2", "b.yaml": "\nseed: 3"},
        "b.yaml, line 2: seed: another file has another seed",
        "give it once, in the file that includes both",
    ),
    "fault18 name": (
        {
            "s.toml": "include = 'a.yaml'\n[tensors]\n'w.{0..3}' = {shape=[1]}",
            "a.yaml": "tensors:\n  w.2: {shape: [1]}",
        },
        "a.yaml, line 2: tensors.w.2: the name 'w.2' is taken already",
        "by s.toml, line 3: tensors.w.{0..3}",
    ),
    "preset": ({"s.toml": "\npreset = 'gtp2'"}, "s.toml, line 2: preset: unknown preset 'gtp2'", "did you mean gpt2?"),
    "preset by a path": ({"s.toml": "preset = '../model'"}, "s.toml, line 1: preset: unknown preset '../model'"),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_do_not_go_together_are_refused(case, put):
    files, message, *hint = BAD[case]
    for name, text in files.items():
        put(name, text)
    with pytest.raises(SpecError) as caught:
        read_model("s.toml")
    assert caught.value.message == message or caught.value.message.startswith(message)
    assert caught.value.hint.startswith(tuple(hint) or "")


@pytest.mark.parametrize("each", [1, 2])
def test_too_many_includes_are_refused_soon(each, put):
    for number in range(200):
        put(f"{number}.toml", f"include = {[f'{number + 1}.toml'] * each}")
    with pytest.raises(SpecError, match=r"toml: is one of more than 100 files that include one another"):
        read_model("0.toml")


def test_a_file_may_be_included_twice(put):
    put("s.toml", "include = ['a.toml', 'b.toml']")
    put("a.toml", "include = 'c.toml'")
    put("b.toml", "include = 'c.toml'")
    put("c.toml", RULE.format("*", "zeros"))
    assert len(read_model("s.toml").rules) == 2


def test_a_file_called_like_a_preset_is_a_file(put):
    put("preset x.toml", "include = 'gpt2.toml'")
    put("gpt2.toml", RULE.format("*", "zeros"))
    assert len(read_model("preset x.toml").rules) == 1


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_a_sound_spec_with_rules_and_no_seed(name, put):
    put("s.toml", f"preset = '{name}'")
    model = read_model("s.toml")
    assert model.rules
    assert (model.drafts, model.seed) == ({}, None)
    assert preset_document(name).text.startswith("# ")
    # Every rule that there is can be compiled.
    put("t.toml", f"preset = '{name}'\n[tensors]\nw = {{shape = [2], scheme = 'zeros'}}\n")
    assert len(settle(read_model("t.toml"))) == 1


def test_a_preset_that_is_not_there_is_refused():
    with pytest.raises(UnknownName, match="unknown preset 'gtp2'") as caught:
        add_preset(read_model(os.devnull), "gtp2")
    assert caught.value.hint == "did you mean gpt2?"


def test_rules_of_the_command_line():
    rules = rules_of(["*.bias=zeros", "{q,k}.*=constant:value=2"])
    assert [(rule.patterns, rule.table.scheme) for rule in rules] == [
        (["*.bias"], "zeros"),
        (["q.*", "k.*"], "constant:value=2"),
    ]


def test_a_rule_without_a_pattern_is_refused_and_fits_not_all(put):
    put("s.toml", '[tensors]\nw = {shape = [2]}\n\n[[rules]]\nmatch = []\nscheme = "zeros"\n')
    with pytest.raises(SpecError, match=r"s.toml, line 4: rules\[0\].*match = \[\] fits no tensor"):
        read_model("s.toml").rules[0].fits("w", (2,))


def test_a_rule_stands_for_no_more_patterns_than_can_be_matched_soon():
    (rule,) = rules_of(["w{0..999999}=zeros"])
    with pytest.raises(SpecError, match="stands for more than 10000 names"):
        rule.fits("w1", (2,))


def test_fault47_tensors_have_a_limit_across_tables(put, monkeypatch):
    monkeypatch.setattr("initgen.specs.model.MAX_NAMES", 10)
    put("s.toml", '[tensors]\n"a.{0..4}" = {shape = [1]}\n\n"b.{0..5}" = {shape = [1]}\n')
    with pytest.raises(SpecError, match=r"s\.toml, line 4: tensors\.b\.\{0\.\.5\}: there are more than 10 tensors"):
        read_model("s.toml")
