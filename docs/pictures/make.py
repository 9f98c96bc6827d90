"""Make the pictures of the README anew: ``make pictures``, or ``python docs/pictures/make.py DIRECTORY``.

The commands are those that README shows beside them. Another release of matplotlib or another browser draws the same
things with other bytes.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"

# Each command, and how it ends: 1 where the answer is no.
COMMANDS = [
    ("initgen sample --scheme he_uniform --shape 100x64 -o w.npy", 0),
    ("initgen stats w.npy --scheme he_uniform --plot he_uniform.svg", 0),
    ("initgen stats w.npy --scheme lecun_uniform --plot lecun_uniform.svg", 1),
    (
        "initgen probe --depth 50 --width 512 --activation relu --scheme he_uniform --scheme lecun_uniform"
        " --plot relu.svg",
        0,
    ),
    ("initgen sample examples/cnn.toml -o cnn.safetensors", 0),
    (
        "initgen stats cnn.safetensors --name '*.conv.weight' --name fc.weight --name head.weight"
        " --scheme torch_default --layout torch --plot model.svg --html report.html",
        1,
    ),
]
TERMINAL = "initgen stats w.npy --scheme lecun_uniform"
COLUMNS = 110
# Rich's own, without the fonts that it would fetch, and without the frame of a window.
_FORMAT = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<defs>{lines}</defs>
<rect fill="#1b1f24" width="{terminal_width}" height="{terminal_height}" rx="8"/>
<g transform="translate(12, 8)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def run(command: str, place: Path, code: int, **environment: str) -> str:
    """What a command line of initgen prints."""
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=place,
        env={**os.environ, "COLUMNS": str(COLUMNS), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != code:
        sys.exit(f"{command}: ended with {done.returncode}\n{done.stderr}")
    return done.stdout


def terminal(text: str, path: Path) -> None:
    """A picture of what a terminal shows."""
    shown = Console(record=True, width=COLUMNS + 3, file=io.StringIO(), force_terminal=True)
    shown.print(Text(f"$ {TERMINAL}"))
    shown.print(Text.from_ansi(text))
    svg = shown.export_svg(code_format=_FORMAT, unique_id="t")
    path.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), encoding="utf-8")


def screenshot(page: Path, path: Path) -> bool:
    """What a browser shows of a page; False where there is none."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser:
        options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
        options += " --disable-component-update --disable-sync --hide-scrollbars --window-size=1240,600"
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            subprocess.run(
                [browser, *options.split(), f"--user-data-dir={profile}", f"--screenshot={path}", page.as_uri()],
                capture_output=True,
                check=True,
                timeout=120,
            )
    return browser is not None


def make(directory: Path) -> None:
    """All of them, in a directory."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        shutil.copytree(EXAMPLES, place / "examples")
        for command, code in COMMANDS:
            run(command, place, code)
        terminal(run(TERMINAL, place, 1, FORCE_COLOR="1"), place / "terminal.svg")
        if not screenshot(place / "report.html", place / "report.png"):
            print("report.png stays as it is: there is no browser to draw it")
        for made in (*place.glob("*.svg"), *place.glob("*.png")):
            shutil.copy(made, directory / made.name)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
