"""Answers of `stats` and previews on screens of any width: nothing longer than the line, no number cut, all in order."""

import re
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from rich.cells import cell_len
from safetensors.numpy import save_file

import initgen
from initgen.checks.finding import Finding
from initgen.checks.preview import preview
from initgen.checks.stats import FileStats, expect_scheme, stats
from initgen.report.text import show_preview, show_stats
from initgen.specs.tensor import tensor_spec

WIDTHS = [40, 60, 80, 120, 160]
CODE = re.compile(r"\x1b\[[\d;]*m")
NUMBER = re.compile(r"[-±]?\d[\d.,e+-]*")


def he(**given):
    return tensor_spec("he_uniform", **given)


def called(path, file):
    """The answer under another path, and with names of lookalikes that do not depend on what is looked for."""
    tensors = [
        replace(tensor, looks_like=tensor.looks_like and ("lecun_uniform", "he_normal")) for tensor in file.tensors
    ]
    return replace(file, path=path, tensors=tuple(tensors))


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A file with a right tensor and much that is not, or not what has a picture."""
    right = initgen.sample("he_uniform", (100, 64))
    bad = initgen.sample("he_uniform", (100, 64), seed=1)
    bad[3, 4], bad[5, 6] = 0.4, np.nan
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": right,
        "model.layers.1.self_attn.q_proj.weight": right.copy(),
        "model.layers.2.self_attn.q_proj.weight": bad,
        "model.layers.3.self_attn.q_proj.weight": initgen.sample("he_normal", (100, 64), seed=2),
        "model.layers.4.self_attn.q_proj.weight": initgen.sample("lecun_uniform", (100, 64), seed=3),
        "model.layers.5.self_attn.q_proj.weight": np.full((100, 64), 2.5, "f4"),
        "low": initgen.sample("he_uniform", (100, 64), seed=4, dtype="bfloat16").astype(ml_dtypes.bfloat16),
        "tiny": np.array([[1e-30, -2e-30]], "f4"),
        "position": np.arange(10),
        "empty": np.zeros((3, 0), "f4"),
    }
    path = tmp_path_factory.mktemp("odd") / "odd.safetensors"
    save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def answer(odd):
    return called("odd.safetensors", stats(str(odd), expect=expect_scheme(he)))


@pytest.fixture(scope="module")
def alone(odd):
    """The answers for each tensor of the file alone."""
    names = [tensor.name for tensor in stats(str(odd)).tensors]
    expect = expect_scheme(he)
    return [called("w", stats(str(odd), expect=expect if name != "position" else None, names=[name])) for name in names]


def shown(screen, answer, columns=None, **given):
    return screen(lambda out: show_stats(out, answer), columns, **given)


def without_axes(text):
    """Without the lines below axes, whose outer labels depend on how wide a bar is."""
    return re.sub(r"[─┴]{5,}\n(.+\n)+", "", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_longer_than_the_terminal_and_no_number_is_cut(width, answer, alone, screen):
    for each in (answer, *alone):
        lines = CODE.sub("", shown(screen, each, width)).splitlines()
        assert max(map(cell_len, lines)) <= width
        everything = set(NUMBER.findall(without_axes(shown(screen, each))))
        numbers = [word for line in lines for word in line.split() if NUMBER.fullmatch(word)]
        said = without_axes("\n".join(lines) + "\n")
        assert {word for word in numbers if word in said.split()} <= everything


def test_off_a_terminal_the_width_of_no_terminal_matters(answer, screen):
    assert len({shown(screen, answer, COLUMNS=str(width)) for width in WIDTHS}) == 1
    text = shown(screen, answer)
    assert "\x1b" not in text
    assert "model.layers.5.self_attn.q_proj.weight" in text
    assert not any(line.endswith(" ") for line in text.splitlines())
    assert {len(axis) for axis in re.findall("  [─┴]{5,}", text)} == {83}


@pytest.mark.parametrize(("width", "wide"), [(40, 39), (80, 79), (100, 99), (160, 101)])
def test_a_picture_is_as_wide_as_the_terminal_and_no_wider_than_is_well_read(width, wide, alone, screen):
    inside = next(each for each in alone if each.tensors[0].name.startswith("model.layers.4"))
    (axis,) = re.findall("  [─┴]{5,}", shown(screen, inside, width, NO_COLOR="1"))
    assert len(axis) == wide


@pytest.mark.parametrize("width", [None, *WIDTHS])
def test_without_colours_there_are_no_codes_and_the_verdict_is_a_word(width, answer, screen):
    text = shown(screen, answer, width, NO_COLOR="1")
    assert "\x1b" not in text
    rows = text.splitlines()[2 : 2 + len(answer.tensors)]
    for row, tensor in zip(rows, answer.tensors, strict=True):
        word = {True: "ok", False: "WRONG", None: "not checked"}[tensor.passed]
        assert re.search(rf"\b{word}\b", row)
        assert bool(re.search("[▁▂▃▄▅▆▇]", row)) == (tensor.histogram is not None)
    colours = shown(screen, answer, width, FORCE_COLOR="1")
    assert "\x1b[1;31mWRONG\x1b[0m" in colours
    assert CODE.sub("", colours).split() == text.split()


@pytest.mark.parametrize("width", [None, *WIDTHS])
def test_in_ascii_everything_is_ascii_and_nothing_is_escaped(width, answer, alone, screen):
    for each in (answer, *alone):
        text = CODE.sub("", shown(screen, each, width, encoding="ascii"))
        assert text.isascii()
        assert "\\" not in text
        assert width is None or max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("encoding", ["latin-1", "cp437", "cp1252"])
def test_an_encoding_with_some_of_the_characters_gets_ascii(encoding, alone, screen):
    assert "\\u" not in shown(screen, alone[0], encoding=encoding)


def test_a_model_is_a_line_for_each_tensor_and_its_first_wrong_ones_in_full(answer, screen):
    text = shown(screen, answer)
    wrong = [tensor.name for tensor in answer.tensors if tensor.passed is False]
    assert len(wrong) == 4
    assert len(re.findall(r"^odd.safetensors: ", text, re.MULTILINE)) == 3
    assert f"also wrong, and shown in full by --name: {wrong[3]}\n" in text
    for name in wrong[:3]:
        assert f"odd.safetensors: {name}, " in text
    assert text.splitlines()[-1] == "no: odd.safetensors: 4 of 10 tensors not what they should be, equal tensors"
    assert "  WRONG  equal, value for value: " in text


def test_a_wrong_tensor_has_its_law_and_bounds_in_its_picture(alone, screen):
    normal = next(each for each in alone if each.tensors[0].name.startswith("model.layers.3"))
    lines = shown(screen, normal).splitlines()
    picture = lines[lines.index("") + 1 :][:8]
    limits = [at for at, char in enumerate(picture[0]) if char == "┊"]
    assert len(limits) == 2
    # In the two lines at the bottom there are bars beyond both bounds, and the density is only between them.
    for line in picture[-2:]:
        assert line[: limits[0]].strip()
        assert line[limits[1] + 1 :].strip()
    marks = [at for line in picture for at, char in enumerate(line) if char in "─▔"]
    assert limits[0] < min(marks) <= max(marks) < limits[1]
    assert "  █ values  ─ he_uniform  ┊ its bounds" in lines
    labels = lines[lines.index("  █ values  ─ he_uniform  ┊ its bounds") - 3 :][:2]
    assert {"-0.244949", "0.244949"} <= set(" ".join(labels).split())


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The answer for a file of three tensors with nothing wrong."""
    path = tmp_path_factory.mktemp("plain") / "w.safetensors"
    save_file({name: initgen.sample("he_uniform", (100, 64), seed=i) for i, name in enumerate("abc")}, path)
    return replace(stats(str(path)), path="w")


