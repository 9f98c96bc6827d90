"""Models of Keras and configs of Hugging Face on the command line: what is written, derived, verified and warned of."""

import json
import os
import shutil
import time
from pathlib import Path

import h5py
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
KERAS = "seed_he_uniform.json"


@pytest.fixture(autouse=True)
def examples(tmp_path):
    for name in (KERAS, "llama-config.json", "torch_encoder.toml"):
        shutil.copy(EXAMPLES / name, tmp_path)


def datasets(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.__setitem__(name, getattr(item, "shape", None)))
    return found


def test_a_keras_model_becomes_the_file_of_keras(run, tmp_path):
    assert run("sample", KERAS, "-o", "m.weights.h5").code == 0
    assert datasets(tmp_path / "m.weights.h5") == {
        "layers": None,
        "layers/dense": None,
        "layers/dense/vars": None,
        "layers/dense/vars/0": (100, 64),
        "layers/dense/vars/1": (64,),
        "layers/dense_1": None,
        "layers/dense_1/vars": None,
        "layers/dense_1/vars/0": (64, 10),
        "layers/dense_1/vars/1": (10,),
        "vars": None,
    }
    assert run("sample", KERAS, "-o", "m.weights.h5", "--check").code == 0
    assert run("sample", KERAS, "--seed", "1", "-o", "m.weights.h5", "--check").code == 1
    assert run("verify", "m.weights.h5").code == 0
    assert run("verify", "--spec", KERAS, "m.weights.h5").code == 0
    assert run("stats", "m.weights.h5").code == 0


def test_a_group_that_is_not_there_is_another_file(run, tmp_path):
    assert run("sample", KERAS, "-o", "m.weights.h5").code == 0
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        del file["vars"]
    assert run("sample", KERAS, "-o", "m.weights.h5", "--check").code == 1


@pytest.mark.parametrize("kind", ["toml", "yaml", "json"])
def test_the_spec_of_a_model_and_of_its_file_make_the_same_bytes(kind, run, tmp_path):
    assert run("sample", KERAS, "--seed", "5", "-o", "m.weights.h5").code == 0
    assert run("spec", KERAS, "-o", f"model.{kind}").code == 0
    assert run("spec", "m.weights.h5", "-o", f"file.{kind}").code == 0
    assert run("sample", f"model.{kind}", "--seed", "5", "-o", "again.weights.h5").code == 0
    assert run("sample", f"file.{kind}", "-o", "third.weights.h5").code == 0
    made = (tmp_path / "m.weights.h5").read_bytes()
    assert (tmp_path / "again.weights.h5").read_bytes() == made
    assert (tmp_path / "third.weights.h5").read_bytes() == made


def test_values_are_the_same_in_every_format(run):
    digests = set()
    for output in ("m.weights.h5", "m.safetensors", "m.npz"):
        made = run("sample", KERAS, "-o", output, "--digest")
        digests.add(tuple(line.split()[1] for line in made.out.decode().splitlines() if line.startswith("# ")))
    assert len(digests) == 1


def test_keras_names_in_another_h5_are_warned_of(run):
    assert "Keras looks for them in a .weights.h5" in run("sample", KERAS, "-o", "m.h5").err
    assert "warning" not in run("sample", KERAS, "-o", "m.weights.h5").err
    assert "warning" not in run("sample", "torch_encoder.toml", "-o", "t.h5").err


TINY = ("--set", "num_hidden_layers=2", "--set", "hidden_size=64", "--set", "vocab_size=50")


def test_a_config_becomes_a_directory_with_the_config(run, tmp_path):
    assert run("sample", "llama-config.json", *TINY, "--dtype", "bfloat16", "-o", "tiny/").code == 0
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == ["config.json", "model.safetensors"]
    written, given = (json.loads((tmp_path / name).read_text()) for name in ("tiny/config.json", "llama-config.json"))
    changed = {"num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 50, "torch_dtype": "bfloat16"}
    assert written == {**given, **changed}
    assert run("sample", "llama-config.json", *TINY, "--dtype", "bfloat16", "-o", "tiny/", "--check").code == 0
    assert run("sample", "tiny/config.json", "-o", "tiny/").err.startswith("unchanged tiny/")
    assert run("verify", "tiny/").code == 0


def test_another_config_beside_the_same_weights_is_not_what_it_makes(run, tmp_path):
    assert run("sample", "llama-config.json", *TINY, "-o", "tiny/").code == 0
    config = tmp_path / "tiny" / "config.json"
    config.write_text(config.read_text().replace("silu", "gelu"))
    assert run("sample", "llama-config.json", *TINY, "-o", "tiny/", "--check").code == 1
    refused = run("sample", "llama-config.json", *TINY, "-o", "tiny/")
    assert (refused.code, refused.err[:24]) == (2, "error: tiny/config.json:")
    assert run("sample", "llama-config.json", *TINY, "-o", "tiny/", "--force").code == 0
    assert json.loads(config.read_text())["hidden_act"] == "silu"


def test_weights_alone_have_no_config(run, tmp_path):
    assert run("sample", "llama-config.json", *TINY, "-o", "tiny.safetensors").code == 0
    assert not (tmp_path / "config.json").exists()
    assert run("verify", "--spec", "llama-config.json", "tiny.safetensors").code == 1


def test_a_key_that_a_config_does_not_have_is_a_slip(run):
    made = run("sample", "llama-config.json", "--set", "num_hiden_layers=2", "--dry-run")
    assert made.code == 2
    assert made.err.splitlines() == [
        "error: there is no variable 'num_hiden_layers' to set",
        "hint: did you mean num_hidden_layers or num_labels?",
    ]


def test_a_rule_in_vain_says_why(run):
    made = run("sample", KERAS, "--rule", "*/kernel=zeros", "--dry-run")
    assert "decides no tensor: those that it fits have a scheme of their own" in made.err
    assert run("sample", KERAS, "--rule", "*/xyz=zeros", "--dry-run").err.strip().endswith("decides no tensor")


def test_tensors_to_which_a_model_gives_one_seed_are_equal_by_right(run, tmp_path):
    config = json.loads((tmp_path / KERAS).read_text())
    layers = [config["config"]["layers"][1]]
    layers[0]["config"]["kernel_initializer"]["config"]["seed"] = 3
    layers[0]["config"]["units"] = 100
    again = json.loads(json.dumps(layers[0]).replace('"dense"', '"again"'))
    config["config"]["layers"] = [config["config"]["layers"][0], *layers, again]
    (tmp_path / "twice.json").write_text(json.dumps(config))
    assert run("sample", "twice.json", "-o", "twice.weights.h5").code == 0
    with h5py.File(tmp_path / "twice.weights.h5") as file:
        assert (file["layers/dense/vars/0"][()] == file["layers/dense_1/vars/0"][()]).all()
    made = run("stats", "twice.weights.h5")
    assert (made.code, made.out.decode().splitlines()[-1][:3]) == (0, "yes")


def test_a_pipe_is_no_archive(run, tmp_path):
    os.mkfifo(tmp_path / "m.keras")
    assert run("sample", "m.keras", "--dry-run").err.startswith("error: m.keras: is not a regular file")


def test_long_names_do_not_take_long_to_show(run, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"tensors": {"x" * 60_000: {"shape": [2], "scheme": "zeros"}}}))
    start = time.process_time()
    assert run("sample", "s.json", "--dry-run").code == 0
    assert time.process_time() - start < 5  # it was 15 while blanks at the ends of lines were looked for by a pattern
