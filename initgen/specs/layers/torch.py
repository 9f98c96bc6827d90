"""PyTorch's layers: kinds by name."""

from initgen.specs.layers.layer import Layer, Weight


class TorchLayer(Layer, kw_only=True):
    """A module of torch.nn: all its sizes are its arguments.

    Raises of `weights`:
        BadParameter: arguments that the module itself would refuse.
    """

    def weights(self) -> list[Weight]:
        """Its parameters and buffers, in the order of its state_dict; none for most."""
        return []


class Linear(TorchLayer, kw_only=True):
    """torch.nn.Linear: (out, in)."""

    in_features: int
    out_features: int
    bias: bool = True


KINDS: dict[str, type[TorchLayer]] = {"Linear": Linear}