def found(answer, *findings):
    """The answer with a finding of each kind in the tensors that it names."""
    tensors = [
        replace(tensor, findings=tuple(f for f in findings if f.tensors == (tensor.name,))) for tensor in answer.tensors
    ]
    across = tuple(f for f in findings if len(f.tensors) > 1)
    return replace(answer, tensors=tuple(tensors), findings=across)


def test_findings_say_by_a_word_whether_they_are_wrong_and_what_is_wrong_comes_first(plain, screen):
    remark = [Finding("digits", (name,), "only float16 information", "remark") for name in "ab"]
    wrong = Finding("equal tensors", ("a", "b"), "equal, value for value")
    lines = shown(screen, found(plain, *remark, wrong)).splitlines()
    assert lines[-3:] == [
        "  WRONG  equal, value for value: a, b",
        "  remark  only float16 information: a, b",
        "no: w: equal tensors",
    ]
    codes = shown(screen, found(plain, *remark, wrong), 80)
    assert "\x1b[1;31mWRONG" in codes
    assert "\x1b[33mremark" in codes


def test_long_lists_of_names_and_findings_are_counted(plain, screen):
    names = tuple(f"t{i}" for i in range(1000))
    many = [Finding("equal tensors", names[i:], f"alike {i}") for i in range(25)]
    lines = shown(screen, found(plain, *many)).splitlines()
    assert "  WRONG  alike 0: t0, t1, t2, t3 and 996 more" in lines
    assert sum(line.startswith("  WRONG") for line in lines) == 10
    assert lines[-2] == "  15 more findings are in --json"
    lines = shown(screen, replace(plain, missing=names)).splitlines()
    assert lines[-2] == "  WRONG  missing, though described: t0, t1, t2, t3 and 996 more"
    assert lines[-1] == "no: w: 1,000 described tensors missing"


