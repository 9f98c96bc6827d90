"""Writes keras.json, what real Keras makes of its models and layers; the tests only read it.

    KERAS_BACKEND=numpy python tests/specs/layers/make_keras.py > tests/specs/layers/keras.json    # Keras 3.15.1

Models are those of tests/interop/keras_zoo.py: their config, the names of their weights, and what is in their
``.weights.h5``. Layers are built alone: their arguments, their config, the shapes of input, weights and output.
"""

import inspect
import json
import sys
import tempfile
from pathlib import Path

import h5py
import keras

sys.path.append(str(Path(__file__).parents[2] / "interop"))
from keras_zoo import MODELS

CONV = {"filters": 4, "kernel_size": 3}
# Kind, arguments, shapes of the inputs without the batch; several where there are lists in the list.
LAYERS = [
    ("Dense", {"units": 4}, [6]),
    ("Dense", {"units": 4, "use_bias": False}, [2, 6]),
    ("Dense", {"units": 4, "bias_initializer": "one", "kernel_initializer": "uniform"}, [6]),
    ("Embedding", {"input_dim": 9, "output_dim": 4}, [5]),
    ("Embedding", {"input_dim": 9, "output_dim": 4, "embeddings_initializer": "normal"}, [5, 2]),
    ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 4}, [5]),
    ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 4, "tie_weights": False}, [5]),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [10, 16], "bias_axes": "d"}, [10, 24]),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 16]}, [10, 24]),
    ("EinsumDense", {"equation": "ab,bcd->acd", "output_shape": [3, 5], "bias_axes": "c"}, [7]),
    ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 5, "bias_axes": "c"}, [7]),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 5, "bias_axes": "y"}, [4, 7]),
    ("EinsumDense", {"equation": "...xy,xyz->...z", "output_shape": 5}, [4, 7, 3]),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": [5], "bias_axes": "c"}, [4, 7, 3]),
    ("SimpleRNN", {"units": 4}, [5, 3]),
    ("SimpleRNN", {"units": 4, "use_bias": False, "return_sequences": True}, [5, 3]),
    ("LSTM", {"units": 4}, [5, 3]),
    ("LSTM", {"units": 4, "unit_forget_bias": False, "bias_initializer": "ones"}, [5, 3]),
    ("LSTM", {"units": 4, "return_sequences": True, "use_bias": False}, [None, 3]),
    ("GRU", {"units": 4}, [5, 3]),
    ("GRU", {"units": 4, "reset_after": False, "return_sequences": True}, [5, 3]),
    ("ConvLSTM1D", CONV, [5, 8, 2]),
    ("ConvLSTM2D", {**CONV, "padding": "same"}, [5, 8, 9, 2]),
    ("ConvLSTM3D", {**CONV, "return_sequences": True, "unit_forget_bias": False}, [3, 5, 6, 7, 2]),
    ("BatchNormalization", {}, [5, 3]),
    ("BatchNormalization", {"axis": 1, "center": False}, [5, 3]),
    ("BatchNormalization", {"scale": False, "moving_mean_initializer": "ones"}, [3]),
    ("LayerNormalization", {}, [5, 3]),
    ("LayerNormalization", {"axis": [2, 1], "scale": False}, [5, 3]),
    ("LayerNormalization", {"axis": [-1, 1]}, [5, 3]),
    ("GroupNormalization", {"groups": 2}, [5, 6]),
    ("GroupNormalization", {"groups": -1, "axis": 1}, [5, 6]),
    ("RMSNormalization", {}, [5, 3]),
    ("RMSNormalization", {"axis": [1, 2]}, [5, 3]),
    ("Normalization", {}, [5, 3]),
    ("Normalization", {"axis": None}, [5, 3]),
    ("Normalization", {"axis": [2, 1]}, [5, 3]),
    ("Normalization", {"mean": 0.5, "variance": 2.0}, [5, 3]),
    ("PReLU", {}, [5, 3]),
    ("PReLU", {"shared_axes": [1]}, [5, 3]),
    (
        "PReLU",
        {"shared_axes": [1, 2], "alpha_initializer": {"class_name": "Constant", "config": {"value": 0.25}}},
        [5, 4, 3],
    ),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [[5, 8], [7, 8]]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "value_dim": 4, "use_bias": False}, [[5, 8], [7, 6], [7, 9]]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "output_shape": [5]}, [[5, 8], [7, 8]]),
    (
        "MultiHeadAttention",
        {"num_heads": 1, "key_dim": 3, "output_shape": 5, "attention_axes": [1]},
        [[4, 5, 8], [4, 5, 8]],
    ),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}, [[5, 8], [7, 8]]),
    ("Attention", {}, [[5, 8], [7, 8]]),
    ("Attention", {"use_scale": True, "score_mode": "concat"}, [[5, 8], [7, 8]]),
    ("AdditiveAttention", {}, [[5, 8], [7, 8]]),
    ("AdditiveAttention", {"use_scale": False}, [[5, 8], [7, 8]]),
    ("Bidirectional", {"layer": ("LSTM", {"units": 4})}, [5, 3]),
    ("Bidirectional", {"layer": ("GRU", {"units": 4, "return_sequences": True}), "merge_mode": "ave"}, [5, 3]),
    ("Bidirectional", {"layer": ("SimpleRNN", {"units": 4}), "merge_mode": "concat"}, [5, 3]),
    ("TimeDistributed", {"layer": ("Dense", {"units": 4})}, [5, 3]),
    ("TimeDistributed", {"layer": ("Conv1D", CONV)}, [5, 9, 3]),
    ("RNN", {"cell": ("LSTMCell", {"units": 4})}, [5, 3]),
    ("RNN", {"cell": ("GRUCell", {"units": 4}), "return_sequences": True}, [5, 3]),
    ("RNN", {"cell": ("SimpleRNNCell", {"units": 4})}, [5, 3]),
    ("Flatten", {}, [5, 4, 3]),
    ("Flatten", {}, [5, None]),
    ("Flatten", {}, []),
    ("Reshape", {"target_shape": [4, 3]}, [12]),
    ("Reshape", {"target_shape": [2, -1, 3]}, [4, 6]),
    ("Reshape", {"target_shape": [-1, 3]}, [None, 6]),
    ("Permute", {"dims": [2, 1, 3]}, [4, 5, 6]),
    ("RepeatVector", {"n": 3}, [5]),
    ("UpSampling1D", {"size": 3}, [5, 2]),
    ("UpSampling2D", {"size": [2, 3]}, [5, 4, 2]),
    ("UpSampling2D", {"data_format": "channels_first"}, [2, 5, 4]),
    ("UpSampling3D", {}, [5, 4, 3, 2]),
    ("ZeroPadding1D", {"padding": [1, 2]}, [5, 2]),
    ("ZeroPadding1D", {}, [None, 2]),
    ("ZeroPadding2D", {"padding": [1, 2]}, [5, 4, 2]),
    ("ZeroPadding2D", {"padding": [[1, 0], [2, 3]], "data_format": "channels_first"}, [2, 5, 4]),
    ("ZeroPadding3D", {"padding": 2}, [5, 4, 3, 2]),
    ("ZeroPadding3D", {"padding": [[1, 0], [2, 3], [0, 0]]}, [5, 4, 3, 2]),
    ("Cropping1D", {"cropping": [1, 2]}, [5, 2]),
    ("Cropping2D", {"cropping": [[1, 0], [2, 1]]}, [5, 4, 2]),
    ("Cropping3D", {}, [5, 4, 3, 2]),
    ("Concatenate", {}, [[5, 3], [5, 4]]),
    ("Concatenate", {"axis": 1}, [[5, 3], [2, 3]]),
    ("Add", {}, [[5, 3], [5, 3]]),
    ("Multiply", {}, [[5, 1], [1, 3], [3]]),
    ("Average", {}, [[None, 3], [5, 3]]),
    ("Dropout", {"rate": 0.5}, [5, 3]),
    ("LeakyReLU", {}, [5, 3]),
    ("Softmax", {}, [5, 3]),
    ("Rescaling", {"scale": 0.5}, [5, 3]),
]
for rank in (1, 2, 3):
    places = [9, 8, 7][:rank]
    first = {"data_format": "channels_first"}
    for kind in (f"Conv{rank}D", f"Conv{rank}DTranspose", f"DepthwiseConv{rank}D", f"SeparableConv{rank}D"):
        if not hasattr(keras.layers, kind):
            continue
        own = {"kernel_size": 3} if kind.startswith("Depthwise") else CONV
        LAYERS += [
            (kind, own, [*places, 4]),
            (kind, {**own, "use_bias": False, "padding": "same", "strides": 2}, [*places, 4]),
            (kind, {**own, "kernel_size": [3, 1, 2][:rank], "strides": 2}, [None, *places[1:], 4]),
            (kind, {**own, "dilation_rate": 2}, [*places, 4]),
            (kind, {**own, **first}, [4, *places]),
        ]
        if kind == f"Conv{rank}D":
            LAYERS.append((kind, {**own, "groups": 2}, [*places, 4]))
        if kind.startswith(("Depthwise", "Separable")):
            LAYERS.append((kind, {**own, "depth_multiplier": 3}, [*places, 4]))
        if "Transpose" in kind:
            LAYERS.append((kind, {**own, "kernel_size": 2, "strides": 3}, [*places, 4]))
    LAYERS += [
        (f"MaxPooling{rank}D", {}, [*places, 4]),
        (f"AveragePooling{rank}D", {"pool_size": 3, "strides": 2, "padding": "same"}, [*places, 4]),
        (f"MaxPooling{rank}D", {"pool_size": 3, "strides": 1, **first}, [4, *places]),
        (f"GlobalMaxPooling{rank}D", {}, [*places, 4]),
        (f"GlobalAveragePooling{rank}D", {"keepdims": True, **first}, [4, *places]),
    ]
