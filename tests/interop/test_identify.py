"""`identify` names what frameworks really drew: of tensors of 1000 values or more at least 95 in 100, and none wrongly.

What was drawn is recorded from the frameworks' own calls of uniform, normal and the like while they initialize; it is
known to no line of initgen. Seeds are fixed; the shares are printed (pytest -rP).
"""

import contextlib
import importlib
import importlib.machinery
import math
import os
import sys
import types
from collections import Counter

import numpy as np
import pytest

from initgen.checks.identity.identify import identify
from initgen.laws import Constant, Normal, TruncatedNormal, Uniform
from initgen.schemes.padded import Padded

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore")]

LEAST = 1000


# What was drawn, as a tuple: ("uniform", low, high), ("normal", mean, std, low, high), ("constant", value),
# ("padded", std), ("orthogonal", gain), or None where the recorder lost it.
def uniform(low, high):
    return "uniform", float(low), float(high)


def normal(mean, std, low=-math.inf, high=math.inf):
    # Cut beyond six std is not cut.
    low, high = (end if abs(end - mean) < 6 * std else math.copysign(math.inf, end - mean) for end in (low, high))
    return "normal", float(mean), float(std), low, high


def moved(law, scale=1.0, shift=0.0):
    """The law of scale x + shift."""
    if law is None or law[0] not in ("uniform", "normal"):
        return None
    name, *numbers = law
    if name == "uniform":
        return uniform(*(number * scale + shift for number in numbers))
    mean, std, low, high = numbers
    return normal(mean * scale + shift, std * scale, low * scale + shift, high * scale + shift)


def said(reading):
    """What initgen says, in the same words."""
    made = reading.made
    if isinstance(made, Constant):
        return "constant", made.value
    if isinstance(made, Uniform):
        return uniform(made.low, made.high)
    if isinstance(made, Normal):
        return normal(made.center, made.scale)
    if isinstance(made, TruncatedNormal):
        return normal(made.center, made.scale, made.low, made.high)
    if isinstance(made, Padded):
        return "padded", made.std
    return type(made).__name__.lower(), getattr(made, "gain", 1.0)


def agree(a, b):
    """The same law, but for what no file could tell: a thousandth of the std."""
    if a[0] != b[0] or len(a) != len(b):
        return False
    scale = a[2] if a[0] == "normal" else max(map(abs, a[1:]), default=0.0)
    return all(x == y or (math.isfinite(x) and abs(x - y) <= 1e-3 * scale) for x, y in zip(a[1:], b[1:], strict=True))


class Tally:
    """How many tensors of a framework were named rightly."""

    def __init__(self):
        self.counts = Counter()
        self.wrong = []
        self.missed = []

    def add(self, path, truth):
        for tensor in identify(str(path)).tensors:
            law = truth.get(tensor.name)
            if tensor.measured.count < LEAST or law is None:
                self.counts["small" if law else "not recorded"] += 1
                continue
            name = f"{path.name} {tensor.name} {tensor.shape} is {law}"
            if tensor.best and tensor.verdict in ("named", "fitted") and agree(law, said(tensor.best)):
                # A law with the right parameters, which no scheme's name says, is no wrong answer and no name.
                self.counts["right" if tensor.verdict == "named" else "fitted"] += 1
            elif tensor.verdict == "named":
                self.counts["wrong"] += 1
                self.wrong.append(f"{name}, not {tensor.best.rule}")
            else:
                self.counts["cannot tell"] += 1
                self.missed.append(f"{name}: {tensor.verdict} {tensor.best.rule if tensor.best else tensor.note}")

    def judge(self, framework, least):
        kinds = ("right", "fitted", "cannot tell", "wrong")
        asked = sum(self.counts[key] for key in kinds)
        shares = ", ".join(f"{self.counts[key]} {key}" for key in kinds)
        print(f"{framework}: {asked} tensors of {LEAST} values or more: {shares}; {dict(self.counts)}")
        print("\n".join([*self.missed, *self.wrong]))
        assert asked >= least, asked
        assert not self.wrong
        assert self.counts["right"] >= 0.95 * asked


