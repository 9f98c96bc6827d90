"""Names that stand for many: `expand` and `fold` undo each other, whatever the names are."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.core.errors import BadParameter
from initgen.specs.names import MAX_NAMES, expand, fold, literal
from initgen.specs.scope import Scope

EXPANDED = [
    ("w", ["w"]),
    ("", [""]),
    ("h.{0..2}.w", ["h.0.w", "h.1.w", "h.2.w"]),
    ("{q,k,v}", ["q", "k", "v"]),
    ("{a,b}.{0..1}", ["a.0", "a.1", "b.0", "b.1"]),
    ("{00..03}", ["00", "01", "02", "03"]),
    ("{8..11}", ["8", "9", "10", "11"]),
    ("{08..11}", ["08", "09", "10", "11"]),
    ("{3..3}", ["3"]),
    ("w{,_1}", ["w", "w_1"]),
    ("{,}", ["", ""]),
    ("{0..-1}", []),
    ("{a,b}{0..-1}", []),
    ("{{0..2}}", ["{0..2}"]),
    ("{{{0..1}}}", ["{0}", "{1}"]),
    ("}}{{", ["}{"]),
    ("{0..1,2}", ["0..1", "2"]),
    ("*.{w,b}", ["*.w", "*.b"]),
]


@pytest.mark.parametrize(("text", "names"), EXPANDED, ids=str)
def test_braces_repeat_a_name(text, names):
    assert expand(text) == names


def test_the_most_names_are_taken():
    assert len(expand(f"{{1..{MAX_NAMES}}}")) == MAX_NAMES


BAD = [
    ("{", "has a { without its partner"),
    ("a}", "has a } without its partner"),
    ("{a,{b,c}}", "without its partner"),
    ("{}", "which is neither a range nor a list"),
    ("{a}", "has {a}, which is neither a range nor a list"),
    ("{0...2}", "which is neither a range nor a list"),
    ("{a..c}", "which is neither a range nor a list"),
    ("{-1..2}", "which is neither a range nor a list"),
    ("{0..1.5}", "which is neither a range nor a list"),
    ("{０..３}", "which is neither a range nor a list"),
    ("{0..9999999999}", "which is neither a range nor a list"),
    ("{5..3}", "counts from 5 down to 3"),
    ("{0..-2}", "counts from 0 down to -2"),
    (f"{{0..{MAX_NAMES}}}", "stands for more than 1000000 names"),
    ("{0..999999999}", "stands for more than 1000000 names"),
    ("{0..999}{0..1000}", "stands for more than 1000000 names"),
    ("w" * 1000 + "{0..999999}", "stands for 1000000 names that are too long"),
    ("{a,b}" * 20, "stands for more than 1000000 names"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=lambda text: text[:30])
def test_other_braces_are_refused(text, message):
    with pytest.raises(BadParameter) as caught:
        expand(text)
    assert message in caught.value.message


FOLDED = [
    (["h.0.w", "h.1.w", "h.2.w"], ["h.{0..2}.w"]),
    (["h.2.w", "h.0.w", "h.1.w"], ["h.{0..2}.w"]),
    (["h.0.w", "h.2.w"], ["h.0.w", "h.2.w"]),
    (["9", "10", "11"], ["{9..11}"]),
    (["08", "09"], ["08", "09"]),
    (["a.0.0", "a.0.1", "a.1.0", "a.1.1"], ["a.{0..1}.{0..1}"]),
    (["a.0.0", "a.0.1", "a.1.0"], ["a.0.{0..1}", "a.1.0"]),
    (["w{0}", "w{1}"], ["w{{{0..1}}}"]),
    (["$0", "$1"], ["$0", "$1"]),
    (["$10", "$11"], ["$10", "$11"]),
    (["w"], ["w"]),
    ([], []),
]


@pytest.mark.parametrize(("names", "templates"), FOLDED, ids=str)
def test_names_over_ranges_become_one(names, templates):
    assert sorted(text for text, _ in fold((name, 0) for name in names)) == sorted(templates)


def test_only_names_with_equal_entries_become_one():
    assert fold([("a.0", "x"), ("a.1", "y"), ("a.2", "x"), ("a.3", "x")]) == [
        ("a.0", "x"),
        ("a.{2..3}", "x"),
        ("a.1", "y"),
    ]


def test_a_grid_of_many_axes_becomes_one():
    names = [f"m{a}.h.{b}.e.{c}.w{d}" for a, b, c, d in itertools.product(range(3), range(7), range(4), range(2))]
    assert fold((name, 0) for name in names[::-1]) == [("m{0..2}.h.{0..6}.e.{0..3}.w{0..1}", 0)]


PIECES = st.sampled_from(
    ["0", "1", "2", "9", "10", "00", ".", "/", "{", "}", "$", "${", ",", "..", "w", "h.", "é", "-"]
)
NAMES = st.one_of(st.lists(PIECES, max_size=6).map("".join), st.text(max_size=6))


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(NAMES, st.integers(0, 2), max_size=30))
def test_expand_undoes_fold(entries):
    found = []
    for text, entry in fold(entries.items()):
        # As a spec is read: variables first. No name has any, however it looks.
        filled = Scope({}).fill(text)
        assert filled == text
        found += [(name, entry) for name in expand(filled)]
    assert len(found) == len(entries)
    assert dict(found) == entries


@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_a_literal_name_stands_for_itself(name):
    assert expand(Scope({}).fill(literal(name))) == [name]


@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_any_text_is_names_or_an_error_of_ours(text):
    try:
        names = expand(text)
    except BadParameter:
        return
    assert all(isinstance(name, str) for name in names)