LAYERS.append(("Conv1D", {**CONV, "padding": "causal", "dilation_rate": 2}, [9, 4]))


# What Keras does not take either.
REFUSED = [
    ("Dense", {"units": 0}, [6]),
    ("Dense", {"units": -1}, [6]),
    ("Dense", {"units": 2.5}, [6]),
    ("Dense", {}, [6]),
    ("Dense", {"units": 4}, [2, None]),
    ("Conv1D", {**CONV, "groups": 3}, [9, 4]),
    ("Conv1D", {**CONV, "groups": 2, "filters": 3}, [9, 4]),
    ("Conv1D", {**CONV, "groups": 0}, [9, 4]),
    ("Conv1D", {**CONV, "strides": 0}, [9, 4]),
    ("Conv1D", {**CONV, "kernel_size": [3, 3]}, [9, 4]),
    ("Conv1D", {**CONV, "kernel_size": 0}, [9, 4]),
    ("Conv1D", {**CONV, "padding": "around"}, [9, 4]),
    ("Conv1D", CONV, [2, 4]),
    ("Conv1D", CONV, [9, None]),
    ("Conv2D", CONV, [9, 4]),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, [9, 9, 4]),
    ("EinsumDense", {"equation": "abc->abc", "output_shape": 4}, [6]),
    ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "z"}, [6]),
    ("LSTM", {"units": 0}, [5, 3]),
    ("LSTM", {"units": 4}, [5]),
    ("GRU", {"units": 4}, [5, None]),
    ("Bidirectional", {"layer": ("LSTM", {"units": 4}), "merge_mode": "add"}, [5, 3]),
    ("MultiHeadAttention", {"num_heads": 0, "key_dim": 3}, [[5, 8], [5, 8]]),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 3}, [[5, 8], [5, 8]]),
    ("GroupNormalization", {"groups": 4}, [5, 6]),
    ("BatchNormalization", {"axis": 3}, [5, 6]),
    ("BatchNormalization", {}, [5, None]),
    ("Normalization", {"axis": 3}, [5, 6]),
    ("PReLU", {"shared_axes": [4]}, [5, 6]),
    ("PReLU", {}, [None, 6]),
    ("MaxPooling1D", {"pool_size": 6}, [5, 2]),
    ("MaxPooling1D", {"pool_size": 0}, [5, 2]),
    ("AveragePooling2D", {"pool_size": 2}, [5, 2]),
    ("Cropping1D", {"cropping": [3, 2]}, [5, 2]),
    ("ZeroPadding1D", {"padding": -1}, [5, 2]),
    ("ZeroPadding2D", {"padding": [1, 2, 3]}, [5, 5, 2]),
    ("Reshape", {"target_shape": [7]}, [6]),
    ("Reshape", {"target_shape": [4, -1]}, [6]),
    ("Reshape", {"target_shape": [-1, -1]}, [6]),
    ("Reshape", {"target_shape": [-2, -3]}, [6]),
    ("Permute", {"dims": [1, 1]}, [5, 2]),
    ("Permute", {"dims": [1, 3]}, [5, 2]),
    ("Add", {}, [[5, 3], [5, 4]]),
    ("Concatenate", {"axis": 4}, [[5, 3], [5, 3]]),
    ("Concatenate", {"axis": 1}, [[5, 3], [5, 4]]),
]


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def stores(path):
    """Datasets, and groups that hold nothing, of a file of weights."""
    found, groups = [], []

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            dtype = item.attrs.get("dtype", item.dtype.name)
            found.append([name, list(item.shape), dtype if isinstance(dtype, str) else dtype.decode()])
        elif not len(item):
            groups.append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    return sorted(found), sorted(groups)


