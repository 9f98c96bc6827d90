"""Line charts made of characters: where lines are, what is between their points, what happens where they meet."""

import pytest

from initgen.report.chart import ASCII, BLOCKS
from initgen.report.lines import beside, lines

RISING = [0.0, 0.5, 0.999]


def drawn(curves, last, width=13, height=3, levels=(), labels=(), glyphs=BLOCKS):
    return [line.plain for line in lines(curves, last, levels, labels, width, height, glyphs)]


def test_a_line_rises_by_thirds_of_a_cell_and_straight_between_points():
    assert drawn([("", "", RISING)], 2, 11)[:3] == [" ┊      ▁─▔", " ┊   ▁─▔", " ┊▁─▔"]
    assert drawn([("", "", RISING)], 2, 11, glyphs=ASCII)[:3] == [" |      _-~", " |   _-~", " |_-~"]


def test_a_letter_takes_the_place_of_the_line():
    assert drawn([("a", "", RISING)], 2, 11)[:3] == [" ┊      aaa", " ┊   aaa", " ┊aaa"]


def test_lines_that_meet_take_turns():
    *_, bottom, _ = drawn([(letter, "", [0.0, 0.0]) for letter in "abc"], 1, 11)
    assert bottom == " ┊abcabcabc"


def test_there_is_nothing_between_a_point_and_none():
    gaps = [0.0, None, 0.0, 0.0, None, None, 0.0]
    assert drawn([("a", "", gaps)], 6, 15, 1)[0] == " ┊a   aaa     a"
    # A shorter line ends where its points end.
    assert drawn([("a", "", [0.0, 0.0])], 6, 15, 1)[0] == " ┊aaa"


@pytest.mark.parametrize("share", [-0.1, 0.0, 0.5, 1.0, 1.1])
def test_every_point_is_in_the_frame(share):
    assert sum(line.count("a") for line in drawn([("a", "", [share, share])], 1, 8)[:3]) == 6


def test_levels_stand_at_their_height_and_labels_at_their_place():
    found = drawn([("", "", RISING)], 2, 15, levels=[(0.0, "1"), (0.99, "1e5")], labels=[(0, "0"), (1, "1"), (2, "2")])
    assert [line[:5] for line in found] == ["1e5 ┊", "    ┊", "  1 ┊", "     ", "     "]
    assert [line[5:] for line in found[3:]] == ["┴───┴────┴", "0   1    2"]


def test_two_pictures_stand_side_by_side():
    left, right = lines([("a", "", [0.0])], 1, (), (), 8, 1), lines([("b", "", [0.5])], 1, (), (), 8, 3)
    joined = [line.plain for line in beside(left, right, 10)]
    assert joined[1].index("┊") == 11
    assert [line[10:] for line in joined] == [line.plain for line in right]
    assert [line[:10].rstrip() for line in joined] == [*(line.plain for line in left), "", ""]
