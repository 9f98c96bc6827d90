"""Networks of Keras with every kind of layer that `probe` runs, for keras_signals.py."""

from pathlib import Path

import keras
from keras import Input, Model, Sequential
from keras import activations as A
from keras import layers as L
from keras.src.applications.densenet import DenseNet

BIAS = keras.initializers.RandomNormal(stddev=0.3)
WIDE = keras.initializers.RandomNormal(stddev=3.0)  # leaves some units dead
PIECEWISE = (
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "swish",
    "tanh",
    "sigmoid",
    "softplus",
    "linear",
)
FIRST = {"data_format": "channels_first"}


def side_by_side(shape, branches, dtype="float32"):
    """Each branch gets the input; what they give is put side by side, and mixed."""
    x = Input(shape, dtype=dtype)
    ends = []
    for branch in branches:
        y = x
        for layer in branch if isinstance(branch, tuple) else (branch,):
            y = layer(y)
        ends.append(L.Flatten()(y) if len(y.shape) > 2 else y)
    return Model(x, L.Dense(6)(L.Concatenate()(ends)))


def activations():
    """By name, by function, as a layer of its own and as a layer in place of a function."""

    def dense(activation=None):
        return L.Dense(17, activation=activation, bias_initializer=WIDE)

    layers = [
        *(
            L.ReLU(),
            L.ReLU(max_value=6.0),
            L.ReLU(negative_slope=0.1),
            L.LeakyReLU(),
            L.LeakyReLU(negative_slope=0.02),
            L.ELU(),
            L.ELU(0.4),
        ),
        *(L.Softmax(), L.Activation("softmax"), L.Activation(A.gelu), L.Activation("swish")),
    ]
    return side_by_side(
        (24,),
        [
            *(dense(name) for name in (*PIECEWISE, "softmax")),
            *((dense(), L.Activation(name)) for name in PIECEWISE[:-1]),
            *((dense(), layer) for layer in layers),
            *(dense(layer) for layer in (L.LeakyReLU(), L.ReLU(negative_slope=0.3), L.ELU(alpha=0.5))),
            *(dense(function) for function in (A.selu, A.silu, A.leaky_relu)),
            (L.Activation("tanh"), dense("relu")),
            (L.Dense(30), L.Reshape((5, 6)), L.Softmax(axis=1)),
            (L.Dense(30), L.Reshape((5, 6)), L.Softmax(axis=-1)),
        ],
    )


def convolutions():
    biased = {"bias_initializer": BIAS}
    return side_by_side(
        (9, 8, 6),
        [
            L.Conv2D(5, 3, activation="tanh", **biased),
            L.Conv2D(4, (2, 3), padding="same", use_bias=False, activation="elu"),
            L.Conv2D(4, 3, strides=2, padding="same", **biased),
            L.Conv2D(4, (3, 4), strides=(3, 2), padding="same", activation="relu"),
            L.Conv2D(4, (5, 2), strides=(1, 3), padding="valid"),
            L.Conv2D(4, 2, dilation_rate=(3, 2), padding="same"),
            L.Conv2D(6, 3, groups=3, padding="same", activation="selu", **biased),
            L.Conv2D(5, 3, padding="same", activation="relu", **FIRST, **biased),
            L.Conv2D(6, (2, 3), groups=3, strides=2, padding="same", **FIRST),
            L.DepthwiseConv2D(3, activation="relu", **biased),
            L.DepthwiseConv2D((3, 2), depth_multiplier=3, padding="same", **biased),
            L.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False),
            L.DepthwiseConv2D(2, dilation_rate=2, depth_multiplier=2),
            L.SeparableConv2D(5, 3, activation="sigmoid", **biased),
            L.SeparableConv2D(5, (2, 3), strides=2, depth_multiplier=2, padding="same"),
            L.SeparableConv2D(4, 2, dilation_rate=2, use_bias=False),
            (L.Conv2D(4, 3), L.ReLU(), L.Conv2D(3, 2), L.Activation("selu")),
            (L.Conv2D(11, 3, bias_initializer=WIDE, **FIRST), L.Activation("relu")),
            (L.Conv2D(12, 3, bias_initializer=WIDE), L.ReLU()),
        ],
    )


