"""``initgen probe``: 0 there is an answer, 1 it is not what is required, 2 there is none, and one line that says why."""

import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

SPEC = """
[[layers]]
kind = "Dense"
name = "a"
input_shape = [4]
units = 8
activation = "relu"
kernel_initializer = "he_normal"

[[layers]]
kind = "Dense"
name = "b"
units = 4
"""
KERNELS = {"a/kernel": (4, 8), "a/bias": (8,), "b/kernel": (8, 4), "b/bias": (4,)}
QUICK = ("--depth", "3", "--width", "16")


def arrays(**changed):
    generator = np.random.Generator(np.random.PCG64(8))
    made = {name: generator.standard_normal(shape).astype(np.float32) / 2 for name, shape in KERNELS.items()}
    return {name: changed.get(name.replace("/", "_"), array) for name, array in made.items()}


@pytest.fixture
def files(tmp_path):
    """A spec, weights that fit it, and weights and samples that do not."""
    (tmp_path / "m.toml").write_text(SPEC)
    (tmp_path / "tensors.toml").write_text('[tensors]\nw = { shape = [3, 4], scheme = "zeros" }\n')
    (tmp_path / "chain.toml").write_text(
        "".join(
            f'[[layers]]\nkind = "Linear"\nname = "{name}"\nin_features = {inputs}\nout_features = 64\n'
            for name, inputs in (("2", 16), ("5", 32))
        )
    )
    (tmp_path / "seed.toml").write_text(f"seed = 7\n{SPEC}")
    kernel = arrays()["b/kernel"]
    bad = np.where(np.arange(4) == 2, np.nan, kernel)
    for name, changed in {
        "ok": {},
        "nan": {"b_kernel": bad.astype(np.float32)},
        "far": {"b_kernel": np.where(np.isnan(bad), 1e300, kernel.astype(np.float64))},
        "shape": {"b_kernel": kernel.T},
        "complex": {"b_kernel": kernel + 1j},
        "text": {"b_kernel": np.full((8, 4), "x")},
    }.items():
        np.savez(tmp_path / f"{name}.npz", **arrays(**changed))
    np.savez(tmp_path / "lacks.npz", **{name: array for name, array in arrays().items() if name != "b/kernel"})
    np.savez(tmp_path / "empty.npz")
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    for name, array in {
        "x": x,
        "wide": np.ones((6, 5)),
        "flat": np.ones(4),
        "none": np.ones((0, 4)),
        "xnan": np.where(x > 20, np.nan, x),
        "xfar": np.full((6, 4), 1e300),
        "xtext": np.full((6, 4), "a"),
        "xcomplex": x + 1j,
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "objects.npy", np.full((6, 4), None), allow_pickle=True)
    np.savez(tmp_path / "two.npz", x=x, y=x)
    (tmp_path / "short.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-7])
    (tmp_path / "text.npy").write_text("1 2 3")


BAD = [  # arguments, what is said, and the hint
    # Networks.
    (("chain.toml",), "5 (Linear): gets 64 features, and its kernel takes 32", ""),
    (("tensors.toml",), "tensors.toml: has no layers", "[[layers]]"),
    (("nowhere.toml",), "nowhere.toml: there is no such file", ""),
    ((".",), ".: is a directory", "a spec is a .toml"),
    (("text.npy",), "text.npy", ""),
    (("-",), "standard input", ""),
    # The quick form.
    (("--depth", "0"), "depth = 0 must be", ""),
    (("--depth=-1",), "depth = -1 must be", ""),
    (("--depth", "1000000000"), "depth = 1000000000 must be", ""),
    (("--depth", "x"), "depth = 'x' must be a whole number", ""),
    (("--width", "0"), "width = 0 must be", ""),
    (("--width", "1000000000"), "width = 1000000000 must be", ""),
    (("--activation", "nope"), "activation = 'nope' is not known", ""),
    (("--activation", "leaky_relu:negative_slope=x"), "'x' is not a number", ""),
    (("--activation", "relu:alpha=1"), "activation 'relu' has no parameter 'alpha'", ""),
    (("--scheme", "nope"), "unknown scheme 'nope'", ""),
    (("--scheme", "he_unifrm"), "unknown scheme 'he_unifrm'", "did you mean he_uniform"),
    # What goes with what.
    (("m.toml", "--depth", "3"), "--depth is for the quick form", ""),
    (("m.toml", "--width", "3"), "--width is for the quick form", ""),
    (("m.toml", "--scheme", "zeros"), "--scheme is for the quick form", ""),
    (("m.toml", "--activation", "relu"), "--activation is for the quick form", ""),
    ((*QUICK, "--weights", "ok.npz"), "--weights is for a SPEC", ""),
    ((*QUICK, "--input-shape", "16"), "--input-shape is for a SPEC", ""),
    ((*QUICK, "--rule", "*=zeros"), "--rule is for a SPEC", ""),
    ((*QUICK, "--set", "d=3"), "--set is for a SPEC", ""),
    (("m.toml", "seed.toml", "--weights", "ok.npz"), "--weights are of one SPEC, not of 2", ""),
    (("m.toml", "--input", "x.npy", "--batch", "4"), "--batch and --input both say how many", "leave one out"),
    (("m.toml", "--require", "fun"), "'--require': 'fun' is not 'stable'", ""),
    (("m.toml", "--set", "d=3"), "there is no variable 'd' to set", ""),
    # Numbers.
    (("m.toml", "--batch", "0"), "batch = 0 must be at least 2", "in pairs"),
    (("m.toml", "--batch", "1"), "batch = 1 must be at least 2", "in pairs"),
    (
        (
            "m.toml",
            "--batch=-3",
        ),
        "batch = -3 must be at least 2",
        "in pairs",
    ),
    (("m.toml", "--seed", str(2**64)), "must be a whole number from 0 to 2^64 - 1", ""),
    (("m.toml", "--seed=-1"), "seed = '-1' must be", ""),
    # Samples.
    (("m.toml", "--input-shape", "5"), "--input-shape 5 is not one of 4", ""),
    (("m.toml", "--input-shape", "4x4"), "--input-shape 4x4 is not one of 4", ""),
    (("m.toml", "--input-shape", "x"), "'x' is not a shape", ""),
    (("m.toml", "--input", "wide.npy"), "wide.npy: is 6x5, and the network takes", ""),
    (("m.toml", "--input", "flat.npy"), "flat.npy: is 4, and the network takes", ""),
    (("m.toml", "--input", "none.npy"), "none.npy: is 0x4, and the network takes", ""),
    (("m.toml", "--input", "xnan.npy"), "xnan.npy: holds values that are NaN, infinite, or beyond float32", ""),
    (("m.toml", "--input", "xfar.npy"), "xfar.npy: holds values that are NaN, infinite, or beyond float32", ""),
    (("m.toml", "--input", "xtext.npy"), "xtext.npy: an array of <U1 is not a tensor of numbers", ""),
    (("m.toml", "--input", "xcomplex.npy"), "xcomplex.npy: holds complex64", ""),
    (("m.toml", "--input", "objects.npy"), "objects.npy: an array of object", ""),
    (("m.toml", "--input", "two.npz"), "two.npz: holds 2 arrays", "an input is one"),
    (("m.toml", "--input", "short.npy"), "short.npy: the array of shape 6x4 ends at byte", "truncated"),
    (("m.toml", "--input", "text.npy"), "text.npy", ""),
    (("m.toml", "--input", "nowhere.npy"), "nowhere.npy: there is no such file", ""),
    # Weights.
    (("m.toml", "--weights", "nan.npz"), "nan.npz: b/kernel: holds values that are NaN", ""),
    (("m.toml", "--weights", "far.npz"), "far.npz: b/kernel: holds values that are NaN, infinite, or beyond", ""),
    (("m.toml", "--weights", "shape.npz"), "shape.npz: b/kernel is 4x8, and should be 8x4", ""),
    (("m.toml", "--weights", "complex.npz"), "complex.npz: b/kernel holds complex64", ""),
    (("m.toml", "--weights", "text.npz"), "text.npz: b/kernel: an array of <U1", ""),
    (("m.toml", "--weights", "lacks.npz"), "lacks.npz: has no b/kernel", "did you mean"),
    (("m.toml", "--weights", "empty.npz"), "empty.npz: has no a/kernel", "empty"),
    (("m.toml", "--weights", "m.toml"), "m.toml: no format has this suffix", ".safetensors"),
    (("m.toml", "--weights", "nowhere.npz"), "nowhere.npz: there is no such file", ""),
    # Reports.
    ((*QUICK, "--plot", "x.txt"), "--plot 'x.txt' must end in", ""),
    ((*QUICK, "--html", "nowhere/x.html"), "nowhere", ""),
]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "said", "hint"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_what_has_no_answer_is_one_line_and_code_2(args, said, hint, run):
    made = run("probe", *args)
    assert (made.code, made.out) == (2, b"")
    first, *more = made.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert len(more) <= 1
    assert all(line.startswith("hint: ") for line in more)
    assert hint in "".join(more)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("scheme", "required", "code"),
    [("he_uniform", True, 0), ("lecun_uniform", True, 1), ("lecun_uniform", False, 0)],
)
def test_require_stable_is_code_1_for_a_network_that_is_not(scheme, required, code, run):
    made = run("probe", "--depth", "30", "--width", "64", "-s", scheme, *(["--require", "stable"] if required else []))
    assert (made.code, made.err) == (code, "")
    assert ("stable" if scheme == "he_uniform" else "vanishing") in made.text.splitlines()[-1] + made.text