def model_record(build, directory):
    keras.backend.clear_session()
    model = build()
    model.save_weights(directory / "m.weights.h5")
    found, groups = stores(directory / "m.weights.h5")
    config = json.loads(model.to_json())
    config.pop("compile_config", None)
    names = [[weight.path, list(weight.shape), str(weight.dtype)] for weight in model.weights]
    names = [each for each in names if "seed_generator" not in each[0]]
    return {"config": config, "names": names, "stores": found, "groups": groups}


def refusal(kind, arguments, shapes):
    several = bool(shapes) and isinstance(shapes[0], list)
    given = [keras.Input(shape) for shape in (shapes if several else [shapes])]
    try:
        layer = layer_of(kind, arguments)
        _ = layer(*given) if "Attention" in kind else layer(given if several else given[0])
    except Exception as error:
        said = str(error).splitlines()[0][:100]
        return [kind, told(arguments), [list(each.shape[1:]) for each in given], said]
    raise SystemExit(f"Keras takes {kind} {arguments}")


def told(arguments):
    """Arguments as a spec has them."""
    return {
        key: {"kind": value[0], **value[1]} if isinstance(value, tuple) else value for key, value in arguments.items()
    }


def layer_of(kind, arguments):
    made = {key: layer_of(*value) if isinstance(value, tuple) else value for key, value in arguments.items()}
    return getattr(keras.layers, kind)(**made)


