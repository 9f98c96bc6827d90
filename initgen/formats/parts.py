"""A path as the files behind it: one file, a sharded checkpoint by its directory or index, a directory of arrays."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from initgen.core.errors import FormatError, InitgenError, quoted
from initgen.core.url import is_url
from initgen.formats import FORMATS, format_of
from initgen.formats.format import Contents, Format

INDEX = ".safetensors.index.json"
_MAX_INDEX = 1 << 28


@dataclass(frozen=True)
class Part:
    """One file and what it holds, without its data."""

    path: str
    form: Format
    contents: Contents

    def named(self, name: str) -> "Part":
        """A file of one array, under a name."""
        (array,) = self.contents.tensors
        return replace(self, contents=replace(self.contents, tensors=(replace(array, name=name),)))


def open_parts(path: str, form: str | None = None) -> list[Part]:
    """The files that make up what is at ``path``, each looked into.

    A directory is a sharded checkpoint if there is an index in it, else its only weight file, else its .npy files, whose
    paths are then the names of the tensors.

    Raises:
        FormatError: nothing there, something damaged, or an index that does not fit its shards.
    """
    return _guarded(path, lambda: _parts(path, form))


def _guarded(path: str, read: Callable[[], list[Part]]) -> list[Part]:
    try:
        return read()
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror or error}") from None
    except InitgenError:
        raise
    except (ValueError, MemoryError, RecursionError, KeyError, TypeError) as error:
        # What a parser did not foresee is still the file's fault, not a crash.
        raise FormatError(f"{path}: {str(error).splitlines()[0] if str(error) else type(error).__name__}") from None


def _parts(path: str, form: str | None) -> list[Part]:
    if os.path.isdir(path):
        return _directory(path)
    if form is None and path.endswith(INDEX) and os.path.isfile(path):
        return _shards(path)
    return [_file(path, form)]


def _file(path: str, form: str | None) -> Part:
    if is_url(path):
        raise FormatError(f"{path}: only files of this machine are read", "download it first")
    if not path or "\0" in path:
        raise FormatError(f"file = {path!r} is not a path")
    if not os.path.isfile(path):
        raise FormatError(f"{path}: there is no such file" if not os.path.exists(path) else f"{path}: not a file")
    chosen = format_of(path, form)
    return Part(path, chosen, chosen.read(path))


def _directory(path: str) -> list[Part]:
    names = sorted(os.listdir(path))
    indexes = [name for name in names if name.endswith(INDEX)]
    if len(indexes) > 1:
        raise FormatError(f"{path}: has {len(indexes)} indexes", f"name one: {os.path.join(path, indexes[0])}")
    if indexes and "model.safetensors" in names:
        # transformers would take the one, and others the other.
        raise FormatError(
            f"{path}: has both model.safetensors and an index", f"name one: {os.path.join(path, indexes[0])}"
        )
    if indexes:
        return _shards(os.path.join(path, indexes[0]))
    suffixes = tuple(suffix for form in FORMATS if form.many for suffix in form.suffixes)
    files = [name for name in names if name.endswith(suffixes) and not name.startswith(".")]
    files = [name for name in files if not os.path.isdir(os.path.join(path, name))]
    if len(files) > 1:
        raise FormatError(f"{path}: has {len(files)} weight files and no index", f"name one: {files[0]}")
    if files:
        return [_file(os.path.join(path, files[0]), None)]
    arrays = sorted(_arrays(path, ""))
    if not arrays:
        raise FormatError(f"{path}: has no weights", f"no index, and no file of {', '.join(suffixes)} or .npy")
    parts = []
    for relative in arrays:
        part = _file(os.path.join(path, relative), "npy")
        parts.append(part.named(relative.removesuffix(".npy").replace(os.sep, "/")))
    return parts


def _arrays(top: str, inside: str) -> Iterator[str]:
    with os.scandir(os.path.join(top, inside)) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _arrays(top, os.path.join(inside, entry.name))
            elif entry.name.endswith(".npy"):
                yield os.path.join(inside, entry.name)


def _shards(index: str) -> list[Part]:
    """The shards that an index names, held against it: it says of each tensor in which of them it is."""
    weight_map = _weight_map(index)
    form = FORMATS["safetensors"]
    parts = []
    held: dict[str, str] = {}
    for file in sorted(set(weight_map.values())):
        path = os.path.join(os.path.dirname(index), file)
        if not os.path.isfile(path):
            raise FormatError(f"{index}: names {quoted(file)}, which is not there")
        contents = form.read(path)
        for stored in contents.tensors:
            if stored.name in held:
                raise FormatError(f"{index}: {quoted(stored.name)} is both in {held[stored.name]} and in {file}")
            held[stored.name] = file
        parts.append(Part(path, form, contents))
    for name, file in weight_map.items():
        if held.get(name) != file:
            raise FormatError(f"{index}: says that {quoted(name)} is in {file}, and it is not")
    for name, file in held.items():
        if name not in weight_map:
            raise FormatError(f"{index}: does not name {quoted(name)}, which is in {file}")
    return parts


def _weight_map(index: str) -> dict[str, str]:
    import msgspec

    class Index(msgspec.Struct):
        weight_map: dict[str, str]

    if not os.path.isfile(index):  # a pipe would wait for ever
        raise FormatError(f"{index}: not a file")
    with open(index, "rb") as opened:
        raw = opened.read(_MAX_INDEX + 1)
    if len(raw) > _MAX_INDEX:
        raise FormatError(f"{index}: is larger than an index is, {_MAX_INDEX >> 20} MiB")
    try:
        weight_map = msgspec.json.decode(raw, type=Index).weight_map
    except msgspec.ValidationError:
        raise FormatError(f"{index}: has no weight_map from names to files") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise FormatError(f"{index}: not JSON: {str(error).splitlines()[0]}") from None
    if not weight_map:
        raise FormatError(f"{index}: names no tensor")
    for file in weight_map.values():
        # Whoever wrote the index could otherwise have any file read.
        if file in ("", ".", "..") or "/" in file or "\\" in file or "\0" in file:
            raise FormatError(f"{index}: {quoted(file)} is not the plain name of a file beside it")
    return weight_map