def lines_and_cubes():
    line = [
        L.Conv1D(5, 4, padding="causal", activation="relu"),
        L.Conv1D(5, 3, padding="causal", dilation_rate=2, use_bias=False),
        L.Conv1D(4, 5, padding="same", strides=3, activation="tanh"),
        L.Conv1D(4, 2, padding="valid", groups=2, strides=2, bias_initializer=BIAS),
        L.DepthwiseConv1D(3, depth_multiplier=2, padding="same", strides=2),
        L.DepthwiseConv1D(3, dilation_rate=2, activation="elu"),
        L.SeparableConv1D(5, 3, depth_multiplier=2, padding="same", activation="relu"),
    ]
    cube = [
        L.Conv3D(3, 2, activation="relu", bias_initializer=BIAS),
        L.Conv3D(4, (3, 2, 1), strides=(2, 1, 2), padding="same", groups=2),
        L.Conv3D(3, 2, dilation_rate=(1, 2, 1), padding="valid", use_bias=False),
    ]
    cubes = [(L.Reshape((4, 5, 3, 2)), layer) for layer in cube]
    places = [
        (L.Reshape((4, 5, 3, 2)), layer)
        for layer in (L.MaxPooling3D(2), L.AveragePooling3D(3, strides=(1, 2, 1), padding="same"))
    ]
    whole = [(L.Reshape((4, 5, 3, 2)), layer) for layer in (L.GlobalMaxPooling3D(), L.GlobalAveragePooling3D())]
    return side_by_side((30, 4), [*line, *cubes, *places, *whole])


def poolings():
    flat = [
        *(L.MaxPooling1D(3), L.AveragePooling1D(2), L.MaxPooling1D(3, strides=2, padding="same")),
        *(L.AveragePooling1D(5, strides=3, padding="same"), L.GlobalMaxPooling1D(), L.GlobalAveragePooling1D()),
        L.AveragePooling1D(3, **FIRST),
    ]
    return side_by_side(
        (9, 8, 4),
        [
            *(L.MaxPooling2D(), L.MaxPooling2D((3, 2), strides=(1, 3)), L.MaxPooling2D(3, strides=2, padding="same")),
            *(
                L.AveragePooling2D(2),
                L.AveragePooling2D(3, strides=(2, 1), padding="same"),
                L.AveragePooling2D((2, 3), strides=1),
            ),
            *(L.MaxPooling2D(2, **FIRST), L.AveragePooling2D(3, strides=(1, 3), padding="same", **FIRST)),
            *(L.GlobalMaxPooling2D(), L.GlobalAveragePooling2D(keepdims=True), L.GlobalMaxPooling2D(keepdims=True)),
            *(L.GlobalAveragePooling2D(**FIRST), L.GlobalMaxPooling2D(**FIRST)),
            *((L.Reshape((24, 12)), layer) for layer in flat),
        ],
    )


def norms():
    drawn = {"gamma_initializer": keras.initializers.RandomUniform(0.5, 2.0), "beta_initializer": BIAS}
    scaled = {"gamma_initializer": drawn["gamma_initializer"]}
    return side_by_side(
        (6, 5, 8),
        [
            *(
                L.BatchNormalization(**drawn),
                L.BatchNormalization(axis=1, **drawn),
                L.BatchNormalization(axis=2, epsilon=0.5),
            ),
            *(L.BatchNormalization(scale=False, beta_initializer=BIAS), L.BatchNormalization(center=False, **scaled)),
            *(L.LayerNormalization(**drawn), L.LayerNormalization(axis=[2, 3], **drawn)),
            *(L.LayerNormalization(axis=(2, 3), center=False), L.LayerNormalization(epsilon=0.3, scale=False)),
            *(L.RMSNormalization(), L.RMSNormalization(axis=[2, 3], epsilon=0.1)),
            (L.Flatten(), L.Dense(9), L.BatchNormalization(**drawn), L.ReLU()),
            (L.Flatten(), L.Dense(9, use_bias=False), L.LayerNormalization(**drawn), L.Activation("gelu")),
        ],
    )


def recurrent():
    common = {"return_sequences": True, "bias_initializer": BIAS}
    return side_by_side(
        (7,),
        [
            (L.Embedding(20, 6), layer)
            for layer in (
                *(L.SimpleRNN(5, bias_initializer=BIAS), L.SimpleRNN(5, activation="relu", **common)),
                *(
                    L.SimpleRNN(4, use_bias=False, go_backwards=True, return_sequences=True),
                    L.LSTM(5),
                    L.LSTM(4, unit_forget_bias=False, **common),
                ),
                *(
                    L.LSTM(4, activation="selu", recurrent_activation="softplus", return_sequences=True),
                    L.LSTM(3, use_bias=False),
                ),
                *(L.LSTM(3, go_backwards=True, unit_forget_bias=False), L.GRU(5), L.GRU(4, **common)),
                *(
                    L.GRU(4, reset_after=False, **common),
                    L.GRU(3, use_bias=False),
                    L.GRU(3, go_backwards=True, **common),
                ),
                L.GRU(3, reset_after=False, use_bias=False, activation="elu", recurrent_activation="tanh"),
            )
        ]
        + [(L.Embedding(20, 4), L.LSTM(5, return_sequences=True), L.GRU(4), L.Dense(3, activation="softmax"))],
        dtype="int32",
    )


