"""All schemes. To add one: an entry in its family's file (or a new file that ends in a tuple, named here)."""

from initgen.core.registry import Registry
from initgen.schemes import keras, padded, papers, plain, structures, torch
from initgen.schemes.scheme import Scheme

SCHEMES: Registry[Scheme] = Registry(
    "scheme", (*keras.SCHEMES, *torch.SCHEMES, *plain.SCHEMES, *structures.SCHEMES, *padded.SCHEMES, *papers.SCHEMES)
)

__all__ = ["SCHEMES", "Scheme"]
