"""JUnit XML of `stats`: what is wrong is a failure that says what and why, and any reader of JUnit XML can read it."""

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import initgen
from initgen.checks.finding import Finding
from initgen.checks.stats import FileStats
from initgen.core.errors import FormatError, OutputError
from initgen.report import junit

# What junit-10.xsd of the Jenkins plugin has, as far as it is used here: attributes, those that must be there, children.
# It calls an error "errors"; Jenkins, GitLab, GitHub's actions and pytest call it "error".
PARTS = {
    "testsuites": ("name time tests failures errors", "", "testsuite"),
    "testsuite": ("name tests failures errors skipped time", "name tests failures errors", "testcase system-out"),
    "testcase": ("name classname time", "name", "skipped error failure system-out"),
    "failure": ("message type", "", ""),
    "error": ("message type", "", ""),
    "skipped": ("message type", "", ""),
    "system-out": ("", "", ""),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    place = tmp_path_factory.mktemp("files")
    right = initgen.sample("he_uniform", (100, 64))

    def saved(name, array):
        np.save(place / name, array)
        return place / name

    found = {
        "right": initgen.stats(saved("right.npy", right), "he_uniform"),
        "wrong": initgen.stats(saved("wrong.npy", right), "lecun_uniform"),
        "unchecked": initgen.stats(saved("unchecked.npy", right)),
        "nan": initgen.stats(saved("nan.npy", np.array([1, np.nan]))),
    }
    with saved("long.npy", right).open("ab") as file:
        file.write(b"xyz")
    found["warned"] = initgen.stats(place / "long.npy", "he_uniform")
    safetensors.numpy.save_file(
        {"a": right, "b": right.copy(), "c": np.ones(3, np.float32)}, place / "equal.safetensors"
    )
    found["equal"] = initgen.stats(place / "equal.safetensors", "he_uniform", names=["a", "b"])
    initgen.write(initgen.tensor("he_uniform", (4, 5)), place / "r.safetensors")
    recipe = safetensors.safe_open(place / "r.safetensors", "numpy").metadata()
    safetensors.numpy.save_file({"other": right}, place / "missing.safetensors", recipe)
    found["missing"] = initgen.stats(place / "missing.safetensors")
    safetensors.numpy.save_file({"weight": right}, place / "misfit.safetensors", recipe)
    found["misfit"] = initgen.stats(place / "misfit.safetensors")
    (tensor,) = found["right"].tensors
    for severity in ("wrong", "remark"):
        own = Finding("zeros", (tensor.name,), "1 % are zero", severity)
        across = Finding("shifted", ("a", "b"), "one is the other, shifted", severity)
        found[f"found {severity}"] = replace(
            found["right"], tensors=(replace(tensor, findings=(own,)),), findings=(across,)
        )
    found["empty"] = FileStats("empty", (), (), (), (), 1e-6)
    return found


def parsed(files, errors=()):
    """The report, held against the elements and attributes that readers know, and its own counts."""
    root = ElementTree.fromstring(junit.report(files, errors))
    for element in root.iter():
        known, needed, children = (words.split() for words in PARTS[element.tag])
        assert set(needed) <= set(element.keys()) <= set(known), element.tag
        assert {child.tag for child in element} <= set(children), element.tag
    counts = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for element in (root, *root):
        found = Counter(each.tag for each in element.iter())
        for key in counts.keys() & set(element.keys()):
            assert int(element.get(key)) == found[counts[key]], key
    return root


def test_there_is_a_suite_for_each_file_and_a_case_for_each_tensor(answers):
    root = parsed(list(answers.values()))
    assert [suite.get("name") for suite in root] == [answer.path for answer in answers.values()]
    for suite, answer in zip(root, answers.values(), strict=True):
        cases = suite.findall("testcase")
        assert [case.get("name") for case in cases[: len(answer.tensors)]] == [t.name for t in answer.tensors]
        assert {case.get("classname") for case in cases} <= {answer.path}
        # Readers take the second of two cases of one name for the first.
        assert len({case.get("name") for case in cases}) == len(cases)


# The answer, and for each of its cases what became of it and words that have to be in the text.
SAID = [
    ("right", [("array", None, "")]),
    ("wrong", [("array", "failure", "variance: 0.02 0.01 2.01 p < expected: lecun_uniform uniform looks he_uniform")]),
    ("unchecked", [("array", "skipped", "held against nothing")]),
    ("nan", [("array", "failure", "NaN or infinite values: 1, expected 0")]),
    ("warned", [("array", None, "")]),
    (
        "equal",
        [
            ("a", None, ""),
            ("b", None, ""),
            ("equal tensors: a, b", "failure", "equal tensors: equal, value for value: a, b"),
        ],
    ),
    ("missing", [("other", "skipped", ""), ("weight", "failure", "missing recipe")]),
    ("misfit", [("weight", "failure", "is 100x64 float32 should be 4x5 expected: he_uniform")]),
    (
        "found wrong",
        [("array", "failure", "zeros: 1 % are zero"), ("shifted: a, b", "failure", "one is the other, shifted: a, b")],
    ),
    (
        "found remark",
        [
            ("array", "system-out", "zeros: 1 % are zero"),
            ("shifted: a, b", "system-out", "shifted: one is the other, shifted: a, b"),
        ],
    ),
    ("empty", []),
]


@pytest.mark.parametrize(("name", "cases"), SAID)
def test_a_case_says_what_became_of_its_tensor_and_why(name, cases, answers):
    (suite,) = parsed([answers[name]])
    found = suite.findall("testcase")
    assert [case.get("name") for case in found] == [case for case, _, _ in cases]
    for case, (_, tag, words) in zip(found, cases, strict=True):
        assert [child.tag for child in case] == ([tag] if tag else [])
        for child in case:
            said = f"{child.get('message', '')}\n{child.text or ''}"
            assert [word for word in words.split() if word not in said] == []


def test_every_answer_has_a_row_above(answers):
    assert [name for name, _ in SAID] == list(answers)


def test_a_failure_says_each_test_that_failed_and_none_that_passed(answers):
    (tensor,) = answers["wrong"].tensors
    failure = parsed([answers["wrong"]]).find(".//failure")
    for test in tensor.tests:
        assert (f"{test.name}: " in failure.text) is (f"{test.name}: " in failure.get("message")) is (not test.passed)
    assert "greatest value: 0.244932, expected at most 0.173205" in failure.text
    assert failure.get("type") == "least value"


def test_a_remark_stands_beside_a_failure(answers):
    (tensor,) = answers["wrong"].tensors
    remark = Finding("low precision", ("array",), "carries only float16", "remark")
    answer = replace(answers["wrong"], tensors=(replace(tensor, findings=(remark,)),))
    (case,) = parsed([answer]).iter("testcase")
    assert [child.tag for child in case] == ["failure", "system-out"]
    assert case[1].text == "low precision: carries only float16"
    assert "float16" not in case[0].text


def test_a_warning_is_what_the_suite_says(answers):
    (suite,) = parsed([answers["warned"]])
    assert "3 bytes follow the array" in suite.find("system-out").text


def test_a_file_without_an_answer_is_an_error(answers):
    root = parsed([answers["right"]], [("none.npy", FormatError("none.npy: there is no such file", "look"))])
    assert (root.get("errors"), root[1].get("name")) == ("1", "none.npy")
    (error,) = root[1].iter("error")
    assert error.get("message") == "none.npy: there is no such file"
    assert error.text == "none.npy: there is no such file\nhint: look"


def test_standard_input_is_named(answers):
    assert parsed([replace(answers["right"], path="-")])[0].get("name") == "standard input"


anything = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(
    ["\0", "\x1b[31m", "]]>", "<&\"'>", "\ud800", "\udcff", "\ufffe", "\uffff", "a\r\nb", "\x85\u2028", "\U0010ffff"]
)


@settings(max_examples=200, deadline=None)
@given(name=anything, path=anything, message=anything, warning=anything)
def test_any_name_gives_xml(name, path, message, warning, answers):
    (tensor,) = answers["wrong"].tensors
    finding = Finding(name, (name, "b"), message)
    tensor = replace(tensor, name=name, problem=message, looks_like=(name,), findings=(finding,))
    answer = FileStats(path, (tensor,), (finding,), (name,), (warning,), 1e-6)
    root = parsed([answer], [(path, FormatError(message, message))])
    junit.report([answer]).encode()
    plain = name if name.isprintable() else None
    if plain is not None:
        assert root.find(".//testcase").get("name") == plain
    elif name:
        assert root.find(".//testcase").get("name").isprintable()


def test_the_same_answers_give_the_same_report(answers):
    assert junit.report(list(answers.values())) == junit.report(list(answers.values()))


def test_a_report_is_saved_whole_and_replaces_the_last_one(answers, tmp_path):
    path = tmp_path / "r.xml"
    for name in ("wrong", "right"):
        junit.check(str(path))
        junit.save(str(path), [answers[name]], [("é", FormatError("x"))])
        assert path.read_text(encoding="utf-8") == junit.report([answers[name]], [("é", FormatError("x"))])
        assert ElementTree.parse(path).getroot().tag == "testsuites"
    assert [each.name for each in tmp_path.iterdir()] == ["r.xml"]


def test_what_is_no_report_is_not_replaced(tmp_path):
    (tmp_path / "w.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "directory").mkdir()
    (tmp_path / "empty.xml").touch()
    junit.check(str(tmp_path / "empty.xml"))
    junit.check(str(tmp_path / "new.xml"))
    for name in ("w.npy", "directory", "none/r.xml"):
        with pytest.raises(OutputError):
            junit.check(str(tmp_path / name))
    with pytest.raises(OutputError) as caught:
        junit.check("/dev/null")
    assert "-o" not in caught.value.hint  # that is for outputs that may be streams
    assert (tmp_path / "w.npy").read_bytes() == b"\x93NUMPY"
