"""``initgen schemes``: every scheme is in the table, explained, and in the JSON."""

import json
import re

import pytest

from initgen.schemes import SCHEMES


def test_the_table_has_every_scheme(run):
    made = run("schemes")
    assert (made.code, made.err) == (0, "")
    _, *lines = made.text.splitlines()
    assert [line.split()[0] for line in lines] == [scheme.name for scheme in SCHEMES]


@pytest.mark.parametrize("name", SCHEMES.entries)
def test_each_is_explained_with_law_names_parameters_and_source(name, run):
    made = run("schemes", name)
    scheme = SCHEMES[name]
    assert made.code == 0
    for said in (scheme.name, scheme.summary, scheme.formula, scheme.source, *scheme.aliases):
        assert said in made.text
    for param in scheme.params:
        assert param.name in made.text
        assert param.rule in made.text


@pytest.mark.parametrize(("given", "name"), [("HeUniform", "he_uniform"), ("xavier_normal_", "xavier_normal")])
def test_other_names_find_the_same_scheme(given, name, run):
    assert run("schemes", given).out == run("schemes", name).out


def test_json_lists_all_or_one(run):
    assert [scheme["name"] for scheme in json.loads(run("schemes", "--json").out)] == list(SCHEMES.entries)
    found = json.loads(run("schemes", "truncated_normal", "--json").out)
    assert {param["name"]: param["default"] for param in found["params"]}["stddev"] == 0.05


def test_an_unknown_name_is_answered_with_the_nearest_or_with_all_names_once(run):
    assert run("schemes", "he_norml").err.splitlines()[1].startswith("hint: did you mean he_normal")
    made = run("schemes", "zzz")
    assert made.code == 2
    named = made.err.splitlines()[1].removeprefix("hint: known: ").split(", ")
    assert named == list(SCHEMES.entries)


@pytest.mark.parametrize("name", SCHEMES.entries)
def test_each_law_is_drawn_and_each_structure_says_why_it_is_not(name, run):
    lines = run("schemes", name).text.splitlines()
    drawn = any("┴" in line for line in lines)
    said = any("no density" in line for line in lines)
    example = any(line.startswith("  for 100x64") for line in lines)
    constant = any(re.match(r"  for 100x64\S* *\S*  constant", line) for line in lines)
    assert drawn + said == (example and not constant)
    if SCHEMES[name].rule and example:
        assert drawn != constant


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("he_uniform", "-0.244949 -0.141421 0 0.141421 0.244949"),
        ("he_normal", "-0.321549 -0.141421 0 0.141421 0.321549"),
        ("kaiming_normal", "-0.565685 -0.141421 0 0.141421 0.565685"),
        ("uniform", "0 0.00211325 0.005 0.00788675 0.01"),
    ],
)
def test_the_axis_has_the_bounds_and_the_mean_with_one_std_to_either_side(name, labels, run):
    lines = run("schemes", name).text.splitlines()
    axis = next(at for at, line in enumerate(lines) if "┴" in line)
    assert [line.split() for line in lines[axis + 1 : axis + 3]] == [labels.split(), ["-1", "std", "mean", "+1", "std"]]
    assert ("┊" in lines[axis - 1]) == ("normal" not in name or name == "he_normal")
