"""Files that are no spec, or are meant to do harm: refused in one line, soon, in little memory, and nothing is written.

The numbers are those of the project's list of faults.
"""

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from initgen.specs.document import read_document


def _lists(*, of, levels, each):
    """Lists of lists: a few lines that stand for ``each ** levels`` values."""
    lines = [f"a0: &a0 [{', '.join([of] * each)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * each)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def _merges(levels):
    return "a0: &a0 {x: 1}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, levels)
    )


Y = "tensors: {w: {shape: [2], scheme: zeros}}\n"
J = '"tensors": {"w": {"shape": [2], "scheme": "zeros"}}'
T = '[tensors]\nw = {shape = [2], scheme = "zeros"}\n'
# The file, and what is said of it.
# From Python 3.14 on the parser of JSON has no limit of its own.
DEEP = ", line 1: a[0][0]: nests too deep"
BAD = {
    "fault18-toml": ("s.toml", T + "w = 1\n", "s.toml, line 3: not TOML: Cannot overwrite a value"),
    "fault18-toml-table": ("s.toml", T + "[tensors]\n", "s.toml, line 3: not TOML: Cannot declare"),
    "fault18-yaml": ("s.yaml", "seed: 1\n" + Y + "seed: 2\n", 's.yaml, line 3: not YAML: found duplicate key "seed"'),
    "fault18-json": ("s.json", '{"seed": 1,\n' + J + ',\n"seed": 2}', "s.json, line 3: the key 'seed' stands twice"),
    "fault18-json-deep": ("s.json", '{"tensors": {"w": 1,\n"w": 1}}', "s.json, line 2: the key 'w' stands twice"),
    "fault18-json-escaped": ("s.json", '{"seed": 1, "se\\u0065d": 2}', "s.json: the key 'seed' stands twice"),
    "fault18-json-many": (
        "s.json",
        "{" + "".join(f'"k{n}": 1, ' for n in range(100_000)) + '"k99999":\n2}',
        "s.json, line 1: the key 'k99999' stands twice",
    ),
    "fault23-surrogate-key": ("s.json", '{"\\ud800": 1}', "s.json: '\\ud800' has half a character"),
    "fault23-surrogate-name": (
        "s.json",
        '{"tensors":\n{"w\\udfff": {"shape": [2], "scheme": "zeros"}}}',
        "s.json, line 1: tensors: 'w\\udfff' has half a character",
    ),
    "fault23-surrogate-yaml": ("s.yaml", 'seed: "\\ud800"\n', "s.yaml, line 1: seed: '\\ud800' has half a character"),
    "fault41-apply": (
        "s.yaml",
        "seed: !!python/object/apply:os.mkdir [pwned]\n" + Y,
        "s.yaml, line 1: not YAML: could not determine a constructor for the tag",
    ),
    "fault41-name": ("s.yaml", Y + "seed: !!python/name:os.system\n", "s.yaml, line 2: not YAML: could not determine"),
    "fault41-own-tag": ("s.yaml", Y + "seed: !ours 3\n", "s.yaml, line 2: not YAML: could not determine"),
    "fault41-binary": ("s.yaml", Y + "dtype: !!binary aGk=\n", "s.yaml, line 2: dtype: is of type bytes"),
    "fault41-set": ("s.yaml", "tensors: !!set {a, b}\n", "s.yaml, line 1: tensors: is of type set"),
    "fault41-not-a-bool": ("s.yaml", Y + "seed: !!bool maybe\n", "s.yaml: not YAML: a value is not what its tag says"),
    "fault41-not-an-int": ("s.yaml", Y + 'seed: !!int ""\n', "s.yaml: not YAML: a value is not what its tag says"),
    "fault41-not-a-float": ("s.yaml", Y + "seed: !!float x\n", "s.yaml: could not convert string to float: 'x'"),
    "fault42-lists": ("s.yaml", _lists(of="x", levels=10, each=9) + Y, "s.yaml: its aliases stand for more than the"),
    "fault42-in-a-shape": (
        "s.yaml",
        _lists(of="1", levels=9, each=9) + "tensors: {w: {shape: *a8, scheme: zeros}}\n",
        "s.yaml: its aliases stand for more than the text could say",
    ),
    "fault42-merges": ("s.yaml", _merges(12) + Y, "s.yaml: its merge keys stand for more than the text could say"),
    "fault43-list": ("s.yaml", "a: &a [*a]\n" + Y, "s.yaml, line 1: a[0][0]: nests too deep, or contains itself"),
    "fault43-table": ("s.yaml", Y + "a: &a {b: *a}\n", "s.yaml, line 2: a.b.b: nests too deep, or contains itself"),
    "fault43-tensor": ("s.yaml", "tensors: &a\n  w: *a\n", "s.yaml, line 2: tensors.w.w: nests too deep"),
    "fault43-merge": ("s.yaml", "a: &a {<<: *a}\n", "s.yaml"),
    "fault44-yaml-20k": ("s.yaml", "a: " + "[" * 20_000, "s.yaml, line 1: nests too deep"),
    "fault44-yaml-200k": ("s.yaml", "a: " + "[" * 200_000, "s.yaml, line 1: nests too deep"),
    "fault44-yaml-closed": ("s.yaml", "a: " + "[" * 20_000 + "]" * 20_000, "s.yaml, line 1: nests too deep"),
    "fault44-yaml-tables": ("s.yaml", "{a: " * 20_000, "s.yaml, line 1: nests too deep"),
    "fault44-yaml-lines": ("s.yaml", "".join(" " * n + "a:\n" for n in range(500)), "s.yaml, line 33: nests too deep"),
    "fault44-json-20k": (
        "s.json",
        '{"a":' + "[" * 20_000 + "]" * 20_000 + "}",
        ("s.json: nests too deep", f"s.json{DEEP}"),
    ),
    "fault44-json-200k": ("s.json", '{"a":' * 200_000, "s.json: nests too deep"),
    "fault44-json-50": ("s.json", '{"a":' + "[" * 50 + "]" * 50 + "}", f"s.json{DEEP}"),
    "fault44-toml-20k": ("s.toml", "a = " + "[" * 20_000 + "]" * 20_000, "s.toml: nests too deep"),
    "fault44-toml-200k": ("s.toml", "a = " + "[" * 200_000, "s.toml: nests too deep"),
    "fault44-toml-dotted": ("s.toml", "a." * 100_000 + "a = 1", "s.toml: nests too deep"),
    "fault44-toml-dotted-heading": ("s.toml", '["a"' + ' . "a"' * 100_000 + "]\n", "s.toml: nests too deep"),
    "fault44-toml-50": ("s.toml", "[" + "a." * 50 + "a]\n", "s.toml, line 1: a.a.a: nests too deep"),
    "fault45-number": ("s.yaml", Y + "seed: 1e-3\n", "s.yaml, line 2: seed: must be a whole number, not a number"),
    "fault45-nan": ("s.yaml", Y + "seed: .nan\n", "s.yaml, line 2: seed: must be a whole number, not a number"),
    "fault45-no": ("s.yaml", Y + "seed: no\n", "s.yaml, line 2: seed: must be a whole number, not text"),
    "fault45-base-60": ("s.yaml", Y + "seed: 1:30\n", "s.yaml, line 2: seed: must be a whole number, not text"),
    "fault45-date": ("s.yaml", Y + "seed: 2020-01-01\n", "s.yaml, line 2: seed: is a date"),
    "fault45-date-toml": ("s.toml", "seed = 2020-01-01\n" + T, "s.toml, line 1: seed: is a date"),
    "fault45-time-toml": ("s.toml", "seed = 10:00:00\n" + T, "s.toml, line 1: seed: is a time"),
    "fault45-nan-toml": ("s.toml", "seed = nan\n" + T, "s.toml, line 1: seed: must be a whole number, not a number"),
    "fault45-nan-json": ("s.json", '{"seed":\nNaN, ' + J + "}", "s.json, line 2: NaN is not a number in JSON"),
    "fault45-inf-json": ("s.json", '{"seed": -Infinity}', "s.json, line 1: -Infinity is not a number in JSON"),
    "fault45-version": ("s.yaml", "%YAML 1.1\n---\nx: no\n", "s.yaml, line 1: is YAML 1.1, and specs are YAML 1.2"),
    "fault45-whole-key": (
        "s.yaml",
        "tensors:\n  3: {shape: [2], scheme: zeros}\n",
        "s.yaml, line 1: tensors: the key 3 is",
    ),
    "fault45-true-key": ("s.yaml", "tensors:\n  true: {}\n", "s.yaml, line 1: tensors: the key True is true or false"),
    "fault45-null-key": ("s.yaml", "~: 3\n" + Y, "s.yaml: the key None is nothing"),
    "fault45-list-key": ("s.yaml", "? [a]\n: 3\n" + Y, "s.yaml: the key ('a',) is of type tuple"),
    "fault45-table-key": ("s.yaml", "? {a: 1}\n: 3\n" + Y, "s.yaml, line 1: not YAML: found unhashable key"),
    "fault45-null-tensors": ("s.yaml", "tensors:\n", "s.yaml, line 1: tensors: must be a table, not nothing"),
    "fault45-null-tensor": ("s.yaml", "tensors:\n  w:\n", "s.yaml, line 2: tensors.w: must be a table, not nothing"),
    "fault45-null-size": (
        "s.yaml",
        "tensors:\n  w:\n    shape: [2,\n      ~]\n",
        "s.yaml, line 4: tensors.w.shape[1]: must be a whole number or text, not nothing",
    ),
    "fault45-null-json": (
        "s.json",
        '{"tensors": {"w": null}}',
        "s.json, line 1: tensors.w: must be a table, not nothing",
    ),
    "fault46-empty-toml": ("s.toml", "", "s.toml: there are no tensors"),
    "fault46-empty-yaml": ("s.yaml", "", "s.yaml: is empty"),
    "fault46-empty-json": ("s.json", "", "s.json, line 1: not JSON: Expecting value"),
    "fault46-empty": ("spec", "", "spec: there are no tensors"),
    "fault46-comments-toml": ("s.toml", "# a\n\n# b\n", "s.toml: there are no tensors"),
    "fault46-comments-yaml": ("s.yaml", "# a\n---\n# b\n", "s.yaml: is empty"),
    "fault46-comments-json": ("s.json", "// a\n{}", "s.json, line 1: not JSON: Expecting value"),
    "fault46-table-json": ("s.json", "{}", "s.json: there are no tensors"),
    "fault46-utf16": ("s.toml", T.encode("utf-16"), "s.toml: is UTF-16"),
    "fault46-utf16-be": ("s.yaml", b"\xfe\xff" + Y.encode("utf-16-be"), "s.yaml: is UTF-16"),
    "fault46-utf16-without-mark": ("s.json", ("{" + J + "}").encode("utf-16-le"), "s.json, line 1: not JSON"),
    "fault46-not-utf8-toml": ("s.toml", b"# a\n\n# \xff\n" + T.encode(), "s.toml, line 3: is not UTF-8"),
    "fault46-not-utf8-yaml": ("s.yaml", Y.encode() + b"x: \xc3\x28\n", "s.yaml, line 2: is not UTF-8"),
    "fault46-not-utf8-json": ("s.json", b'{"a": "\xed\xa0\x80"}', "s.json, line 1: is not UTF-8"),
    "fault46-documents": ("s.yaml", Y + "---\n" + Y, "s.yaml, line 2: not YAML: but found another document"),
    "fault46-documents-json": ("s.json", "{}\n{}", "s.json, line 2: not JSON: Extra data"),
    "fault46-list-yaml": ("s.yaml", "- 1\n", "s.yaml: a spec is a table, not a list"),
    "fault46-list-json": ("s.json", "[]", "s.json: a spec is a table, not a list"),
    "fault46-text": ("s.yaml", "hello\n", "s.yaml: a spec is a table, not text"),
    "fault46-null": ("s.json", "null", "s.json: is empty"),
    "fault46-nul-toml": ("s.toml", T + 'x = "\0"\n', "s.toml, line 3: not TOML: Illegal character"),
    "fault46-nul-yaml": ("s.yaml", Y + "x: \0\n", "s.yaml: not YAML: unacceptable character"),
    "fault46-cr": ("s.toml", "seed = 1\rdtype = 2\n", "s.toml, line 1: not TOML: Expected newline"),
    "fault46-weights": ("w.npy", b"\x93NUMPY\x01\0v\0{'descr'", "w.npy: is a weight file, not a spec"),
    "huge-toml": ("s.toml", f"seed = {'9' * 5000}\n" + T, "s.toml: holds a number of too many digits"),
    "huge-yaml": ("s.yaml", f"seed: {'9' * 5000}\n" + Y, "s.yaml: holds a number of too many digits"),
    "huge-json": ("s.json", f'{{"seed": {"9" * 5000}, {J}}}', "s.json: holds a number of too many digits"),
    "syntax-toml": ("s.toml", T + "\nx = \n", "s.toml, line 4: not TOML: Invalid value"),
    "syntax-yaml": ("s.yaml", Y + "x: [1\n", "s.yaml, line 3: not YAML: "),
    "syntax-yaml-tab": ("s.yaml", "seed:\n\t3\n", "s.yaml, line 2: not YAML: found character '\\t'"),
    "syntax-yaml-alias": ("s.yaml", Y + "x: *nope\n", "s.yaml, line 2: not YAML: found undefined alias 'nope'"),
    "syntax-json": ("s.json", "{" + J + ",\n5}", "s.json, line 2: not JSON: Expecting property name"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_in_one_line_and_soon(case, put, refused):
    name, text, message = BAD[case]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said, _ = refused(put(name, text))
    assert said.startswith(message)
    assert len(said) < 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


def test_standard_input_is_told_by_its_text_and_named_so(put, refused):
    put("unused", "")
    assert refused("-", stdin=b"sede: 1\n")[0].startswith("standard input, line 1: sede:")
    assert refused("-", stdin=b"")[0] == "standard input: there are no tensors"


def test_fault46_what_is_no_file_is_refused(put, refused, tmp_path):
    put("d/x", "")
    assert refused("d")[0] == "d: is a directory"
    assert refused("nope.toml")[0] == "nope.toml: there is no such file"
    assert refused("unused/nope.toml")[0] == "unused/nope.toml: there is no such file"
    assert refused("d/x/y.toml")[0] == "d/x/y.toml: Not a directory"
    assert refused("a\0b.toml")[0] == "spec = 'a\\x00b.toml' is not a path"
    assert refused("x" * 5000)[0].endswith("File name too long")
    assert refused("")[0] == "spec = '' is not a path"
    os.symlink("loop.toml", "loop.toml")
    assert refused("loop.toml")[0] == "loop.toml: Too many levels of symbolic links"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device")
def test_fault46_what_has_no_end_is_refused(put, refused):
    put("unused", "")
    assert refused("/dev/zero")[0] == "/dev/zero: is larger than a spec may be, 64 MiB"
    assert refused("/dev/null")[0] == "/dev/null: there are no tensors"


def test_fault46_a_huge_file_is_refused_unread(put, refused):
    put("s.toml", "")
    os.truncate("s.toml", 1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused("s.toml")[0] == "s.toml: is larger than a spec may be, 64 MiB"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_fault46_a_pipe_is_read_to_its_end(put):
    """As the shell's <(command) gives one."""
    put("unused", "")
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=('{"seed": 7}',))
    writer.start()
    assert read_document("pipe").tree == {"seed": 7}
    writer.join()


def test_a_failure_of_a_process_is_one_line_and_code_2(put, tmp_path):
    """The other tests run in this process; here nothing stands between the program and its streams."""
    put("s.yaml", "x: \x1b[31m\ud800\n".encode("utf-8", "surrogatepass"))
    put("deep.yaml", "[" * 200_000)
    for name in ("s.yaml", "deep.yaml"):
        done = subprocess.run(
            [sys.executable, "-m", "initgen", "sample", name, "-o", "w.npy"], capture_output=True, text=True, timeout=20
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: {name}, line 1: ")
        assert "Traceback" not in done.stderr
    assert sorted(os.listdir()) == ["deep.yaml", "s.yaml"]


@pytest.mark.parametrize("name", ["secrets", "linked.toml"])
def test_an_include_of_what_is_no_spec_by_its_name_tells_nothing_of_it(name, put, refused):
    put("secrets", "root:hunter2:\n")
    os.symlink("secrets", "linked.toml")
    put("s.toml", f'include = "{name}"\n' + T)
    said, hint = refused("s.toml")
    assert said == f"s.toml, line 1: include: {name} is not a spec file by its name"
    assert "hunter2" not in hint
