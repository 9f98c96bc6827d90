"""Attention and the layers of transformers: torch/nn/modules/activation.py and transformer.py."""

from typing import ClassVar

from initgen.specs.layers.layer import Initializer
from initgen.specs.layers.torch.linear import weight_and_bias
from initgen.specs.layers.torch.module import Part, TorchLayer
from initgen.specs.layers.torch.norm import ones_and_zeros


def _attention(
    size: int,
    bias: bool,
    prefix: str = "",
    kv: tuple[int, int] | None = None,
    bias_kv: bool = False,
    drawn: bool = False,
) -> list[Part]:
    """The parts of attention over ``size`` features.

    Args:
        drawn: whether in the order in which torch draws them.
        kv: the features of keys and of values, where they are not ``size`` both; their matrices are then apart.
    """
    matrices = {"in_proj_weight": (3 * size, size)}
    if kv is not None:
        columns = {"q": size, "k": kv[0], "v": kv[1]}
        matrices = {f"{which}_proj_weight": (size, inputs) for which, inputs in columns.items()}
    parts = [Part(f"{prefix}{name}", shape, "xavier_uniform") for name, shape in matrices.items()]
    if bias:
        parts.append(Part(f"{prefix}in_proj_bias", (3 * size,), "zeros", size))
    kv_biases = [Part(f"{prefix}bias_{which}", (1, 1, size), "xavier_normal") for which in "kv" if bias_kv]
    # A Linear is made first. The weight keeps what it has; the bias does not.
    out = Part(f"{prefix}out_proj.weight", (size, size), "torch_default")
    out_biases = [Part(f"{prefix}out_proj.bias", (size,), "zeros", size)] if bias else []
    if drawn:
        lost = [Part("", (size,), "torch_bias", size)] if bias else []
        return [out, *lost, *parts, *out_biases, *kv_biases]
    return [*parts, *kv_biases, out, *out_biases]


class MultiheadAttention(TorchLayer, kw_only=True):
    """torch.nn.MultiheadAttention: in_proj_weight (3 embed_dim, embed_dim), or the matrices of q, k and v apart.

    They are apart where kdim or vdim is not embed_dim.
    """

    embed_dim: int
    num_heads: int
    dropout: float = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: int | None = None
    vdim: int | None = None
    batch_first: bool = False
    in_proj_weight_initializer: Initializer | None = None
    q_proj_weight_initializer: Initializer | None = None
    k_proj_weight_initializer: Initializer | None = None
    v_proj_weight_initializer: Initializer | None = None
    in_proj_bias_initializer: Initializer | None = None
    bias_k_initializer: Initializer | None = None
    bias_v_initializer: Initializer | None = None
    out_proj_weight_initializer: Initializer | None = None
    out_proj_bias_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        return self._parts(drawn=False)

    def drawn(self) -> list[Part]:
        return self._parts(drawn=True)

    def _parts(self, drawn: bool) -> list[Part]:
        self.at_least(1, "embed_dim")
        self.divides("num_heads", "embed_dim")
        size = self.embed_dim
        kv = size if self.kdim is None else self.kdim, size if self.vdim is None else self.vdim
        if min(kv) < 0:
            raise self.refuse(f"{'kdim' if kv[0] < 0 else 'vdim'} = {min(kv)} must be a whole number from 0")
        return _attention(size, self.bias, "", None if kv == (size, size) else kv, self.add_bias_kv, drawn)


class TransformerEncoderLayer(TorchLayer, kw_only=True):
    """torch.nn.TransformerEncoderLayer: self_attn, linear1, linear2, norm1 and norm2, each as by itself.

    An initializer's argument is the weight's name with _ for each dot: ``self_attn_in_proj_weight_initializer``.
    """

    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)
    norms: ClassVar[tuple[str, ...]] = ("norm1", "norm2")

    d_model: int
    nhead: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: str = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    self_attn_in_proj_weight_initializer: Initializer | None = None
    self_attn_in_proj_bias_initializer: Initializer | None = None
    self_attn_out_proj_weight_initializer: Initializer | None = None
    self_attn_out_proj_bias_initializer: Initializer | None = None
    linear1_weight_initializer: Initializer | None = None
    linear1_bias_initializer: Initializer | None = None
    linear2_weight_initializer: Initializer | None = None
    linear2_bias_initializer: Initializer | None = None
    norm1_weight_initializer: Initializer | None = None
    norm1_bias_initializer: Initializer | None = None
    norm2_weight_initializer: Initializer | None = None
    norm2_bias_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        return self._parts(drawn=False)

    def drawn(self) -> list[Part]:
        return self._parts(drawn=True)

    def _parts(self, drawn: bool) -> list[Part]:
        self.at_least(1, "d_model")
        self.divides("nhead", "d_model")
        self.at_least(0, "dim_feedforward")
        self.one_of("activation", "relu", "gelu")
        if not 0 <= self.dropout <= 1:
            raise self.refuse(f"dropout = {self.dropout} must be from 0 to 1")
        size, inner = self.d_model, self.dim_feedforward
        parts = [part for name in self.attentions for part in _attention(size, self.bias, f"{name}.", drawn=drawn)]
        parts += weight_and_bias((inner, size), size, self.bias, "linear1.")
        parts += weight_and_bias((size, inner), inner, self.bias, "linear2.")
        return parts + [part for name in self.norms for part in ones_and_zeros((size,), self.bias, f"{name}.")]


class TransformerDecoderLayer(TransformerEncoderLayer, kw_only=True):
    """torch.nn.TransformerDecoderLayer: as the encoder's, with multihead_attn over the memory, and norm3."""

    attentions = ("self_attn", "multihead_attn")
    norms = ("norm1", "norm2", "norm3")

    multihead_attn_in_proj_weight_initializer: Initializer | None = None
    multihead_attn_in_proj_bias_initializer: Initializer | None = None
    multihead_attn_out_proj_weight_initializer: Initializer | None = None
    multihead_attn_out_proj_bias_initializer: Initializer | None = None
    norm3_weight_initializer: Initializer | None = None
    norm3_bias_initializer: Initializer | None = None


KINDS: tuple[type[TorchLayer], ...] = (MultiheadAttention, TransformerEncoderLayer, TransformerDecoderLayer)