class Recorder:
    """What torch's in-place draws leave in each storage."""

    def __init__(self, torch):
        self.torch = torch
        self.laws = {}
        self.kept = []  # so that no storage is used again

    def key(self, tensor):
        return tensor.untyped_storage().data_ptr()

    def note(self, tensor, change):
        if tensor.device.type != "cpu":
            return
        whole = tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
        self.kept.append(tensor.untyped_storage())
        key = self.key(tensor)
        if not whole:  # a row of padding, a gate: no longer one law
            before = self.laws.get(key)
            drawn = before is not None and before[0] == "normal" and change(None) == ("constant", 0.0)
            self.laws[key] = ("padded", before[2]) if drawn else None
        else:
            self.laws[key] = change(self.laws.get(key))

    @contextlib.contextmanager
    def watching(self, monkeypatch):
        recorder = self

        def erfinv(law):
            if law is None or law[0] != "uniform":
                return None
            from scipy.special import erfinv as inverse

            low, high = (float(inverse(end)) for end in law[1:])
            return normal(0, math.sqrt(0.5), low, high)

        changes = {
            "uniform_": lambda a=0.0, b=1.0, **_: lambda _law: uniform(a, b),
            "normal_": lambda mean=0.0, std=1.0, **_: lambda _law: normal(mean, std),
            "fill_": lambda value: lambda _law: ("constant", float(value)),
            "zero_": lambda: lambda _law: ("constant", 0.0),
            "mul_": lambda by: lambda law: moved(law, scale=float(by)),
            "div_": lambda by: lambda law: moved(law, scale=1 / float(by)),
            "add_": lambda by: lambda law: moved(law, shift=float(by)),
            "erfinv_": lambda: erfinv,
            "clamp_": lambda **_: lambda law: law,
            "copy_": lambda *_: lambda _law: None,
        }
        with monkeypatch.context() as patch:
            for name, make in changes.items():
                original = getattr(self.torch.Tensor, name)

                def replaced(tensor, *args, original=original, make=make, **kwargs):
                    result = original(tensor, *args, **kwargs)
                    try:
                        change = make(*args, **{k: v for k, v in kwargs.items() if k != "generator"})
                    except (TypeError, ValueError, RuntimeError):
                        change = lambda _law: None  # noqa: E731
                    try:
                        recorder.note(tensor, change)
                    except (TypeError, ValueError, RuntimeError):
                        recorder.laws[recorder.key(tensor)] = None
                    return result

                patch.setattr(self.torch.Tensor, name, replaced, raising=False)
            trunc = self.torch.nn.init.trunc_normal_

            def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
                result = trunc(tensor, mean, std, a, b, generator)
                recorder.note(tensor, lambda _law: normal(mean, std, a, b))
                return result

            patch.setattr(self.torch.nn.init, "trunc_normal_", trunc_normal_)
            orthogonal = self.torch.nn.init.orthogonal_

            def orthogonal_(tensor, gain=1.0, generator=None):
                result = orthogonal(tensor, gain, generator)
                recorder.note(tensor, lambda _law: ("orthogonal", gain))
                return result

            patch.setattr(self.torch.nn.init, "orthogonal_", orthogonal_)
            yield

    def truth(self, state):
        """The law of each tensor of a state dict; copies have that of what they were copied from."""
        contents = {}
        for tensor in state.values():
            law = self.laws.get(self.key(tensor))
            if law:
                contents.setdefault((tensor.numel(), float(tensor.double().sum())), law)
        found = {}
        for name, tensor in state.items():
            law = self.laws.get(self.key(tensor)) or contents.get((tensor.numel(), float(tensor.double().sum())))
            if (
                law is None
                and tensor.numel()
                and tensor.is_floating_point()
                and bool((tensor == tensor.flatten()[0]).all())
            ):
                law = ("constant", float(tensor.flatten()[0]))
            found[name] = law
        return found


@pytest.fixture
def torch():
    module = importlib.import_module("torch")
    module.manual_seed(20261122)
    return module


@pytest.fixture
def recorded(torch, tmp_path, monkeypatch):
    """``recorded(tally, name, make)``: a model that is made while watched, saved and identified."""
    recorder = Recorder(torch)

    def run(tally, name, make):
        from safetensors.torch import save_file

        with recorder.watching(monkeypatch):
            model = make()
        state = model.state_dict()
        truth = recorder.truth(state)
        path = tmp_path / f"{name}.safetensors"
        save_file({key: value.clone().contiguous() for key, value in state.items()}, path)
        tally.add(path, truth)

    return run


