"""What torch, JAX and Keras draw in bfloat16 and float16 passes `stats` as what it is, and wrong values do not.

Four million values of each: enough that bfloat16 as the frameworks draw it is plainly not the law rounded once. In
float16 that takes some fifty million. False alarms: see conftest.
"""

import importlib.util
import os
import subprocess
import sys
import textwrap
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import initgen

pytestmark = [
    pytest.mark.interop,
    # Keras' variables do not have numpy 2's signature yet.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

FALSE_ALARM = 1e-9  # of one judgement, see conftest
DTYPES = ["bfloat16", "float16"]
SHAPE = (64, 65_000)  # 64 inputs as Keras and JAX read it; torch's is the other way round


class Drawn(NamedTuple):
    """What is drawn with which arguments, the scheme that it is, and how `stats` is to say that bfloat16 was drawn.

    That is empty where so many values may be the law rounded once.
    """

    name: str
    given: dict[str, Any]
    scheme: str
    drawn: str

    def __str__(self):
        return f"{self.name} {self.scheme}"


@pytest.fixture
def judged(tmp_path):
    """The answer for one array."""

    def judge(array, scheme):
        path = str(tmp_path / "w.safetensors")
        safetensors.numpy.save_file({"w": array}, path)
        layout = "keras" if array.shape == SHAPE else "torch"
        (tensor,) = initgen.stats(path, scheme, layout=layout, false_alarm=FALSE_ALARM).tensors
        return tensor

    return judge


def of_torch(tensor, dtype):
    """A tensor as an array of numpy's, which torch does not make of bfloat16."""
    codes = tensor.view(importlib.import_module("torch").uint16).numpy()
    return codes.view(ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16)


def holds(judged, array, case):
    """It passes, and the answer says how it was drawn, where so many values tell."""
    tensor = judged(array, case.scheme)
    assert tensor.passed, [(test.name, test.p) for test in tensor.tests if not test.passed]
    if array.dtype == np.float16:
        assert tensor.drawn in ("", "rounded to nearest") or tensor.drawn.startswith("natively in float16, as ")
    else:
        assert tensor.drawn.startswith(case.drawn)


def spoiled(array):
    """The same with one value two steps further out than any."""
    codes = array.view(np.uint16).copy()
    codes.flat[7] = codes.max() + 2  # a negative value: its code is the greater, the further out it is
    return codes.view(array.dtype)


TORCH = (
    Drawn("kaiming_uniform_", {}, "kaiming_uniform", ""),
    Drawn("uniform_", {}, "random_uniform:minval=0,maxval=1", "natively in bfloat16, as torch.nn.init does"),
    Drawn("uniform_", {"a": -0.3, "b": 0.1}, "random_uniform:minval=-0.3,maxval=0.1", ""),
    Drawn("normal_", {"std": 0.02}, "random_normal:stddev=0.02", ""),
    Drawn("kaiming_normal_", {}, "kaiming_normal", ""),
    Drawn("trunc_normal_", {}, "trunc_normal", "natively in bfloat16, as torch.nn.init does"),
    Drawn("trunc_normal_", {"std": 0.02}, "trunc_normal:std=0.02", ""),
    Drawn("trunc_normal_", {"a": 1.0, "b": 3.0}, "trunc_normal:a=1,b=3", "natively in bfloat16, as torch.nn.init does"),
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", TORCH, ids=str)
def test_torch(judged, case, dtype):
    torch = importlib.import_module("torch")
    torch.manual_seed(20240229)
    w = torch.empty(SHAPE[::-1], dtype=getattr(torch, dtype))
    getattr(torch.nn.init, case.name)(w, **case.given)
    holds(judged, of_torch(w, dtype), case)
    if "uniform" in case.name:
        assert not judged(spoiled(of_torch(w, dtype)), case.scheme).passed


def weights_of_timm():
    """The one module of timm's that needs nothing but torch."""
    (folder,) = importlib.util.find_spec("timm").submodule_search_locations
    spec = importlib.util.spec_from_file_location("weight_init", f"{folder}/layers/weight_init.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", ["trunc_normal_", "trunc_normal_tf_"])
def test_torch_before_2_12_and_timm(judged, function, dtype):
    torch, timm = importlib.import_module("torch"), weights_of_timm()
    torch.manual_seed(20240229)
    w = torch.empty(SHAPE, dtype=getattr(torch, dtype))
    given = {"a": -0.04, "b": 0.04} if function == "trunc_normal_" else {}
    getattr(timm, function)(w, std=0.02, **given)
    by = "timm does" if function == "trunc_normal_tf_" else "torch.nn.init does before 2.12"
    holds(
        judged,
        of_torch(w, dtype),
        Drawn(function, {}, "truncated_normal:stddev=0.02", f"natively in bfloat16, as {by}"),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_before_2_12_was_wrong_where_the_bounds_are_far(judged, dtype):
    """1 of 500 values of bfloat16 is -2, a hundred std from the mean."""
    torch, timm = importlib.import_module("torch"), weights_of_timm()
    w = timm.trunc_normal_(torch.empty(SHAPE, dtype=getattr(torch, dtype)), std=0.02)
    assert not judged(of_torch(w, dtype), "trunc_normal:std=0.02").passed


BY_JAX = "natively in bfloat16, as jax.nn.initializers do: 128 values"
JAX = (
    Drawn("he_uniform", {}, "he_uniform", BY_JAX),
    Drawn("lecun_normal", {}, "lecun_normal", BY_JAX),
    Drawn("glorot_normal", {}, "glorot_normal", BY_JAX),
    Drawn("uniform", {"scale": 0.3}, "random_uniform:minval=0,maxval=0.3", "natively in bfloat16, as jax.random"),
    Drawn("normal", {"stddev": 0.02}, "random_normal:stddev=0.02", "natively in bfloat16, as jax"),
    Drawn("truncated_normal", {"stddev": 0.02}, "truncated_normal:stddev=0.02", "natively in bfloat16, as jax"),
    Drawn(
        "truncated_normal",
        {"stddev": 0.5, "lower": -1.0, "upper": 3.0},
        "truncated_normal:stddev=0.5,lower=-1,upper=3",
        "natively in bfloat16, as jax.random",
    ),
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", JAX, ids=str)
def test_jax(judged, case, dtype):
    jax = importlib.import_module("jax")
    initializer = getattr(importlib.import_module("jax.nn.initializers"), case.name)(**case.given)
    array = np.asarray(initializer(jax.random.key(1066), SHAPE, getattr(jax.numpy, dtype)))
    holds(judged, array, case)
    if case.name != "normal":
        assert not judged(spoiled(array), case.scheme).passed


KERAS = (
    ("HeUniform", "{}", "he_uniform"),
    ("LecunUniform", "{}", "lecun_uniform"),
    ("HeNormal", "{}", "he_normal"),
    ("RandomNormal", "{'stddev': 0.02}", "random_normal:stddev=0.02"),
    ("RandomUniform", "{'minval': -0.3, 'maxval': 0.1}", "random_uniform:minval=-0.3,maxval=0.1"),
    ("TruncatedNormal", "{'mean': 0.1, 'stddev': 0.3}", "truncated_normal:mean=0.1,stddev=0.3"),
)
BY_KERAS = {
    ("jax", "HeUniform"): "natively in bfloat16, as jax.random and Keras on JAX do: 128 values",
    ("jax", "LecunUniform"): "natively in bfloat16, as j",
    ("jax", "RandomUniform"): "natively in bfloat16, as jax.random and Keras on JAX do: 128 values",
    ("jax", "HeNormal"): "natively in bfloat16, as j",
    ("jax", "RandomNormal"): "natively in bfloat16, as j",
    ("jax", "TruncatedNormal"): "natively in bfloat16, as jax.random and Keras on JAX do: 128 values",
    ("torch", "HeUniform"): "natively in bfloat16, as Keras on torch does",
    ("torch", "LecunUniform"): "natively in bfloat16, as Keras on torch does",
    ("torch", "RandomUniform"): "natively in bfloat16, as Keras on torch does",
    ("torch", "HeNormal"): "natively in bfloat16, as Keras on torch does",
    ("torch", "TruncatedNormal"): "natively in bfloat16, as Keras on torch does",
}


@pytest.fixture(scope="module", params=["jax", "torch", "numpy"])
def by_keras(request, tmp_path_factory):
    """A backend, and the folder with what Keras draws on it: a process for each, as a process has only one backend."""
    folder = tmp_path_factory.mktemp(request.param)
    script = f"""
        import keras, numpy as np
        assert keras.backend.backend() == {request.param!r}
        for dtype in {DTYPES}:
            for name, given, _ in {KERAS}:
                w = getattr(keras.initializers, name)(seed=7, **eval(given))({SHAPE}, dtype)
                w = w.view(__import__("torch").uint16).numpy() if hasattr(w, "cpu") else np.asarray(w).view(np.uint16)
                np.save({str(folder)!r} + f"/{{name}}.{{dtype}}.npy", w)
    """
    environment = {**os.environ, "KERAS_BACKEND": request.param}
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, check=True, timeout=600)
    return request.param, folder


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "given", "scheme"), KERAS)
def test_keras(judged, by_keras, name, given, scheme, dtype):
    backend, folder = by_keras
    array = np.load(folder / f"{name}.{dtype}.npy").view(ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16)
    if backend == "numpy":
        tensor = judged(array, scheme)
        assert tensor.passed
        assert tensor.drawn in ("", "rounded to nearest")
    else:
        holds(judged, array, Drawn(name, {}, scheme, BY_KERAS.get((backend, name), "")))
    if "Uniform" in name:
        assert not judged(spoiled(array), scheme).passed


OFF = (
    Drawn("he_uniform", {}, "variance_scaling:scale=2.04,mode=fan_in,distribution=uniform", "1 %"),
    Drawn("he_uniform", {}, "variance_scaling:scale=1.96,mode=fan_in,distribution=uniform", "1 %"),
    Drawn("he_uniform", {}, "lecun_uniform", "fans"),
    Drawn("he_normal", {}, "variance_scaling:scale=2.04,mode=fan_in,distribution=truncated_normal", "1 %"),
    Drawn("he_normal", {}, "variance_scaling:scale=1.96,mode=fan_in,distribution=truncated_normal", "1 %"),
    Drawn("he_normal", {}, "glorot_normal", "fans"),
    Drawn("normal", {"stddev": 0.02}, "random_normal:stddev=0.0202", "1 %"),
    Drawn("normal", {"stddev": 0.02}, "random_normal:stddev=0.0198", "1 %"),
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", ["natively", "rounded"])
@pytest.mark.parametrize("case", OFF, ids=str)
def test_a_std_that_is_off_by_1_percent_and_wrong_fans_are_no_way_of_drawing(judged, case, way, dtype):
    jax = importlib.import_module("jax")
    initializer = getattr(importlib.import_module("jax.nn.initializers"), case.name)(**case.given)
    array = np.asarray(initializer(jax.random.key(3), SHAPE, dtype if way == "natively" else "float32"))
    array = array.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16)
    assert not judged(array, case.scheme).passed
