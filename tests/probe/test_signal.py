"""The two passes: what they run on, what they leave in memory, and what they say where a signal ends."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import initgen
from initgen.core.errors import FormatError, OutputError
from initgen.probe.activations import RELU
from initgen.probe.batch import Batch, random_batch, read_batch
from initgen.probe.described import network_of, quick_network, quick_spec
from initgen.probe.operations.operation import Moments
from initgen.probe.result import Flow, Predicted
from initgen.probe.signal import probe
from initgen.probe.weights import Drawn, stored
from initgen.specs.describe import describe
from initgen.specs.document import document_of

GROWING = "variance_scaling:scale=1e3,mode=fan_in"
FADING = "variance_scaling:scale=1e-3,mode=fan_in"


def network(text, syntax="toml", **options):
    return network_of(document_of(text, "model", "", syntax), **{"seed": 0, **options})


def of(made, batch=8, **options):
    """What a probe of a network finds."""
    return probe(made, Drawn(made.specs), random_batch(made, batch, 0), **options)


def dense(name, units, more=""):
    return f'[[layers]]\nkind = "Dense"\nname = "{name}"\nunits = {units}\n{more}\n'


# Memory.

MEASURE = """
import sys
from initgen.probe.batch import random_batch
from initgen.probe.described import quick_network
from initgen.probe.signal import probe
from initgen.probe.weights import Drawn
made = quick_network(int(sys.argv[1]), 260, "relu", "he_uniform")
probe(made, Drawn(made.specs), random_batch(made, 256, 0))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_depth():
    """The outputs of the 180 layers more are 96 MB; ``ru_maxrss`` would be that of the process that started this one."""
    peak = []
    for depth in (20, 200):
        command = [sys.executable, "-c", MEASURE, str(depth)]
        made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        peak.append(int(made.stdout) / 1024)
    assert peak[1] - peak[0] < 10


def test_a_disk_without_room_is_said_and_no_traceback(monkeypatch):
    class Full:
        """A file on it."""

        def seek(self, place):
            pass

        def close(self):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **options: Full())
    with pytest.raises(OutputError, match="No space left on device") as caught:
        of(quick_network(2, 4, "relu", "he_uniform"))
    assert "TMPDIR" in caught.value.hint


def test_no_place_for_a_temporary_file_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError) as caught:
        of(quick_network(2, 4, "relu", "he_uniform"))
    assert "TMPDIR" in caught.value.hint


# Weights.


