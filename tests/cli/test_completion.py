"""Completion: what is offered at the end of a line, and that bash, zsh and fish put it there."""

import os
import re
import select
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from initgen.cli import COMMANDS

FILES = ("model.toml", "my model.toml")
# What is typed before TAB is pressed, and the word that it becomes.
TYPED = [
    ("initgen ver", "verify"),
    ("initgen sample --scheme he_u", "he_uniform"),
    ("initgen sample --scheme=he_u", "--scheme=he_uniform"),
    ("initgen sample --dry", "--dry-run"),
    ("initgen sample -o mod", "model.toml"),
    ("initgen sample mod", "model.toml"),
    ("initgen stats --spec mod", "model.toml"),
    ("initgen sample --like=mod", "--like=model.toml"),
    ("initgen spec my", "my\\ model.toml"),
]


@pytest.fixture
def offered(run, monkeypatch):
    """``offered(line)``: the words that may stand at its end, or "file"."""

    def ask(line):
        monkeypatch.setenv("_INITGEN_COMPLETE", line)
        made = run()
        assert (made.code, made.err) == (0, "")
        answers = [answer.split("\t") for answer in made.text.splitlines()]
        return [answer[1] if answer[0] == "word" else answer[0] for answer in answers]

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("initgen ver", ["verify"]),
        ("initgen ", list(COMMANDS)),
        ("initgen sample --scheme he_", ["he_uniform", "he_normal"]),
        ("initgen sample -s he_u", ["he_uniform"]),
        ("initgen sample --scheme=he_u", ["--scheme=he_uniform"]),
        ("initgen sample --scheme 'he_u", ["he_uniform"]),
        ("initgen sample --dtype b", ["bfloat16", "bool"]),
        ("initgen sample --format s", ["safetensors"]),
        ("initgen sample --layout ", ["keras", "torch"]),
        ("initgen sample --preset=gp", ["--preset=gpt2"]),
        ("initgen sample --stream keras-j", ["keras-jax"]),
        ("initgen sample --shape nonsense --dtype bf", ["bfloat16"]),
        ("initgen sample --scheme nonsense --max-sh", ["--max-shard-size"]),
        ("initgen schemes glorot_u", ["glorot_uniform"]),
        ("initgen completion f", ["fish"]),
        ("initgen stats --fail-on u", ["unchecked"]),
        ("initgen nonsense x", []),
        ("initgen sample --no-such-option ", ["file"]),
        *(
            (f"initgen {before}", ["file"])
            for before in (
                "sample mod",
                "sample -o ",
                "sample --output=m",
                "sample --like m",
                "stats ",
                "stats 'my mod",
                "stats --spec ",
                "stats --plot ",
                "stats --html=",
                "stats w.npy --junit ",
                "verify --spec m",
                "identify ",
                "diff a.npy b",
                "spec ",
                "probe ",
                "probe --weights w",
                "probe --input i",
                "probe --html ",
            )
        ),
    ],
)
def test_what_may_stand_at_the_end_of_a_line_is_offered(line, words, offered):
    assert offered(line) == words


def test_a_word_comes_with_what_it_is(run, monkeypatch):
    monkeypatch.setenv("_INITGEN_COMPLETE", "initgen diff")
    assert run().text == "word\tdiff\tSay what differs between two files.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_asks_initgen_and_is_sound_to_its_shell(shell, run):
    made = run("completion", shell)
    assert (made.code, made.err) == (0, "")
    assert "_INITGEN_COMPLETE" in made.text
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=made.out, timeout=60).returncode == 0


@pytest.fixture
def place(tmp_path):
    """A directory with files in it, and an environment whose initgen is this one."""
    for name in FILES:
        (tmp_path / name).touch()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ}
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "none"), "LC_ALL": "C.UTF-8", "TERM": "dumb"}
    return tmp_path, {"PATH": path, **home, **kept}


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f"needs {shell}")


@needs("fish")
def test_fish_offers_words_files_and_what_they_are(place):
    directory, environment = place
    asked = "; ".join(f"complete -C '{typed}'" for typed, _ in (*TYPED, ("initgen diff", "")))
    made = subprocess.run(
        ["fish", "--no-config", "-c", f"initgen completion fish | source; {asked}"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = made.stdout.splitlines()
    assert [line.partition("\t")[0] for line in lines] == [word.replace("\\", "") for _, word in TYPED] + ["diff"]
    assert lines[-1] == "diff\tSay what differs between two files."


STARTED = {
    "bash": (["bash", "--norc", "--noprofile"], "PS1='%'; eval \"$(initgen completion bash)\""),
    "zsh": (["zsh", "-f"], "PS1='%%'; autoload -Uz compinit; compinit -u; eval \"$(initgen completion zsh)\""),
}


@contextmanager
def terminal(arguments, directory, environment):
    """A program on a terminal: ``say(text, until)`` types it, and gives what is shown until a pattern is."""
    import pty  # Windows has none

    child, descriptor = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execvpe(arguments[0], arguments, environment)
    shown = ""

    def say(text, until):
        nonlocal shown
        os.write(descriptor, text.encode())
        shown, end = "", time.monotonic() + 20
        while not re.search(until, shown):
            assert time.monotonic() < end, f"{text!r} showed {shown!r}"
            if select.select([descriptor], [], [], 0.1)[0]:
                shown += os.read(descriptor, 65536).decode(errors="replace")
        return shown

    try:
        yield say
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(descriptor)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("shell", [pytest.param(name, marks=needs(name)) for name in STARTED])
def test_tab_completes_the_line_on_a_terminal(shell, place):
    directory, environment = place
    arguments, setup = STARTED[shell]
    with terminal(arguments, directory, environment) as say:
        say(f"{setup}; echo rea''dy\r", "ready\r")
        for typed, word in TYPED:
            whole = f"{typed.rpartition(' ')[0]} {word}"
            say(f"{typed}\t", re.escape(whole.replace("\\", "\\")))
            say("\x15echo do''ne\r", "done\r")