def layer_record(kind, arguments, shapes):
    keras.backend.clear_session()
    layer = layer_of(kind, arguments)
    several = bool(shapes) and isinstance(shapes[0], list)
    given = [(None, *shape) for shape in (shapes if several else [shapes])]
    names = list(inspect.signature(layer.build).parameters)
    if several and len(names) > 1:
        called = dict(zip([name for name in names if name != "self"], given, strict=False))
        layer.build(**called)
        output = layer.compute_output_shape(**called)
    else:
        asked = given if several else given[0]
        layer.build(asked)
        output = layer.compute_output_shape(asked)
    weights = [[weight.path, list(weight.shape), str(weight.dtype)] for weight in layer.weights]
    weights = [each for each in weights if "seed_generator" not in each[0]]
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    config.pop("build_config", None)
    return [kind, told(arguments), [list(shape[1:]) for shape in given], list(output[1:]), weights, config]


def main():
    with tempfile.TemporaryDirectory() as directory:
        models = {build.__name__: model_record(build, Path(directory)) for build in MODELS}
    layers = [layer_record(*case) for case in LAYERS]
    print("{")
    print(f'"keras": {compact(keras.__version__)},')
    print('"models": {')
    print(",\n".join(f"{compact(name)}: {compact(record)}" for name, record in models.items()))
    print('},\n"layers": [')
    print(",\n".join(map(compact, layers)))
    print('],\n"refused": [')
    print(",\n".join(compact(refusal(*case)) for case in REFUSED))
    print("]\n}")


if __name__ == "__main__":
    main()