@pytest.fixture
def quick_file(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(quick_spec(5, 12, "tanh", "he_normal"))
    return path


def measured(found):
    """Without what theory says: of stored weights it has no law."""
    return [replace(layer, predicted=Predicted()) for layer in found.layers], found.forward, found.backward


def test_the_weights_are_those_that_sample_writes(run_sample, quick_file, tmp_path):
    run_sample(quick_file, tmp_path / "m.npz")
    made = quick_network(5, 12, "tanh", "he_normal", seed=3)
    drawn = Drawn(made.specs)
    with np.load(tmp_path / "m.npz") as written:
        assert sorted(written) == sorted(made.tensors)
        assert all(written[name].tobytes() == drawn(name).tobytes() for name in written)


@pytest.fixture
def run_sample():
    """``run_sample(spec, file)``, with the seed 3."""
    return lambda spec, file: initgen.write(list(describe(str(spec), seed=3)), str(file), fsync=False)


@pytest.mark.parametrize("file", ["m.npz", "m.safetensors", "m.weights.h5", "m/"])
def test_weights_of_a_file_give_the_answer_of_those_that_are_drawn(file, run_sample, quick_file, tmp_path):
    run_sample(quick_file, f"{tmp_path}/{file}")
    made = network_of(str(quick_file), seed=3)
    batch = random_batch(made, 6, 3)
    read = probe(made, stored(f"{tmp_path}/{file}", made), batch)
    assert measured(read) == measured(probe(made, Drawn(made.specs), batch))
    # Theory takes the variance that the weights have, which is near that of their law.
    assert read.layers[0].predicted.square == pytest.approx(read.layers[0].values.square, rel=0.5)


def test_the_same_seed_gives_the_same_answer_to_the_last_digit_and_another_another():
    first, second, other = (of(quick_network(6, 20, "gelu", "he_uniform", seed=seed), 5) for seed in (4, 4, 5))
    assert first == second
    assert first.layers[0].values != other.layers[0].values


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_weights_of_every_dtype_are_run_in_float32(dtype):
    made = network(f'dtype = "{dtype}"\n' + dense("a", 5, 'input_shape = [4]\nactivation = "relu"'))
    weights, batch = Drawn(made.specs), random_batch(made, 4, 0)
    assert weights("a/kernel").dtype == np.float32
    expected = np.maximum(batch.values @ weights("a/kernel").astype(np.float64), 0)
    assert probe(made, weights, batch).layers[0].values.square == pytest.approx((expected**2).mean(), rel=1e-5)


# Where the signal ends.


def test_the_layer_that_overflows_is_named_and_those_before_it_are_told():
    depth, width, batch = 40, 16, 4
    made = quick_network(depth, width, "relu", GROWING)
    weights, x = Drawn(made.specs), random_batch(made, batch, 0).values.astype(np.float64)
    largest = []
    for name in made.tensors:
        largest.append(np.abs(x @ weights(name).astype(np.float64)).max())
        x = np.maximum(x @ weights(name), 0)
    first = {dtype: next(at for at, each in enumerate(largest) if each > top) for dtype, top in TOPS.items()}
    assert first["float16"] < first["float32"] < depth - 1

    found = of(made, batch)
    assert found.overflow == f"dense_{first['float32']}"
    assert [layer.name for layer in found.layers] == [f"dense_{at}" for at in range(first["float32"])]
    assert all(math.isfinite(layer.values.square) and layer.gradient is None for layer in found.layers)
    assert (found.backward, found.input_gradient, found.verdict) == (None, None, "exploding")
    assert {limit.dtype: limit.layer for limit in found.limits} == {dtype: f"dense_{at}" for dtype, at in first.items()}
    assert all((limit.what, limit.problem) == ("activations", "overflow") for limit in found.limits)


TOPS = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


def test_a_network_whose_first_layer_overflows_has_no_layers_to_tell():
    found = of(quick_network(3, 64, "relu", "random_normal:stddev=3e37"))
    assert (found.overflow, found.layers, found.verdict) == ("dense_0", (), "exploding")
    assert found.forward.factor == math.inf


def test_a_gradient_that_overflows_is_infinite_and_explodes():
    """Forwards the small weights come first, and backwards the large ones."""
    text = dense("small", 8, 'input_shape = [8]\nkernel_initializer = "random_normal:stddev=1e-37"')
    text += dense("large", 8, 'kernel_initializer = "random_normal:stddev=1e37"')
    text += dense("last", 8, 'kernel_initializer = "random_normal:stddev=1e30"')
    found = of(network(text))
    assert found.overflow == ""
    assert found.layers[0].gradient.square == math.inf
    assert found.backward == Flow(math.inf, math.inf, "exploding")
    assert ("gradients", "overflow", "small") in {(each.what, each.problem, each.layer) for each in found.limits}


def test_a_signal_that_underflows_is_zero_and_vanishes():
    found = of(quick_network(40, 16, "relu", FADING))
    last = found.layers[-1]
    assert (last.values.square, last.values.variance, last.cosine) == (0, 0, None)
    assert (found.forward, found.verdict) == (Flow(0, 0, "vanishing"), "vanishing")
    assert found.layers[0].gradient.square == 0
    reached = [(limit.dtype, limit.problem) for limit in found.limits if limit.layer and limit.what == "activations"]
    assert reached == [(dtype, "underflow") for dtype in ("float16", "bfloat16", "float32")]


def test_dead_units_are_those_that_no_sample_moves(tmp_path):
    made = network(dense("a", 8, 'input_shape = [4]\nactivation = "relu"') + dense("b", 2))
    weights = {name: np.array(Drawn(made.specs)(name)) for name in made.tensors}
    weights["a/bias"][:3] = -100
    np.savez(tmp_path / "w.npz", **weights)
    batch = random_batch(made, 32, 0)
    first = probe(made, stored(str(tmp_path / "w.npz"), made), batch).layers[0]
    before = batch.values @ weights["a/kernel"] + weights["a/bias"]
    assert first.dead == 3 / 8
    assert first.flat == (before <= 0).mean()


def test_a_dead_network_gives_nothing_and_gets_nothing_back():
    dead = 'activation = "relu"\nbias_initializer = "constant:value=-100"'
    found = of(network(dense("a", 8, f"input_shape = [4]\n{dead}") + dense("b", 8, dead)))
    assert [(layer.dead, layer.flat, layer.cosine) for layer in found.layers] == [(1, 1, None)] * 2
    assert (found.forward, found.backward) == (Flow(0, 0, "vanishing"), Flow(0, 0, "vanishing"))
    assert found.layers[0].weights == {"a/kernel": 0, "a/bias": 0}


# Small and odd networks.


def test_a_network_of_one_layer_is_its_matrix():
    made = quick_network(1, 6, "linear", "he_normal")
    batch = random_batch(made, 4, 0)
    (layer,) = (found := probe(made, Drawn(made.specs), batch)).layers
    kernel = Drawn(made.specs)("dense_0/kernel").astype(np.float64)
    expected = batch.values @ kernel
    assert layer.values.square == pytest.approx((expected**2).mean(), rel=1e-5)
    assert layer.values.mean == pytest.approx(expected.mean(), rel=1e-5)
    assert layer.values.variance == pytest.approx(expected.var(), rel=1e-5)
    assert layer.values.norm == pytest.approx(math.sqrt((expected**2).sum(axis=1).mean()), rel=1e-5)
    assert layer.values.largest == pytest.approx(np.abs(expected).max(), rel=1e-5)
    assert layer.condition == pytest.approx(np.linalg.cond(kernel), rel=1e-4)
    assert (found.depth, found.parameters) == (1, 36)
    assert found.forward.factor == found.forward.total == layer.values.square / found.input.square


def test_the_cosine_is_the_mean_over_pairs_of_neighbours():
    made = quick_network(1, 6, "linear", "he_normal")
    x = np.random.Generator(np.random.PCG64(3)).standard_normal((7, 6)).astype(np.float32)
    found = probe(made, Drawn(made.specs), Batch(x, Moments(0, 1), 0))
    y = x @ Drawn(made.specs)("dense_0/kernel")
    for values, cosine in ((x, found.input_cosine), (y, found.layers[0].cosine)):
        pairs = [(values[at], values[at + 1]) for at in (0, 2, 4)]
        cosines = [u @ v / np.linalg.norm(u) / np.linalg.norm(v) for u, v in pairs]
        assert cosine == pytest.approx(np.mean(cosines), rel=1e-5)


@pytest.mark.parametrize("batch", [2, 3, 7])
def test_small_and_odd_batches_are_run(batch):
    found = of(quick_network(3, 9, "relu", "he_uniform"), batch)
    assert found.batch == batch
    assert found.layers[-1].cosine is not None


def test_a_random_batch_is_standard_normal_in_pairs_of_cosine_a_half():
    x = random_batch(quick_network(1, 512, "relu", "he_uniform"), 256, 0).values
    assert x.mean() == pytest.approx(0, abs=6 / math.sqrt(x.size))
    assert (x**2).mean() == pytest.approx(1, abs=6 * math.sqrt(2.5 / x.size))
    assert (x[0::2] * x[1::2]).mean() == pytest.approx(0.5, abs=6 * math.sqrt(1.25 / (x.size / 2)))


@pytest.mark.parametrize("shape", [(1, 4), (3, 4)])
def test_samples_of_a_file_may_be_few(shape, tmp_path):
    made = quick_network(2, 4, "relu", "he_uniform")
    np.save(tmp_path / "x.npy", np.arange(1, 1 + math.prod(shape)).reshape(shape))
    found = probe(made, Drawn(made.specs), read_batch(str(tmp_path / "x.npy"), made, 0))
    assert found.batch == shape[0]
    assert (found.input_cosine is None) == (shape[0] < 2)


def test_values_beyond_float32_are_refused_without_a_warning(tmp_path):
    made = quick_network(2, 4, "relu", "he_uniform")
    np.save(tmp_path / "x.npy", np.full((2, 4), 1e300))
    with pytest.raises(FormatError, match="beyond float32"):
        read_batch(str(tmp_path / "x.npy"), made, 0)


EMBEDDING = '[[layers]]\nkind = "Embedding"\nname = "table"\ninput_dim = 11\noutput_dim = 64\ninput_shape = [6]\n'


def test_behind_an_embedding_the_signal_begins_at_its_rows():
    made = network(EMBEDDING + dense("a", 64, 'activation = "relu"\nkernel_initializer = "he_normal"'))
    batch = random_batch(made, 16, 0)
    assert set(np.unique(batch.values)) == set(range(11))
    found = probe(made, Drawn(made.specs), batch)
    rows = Drawn(made.specs)("table/embeddings")[batch.values.astype(int)]
    assert found.layers[0].values.square == pytest.approx((rows**2).mean(), rel=1e-6)
    assert found.forward.total == pytest.approx(found.layers[1].values.square / found.layers[0].values.square)
    assert found.backward.total == pytest.approx((found.layers[0].gradient.norm / found.layers[1].gradient.norm) ** 2)
    assert (found.depth, found.input_gradient) == (1, None)
    assert found.layers[0].weights["table/embeddings"] > 0
    assert found.layers[1].predicted.square == pytest.approx(found.layers[1].values.square, rel=0.5)


# Heads.


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_the_probabilities_of_a_head_are_left_out_of_the_verdict(head):
    text = dense("a", 64, 'input_shape = [64]\nactivation = "relu"\nkernel_initializer = "he_normal"')
    plain = of(network(text + dense("b", 64)), 16)
    found = of(network(text + dense("b", 64, f'activation = "{head}"')), 16)
    assert found.layers[1].activation == head
    assert found.layers[1].values.square < plain.layers[1].values.square / 2
    assert found.layers[1].before == plain.layers[1].values
    assert found.forward == plain.forward
    assert found.depth == 2


def test_a_network_of_sigmoids_keeps_its_last_one():
    found = of(quick_network(3, 64, "sigmoid", "glorot_uniform"))
    assert found.forward.total == found.layers[-1].values.square / found.input.square


# Residual sums.

BRANCH = 'activation = "relu"\nkernel_initializer = "he_normal"'
LINEAR = 'kernel_initializer = "lecun_normal"'


def block(before, number, width):
    """x + W relu(V x): what comes into it, and half of that anew."""
    return (
        dense(f"up{number}", width, f'inputs = ["{before}"]\n{BRANCH}')
        + dense(f"down{number}", width, LINEAR)
        + f'[[layers]]\nkind = "Add"\nname = "sum{number}"\ninputs = ["{before}", "down{number}"]\n'
    )


def residual(blocks, width):
    text = dense("stem", width, f"input_shape = [{width}]\n{LINEAR}")
    for number in range(blocks):
        text += block(f"sum{number - 1}" if number else "stem", number, width)
    return network(text)


def test_a_sum_adds_what_its_inputs_name():
    made = residual(2, 6)
    w, batch = Drawn(made.specs), random_batch(made, 4, 0)
    x = batch.values @ w("stem/kernel")
    for number in range(2):
        x = x + np.maximum(x @ w(f"up{number}/kernel"), 0) @ w(f"down{number}/kernel")
    found = probe(made, w, batch)
    assert found.layers[-1].kind == "Add"
    assert found.layers[-1].values.square == pytest.approx((x**2).mean(), rel=1e-5)


def test_each_block_of_a_residual_network_doubles_the_signal_forwards_and_backwards():
    """By theory without fluctuation; a block's has the variance (5 + 2) / 4 n, so that 0.5 is six deviations."""
    blocks, width = 4, 1024
    found = of(residual(blocks, width))
    sums = [layer for layer in found.layers if layer.kind == "Add"]
    for number, layer in enumerate(sums, 1):
        assert layer.predicted.square == pytest.approx(2**number, rel=1e-9)
        assert math.log(layer.values.square / 2**number) == pytest.approx(0, abs=0.5)
        assert layer.predicted.gradient == pytest.approx(2 ** (blocks - number), rel=1e-9)
        assert math.log(layer.gradient.square / 2 ** (blocks - number)) == pytest.approx(0, abs=0.5)
        assert layer.cosine == pytest.approx(layer.predicted.cosine, abs=0.15)


def test_a_sum_of_positive_values_has_the_product_of_their_means_besides():
    """Of two ReLUs at mean square 1, whose means are 1/√π: 2 + 2/π. Its fluctuation is that of 2048 units, 2 per cent."""
    width = 2048
    text = dense("a", width, f"input_shape = [{width}]\n{BRANCH}") + dense("b", width, BRANCH)
    text += '[[layers]]\nkind = "Add"\nname = "sum"\ninputs = ["a", "b"]\n'
    found = of(network(text)).layers[-1]
    assert found.predicted.mean == pytest.approx(2 / math.sqrt(math.pi), rel=1e-6)
    assert found.predicted.square == pytest.approx(2 + 2 / math.pi, rel=1e-6)
    assert found.values.mean == pytest.approx(found.predicted.mean, rel=0.15)
    assert found.values.square == pytest.approx(found.predicted.square, rel=0.15)


def functional(sum_layer):
    """A config as Keras 3 writes it: x, Dense, Dense, and the sum of both."""

    def tensor(name):
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 6], "dtype": "float32", "keras_history": [name, 0, 0]},
        }

    def layer(kind, name, config, args, module="keras.layers"):
        inbound = [{"args": args, "kwargs": {}}] if args else []
        made = {"class_name": kind, "module": module, "name": name, "config": {"name": name, **config}}
        return made | {"inbound_nodes": inbound, "build_config": {"input_shape": [None, 6]} if args else None}

    first, second = tensor("first"), tensor("second")
    operator = {"Add": ("keras.layers", [[first, second]]), "x + y": ("keras.src.ops.numpy", [first, second])}
    module, args = operator[sum_layer]
    units = {"units": 6, "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": 5}}}
    layers = [
        layer("InputLayer", "in", {"batch_shape": [None, 6]}, []),
        layer("Dense", "first", units, [tensor("in")]),
        layer("Dense", "second", units | {"activation": "tanh"}, [first]),
        layer("Add", "add", {}, args, module),
    ]
    config = {"name": "m", "layers": layers, "input_layers": ["in", 0, 0], "output_layers": ["add", 0, 0]}
    return json.dumps({"class_name": "Functional", "config": config})


