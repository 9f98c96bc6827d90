"""``initgen verify``: exit codes and answers."""

import json

import numpy as np
import pytest

import initgen

MAKE = ("sample", "--scheme", "he_uniform", "--shape", "30x40")


@pytest.mark.parametrize("suffix", [".safetensors", ".h5"])
def test_a_file_of_our_own_is_verified_and_a_changed_one_is_not(suffix, run, tmp_path):
    path = tmp_path / f"w{suffix}"
    run(*MAKE, "-o", path.name)
    made = run("verify", path.name)
    assert (made.code, made.err) == (0, "")
    assert made.text == f"w{suffix}: its tensor is what the recipe makes\n"
    content = bytearray(path.read_bytes())
    content[content.index(initgen.sample("he_uniform", (30, 40)).tobytes()) + 4000] ^= 1
    path.write_bytes(content)
    made = run("verify", path.name)
    assert made.code == 1
    assert made.text.splitlines()[0].startswith(f"w{suffix}: weight: 1 of 1200 values differ")
    assert made.text.splitlines()[-1] == f"w{suffix}: is not what the recipe makes"
    found = json.loads(run("verify", path.name, "--json").out)
    assert (found["passed"], len(found["files"][0]["problems"])) == (False, 1)


def test_no_recipe_is_no_answer_and_the_other_files_are_still_answered(run, tmp_path):
    run(*MAKE, "-o", "w.h5")
    np.save(tmp_path / "w.npy", np.zeros(3))
    made = run("verify", "w.npy", "w.h5")
    assert made.code == 2
    assert made.err.splitlines()[0] == "error: w.npy: carries no recipe"
    assert made.text == "w.h5: its tensor is what the recipe makes\n"


def test_json_of_a_verified_file_says_yes(run):
    run(*MAKE, "-o", "w.h5")
    found = json.loads(run("verify", "w.h5", "--json").out)
    assert found["passed"] is True
    expected = {
        "path": "w.h5",
        "passed": True,
        "tensors": 1,
        "by": "recipe",
        "problems": [],
        "rounded": [],
        "remarks": [],
    }
    assert found["files"][0] == expected
