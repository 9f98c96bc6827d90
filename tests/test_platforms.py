"""On systems that lack what POSIX has, initgen does the same work: seen in a Python from which it was taken away."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import initgen
from initgen.core.errors import FormatError, OutputError
from initgen.engine import files

AS_ON_WINDOWS = Path(__file__).parent / "as_on_windows.py"
SPEC = """
seed = 3
[tensors]
"h.{0..2}.weight" = { shape = [600, 500], scheme = "he_uniform" }
"norm" = { shape = [64], scheme = "ones" }
"""
DEVICES = '[tensors]\n"block/CON" = { shape = [4], scheme = "ones" }\n'
SHARDS = ("--max-shard-size", "2MB")


def sample(*args, code=0, spec="m.toml"):
    return [*(("Ctrl-C",) if code == 130 else ()), "sample", spec, "-q", *args], code


COMMANDS = [
    *(sample("-o", f"m.{suffix}", "--threads", "2") for suffix in ("safetensors", "h5", "npz")),
    (["sample", "-q", "-s", "he_uniform", "--shape", "600x500", "-o", "w.npy"], 0),
    sample("-o", "m.safetensors"),
    sample("-o", "m.safetensors", "--check"),
    sample("-o", "m.safetensors", "--seed", "4", code=2),
    sample("-o", "m.safetensors", "--seed", "4", "--force", code=130),
    sample("-o", "new.h5", code=130),
    sample("-o", "new/", *SHARDS, code=130),
    sample("-o", "m.safetensors", "--seed", "4", "--force"),
    sample("-o", "m.safetensors", "--check", code=1),
    (["verify", "m.safetensors", "m.h5"], 0),
    (["stats", "m.safetensors", "--html", "report.html"], 0),
    (["diff", "m.h5", "m.npz"], 0),
    (["spec", "m.safetensors", "-o", "derived.toml"], 0),
    sample("-o", "shards/", *SHARDS),
    sample("-o", "shards/", "--check", *SHARDS),
    sample("-o", "shards/", "--seed", "4", *SHARDS, code=2),
    sample("-o", "shards/", "--seed", "4", "--force", *SHARDS, code=130),
    sample("-o", "shards/", "--seed", "4", "--force", *SHARDS),
    (["verify", "shards/"], 0),
    sample("-o", "parts/", "--shard", "1/2", *SHARDS),
    sample("-o", "parts/", "--resume", *SHARDS),
    sample("-o", "parts/", "--finish", *SHARDS),
    sample("-o", "arrays/", "--format", "npy"),
    sample("-o", "devices/", "--format", "npy", spec="devices.toml", code=2),
]


def run(commands, where):
    done = subprocess.run(
        [sys.executable, "-W", "error", AS_ON_WINDOWS, json.dumps(commands)],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    if sys.platform != "linux":
        pytest.skip("reads /proc to see what is open")
    place = tmp_path_factory.mktemp("windows")
    (place / "m.toml").write_text(SPEC)
    (place / "devices.toml").write_text(DEVICES)
    return place, run([command for command, _ in COMMANDS], place)


def test_every_command_ends_as_it_does_elsewhere(windows):
    _, found = windows
    assert list(zip([" ".join(command) for command, _ in COMMANDS], found["codes"], strict=True)) == [
        (" ".join(command), code) for command, code in COMMANDS
    ]


def test_the_bytes_are_those_of_other_systems(windows, tmp_path):
    place, found = windows
    three, four = (initgen.model(place / "m.toml", seed=seed) for seed in (3, 4))
    for specs, name in (
        (three, "m.npz"),
        (four, "m.safetensors"),
        (three, "arrays/"),
        (four, "shards/"),
        (three, "parts/"),
    ):
        options = (
            {"max_shard_size": "2MB"}
            if name in ("shards/", "parts/")
            else {"format": "npy"}
            if name == "arrays/"
            else {}
        )
        initgen.write(specs, f"{tmp_path}/{name}", **options)
    wanted = {
        str(path.relative_to(tmp_path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert len(wanted) == 14
    assert wanted == {name: found["files"].get(name) for name in wanted}


def test_no_temporary_is_left(windows):
    _, found = windows
    assert [name for name in (*found["files"], *found["directories"]) if "initgen-" in name] == []
    assert not {"new.h5", "new", "devices"} & {*found["files"], *found["directories"]}


def test_what_was_taken_away_is_missed_by_those_who_need_it(tmp_path):
    """The preamble does take it away."""
    code = (
        f"import os, sys; sys.path.insert(0, {str(AS_ON_WINDOWS.parent)!r})\n"
        "from as_on_windows import become_windows; become_windows()\n"
        "open('a', 'w').close(); open('b', 'w').close(); held = open('a')\n"
        "for act in (lambda: os.pread, lambda: os.open('.', 0), lambda: os.unlink('a'), lambda: os.rename('b', 'c'),"
        " lambda: os.rename('c', 'a'), lambda: __import__('fcntl')):\n"
        "    try: act(); print('done')\n"
        "    except (AttributeError, ImportError, OSError) as error: print(type(error).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [
        *("AttributeError", "PermissionError", "PermissionError", "done", "PermissionError", "ModuleNotFoundError"),
    ]


@pytest.mark.parametrize(
    "name", ["CON", "nul", "a/aux", "com1.x", "LPT¹", "a:b", "what?", "dot./b", "blank /b", 'quo"te', "a\x1fb"]
)
def test_names_that_windows_keeps_for_itself_are_refused_there(name, monkeypatch, tmp_path):
    spec = initgen.tensor("ones", (3,), name=name)
    files.plan_files([spec], f"{tmp_path}/d/", "npy")
    monkeypatch.setattr(files, "WINDOWS", True)
    with pytest.raises(FormatError, match="Windows"):
        files.plan_files([spec], f"{tmp_path}/d/", "npy")


@pytest.mark.parametrize("name", ["console", "com10", "nully", "a.b", "layers.0.weight", "größe", "a b"])
def test_other_names_are_not(name, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "WINDOWS", True)
    files.plan_files([initgen.tensor("ones", (3,), name=name)], f"{tmp_path}/d/", "npy")


def test_two_names_that_are_one_to_the_file_system_are_refused(monkeypatch, tmp_path):
    """As on macOS and Windows, which do not tell A from a: the later would overwrite the earlier."""
    import os

    from initgen.engine import directory

    real = os.path.lexists

    def lexists(path):
        folder, name = os.path.split(path)
        return real(path) or (os.path.isdir(folder) and name.lower() in {other.lower() for other in os.listdir(folder)})

    specs = [initgen.tensor("ones", (3,), name=name) for name in ("A", "a")]
    initgen.write(specs, f"{tmp_path}/both/", format="npy")
    monkeypatch.setattr(directory.os.path, "lexists", lexists)
    with pytest.raises(OutputError, match=r"a\.npy: another tensor's file"):
        initgen.write(specs, f"{tmp_path}/one/", format="npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both"]