def test_torch_is_named(torch, recorded):
    nn, tally = torch.nn, Tally()

    def block(inputs, outputs):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Conv2d(outputs, outputs, 3, groups=4),
            nn.BatchNorm2d(outputs),
            nn.Conv2d(inputs, outputs, 1),
        )

    def initialized(how, *layers):
        model = nn.Sequential(*layers)
        for layer in model:
            how(layer.weight)
            nn.init.zeros_(layer.bias)
        return model

    dense = ((256, 100), (100, 300), (300, 64), (64, 64))
    init = nn.init
    recorded(tally, "transformer", lambda: nn.Transformer(64, 4, 2, 2, 256))
    recorded(tally, "encoder", lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256), 2))
    recorded(tally, "lstm", lambda: nn.ModuleList([nn.Embedding(500, 48), nn.LSTM(48, 64, 2, bidirectional=True)]))
    recorded(tally, "gru", lambda: nn.ModuleList([nn.GRU(40, 56), nn.Linear(56, 1000), nn.Bilinear(20, 24, 30)]))
    recorded(
        tally, "residual", lambda: nn.Sequential(nn.Conv2d(3, 32, 7), block(32, 32), block(32, 96), nn.Linear(96, 100))
    )
    recorded(tally, "transposed", lambda: nn.Sequential(nn.ConvTranspose2d(128, 64, 2), nn.Conv1d(64, 32, 5)))
    for name, how in {
        "kaiming": lambda weight: init.kaiming_normal_(weight, nonlinearity="relu"),
        "fan_out": lambda weight: init.kaiming_normal_(weight, mode="fan_out"),
        "kaiming_uniform": init.kaiming_uniform_,
        "xavier": init.xavier_normal_,
        "xavier_uniform": init.xavier_uniform_,
        "tanh": lambda weight: init.xavier_uniform_(weight, gain=init.calculate_gain("tanh")),
        "orthogonal": lambda weight: init.orthogonal_(weight, gain=math.sqrt(2)),
        "megatron": lambda weight: init.normal_(weight, std=0.02),
    }.items():
        recorded(tally, name, lambda how=how: initialized(how, *(nn.Linear(*sizes) for sizes in dense)))
    recorded(
        tally,
        "kaiming_conv",
        lambda: initialized(init.kaiming_normal_, nn.Conv2d(16, 48, 3), nn.Conv2d(48, 80, 5), nn.Conv2d(80, 20, 1)),
    )
    tally.judge("torch", 75)


SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 500,
}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}


