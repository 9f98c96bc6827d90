"""What is fuzzed: a call from bytes to an answer or an error."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fuzz.damage import text as damaged_text
from fuzz.sandbox import Sandbox


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        call: raises nothing but an InitgenError, else there is a finding.
        damage: makes another input of one, knowing what inputs look like.
        length: the longest input that is tried, in bytes.
        modules: what is measured besides initgen.
        seeds: targets whose corpora it starts from besides its own.
        native: the library that reads the input; its crashes and hangs are counted apart, as they are not ours to mend.
    """

    name: str
    call: Callable[[Sandbox, bytes], None]
    damage: Callable[[bytes, Random], bytes] = damaged_text
    length: int = 4096
    modules: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    native: str = ""
