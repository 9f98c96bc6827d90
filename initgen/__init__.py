"""Initialized neural-network weights without a framework: reproducible to the byte, and proved.

    >>> import initgen
    >>> w = initgen.sample("he_uniform", (100, 64), seed=0)

Importing this module imports neither numpy nor h5py; the functions do, when they are called.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from initgen.api import identify, model, sample, stats, tensor, verify, write
    from initgen.core.errors import InitgenError

__version__ = "0.1.0"
__all__ = ["InitgenError", "__version__", "identify", "model", "sample", "stats", "tensor", "verify", "write"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name == "InitgenError":
        return import_module("initgen.core.errors").InitgenError
    if name in __all__:
        return getattr(import_module("initgen.api"), name)
    raise AttributeError(f"module 'initgen' has no attribute {name!r}")