def test_transformers_is_named(torch, recorded):
    transformers = importlib.import_module("transformers")
    tally = Tally()
    models = {
        "GPT2LMHeadModel": {"n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 500, "n_positions": 64},
        "LlamaForCausalLM": SIZES,
        "Qwen2ForCausalLM": {**SIZES, "num_key_value_heads": 2},
        "BertForMaskedLM": SIZES,
        "RobertaModel": SIZES,
        "ViTForImageClassification": VISION,
        "T5ForConditionalGeneration": {
            "d_model": 64,
            "d_kv": 16,
            "d_ff": 128,
            "num_layers": 2,
            "num_heads": 4,
            "vocab_size": 500,
        },
        "MambaForCausalLM": {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 500, "state_size": 8},
        "GPTNeoXForCausalLM": SIZES,
        "OPTForCausalLM": {**SIZES, "ffn_dim": 128, "word_embed_proj_dim": 64},
        "Wav2Vec2Model": {
            **SIZES,
            "conv_dim": (32, 32),
            "conv_stride": (5, 2),
            "conv_kernel": (10, 3),
            "num_feat_extract_layers": 2,
        },
        "CLIPModel": {"text_config": SIZES, "vision_config": VISION},
    }
    for name, sizes in models.items():
        model = getattr(transformers, name)
        recorded(tally, name, lambda model=model, sizes=sizes: model(model.config_class(**sizes)))
    tally.judge("transformers", 120)


class _Kind(type):
    """A class whose every attribute is another."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Kind(name, (), {})
        setattr(cls, name, made)
        return made

    def __or__(cls, other):
        return cls

    def __iter__(cls):
        return iter(())


class _Absent(types.ModuleType):
    """A package that is not there, as far as timm imports it: for images, of which there are none here."""

    __path__ = ()
    __version__ = "10.0"

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Kind(name, (), {})
        setattr(self, name, made)
        return made


class _Finder:
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] in self.names else None

    names = ("torchvision", "PIL")

    def create_module(self, spec):
        return _Absent(spec.name)

    def exec_module(self, module):
        pass


@pytest.fixture
def timm(torch, monkeypatch):
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, _Finder()])
    yield pytest.importorskip("timm", exc_type=ImportError)
    for name in set(sys.modules) - before:
        if name.split(".")[0] in (*_Finder.names, "timm"):
            del sys.modules[name]


def test_timm_is_named(timm, recorded):
    tally = Tally()
    small = {"depth": 3}
    for name, sizes in {
        "resnet18": {},
        "vit_tiny_patch16_224": small,
        "deit_tiny_patch16_224": small,
        "beit_base_patch16_224": {"depth": 3, "embed_dim": 96, "num_heads": 3},
        "convnext_atto": {},
        "efficientnet_b0": {},
        "mobilenetv3_small_050": {},
        "mixer_s32_224": {},
        "regnetx_002": {},
        "densenet121": {},
        "swin_tiny_patch4_window7_224": {"embed_dim": 48, "depths": (1, 1, 2, 1)},
    }.items():
        recorded(tally, name, lambda name=name, sizes=sizes: timm.create_model(name, pretrained=False, **sizes))
    tally.judge("timm", 300)


@pytest.fixture
def keras():
    os.environ.setdefault("KERAS_BACKEND", "numpy")  # what is quickest, where no other test has chosen
    module = importlib.import_module("keras")
    module.utils.set_random_seed(20261122)
    return module


@pytest.fixture
def drawn(keras, tmp_path, monkeypatch):
    """``drawn(tally, name, make)``: a model of Keras that is made while its draws are recorded, saved and identified."""
    h5py = importlib.import_module("h5py")
    source = importlib.import_module("keras.src.initializers.random_initializers")
    laws = {}

    def noted(array, law):
        values = np.asarray(keras.ops.convert_to_numpy(array))
        laws[values.size, float(values.astype(np.float64).sum())] = law

    def run(tally, name, make):
        draws = source.random
        truncated, plain, flat = draws.truncated_normal, draws.normal, draws.uniform
        called = source.Orthogonal.__call__

        def truncated_normal(shape, mean=0.0, stddev=1.0, **rest):
            array = truncated(shape, mean=mean, stddev=stddev, **rest)
            noted(array, normal(mean, stddev, mean - 2 * stddev, mean + 2 * stddev))
            return array

        def random_normal(shape, mean=0.0, stddev=1.0, **rest):
            array = plain(shape, mean=mean, stddev=stddev, **rest)
            noted(array, normal(mean, stddev))
            return array

        def random_uniform(shape, minval=0.0, maxval=1.0, **rest):
            array = flat(shape, minval=minval, maxval=maxval, **rest)
            noted(array, uniform(minval, maxval))
            return array

        def orthogonal(self, *args, **kwargs):
            array = called(self, *args, **kwargs)
            noted(array, ("orthogonal", float(self.gain)))
            return array

        with monkeypatch.context() as patch:
            patch.setattr(draws, "truncated_normal", truncated_normal)
            patch.setattr(draws, "normal", random_normal)
            patch.setattr(draws, "uniform", random_uniform)
            patch.setattr(source.Orthogonal, "__call__", orthogonal)
            model = make()
        path = tmp_path / f"{name}.weights.h5"
        model.save_weights(path)
        truth = {}

        def look(place, item):
            if isinstance(item, h5py.Dataset):
                array = np.asarray(item)
                law = laws.get((array.size, float(array.astype(np.float64).sum())))
                if array.size and (array == array.flat[0]).all():
                    law = ("constant", float(array.flat[0]))
                truth[place] = law

        with h5py.File(path) as file:
            file.visititems(look)
        tally.add(path, truth)

    return run


def test_keras_is_named(keras, drawn):
    layers, tally = keras.layers, Tally()

    def convolutions():
        inputs = keras.Input((32, 32, 3))
        x = layers.Conv2D(32, 3)(inputs)
        x = layers.BatchNormalization()(x)
        x = layers.SeparableConv2D(48, 3)(x)
        x = layers.DepthwiseConv2D(5)(x)
        x = layers.Conv2D(64, 3, kernel_initializer="he_normal")(x)
        x = layers.Conv2DTranspose(32, 3)(x)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(128, kernel_initializer="lecun_normal")(x)
        x = layers.Dense(64, kernel_initializer="he_uniform")(x)
        return keras.Model(inputs, layers.Dense(100)(x))

    def recurrent():
        inputs = keras.Input((20,), dtype="int32")
        x = layers.Embedding(300, 48)(inputs)
        x = layers.LSTM(32, return_sequences=True)(x)
        x = layers.Bidirectional(layers.GRU(24, return_sequences=True))(x)
        x = layers.MultiHeadAttention(4, 16)(x, x)
        x = layers.LayerNormalization()(x)
        x = layers.SimpleRNN(40)(x)
        return keras.Model(inputs, layers.Dense(50, kernel_initializer="glorot_normal")(x))

    def dense(initializer):
        return keras.Sequential(
            [keras.Input((256,)), *(layers.Dense(size, kernel_initializer=initializer) for size in (128, 200, 64))]
        )

    drawn(tally, "convolutions", convolutions)
    drawn(tally, "recurrent", recurrent)
    for name in (
        "GlorotNormal",
        "HeNormal",
        "HeUniform",
        "LecunNormal",
        "LecunUniform",
        "RandomNormal",
        "RandomUniform",
        "TruncatedNormal",
        "Orthogonal",
    ):
        drawn(tally, name, lambda name=name: dense(getattr(keras.initializers, name)()))
    small = {"weights": None, "input_shape": (64, 64, 3)}
    drawn(tally, "mobilenet", lambda: keras.applications.MobileNet(alpha=0.25, **small))
    drawn(tally, "mobilenetv3", lambda: keras.applications.MobileNetV3Small(alpha=0.75, **small))
    drawn(tally, "efficientnet", lambda: keras.applications.EfficientNetB0(**small))
    tally.judge("keras", 150)


def test_jax_is_named(tmp_path):
    jax = importlib.import_module("jax")
    init = jax.nn.initializers
    tally, keys = Tally(), iter(jax.random.split(jax.random.key(20261122), 200))

    def fans(shape):
        window = math.prod(shape[:-2])
        return window * shape[-2], window * shape[-1]

    cut = 0.87962566103423978  # the std of a normal that is cut at two

    def scaled(distribution, variance):
        std = math.sqrt(variance)
        if distribution == "uniform":
            return uniform(-std * math.sqrt(3), std * math.sqrt(3))
        return normal(0, std) if distribution == "normal" else normal(0, std / cut, -2 * std / cut, 2 * std / cut)

    # jax.nn.initializers: variance_scaling with these scales, over fan_in or the mean of both.
    kinds = {
        f"{name}_{distribution}": (scale, mean, "truncated" if distribution == "normal" else distribution)
        for name, scale, mean in (("lecun", 1, False), ("he", 2, False), ("glorot", 1, True))
        for distribution in ("uniform", "normal")
    }
    shapes = ((256, 100), (100, 300), (48, 64), (3, 3, 16, 48), (5, 5, 20, 40))
    files = {
        name: (
            getattr(init, name)(),
            lambda shape, scale=scale, mean=mean, kind=kind: scaled(
                kind, scale / (sum(fans(shape)) / 2 if mean else fans(shape)[0])
            ),
        )
        for name, (scale, mean, kind) in kinds.items()
    }
    files |= {
        "normal": (init.normal(), lambda _: normal(0, 0.01)),
        "normal02": (init.normal(0.02), lambda _: normal(0, 0.02)),
        "uniform": (init.uniform(), lambda _: uniform(0, 0.01)),
        "truncated": (init.truncated_normal(0.02), lambda _: normal(0, 0.02, -0.04, 0.04)),
        "orthogonal": (init.orthogonal(), lambda _: ("orthogonal", 1.0)),
        "orthogonal2": (init.orthogonal(math.sqrt(2)), lambda _: ("orthogonal", math.sqrt(2))),
        "fan_out": (
            init.variance_scaling(2.0, "fan_out", "truncated_normal"),
            lambda shape: scaled("truncated", 2 / fans(shape)[1]),
        ),
    }
    for dtype in ("float32", "bfloat16", "float16"):
        for name, (initializer, law) in files.items():
            if dtype != "float32" and name.startswith("orthogonal"):
                continue  # which JAX does not draw
            some = shapes if dtype == "float32" else shapes[1:4]  # each takes JAX a while to compile
            arrays = {f"Dense_{at}.kernel": initializer(next(keys), shape, dtype) for at, shape in enumerate(some)}
            path = tmp_path / f"{name}_{dtype}.safetensors"
            importlib.import_module("safetensors.flax").save_file(arrays, path)
            tally.add(path, {f"Dense_{at}.kernel": law(shape) for at, shape in enumerate(some)})
    tally.judge("jax", 120)
