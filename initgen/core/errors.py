"""What can go wrong, one class per thing that the caller can do about it."""


def quoted(value: object) -> str:
    """A value as a message shows it: in quotes if it is text, and cut if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}…{text[-10:]}"


def printable(text: str) -> str:
    """Text as one line without control characters, which could move a terminal's cursor or pose as another line."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


def cut(text: str) -> str:
    """Text that quotes a file may be as long as the file."""
    return text if len(text) <= 900 else f"{text[:700]} … {text[-190:]}"


class InitgenError(Exception):
    """An error with a one-line message and, where there is one, the next step to try. Neither is long."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = cut(message), cut(hint)
        super().__init__(self.message)


class UnknownName(InitgenError):
    """A scheme, dtype, format or parameter that does not exist; the hint holds the nearest ones."""


class BadParameter(InitgenError):
    """A value that breaks the rule of its parameter: shape, seed, fan, bound, scale."""


class SpecError(InitgenError):
    """A spec that cannot be read, or that contradicts itself; the message names file, line and path."""


class FormatError(InitgenError):
    """A file that cannot hold what it is asked to hold, or does not hold what it declares."""


class OutputError(InitgenError):
    """An output that cannot be written, or that must not be overwritten."""


class Appeared(OutputError):
    """Something took the place of an output while it was being made."""
