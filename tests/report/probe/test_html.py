"""The page of ``probe --html``: everything is on it, all text is escaped, and in a browser nothing acts."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest

from initgen.core.errors import SpecError
from initgen.report.probe import html

ERRORS = [("none.toml", SpecError("none.toml: a network without layers"))]
HOSTILE = [
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    '"><img src="http://127.0.0.1:9/x.png" onerror="document.title=\'owned\'">',
    "'><svg onload=\"document.title='owned'\">",
    "</title></style><b>",
    "\x1b[31m\n\u202e",
]


class Page(HTMLParser):
    """Elements in order with their attributes and text; all are closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.found = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = [tag, dict(attrs), ""]
        self.found.append(element)
        if tag != "meta":
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def texts(self, tag, kind=None):
        """Of the elements of this name and first class."""
        return [
            text
            for name, attrs, text in self.found
            if name == tag and (kind is None or (attrs.get("class") or "").split()[:1] == [kind])
        ]


def test_one_network_has_its_verdict_charts_and_layers(networks):
    page = Page(html.page([networks["softmax"]]))
    assert page.texts("h1") == ["examples/seed.json"]
    assert page.texts("title") == ["✓ examples/seed.json"]
    assert page.texts("p", "verdict")[0].startswith(
        "✓ stablethe mean square of activations is multiplied by 0.110 per layer"
    )
    assert page.texts("figcaption") == ["mean square of activations", "squared norm of gradients"]
    assert len(page.texts("svg", "signal")) == 2
    assert page.texts("table", "networks") == page.texts("h2") == []
    rows = page.texts("tr")
    assert len(rows) == 1 + 3
    assert rows[1].startswith("input01.00")
    assert rows[3].startswith("dense_12Dense softmax0.0124")
    assert page.texts("summary") == ["2 layers"]


def test_several_networks_have_a_table_a_chart_of_all_and_a_section_each(networks):
    some = [networks[name] for name in ("he", "lecun", "exploding")]
    page = Page(html.page(some, ERRORS))
    assert page.texts("title") == ["✗ 4 networks"]
    assert page.texts("p", "verdict")[0] == "✗ not stable1 of 3 networks is stable"
    assert page.texts("li") == ["✗ none.toml none.toml: a network without layers"]
    assert page.texts("h2") == [network.title for network in some]
    assert [text.split("×")[0] for text in page.texts("tr")[1:4]] == [
        "ahe_uniform, relu✓ stable50",
        "blecun_uniform, relu✗ vanishing50",
        "crandom_normal:stddev=1, relu✗ exploding50",
    ]
    # Two of all and two of each; what did not come back has no second.
    assert len(page.texts("svg", "signal")) == 2 + 2 + 2 + 1
    assert set(page.texts("text", "on")) == {"a", "b", "c"}
    links = [attrs["href"].removeprefix("#") for tag, attrs, _ in page.found if tag == "a"]
    assert links == [attrs["id"] for tag, attrs, _ in page.found if tag == "section"]
    assert Page(html.page([networks["he"]], ERRORS)).texts("p", "verdict")[0].startswith("– not known")
    assert Page(html.page([], ERRORS)).texts("h1") == ["1 network"]


def test_all_layers_are_in_the_page_and_long_tables_are_closed(networks):
    page = html.page([networks["he"], networks["softmax"]])
    assert len(Page(page).texts("tr")) == 3 + 52 + 4
    assert re.findall(r"<details( open)?>", page) == ["", " open"]
    for number in range(50):
        assert f">dense_{number}<" in page or number == 0


@pytest.mark.parametrize("name", ["infinite", "first", "lstm", "dead", "tanh", "one"])
def test_what_has_gaps_or_nothing_to_show_has_a_page(name, networks):
    page = Page(html.page([networks[name]]))
    drawn = {"infinite": 1, "first": 0}.get(name, 2)
    assert len(page.texts("svg", "signal")) == drawn
    assert ("nothing that can be drawn" in page.texts("main")[0]) == (not drawn)
    assert len(page.texts("details")) == bool(networks[name].layers)


def test_limits_and_suggestions_are_in_the_section(networks):
    text = html.page([networks["lecun"]])
    said = "float16 underflows at layer 28 (dense_27); bfloat16 and float32 would underflow after about 252 layers"
    for part in (
        f"<p>activations: {said}</p>",
        "</b> for relu: gain 1.414",
        "he_uniform (1.00), he_normal (1.00)",
        "lecun_uniform (0.500)",
    ):
        assert part in text


