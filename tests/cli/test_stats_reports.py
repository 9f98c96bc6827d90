"""``initgen stats`` for machines: which exit code --fail-on gives, and the reports beside the answer."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

import initgen
from initgen.checks import stats as checks
from initgen.checks.finding import Finding
from initgen.core.errors import OutputError

HE = ("--scheme", "he_uniform")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files that are right, wrong, remarked on, warned of, empty and broken."""
    right = initgen.sample("he_uniform", (100, 64))
    for name in ("right", "remark", "across", "warned"):
        np.save(tmp_path / f"{name}.npy", right)
    np.save(tmp_path / "wrong.npy", right * 2)
    np.save(tmp_path / "dead.npy", np.zeros((20, 30)))
    np.savez(tmp_path / "none.npz")
    np.savez(tmp_path / "some.npz", weight=right, step=np.arange(3))
    with (tmp_path / "warned.npy").open("ab") as file:
        file.write(b"xyz")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    real = checks.stats

    def stats(path, **options):
        answer = real(path, **options)
        finding = (Finding("low precision", ("array",), "carries only float16", "remark"),)
        if path == "remark.npy":
            return replace(answer, tensors=(replace(answer.tensors[0], findings=finding),))
        return replace(answer, findings=finding) if path == "across.npy" else answer

    monkeypatch.setattr(checks, "stats", stats)


# What each file gives under each wish: wrong, remark, unchecked, both of them, never.
LEVELS = ((), ("wrong",), ("remark",), ("unchecked",), ("remark,unchecked",), ("unchecked", "remark"), ("never",))
CODES = [
    (("right.npy", *HE), (0, 0, 0, 0, 0, 0, 0)),
    (("right.npy",), (0, 0, 0, 1, 1, 1, 0)),
    (("wrong.npy", *HE), (1, 1, 1, 1, 1, 1, 0)),
    (("remark.npy", *HE), (0, 0, 1, 0, 1, 1, 0)),
    (("remark.npy",), (0, 0, 1, 1, 1, 1, 0)),
    (("across.npy", *HE), (0, 0, 1, 0, 1, 1, 0)),
    (("warned.npy", *HE), (0, 0, 1, 0, 1, 1, 0)),
    (("dead.npy",), (0, 0, 1, 1, 1, 1, 0)),
    (("none.npz",), (0, 0, 0, 1, 1, 1, 0)),
    (("some.npz", *HE), (0, 0, 0, 1, 1, 1, 0)),
    (("some.npz", "--name", "weight", *HE), (0, 0, 0, 0, 0, 0, 0)),
    (("right.npy", "wrong.npy", *HE), (1, 1, 1, 1, 1, 1, 0)),
    (("right.npy", "remark.npy", *HE), (0, 0, 1, 0, 1, 1, 0)),
    (("broken.npy", *HE), (2, 2, 2, 2, 2, 2, 2)),
    (("broken.npy", "wrong.npy", *HE), (2, 2, 2, 2, 2, 2, 2)),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("args", "codes"), CODES)
def test_the_exit_code_is_1_for_what_fail_on_names(args, codes, run):
    wishes = [[word for level in levels for word in ("--fail-on", level)] for levels in LEVELS]
    assert tuple(run("stats", *args, *wish).code for wish in wishes) == codes


@pytest.mark.usefixtures("files")
def test_fail_on_changes_the_exit_code_and_no_answer(run):
    for args, _ in CODES[:-2]:
        said = {run("stats", *args, "--fail-on", level).out for level in ("wrong", "remark,unchecked", "never")}
        assert len(said) == 1
        said = {run("stats", *args, "--json", "--fail-on", level).out for level in ("wrong", "unchecked", "never")}
        assert len(said) == 1


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("remark.npy", *HE, "--fail-on", "remark"), "remark.npy: 1 remark (--fail-on remark)"),
        (("some.npz", "--fail-on", "unchecked"), "some.npz: 2 tensors held against nothing (--fail-on unchecked)"),
        (("none.npz", "--fail-on", "unchecked"), "none.npz: no tensors (--fail-on unchecked)"),
        (("wrong.npy", *HE, "--fail-on", "remark"), ""),
    ],
)
def test_where_the_answer_alone_does_not_say_why_stderr_does(args, said, run):
    assert run("stats", *args).err.strip() == said


@pytest.mark.parametrize("wish", ["", "remarks", "wrong,", "never,wrong", "WRONG"])
def test_a_wish_that_is_none_is_refused(wish, run):
    made = run("stats", "w.npy", "--fail-on", wish)
    assert made.code == 2
    assert made.err.startswith("error: --fail-on = ")


@pytest.mark.usefixtures("files")
def test_fail_on_can_come_from_the_environment(run, monkeypatch):
    monkeypatch.setenv("INITGEN_STATS_FAIL_ON", "remark,unchecked")
    assert run("stats", "right.npy").code == 1


