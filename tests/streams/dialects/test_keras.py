"""What all keras-* dialects share: which call is made of a scheme, what is refused, and the seeds of a model."""

import pytest

from initgen.core.errors import BadParameter
from initgen.specs.tensor import tensor_spec
from initgen.streams.dialects import dialect_of

STREAMS = ("keras-tf", "keras-numpy")

# random.seed(S) is Python's; measured by keras.utils.set_random_seed(S), then the seeds of two new initializers.
SET_RANDOM_SEED = {0: [906691060, 413654000], 2**31: [363779273, 405138349], 2**32 - 1: [682209859, 665256254]}


def drawing(scheme, shape=(8, 6), stream="keras-numpy", **options):
    return dialect_of(stream).drawing(tensor_spec(scheme, shape, stream=stream, **options).call)


@pytest.mark.parametrize(
    ("scheme", "function"),
    [
        ("he_uniform", "HeUniform(seed=7)"),
        ("glorot_normal", "GlorotNormal(seed=7)"),
        (
            "variance_scaling:distribution=normal,mode=fan_avg",
            "VarianceScaling(scale=1.0, mode='fan_avg', distribution='untruncated_normal', seed=7)",
        ),
        ("random_normal", "RandomNormal(mean=0.0, stddev=0.05, seed=7)"),
        ("truncated_normal", "TruncatedNormal(mean=0.0, stddev=0.05, seed=7)"),
        ("trunc_normal", "TruncatedNormal(mean=0.0, stddev=1.0, seed=7)"),
        ("uniform", "RandomUniform(minval=0.0, maxval=0.01, seed=7)"),
        ("orthogonal", "Orthogonal(gain=1.0, seed=7)"),
        # Keras has no such mode: only its law is left.
        ("variance_scaling:mode=fan_geo_avg,distribution=normal,scale=48", "RandomNormal(mean=0.0, stddev=2.63"),
    ],
)
def test_a_scheme_is_drawn_by_the_initializer_of_keras_that_is_nearest(scheme, function):
    assert drawing(scheme, seed=7).function.startswith(f"keras.initializers.{function}")


def test_the_call_says_shape_and_dtype():
    said = drawing("he_uniform", (3, 4), dtype="bfloat16", seed=7).function
    assert said == "keras.initializers.HeUniform(seed=7)((3, 4), dtype='bfloat16')"


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(
    ("scheme", "options", "says", "hint"),
    [
        ("truncated_normal:lower=-1,upper=2", {}, "cut at -0.05 and 0.1", "Keras cuts at 2 std: here at -0.1 and 0.1"),
        ("sparse", {}, "does not draw sparse", "initgen schemes --stream"),
        ("delta_orthogonal", {"shape": (3, 3, 4, 6)}, "does not draw delta_orthogonal", "initgen schemes --stream"),
        ("orthogonal", {"shape": (6, 4, 3, 3), "layout": "torch"}, "keras layout only", "--layout keras"),
        ("orthogonal", {"dtype": "float16"}, "no orthogonal float16", "float16"),
        ("he_uniform", {"dtype": "float8_e4m3fn"}, "draws no float8", "it draws float32"),
        ("he_uniform", {"place": [5]}, "place = [5]", ""),
    ],
)
def test_what_keras_cannot_draw_is_refused_with_the_reason(stream, scheme, options, says, hint):
    with pytest.raises(BadParameter) as refused:
        drawing(scheme, stream=stream, **options)
    assert says in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("seed", "seeds"), SET_RANDOM_SEED.items())
def test_tensors_of_a_model_take_the_seeds_that_set_random_seed_leads_to(stream, seed, seeds):
    calls = [tensor_spec("he_uniform", (4, 4), name=name, seed=seed, stream=stream).call for name in ("a", "b")]
    placed = list(dialect_of(stream).in_series(calls))
    assert [call.seed for call in placed] == seeds
    assert {call.place for call in placed} == {()}


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_model_takes_no_seed_that_set_random_seed_refuses(seed):
    calls = [tensor_spec("he_uniform", (4, 4), seed=0, stream="keras-tf").placed(seed, ()).call]
    with pytest.raises(BadParameter, match="for a model"):
        list(dialect_of("keras-tf").in_series(calls))
    assert list(dialect_of("keras-tf").in_series([])) == []
