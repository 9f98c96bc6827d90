"""Layers around another layer."""

from collections.abc import Sequence

from initgen.specs.layers.keras.layer import Held, KerasLayer, Saved, Sizes


class TimeDistributed(KerasLayer, kw_only=True):
    """keras.layers.TimeDistributed: the same layer at each step."""

    layer: Held

    def saved(self, inputs: Sequence[Sizes]) -> list[Saved]:
        return [Saved("", ""), *self.layer.saved("layer", self.layer.name, [sizes[1:] for sizes in inputs])]

    def output(self, inputs: Sequence[Sizes]) -> Sizes | None:
        out = self.layer.layer.output([sizes[1:] for sizes in inputs])
        return None if out is None else (*inputs[0][:1], *out)


KINDS = (TimeDistributed,)