@pytest.mark.parametrize("checked", [True, False])
def test_a_tensor_alone_that_only_a_finding_makes_wrong_says_which(checked, plain, screen):
    tensor = replace(plain.tensors[0], spec=he(shape=(100, 64)) if checked else None)
    finding = Finding("repeated values", ("a",), "its second half repeats the first")
    file = FileStats("w", (replace(tensor, findings=(finding,)),), (), (), (), 1e-6)
    lines = shown(screen, file).splitlines()
    assert lines[-2:] == ["  WRONG  its second half repeats the first", "no: w has repeated values"]
    assert "repeated values" in shown(screen, replace(file, tensors=(*file.tensors, *plain.tensors))).splitlines()[2]


@pytest.mark.parametrize("width", [None, *WIDTHS])
@pytest.mark.parametrize(
    ("scheme", "shape", "dtype"),
    [
        ("he_uniform", (100, 64), "float32"),
        ("he_normal", (100, 64), "float8_e5m2"),
        ("random_normal:mean=3,stddev=0.1", (1000,), "bfloat16"),
        ("padded_normal", (10, 64), "float32"),
        ("orthogonal", (30, 30), "float32"),
        ("identity", (30, 30), "float32"),
        ("ones", (5,), "float32"),
        ("he_uniform", (2, 1), "float64"),
        ("zeros", (0, 3), "int8"),
    ],
)
def test_a_preview_has_a_picture_wherever_there_are_two_values(scheme, shape, dtype, width, screen):
    spec = tensor_spec(scheme, shape, dtype=dtype)
    looked = preview(spec)
    text = CODE.sub("", screen(lambda out: show_preview(out, spec, looked), width))
    assert width is None or max(map(cell_len, text.splitlines())) <= width
    assert ("█" in text) == (looked.histogram is not None) == (scheme not in ("ones", "zeros"))
    assert ("its bounds" in text) == scheme.startswith("he_")
    drawn = initgen.sample(scheme, shape, dtype=dtype).astype(np.float64).reshape(-1)
    for value in drawn[:5]:
        assert f"{value:.6g}" in text


def test_the_density_of_a_structure_is_that_of_the_values_that_are_drawn(screen):
    spec = tensor_spec("padded_normal", (2, 500))
    lines = screen(lambda out: show_preview(out, spec, preview(spec))).splitlines()
    drawn = initgen.sample("padded_normal", (2, 500)).astype(np.float64)
    counts, edges = np.histogram(drawn, 40)
    peak = 500 * (edges[1] - edges[0]) / np.sqrt(2 * np.pi)
    text = "\n".join(lines)
    assert max(counts) > 500
    # In halves of a line the peak of 500 draws is one high, and that of 1,000 values would be two.
    assert (round(peak / max(counts) * 16), round(2 * peak / max(counts) * 16)) == (1, 2)
    assert "─" in text.split("┴")[0]
    assert "▔" not in text
