"""Makes golden/torch.safetensors and golden/keras-torch.safetensors by torch and by Keras on torch, which it needs.

python tests/streams/dialects/make_torch.py
"""

import hashlib
import json
import math
import os
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from safetensors.torch import save_file

GOLDEN = Path(__file__).parent / "golden"
SEEDS = (42, 0, 1, 2**31, 2**32 + 5, 2**63 - 1, -1, -(2**63), 2**64 - 1)
DTYPES = ("float32", "float64", "bfloat16", "float16")
LENGTHS = ((0,), (1,), (2,), (15,), (16,), (17,), (31,), (33,))
LARGE = (550_003,)
WINDOW = (16, 8, 3, 3)


class File:
    """The cases of one dialect."""

    def __init__(self, name, layout):
        self.name, self.layout = name, layout
        self.cases, self.tensors = {}, {}

    def add(self, made, scheme, params, shape, dtype="float32", seed=42, **more):
        """A case, and what the framework makes of it: ``made(seed, shape, dtype)``."""
        tensor = made(seed, shape, getattr(torch, dtype)).detach().contiguous()
        case = {"scheme": scheme, "params": params, "shape": list(shape), "dtype": dtype, "seed": seed, **more}
        case["layout"] = self.layout
        name = f"{len(self.cases):02} {scheme} {'x'.join(map(str, shape))} {dtype} {seed}"
        if tensor.numel() > 10_000:
            plain = tensor.view(torch.int16) if dtype == "bfloat16" else tensor
            case["sha256"] = hashlib.sha256(plain.numpy().tobytes()).hexdigest()
        else:
            self.tensors[name] = tensor
        self.cases[name] = case

    def save(self):
        """Write it."""
        versions = {"torch": torch.__version__, "keras": keras.__version__}
        said = {"made": "python tests/streams/dialects/make_torch.py", "versions": versions, "cases": self.cases}
        save_file(self.tensors, GOLDEN / f"{self.name}.safetensors", {"golden": json.dumps(said)})
        print(self.name, len(self.cases), "cases", sum(t.nbytes for t in self.tensors.values()), "bytes")


def init(function, *values, **options):
    """A function of torch.nn.init on an empty tensor, after manual_seed."""

    def made(seed, shape, dtype):
        torch.manual_seed(seed)
        return getattr(torch.nn.init, function)(torch.empty(shape, dtype=dtype), *values, **options)

    return made


def weight_of(layer, *sizes):
    """The weight that a layer has when it is made, after manual_seed."""

    def made(seed, shape, dtype):
        torch.manual_seed(seed)
        weight = getattr(torch.nn, layer)(*sizes, dtype=dtype).weight
        assert tuple(weight.shape) == shape
        return weight

    return made


def initializer(name, *values, **options):
    """An initializer of Keras."""

    def made(seed, shape, dtype):
        return getattr(keras.initializers, name)(*values, seed=seed, **options)(
            shape, str(dtype).removeprefix("torch.")
        )

    return made


