"""Cases 41 to 47: specs that are meant to do harm, are of another language, or describe more than can be."""

import os
import resource
import threading
import time
from pathlib import Path

import pytest

W = "{shape: [2], scheme: zeros}"
Y = f"tensors: {{w: {W}}}\n"
J = '"tensors": {"w": {"shape": [2], "scheme": "zeros"}}'
T = '[tensors]\nw = {shape = [2], scheme = "zeros"}\n'


@pytest.fixture
def unsound(put, refused):
    """``unsound(name, text, named)``: this spec is refused by the commands that read specs, soon and in little memory."""

    def call(name, text, named, commands=("sample", "spec", "probe")):
        put(name, text)
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        for command in commands:
            check = ["--check"] if command == "spec" else []
            said = refused(command, name, *check, output="w.safetensors" if command == "sample" else None, named=named)
            assert said.startswith(name)
        assert time.process_time() - start < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB

    return call


TAGS = {
    "apply": "!!python/object/apply:os.mkdir [pwned]",
    "new": "!!python/object/new:os.mkdir [pwned]",
    "object": "!!python/object:os.mkdir {a: 1}",
    "name": "!!python/name:os.system",
    "module": "!!python/module:os",
    "tuple": "!!python/tuple [1]",
    "own": "!ours 3",
    "binary": "!!binary aGk=",
    "set": "!!set {a, b}",
}


@pytest.mark.parametrize("case", TAGS)
def test_case_41_a_tag_makes_no_object_and_runs_nothing(case, unsound):
    unsound("s.yaml", f"{Y}seed: {TAGS[case]}\n", "s.yaml, line 2: ")
    assert not os.path.exists("pwned")


def test_case_41_an_expression_is_arithmetic_and_nothing_else(unsound):
    for text in (
        "__import__('os').mkdir('pwned')",
        "d.__class__",
        "9**9**9",
        "open('x')",
        "'a' * 9",
        "[1][0]",
        "lambda: 1",
    ):
        unsound(
            "s.toml",
            f'[variables]\nd = 1\n[tensors.w]\nshape = ["${{{text}}}"]\nscheme = "zeros"\n',
            "s.toml, line 4: ",
        )
    assert not os.path.exists("pwned")


def _aliases(first, each, levels):
    return f"a0: &a0 {first}\n" + "".join(f"a{n}: &a{n} {each(n - 1)}\n" for n in range(1, levels))


BOMBS = {
    "lists": _aliases("[x,x,x,x,x,x,x,x,x]", lambda n: f"[{','.join([f'*a{n}'] * 9)}]", 10) + Y,
    "tables": _aliases("{x: 1}", lambda n: "{" + ", ".join(f"k{i}: *a{n}" for i in range(9)) + "}", 10) + Y,
    "merges": _aliases("{x: 1}", lambda n: f"{{<<: [{', '.join([f'*a{n}'] * 9)}]}}", 12) + Y,
    "keys": _aliases("[x,x]", lambda n: f"{{? *a{n} : 1}}", 3) + Y,
    "in a shape": _aliases("[1,1,1,1,1,1,1,1,1]", lambda n: f"[{','.join([f'*a{n}'] * 9)}]", 9)
    + "tensors: {w: {shape: *a8, scheme: zeros}}\n",
}


@pytest.mark.parametrize("case", BOMBS)
def test_case_42_aliases_do_not_stand_for_more_than_the_text_could_say(case, unsound):
    unsound("s.yaml", BOMBS[case], "s.yaml", commands=("sample",))


CIRCLES = {
    "list": "a: &a [*a]\n",
    "table": "a: &a {b: *a}\n",
    "merge": "a: &a {<<: *a}\n",
    "tensors": "tensors: &a {w: *a}\n",
}
CIRCLES["two"] = "a: &a [&b [*a, *b]]\n"


@pytest.mark.parametrize("case", CIRCLES)
def test_case_43_what_contains_itself_is_refused(case, unsound):
    unsound("s.yaml", CIRCLES[case] + (Y if case != "tensors" else ""), "s.yaml")


def _shaped(expression):
    return "{" + J.replace("2", f'"${{{expression}}}"') + "}"


