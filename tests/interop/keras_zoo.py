"""Models with every kind of layer that initgen knows, for any Keras 3; run by that Keras' own Python.

    python keras_zoo.py make DIRECTORY     builds each model: its config, its fresh weights, what Keras says of them
    python keras_zoo.py load DIRECTORY     builds each again, loads NAME.ours.weights.h5 into it, and calls it

Reports are JSON files in the directory, so that nothing of Keras is needed to read them.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
from keras import Input, Model, Sequential
from keras import layers as L

NEW = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 10)
HAS_RMS = hasattr(L, "RMSNormalization")
HAS_GQA = hasattr(L, "GroupQueryAttention")
HAS_REVERSIBLE = hasattr(L, "ReversibleEmbedding")


def seed_he_uniform():
    return Sequential(
        [
            Input((100,)),
            L.Dense(64, activation="relu", kernel_initializer=keras.initializers.HeUniform()),
            L.Dense(10, activation="softmax"),
        ]
    )


def seed_lecun_conv():
    lecun = keras.initializers.LecunUniform
    return Sequential(
        [
            Input((28, 28, 1)),
            L.Conv2D(32, 3, activation="selu", kernel_initializer=lecun()),
            L.MaxPooling2D(),
            L.Conv2D(64, (3, 5), strides=2, padding="same", activation="selu", kernel_initializer=lecun(), name="c2"),
            L.AlphaDropout(0.1),
            L.Flatten(),
            L.Dense(10),
        ]
    )


def seed_lecun_lstm():
    lecun = keras.initializers.LecunUniform
    return Sequential(
        [
            Input((20, 32)),
            L.LSTM(64, kernel_initializer=lecun(), return_sequences=True),
            L.LSTM(48, activation="selu", kernel_initializer=lecun(), recurrent_initializer=lecun()),
            L.Dense(1),
        ]
    )


def initializers():
    i = keras.initializers
    some = [
        i.GlorotNormal(),
        i.HeNormal(),
        i.LecunNormal(),
        i.RandomNormal(stddev=0.02),
        i.RandomUniform(-0.1, 0.2),
        i.TruncatedNormal(stddev=0.3),
        i.VarianceScaling(0.5, "fan_out", "uniform"),
        i.VarianceScaling(2.0, "fan_avg", "normal"),
        i.VarianceScaling(2.0, "fan_avg", "untruncated_normal"),
        i.Orthogonal(gain=0.7),
        i.Constant(0.25),
        i.Identity() if hasattr(i, "Identity") else i.IdentityInitializer(),  # its config loses the gain
    ]
    return Sequential(
        [
            Input((80,)),
            *(
                L.Dense(60, kernel_initializer=one, bias_initializer="ones", use_bias=n % 2 == 1)
                for n, one in enumerate(some)
            ),
        ]
    )


def seeded():
    he = keras.initializers.HeUniform(seed=7)
    return Sequential([Input((40,)), L.Dense(40, kernel_initializer=he), L.Dense(40, kernel_initializer=he)])


def convolutions():
    return Sequential(
        [
            Input((12, 12, 6)),
            L.Conv2D(8, 3, groups=2, padding="same"),
            L.DepthwiseConv2D(3, depth_multiplier=2),
            L.SeparableConv2D(10, 3, depth_multiplier=2, padding="same"),
            L.Conv2DTranspose(4, 3, strides=2),
            L.UpSampling2D(),
            L.ZeroPadding2D(((1, 0), (2, 1))),
            L.Cropping2D(2),
            L.AveragePooling2D(3, padding="same"),
            L.PReLU(shared_axes=[1, 2]),
            L.GlobalAveragePooling2D(),
            L.Dense(3),
        ]
    )


def lines():
    return Sequential(
        [
            Input((30, 4)),
            L.Conv1D(6, 5, padding="causal", dilation_rate=2),
            L.SeparableConv1D(8, 3),
            L.Conv1DTranspose(5, 4, strides=2, padding="same"),
            L.DepthwiseConv1D(3),
            L.MaxPooling1D(2),
            L.PReLU(),
            L.Flatten(),
            L.Dense(2),
        ]
    )


def cubes():
    return Sequential(
        [
            Input((8, 8, 8, 2)),
            L.Conv3D(4, 3),
            L.Conv3DTranspose(3, 2),
            L.AveragePooling3D(2),
            L.GlobalMaxPooling3D(),
            L.Dense(2),
        ]
    )


def recurrent():
    return Sequential(
        [
            Input((9,), dtype="int32"),
            L.Embedding(50, 12),
            L.Bidirectional(L.LSTM(7, return_sequences=True)),
            L.Bidirectional(L.GRU(5, return_sequences=True), merge_mode="sum", name="both"),
            L.GRU(6, reset_after=False, return_sequences=True),
            L.SimpleRNN(5, return_sequences=True, use_bias=False),
            L.LSTM(4, unit_forget_bias=False, return_sequences=True),
            L.RNN(L.GRUCell(3), return_sequences=True),
            L.RNN([L.LSTMCell(4), L.LSTMCell(3)], return_sequences=True),
            L.TimeDistributed(L.Dense(6)),
            L.GRU(4, name="last"),
            L.Dense(2),
        ]
    )


def conv_lstm():
    return Sequential([Input((4, 6, 6, 2)), L.ConvLSTM2D(3, 3), L.Flatten(), L.Dense(2)])


def norms():
    return Sequential(
        [
            Input((6, 32)),
            L.Normalization(),
            L.Rescaling(0.5),
            L.LayerNormalization(),
            L.BatchNormalization(scale=False),
            L.GroupNormalization(8),
            L.LayerNormalization(axis=[1, 2], center=False),
            L.BatchNormalization(axis=1),
            *([L.RMSNormalization()] if HAS_RMS else []),
            L.Dense(3),
        ]
    )


def einsum():
    return Sequential(
        [
            Input((10, 24)),
            L.EinsumDense("abc,cd->abd", output_shape=(10, 16), bias_axes="d"),
            L.EinsumDense("...x,xyz->...yz", output_shape=(4, 6), bias_axes="yz"),
            L.EinsumDense("abyz,yzd->abd", output_shape=(10, 12)),
            L.EinsumDense("ab...,bc->ac...", output_shape=(7,), bias_axes="c"),
            L.Flatten(),
            L.Dense(2),
        ]
    )


def attention():
    x = Input((7, 24))
    memory = Input((5, 16 if NEW else 24))  # before 3.10 the value has to be as wide as the query
    y = L.MultiHeadAttention(3, 8)(x, x)
    y = L.Add()([x, y])
    y = L.MultiHeadAttention(2, 6, value_dim=5, use_bias=False, output_shape=(20,), name="cross")(y, memory)
    if HAS_GQA:
        y = L.GroupQueryAttention(6, 4, 2)(y, y)
    y = L.Attention(use_scale=True)([y, y])
    y = L.AdditiveAttention()([y, y])
    return Model([x, memory], L.Dense(3)(L.GlobalAveragePooling1D()(y)))


def branches():
    x = Input((5,), name="features")
    second, first = L.Dense(4, activation="relu"), L.Dense(4)
    a = first(x)
    b = L.LayerNormalization()(second(x))
    c = L.Concatenate()([a, b])
    shared = L.Dense(8, name="shared")
    y = shared(c) + shared(c * 2.0)
    return Model(x, L.Dense(1, name="out")(y))


def nested():
    encoder = Sequential([Input((12,)), L.Dense(9), L.Dropout(0.1), L.Dense(9)], name="enc")
    z = Input((9,))
    head = Model(z, L.Dense(4, activation=L.LeakyReLU())(z), name="head")
    x = Input((12,))
    return Model(x, L.Dense(2)(head(encoder(x))), name="outer")


def mixed_precision():
    return Sequential(
        [
            Input((16,)),
            L.Dense(32, dtype="mixed_bfloat16"),
            L.Dense(32, dtype="bfloat16"),
            L.Dense(8, dtype="float16"),
            L.Dense(2, dtype="float32"),
        ]
    )


def reversible():
    return Sequential([Input((5,), dtype="int32"), L.ReversibleEmbedding(30, 8, tie_weights=False), L.Dense(2)])


MODELS = [
    *(seed_he_uniform, seed_lecun_conv, seed_lecun_lstm, initializers, seeded),
    *(convolutions, lines, cubes, recurrent, conv_lstm, norms, einsum, attention, branches, nested, mixed_precision),
    *([reversible] if HAS_REVERSIBLE else []),
]


def arguments(model):
    return [np.ones([1, *tensor.shape[1:]], "int32" if "int" in tensor.dtype else "float32") for tensor in model.inputs]


def make(directory):
    report = {"keras": keras.__version__, "models": {}}
    for build in MODELS:
        name = build.__name__
        keras.utils.set_random_seed(1)
        keras.backend.clear_session()
        model = build()
        (directory / f"{name}.json").write_text(model.to_json(), encoding="utf-8")
        model.save(directory / f"{name}.keras")
        model.save_weights(directory / f"{name}.theirs.weights.h5")
        report["models"][name] = [
            {"path": getattr(weight, "path", ""), "shape": list(weight.shape), "dtype": str(weight.dtype)}
            for weight in model.weights
        ]
    (directory / "made.json").write_text(json.dumps(report), encoding="utf-8")


def load(directory):
    report = {}
    for build in MODELS:
        name = build.__name__
        keras.backend.clear_session()
        model = build()
        try:
            model.load_weights(directory / f"{name}.ours.weights.h5")
            model.save_weights(directory / f"{name}.again.weights.h5")
            given = arguments(model)
            answer = np.asarray(model(given if len(given) > 1 else given[0]), dtype="float64")
            wanted = [1, *model.output_shape[1:]]
            report[name] = "" if np.isfinite(answer).all() and list(answer.shape) == wanted else f"gives {answer}"
        except Exception as error:  # the report is what is judged
            report[name] = f"{type(error).__name__}: {error}"
    (directory / "loaded.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    {"make": make, "load": load}[sys.argv[1]](Path(sys.argv[2]))