def shapes():
    return side_by_side(
        (4, 3, 6),
        [
            *(L.Flatten(), L.Flatten(**FIRST), L.Reshape((-1, 9)), L.Permute((3, 1, 2))),
            *((L.Permute((2, 3, 1)), L.Conv2D(3, 2)), (L.ZeroPadding2D(((1, 0), (2, 3))), L.Conv2D(3, 2))),
            *(
                (L.ZeroPadding2D(2, **FIRST), L.MaxPooling2D(3)),
                (L.Reshape((12, 6)), L.ZeroPadding1D((2, 1)), L.Conv1D(3, 2)),
            ),
            (L.Reshape((4, 3, 3, 2)), L.ZeroPadding3D((1, 0, (2, 1))), L.Conv3D(2, 2)),
            *((L.Dropout(0.5), L.Dense(4)), (L.SpatialDropout2D(0.5), L.Dense(4)), (L.GaussianNoise(0.5), L.Dense(4))),
            (L.GaussianDropout(0.5), L.AlphaDropout(0.5), L.Identity(), L.ActivityRegularization(l2=0.1), L.Dense(4)),
            L.Dense(5, activation="relu"),
        ],
    )


def one_after_another():
    """Activations that are layers of their own, each beside that which it belongs to."""
    return Sequential(
        [
            Input((6, 11, 9)),
            *(L.Conv2D(9, 3, padding="same", bias_initializer=WIDE, **FIRST), L.ReLU()),
            *(L.Conv2D(8, 2, use_bias=False, **FIRST), L.BatchNormalization(axis=1), L.LeakyReLU(negative_slope=0.01)),
            *(L.MaxPooling2D(2, **FIRST), L.Conv2D(7, 2, **FIRST), L.Dropout(0.5), L.Activation("elu")),
            *(L.GlobalMaxPooling2D(**FIRST), L.Dense(20, bias_initializer=WIDE), L.Activation("relu")),
            *(L.Dense(12), L.LayerNormalization(), L.Activation("tanh"), L.Dense(5), L.Softmax()),
        ]
    )


def defaults():
    """Nothing said that need not be said."""
    return Sequential(
        [
            Input((16, 14, 3)),
            *(L.ZeroPadding2D(), L.Conv2D(4, 3), L.BatchNormalization(), L.LeakyReLU(), L.MaxPooling2D()),
            *(L.DepthwiseConv2D(2), L.ELU(), L.AveragePooling2D(2), L.SeparableConv2D(5, 2), L.ReLU()),
            *(
                L.LayerNormalization(),
                L.Reshape((4, 5)),
                L.LSTM(6, return_sequences=True),
                L.GRU(4, return_sequences=True),
            ),
            *(L.SimpleRNN(6), L.Dense(7), L.RMSNormalization(), L.Dense(5), L.Softmax()),
        ]
    )


def residual():
    """A transformer's shape: `Add`, ``x + y``, models inside of models, and outputs that go to several."""
    z = Input((5, 12))
    block = Model(z, L.Add()([z, L.Dense(12)(L.LayerNormalization()(z))]), name="block")
    inner = Sequential(
        [Input((5, 12)), L.Dense(12, activation="gelu"), Sequential([L.Dense(12), L.Dropout(0.5)], name="in")]
    )
    x = Input((5, 12))
    y = block(x)
    y = y + inner(y)
    y = L.Add()([y, x, L.Dense(12, activation="tanh")(y)])
    y = L.Activation("relu")(y)
    y = L.Concatenate(axis=1)([y, x, L.Concatenate(axis=-2)([x, y])])
    return Model(x, L.Dense(3)(L.Flatten()(y + y)))


def seed_lecun():
    """The second of the two documents."""
    lecun = "lecun_uniform"
    return Sequential(
        [
            Input((28, 28, 1)),
            L.Conv2D(32, 3, activation="selu", kernel_initializer=lecun),
            L.MaxPooling2D(),
            L.Conv2D(64, (3, 5), strides=2, padding="same", activation="selu", kernel_initializer=lecun),
            L.AlphaDropout(0.1),
            L.Flatten(),
            L.Dense(10),
        ]
    )


OPEN = {"weights": None, "input_shape": (32, 32, 3), "classes": 10}


def vgg16():
    return keras.applications.VGG16(**OPEN)


def resnet50():
    return keras.applications.ResNet50(**OPEN)


def densenet():
    """Shorter than DenseNet121, which takes Keras half a minute."""
    return DenseNet(blocks=(2, 4, 3, 2), **OPEN)


def seed_he_uniform():
    return keras.models.model_from_json((Path(__file__).parents[2] / "examples" / "seed_he_uniform.json").read_text())


SMALL = (
    activations,
    convolutions,
    lines_and_cubes,
    poolings,
    norms,
    recurrent,
    shapes,
    one_after_another,
    defaults,
    residual,
)
SEEDS = (seed_he_uniform, seed_lecun)
REAL = (vgg16, resnet50, densenet)
# Their weights are what Keras draws and saves.
THEIR_OWN = {"own_recurrent": recurrent, "own_residual": residual, "own_convolutions": convolutions}
MODELS = {
    **{build.__name__: build for build in (*SMALL, *SEEDS, *REAL)},
    **THEIR_OWN,
}
