"""Reports as files: looked at before the work, then written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping

from initgen.core.errors import BadParameter, OutputError, printable, quoted
from initgen.engine.output import Target, appearing, target_of

# What files of a kind begin with; SVG and HTML are XML-like, and may begin with blanks or a byte order mark.
Kinds = Mapping[str, tuple[bytes, ...]]


def suffix_of(path: str, kinds: Kinds) -> str | None:
    """The suffix of ``kinds`` that a path has; upper case does too."""
    return next((suffix for suffix in kinds if path.lower().endswith(suffix)), None)


def check(option: str, path: str, kinds: Kinds) -> None:
    """Refuse a path that the report of an option cannot be written to.

    A report that is there is replaced, as it is made anew by each run; anything else is not.

    Raises:
        BadParameter: a suffix that the option does not know.
        OutputError: the path cannot be written, or holds something that is no report of this kind.
    """
    suffix = suffix_of(path, kinds)
    if suffix is None:
        raise BadParameter(
            f"{option} {quoted(path)} must end in {' or '.join(kinds)}", f"like {option} report{next(iter(kinds))}"
        )
    target = _target(option, path)
    if target.mode is None:
        return
    try:
        with open(target.real, "rb") as file:
            head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    except OSError as error:
        raise OutputError(f"{option} {printable(path)}: {error.strerror}") from None
    if head and not head.startswith(kinds[suffix]):
        raise OutputError(
            f"{option} {printable(path)}: exists and is no {suffix[1:].upper()} file",
            "remove it, or choose another path",
        )


def write(option: str, path: str, data: bytes) -> None:
    """Make the file, or replace the one that is there.

    Raises:
        OutputError: the path cannot be written.
    """
    with appearing(_target(option, path), force=True, fsync=True) as temporary, open(temporary, "wb") as file:
        file.write(data)


def _target(option: str, path: str) -> Target:
    try:
        return target_of(path)
    except OutputError as error:  # its hint is about data on standard output
        raise OutputError(f"{option} {printable(error.message)}") from None