def test_the_sum_of_a_functional_model_is_run_as_a_layer_and_as_an_operator():
    made = network(functional("Add"), "json")
    w, batch = Drawn(made.specs), random_batch(made, 4, 0)
    x = batch.values @ w("first/kernel")
    x = x + np.tanh(x @ w("second/kernel"))
    found = probe(made, w, batch)
    assert found.layers[-1].values.square == pytest.approx((x**2).mean(), rel=1e-5)
    assert of(network(functional("x + y"), "json"), 4).layers == found.layers


def test_of_a_sum_of_something_and_itself_theory_says_nothing():
    """It is four times its square, and not twice, as for independent ones."""
    text = dense("a", 64, f"input_shape = [64]\n{LINEAR}")
    text += '[[layers]]\nkind = "Add"\nname = "twice"\ninputs = ["a", "a"]\n'
    found = of(network(text))
    once, twice = found.layers
    assert twice.values.square == pytest.approx(4 * once.values.square, rel=1e-6)
    assert once.gradient.square == pytest.approx(4 * twice.gradient.square, rel=1e-6)
    assert (twice.predicted.square, once.predicted.gradient) == (None, None)


# Suggestions.


@pytest.mark.parametrize(
    ("activation", "scheme", "variance", "chi"),
    [
        ("relu", "he_uniform", None, 1.0),
        ("relu", "lecun_uniform", 0.0, 0.5),
        ("relu", "variance_scaling:scale=3", math.inf, 1.5),
        ("selu", "lecun_uniform", 1.0, 1.071575),
        ("tanh", "glorot_normal", 0.0, 1.0),
    ],
)
def test_the_fixed_point_of_equal_layers_is_said(activation, scheme, variance, chi):
    found = of(quick_network(3, 16, activation, scheme)).fixed
    assert found.variance == (variance if variance in (None, math.inf) else pytest.approx(variance, abs=1e-9))
    assert found.chi == pytest.approx(chi, rel=1e-5)


