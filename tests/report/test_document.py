"""A report's path is refused before the work, in one line that names the option, or the report appears whole."""

import os
import stat
import sys

import pytest

from initgen.core.errors import BadParameter, OutputError
from initgen.report import html, plot

REPORTS = {"--plot": (plot, ".png", b"\x89PNG\r\n\x1a\n"), "--html": (html, ".html", b"<!doctype html>")}
BOTH = pytest.mark.parametrize("option", REPORTS)


def refusal(option, path):
    with pytest.raises((BadParameter, OutputError)) as error:
        REPORTS[option][0].check(str(path))
    assert error.value.message.startswith(option)
    assert "\n" not in error.value.message + error.value.hint
    return error.value.message


@BOTH
@pytest.mark.parametrize("name", ["w", "w.npy", "w.safetensors", "w.png.npy", ".", "png", "-", "", "w.html.txt"])
def test_another_suffix_is_refused(option, name):
    assert "must end in ." in refusal(option, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@BOTH
def test_a_path_that_cannot_be_written_is_refused(option, tmp_path):
    suffix = REPORTS[option][1]
    assert "there is no directory" in refusal(option, tmp_path / "no" / f"r{suffix}")
    (tmp_path / f"d{suffix}").mkdir()
    assert "is a directory" in refusal(option, tmp_path / f"d{suffix}")
    os.mkfifo(tmp_path / f"f{suffix}")
    assert "is not a regular file" in refusal(option, tmp_path / f"f{suffix}")
    (tmp_path / f"l{suffix}").symlink_to("nowhere")
    assert "a symbolic link that leads nowhere" in refusal(option, tmp_path / f"l{suffix}")


@BOTH
def test_a_report_is_replaced_and_any_other_file_is_not(option, tmp_path):
    module, suffix, head = REPORTS[option]
    path = tmp_path / f"r{suffix}"
    module.check(str(path))
    for old in (b"", head, head.lower() + b"...", b"\xef\xbb\xbf \n" + head):
        path.write_bytes(old)
        module.check(str(path))
    for old in (b"x", b"\x93NUMPY\x01\x00", head[1:]):
        path.write_bytes(old)
        assert f"exists and is no {suffix[1:].upper()} file" in refusal(option, path)
        assert path.read_bytes() == old


@BOTH
@pytest.mark.parametrize("upper", [False, True])
def test_every_suffix_is_written_and_looks_like_what_may_be_replaced(option, upper, tmp_path):
    module = REPORTS[option][0]
    for suffix in module.KINDS:
        path = str(tmp_path / f"r{suffix.upper() if upper else suffix}")
        module.check(path)
        module.save(path, [])
        module.check(path)
        assert os.path.getsize(path) > 500


def test_a_report_keeps_the_mode_and_follows_the_link(tmp_path):
    real = tmp_path / "real.html"
    real.touch()
    real.chmod(0o640)
    (tmp_path / "r.html").symlink_to("real.html")
    html.save(str(tmp_path / "r.html"), [])
    assert real.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "real.html"]


def test_without_matplotlib_there_is_a_hint_and_html_still_works(tmp_path, monkeypatch):
    for name in [*(name for name in sys.modules if name.startswith("matplotlib")), "matplotlib", "matplotlib.figure"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(OutputError) as error:
        plot.check(str(tmp_path / "w.png"))
    assert (error.value.message, error.value.hint) == ("--plot needs matplotlib", "pip install 'initgen[plot]'")
    html.check(str(tmp_path / "w.html"))
    html.save(str(tmp_path / "w.html"), [])