DEEP = {
    "yaml": ("s.yaml", lambda n: "a: " + "[" * n),
    "yaml tables": ("s.yaml", lambda n: "{a: " * n),
    "yaml sequences": ("s.yaml", lambda n: "a:\n" + "- " * n),
    "json lists": ("s.json", lambda n: '{"a":' + "[" * n + "]" * n + "}"),
    "json tables": ("s.json", lambda n: '{"a":' * n),
    "toml": ("s.toml", lambda n: "a = " + "[" * n + "]" * n),
    "toml dots": ("s.toml", lambda n: "a." * n + "a = 1"),
    "toml heading": ("s.toml", lambda n: "[" + "a." * n + "a]\n"),
    "standard input": ("-", lambda n: "[" * n),
    "an expression": ("s.json", lambda n: _shaped("(" * n + "1" + ")" * n)),
    "signs": ("s.json", lambda n: _shaped("-" * n + "1")),
    "a sum": ("s.json", lambda n: _shaped("1" + "+1" * n)),
    "a root": ("s.json", lambda n: _shaped("sqrt(" * n + "1" + ")" * n)),
    "a name": ("s.json", lambda n: "{" + J.replace('"w"', f'"{"{" * (n + 1)}"') + "}"),
}


@pytest.mark.parametrize("levels", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", DEEP)
def test_case_44_what_nests_too_deep_is_refused(case, levels, put, refused, unsound):
    name, text = DEEP[case]
    if name == "-":
        refused("sample", "-", stdin=text(levels).encode(), output="w.npy", named="standard input")
    else:
        unsound(name, text(levels), name, commands=("sample",))


OTHER_TYPES = {
    "1e-3": ("seed: 1e-3", "not a number"),
    "no": ("seed: no", "not text"),
    "1:30": ("seed: 1:30", "not text"),
    ".nan": ("seed: .nan", "not a number"),
    ".inf": ("seed: .inf", "not a number"),
    "a date": ("seed: 2026-11-01", "is a date"),
    "a time of day": ("seed: 2026-11-01T10:00:00Z", "is a date"),
    "yes for a flag": ("rules: [{match: w, scheme: zeros, transposed: yes}]", "not text"),
    "on for a layout": ("layout: on", "'on'"),
    "a whole key": ("variables: {3: 1}", "the key 3 is"),
    "a key that is true": ("variables: {true: 1}", "the key True is"),
}


@pytest.mark.parametrize("case", OTHER_TYPES)
def test_case_45_what_yaml_1_1_reads_otherwise_is_said_with_its_type(case, unsound, run):
    text, named = OTHER_TYPES[case]
    unsound("s.yaml", f"{Y}{text}\n", "s.yaml, line 2: ")
    assert named in run("sample", "s.yaml", "-o", "x.npy").err


def test_case_45_a_zero_in_front_makes_no_octal_number(put, made):
    """010 is ten in YAML 1.2; 1e-3 is a number where one may stand; `no` and 1:30 are names like others."""
    no, time = "{shape: [010], scheme: 'constant:value=1e-3'}", "{shape: [2], scheme: {name: constant, value: 1e-3}}"
    put("s.yaml", f"tensors:\n  no: {no}\n  1:30: {time}\n")
    assert b"no      10 " in made("sample", "s.yaml", "--dry-run").out
    assert b"1:30    2 " in made("sample", "s.yaml", "--dry-run").out


def test_case_45_a_spec_that_says_it_is_yaml_1_1_is_refused(unsound):
    unsound("s.yaml", "%YAML 1.1\n---\n" + Y, "s.yaml, line 1: is YAML 1.1")


@pytest.mark.parametrize("case", ["NaN", "Infinity", "-Infinity"])
def test_case_45_json_has_no_such_numbers(case, unsound):
    unsound("s.json", f'{{"variables": {{"d":\n{case}}}, {J}}}', f"s.json, line 2: {case} is not a number in JSON")


NO_SPECS = {
    "empty": ("s.toml", "", "there are no tensors"),
    "empty YAML": ("s.yaml", "", "is empty"),
    "empty JSON": ("s.json", "", "not JSON"),
    "only comments": ("s.toml", "# a\n\n# b\n", "there are no tensors"),
    "only comments, YAML": ("s.yaml", "# a\n---\n# b\n", "is empty"),
    "UTF-16": ("s.toml", T.encode("utf-16"), "is UTF-16"),
    "UTF-16, big end first": ("s.yaml", b"\xfe\xff" + Y.encode("utf-16-be"), "is UTF-16"),
    "UTF-16 without a mark": ("s.json", ("{" + J + "}").encode("utf-16-le"), "not JSON"),
    "UTF-32": ("s.toml", T.encode("utf-32"), "is UTF-"),
    "not UTF-8": ("s.toml", b"# \xff\n" + T.encode(), "line 1: is not UTF-8"),
    "not UTF-8, YAML": ("s.yaml", Y.encode() + b"x: \xc3\x28\n", "line 2: is not UTF-8"),
    "documents": ("s.yaml", Y + "---\n" + Y, "found another document"),
    "documents, JSON": ("s.json", "{}\n{}", "line 2: not JSON: Extra data"),
    "a weight file": ("w.npy", b"\x93NUMPY\x01\0v\0{'descr'", "is a weight file, not a spec"),
    "a list": ("s.yaml", "- 1\n", "a spec is a table, not a list"),
    "NUL": ("s.toml", T + 'x = "\0"\n', "line 3: not TOML"),
    "10,000 digits": ("s.json", f'{{"seed": {"9" * 10_000}, {J}}}', "a number of too many digits"),
}
EMPTY = {"empty", "only comments"}  # which --check calls a sound spec of no tensors


@pytest.mark.parametrize("case", NO_SPECS)
def test_case_46_what_is_no_spec_is_refused(case, put, refused):
    name, text, named = NO_SPECS[case]
    put(name, text)
    assert refused("sample", name, output="w.safetensors", named=named).startswith(name)
    if case not in EMPTY:
        assert refused("spec", "--check", name, named=named).startswith(name)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["none", "mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("name", "text"), [("s.toml", T), ("s.yaml", Y), ("s.json", "{\n" + J + "\n}")])
def test_case_46_marks_and_line_ends_of_windows_are_read(name, text, end, mark, put, made):
    put(name, mark + text.encode().replace(b"\n", end))
    made("sample", name, "-o", "w.npy")


def test_case_46_a_directory_is_refused(tmp_path, refused):
    (tmp_path / "d").mkdir()
    refused("sample", "d", output="w.npy", named="d: is a directory")
    refused("spec", "--check", "d", named="d: is a directory")
    refused("probe", "d", named="d: is a directory")


@pytest.mark.parametrize(
    ("path", "named"), [("/dev/zero", "is larger than a spec may be"), ("/dev/null", "no tensors")]
)
def test_case_46_a_device_is_read_to_its_end_if_it_has_one(path, named, refused):
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}")
    refused("sample", path, output="w.npy", named=f"{path}: ")
    refused("sample", path, output="w.npy", named=named)


def test_case_46_one_gigabyte_is_refused_unread(unsound, put):
    put("s.toml", "")
    os.truncate("s.toml", 1 << 30)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    put("unused", "")
    from initgen.core.errors import SpecError
    from initgen.specs.document import read_document

    with pytest.raises(SpecError, match=r"s\.toml: is larger than a spec may be, 64 MiB"):
        read_document("s.toml")
    assert time.process_time() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    os.unlink("s.toml")


def test_case_46_a_fifo_is_read_as_the_shell_gives_one(put, made):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names")
    put("unused", "")
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(T,))
    writer.start()
    made("sample", "pipe", "-o", "w.npy")
    writer.join()


