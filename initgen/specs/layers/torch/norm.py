"""Normalization: torch/nn/modules/batchnorm.py, instancenorm.py and normalization.py."""

from initgen.core.shapes import Shape
from initgen.specs.layers.layer import Initializer
from initgen.specs.layers.torch.module import Part, Sizes, TorchLayer


def ones_and_zeros(shape: Shape, bias: bool, prefix: str = "") -> list[Part]:
    """The weight and, maybe, the bias of a norm."""
    weight = Part(f"{prefix}weight", shape, "ones")
    return [weight, Part(f"{prefix}bias", shape, "zeros")] if bias else [weight]


class _Scaled(TorchLayer, kw_only=True):
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True
    weight_initializer: Initializer | None = None
    bias_initializer: Initializer | None = None


class _Batch(_Scaled, kw_only=True):
    num_features: int
    momentum: float | None = 0.1
    track_running_stats: bool = True
    running_mean_initializer: Initializer | None = None
    running_var_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        self.at_least(0, "num_features")
        shape = (self.num_features,)
        parts = ones_and_zeros(shape, self.bias) if self.affine else []
        if self.track_running_stats:
            parts += [
                Part("running_mean", shape, "zeros"),
                Part("running_var", shape, "ones"),
                Part("num_batches_tracked", (), "zeros", dtype="int64"),
            ]
        return parts


class BatchNorm1d(_Batch, kw_only=True):
    """torch.nn.BatchNorm1d: weight, bias, and the running statistics."""


class BatchNorm2d(_Batch, kw_only=True):
    """torch.nn.BatchNorm2d: as BatchNorm1d."""


class BatchNorm3d(_Batch, kw_only=True):
    """torch.nn.BatchNorm3d: as BatchNorm1d."""


class SyncBatchNorm(_Batch, kw_only=True):
    """torch.nn.SyncBatchNorm: as BatchNorm1d."""


class _Instance(_Batch, kw_only=True):
    affine: bool = False
    track_running_stats: bool = False


class InstanceNorm1d(_Instance, kw_only=True):
    """torch.nn.InstanceNorm1d: as BatchNorm1d, by default without weights."""


class InstanceNorm2d(_Instance, kw_only=True):
    """torch.nn.InstanceNorm2d: as InstanceNorm1d."""


class InstanceNorm3d(_Instance, kw_only=True):
    """torch.nn.InstanceNorm3d: as InstanceNorm1d."""


class GroupNorm(_Scaled, kw_only=True):
    """torch.nn.GroupNorm: (num_channels,)."""

    num_groups: int
    num_channels: int

    def parts(self) -> list[Part]:
        self.at_least(0, "num_channels")
        self.divides("num_groups", "num_channels")
        return ones_and_zeros((self.num_channels,), self.bias) if self.affine else []


class _Elementwise(TorchLayer, kw_only=True):
    normalized_shape: Sizes
    elementwise_affine: bool = True
    weight_initializer: Initializer | None = None

    def scales(self, bias: bool) -> list[Part]:
        """Of the shape that is normalized."""
        self.at_least(0, "normalized_shape")
        sizes = self.normalized_shape
        shape = tuple(sizes) if isinstance(sizes, list) else (sizes,)
        return ones_and_zeros(shape, bias) if self.elementwise_affine else []


class LayerNorm(_Elementwise, kw_only=True):
    """torch.nn.LayerNorm: normalized_shape."""

    eps: float = 1e-5
    bias: bool = True
    bias_initializer: Initializer | None = None

    def parts(self) -> list[Part]:
        return self.scales(self.bias)


class RMSNorm(_Elementwise, kw_only=True):
    """torch.nn.RMSNorm: normalized_shape."""

    eps: float | None = None

    def parts(self) -> list[Part]:
        return self.scales(bias=False)


KINDS: tuple[type[TorchLayer], ...] = (
    *(BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm),
    *(InstanceNorm1d, InstanceNorm2d, InstanceNorm3d),
    *(GroupNorm, LayerNorm, RMSNorm),
)
