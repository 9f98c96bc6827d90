"""What every scheme promises, whoever's it is; and the plain ones against their formulas."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.core.dtypes import DTYPES
from initgen.core.errors import BadParameter, InitgenError, UnknownName
from initgen.core.params import bind, split
from initgen.core.registry import camel
from initgen.core.shapes import Fans
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.schemes import SCHEMES
from initgen.specs.tensor import tensor_spec
from initgen.streams import rounding

EVERY = pytest.mark.parametrize("scheme", list(SCHEMES), ids=lambda scheme: scheme.name)
SHAPES = [(1, 1), (100, 64), (64, 100), (3, 3, 16, 64), (1, 1, 1, 4), (5, 4, 8), (8, 4, 3, 3), (2, 2, 2, 4, 8)]


def law_of(text, shape=(100, 64), **given):
    return tensor_spec(text, shape, **given).made


@EVERY
def test_a_scheme_is_documented(scheme):
    for text in (scheme.summary, scheme.formula, scheme.source):
        assert text
        assert text == text.strip()
        assert not text.endswith(".")
        assert "\n" not in text
    assert scheme.summary[0].islower()
    assert scheme.family in ("keras", "torch", "jax", "any", "paper")
    assert (scheme.rule is None) != (scheme.build is None)
    for param in scheme.params:
        assert param.read(shown := param.example if param.default is None else param.default) == shown


@EVERY
def test_a_scheme_is_found_by_every_name(scheme):
    for name in (scheme.name, camel(scheme.name), *scheme.aliases):
        assert SCHEMES[name] is scheme


@EVERY
@pytest.mark.parametrize("layout", ["keras", "torch"])
def test_a_scheme_has_a_finite_law_for_every_shape_it_takes(scheme, layout):
    taken = 0
    for shape in SHAPES if scheme.rule is not None else [(64,), *SHAPES]:
        try:
            made = tensor_spec(scheme.example, shape, layout=layout, fan_in=9 if scheme.fans == "given" else None).made
        except BadParameter:
            assert scheme.build is not None  # only a structure may need another rank, or more outputs
            continue
        taken += 1
        assert str(made)
        if scheme.rule is not None:
            assert math.isfinite(made.mean)
            assert 0 <= made.variance < 100
            assert 1 <= made.kurtosis <= 3
            assert made.support[0] <= made.support[1]
            rounding.bounds(made, DTYPES["float32"])
    assert taken == len(SHAPES) if scheme.rule is not None else taken >= 1


@EVERY
def test_a_scheme_refuses_parameters_out_of_range(scheme):
    for param in scheme.params:
        wrong = {"float": [math.nan, math.inf, "x", True], "int": [0.5, "x", -1], "word": ["fan_inn", 3]}[param.kind]
        wrong += [] if param.above is None else [param.above, -1.0]
        wrong += [] if param.least is None else [param.least - 1]
        wrong += [] if param.most is None else [param.most + 1]
        for value in wrong:
            with pytest.raises(BadParameter, match=f"^{param.name} = "):
                bind(scheme.name, scheme.params, {param.name: value})
    with pytest.raises(UnknownName, match=f"{scheme.name} has no parameter 'colour'"):
        bind(scheme.name, scheme.params, {"colour": 1})


EXTREME = st.sampled_from([0.0, 5e-324, 1e-310, 1e-200, 1e-30, 1.0, 1e30, 1e154, 1e200, 1.7e308])


@EVERY
@settings(derandomize=True, deadline=None, max_examples=40)
@given(data=st.data())
def test_extreme_parameters_give_a_law_or_an_error_of_ours(scheme, data):
    given_values = {
        p.name: data.draw(EXTREME) * data.draw(st.sampled_from([1, -1])) for p in scheme.params if p.kind == "float"
    }
    needed = split(scheme.example)[1]
    dtype = data.draw(st.sampled_from(["float64", "float32", "float8_e5m2"]))
    try:
        made = tensor_spec(
            scheme.name, (4, 4, 4), params={**needed, **given_values}, fan_in=9, fan_out=9, dtype=dtype
        ).made
        if scheme.rule is not None:
            rounding.bounds(made, DTYPES[dtype])
            assert not any(math.isnan(x) for x in (made.mean, made.variance, made.std, made.kurtosis, made.cdf(0.0)))
    except InitgenError:
        return
    assert str(made)


@pytest.mark.parametrize("scheme", [s for s in SCHEMES if s.fans == "shape"], ids=lambda scheme: scheme.name)
def test_a_fan_of_zero_is_an_error_that_names_it(scheme):
    with pytest.raises(BadParameter, match=r"is 0, and .* divides by it") as caught:
        scheme.law(Fans(0, 0), bind(scheme.name, scheme.params, split(scheme.example)[1]))
    assert "--fan-" in caught.value.hint


# Scheme as written, and its law.
PLAIN = [
    ("random_uniform", Uniform(-0.05, 0.05)),
    ("random_uniform:minval=-1,maxval=3", Uniform(-1.0, 3.0)),
    ("random_normal", Normal(0.0, 0.05)),
    ("normal:mean=1,stddev=0.02", Normal(1.0, 0.02)),
    ("truncated_normal", TruncatedNormal(0.0, 0.05, -0.1, 0.1)),
    ("truncated_normal:mean=1,stddev=0.5,lower=-1,upper=3", TruncatedNormal(1.0, 0.5, 0.5, 2.5)),
    ("uniform", Uniform(0.0, 0.01)),
    ("constant:value=-1.5", Constant(-1.5)),
    ("zeros", Constant(0.0)),
    ("ones", Constant(1.0)),
    ("dummy", Uniform(-1e-3, 1e-3)),
]


@pytest.mark.parametrize(("text", "law"), PLAIN, ids=str)
def test_a_plain_scheme_has_its_frameworks_law(text, law):
    assert law_of(text) == law
    assert law_of(text, ()) == law
    assert law_of(text, (0, 3)) == law


@pytest.mark.parametrize(
    "text", ["random_uniform:minval=1,maxval=1", "dummy:low=1", "truncated_normal:lower=2", "trunc_normal:a=3"]
)
def test_bounds_the_wrong_way_round_are_refused(text):
    with pytest.raises(BadParameter, match="must be below"):
        law_of(text)


def test_kerass_truncated_normal_keeps_the_std_of_a_cut_normal():
    assert law_of("truncated_normal").std / 0.05 == pytest.approx(0.87962566103423978, rel=1e-12, abs=0)


def test_names_are_not_shared_between_schemes():
    names = [{scheme.name, camel(scheme.name), *scheme.aliases} for scheme in SCHEMES]
    assert not any(one & other for one, other in itertools.combinations(names, 2))


def test_a_names_law_is_that_of_the_framework_it_comes_from():
    # The same words, other laws: Keras cuts its normals, torch does not; JAX's uniform starts at 0.
    assert isinstance(law_of("he_normal"), TruncatedNormal)
    assert isinstance(law_of("kaiming_normal"), Normal)
    assert law_of("uniform").support[0] == 0
    assert law_of("random_uniform").support[0] < 0
    assert np.isclose(law_of("he_normal").variance, law_of("kaiming_normal", layout="torch", shape=(64, 100)).variance)
