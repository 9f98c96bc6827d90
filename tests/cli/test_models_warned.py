"""What is odd about a model and still made: it is said in one line; and what is asked for in vain is refused."""

import json

import pytest

ONE = {"shape": [2], "scheme": "ones"}


def spec(tmp_path, tensors, **more):
    (tmp_path / "s.json").write_text(json.dumps({"tensors": tensors, **more}))
    return "s.json"


def test_fault23_twins_of_unicode_are_kept_and_warned_of(run, tmp_path):
    name = spec(tmp_path, {"caf\u00e9": ONE, "cafe\u0301": ONE, "b": ONE})
    made = run("sample", name, "-o", "m.safetensors")
    assert made.code == 0
    assert [line for line in made.err.splitlines() if "look the same" in line] == [
        "warning: two names look the same and are not: cafe\u0301"
    ]
    assert run("verify", "m.safetensors").code == 0
    assert "look the same" not in run("sample", name, "-o", "m.safetensors", "-q").err


def test_coarse_laws_are_told_once_for_all(run, tmp_path):
    small = {"shape": [2], "scheme": "random_normal:stddev=1e-6", "dtype": "float16"}
    made = run("sample", spec(tmp_path, {"a": ONE, "b": small, "c": small}), "-o", "m.safetensors")
    (warning,) = (line for line in made.err.splitlines() if line.startswith("warning"))
    assert "of b is below float16's smallest normal value" in warning
    assert "and 1 more" in warning


def test_a_law_that_its_dtype_cannot_hold_names_the_tensor(run, tmp_path):
    name = spec(tmp_path, {"a": ONE, "b": {"shape": [2], "scheme": "random_normal:stddev=1e-12", "dtype": "float16"}})
    for args in (("sample", name, "-o", "m.safetensors"), ("spec", "--check", name)):
        made = run(*args)
        assert made.code == 2
        assert made.err.startswith("error: b: normal, mean 0, std 1e-12 is all zeros in float16")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.json"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-o", "-", "--digest", "--format", "safetensors"), "both want standard output"),
        (("--dry-run", "--max-shard-size", "nonsense"), "is not a size"),
        (("--dry-run", "--digest"), "nothing for --digest"),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_passed_over(args, said, run, tmp_path):
    made = run("sample", spec(tmp_path, {"a": ONE}), *args)
    assert (made.code, made.out) == (2, b"")
    assert said in made.err


def test_names_reach_the_terminal_without_control_characters(run, tmp_path):
    forged = "x\n::error::no\x1b[31m"
    name = spec(tmp_path, {forged: ONE, "y": {"shape": [3], "scheme": "ones"}})
    run("sample", name, "-o", "m.safetensors")
    for args in (
        ("sample", name, "--dry-run"),
        ("sample", name, "-o", "m.safetensors", "--digest"),
        ("sample", name, "--only", "x*", "-o", "x.npz"),
        ("stats", "m.safetensors"),
        ("verify", "--spec", name, "x.npz"),
        ("diff", "m.safetensors", "x.npz"),
    ):
        made = run(*args)
        assert made.code in (0, 1)
        assert "\x1b" not in made.text + made.err
        assert not any(line.startswith("::error") for line in (made.text + made.err).splitlines())


def test_a_rule_that_nothing_has_met_is_checked_too(run, tmp_path):
    rules = [{"match": "nothing", "scheme": "onez"}]
    made = run("spec", "--check", spec(tmp_path, {"a": ONE}, rules=rules))
    assert made.code == 2
    assert "rules[0]: unknown scheme 'onez'" in made.err
    assert run("spec", "--check", spec(tmp_path, {}, rules=[{"match": "*.b", "scheme": "ones"}])).text == (
        "s.json: no tensors, 1 rule\n"
    )


@pytest.mark.slow
def test_fault47_a_header_that_is_too_large_is_found_before_it_is_made(run, tmp_path):
    name = spec(tmp_path, {"l.{0..999}.{0..699}." + "n" * 20: {"shape": [2], "scheme": "zeros"}})
    made = run("sample", name, "-o", "m.safetensors")
    assert made.code == 2
    assert "the safetensors header of 700000 tensors would be over" in made.err
    assert "--max-shard-size" in made.err
