"""What a user may ask of a model in other words: by an environment variable, in JSON, for some tensors, through a pipe."""

import json
import os
import subprocess
import sys

import pytest

import initgen

SPEC = {
    "variables": {"n": 12},
    "tensors": {
        "l.{0..${n - 1}}.w": {"shape": [20, 30]},
        "l.{0..${n - 1}}.b": {"shape": [30], "dtype": "float16"},
        "odd": {"shape": [3]},
    },
    "rules": [{"match": "*.w", "scheme": "he_uniform"}, {"match": "*.b", "scheme": "zeros"}],
}


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SPEC))
    return "s.json"


@pytest.fixture
def made(spec, run):
    assert run("sample", spec, "--rule", "odd=ones", "-o", "m.safetensors").code == 0
    return "m.safetensors"


@pytest.mark.parametrize("output", [("m.safetensors",), ("m.h5",), ("m/", "--max-shard-size", "6kB")])
def test_a_spec_out_of_a_file_makes_the_same_bytes_wherever_they_go(output, spec, run, tmp_path):
    run("sample", spec, "--rule", "odd=ones", "-o", *output)
    (tmp_path / "again.toml").write_text(run("spec", output[0]).text)
    made = run("sample", "again.toml", "-o", "again/" if output[0] == "m/" else f"again{output[0][1:]}", *output[1:])
    assert made.code == 0
    files = sorted(path.relative_to(tmp_path / "m") for path in (tmp_path / "m").rglob("*"))
    for name in files or [""]:
        first = tmp_path / output[0] / name
        second = tmp_path / "again" / name if files else tmp_path / f"again{output[0][1:]}"
        assert first.read_bytes() == second.read_bytes()
    assert len(files) in (0, 6 + 1)


@pytest.mark.parametrize(
    ("variable", "value", "changes"),
    [("SET", "n=2", 2 * 2 + 1), ("RULE", "odd=ones", 25), ("ONLY", "odd", 1), ("DTYPE", "float64", 25)],
)
def test_every_option_has_a_variable_by_its_own_name(variable, value, changes, spec, run, monkeypatch):
    monkeypatch.setenv("INITGEN_SAMPLE_JSON", "1")
    monkeypatch.setenv(f"INITGEN_SAMPLE_{variable}", value)
    rule = [] if variable == "RULE" else ["--rule", "odd=ones"]
    assert json.loads(run("sample", spec, "--dry-run", *rule).out)["count"] == changes


def test_only_leaves_out_what_nobody_has_a_scheme_for(spec, run):
    assert "odd: has no scheme" in run("sample", spec, "-o", "m.npz").err
    assert run("sample", spec, "--only", "l.*", "-o", "m.npz").code == 0
    assert run("sample", spec, "--only", "l.3.w", "-o", "one.npy").code == 0


def test_what_is_left_out_changes_nothing_else(spec, run, made):
    run("sample", spec, "--only", "l.3.w", "-o", "one.npz")
    found = run("diff", made, "one.npz", "--only", "l.3.w")
    assert (found.code, found.text) == (0, "all 1 tensors are equal\n")


def test_all_that_have_no_scheme_are_named_at_once(run, tmp_path):
    tensors = {name: {"shape": [2]} for name in "abc"} | {"d": {"shape": [2], "scheme": "ones"}}
    (tmp_path / "s.json").write_text(json.dumps({"tensors": tensors}))
    said = run("sample", "s.json", "-o", "m.npz").err.splitlines()[0]
    assert said.endswith("tensors.a: has no scheme, and no rule matches it; 2 more like it: b, c")


def test_a_rule_of_the_command_line_that_decides_nothing_is_told(spec, run):
    made = run("sample", spec, "--rule", "odd=ones", "--rule", "nothing*=ones", "-o", "m.npz")
    assert made.code == 0
    assert made.err.splitlines()[0] == "warning: --rule 'nothing*=ones' decides no tensor"


def test_check_answers_in_json_too(spec, run, made):
    check = ("sample", spec, "--rule", "odd=ones", "--check", "--json", "-o")
    assert json.loads(run(*check, made).out) == {"path": made, "passed": True}
    wrong = run(*check, made, "--seed", "9")
    assert (wrong.code, json.loads(wrong.out)["passed"]) == (1, False)
    assert json.loads(run(*check, "none.npz").out)["passed"] is False


@pytest.mark.parametrize(
    "args",
    [("stats", "m.safetensors"), ("diff", "m.safetensors", "o.npz"), ("sample", "s.json", "--dry-run"), ("schemes",)],
)
def test_a_closed_pipe_is_not_an_answer(args, spec, made, run, tmp_path):
    run("sample", spec, "--rule", "odd=zeros", "--dtype", "float32", "-o", "o.npz")
    (tmp_path / "s.json").write_text(json.dumps(SPEC | {"rules": [*SPEC["rules"], {"match": "odd", "scheme": "ones"}]}))
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "initgen", *args], stdout=write, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_tables_are_not_cut_on_a_narrow_terminal(spec, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    (first,) = (
        line for line in run("sample", spec, "--rule", "odd=ones", "--dry-run").text.splitlines() if "× 12  20x" in line
    )
    assert first.split()[-5:] == ["he_uniform", "±0.547723", "0.316228", "28.8", "kB"]


def test_an_output_that_looks_like_a_file_and_is_a_directory_is_refused(spec, run, tmp_path):
    (tmp_path / "d.npz").mkdir()
    made = run("sample", spec, "--only", "l.*", "-o", "d.npz")
    assert (made.code, made.err.splitlines()[0]) == (2, "error: d.npz: is a directory")
    assert list((tmp_path / "d.npz").iterdir()) == []


def test_a_weight_file_in_place_of_a_spec_is_told(run, made):
    said = run("sample", made, "-o", "x.npz").err.splitlines()
    assert said == [f"error: {made}: is a weight file, not a spec", "hint: --like takes names and shapes from it"]


def test_counters_beside_the_weights_do_not_keep_stats_from_an_answer(run):
    spec = [initgen.tensor("he_uniform", (40, 50), name="w"), initgen.tensor("zeros", (), dtype="int64", name="n")]
    initgen.write(spec, "c.safetensors")
    assert run("stats", "c.safetensors", "--scheme", "he_uniform").code == 0
    assert run("stats", "c.safetensors", "--scheme", "lecun_uniform").code == 1


def test_one_pattern_may_be_given_as_text_in_python(spec, tmp_path):
    assert len(initgen.model(tmp_path / spec, only="*.b")) == 12
    assert len(initgen.model(tmp_path / spec, rules="*=zeros")) == 25
    assert {"model", "sample", "verify"} <= set(dir(initgen))


def test_a_tensor_that_takes_from_one_without_a_scheme_names_that_one(run, tmp_path):
    tensors = {"a": {"shape": [2]}, "b": {"shape": [2], "tied": "a"}, "c": {"shape": [2]}}
    (tmp_path / "s.json").write_text(json.dumps({"tensors": tensors}))
    assert run("sample", "s.json", "--only", "b", "-o", "m.npz").err.splitlines()[0] == (
        "error: s.json, line 1: tensors.a: has no scheme, and no rule matches it"
    )
    assert run("sample", "s.json", "-o", "m.npz").err.splitlines()[0] == (
        "error: s.json, line 1: tensors.a: has no scheme, and no rule matches it; 1 more like it: c"
    )
