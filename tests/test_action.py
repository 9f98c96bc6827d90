"""The GitHub Action: its scripts run as a runner runs them, and no input is ever more than text."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import initgen

ROOT = Path(__file__).parent.parent
ACTION = YAML(typ="safe", pure=True).load(ROOT / "action.yml")
STEPS = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")

SPEC = """
seed = 3
[variables]
n = 2
[tensors]
"h.{0..${n - 1}}.weight" = { shape = [4, 3], scheme = "he_uniform" }
"h.{0..${n - 1}}.bias" = { shape = [3], scheme = "zeros" }
"""
BAD_SPEC = '[tensors]\n"w" = { shape = [4, 3], schema = "he_uniform" }\n'

# In place of Python on the runner: takes down what pip is asked for, and installs the initgen of this test.
STUB = """#!/bin/sh
[ "$1 $2 $3 $4" = "-I -m venv --clear" ] || exit 99
mkdir -p "$5/bin"
printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@" > "$RUNNER_TEMP/pip"\\n' > "$5/bin/pip"
printf '#!/bin/sh\\nexec "{python}" -P -m initgen "$@"\\n' > "$5/bin/initgen"
printf '#!/bin/sh\\nexec "{python}" "$@"\\n' > "$5/bin/python"
chmod +x "$5"/bin/*
"""


@dataclass
class Done:
    """A run of the action: exit code of the step that ended it, outputs, messages, and what pip was asked for."""

    code: int
    outputs: dict[str, str]
    stderr: str
    pip: list[str]


@pytest.fixture
def act(tmp_path):
    """Run the action's steps as the runner does: expressions evaluated in env, scripts by bash -eo pipefail."""
    runner, work = tmp_path / "runner temp", tmp_path / "work"
    (runner / "path").mkdir(parents=True)
    work.mkdir()
    stub = runner / "path" / "python3"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{runner / 'path'}{os.pathsep}{os.environ['PATH']}",
        "RUNNER_TEMP": str(runner),
        "GITHUB_ACTION_PATH": "/the/action",
        "GITHUB_OUTPUT": str(runner / "output"),
    }

    def run(**inputs):
        assert set(inputs) <= set(ACTION["inputs"])
        known = {
            f"inputs.{name}": inputs.get(name, given.get("default", "")) for name, given in ACTION["inputs"].items()
        }
        for step in STEPS:
            (runner / "output").write_text("")
            (runner / "script.sh").write_text(step["run"])
            set_here = {key: known[EXPRESSION.fullmatch(text)[1]] for key, text in step["env"].items()}
            assert step["shell"] == "bash"
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", runner / "script.sh"],
                cwd=work,
                env={**environment, **set_here},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
            )
            lines = (runner / "output").read_text().splitlines()
            written = dict(line.split("=", 1) for line in lines)
            known |= {f"steps.{step['id']}.outputs.{key}": value for key, value in written.items()}
            if done.returncode:
                break
        outputs = {
            name: known[EXPRESSION.fullmatch(output["value"])[1]]
            for name, output in ACTION["outputs"].items()
            if EXPRESSION.fullmatch(output["value"])[1] in known
        }
        return Done(done.returncode, outputs, done.stderr, (runner / "pip").read_text().splitlines())

    run.work = work
    (work / "m.toml").write_text(SPEC)
    return run


def sha256(*paths):
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(f"{d}\n" for d in digests).encode()).hexdigest()


def files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def made_in_python(directory, name, shard=None, **options):
    """What the public functions did to make the output: "wrote" or, where it was there, "unchanged"."""
    specs = initgen.model(directory / "m.toml", **options)
    return initgen.write(specs, directory / name, max_shard_size=shard, fsync=False).action


def test_each_input_is_used_and_documented():
    used = {name for step in STEPS for text in step["env"].values() for name in EXPRESSION.findall(text)}
    assert {f"inputs.{name}" for name in ACTION["inputs"]} == {name for name in used if name.startswith("inputs.")}
    page = (ROOT / "docs" / "ci.md").read_text()
    for name, one in {**ACTION["inputs"], **ACTION["outputs"]}.items():
        assert len(one["description"]) > 20
        assert f"| `{name}` |" in page
    for step in STEPS:
        for variable in step["env"]:
            assert f'"${variable}' in step["run"], "used, and in quotes"


def test_no_input_is_pasted_into_a_script():
    for step in STEPS:
        assert not EXPRESSION.search(step["run"])
        assert set(step) == {"name", "id", "shell", "env", "run"}


@pytest.mark.parametrize(
    ("output", "args", "same", "made"),
    [
        ("w.npz", "--seed=4\n\n--set=n=1\n", {"seed": 4, "variables": {"n": 1}}, ["w.npz"]),
        (
            "shards/",
            "--max-shard-size=80",
            {"shard": 80},
            ["shards/model-00001-of-00002.safetensors", "shards/model-00002-of-00002.safetensors",
             "shards/model.safetensors.index.json"],
        ),
    ],
)  # fmt: skip
def test_the_action_makes_what_the_command_makes_and_says_its_digest(output, args, same, made, act):
    done = act(spec="m.toml", output=output, args=args)
    assert (done.code, done.stderr.count("error")) == (0, 0)
    assert files(act.work) == {"m.toml", *made}
    assert done.outputs == {"path": output, "digest": sha256(*(act.work / name for name in made))}
    assert made_in_python(act.work, output, **same) == "unchanged"


def test_a_checkpoint_and_a_preset_do_for_a_spec(act):
    made_in_python(act.work, "w.safetensors")
    done = act(like="w.safetensors", preset="torch", output="again.safetensors")
    assert (done.code, done.stderr.count("error")) == (0, 0)
    assert initgen.verify(
        act.work / "again.safetensors", initgen.model(like=act.work / "w.safetensors", preset="torch")
    ).passed


@pytest.mark.parametrize("state", ["right", "wrong", "missing"])
def test_check_fails_where_the_file_is_not_what_the_spec_makes(state, act):
    made_in_python(act.work, "w.npz")
    path = act.work / "w.npz"
    if state == "missing":
        path.unlink()
    elif state == "wrong":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = {name: (act.work / name).read_bytes() for name in files(act.work)}
    done = act(spec="m.toml", output="w.npz", check="true")
    assert done.code == (0 if state == "right" else 1)
    assert done.outputs == ({"path": "w.npz", "digest": sha256(path)} if state == "right" else {})
    assert {name: (act.work / name).read_bytes() for name in files(act.work)} == before


# What a shell, a glob or a command line could take for something else.
@pytest.mark.parametrize(
    "name",
    ["a\nb; touch pwned & $(touch pwned) `touch pwned` #", "' && touch pwned '\" && touch pwned \"", "--force", "*\\"],
)
def test_hostile_names_are_names(name, act):
    (act.work / f"{name}.toml").write_text(SPEC)
    output = name.replace("\n", " ") + ".npz"
    done = act(spec=f"{name}.toml", output=output, args=f"--only=*\n--rule={output}=zeros")
    assert (done.code, done.stderr.count("error")) == (0, 0)
    assert files(act.work) == {"m.toml", f"{name}.toml", output}
    assert done.outputs == {"path": output, "digest": sha256(act.work / output)}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"spec": "m.toml", "output": "w.npz\ndigest=0"}, "line break"),
        ({"spec": "m.toml", "output": "w.npz\rdigest=0"}, "line break"),
        ({"spec": "m.toml", "output": ""}, "output = '' is not a path"),
        ({"spec": "m.toml", "output": "w.npz", "check": "yes"}, "check = yes"),
        ({"spec": "m.toml", "output": "w.npz", "args": "--seed 7; touch pwned"}, "no such option"),
        ({"spec": "m.toml", "output": "w.npz", "preset": "$(touch pwned)"}, "unknown preset"),
        ({"spec": "bad.toml", "output": "w.npz"}, "schema"),
        ({"spec": "none.toml", "output": "w.npz"}, "none.toml"),
        ({"like": "$(touch pwned); touch pwned", "output": "w.npz"}, "$(touch pwned); touch pwned"),
        ({"output": "w.npz"}, "nothing to sample"),
    ],
)
def test_bad_inputs_fail_with_a_message_and_without_outputs(inputs, message, act):
    (act.work / "bad.toml").write_text(BAD_SPEC)
    done = act(**inputs)
    assert done.code == 2
    assert message in done.stderr.lower()
    assert done.outputs == {}
    assert files(act.work) == {"m.toml", "bad.toml"}


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("", "/the/action"),
        ("0.2.0", "initgen==0.2.0"),
        ("0.2.0; touch pwned", "initgen==0.2.0; touch pwned"),
        ("git+https://host/who/initgen@main", "git+https://host/who/initgen@main"),
        ("--index-url=https://host/", "--index-url=https://host/"),
    ],
)
def test_pip_is_asked_for_one_thing_and_takes_no_option_from_it(version, asked, act):
    done = act(version=version, output="")
    assert done.pip[-2:] == ["--", asked]
    assert files(act.work) == {"m.toml"}
