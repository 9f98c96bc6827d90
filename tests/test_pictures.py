"""The pictures of the README: the script beside them makes each of them, by the command lines that it says.

Their bytes are not compared: they change with the release of matplotlib and with the browser.
"""

import runpy
import xml.etree.ElementTree
from pathlib import Path

import pytest

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
HEADS = {".svg": b"<", ".png": b"\x89PNG\r\n\x1a\n"}


@pytest.mark.slow
def test_every_picture_is_made_by_the_script_and_is_small(tmp_path):
    kept = {path.name: path for path in PICTURES.iterdir() if path.suffix in HEADS}
    runpy.run_path(str(PICTURES / "make.py"))["make"](tmp_path)
    made = {path.name: path for path in tmp_path.iterdir()}
    # A machine without a browser cannot take the screenshot.
    assert kept.keys() - {"report.png"} <= made.keys() <= kept.keys()
    assert sum(path.stat().st_size for path in kept.values()) < 500_000
    for path in (*kept.values(), *made.values()):
        assert path.read_bytes().startswith(HEADS[path.suffix])
        if path.suffix == ".svg":
            text = path.read_text()
            assert xml.etree.ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
            assert "<image" not in text
            assert "url(http" not in text
