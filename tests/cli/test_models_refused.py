"""``initgen sample`` of whole models where it cannot: one line that names the fault, and nothing is written."""

import os

import pytest

SPEC = """seed = 5
layout = "torch"
[variables]
d = 8
[tensors]
"h.{0..1}.weight" = { shape = ["${d}", "${4*d}"], scheme = "he_uniform" }
"h.{0..1}.bias" = { shape = "${d}" }
"pos" = { shape = [3], dtype = "int64", scheme = "zeros" }
[[rules]]
match = "*.bias"
scheme = "zeros"
"""


@pytest.fixture
def sample(run, tmp_path):
    """``initgen sample m.toml …`` in a directory that has it."""
    (tmp_path / "m.toml").write_text(SPEC)
    return lambda *args, **options: run("sample", "m.toml", *args, **options)


def made(top):
    """What is in a directory besides the spec."""
    return sorted(name for name in os.listdir(top) if name != "m.toml")


BAD = [  # options, and what is said
    (("--scheme", "zeros"), "--scheme describes one tensor"),
    (("--shape", "3"), "--shape describes one tensor"),
    (("--name", "w"), "--name describes one tensor"),
    (("--fan-in", "3"), "--fan-in describes one tensor"),
    (("--groups", "2"), "--groups describes one tensor"),
    (("--transposed",), "--transposed describes one tensor"),
    (("--like", "m.toml"), "both say which tensors there are"),
    (("--only", "nothing"), "no tensor is called nothing"),
    (("--set", "e=3"), "there is no variable 'e' to set"),
    (("--set", "d"), "is not NAME=VALUE"),
    (("--rule", "zeros"), "is not PATTERN=SCHEME"),
    (("--preset", "gpt3"), "unknown preset 'gpt3'"),
    (("--dtype", "int64"), "is not for weights"),
    (("--dtype", "bfloat16", "-o", "m.npz"), "npz cannot hold bfloat16"),
    (("--max-shard-size", "1KB"), "shards go into a directory"),
    (("--max-shard-size", "0", "-o", "m/"), "at least a byte"),
    (("--max-shard-size", "5XB", "-o", "m/"), "is not a size"),
    (("--max-shard-size", "1KB", "--format", "npy", "-o", "m/"), "shards are of safetensors"),
    (("--format", "npz", "-o", "m/"), "a directory is of safetensors or of npy"),
    (("-o", "m.npy"), "npy holds one tensor, not 5"),
    (("-o", "m"), "no format has this suffix"),
    (("-o", "nowhere/m/"), "there is no directory"),
    (("-o", "m.toml/"), "is not a directory"),
    (("-o", "-"), "a .npy stream holds one"),
    (("-o", "-", "--format", "npz"), "npz cannot be streamed"),
    (("-o", "-", "--format", "h5"), "hdf5 cannot be streamed"),
    (("-o", "-", "--json"), "both want standard output"),
]


@pytest.mark.parametrize(
    ("options", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_options_that_do_not_go_together_are_one_line_and_write_nothing(options, said, sample, tmp_path):
    answer = sample(*options, *(() if "-o" in options else ("-o", "m.safetensors")))
    assert (answer.code, answer.out) == (2, b"")
    first, *rest = answer.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert len(rest) <= 1
    assert made(tmp_path) == []


def test_options_of_models_are_refused_for_one_tensor(run):
    for options in (("--only", "x"), ("--preset", "gpt2"), ("--rule", "*=zeros"), ("--set", "a=1")):
        answer = run("sample", "--scheme", "zeros", "--shape", "3", *options)
        assert (answer.code, answer.out) == (2, b"")
        assert f"error: {options[0]} goes with a SPEC or --like" in answer.err


NAMED = {  # the name in the spec, the output, what is said
    "case 19 taken by the header": ("__metadata__", "m.safetensors", "__metadata__"),
    "case 20 empty": ("", "m.h5", "''"),
    "case 20 upwards": ("a/../c", "m.h5", "'a/../c'"),
    "case 20 absolute": ("/abs", "m.h5", "'/abs'"),
    "case 27 out of the directory": ("../x", "m/ --format npy", "'../x'"),
    "case 27 absolute": ("/tmp/x", "m/ --format npy", "'/tmp/x'"),
    "case 27 300 letters": ("n" * 300, "m/ --format npy", "longer than"),
    "case 27 out of the zip": ("../x", "m.npz", "'../x'"),
    "case 22 a group and a dataset": (
        'w/x" = { shape = [2], scheme = "zeros" }\n"w',
        "m.h5",
        "both a tensor and the group",
    ),
}


@pytest.mark.parametrize(("name", "output", "said"), [pytest.param(*case, id=name) for name, case in NAMED.items()])
def test_names_that_a_place_cannot_keep_are_refused_before_anything_is_written(name, output, said, run, tmp_path):
    (tmp_path / "m.toml").write_text(f'[tensors]\n"{name}" = {{ shape = [2], scheme = "zeros" }}\n')
    answer = run("sample", "m.toml", "-o", *output.split())
    assert (answer.code, answer.out) == (2, b"")
    assert said in answer.err.splitlines()[0]
    assert made(tmp_path) == []


@pytest.mark.parametrize("output", ["m/", "m.h5", "m.npz", "m.safetensors"])
def test_case_1_a_model_larger_than_the_disk_is_refused_with_its_size(output, run, tmp_path):
    (tmp_path / "m.toml").write_text('[tensors]\n"{a,b}" = { shape = "1000000000x1000000000", scheme = "zeros" }\n')
    answer = run("sample", "m.toml", "-o", output)
    assert (answer.code, answer.out) == (2, b"")
    assert "needs 8 EB, and the disk has" in answer.err
    assert made(tmp_path) == []


@pytest.mark.parametrize("place", ["m/", "m.safetensors"])
def test_case_30_what_is_there_keeps_its_bytes_and_times(place, sample, tmp_path):
    sample("-o", place)
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.safetensors") if path.is_file()
    }
    assert sample("-o", place, "--seed", "9").code == 2
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
