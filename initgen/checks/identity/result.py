"""What `identify` says of a tensor and of a file."""

from dataclasses import dataclass
from typing import Literal

from initgen.checks.identity.candidates import Reading
from initgen.checks.identity.likelihood import Fit
from initgen.checks.measure import Measured
from initgen.core.dtypes import DType
from initgen.core.shapes import Shape
from initgen.laws import Law
from initgen.schemes.structure import Structure

Verdict = Literal["named", "consistent", "cannot tell", "fitted", "unknown", "not weights"]


@dataclass(frozen=True)
class Guess:
    """One law, or structure, with all the ways to say it.

    Attributes:
        readings: the likeliest first. All of them make such a tensor.
        odds: the natural logarithm of its odds against the likeliest other law, or of the likeliest law against it:
            above 0 for the first guess, below for the others. Infinite where there is no other.
        likelihood: the natural logarithm of its likelihood over that of the first guess.
        fit: None for constants and structures, which hold exactly.
    """

    readings: tuple[Reading, ...]
    odds: float
    likelihood: float
    fit: Fit | None

    @property
    def made(self) -> Law | Structure:
        return self.readings[0].made


@dataclass(frozen=True)
class Rejected:
    """A reading that was tried and that the values speak against."""

    reading: Reading
    objection: str


@dataclass(frozen=True)
class TensorIdentity:
    """One tensor, and what it may have been made by.

    Attributes:
        dtype: None where it is none that weights are stored in.
        verdict: "named"; "consistent" with what others were made by, having too few values to tell; "cannot tell"
            between guesses; "fitted" where a law fits and has no name; "unknown" where none does; "not weights".
        guesses: the likeliest first; none where nothing fits.
        note: why there is no name, or what is strange.
        rejected: common readings that the values come nearest to, and what speaks against each.
    """

    name: str
    shape: Shape
    kind: str
    dtype: DType | None
    measured: Measured
    verdict: Verdict
    guesses: tuple[Guess, ...]
    note: str = ""
    rejected: tuple[Rejected, ...] = ()

    @property
    def best(self) -> Reading | None:
        """The likeliest reading."""
        return self.guesses[0].readings[0] if self.guesses else None


@dataclass(frozen=True)
class FileIdentity:
    """One file.

    Attributes:
        groups: paths of groups that hold nothing, which belong into a spec.
    """

    path: str
    tensors: tuple[TensorIdentity, ...]
    groups: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