@pytest.mark.usefixtures("files")
def test_what_is_not_finite_any_more_fails_what_is_required(run):
    growing = ("--depth", "40", "--width", "8", "-s", "variance_scaling:scale=1e3,mode=fan_in")
    made = run("probe", *growing, "--require", "stable")
    assert (made.code, made.err) == (1, "")
    assert "exploding" in made.text


def strict(text):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"bare {word}"))


JSONS = {
    "two schemes": ("--depth", "12", "--width", "8", "-s", "he_uniform", "-s", "zeros"),
    "overflow": ("--depth", "40", "--width", "8", "-s", "variance_scaling:scale=1e3,mode=fan_in"),
    "overflow at once": ("--depth", "3", "--width", "64", "-s", "random_normal:stddev=3e37"),
    "underflow": ("--depth", "60", "--width", "8", "-s", "variance_scaling:scale=1e-3,mode=fan_in"),
    "suggestions": (*QUICK, "--suggest", "-a", "sigmoid", "-a", "softplus", "-a", "leaky_relu"),
    "spec": ("m.toml", "--input", "x.npy", "--weights", "ok.npz"),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("args", JSONS.values(), ids=JSONS)
def test_json_is_one_document_of_finite_numbers(args, run):
    made = run("probe", *args, "--json")
    assert (made.code, made.err) == (0, "")
    answer = strict(made.text)
    assert answer["stable"] == all(network["verdict"] == "stable" for network in answer["networks"])
    count = max(args.count("-s"), args.count("-a"), 1)
    assert len(answer["networks"]) == count


@pytest.mark.usefixtures("files")
def test_json_has_every_layer_with_what_was_measured_and_predicted(run):
    (network,) = strict(run("probe", "m.toml", "--json", "--batch", "6").text)["networks"]
    assert (network["title"], network["batch"], network["depth"], network["parameters"]) == ("m.toml", 6, 2, 76)
    first, second = network["layers"]
    assert (first["name"], first["kind"], first["activation"], first["shape"]) == ("a", "Dense", "relu", [8])
    assert (second["name"], second["activation"]) == ("b", None)
    assert set(first["weights"]) == {"a/kernel", "a/bias"}
    for name in ("values", "before", "dead", "flat", "cosine", "gradient", "condition", "predicted"):
        assert name in first
    assert set(first["predicted"]) == {"mean", "square", "variance", "cosine", "gradient", "chi"}


@pytest.mark.usefixtures("files")
def test_the_spec_is_read_from_standard_input_too(run):
    piped = run("probe", "-", "--json", stdin=SPEC.encode())
    assert piped.code == 0
    assert (
        strict(piped.text)["networks"][0]["layers"]
        == strict(run("probe", "m.toml", "--json").text)["networks"][0]["layers"]
    )


@pytest.mark.usefixtures("files")
def test_the_seed_of_weights_batch_and_gradient_is_the_spec_s_or_that_which_is_given(run):
    def answer(*args):
        (network,) = strict(run("probe", *args, "--json").text)["networks"]
        return {name: network[name] for name in ("seed", "input", "layers", "input_gradient")}

    assert answer("seed.toml") == answer("m.toml", "--seed", "7")
    assert answer("m.toml") == answer("m.toml", "--seed", "0") == answer("seed.toml", "--seed", "0")
    assert answer("m.toml")["input"] != answer("seed.toml")["input"]


@pytest.mark.usefixtures("files")
def test_the_same_command_prints_the_same_bytes(run):
    first, second = (run("probe", "m.toml", "--json", "--suggest") for _ in range(2))
    assert first.out == second.out


@pytest.mark.usefixtures("files")
def test_a_rule_that_decides_nothing_is_said(run):
    made = run("probe", "m.toml", "--rule", "*kernel=zeros")
    assert made.code == 0
    assert made.err.startswith("warning: --rule '*kernel=zeros' decides no tensor")


@pytest.mark.usefixtures("files")
def test_one_spec_without_an_answer_does_not_stop_the_others(run):
    made = run("probe", "m.toml", "chain.toml", "--all-layers")
    assert made.code == 2
    assert made.text.startswith("m.toml")
    assert "chain.toml: 5 (Linear): gets 64 features" in made.err


@pytest.mark.usefixtures("files")
def test_a_report_is_written_beside_the_answer(run, tmp_path):
    made = run("probe", *QUICK, "--html", "r.html", "--plot", "r.svg")
    assert (made.code, made.err) == (0, "")
    assert "he_uniform, relu" in (tmp_path / "r.html").read_text()
    assert (tmp_path / "r.svg").read_text().startswith("<?xml")


def test_without_a_word_it_is_fifty_layers_of_relu_and_he_uniform(run):
    network = strict(run("probe", "--width", "8", "--batch", "2", "--json").text)["networks"][0]
    assert (network["title"], network["depth"]) == ("he_uniform, relu", 50)


def started(tmp_path, *args, **options):
    """Of its own process, in a directory of its own."""
    command = [sys.executable, "-m", "initgen", "probe", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False, **options)


@pytest.mark.parametrize(
    ("most", "args"),
    [
        pytest.param(10_000, ("--depth", "2", "--width", "64"), id="the first array"),
        pytest.param(1_600, ("--depth", "3", "--width", "16", "--batch", "4"), id="the last of seven, of 256 bytes"),
    ],
)
def test_a_full_disk_is_said_with_the_way_out(most, args, tmp_path):
    """No file may be larger: that of the activations would be."""

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    made = started(tmp_path, *args, preexec_fn=small)
    assert (made.returncode, made.stdout) == (2, "")
    error, hint = made.stderr.splitlines()
    assert error.startswith("error: ")
    assert "File too large" in error
    assert "TMPDIR" in hint


def test_temporary_files_go_where_tmpdir_says_and_do_not_stay(tmp_path):
    place = tmp_path / "scratch"
    place.mkdir()
    made = started(tmp_path, *QUICK, env={**os.environ, "TMPDIR": str(place)})
    assert made.returncode == 0
    assert list(place.iterdir()) == []


def test_a_closed_standard_output_ends_quietly(tmp_path):
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as gone:
        command = [sys.executable, "-m", "initgen", "probe", *QUICK]
        made = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, cwd=tmp_path, timeout=60, check=False)
    assert b"Traceback" not in made.stderr
    assert made.stderr == b""
