"""How a file is read that may be made to harm its reader: by this process, or as the command has it, by another."""

from collections.abc import Callable
from typing import Any


def here(work: Callable[..., Any], path: str, *given: Any) -> Any:
    """``work(path, *given)``, which reads the file at ``path``."""
    return work(path, *given)


run = here
