"""The page of ``stats --html`` in a real browser: its script works, and its policy lets nothing else run."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import initgen
from initgen.checks.stats import expect_scheme, stats
from initgen.report import html
from initgen.specs.tensor import tensor_spec

# Uses the page, and writes what it sees into it, where --dump-dom shows it. Only a copy of the page lets it run.
PROBE = """
const seen = [];
const look = () => seen.push({
  rows: [...document.querySelectorAll(".tensors tbody tr")].filter((row) => row.offsetHeight).map((row) => row.dataset.t),
  details: [...document.querySelectorAll("details")].filter((part) => part.offsetHeight).map((part) => part.id),
  bar: document.querySelector(".bar").offsetHeight > 0,
  count: document.querySelector("output").textContent,
  sorted: [...document.querySelectorAll("[aria-sort]")].map((head) => head.textContent + " " + head.ariaSort),
});
const press = (text) => [...document.querySelectorAll("button")].find((one) => one.textContent === text).click();
const find = document.querySelector("input");
const type = (text) => { find.value = text; find.dispatchEvent(new Event("input")); };
addEventListener("load", () => {
  look(); press("wrong 2"); look(); press("all 5"); type("FC."); look(); type(""); press("std"); look(); press("std");
  look(); press("tensor"); look(); press("min"); look();
  const drawn = [...document.querySelectorAll(".thumb use")].filter((use) => use.getBBox().width > 0).length;
  const tooWide = document.documentElement.scrollWidth - innerWidth;
  const place = document.createElement("pre");
  place.textContent = JSON.stringify({ seen, drawn, tooWide, dark: getComputedStyle(document.body).backgroundColor });
  document.body.append(place);
});
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of five tensors: t0 all NaN and t2 not as expected, so that both are wrong."""
    place = tmp_path_factory.mktemp("page")
    he = initgen.sample("he_uniform", (100, 64))
    values = {"c": np.full(9, np.nan), "b.weight": he, "a.weight": he * 2, "fc.bias": he[0] * 0, "fc.weight": he / 8}
    np.savez(place / "m.npz", **values)
    answer = stats(str(place / "m.npz"), quantiles=True)
    assert [tensor.passed for tensor in answer.tensors] == [False, None, None, None, None]
    expect = expect_scheme(partial(tensor_spec, "he_uniform"))
    wrong = stats(str(place / "m.npz"), names=("a.weight",), expect=expect, quantiles=True)
    html.save(
        str(place / "m.html"), [replace(answer, tensors=(*answer.tensors[:2], *wrong.tensors, *answer.tensors[3:]))]
    )
    return place / "m.html"


def test_an_address_chooses_what_is_shown_and_in_which_order(page, browse):
    document, said = browse(page, "#wrong&sort=std&down")
    assert not said
    rows = re.findall(r'<tr class="[a-z ]*" data-t="(t[0-9])"( hidden="")?>', document)
    # By falling std; what has none is last.
    assert [name for name, _ in rows] == ["t2", "t1", "t4", "t3", "t0"]
    assert [name for name, hidden in rows if not hidden] == ["t2", "t0"]
    assert 'aria-sort="descending"><button type="button">std</button>' in document
    assert "2 of 5 shown" in document
    document, said = browse(page, "#t4")
    assert not said
    assert re.findall(r'<details id="(t[0-9])" class="[a-z ]*" open=""', document) == ["t0", "t2", "t4"]


@pytest.mark.parametrize(
    "options", [("--window-size=760,900",), ("--window-size=500,900", "--blink-settings=preferredColorScheme=0")]
)
def test_buttons_filter_and_sort_and_the_page_fits_its_window(page, options, tmp_path, browse):
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    probed = page.read_text().replace("script-src ", f"script-src 'sha256-{digest}' ")
    (tmp_path / "p.html").write_text(probed.replace("</body>", f"<script>{PROBE}</script></body>"))
    document, said = browse(tmp_path / "p.html", "", *options)
    assert not said
    found = json.loads(re.search("<pre>(.*)</pre>", document)[1])
    narrow = len(options) > 1
    assert found["dark"] == ("rgb(17, 21, 26)" if narrow else "rgb(255, 255, 255)")
    assert found["tooWide"] <= 0
    assert found["drawn"] == 4
    first, wrong, typed, *ordered = found["seen"]
    names = [f"t{n}" for n in range(5)]
    assert (first["rows"], first["details"], first["count"]) == (names, ["t0", "t2", "t1", "t3", "t4"], "")
    assert (wrong["rows"], wrong["details"], wrong["count"]) == (["t0", "t2"], ["t0", "t2"], "2 of 5 shown")
    assert (typed["rows"], typed["details"], typed["count"]) == (["t3", "t4"], ["t3", "t4"], "2 of 5 shown")
    assert first["bar"]
    assert [(*look["sorted"], *look["rows"]) for look in ordered] == [
        ("std ascending", "t3", "t4", "t1", "t2", "t0"),
        ("std descending", "t2", "t1", "t4", "t3", "t0"),
        ("tensor ascending", "t2", "t1", "t0", "t3", "t4"),
        ("min ascending", "t2", "t1", "t4", "t3", "t0"),
    ]


def test_hostile_names_do_nothing(page, tmp_path, browse):
    names = [
        "<script>document.title='owned'</script>",
        "</script><script>document.title='owned'</script>",
        '"><img src="http://127.0.0.1:9/x.png" onerror="document.title=\'owned\'">',
        "'><svg onload=\"document.title='owned'\">",
    ]
    np.save(tmp_path / "w.npy", np.ones(9, np.float32))
    answer = stats(str(tmp_path / "w.npy"), quantiles=True)
    tensors = tuple(replace(answer.tensors[0], name=name) for name in names)
    html.save(str(tmp_path / "w.html"), [replace(answer, tensors=tensors, warnings=tuple(names), missing=tuple(names))])
    document, said = browse(tmp_path / "w.html", "#find=%3Cscript%3E")
    assert not said
    assert "<title>✗ w.npy</title>" in document
    assert "2 of 4 shown" in document
    assert "<img" not in document
    # And if a name did get through: the policy stops it, and the log that is empty above says so.
    hole = html.page([answer]).replace("<h1>w.npy</h1>", f"<h1>{names[0]}{names[2]}</h1>")
    assert names[0] in hole
    (tmp_path / "hole.html").write_text(hole)
    document, said = browse(tmp_path / "hole.html")
    assert "<title>– w.npy</title>" in document
    for kind in ("inline script", "127.0.0.1:9", "inline event handler"):
        assert any(kind in line for line in said), said
