"""``initgen identify``: 0 there is an answer, which may be that nobody can tell; 2 no answer. Text, JSON, and a spec."""

import json
import tomllib

import numpy as np
import pytest
from safetensors.numpy import save_file

import initgen


@pytest.fixture
def files(tmp_path):
    """One tensor, a small model, a trained tensor, and one that is no file of its kind."""
    np.save(tmp_path / "he.npy", initgen.sample("he_uniform", (100, 64)))
    torch = {"layout": "torch"}
    model = {f"layers.{at}.weight": initgen.sample("torch_default", (256, 64), seed=at, **torch) for at in range(3)}
    model |= {f"layers.{at}.bias": initgen.sample("torch_bias", (256,), seed=9 + at, fan_in=64) for at in range(3)}
    save_file({**model, "norm.weight": np.ones(64, np.float32)}, tmp_path / "model.safetensors")
    np.save(tmp_path / "trained.npy", np.random.Generator(np.random.PCG64(4)).laplace(0, 1, (100, 64)).astype("<f4"))
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")


def strict(text):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"bare {word}"))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "last"),
    [
        (("he.npy",), "identified: he.npy is he_uniform (keras layout), and no other law that is known"),
        (("trained.npy",), "unknown: no law that initgen knows fits"),
        (("model.safetensors",), "identified: 7 of 7 tensors, 100 % of the values"),
        (("model.safetensors", "--name", "*.bias"), "identified: 3 of 3 tensors, 100 % of the values"),
        (("he.npy", "trained.npy"), "unknown: no law that initgen knows fits"),
    ],
)
def test_the_last_line_is_the_answer(args, last, run):
    made = run("identify", *args)
    assert (made.code, made.err) == (0, "")
    assert made.text.splitlines()[-1] == last


@pytest.mark.usefixtures("files")
def test_a_model_is_said_by_its_rules(run):
    lines = run("identify", "model.safetensors").text.splitlines()
    assert lines[0] == "model.safetensors: 7 tensors, 49,984 values, float32"
    assert lines[2:4] == ["  torch_default, torch layout (= kaiming_uniform:a=√5)", "      layers.*.weight"]
    assert "  torch_bias, fan_in of the weight beside" in lines


@pytest.mark.usefixtures("files")
def test_a_tensor_is_said_with_the_evidence_and_what_it_is_not(run):
    said = run("identify", "he.npy").text
    for words in ("law", "mean", "std", "bounds", "shape", "other laws", "ruled out: "):
        assert words in said
    assert "\x1b" not in said
    assert not any(line.endswith(" ") for line in said.splitlines())


@pytest.mark.usefixtures("files")
def test_json_is_one_document_with_every_guess(run):
    answer = strict(run("identify", "model.safetensors", "he.npy", "--json").text)
    assert answer["complete"] is True
    model, he = answer["files"]
    assert {group["rule"]: group["tensors"] for group in model["groups"]} == {
        "torch_default": 3,
        "torch_bias": 3,
        "ones": 1,
    }
    (tensor,) = he["tensors"]
    (guess,) = tensor["guesses"]
    assert (tensor["verdict"], guess["readings"][0]["scheme"], guess["readings"][0]["layout"]) == (
        "named",
        "he_uniform",
        "keras",
    )
    assert guess["std_ratio"] == pytest.approx(1, abs=0.03)


@pytest.mark.usefixtures("files")
def test_as_spec_is_a_spec_that_sample_takes(run, tmp_path):
    spec = run("identify", "model.safetensors", "--as-spec").text
    assert tomllib.loads(spec)["tensors"]["layers.{0..2}.weight"] == {"shape": [256, 64], "scheme": "torch_default"}
    (tmp_path / "model.toml").write_text(spec)
    assert run("sample", "model.toml", "-o", "again.safetensors").code == 0
    again = strict(run("identify", "again.safetensors", "--json").text)["files"][0]
    first = strict(run("identify", "model.safetensors", "--json").text)["files"][0]
    keys = ("name", "shape", "dtype", "verdict")
    assert [[t[key] for key in keys] for t in again["tensors"]] == [[t[key] for key in keys] for t in first["tensors"]]
    assert strict(run("identify", "model.safetensors", "--as-spec", "--json").text)["layout"] == "torch"


@pytest.mark.usefixtures("files")
def test_a_spec_says_what_it_does_not_know(run):
    made = run("identify", "trained.npy", "--as-spec")
    assert made.code == 0
    assert made.err == "of no known law, and given their mean and std: array\n"
    assert "# Of no known law, drawn with their mean and std: array." in made.text
    assert tomllib.loads(made.text)["tensors"]["array"]["scheme"].startswith("random_normal:mean=")


@pytest.mark.usefixtures("files")
def test_an_array_can_be_piped_in(run, tmp_path):
    piped = run("identify", "-", stdin=(tmp_path / "he.npy").read_bytes()).text
    assert piped.splitlines()[-1] == (
        "identified: standard input is he_uniform (keras layout), and no other law that is known"
    )


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("broken.npy",), "error: broken.npy: "),
        (("nothing.npy",), "error: nothing.npy: there is no such file"),
        (("model.safetensors", "--name", "x"), "error: model.safetensors: no tensor is called x"),
        (("he.npy", "trained.npy", "--as-spec"), "error: --as-spec takes one FILE, not 2"),
        ((), "error: missing argument"),
    ],
)
def test_what_cannot_be_answered_is_one_line(args, message, run):
    made = run("identify", *args)
    assert made.code == 2
    assert made.err.startswith(message)
    assert "Traceback" not in made.err
    assert made.err.count("\n") <= 2


@pytest.mark.usefixtures("files")
def test_a_file_that_cannot_be_read_does_not_stop_the_others(run):
    made = run("identify", "broken.npy", "he.npy", "--json")
    assert made.code == 2
    answer = strict(made.text)
    assert answer["complete"] is False
    assert [file["path"] for file in answer["files"]] == ["he.npy"]