def torch_cases(file):
    uniform = init("uniform_", -0.31, 0.77), "random_uniform", {"minval": -0.31, "maxval": 0.77}
    normal = init("normal_", 0.25, 0.3), "random_normal", {"mean": 0.25, "stddev": 0.3}
    centred = init("normal_", 0.0, 0.02), "random_normal", {"stddev": 0.02}
    cut = init("trunc_normal_", 0.1, 0.7, -1.0, 0.9), "trunc_normal", {"mean": 0.1, "std": 0.7, "a": -1.0, "b": 0.9}
    tail = init("trunc_normal_", 0.31, 0.7, 1.0, 2.5), "trunc_normal", {"mean": 0.31, "std": 0.7, "a": 1.0, "b": 2.5}
    for number, length in enumerate(LENGTHS):
        for kind in range(2):
            made = ((uniform, normal), (cut, tail), (centred, cut), (tail, normal))[number % 4][kind]
            file.add(*made, length, DTYPES[(number + kind) % 4], SEEDS[(2 * number + kind) % 9])
    for number, dtype in enumerate(DTYPES):
        for made in (uniform, normal, cut, tail):
            file.add(*made, (33, 15), dtype)
        file.add(*(uniform, cut, normal, uniform)[number], LARGE, dtype, 2**31)
    file.add(*normal, LARGE)
    file.add(*centred, LARGE, seed=34)  # one of its pairs lies at zero, whose sign counts
    file.add(*tail, LARGE)
    # So few numbers of float32 lie between that the upper bound is drawn, and becomes the lower.
    file.add(init("uniform_", 1000.0, 1000.001), "random_uniform", {"minval": 1000.0, "maxval": 1000.001}, (999,))
    # What is added is lost in float64, but decides where the product lies in the middle between two numbers.
    file.add(init("uniform_", 1e-20, 3.0), "random_uniform", {"minval": 1e-20, "maxval": 3.0}, (999,))
    for function in ("kaiming_uniform", "kaiming_normal"):
        file.add(init(function + "_", nonlinearity="relu"), function, {"nonlinearity": "relu"}, (64, 100))
        file.add(init(function + "_", 0.3, "fan_out"), function, {"a": 0.3, "mode": "fan_out"}, WINDOW)
        file.add(init(function + "_", nonlinearity="selu"), function, {"nonlinearity": "selu"}, (17, 7), "bfloat16")
        # Here another order of operations gives another last digit.
        file.add(init(function + "_"), function, {}, (11, 5), "float64")
    for function in ("xavier_uniform", "xavier_normal"):
        file.add(init(function + "_"), function, {}, (100, 64))
        file.add(init(function + "_", 5 / 3), function, {"gain": 5 / 3}, WINDOW, "float16", 1)
        file.add(init(function + "_"), function, {}, (7, 5), "float64")
    file.add(weight_of("Linear", 3, 20), "torch_default", {}, (20, 3), "float64")
    file.add(weight_of("Linear", 100, 64), "torch_default", {}, (64, 100))
    file.add(weight_of("Conv2d", 8, 16, 3), "torch_default", {}, WINDOW, "float64")
    bound = 1 / math.sqrt(72)
    file.add(init("uniform_", -bound, bound), "torch_bias", {}, (16,), fan_in=72)
    for dtype, atol in (("float32", 1e-5), ("float64", 1e-14)):
        for shape in ((24, 24), (10, 40), (8, 4, 3, 3)):
            file.add(init("orthogonal_", 1.5), "orthogonal", {"gain": 1.5}, shape, dtype, atol=1.5 * atol)


def keras_cases(file):
    uniform = initializer("RandomUniform", -0.31, 0.77), "random_uniform", {"minval": -0.31, "maxval": 0.77}
    normal = initializer("RandomNormal", 0.25, 0.3), "random_normal", {"mean": 0.25, "stddev": 0.3}
    cut = initializer("TruncatedNormal", 0.25, 0.3), "truncated_normal", {"mean": 0.25, "stddev": 0.3}
    for number, length in enumerate((*LENGTHS, (3,), (5,))):
        for kind in range(2):
            made = ((uniform, cut), (normal, cut))[number % 2][kind]
            file.add(*made, length, DTYPES[(number + kind) % 4], SEEDS[(2 * number + kind) % 9])
    for dtype in DTYPES:
        for made in (uniform, normal, cut):
            file.add(*made, (33, 15), dtype)
    for made in (uniform, normal, cut):
        file.add(*made, LARGE, seed=2**31)
    file.add(*uniform, LARGE, "bfloat16")
    for name, scheme in (("He", "he"), ("Lecun", "lecun"), ("Glorot", "glorot")):
        file.add(initializer(name + "Uniform"), scheme + "_uniform", {}, (3, 3, 8, 16))
        file.add(initializer(name + "Normal"), scheme + "_normal", {}, (50, 32), "bfloat16")
        file.add(initializer(name + "Normal"), scheme + "_normal", {}, (17,), "float64")
    scaling = {"scale": 0.7, "mode": "fan_avg", "distribution": "uniform"}
    file.add(initializer("VarianceScaling", **scaling), "variance_scaling", scaling, (100, 64))
    scaling = {"scale": 0.7, "mode": "fan_out", "distribution": "untruncated_normal"}
    file.add(initializer("VarianceScaling", **scaling), "variance_scaling", scaling, (100, 64))
    for dtype, atol in (("float32", 1e-5), ("float64", 1e-14)):
        for shape in ((24, 24), (10, 40), (3, 3, 4, 8)):
            file.add(initializer("Orthogonal", 1.5), "orthogonal", {"gain": 1.5}, shape, dtype, atol=1.5 * atol)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # torch's of empty tensors
    GOLDEN.mkdir(exist_ok=True)
    for name, layout, cases in (("torch", "torch", torch_cases), ("keras-torch", "keras", keras_cases)):
        file = File(name, layout)
        cases(file)
        file.save()