MANY = {
    "a range": "w{0..1000000}",
    "two ranges": "w{0..999}.{0..1000}",
    "a range without end": "w{0..99999999999999999999}",
    "ranges of ranges": "w" + "{0..9}" * 30,
}


@pytest.mark.parametrize("case", MANY)
def test_case_47_more_than_a_million_names_are_refused_uncounted(case, unsound):
    unsound(
        "s.json", f'{{"tensors": {{"{MANY[case]}": {{"shape": [2], "scheme": "zeros"}}}}}}', "s.json, line 1: tensors.w"
    )


def _header(count, length):
    return f'{{"tensors": {{"{"x" * length}.{{1..{count}}}": {{"shape": [0], "scheme": "zeros"}}}}}}'


def test_case_47_a_header_that_the_library_would_refuse_is_refused_with_its_size(put, refused, monkeypatch):
    """With a limit that is soon reached; the limit itself is below."""
    from initgen.formats import safetensors

    monkeypatch.setattr(safetensors, "_MAX_HEADER", 10_000)
    put("s.json", _header(99, 100))
    assert "the most is 10000" in refused("sample", "s.json", output="w.safetensors", named="header")


@pytest.mark.slow
def test_case_47_over_100_mb_of_header_are_refused(put, refused):
    put("s.json", _header(999_999, 60))
    assert "the most is 100000000" in refused("sample", "s.json", output="w.safetensors", named="header")


def test_case_47_names_of_over_100_mb_are_refused(put, refused):
    put("s.json", _header(1000, 120_000))
    refused("sample", "s.json", output="w.safetensors", named="too long")