def test_layers_that_differ_have_no_fixed_point():
    two = network(dense("a", 8, "input_shape = [8]\nactivation = 'relu'") + dense("b", 8, "activation = 'tanh'"))
    assert of(two).fixed is None


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_candidates_fare_as_theory_says_of_them(activation):
    """Their totals are off by less than a factor of 10, and where theory is as far from a verdict's end, so is that."""
    depth, width = 20, 300
    found = of(quick_network(depth, width, activation, "glorot_uniform"), suggest=True)
    assert {each.scheme for each in found.candidates} >= {"lecun_uniform", "he_uniform", "torch_default"}
    for candidate in found.candidates:
        measured = of(quick_network(depth, width, activation, candidate.scheme))
        for told, seen in ((candidate.forward, measured.forward), (candidate.backward, measured.backward)):
            assert told.total == pytest.approx(seen.total, rel=9) or seen.total == pytest.approx(told.total, rel=9)
            assert told.verdict == seen.verdict
        assert candidate.verdict == measured.verdict


def test_a_gain_that_is_suggested_holds_the_gradient():
    found = of(quick_network(10, 300, "leaky_relu", "glorot_uniform"), suggest=True)
    (gain,) = found.critical
    assert gain.activation == "leaky_relu:negative_slope=0.2"
    assert gain.gain**2 == pytest.approx(2 / (1 + 0.2**2), rel=1e-9)
    (made,) = (each for each in found.candidates if each.scheme.startswith("variance_scaling:scale=1.92308"))
    held = of(quick_network(10, 300, "leaky_relu", made.scheme))
    assert all(layer.predicted.chi == pytest.approx(1, rel=1e-5) for layer in held.layers)
    assert held.verdict == made.verdict == "stable"


def test_gains_are_of_the_activations_that_are_there_and_have_one():
    text = dense("a", 8, 'input_shape = [8]\nactivation = "tanh"') + dense("b", 8, 'activation = "softplus"')
    text += dense("c", 8, 'activation = "relu"')
    assert [gain.activation for gain in of(network(text), suggest=True).critical] == ["tanh", RELU.name]
    assert of(network(text)).critical == of(network(text)).candidates == ()
