"""Files of initgen are read by torch, Keras and JAX, and hold what `initgen.sample` gives, bit for bit."""

import importlib
import os

import numpy as np
import pytest

import initgen

pytestmark = pytest.mark.interop

DTYPES = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
SCHEMES = ("he_uniform", "kaiming_normal", "truncated_normal:stddev=0.02", "orthogonal")


@pytest.fixture(scope="module")
def torch():
    return importlib.import_module("torch")


@pytest.fixture(scope="module")
def jax():
    importlib.import_module("jax.numpy")
    return importlib.import_module("jax")


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "jax"
    return importlib.import_module("keras")


def bits_of(tensor):
    return tensor.detach().contiguous().view(-1).view(importlib.import_module("torch").uint8).numpy().tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("shape", [(30, 20), (16, 4, 3, 3)], ids=str)
def test_torch_loads_a_safetensors_file(torch, tmp_path, scheme, dtype, shape):
    from safetensors.torch import load_file

    path = tmp_path / "w.safetensors"
    initgen.write(initgen.tensor(scheme, shape, dtype=dtype, layout="torch", seed=3), path)
    (tensor,) = load_file(path).values()
    assert tensor.dtype == getattr(torch, dtype)
    assert tuple(tensor.shape) == shape
    assert bits_of(tensor) == initgen.sample(scheme, shape, dtype=dtype, layout="torch", seed=3).tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (7,)], ids=str)
def test_torch_loads_what_is_empty_or_has_no_axes(torch, tmp_path, shape):
    from safetensors.torch import load_file

    path = tmp_path / "w.safetensors"
    initgen.write(initgen.tensor("random_normal", shape), path)
    (tensor,) = load_file(path).values()
    assert tuple(tensor.shape) == shape
    assert bits_of(tensor) == initgen.sample("random_normal", shape).tobytes()


def test_torch_loads_a_file_as_the_state_of_a_model(torch, tmp_path):
    from safetensors.torch import load_file, load_model

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten(), torch.nn.Linear(8, 5))
    fans = {"0": 27, "2": 8}
    specs = []
    for seed, (name, value) in enumerate(model.state_dict().items()):
        given = {"name": name, "layout": "torch", "seed": seed}
        if name.endswith("weight"):
            specs.append(initgen.tensor("torch_default", value.shape, **given))
        else:
            specs.append(initgen.tensor("torch_bias", value.shape, fan_in=fans[name[0]], **given))
    path = tmp_path / "model.safetensors"
    initgen.write(specs, path)
    model.load_state_dict(load_file(path), strict=True)
    ours = initgen.sample("torch_default", (8, 3, 3, 3), layout="torch")
    assert bits_of(model[0].weight) == ours.tobytes()
    assert bits_of(model[2].bias) == initgen.sample("torch_bias", (5,), fan_in=8, layout="torch", seed=3).tobytes()
    assert load_model(model, path) == (set(), [])


def test_torch_takes_an_array(torch):
    ours = initgen.sample("he_normal", (9, 7))
    assert bits_of(torch.from_numpy(ours)) == ours.tobytes()


# Keras' variables do not have numpy 2's signature yet.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("suffix", ["npy", "h5", "safetensors"])
def test_a_keras_layer_takes_a_file(keras, tmp_path, suffix):
    path = tmp_path / f"w.{suffix}"
    initgen.write(initgen.tensor("glorot_uniform", (60, 40), seed=5), path)
    if suffix == "npy":
        w = np.load(path)
    elif suffix == "h5":
        with importlib.import_module("h5py").File(path) as file:
            w = file["weight"][()]
    else:
        w = importlib.import_module("safetensors.numpy").load_file(path)["weight"]
    layer = keras.layers.Dense(40)
    layer.build((None, 60))
    layer.set_weights([w, np.zeros(40)])
    ours = initgen.sample("glorot_uniform", (60, 40), seed=5)
    assert layer.get_weights()[0].tobytes() == ours.tobytes()


# Keras' variables do not have numpy 2's signature yet.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_a_keras_model_loads_its_weights_from_our_hdf5(keras, tmp_path):
    model = keras.Sequential([keras.layers.Input((60,)), keras.layers.Dense(40), keras.layers.Dense(3)])
    shapes = {"dense/vars/0": (60, 40), "dense/vars/1": (40,), "dense_1/vars/0": (40, 3), "dense_1/vars/1": (3,)}
    ours = {name: initgen.sample("truncated_normal", shape, seed=11) for name, shape in shapes.items()}
    path = tmp_path / "model.weights.h5"
    specs = [initgen.tensor("truncated_normal", s, name=f"layers/{name}", seed=11) for name, s in shapes.items()]
    initgen.write(specs, path)
    model.load_weights(path)
    assert [w.tobytes() for w in model.get_weights()] == [w.tobytes() for w in ours.values()]


# The library has no float8 for JAX, and JAX no float64 unless told to.
@pytest.mark.parametrize("dtype", DTYPES[1:4])
def test_jax_loads_a_safetensors_file(jax, tmp_path, dtype):
    from safetensors import safe_open

    path = tmp_path / "w.safetensors"
    initgen.write(initgen.tensor("lecun_normal", (3, 3, 8, 16), dtype=dtype), path)
    with safe_open(path, "jax") as file:
        assert list(file.keys()) == ["weight"]
        w = file.get_tensor("weight")
    ours = initgen.sample("lecun_normal", (3, 3, 8, 16), dtype=dtype)
    assert isinstance(w, jax.Array)
    assert w.dtype == getattr(jax.numpy, dtype)
    assert np.asarray(w).tobytes() == ours.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_jax_loads_a_npy_file(jax, tmp_path, dtype):
    path = tmp_path / "w.npy"
    initgen.write(initgen.tensor("uniform", (50, 40), dtype=dtype), path)
    w = jax.numpy.load(path)
    assert np.asarray(w).tobytes() == initgen.sample("uniform", (50, 40), dtype=dtype).tobytes()


def test_every_narrow_dtype_reaches_jax_as_an_array(jax):
    for dtype in DTYPES[1:]:
        ours = initgen.sample("he_normal", (9, 7), dtype=dtype)
        assert np.asarray(jax.numpy.asarray(ours)).tobytes() == ours.tobytes()


def test_pixel_shuffle_after_an_icnr_kernel_repeats_each_pixel(torch):
    w = torch.from_numpy(initgen.sample("icnr:scale=3", (18, 4, 3, 3), layout="torch"))
    image = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    large = torch.nn.functional.pixel_shuffle(torch.nn.functional.conv2d(image, w), 3)
    small = large[:, :, ::3, ::3]
    assert torch.equal(large, small.repeat_interleave(3, 2).repeat_interleave(3, 3))
    assert small.unique().numel() == small.numel()
