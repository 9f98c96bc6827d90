"""Keras 3's layers. To add one: a class in the file of its family, whose KINDS has it."""

from initgen.specs.layers.keras import attention, conv, dense, norm, plain, recurrent, wrappers
from initgen.specs.layers.keras.layer import KerasLayer

KINDS: dict[str, type[KerasLayer]] = {
    kind.__name__: kind
    for family in (dense, conv, recurrent, norm, attention, wrappers, plain)
    for kind in family.KINDS
}
