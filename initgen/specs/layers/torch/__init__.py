"""PyTorch's layers: kinds by name. To add one: a class in its family's file, which ends in a tuple."""

from initgen.specs.layers.torch import attention, conv, linear, norm, plain, rnn
from initgen.specs.layers.torch.module import TorchLayer

_WITH_WEIGHTS = (*linear.KINDS, *conv.KINDS, *rnn.KINDS, *norm.KINDS, *attention.KINDS)

KINDS: dict[str, type[TorchLayer]] = {kind.__name__: kind for kind in (*_WITH_WEIGHTS, *plain.KINDS)}

__all__ = ["KINDS", "TorchLayer"]
