"""Where text goes: folded at words on a terminal, whole elsewhere, in characters that it has."""

import re

import pytest
from rich.cells import cell_len

from initgen.report.console import show_facts

CODE = re.compile(r"\x1b\[[\d;]*m")
LONG = "values ≥ -0.244949 and ≤ 0.244949 … are uniform on ±0.244949 with √ and ² and × in between, " * 3


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_a_paragraph_is_folded_at_words_and_goes_on_further_in(width, encoding, screen):
    text = screen(lambda out: out.paragraph(("WRONG", "bold red"), f"  {LONG}", indent=2), width, encoding=encoding)
    lines = CODE.sub("", text).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert lines[0].startswith("  WRONG  values")
    assert all(re.match(r" {4}\S", line) for line in lines[1:])
    assert "\x1b[1;31mWRONG\x1b[0m" in text
    whole = screen(lambda out: out.paragraph(f"WRONG {LONG}"), encoding=encoding)
    assert " ".join(lines).split() == whole.split()
    assert whole.count("\n") == 1
    assert text.isascii() == (encoding == "ascii")


def test_a_word_longer_than_the_terminal_is_folded_and_not_cut(screen):
    path = "/a/very/long/path/" * 5
    lines = screen(lambda out: out.paragraph(f"{path}: right"), 40, NO_COLOR="1").splitlines()
    assert max(map(len, lines)) <= 40
    assert "".join(line.strip() for line in lines).replace(" ", "") == f"{path}:right"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("name", ["law", "for 100x64, width=256, base_width=64"])
@pytest.mark.parametrize("width", [None, 40, 60, 80])
def test_facts_fit_and_lose_nothing(width, name, encoding, screen):
    text = CODE.sub("", screen(lambda out: show_facts(out, [(name, LONG), ("source", "x")]), width, encoding=encoding))
    assert width is None or max(map(cell_len, text.splitlines())) <= width
    whole = screen(lambda out: show_facts(out, [(name, LONG), ("source", "x")]), encoding=encoding)
    assert text.replace(":", "").split() == whole.split()


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_gets_colours_unless_it_is_told_not_to(environment, coloured, screen):
    assert ("\x1b" in screen(lambda out: out.paragraph(("no", "bold red")), 80, **environment)) == coloured
