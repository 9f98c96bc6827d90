"""Something that is wrong, or worth a look, whatever law the values should have."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["wrong", "remark"]


@dataclass(frozen=True)
class Finding:
    """What was found in one tensor, or across several.

    Attributes:
        kind: a name that programs may rely on: "equal tensors", "repeated values".
        tensors: their names.
        message: one line for people, without the names.
        severity: "wrong" makes the answer no; a "remark" may be meant so by whoever made the file.
    """

    kind: str
    tensors: tuple[str, ...]
    message: str
    severity: Severity = "wrong"