@pytest.mark.usefixtures("files")
def test_junit_has_every_file_also_the_broken_one(run, tmp_path):
    made = run("stats", "right.npy", "broken.npy", "wrong.npy", *HE, "--junit", "r.xml")
    assert made.code == 2
    assert made.text == run("stats", "right.npy", "broken.npy", "wrong.npy", *HE).text
    root = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert [root.get(key) for key in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert {suite.get("name"): suite[0].get("name") for suite in root} == {
        "right.npy": "array",
        "wrong.npy": "array",
        "broken.npy": "answer",
    }
    assert root.find(".//error").get("message").startswith("broken.npy: ")


@pytest.mark.usefixtures("files")
def test_json_says_which_files_have_no_answer(run):
    found = json.loads(run("stats", "right.npy", "broken.npy", *HE, "--json").out)
    assert found["schema"] == "initgen.stats/1"
    assert [file["path"] for file in found["files"]] == ["right.npy"]
    assert [error["path"] for error in found["errors"]] == ["broken.npy"]
    assert found["passed"] is None


@pytest.mark.usefixtures("files")
def test_the_report_is_there_when_nobody_reads_the_answer(run, tmp_path, monkeypatch):
    def closed(*args, **options):
        raise BrokenPipeError

    monkeypatch.setattr("initgen.report.text.show_stats", closed)
    assert run("stats", "wrong.npy", *HE, "--junit", "r.xml").code == 141
    assert ElementTree.parse(tmp_path / "r.xml").getroot().get("failures") == "1"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("place", ["none/r.xml", ".", "right.npy"])
def test_a_place_that_no_report_can_have_is_refused_before_any_work(place, run, monkeypatch):
    monkeypatch.setattr(checks, "stats", lambda *args, **options: pytest.fail("worked"))
    before = initgen.sample("he_uniform", (100, 64))
    made = run("stats", "right.npy", *HE, "--junit", place)
    assert made.code == 2
    assert made.err.startswith(f"error: {place}: ")
    assert np.array_equal(np.load("right.npy"), before)


@pytest.mark.parametrize("report", ["plot", "html", "junit"])
def test_no_report_goes_to_standard_output(report, run, tmp_path):
    made = run("stats", "right.npy", f"--{report}", "-")
    assert (made.code, made.out) == (2, b"")
    assert made.err.startswith(f"error: --{report} = '-' must be a file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("report", ["plot", "html"])
def test_a_picture_is_checked_before_the_work_and_saved_after_it(report, run, monkeypatch):
    calls = []
    real = checks.stats

    def stats(path, **options):
        calls.append(("stats", path, options["quantiles"]))
        return real(path, **options)

    monkeypatch.setattr(checks, "stats", stats)
    fake = SimpleNamespace(
        check=lambda path: calls.append(("check", path)),
        save=lambda path, answers, errors=(), signals=(): calls.append(
            ("save", path, [answer.path for answer in answers])
        ),
    )
    monkeypatch.setitem(sys.modules, f"initgen.report.{report}", fake)
    assert run("stats", "right.npy", "broken.npy", "wrong.npy", *HE, f"--{report}", "r.x").code == 2
    assert calls == [
        ("check", "r.x"),
        ("stats", "right.npy", True),
        ("stats", "broken.npy", True),
        ("stats", "wrong.npy", True),
        ("save", "r.x", ["right.npy", "wrong.npy"]),
    ]
    calls.clear()
    assert run("stats", "broken.npy", f"--{report}", "r.x").code == 2
    # There is nothing to draw; but a page that is there would tell of another run.
    saved = [("save", "r.x", [])] if report == "html" else []
    assert calls == [("check", "r.x"), ("stats", "broken.npy", True), *saved]
    calls.clear()
    run("stats", "right.npy", "--junit", "r.xml")
    assert calls == [("stats", "right.npy", False)]


@pytest.mark.usefixtures("files")
def test_a_report_that_cannot_be_saved_is_no_answer_and_the_answer_is_shown(run, monkeypatch):
    def full(*args):
        raise OutputError("r.xml: no space left on device")

    monkeypatch.setattr("initgen.report.junit.save", full)
    made = run("stats", "right.npy", *HE, "--junit", "r.xml")
    assert (made.code, made.err) == (2, "error: r.xml: no space left on device\n")
    assert made.text.splitlines()[-1].startswith("yes: right.npy")


@pytest.mark.usefixtures("files")
def test_the_page_names_files_without_an_answer_and_does_not_say_yes(run):
    assert run("stats", "right.npy", "broken.npy", *HE, "--html", "r.html").code == 2
    text = Path("r.html").read_text()
    assert "broken.npy" in text
    assert "1 file without an answer" in text
    assert "✓ 2 files" not in text


def test_a_file_is_held_against_a_spec(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(
        'variables = { width = 64 }\n[tensors]\na = { shape = ["${width}", 100], scheme = "he_normal" }\n'
        'b = { shape = [100], scheme = "zeros" }\n'
    )
    assert run("sample", "m.toml", "-o", "m.npz").code == 0
    made = run("stats", "m.npz", "--spec", "m.toml")
    assert (made.code, made.text.splitlines()[-1].split(" (")[0]) == (
        0,
        "yes: m.npz: 2 of 2 tensors checked, all as they should be",
    )
    assert run("stats", "m.npz", "--spec", "m.toml", "--set", "width=32").code == 1
    other = Path("m.toml").read_text().replace("he_normal", "lecun_normal")
    Path("other.toml").write_text(other + 'c = { shape = [2], scheme = "ones" }\n')
    made = run("stats", "m.npz", "--spec", "other.toml")
    assert made.code == 1
    assert "missing, though described: c" in made.text
    assert "WRONG" in made.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fan-in", "3"), "--fan-in says how to read a scheme, and there is none"),
        (("--layout", "torch"), "--layout says how to read a scheme, and there is none"),
        (("--set", "a=1"), "--set is for the variables of --spec, and there is none"),
        (("--spec", "m.toml", "--scheme", "ones"), "--scheme and --spec both say what it should be"),
        (("--spec", "none.toml"), "none.toml: there is no such file"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_cannot_be_meant_is_refused(run, arguments, said):
    made = run("stats", "right.npy", *arguments)
    assert made.code == 2
    assert said in made.err
