"""The page of ``stats --html``: everything is on it, nothing in it can act, and it stays small."""

import base64
import hashlib
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest

import initgen
from initgen.checks.finding import Finding
from initgen.checks.stats import expect_scheme, stats
from initgen.core.errors import printable
from initgen.report import html
from initgen.specs.tensor import tensor_spec

HE = initgen.sample("he_uniform", (100, 64))
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes and text, and whether all are closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.found = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs))
        element = [tag, dict(attrs), ""]
        self.found.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag, **wanted):
        """Those with these attributes; of classes the first counts."""
        return [
            element
            for element in self.found
            if element[0] == tag
            and all((element[1].get(key.rstrip("_")) or "").split()[:1] == [value] for key, value in wanted.items())
        ]

    def texts(self, tag, **wanted):
        return [text for _, _, text in self.all(tag, **wanted)]


def held(path, values, scheme=None, **options):
    """The stats of a file with these arrays, by name, or of one array."""
    if isinstance(values, dict):
        np.savez(path, **values)
    else:
        np.save(path, values)
    expect = expect_scheme(partial(tensor_spec, scheme, **options)) if scheme else None
    return stats(str(path), expect=expect, quantiles=True)


def test_one_tensor_has_its_verdict_facts_checks_and_pictures(tmp_path):
    answer = held(tmp_path / "w.npy", HE, "lecun_uniform")
    page = Page(html.page([answer]))
    assert page.texts("h1") == ["w.npy"]
    assert page.texts("title") == ["✗ w.npy"]
    assert page.texts("p", class_="verdict") == ["✗ nonot lecun_uniform; looks like he_uniform"]
    ((_, details, text),) = page.all("details")
    assert "open" in details
    for part in ("lecun_uniform: uniform on ±0.173205; fan_in 100, fan_out 64 (keras layout)", "looks like he_uniform"):
        assert part in text
    rows = [row for row in page.texts("tr") if "check" not in row]
    assert len(rows) == len(answer.tensors[0].tests)
    for row, test in zip(rows, answer.tensors[0].tests, strict=True):
        assert row.startswith(test.name)
        assert ("✓" in row, "✗" in row) == (test.passed, not test.passed)
    assert [len(page.all("svg", class_=kind)) for kind in ("hist", "qq")] == [1, 1]
    assert len(page.all("path", class_="limit")) == 2
    assert page.texts("figcaption") == ["values and the density of the law", "quantiles against the law’s"]
    assert not page.all("table", class_="tensors")


def test_a_right_tensor_and_one_without_a_scheme_say_so(tmp_path):
    right = Page(html.page([held(tmp_path / "w.npy", HE, "he_uniform")]))
    assert right.texts("p", class_="verdict")[0].startswith("✓ yeshe_uniform: all ")
    assert 'class="bars out"' not in html.page([held(tmp_path / "w.npy", HE, "he_uniform")])
    assert 'class="bars out"' in html.page([held(tmp_path / "w.npy", HE, "lecun_uniform")])
    none = Page(html.page([held(tmp_path / "w.npy", HE)]))
    assert none.texts("p", class_="verdict")[0].startswith("– not checkednothing to hold it against")
    assert "A right file fails" not in html.page([held(tmp_path / "w.npy", HE)])
    assert len(none.all("svg")) == 1


def test_a_model_has_a_line_for_each_tensor_and_wrong_ones_open_and_first(tmp_path):
    arrays = {"a": HE, "b": HE * 2, "c": np.zeros(3, np.float32), "d": np.full((2, 2), np.nan, np.float32)}
    answer = held(tmp_path / "m.npz", arrays, "he_uniform")
    page = Page(html.page([answer]))
    assert page.texts("td", class_="name") == ["a", "b", "c", "d"]
    rows = [attrs for tag, attrs, _ in page.found if tag == "tr" and "data-t" in attrs]
    wrong = [tensor.passed is False for tensor in answer.tensors]
    assert wrong == [False, True, True, True]
    assert ["wrong" in row["class"] for row in rows] == wrong
    details = [(attrs["id"], "open" in attrs) for _, attrs, _ in page.all("details")]
    assert details == [("t1", True), ("t2", True), ("t3", True), ("t0", False)]
    assert {attrs["href"] for _, attrs, _ in page.all("a")} == {"#t0", "#t1", "#t2", "#t3"}
    ids = {attrs["id"] for _, attrs, _ in page.found if "id" in attrs}
    assert {attrs["href"][1:] for _, attrs, _ in page.all("use")} <= ids
    assert "all NaN" in page.all("details")[2][2]


def test_findings_remarks_warnings_and_missing_tensors_are_on_it(tmp_path):
    answer = held(tmp_path / "m.npz", {"a": HE, "b": HE + 1}, "he_uniform")
    tensor = replace(answer.tensors[0], findings=(Finding("x", ("a",), "is <odd>", "remark"),))
    wrong = Finding("equal tensors", tuple(f"n{n}" for n in range(30)), "equal", "wrong")
    answer = replace(
        answer, tensors=(tensor, answer.tensors[1]), findings=(wrong,), missing=("<gone>",), warnings=("bytes & bytes",)
    )
    page = Page(html.page([answer]))
    (notices,) = page.texts("ul", class_="notices")
    for part in ("missing: <gone>, which is described", "bytes & bytes", "equal: n0, n1", "n19 and 10 more"):
        assert part in notices
    assert "is <odd>" in page.texts("details")[1]
    assert page.texts("button") == ["all 2", "wrong 1", "with remarks 1"]
    assert "✗ no" in page.texts("p", class_="verdict")[0]


