"""What the streams of the frameworks offer."""

import pytest

from initgen.core.errors import UnknownName
from initgen.schemes import SCHEMES
from initgen.specs.offer import offers
from initgen.streams.dialects import DIALECTS, dialect_of


@pytest.mark.parametrize("stream", DIALECTS)
def test_every_scheme_is_drawn_to_the_bit_or_the_reason_is_said(stream):
    found = {offer.scheme.partition(":")[0]: offer for offer in offers(stream, SCHEMES)}
    assert list(found) == [scheme.name for scheme in SCHEMES]
    assert {name for name, offer in found.items() if offer.exactness == "tolerance"} == {"orthogonal"}
    assert found["zeros"].exactness == found["identity"].exactness == "constant"
    for name in ("he_uniform", "he_normal", "kaiming_uniform", "kaiming_normal", "random_uniform", "random_normal"):
        assert found[name].exactness == "bitwise"
        assert found[name].function
    for offer in found.values():
        assert bool(offer.reason) == (offer.exactness == "refused")
        assert bool(offer.function) == (offer.exactness in ("bitwise", "tolerance"))
    refused = {name for name, offer in found.items() if offer.exactness == "refused"}
    assert refused >= {"sparse", "icnr", "delta_orthogonal", "chrono", "mamba_dt_bias"}


@pytest.mark.parametrize("stream", DIALECTS)
def test_a_stream_says_what_it_was_compared_with_and_on_what_it_depends(stream):
    framework = dialect_of(stream)
    assert framework.name == stream
    assert any(digit.isdigit() for digit in framework.reference)
    assert framework.conditions
    assert framework.seeds
    assert framework.series


def test_an_unknown_stream_is_said_with_the_nearest():
    with pytest.raises(UnknownName, match="unknown stream 'pytorch'") as caught:
        offers("pytorch", SCHEMES)
    assert "torch" in caught.value.hint