def coordinates(path):
    """The points of a path of absolute moves and relative lines."""
    numbers = re.compile(r"-?\d+")
    points = []
    for command, rest in re.findall(r"([MlhH])([^MlhH]*)", path):
        x, *y = map(int, numbers.findall(rest))
        points.append((x, y[0]) if command == "M" else (points[-1][0] + x, points[-1][1] + (y or [0])[0]))
    return points


def test_lines_are_the_numbers_and_have_gaps_where_there_are_none(networks):
    network = networks["lecun"]
    page = html.page([network])
    measured, _ = re.findall(r'<path class="measured s0" d="([^"]*)"', page)
    points = coordinates(measured)
    assert len(points) == 51
    assert (points[0], points[-1][0]) == ((0, 0), 720)
    for index, (x, y) in enumerate(points):
        assert x == round(720 * index / 50)
        # 50 halvings over the height of the frame, but for chance of 4 %.
        assert y == pytest.approx(points[-1][1] * index / 50, abs=3)
    layers = list(network.layers)
    layers[24] = networks["infinite"].layers[-1]
    gap, _ = re.findall(r'<path class="measured s0" d="([^"]*)"', html.page([replace(network, layers=tuple(layers))]))
    assert gap.count("M") == 2
    assert len(coordinates(gap)) == 50
    dead = html.page([networks["dead"]])
    assert re.findall(r'<path class="measured s0" d="([^"]*)"', dead) == ["M0 210h4", "M720 210h4"]


def test_each_network_has_its_own_colour_and_the_first_chart_has_as_many_as_there_are(networks):
    many = [replace(networks["softmax"], title=f"n{index}") for index in range(11)]
    page = html.page(many)
    first, _, rest = page.partition("<section")
    assert re.findall(r'class="measured (s\d+)"', first) == 2 * [f"s{index}" for index in range(8)]
    assert set(re.findall(r'class="measured (s\d+)"', rest)) == {f"s{index}" for index in range(8)}
    assert "The first chart has 8 of 11 networks." in page
    assert "The first chart" not in html.page(many[:8])


def hostile(networks):
    """A network all of whose names would act if they were not escaped."""
    network = networks["softmax"]
    limit, candidate = networks["lecun"].limits[0], networks["lecun"].candidates[0]
    critical = networks["lecun"].critical[0]
    return [
        replace(
            network,
            title=name,
            layers=tuple(replace(layer, name=name, kind=name, activation=name) for layer in network.layers),
            limits=(replace(limit, layer=name, dtype=name),),
            overflow=name,
            critical=(replace(critical, activation=name),),
            candidates=(replace(candidate, scheme=name),),
        )
        for name in HOSTILE
    ]


def test_all_text_is_escaped(networks):
    errors = [(name, SpecError(name)) for name in HOSTILE]
    for some, failed in ((hostile(networks), errors), *(([each], ()) for each in hostile(networks))):
        page = html.page(some, failed)
        found = Page(page).found
        # The elements and attributes are those of a page with plain names.
        plain = Page(html.page([replace(networks["softmax"], title="x")] * 2, [("x", SpecError("x"))])).found
        assert {tag for tag, _, _ in found} <= {tag for tag, _, _ in plain}
        assert not {key for _, attrs, _ in found for key in attrs if key.startswith("on") or key == "src"}
        body = page.partition("</style>")[2]
        assert all(char.isprintable() or char == "\n" for char in unescape(body))
        assert "<script" not in page


def test_the_page_in_a_browser_is_quiet_fits_its_window_and_lets_nothing_run(networks, browse, tmp_path):
    html.save(str(tmp_path / "p.html"), [*hostile(networks), networks["he"], networks["lecun"]], ERRORS)
    document, said = browse(tmp_path / "p.html", "", "--window-size=500,900")
    assert not said
    assert "<title>✗ 9 networks</title>" in document
    assert "<img" not in document
    # And if a name did get through: the policy stops it, and the log that is empty above says so.
    page = html.page([networks["he"]])
    hole = page.replace("<h1>he_uniform, relu</h1>", f"<h1>{HOSTILE[0]}{HOSTILE[2]}</h1>")
    assert hole != page
    (tmp_path / "hole.html").write_text(hole)
    document, said = browse(tmp_path / "hole.html")
    assert "<title>✓ he_uniform, relu</title>" in document
    for kind in ("inline script", "127.0.0.1:9", "inline event handler"):
        assert any(kind in line for line in said), said


def test_equal_results_give_equal_pages_that_need_nothing_beside_them(networks, tmp_path):
    some = [networks["he"], networks["lecun"]]
    html.save(str(tmp_path / "p.html"), some)
    page = (tmp_path / "p.html").read_text()
    assert page == html.page(some)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|url\(|@import", page)
    # 102 layers.
    assert len(page) < 80_000
