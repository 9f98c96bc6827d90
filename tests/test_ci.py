"""The pre-commit hooks and the page about CI: what stands there runs, and does what it says."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import initgen

ROOT = Path(__file__).parent.parent
SAFE = YAML(typ="safe", pure=True)
ACTION = SAFE.load(ROOT / "action.yml")
HOOKS = {hook["id"]: hook for hook in SAFE.load(ROOT / ".pre-commit-hooks.yaml")}
PAGE = (ROOT / "docs" / "ci.md").read_text()

SPEC = """
seed = 3
[tensors]
"h.{0..1}.weight" = { shape = [4, 3], scheme = "he_uniform" }
"""
BAD_SPEC = '[tensors]\n"w" = { shape = [4, 3], schema = "he_uniform" }\n'


@pytest.mark.parametrize(
    ("hook", "names", "codes"),
    [
        ("initgen-spec", ["m.toml", "m.yaml"], 0),
        ("initgen-spec", ["m.toml", "bad.toml"], 2),
        ("initgen-verify", ["m.safetensors", "m.h5"], 0),
        ("initgen-verify", ["bad.safetensors"], 1),
        ("initgen-verify", ["plain.safetensors"], 2),
    ],
)
def test_hooks_pass_sound_files_and_fail_on_others(hook, names, codes, tmp_path):
    (tmp_path / "m.toml").write_text(SPEC)
    (tmp_path / "m.yaml").write_text("tensors: {w: {shape: 4x3, scheme: zeros}}\n")
    (tmp_path / "bad.toml").write_text(BAD_SPEC)
    (tmp_path / "plain.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    for name in ("m.safetensors", "m.h5", "bad.safetensors"):
        if name in names:
            initgen.write(initgen.model(tmp_path / "m.toml"), tmp_path / name)
    if "bad.safetensors" in names:
        good = (tmp_path / "bad.safetensors").read_bytes()
        (tmp_path / "bad.safetensors").write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    program, *args = shlex.split(HOOKS[hook]["entry"])
    assert program in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "initgen", *args, *names], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == codes, done.stderr


def test_hooks_choose_their_files():
    assert set(HOOKS) == {"initgen-spec", "initgen-verify"}
    files = HOOKS["initgen-verify"]["files"]
    assert all(re.search(files, name) for name in ("a/b.safetensors", "model.weights.h5"))
    assert not any(re.search(files, name) for name in ("a.safetensors.index.json", "h5", "b.h5.txt", "m.npz"))
    for hook in HOOKS.values():
        assert hook["language"] == "python"
        assert hook["require_serial"]


def blocks(language):
    return re.findall(rf"(?<=```{language}\n).*?(?=```\n)", PAGE, re.DOTALL)


def test_the_page_shows_inputs_outputs_and_hooks_that_exist():
    shown = [SAFE.load(block) for block in blocks("yaml")]
    ours = [step for one in shown for step in one.get("steps", []) if "/initgen@" in step.get("uses", "")]
    hooks = [hook for one in shown for repo in one.get("repos", []) for hook in repo["hooks"]]
    assert len(ours) == 3
    assert len(hooks) == 3
    for step in ours:
        assert {"output"} <= set(step["with"]) <= set(ACTION["inputs"])
    for hook in hooks:
        assert hook["id"] in HOOKS
    for name in re.findall(r"steps\.weights\.outputs\.(\w+)", PAGE):
        assert name in ACTION["outputs"]


def test_the_shell_commands_of_the_page_work(tmp_path):
    command, work = tmp_path / "bin" / "initgen", tmp_path / "work"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m initgen "$@"\n')
    command.chmod(0o755)
    work.mkdir()
    (work / "model.toml").write_text(SPEC)
    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -eux", *blocks("sh"), "test ${#key} = 64"])],
        cwd=work,
        env={**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in work.iterdir()} == {"model.toml", "model.safetensors", "SHA256SUMS"}
    assert (work / "SHA256SUMS").read_text().count("# ") == 2
