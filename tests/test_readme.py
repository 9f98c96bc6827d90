"""README tells the truth: what its transcripts show is what the commands print.

``python tests/test_readme.py`` (``make readme``) writes what they print now into README.md.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
TRANSCRIPT = re.compile(r"(?<=```console\n).*?(?=```\n)", re.DOTALL)
PYTHON = re.compile(r"(?<=```python\n).*?(?=```\n)", re.DOTALL)


def transcribed(text: str, directory: Path) -> str:
    """``text`` with each transcript as its commands print it, run in order in one directory."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}

    def run(block: re.Match[str]) -> str:
        lines = []
        for command in re.findall(r"^\$ (.*)$", block[0], re.MULTILINE):
            done = subprocess.run(
                ["bash", "-c", f"exec 2>&1; {command}"], cwd=directory, env=environment, capture_output=True, text=True
            )
            lines += [f"$ {command}", *(line.rstrip() for line in done.stdout.splitlines())]
        return "\n".join(lines) + "\n"

    return TRANSCRIPT.sub(run, text)


def test_transcripts_are_what_the_commands_print(tmp_path):
    text = README.read_text()
    assert text.count("$ initgen") > 10
    assert transcribed(text, tmp_path) == text


def test_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = PYTHON.findall(README.read_text())
    exec(compile(example, "README.md", "exec"), {})


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        README.write_text(transcribed(README.read_text(), Path(name)))
