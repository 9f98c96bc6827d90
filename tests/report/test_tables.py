"""Tables: columns below one another, in any width, with names shortened and no number cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from initgen.report.tables import shortened, show_table

NAMES = [f"model.layers.{i}.{part}_proj.weight" for i in range(12) for part in ("self_attn.q", "self_attn.k", "mlp.up")]
ROWS = [
    ("tensor", "shape", "mean", "std", ""),
    *((name, "100x64", f"{-i / 7:.6g}", f"{i / 3:.6g}", Text("ok", "green")) for i, name in enumerate(NAMES)),
]


def lines_of(screen, columns, rows=ROWS, less=(2, 1, 3), **given):
    return screen(lambda out: show_table(out, rows, less), columns, **given).splitlines()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 160])
def test_no_line_is_longer_than_the_terminal_and_no_cell_but_a_name_is_cut(width, screen):
    lines = lines_of(screen, width, NO_COLOR="1")
    assert len(lines) == len(ROWS)
    assert max(map(cell_len, lines)) <= width
    whole = {str(cell) for row in ROWS for cell in row[1:]}
    for line in lines[1:]:
        _, *cells = line.split()
        assert set(cells) <= whole
        assert cells[-1] == "ok"


def test_columns_go_in_the_order_of_what_matters_least(screen):
    headings = [lines_of(screen, width, NO_COLOR="1")[0].split() for width in range(100, 20, -1)]
    seen = list(dict.fromkeys(map(tuple, headings)))
    assert seen == [("tensor", "shape", "mean", "std"), ("tensor", "shape", "std"), ("tensor", "std"), ("tensor",)]


def test_off_a_terminal_nothing_is_cut_whatever_the_width(screen):
    lines = lines_of(screen, None, COLUMNS="20")
    assert [line.split() for line in lines] == [" ".join(map(str, row)).split() for row in ROWS]
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("width", [None, 50, 160])
def test_columns_stand_below_one_another_however_wide_their_characters(width, screen):
    rows = [("tensor", "x"), ("权重" * 12, "1"), ("e\u0301" * 3, "2"), ("plain", "3")]
    lines = lines_of(screen, width, rows, (), NO_COLOR="1")
    assert len({cell_len(line[:-1]) for line in lines}) == 1


def test_colours_are_codes_around_words_and_change_no_width(screen):
    coloured = lines_of(screen, 80)
    assert "\x1b[32mok\x1b[0m" in coloured[1]
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in coloured] == lines_of(screen, 80, NO_COLOR="1")
    for quiet in (lines_of(screen, 80, NO_COLOR="1"), lines_of(screen, 80, TERM="dumb"), lines_of(screen, None)):
        assert not any("\x1b" in line for line in quiet)
    assert any("\x1b" in line for line in lines_of(screen, None, FORCE_COLOR="1"))


def test_in_ascii_what_is_put_in_place_of_other_characters_moves_no_column(screen):
    rows = [("check", "bound", ""), ("least value", "≥ -1", "ok"), ("greatest value", "± 1", "ok"), ("mean", "0", "ok")]
    lines = lines_of(screen, None, rows, None, encoding="ascii")
    assert len({line.index("ok") for line in lines[1:]}) == 1
    assert ">= -1" in lines[1]


@pytest.mark.parametrize("width", [12, 16, 21, 24, 30, 33])
def test_shortened_names_keep_apart_where_there_is_room(width):
    shown = shortened(NAMES, width)
    assert max(map(cell_len, shown)) == width
    assert all("…" in short for short, name in zip(shown, NAMES, strict=True) if short != name)
    if width > 20:
        assert len(set(shown)) == len(NAMES)


@given(names=st.lists(st.text(max_size=40), min_size=1, max_size=5), width=st.integers(4, 40))
def test_a_shortened_name_fits_and_is_made_of_its_own_ends(names, width):
    for name, short in zip(names, shortened(names, width), strict=True):
        assert cell_len(short) <= width
        if cell_len(name) <= width:
            assert short == name
        else:
            assert all(part in name for part in short.split("…"))
            assert len(short) < len(name) or not name.isascii()