def test_several_files_are_in_one_table(tmp_path):
    files = [held(tmp_path / "a.npy", HE, "he_uniform"), held(tmp_path / "b.npy", HE * 2, "he_uniform")]
    page = Page(html.page(files))
    assert page.texts("h1") == ["2 files"]
    assert page.texts("td", class_="file") == [str(tmp_path / "a.npy"), str(tmp_path / "b.npy")]
    (listed,) = page.texts("ul", class_="files")
    assert "✓" in listed
    assert "✗" in listed


HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><script>alert(1)//",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp;",
    "</style><style>*{display:none}",
    "new\nline\r\x1b[31m\x00",
    "\u202egnp.exe",
    "\ud800",
    "",
    "a" * 10_000,
]


def test_names_are_text_and_nothing_else(tmp_path):
    answer = held(tmp_path / "w.npy", HE, "lecun_uniform")
    (tensor,) = answer.tensors
    tensors = tuple(
        replace(tensor, name=name, kind=name, problem=name, looks_like=(name,), findings=(Finding("x", (name,), name),))
        for name in HOSTILE
    )
    across = Finding("x", tuple(HOSTILE), HOSTILE[0])
    for path in (HOSTILE[0], HOSTILE[6], "<b onclick=alert(1)>"):
        file = replace(
            answer, path=path, tensors=tensors, findings=(across,), missing=tuple(HOSTILE), warnings=tuple(HOSTILE)
        )
        for files in ([file], [file, file]):
            text = html.page(files)
            text.encode()
            page = Page(text)
            shown = page.texts("td", class_="name")[: len(HOSTILE)]
            assert shown == [printable(name) or "no name" for name in HOSTILE]
            assert len(page.all("script")) == len(page.all("style")) == 1
            assert {tag for tag, _, _ in page.found} == KNOWN
            assert {name for _, attrs, _ in page.found for name in attrs} <= ATTRIBUTES


KNOWN = set(
    re.findall(
        r"\w+",
        "a b br body button details div figcaption figure footer g h1 head header html input li main meta output p path"
        " script small span style summary svg table tbody td text th thead title tr ul use",
    )
)
ATTRIBUTES = set(
    re.findall(
        r"[\w-]+",
        "aria-hidden aria-label aria-pressed charset class content d data-t hidden href http-equiv id lang name open"
        " placeholder preserveaspectratio role title type value viewbox x y",
    )
)


def test_nothing_is_fetched_and_no_script_runs_but_the_pages_own(tmp_path):
    text = html.page([held(tmp_path / "m.npz", {"a": HE, "b": HE}, "he_uniform")])
    page = Page(text)
    assert not re.search(r"https?:|url\(|@import|\bsrc=|\bstyle=|\bon[a-z]+=", text)
    assert all(attrs["href"].startswith("#") for _, attrs, _ in page.found if "href" in attrs)
    (policy,) = (attrs["content"] for _, attrs, _ in page.all("meta") if "http-equiv" in attrs)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("default-src") == rules.pop("base-uri") == rules.pop("form-action") == "'none'"
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.texts(tag)[0].encode()).digest()).decode()
        assert rules.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert not rules


def test_a_thousand_tensors_make_a_page_of_few_megabytes(tmp_path):
    answer = held(tmp_path / "w.npy", initgen.sample("he_normal", (300, 300)), "lecun_normal")
    name = "model.layers.{}.self_attn.q_proj.weight"
    tensors = tuple(replace(answer.tensors[0], name=name.format(n)) for n in range(1000))
    assert len(html.page([replace(answer, tensors=tensors)])) < 7_000_000


def test_past_the_limit_wrong_ones_and_the_first_have_pictures_and_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "LIMIT", 3)
    arrays = {name: HE * (2 if name in "df" else 1) for name in "abcdef"}
    page = Page(html.page([held(tmp_path / "m.npz", arrays, "he_uniform")]))
    assert [attrs["id"] for _, attrs, _ in page.all("details")] == ["t3", "t5", "t0"]
    assert page.texts("td", class_="name") == list("abcdef")
    assert {attrs["href"] for _, attrs, _ in page.all("a")} == {"#t0", "#t3", "#t5"}
    assert "3 of 6 tensors have their checks and pictures here" in page.texts("footer")[0]


def test_equal_results_make_equal_pages(tmp_path):
    first, second = (html.page([held(tmp_path / "w.npy", HE, "lecun_uniform")]) for _ in range(2))
    assert first == second
    html.save(str(tmp_path / "r.html"), [held(tmp_path / "w.npy", HE, "lecun_uniform")])
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == first


@pytest.mark.parametrize("values", [np.zeros((0, 3), np.float32), np.zeros(3, np.complex64), np.ones(1, np.float32)])
def test_what_has_no_numbers_has_no_picture_and_no_number(values, tmp_path):
    page = Page(html.page([held(tmp_path / "m.npz", {"a": values, "b": HE})]))
    numbers = page.texts("td", class_="num")[:5]
    assert numbers[0] == str(values.size)
    assert all(numbers[1:]) == (values.dtype.kind == "f" and values.size > 0)
