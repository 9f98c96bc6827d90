"""Writes torch.json: what torch's modules have in their state_dict, what they take, and what they refuse. Needs torch.

    python tests/specs/layers/make_torch.py > tests/specs/layers/torch.json

The suite does not run this; tests/interop/test_torch_layers.py takes the list of modules from here.
"""

import inspect
import json
import warnings
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A module to make.

    Attributes:
        inputs: shapes of what it is called with; whole numbers below the last size for embeddings.
    """

    kind: str
    arguments: dict[str, Any]
    inputs: tuple[tuple[int, ...], ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.arguments}"


def _convolutions():
    for rank in (1, 2, 3):
        x = (2, 6, *(9, 8, 7)[:rank])
        size = {"in_channels": 6, "out_channels": 4}
        for transposed in (False, True):
            kind = f"Conv{'Transpose' * transposed}{rank}d"
            yield Case(kind, {**size, "kernel_size": 3}, (x,))
            window = {"kernel_size": [2, 3, 4][:rank], "stride": [1, 2, 1][:rank], "dilation": 2, "padding": 1}
            yield Case(kind, {**size, **window, "groups": 2, "bias": False}, (x,))
        same = {"kernel_size": 3, "padding": "same", "padding_mode": "circular"}
        yield Case(f"Conv{rank}d", {**size, **same, "out_channels": 12, "groups": 6}, (x,))
        out = {"kernel_size": 5, "stride": 2, "output_padding": 1, "groups": 3}
        yield Case(f"ConvTranspose{rank}d", {**size, **out, "out_channels": 15}, (x,))
    yield Case("Conv2d", {"in_channels": 3, "out_channels": 0, "kernel_size": 3})
    yield Case("Conv2d", {"in_channels": 0, "out_channels": 3, "kernel_size": 3})
    yield Case("ConvTranspose1d", {"in_channels": 3, "out_channels": 0, "kernel_size": 3})


def _recurrent():
    sizes = {"input_size": 5, "hidden_size": 8}
    for kind in ("RNN", "LSTM", "GRU"):
        yield Case(kind, sizes, ((4, 2, 5),))
        yield Case(kind, {**sizes, "num_layers": 3, "bidirectional": True, "dropout": 0.5}, ((4, 2, 5),))
        yield Case(kind, {**sizes, "num_layers": 2, "bias": False, "batch_first": True}, ((2, 4, 5),))
        yield Case(f"{kind}Cell", sizes, ((2, 5),))
        yield Case(f"{kind}Cell", {**sizes, "bias": False}, ((2, 5),))
    yield Case("RNN", {**sizes, "nonlinearity": "relu"}, ((4, 2, 5),))
    yield Case("RNNCell", {**sizes, "nonlinearity": "relu"}, ((2, 5),))
    yield Case("LSTM", {**sizes, "proj_size": 3}, ((4, 2, 5),))
    both = {"proj_size": 3, "num_layers": 2, "bidirectional": True}
    yield Case("LSTM", {**sizes, **both}, ((4, 2, 5),))
    yield Case("LSTM", {**sizes, **both, "bias": False}, ((4, 2, 5),))


def _norms():
    for rank in (1, 2, 3):
        x = (4, 6, *(3, 2, 2)[:rank])
        for kind in (f"BatchNorm{rank}d", f"InstanceNorm{rank}d"):
            yield Case(kind, {"num_features": 6}, (x,))
            yield Case(kind, {"num_features": 6, "affine": True, "track_running_stats": True, "momentum": 0.2}, (x,))
    for flags in ({"affine": False}, {"track_running_stats": False}, {"bias": False}):
        yield Case("BatchNorm2d", {"num_features": 6, **flags}, ((4, 6, 2, 2),))
    yield Case("BatchNorm1d", {"num_features": 0})
    yield Case("BatchNorm1d", {"num_features": 6, "momentum": None}, ((4, 6),))
    yield Case("InstanceNorm2d", {"num_features": 6, "affine": True, "bias": False}, ((4, 6, 2, 2),))
    yield Case("SyncBatchNorm", {"num_features": 6})
    yield Case("GroupNorm", {"num_groups": 3, "num_channels": 6}, ((4, 6, 2),))
    yield Case("GroupNorm", {"num_groups": 3, "num_channels": 6, "affine": False}, ((4, 6, 2),))
    yield Case("GroupNorm", {"num_groups": 1, "num_channels": 6, "bias": False, "eps": 1e-3}, ((4, 6, 2),))
    for shape in (6, [6], [4, 6]):
        x = (3, *([shape] if isinstance(shape, int) else shape))
        yield Case("LayerNorm", {"normalized_shape": shape}, (x,))
        yield Case("RMSNorm", {"normalized_shape": shape}, (x,))
    yield Case("LayerNorm", {"normalized_shape": []})
    yield Case("LayerNorm", {"normalized_shape": 6, "bias": False}, ((3, 6),))
    yield Case("LayerNorm", {"normalized_shape": 6, "elementwise_affine": False}, ((3, 6),))
    yield Case("RMSNorm", {"normalized_shape": 6, "elementwise_affine": False, "eps": 1e-6}, ((3, 6),))


def _attention():
    x, heads = (5, 2, 12), {"embed_dim": 12, "num_heads": 3}
    yield Case("MultiheadAttention", heads, (x, x, x))
    yield Case("MultiheadAttention", {**heads, "bias": False, "batch_first": True, "dropout": 0.1}, (x, x, x))
    yield Case("MultiheadAttention", {**heads, "add_bias_kv": True, "add_zero_attn": True}, (x, x, x))
    apart = {"kdim": 7, "vdim": 9}
    yield Case("MultiheadAttention", {**heads, **apart}, (x, (5, 2, 7), (5, 2, 9)))
    yield Case("MultiheadAttention", {**heads, "vdim": 9, "bias": False}, (x, x, (5, 2, 9)))
    yield Case("MultiheadAttention", {**heads, **apart, "add_bias_kv": True}, (x, (5, 2, 7), (5, 2, 9)))
    yield Case("MultiheadAttention", {**heads, "kdim": 12, "vdim": 12}, (x, x, x))
    small = {"d_model": 12, "nhead": 3, "dim_feedforward": 20}
    for kind, given in (("TransformerEncoderLayer", (x,)), ("TransformerDecoderLayer", (x, (7, 2, 12)))):
        yield Case(kind, {"d_model": 12, "nhead": 3}, given)
        yield Case(kind, {**small, "bias": False, "norm_first": True, "activation": "gelu"}, given)
    yield Case("TransformerEncoderLayer", {**small, "batch_first": True, "dropout": 0, "layer_norm_eps": 1e-6}, (x,))


CASES = (
    Case("Linear", {"in_features": 5, "out_features": 3}, ((2, 5),)),
    Case("Linear", {"in_features": 5, "out_features": 3, "bias": False}, ((2, 5),)),
    Case("Linear", {"in_features": 0, "out_features": 3}, ((2, 0),)),
    Case("Linear", {"in_features": 5, "out_features": 0}, ((2, 5),)),
    Case("Bilinear", {"in1_features": 5, "in2_features": 4, "out_features": 3}, ((2, 5), (2, 4))),
    Case("Bilinear", {"in1_features": 5, "in2_features": 4, "out_features": 3, "bias": False}, ((2, 5), (2, 4))),
    Case("Embedding", {"num_embeddings": 7, "embedding_dim": 4}, ((2, 7),)),
    Case("Embedding", {"num_embeddings": 7, "embedding_dim": 4, "padding_idx": 0, "max_norm": 1.0}, ((2, 7),)),
    Case("Embedding", {"num_embeddings": 7, "embedding_dim": 4, "padding_idx": -1, "sparse": True}, ((2, 7),)),
    Case("Embedding", {"num_embeddings": 0, "embedding_dim": 4}),
    Case("EmbeddingBag", {"num_embeddings": 7, "embedding_dim": 4, "mode": "sum"}, ((2, 7),)),
    Case("EmbeddingBag", {"num_embeddings": 7, "embedding_dim": 4, "padding_idx": 6}, ((2, 7),)),
    Case("PReLU", {}, ((2, 3),)),
    Case("PReLU", {"num_parameters": 3, "init": 0.1}, ((2, 3),)),
    *_convolutions(),
    *_recurrent(),
    *_norms(),
    *_attention(),
)

# What torch refuses, and the argument whose fault it is.
CONV, RNN = {"in_channels": 4, "out_channels": 6, "kernel_size": 3}, {"input_size": 3, "hidden_size": 4}
HEADS, LAYER = {"embed_dim": 4, "num_heads": 2}, {"d_model": 4, "nhead": 2, "dim_feedforward": 3}
REFUSED = (
    ("Linear", {"in_features": -1, "out_features": 2}, "in_features"),
    ("Linear", {"in_features": 2, "out_features": -1}, "out_features"),
    ("Bilinear", {"in1_features": 0, "in2_features": 2, "out_features": 2}, "in1_features"),
    ("Bilinear", {"in1_features": 1, "in2_features": -2, "out_features": 2}, "in2_features"),
    ("Embedding", {"num_embeddings": -1, "embedding_dim": 2}, "num_embeddings"),
    ("Embedding", {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": 3}, "padding_idx"),
    ("Embedding", {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": -4}, "padding_idx"),
    ("EmbeddingBag", {"num_embeddings": 0, "embedding_dim": 2, "padding_idx": 0}, "padding_idx"),
    ("PReLU", {"num_parameters": -1}, "num_parameters"),
    *((kind, {**CONV, "groups": 0}, "groups") for kind in ("Conv1d", "Conv2d", "ConvTranspose3d")),
    *((kind, {**CONV, "groups": 3}, "groups") for kind in ("Conv1d", "Conv3d", "ConvTranspose2d")),
    *((kind, {**CONV, "groups": 4}, "groups") for kind in ("Conv2d", "ConvTranspose1d")),
    ("Conv2d", {**CONV, "kernel_size": -1}, "kernel_size"),
    ("Conv2d", {**CONV, "kernel_size": [3, -1]}, "kernel_size"),
    ("Conv2d", {**CONV, "in_channels": -4}, "in_channels"),
    ("Conv2d", {**CONV, "padding": "full"}, "padding"),
    ("Conv2d", {**CONV, "padding": "same", "stride": 2}, "padding"),
    ("Conv2d", {**CONV, "padding": "same", "stride": [1, 2]}, "padding"),
    ("Conv2d", {**CONV, "padding_mode": "mirror"}, "padding_mode"),
    ("ConvTranspose2d", {**CONV, "padding_mode": "reflect"}, "padding_mode"),
    *((kind, {**RNN, "input_size": 0}, "input_size") for kind in ("RNN", "LSTM", "GRU")),
    *((kind, {**RNN, "hidden_size": 0}, "hidden_size") for kind in ("RNN", "LSTM", "GRU")),
    *((kind, {**RNN, "num_layers": 0}, "num_layers") for kind in ("RNN", "LSTM", "GRU")),
    ("RNN", {**RNN, "nonlinearity": "gelu"}, "nonlinearity"),
    ("LSTM", {**RNN, "proj_size": 4}, "proj_size"),
    ("LSTM", {**RNN, "proj_size": -1}, "proj_size"),
    ("LSTM", {**RNN, "dropout": 1.5}, "dropout"),
    ("GRUCell", {**RNN, "hidden_size": -1}, "hidden_size"),
    ("BatchNorm1d", {"num_features": -1}, "num_features"),
    ("GroupNorm", {"num_groups": 0, "num_channels": 4}, "num_groups"),
    ("GroupNorm", {"num_groups": 3, "num_channels": 4}, "num_groups"),
    ("LayerNorm", {"normalized_shape": -1}, "normalized_shape"),
    ("RMSNorm", {"normalized_shape": [2, -1]}, "normalized_shape"),
    ("MultiheadAttention", {**HEADS, "embed_dim": 0}, "embed_dim"),
    ("MultiheadAttention", {**HEADS, "num_heads": 0}, "num_heads"),
    ("MultiheadAttention", {**HEADS, "num_heads": 3}, "num_heads"),
    ("MultiheadAttention", {**HEADS, "kdim": -1}, "kdim"),
    ("MultiheadAttention", {**HEADS, "vdim": -1}, "vdim"),
    ("TransformerEncoderLayer", {**LAYER, "nhead": 3}, "nhead"),
    ("TransformerEncoderLayer", {**LAYER, "activation": "tanh"}, "activation"),
    ("TransformerEncoderLayer", {**LAYER, "dropout": 2.0}, "dropout"),
    ("TransformerEncoderLayer", {**LAYER, "dim_feedforward": -1}, "dim_feedforward"),
    ("TransformerDecoderLayer", {**LAYER, "d_model": 0}, "d_model"),
)

# Arguments that say nothing of a file, that TOML cannot write, or that torch no longer documents.
LEFT_OUT = {"device", "dtype", "_weight", "_freeze", "process_group", "min_value", "max_value"}


def arguments_of(torch, kind):
    """The arguments of a module with their defaults; "…" for one that must be given."""
    recurrent = kind in ("RNN", "LSTM", "GRU")
    made = inspect.signature(torch.nn.RNNBase if recurrent else getattr(torch.nn, kind))
    left_out = LEFT_OUT | ({"mode"} if recurrent else set()) | (set() if kind == "LSTM" else {"proj_size"})
    found = {
        name: "…" if one.default is one.empty else "relu" if callable(one.default) else one.default
        for name, one in made.parameters.items()
        if name not in left_out and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    }
    return found | ({"nonlinearity": "tanh"} if kind == "RNN" else {})


def made(torch, kind, arguments):
    """The module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of tensors without elements
        return getattr(torch.nn, kind)(**arguments)


def main():
    import torch

    from initgen.specs.layers.torch import KINDS

    states, refused = [], []
    for case in CASES:
        state = made(torch, case.kind, case.arguments).state_dict()
        tensors = {name: [list(one.shape), str(one.dtype).removeprefix("torch.")] for name, one in state.items()}
        states.append([case.kind, case.arguments, tensors])
    for kind, arguments, blamed in REFUSED:
        try:
            made(torch, kind, arguments)
        except (ValueError, RuntimeError, AssertionError, IndexError, ZeroDivisionError):
            refused.append([kind, arguments, blamed])
        else:
            raise SystemExit(f"torch takes {kind} {arguments}")
    arguments = {kind: arguments_of(torch, kind) for kind in KINDS}
    print(f'{{"made by": "python tests/specs/layers/make_torch.py, torch {torch.__version__}",')
    for name, rows in (("states", states), ("refused", refused)):
        print(f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n],")
    print(
        '"arguments": {\n'
        + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in arguments.items())
        + "\n}}"
    )


if __name__ == "__main__":
    main()
