"""Initializers in Keras' configs have Keras' laws: classes, short names, seeds, and the axes that make the fans."""

import json
import math

import pytest

from initgen.core.errors import InitgenError
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.specs.describe import describe
from initgen.specs.layers.keras.config import model_of
from initgen.specs.layers.keras.placed import placed

DENSE = ("Dense", {"units": 40}, [60])  # fan_in 60, fan_out 40
MERGED = ("EinsumDense", {"equation": "abc,bcd->ad", "output_shape": [4]}, [2, 3])  # kernel (2, 3, 4)
AFTER = {"input_axes": None, "output_axes": None}  # what every scaled initializer has since Keras 3.15
CUT = 0.87962566103423978  # the standard deviation of a standard normal cut at ±2; Keras divides by it


def config_of(kind, config, shape, **more):
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape]}},
        {"class_name": kind, "config": {"name": "it", **config, **more}},
    ]
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


@pytest.fixture
def made(tmp_path):
    """The description of a layer's kernel: what an initializer makes there."""

    def make(initializer, layer=DENSE, **options):
        config = config_of(*layer, kernel_initializer=initializer)
        (tmp_path / "m.json").write_text(json.dumps(config))
        return describe(str(tmp_path / "m.json"), only="*/kernel", **options)[0]

    return make


def init(name, **config):
    return {"module": "keras.initializers", "class_name": name, "config": config, "registered_name": None}


def uniform(bound):
    return Uniform(-bound, bound)


def cut(std):
    """Keras' truncated normal of a variance: wider by what the cut takes away."""
    return TruncatedNormal(0.0, std / CUT, -2 * std / CUT, 2 * std / CUT)


# Bounds and deviations by the formulas of Glorot & Bengio 2010, He et al. 2015 and LeCun et al. 1998.
LAWS = [
    (init("GlorotUniform", seed=None, **AFTER), uniform(math.sqrt(6 / 100))),
    (init("GlorotNormal", seed=None, **AFTER), cut(math.sqrt(2 / 100))),
    (init("HeUniform", seed=None, **AFTER), uniform(math.sqrt(6 / 60))),
    (init("HeNormal", seed=None, **AFTER), cut(math.sqrt(2 / 60))),
    (init("LecunUniform", seed=None, **AFTER), uniform(math.sqrt(3 / 60))),
    (init("LecunNormal", seed=None, **AFTER), cut(math.sqrt(1 / 60))),
    (init("VarianceScaling", scale=0.5, mode="fan_out", distribution="uniform"), uniform(math.sqrt(1.5 / 40))),
    (init("VarianceScaling", scale=2.0, mode="fan_avg", distribution="truncated_normal"), cut(math.sqrt(2 / 50))),
    (init("VarianceScaling", scale=2.0, mode="fan_avg", distribution="normal"), cut(math.sqrt(2 / 50))),
    (
        init("VarianceScaling", scale=2.0, mode="fan_in", distribution="untruncated_normal"),
        Normal(0, math.sqrt(2 / 60)),
    ),
    (init("RandomUniform", minval=-0.1, maxval=0.2), Uniform(-0.1, 0.2)),
    (init("RandomNormal", mean=1.0, stddev=0.02), Normal(1.0, 0.02)),
    (init("TruncatedNormal", mean=0.0, stddev=0.3), TruncatedNormal(0.0, 0.3, -0.6, 0.6)),
    (init("Constant", value=0.25), Constant(0.25)),
    (init("Zeros"), Constant(0.0)),
    (init("Ones"), Constant(1.0)),
    # keras.initializers.get finds these by name, with the defaults of their classes.
    ("glorot_uniform", uniform(math.sqrt(6 / 100))),
    ("he_normal", cut(math.sqrt(2 / 60))),
    ("lecun_uniform", uniform(math.sqrt(3 / 60))),
    ("uniform", Uniform(-0.05, 0.05)),
    ("random_uniform", Uniform(-0.05, 0.05)),
    ("normal", Normal(0.0, 0.05)),
    ("random_normal", Normal(0.0, 0.05)),
    ("truncated_normal", TruncatedNormal(0.0, 0.05, -0.1, 0.1)),
    ("variance_scaling", cut(math.sqrt(1 / 60))),
    ("zero", Constant(0.0)),
    ("zeros", Constant(0.0)),
    ("one", Constant(1.0)),
    ("ones", Constant(1.0)),
    ("HeUniform", uniform(math.sqrt(6 / 60))),
]


def numbers(law):
    return [getattr(law, field) for field in law.__dataclass_fields__]


@pytest.mark.parametrize(("given", "law"), LAWS, ids=lambda each: str(each)[:90])
def test_an_initializer_has_keras_law(made, given, law):
    found = made(given).made
    assert type(found) is type(law)
    assert numbers(found) == pytest.approx(numbers(law), rel=1e-12)


