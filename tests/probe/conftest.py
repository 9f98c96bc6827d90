"""Networks of the quick form, run once for all tests that look at them."""

from functools import lru_cache

import pytest

from initgen.probe.batch import random_batch
from initgen.probe.described import quick_network
from initgen.probe.signal import probe
from initgen.probe.weights import Drawn


@pytest.fixture(scope="package")
def quick():
    """``quick(depth, width, activation, scheme, seed=0, batch=8)``: what a probe of dense layers finds."""

    @lru_cache
    def probed(depth, width, activation, scheme, seed=0, batch=8):
        network = quick_network(depth, width, activation, scheme, seed=seed)
        return probe(network, Drawn(network.specs), random_batch(network, batch, seed))

    return probed
