"""Schemes on screens of any width."""

import re

import pytest
from rich.cells import cell_len

from initgen.core.errors import InitgenError
from initgen.report.schemes import show_scheme, show_schemes
from initgen.schemes import SCHEMES
from initgen.specs.tensor import tensor_spec

CODE = re.compile(r"\x1b\[[\d;]*m")


def example_of(scheme):
    try:
        return tensor_spec(scheme.example, (100, 64))
    except InitgenError:
        return None


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [40, 60, 80, 120, 160])
def test_no_line_is_longer_than_the_terminal(width, encoding, screen):
    def show(out):
        show_schemes(out, list(SCHEMES))
        for scheme in SCHEMES:
            show_scheme(out, scheme, example_of(scheme))

    text = CODE.sub("", screen(show, width, encoding=encoding))
    assert max(map(cell_len, text.splitlines())) <= width
    assert text.isascii() == (encoding == "ascii")
    headings = ["scheme", "law"] if width < 72 else ["scheme", "as", "in", "law", "parameters"]
    assert text.splitlines()[0].split() == headings
    for scheme in SCHEMES:
        assert re.search(rf"^ +{scheme.name} ", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["kaiming_uniform", "truncated_normal"])
def test_every_parameter_is_explained_in_any_width(name, screen):
    scheme = SCHEMES[name]
    for width in (None, 40, 80, 200):
        text = " ".join(CODE.sub("", screen(lambda out: show_scheme(out, scheme, None), width)).split())
        for param in scheme.params:
            assert param.rule in text
            assert param.help in text
