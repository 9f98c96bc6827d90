"""What a probe found, on screens of any width: nothing longer than the line, no number cut, the answer in words."""

import math
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from initgen.probe.result import Candidate, Critical, FixedPoint, Flow, Limit
from initgen.report.probe import wording
from initgen.report.probe.layers import chosen
from initgen.report.probe.text import show_probe

WIDTHS = [40, 60, 80, 120, 160, 200]
NAMES = ["he", "lecun", "exploding", "infinite", "first", "softmax", "lstm", "dead", "tanh", "one"]
CODE = re.compile(r"\x1b\[[\d;]*m")
NUMBER = re.compile(r"-?\d[\d.,e+-]*%?")


def shown(screen, networks, columns=None, every=False, **given):
    return screen(lambda out: show_probe(out, networks, every=every), columns, **given)


def cells(text):
    """The words of all lines of the table of layers, headings first."""
    table = text[text.index("  layer  ") :].partition("\n\n")[0]
    return [line.split() for line in table.splitlines()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("every", [False, True])
def test_no_line_is_longer_than_the_terminal_and_no_number_is_cut(width, every, networks, screen):
    for some in (*([networks[name]] for name in NAMES), list(networks.values())):
        text = CODE.sub("", shown(screen, some, width, every))
        assert max(map(cell_len, text.splitlines())) <= width
        wide = shown(screen, some, every=every)
        everything = {word for line in wide.splitlines() if "┊" not in line for word in NUMBER.findall(line)}
        rows = [line for line in text.splitlines() if re.match(r"  (dense|input)", line)]
        assert rows or len(some) > 1 or not some[0].layers
        assert {word for row in rows for word in NUMBER.findall(row)} <= everything


@pytest.mark.parametrize("width", [None, *WIDTHS])
def test_in_ascii_everything_is_ascii_and_nothing_is_escaped(width, networks, screen):
    for some in (*([networks[name]] for name in NAMES), list(networks.values())):
        text = CODE.sub("", shown(screen, some, width, encoding="ascii"))
        assert text.isascii()
        assert "\\" not in text
        assert width is None or max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("encoding", ["latin-1", "cp437", "cp1252", "cp936"])
def test_an_encoding_with_some_of_the_characters_gets_ascii(encoding, networks, screen):
    text = shown(screen, [networks["tanh"]], encoding=encoding)
    assert "\\u" not in text
    assert "chi1 = 1 for tanh" in text


def test_without_colours_nothing_is_lost(networks, screen):
    for some in ([networks["he"]], [networks["he"], networks["lecun"]]):
        colours = shown(screen, some, 100, FORCE_COLOR="1")
        assert "\x1b[1;32mstable\x1b[0m" in colours
        plain = shown(screen, some, 100, NO_COLOR="1")
        assert not re.search(r"\x1b\[[\d;]*3\dm", plain)
        assert CODE.sub("", colours) == CODE.sub("", plain)


def test_names_can_do_nothing_to_the_terminal(networks, screen):
    evil = "\x1b]0;owned\x07\nstable: all is well\u202e"
    network = networks["softmax"]
    layer = replace(network.layers[0], name=evil, kind=evil, activation=evil)
    flow = Flow(1.0, 1.0, "stable")
    bad = replace(
        network,
        title=evil,
        layers=(layer, *network.layers[1:]),
        limits=(replace(networks["lecun"].limits[0], layer=evil),),
        overflow=evil,
        critical=(Critical(evil, 1.0, 0.0, None),),
        candidates=(Candidate(evil, flow, flow),),
    )
    for some in ([bad], [bad, bad]):
        text = CODE.sub("", shown(screen, some, 200, every=True))
        assert all(char.isprintable() or char == "\n" for char in text)
        assert not re.search(r"^stable: all is well", text, re.MULTILINE)
        assert r"\x1b]0;owned\x07\nstable" in text


LINES = {
    "he": "stable: the mean square of activations is multiplied by 0.996 per layer (0.82 over 50 layers), the squared norm"
    " of gradients is multiplied by 1.00 (1.2)",
    "lecun": "vanishing: the mean square of activations falls to 0.500 of itself per layer (9e-16 over 50 layers), the"
    " squared norm of gradients falls to 0.500 of itself (9e-16)",
    "exploding": "exploding: float32 overflows at layer 37 (dense_36); the mean square of activations grows to 128 times"
    " itself per layer (7e75 until then); no gradient came through",
    "infinite": "exploding: the mean square of activations grows beyond all numbers; no gradient came through",
    "first": "exploding: float32 overflows at layer 1 (dense); no gradient came through",
    "softmax": "stable: the mean square of activations is multiplied by 0.110 per layer (0.012 over 2 layers), the squared"
    " norm of gradients is multiplied by 0.900 (0.81)",
    "dead": "vanishing: the mean square of activations falls to 0.00 of itself per layer (0 over 3 layers), the squared"
    " norm of gradients falls to 0.00 of itself (0)",
    "one": "exploding: the mean square of activations grows to 2.50e+06 times itself per layer (2e6 over 1 layer), the"
    " squared norm of gradients is multiplied by 1.00 (1)",
}


@pytest.mark.parametrize("name", LINES)
def test_one_line_says_what_becomes_of_the_signal(name, networks, screen):
    assert LINES[name] in shown(screen, [networks[name]]).splitlines()


def test_one_network_has_its_layers_with_what_is_measured_and_what_theory_says(networks, screen):
    head, *rows = cells(shown(screen, [networks["lecun"]]))
    assert " ".join(head) == (
        "layer kind mean square theory mean variance dead flat cosine theory gradient² theory of weights χ"
    )
    assert rows[0] == ["input", "0", "1.00", "████████", "0.00", "1.00", "0.00210", "4.39e-13"]
    assert " ".join(rows[1]) == (
        "dense 1 Dense relu 0.515 ████████ 0.500 0.405 0.351 0% 50% 0.308 0.312 4.39e-13 4.55e-13 2.28e-13 0.500"
    )
    assert " ".join(rows[2]).startswith("dense_1 2 Dense relu 0.240 ███████▌ 0.250 ")


def test_a_column_in_which_nothing_is_said_is_not_there(networks, screen):
    (head, *_), (other, *_) = (cells(shown(screen, [networks[name]])) for name in ("lstm", "softmax"))
    assert " ".join(head) == "layer kind mean square flat cosine gradient² of weights"
    assert " ".join(other).endswith("of weights χ condition")


def test_a_narrow_screen_keeps_the_signal_and_gives_up_the_details(networks, screen):
    heads = {}
    for width in WIDTHS:
        (head, *_) = cells(CODE.sub("", shown(screen, [networks["he"]], width)))
        heads[width] = " ".join(head)
    assert heads[40] == "layer mean square gradient²"
    assert heads[80] == "layer kind mean square theory dead cosine gradient²"
    assert heads[200].endswith("of weights χ")
    assert [len(heads[width]) for width in WIDTHS] == sorted(len(heads[width]) for width in WIDTHS)


def test_a_long_network_shows_its_ends_and_some_of_its_middle_and_says_so(networks, screen):
    text = shown(screen, [networks["he"]])
    numbers = [int(row[1]) for row in cells(text)[1:] if row[0] != "…" and row[1].isdigit()]
    assert numbers == [*range(9), 12, 16, 20, 24, 27, 31, 35, 39, *range(43, 51)]
    assert [row[0] for row in cells(text)].count("…") == 2
    assert "  24 of 50 layers; --all-layers shows all\n" in text
    every = shown(screen, [networks["he"]], every=True)
    assert [int(row[1]) for row in cells(every)[1:]] == list(range(51))
    assert "--all-layers" not in every
    assert "…" not in every


@pytest.mark.parametrize("count", [2, 3, 24, 25, 26, 27, 28, 60, 1001])
def test_the_layers_that_are_shown_are_in_order_and_have_both_ends(count):
    found = chosen(count)
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (0, count - 1)
    assert len(found) == min(count, 25)


def picture(text, title):
    """The lines of the chart under a title, without the labels."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if title in line)
    return [line.partition("┊")[2] for line in lines[start + 1 : start + 9]]


def test_the_chart_of_what_halves_falls_in_a_straight_line(networks, screen):
    lines = picture(CODE.sub("", shown(screen, [networks["lecun"]], 60)), "mean square of activations")
    heights = {}
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            if char in "▁─▔":
                heights[column] = 3 * (8 - row) + "▁─▔".index(char)
    assert sorted(heights) == list(range(max(heights) + 1))
    left, right = heights[0], heights[max(heights)]
    assert left - right >= 22
    for column, height in heights.items():
        assert abs(height - (left + (right - left) * column / max(heights))) <= 1.5


def test_charts_stand_side_by_side_where_there_is_room(networks, screen):
    both = re.compile("mean square of activations +squared norm of gradients")
    for width in (None, *WIDTHS):
        text = CODE.sub("", shown(screen, [networks["he"]], width))
        assert bool(both.search(text)) == (width is None or width >= 80), width
    assert "squared norm" not in picture(shown(screen, [networks["exploding"]]), "mean square of activations")


def test_limits_say_the_layer_or_how_many_it_would_take(networks, screen):
    lines = shown(screen, [networks["lecun"]]).splitlines()
    said = "float16 underflows at layer 28 (dense_27); bfloat16 and float32 would underflow after about 252 layers"
    assert f"  activations  {said}" in lines
    assert "  gradients    float16 underflows at layer 22 (dense_21), 29 from the output" in lines
    text = shown(screen, [networks["exploding"]])
    assert "float16 overflows at layer 4 (dense_3); bfloat16 and float32 overflow at layer 37 (dense_36)\n" in text
    assert "\n  activations" not in shown(screen, [networks["softmax"]])


def test_suggestions_say_the_gain_the_scheme_to_ask_for_and_which_schemes_hold(networks, screen):
    lines = shown(screen, [networks["lecun"]]).splitlines()[-3:]
    assert lines == [
        "χ₁ = 1 for relu: gain 1.414, std 1.414/√fan_in, which is variance_scaling:scale=2",
        "hold the signal at this depth (factor per layer by theory): he_uniform (1.00), he_normal (1.00)",
        "do not hold it: lecun_uniform (0.500), small_init (0.400 forward and 0.410 backward)",
    ]
    text = shown(screen, [networks["tanh"]])
    assert "scale=1.689, with biases of std 0.2237; the variance before the activation tends to 0.5714\n" in text
    none = replace(networks["he"], candidates=networks["he"].candidates[2:])
    assert "theory): none of 2 schemes\n" in shown(screen, [none])


def test_a_limit_that_is_only_foretold_is_at_no_layer(networks):
    limit = Limit("float16", "activations", "underflow", "", 27)
    said = wording.first_limit(replace(networks["lecun"], limits=(limit,)))
    assert said == "float16 would underflow after about 27 layers"


def test_theory_says_where_the_variance_tends_to_and_whose_weights_they_are(networks, screen):
    assert "any variance has χ₁ = 1.00\n" in shown(screen, [networks["he"]])
    lecun = shown(screen, [networks["lecun"]])
    assert "the variance before the activation tends to 0, where χ₁ = 0.500\n" in lecun
    endless = replace(networks["he"], fixed=FixedPoint(math.inf, 1.5))
    assert "the variance before the activation grows without end; χ₁ = 1.50\n" in shown(screen, [endless])
    assert "weights of trained.h5" in shown(screen, [networks["lstm"]])


def test_inputs_that_are_not_told_apart_are_said(networks, screen):
    he = networks["he"]
    layers = tuple(replace(layer, cosine=0.98 if at < 30 else 0.995) for at, layer in enumerate(he.layers))
    assert "alike (cosine above 0.99) from layer 31 (dense_30) on" in shown(screen, [replace(he, layers=layers)])
    apart = (*layers[:-1], replace(layers[-1], cosine=0.5))
    assert "alike" not in shown(screen, [replace(he, layers=apart)])


def test_several_networks_are_a_line_each_and_letters_in_the_charts(networks, screen):
    text = shown(screen, [networks["he"], networks["lecun"], networks["exploding"]])
    lines = text.splitlines()
    assert lines[0].split() == ["network", "layers", "forward", "in", "all", "backward", "in", "all", "limit"]
    assert lines[1].split()[:8] == ["he_uniform,", "relu", "a", "50", "stable", "×", "0.996", "×"]
    assert lines[2].endswith("vanishing  × 0.500  × 9e-16  × 0.500   × 9e-16  float16 underflows at layer 28")
    assert " ".join(lines[3].split()[-9:]) == "× 128 × 7e75 float16 overflows at layer 4"
    forward = picture(text, "mean square of activations")
    letters = {
        letter: [row for row, line in enumerate(forward) if letter in line.partition("┊")[0]] for letter in "abc"
    }
    assert letters["a"] == [6]
    assert letters["c"] == list(range(7))
    assert letters["b"] == [6, 7]
    assert lines[-1] == "not stable: 1 of 3 networks is stable"
    # The same advice is not given three times.
    assert text.count("χ₁ = 1 for relu") == text.count("hold the signal") == 1
    other = replace(networks["tanh"], candidates=networks["he"].candidates[:1])
    advised = shown(screen, [networks["he"], other, networks["lecun"]])
    assert (
        "hold the signal at this depth (factor per layer by theory): in a, c: he_uniform (1.00), he_normal (1.00)\n"
        in advised
    )
    assert "hold the signal at this depth (factor per layer by theory): in b: he_uniform (1.00)\n" in advised
    both = shown(screen, [networks["he"], networks["softmax"]])
    assert both.splitlines()[-1] == "stable: 2 of 2 networks are stable"
    # Lines that meet take turns.
    same = shown(screen, [networks["he"], networks["he"]])
    assert "ababab" in same


def test_several_networks_show_their_layers_only_when_asked(networks, screen):
    some = [networks["he"], networks["lecun"]]
    assert "dense_7" not in shown(screen, some)
    every = shown(screen, some, every=True)
    assert len(re.findall(r"^  dense_41 ", every, re.MULTILINE)) == 2
    assert every.index("lecun_uniform, relu: 50 layers") < every.index("network")
