"""Names to entries, once: what is listed, what is accepted, and what was probably meant."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Generic, Protocol, TypeVar

from initgen.core.errors import UnknownName, quoted


class Named(Protocol):
    """What a registry can hold: a canonical name and the other names people use for it."""

    @property
    def name(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


T = TypeVar("T", bound=Named)


def camel(name: str) -> str:
    """``he_uniform`` as a class name: ``HeUniform``."""
    return "".join(part.capitalize() for part in name.split("_"))


def nearest(name: str, known: Iterable[str], listed: Iterable[str] | None = None) -> str:
    """A hint with the closest of ``known``; where nothing is close, with all that are ``listed`` (by default, all)."""
    import difflib

    known = list(known)
    close = difflib.get_close_matches(name[:100], known, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(known if listed is None else listed)}"


def repeated(names: Iterable[str]) -> str | None:
    """The first name that stands twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of these shell patterns stands for the whole name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class Registry(Generic[T]):
    """Entries by canonical name; aliases and class names (``HeUniform``) find them too.

    Two entries that claim one name are a mistake in the source, found at import.
    """

    def __init__(self, kind: str, entries: Iterable[T]) -> None:
        self.kind = kind
        self.entries: dict[str, T] = {}
        self._names: dict[str, T] = {}
        for entry in entries:
            self.entries[entry.name] = entry
            for name in dict.fromkeys((entry.name, camel(entry.name), *entry.aliases)):
                if name in self._names:
                    raise ValueError(f"two entries of {kind} are called {name!r}")
                self._names[name] = entry

    def __iter__(self) -> Iterator[T]:
        return iter(self.entries.values())

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str):
            raise UnknownName(f"{self.kind} = {quoted(name)} is not a name", f"such as {next(iter(self.entries))!r}")
        try:
            return self._names[name]
        except KeyError:
            hint = nearest(name, self._names, self.entries)
            raise UnknownName(f"unknown {self.kind} {quoted(name)}", hint) from None
