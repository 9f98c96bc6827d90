"""Lines for messages: where a key or an item stands, in each format, however the text is laid out."""

import pytest

from initgen.specs.places import line_of

TOML = """\
# seed: not here
seed = 1 # nor tensors.w = 3

[variables] # [tensors]
w = 1
"d" = "[[rules]]"
[tensors]
# w = 2
"h.w" = { shape = [1], scheme = "w = 3" }
w = { shape = [
  1, # two
  2,
], dtype = "x" }
'a"b' = { seed = 1 }
"\\u00e9\\U0001F600" = {}
[tensors."x.y"]
shape = [1]
[ tensors . z ]
shape = 1.5
at = 10:00:00
text = '''
seed = 5
[rules]'''
more = \"\"\"
[[rules]] \\\"\"\" \"\"\"

[[rules]]
match = "a"
seed = 1
[[rules]] # [[rules]]
match = ["b",
  "c"]
[rules.scheme]
name = "x"
[[rules]]
a.b.c = 1
"""
YAML = """\
# seed: not here
tensors: &t
  w:
    seed: 7
    shape:
    - 1

    - 2
  h.w: {shape: [1,
    2]}
  h: {}
  'a"b': 1
  "\\u00e9": "w: 2"
seed: 1
rules:
- match: a
  seed: 1
-
  match: b
  scheme: |
    seed: 9
- {match: [c,
   d], seed: 3}
again: *t
"""
JSON = """\
{"tensors": {
  "w": {"seed": 7, "shape": [
    1,
    2]},
  "h.w": "w: {[,",
  "h": [],
  "a\\"b": 1.5e-3, "\\u00e9\\ud83d\\ude00":
    {"x": null}
 },
 "seed":
   1, "rules": [
  {"match": "a", "seed": 1},
  {"match": ["b",
   "c"],
\t"scheme": {"name": "x"}}
 ]
}
"""
LINES = [
    ("toml", ("seed",), 2),
    ("toml", ("variables",), 4),
    ("toml", ("variables", "w"), 5),
    ("toml", ("tensors",), 7),
    ("toml", ("tensors", "h.w"), 9),
    ("toml", ("tensors", "h.w", "scheme"), 9),
    ("toml", ("tensors", "w"), 10),
    ("toml", ("tensors", "w", "shape", 0), 11),
    ("toml", ("tensors", "w", "shape", 1), 12),
    ("toml", ("tensors", "w", "dtype"), 13),
    ("toml", ("tensors", 'a"b', "seed"), 14),
    ("toml", ("tensors", "é\U0001f600"), 15),
    ("toml", ("tensors", "x.y"), 16),
    ("toml", ("tensors", "x.y", "shape", 0), 17),
    ("toml", ("tensors", "z"), 18),
    ("toml", ("tensors", "z", "shape"), 19),
    ("toml", ("tensors", "z", "text"), 21),
    ("toml", ("tensors", "z", "more"), 24),
    ("toml", ("rules", 0), 27),
    ("toml", ("rules", 0, "seed"), 29),
    ("toml", ("rules", 1), 30),
    ("toml", ("rules", 1, "match", 1), 32),
    ("toml", ("rules", 1, "scheme", "name"), 34),
    ("toml", ("rules", 2, "a", "b", "c"), 36),
    ("toml", ("rules", 2, "a"), 36),
    ("toml", ("rules",), 27),
    ("yaml", ("seed",), 14),
    ("yaml", ("tensors",), 2),
    ("yaml", ("tensors", "w"), 3),
    ("yaml", ("tensors", "w", "seed"), 4),
    ("yaml", ("tensors", "w", "shape", 1), 8),
    ("yaml", ("tensors", "h.w", "shape", 1), 10),
    ("yaml", ("tensors", "h"), 11),
    ("yaml", ("tensors", 'a"b'), 12),
    ("yaml", ("tensors", "é"), 13),
    ("yaml", ("rules", 0, "seed"), 17),
    ("yaml", ("rules", 1), 19),
    ("yaml", ("rules", 1, "scheme"), 20),
    ("yaml", ("rules", 2, "match", 1), 23),
    ("yaml", ("rules", 2, "seed"), 23),
    ("yaml", ("again", "w", "seed"), 4),
    ("json", ("seed",), 10),
    ("json", ("tensors", "w", "seed"), 2),
    ("json", ("tensors", "w", "shape", 1), 4),
    ("json", ("tensors", "h.w"), 5),
    ("json", ("tensors", "h"), 6),
    ("json", ("tensors", 'a"b'), 7),
    ("json", ("tensors", "é\U0001f600", "x"), 8),
    ("json", ("rules", 0, "seed"), 12),
    ("json", ("rules", 1), 13),
    ("json", ("rules", 1, "match", 1), 14),
    ("json", ("rules", 1, "scheme", "name"), 15),
]
TEXTS = {"toml": TOML, "yaml": YAML, "json": JSON}


@pytest.mark.parametrize(("kind", "where", "line"), LINES, ids=str)
def test_a_key_is_found_on_its_line(kind, where, line):
    assert line_of(TEXTS[kind], kind, where) == line


@pytest.mark.parametrize(("kind", "where", "line"), LINES, ids=str)
def test_what_is_not_there_has_the_line_of_what_holds_it(kind, where, line):
    assert line_of(TEXTS[kind], kind, (*where, "nope", 3)) == line


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("where", [(), ("nope",), ("nope", "w"), (0,)], ids=str)
def test_what_nothing_holds_has_no_line(kind, where):
    assert line_of(TEXTS[kind], kind, where) is None


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("end", ["\r\n", "\n\n"])
def test_other_line_ends_count(kind, end):
    _, where, line = next(case for case in LINES if case[0] == kind and case[2] > 3)
    found = line_of(TEXTS[kind].replace("\n", end), kind, where)
    assert found == (line if end == "\r\n" else 2 * line - 1)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    "text",
    ["", "[", "{", "]]}", '"', "= =\n::", "[[a]\n]]", "&a [*b]", "\0", "[" * 300],
    ids=lambda text: ascii(text)[:20],
)
def test_a_text_of_no_kind_has_no_line_and_no_error(kind, text):
    assert line_of(text, kind, ("w", 0)) is None
