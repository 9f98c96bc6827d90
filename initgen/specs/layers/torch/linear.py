"""Linear layers, embeddings and PReLU: torch/nn/modules/linear.py, sparse.py and activation.py."""

from initgen.core.shapes import Shape
from initgen.specs.layers.layer import Initializer
from initgen.specs.layers.torch.module import Part, TorchLayer


def weight_and_bias(shape: Shape, fan_in: int, bias: bool, prefix: str = "") -> list[Part]:
    """Both uniform within ±1/sqrt(fan_in), as in most of torch's layers.

    Of two ways to compute this bound, which differ in the last bit, a Linear has that of kaiming_uniform.
    """
    own = len(shape) == 2
    weight = Part(f"{prefix}weight", shape, "torch_default" if own else "torch_bias", None if own else fan_in)
    return [weight, Part(f"{prefix}bias", shape[:1], "torch_bias", fan_in)] if bias else [weight]


class Linear(TorchLayer, kw_only=True):
    """torch.nn.Linear: (out, in)."""

    in_features: int
    out_features: int
    bias: bool = True
    weight_initializer: Initializer | None = None
    bias_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        self.at_least(0, "in_features", "out_features")
        return weight_and_bias((self.out_features, self.in_features), self.in_features, self.bias)


class Bilinear(TorchLayer, kw_only=True):
    """torch.nn.Bilinear: (out, in1, in2), by the fan of its first input alone."""

    in1_features: int
    in2_features: int
    out_features: int
    bias: bool = True
    weight_initializer: Initializer | None = None
    bias_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        self.at_least(1, "in1_features")
        self.at_least(0, "in2_features", "out_features")
        shape = (self.out_features, self.in1_features, self.in2_features)
        return weight_and_bias(shape, self.in1_features, self.bias)


class Embedding(TorchLayer, kw_only=True):
    """torch.nn.Embedding: (num_embeddings, embedding_dim), standard normal, the row of the padding zero.

    Another scheme fills the padding's row too, as torch.nn.init does: ``padded_normal:stddev=0.02,row=0`` leaves it zero.
    """

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False
    weight_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        self.at_least(0, "num_embeddings", "embedding_dim")
        shape, row = (self.num_embeddings, self.embedding_dim), self.padding_idx
        if row is None:
            return [Part("weight", shape, "random_normal:stddev=1")]
        if not -self.num_embeddings <= row < self.num_embeddings:
            raise self.refuse(f"padding_idx = {row} is not a row of num_embeddings = {self.num_embeddings}")
        return [Part("weight", shape, f"padded_normal:stddev=1,row={row % self.num_embeddings}")]


class EmbeddingBag(Embedding, kw_only=True):
    """torch.nn.EmbeddingBag: as Embedding."""

    mode: str = "mean"
    include_last_offset: bool = False

    def parts(self) -> list[Part]:
        self.one_of("mode", "sum", "mean", "max")
        return super().parts()


class PReLU(TorchLayer, kw_only=True):
    """torch.nn.PReLU: (num_parameters,), a slope each."""

    num_parameters: int = 1
    init: float = 0.25
    weight_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        self.at_least(0, "num_parameters")
        return [Part("weight", (self.num_parameters,), f"constant:value={self.init!r}")]


KINDS: tuple[type[TorchLayer], ...] = (Linear, Bilinear, Embedding, EmbeddingBag, PReLU)