@pytest.mark.parametrize(
    ("given", "scheme", "params"),
    [
        (init("Orthogonal", gain=0.7, seed=None), "orthogonal", {"gain": 0.7}),
        (init("OrthogonalInitializer", gain=0.7, seed=None), "orthogonal", {"gain": 0.7}),
        (init("Identity", gain=1.5), "identity", {"gain": 1.5}),
        (init("IdentityInitializer", gain=1.5), "identity", {"gain": 1.5}),
        ("orthogonal", "orthogonal", {"gain": 1}),
        ("identity", "identity", {"gain": 1}),
    ],
    ids=str,
)
def test_a_structure_has_keras_gain(made, given, scheme, params):
    spec = made(given)
    assert spec.scheme.name == scheme
    assert {key: spec.params[key] for key in params} == params


def test_the_same_instance_in_keras_has_the_same_seed_here(made):
    assert (made(init("HeUniform", seed=7)).seed, made(init("HeUniform", seed=7)).keyed) == (7, False)
    generator = {"module": "keras.random", "class_name": "SeedGenerator", "config": {"seed": 7}}
    for seed in (None, generator):
        spec = made(init("HeUniform", seed=seed), seed=3)
        assert (spec.seed, spec.keyed) == (3, True)


# Measured with Keras: (2, 3, 4) as a kernel of a convolution has fans 2·3 and 2·4; with axes their products.
@pytest.mark.parametrize(
    ("given", "fans"),
    [
        (init("GlorotUniform", seed=None, **AFTER), (6, 4)),
        (init("GlorotUniform", seed=None, input_axes=[0, 1], output_axes=[2]), (6, 4)),
        (init("GlorotUniform", seed=None, input_axes=[0], output_axes=[1, 2]), (2, 12)),
        (init("GlorotUniform", seed=None, input_axes=[-1], output_axes=[0]), (4, 2)),
        (init("GlorotUniform", seed=None), (6, 8)),  # before 3.15 there were no axes
        (init("VarianceScaling", scale=1.0, mode="fan_in", distribution="uniform"), (6, 8)),
        ("glorot_uniform", (6, 4)),
    ],
    ids=str,
)
def test_the_fans_of_a_kernel_of_many_axes_are_those_of_its_keras(made, given, fans):
    found = made(given, MERGED)
    assert found.shape == (2, 3, 4)
    assert (found.fans.fan_in, found.fans.fan_out) == fans


def test_the_projections_of_attention_have_the_fans_of_their_keras():
    def fans(initializer):
        config = {"num_heads": 2, "key_dim": 3, "use_bias": False, "kernel_initializer": initializer}
        found, _ = placed(model_of(config_of("MultiHeadAttention", config, [5, 8]), {}))
        return {one.name.split("/")[1]: (one.weight.options.fan_in, one.weight.options.fan_out) for one in found}

    after = fans(init("GlorotUniform", seed=None, **AFTER))
    assert (after["query"], after["attention_output"]) == ((8, 6), (6, 8))
    # (8, 2, 3) and (2, 3, 8) as convolutions: their shapes say it.
    assert set(fans(init("GlorotUniform", seed=None)).values()) == {(None, None)}


def test_a_scheme_without_fans_is_given_none(made):
    assert made(init("RandomNormal", mean=0.0, stddev=0.02), MERGED).fans is None


UNKNOWN = [
    (init("MyInit", x=1), "MyInit"),
    ({**init("HeUniform"), "registered_name": "mine>HeUniform"}, "HeUniform"),
    (init("Constant", value=[1.0, 2.0]), "Constant"),
    ("my_init", "my_init"),
    ("kaiming_uniform", "kaiming_uniform"),  # Keras has no such name
]


@pytest.mark.parametrize(("given", "name"), UNKNOWN, ids=str)
def test_an_initializer_that_is_not_known_is_named_and_a_rule_gives_it_a_scheme(made, given, name):
    with pytest.raises(InitgenError, match=rf"it/kernel, of the initializer {name}, has no scheme"):
        made(given)
    assert made(given, rules="*/kernel=he_uniform").scheme.name == "he_uniform"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (5, "5 is not an initializer"),
        ({}, "{} is not an initializer"),
        (init("HeUniform", seed=-1), "seed = -1 must be a whole number from 0"),
        (init("HeUniform", seed=2**64), "seed = 18446744073709551616 must be"),
        (init("HeUniform", seed=True), "seed = True must be"),
        (init("HeUniform", seed=0.5), "seed = 0.5 must be"),
        (init("HeUniform", input_axes=[7], output_axes=[1]), r"HeUniform: \[7, 1\] are not axes of a weight of 2"),
        (init("HeUniform", input_axes=[0] * 500, output_axes=[1]), "are not axes of a weight of 2"),
        (init("VarianceScaling", scale=-1.0), "scale = -1.0 must be a number above 0"),
        (init("VarianceScaling", mode="fan_all"), "mode = 'fan_all' must be one of"),
        (init("RandomUniform", minval=1.0, maxval=0.0), "minval = 1 must be below maxval"),
        (init("RandomNormal", stddev=-0.1), "stddev = -0.1 must be"),
    ],
    ids=str,
)
def test_what_no_initializer_is_is_refused(made, given, said):
    with pytest.raises(InitgenError, match=said):
        made(given)
