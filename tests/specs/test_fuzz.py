"""Any text at all is a spec or an error of ours, soon. ``INITGEN_FUZZ=20000`` tries so many in place of a few."""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initgen.core.errors import InitgenError
from initgen.specs.model import read_model
from initgen.specs.settle import settle

SOUND = {
    "toml": """
seed = 3
dtype = "float32"
layout = "torch"
include = []
[variables]
d = 4
e = "${2 * d / sqrt(4)}"
n = { count = "h.*" }
k = { size = "*w", axis = 0 }
[tensors]
"h.{0..2}.w" = { shape = ["${d}", 6], scheme = "random_normal:stddev=${1 / n}" }
"h.{0..2}.{b,c}" = { shape = "${d}x3", dtype = "bfloat16", seed = 7 }
x = { shape = [8, 4, 3, 3], scheme = { name = "kaiming_uniform", a = 2 }, groups = 2, transposed = true }
y = { shape = [4, 6], tied = "h.0.w" }
[[rules]]
match = ["*.b", "q*"]
rank = [1, 2]
scheme = "zeros"
[[rules]]
match = "*.c"
scheme = "torch_bias"
fan_from = "w"
""",
    "yaml": """
seed: 3
dtype: float32
variables: &v
  d: 4
  e: ${2 * d / sqrt(4)}
  n: {count: h.*}
tensors:
  h.{0..2}.w: &w {shape: ["${d}", 6], scheme: "random_normal:stddev=${1 / n}"}
  h.{0..2}.{b,c}:
    shape: ${d}x3
    dtype: bfloat16
    seed: 7
  y: {shape: [4, 6], tied: h.0.w}
  z: *w
rules:
- match: [ "*.b", "q*" ]
  rank: [1, 2]
  scheme: zeros
- match: "*.c"
  scheme: torch_bias
  fan_from: w
""",
    "json": """
{"seed": 3, "dtype": "float32", "layout": "keras", "include": [],
 "variables": {"d": 4, "e": "${2 * d / sqrt(4)}", "n": {"count": "h.*"}},
 "tensors": {
  "h.{0..2}.w": {"shape": ["${d}", 6], "scheme": "random_normal:stddev=${1 / n}"},
  "h.{0..2}.{b,c}": {"shape": "${d}x3", "dtype": "bfloat16", "seed": 7},
  "y": {"shape": [4, 6], "tied": "h.0.w"}
 },
 "rules": [{"match": ["*.b", "q*"], "rank": [1, 2], "scheme": "zeros"},
  {"match": "*.c", "scheme": "torch_bias", "fan_from": "w"}]}
""",
}
# What has a meaning in one of the formats, in names or in expressions, and what has broken parsers before.
WORDS = [
    *("{", "}", "[", "]", "[[", "]]", '"', "'", ":", ": ", "=", ",", "#", "\n", "\t", "\r", " ", "- ", "? ", "|", ">"),
    *("&a", "*a", "<<: *w", "!!int ", "!!bool ", "!!binary ", "!x ", "!!set ", "%YAML 1.1\n---\n", "---\n", "...", "~"),
    *("${", "${d}", "${e}", "${1/0}", "${sqrt(-1)}", "{0..9}", "{a,b}", "{9..1}", "{{", "..", "*", "?", "[!a]", "x"),
    *("true", "null", "no", "nan", "inf", ".nan", "1e-3", "1e999", "0.5", "-1", "010", "0x10", "64.0", "1_0", "'64'"),
    *("9" * 25, "9" * 400, "9" * 5000, "-" + "9" * 400, "2020-01-01", "10:00:00", "1:30", "\ufeff", "\0", "\x85", "é"),
    *("\ud800", "\\ud800", "\\u0000", "\U0001f600", "tied", "fan_from", "shape", "scheme", "tensors", "rules", "seed"),
    *("zeros", "he_uniform", "torch_bias", "icnr:scale=2", "d", "h.0.w", "scalar", "()", "int8", "torch", "gpt2"),
]


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """``text`` with a few pieces cut out, doubled, swapped or put in."""
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        new = draw(st.one_of(st.sampled_from(WORDS), st.just(""), st.just(text[at:end] * 2), st.text(max_size=3)))
        text = text[:at] + new + text[end:]
    return text


RANDOM = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
EXAMPLES = int(os.environ.get("INITGEN_FUZZ", "150"))
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="INITGEN_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _holds(data: bytes, kind: str, directory: os.PathLike[str]) -> None:
    path = os.path.join(directory, f"s.{kind}")
    with open(path, "wb") as file:
        file.write(data)
    start = time.process_time()
    said = path
    try:
        settle(read_model(path))
    except InitgenError as error:
        said = error.message
    assert said.startswith(path)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("kind", SOUND)
def test_the_specs_that_are_mutated_are_sound(kind, tmp_path):
    (tmp_path / f"s.{kind}").write_text(SOUND[kind])
    assert len(settle(read_model(str(tmp_path / f"s.{kind}")))) >= 10


@pytest.mark.parametrize("kind", SOUND)
def test_a_mutated_spec_is_a_spec_or_an_error_of_ours(kind, tmp_path):
    @FEW
    @given(mutated(SOUND[kind]))
    def holds(text):
        _holds(text.encode("utf-8", "surrogatepass"), kind, tmp_path)

    holds()


@pytest.mark.parametrize("kind", SOUND)
def test_any_text_is_a_spec_or_an_error_of_ours(kind, tmp_path):
    @FEW
    @given(st.one_of(RANDOM.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=60)))
    def holds(data):
        _holds(data, kind, tmp_path)

    holds()
