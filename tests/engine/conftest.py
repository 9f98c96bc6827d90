"""What tests of writing share."""

import pytest

from initgen.engine.progress import Progress


class Told(Progress):
    """Calls ``do`` with the bytes that are reported."""

    def __init__(self, do):
        self.do = do

    def __call__(self, nbytes):
        self.do(nbytes)


@pytest.fixture
def told():
    return Told
