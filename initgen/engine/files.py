"""Which files a model becomes: one, shards with an index, or one for each tensor. Nothing is written here."""

import itertools
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from initgen.core.errors import BadParameter, FormatError, UnknownName
from initgen.core.registry import repeated
from initgen.core.url import is_url
from initgen.engine.output import in_units
from initgen.formats import FORMATS, Format, format_of
from initgen.formats.parts import INDEX
from initgen.specs.description import Description, empty_groups, in_file
from initgen.specs.tensor import TensorSpec

# Hugging Face's limit for a shard where none is given.
MAX_SHARD = 5_000_000_000

# What a sharded checkpoint calls its files; those of an older one that the new one has no use for are removed.
SHARD = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")

# Of a tensor that has its own file, in bytes: with the directory before it, a path has at most 4096.
_MAX_NAME = 1000

# What may end the path of a directory; Windows has two.
SLASHES = ("/", os.sep)
WINDOWS = os.name == "nt"
# What it takes for a device, for something else than a name, or cuts off.
_NOT_ON_WINDOWS = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)|.*([<>:\"|?*\x01-\x1f]|[. ]$)",
    re.IGNORECASE | re.DOTALL,
)

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([KMGT]i?)?B?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class File:
    """One file: its path below the output, empty where it is the output itself, and what goes into it."""

    name: str
    form: Format
    specs: tuple[TensorSpec, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of data."""
        return sum(spec.nbytes for spec in self.specs)


@dataclass(frozen=True)
class Plan:
    """An output: a file, or a directory of files.

    Attributes:
        beside: small files that are not of tensors, in the order in which they appear; an index is the last of them.
    """

    path: str
    directory: bool
    files: tuple[File, ...]
    beside: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def specs(self) -> list[TensorSpec]:
        """All tensors."""
        return [spec for file in self.files for spec in file.specs]

    @property
    def names(self) -> list[str]:
        """The files below the output, the index last: as long as it is not there, the set is not."""
        return [*(file.name for file in self.files), *self.beside]

    def stale(self, names: Iterable[str]) -> list[str]:
        """Those of these names that are of another sharded checkpoint, whose readers would mix it up with this one."""
        if not any(file.form.name == "safetensors" for file in self.files):
            return []
        return sorted({name for name in names if SHARD.fullmatch(name)}.difference(self.names))


def plan_files(specs: Sequence[TensorSpec], path: str, form: str | None = None, max_shard: int | None = None) -> Plan:
    """The files that these tensors become at ``path``.

    Args:
        path: a directory if one is there, or if it ends in a slash, or if shards are asked for; a file else. Nobody
            looks what is at a URL.
        form: a format's name; by default the suffix says it, and a directory is of safetensors.
        max_shard: bytes of data in one shard; a larger tensor has one of its own.

    Raises:
        FormatError: the format cannot hold the tensors, or no directory of its files.
        UnknownName: no such format.
    """
    described = specs if isinstance(specs, Description) else Description(specs)
    # Equal models make equal files, in whatever order they are described.
    specs = sorted(in_file(path, specs), key=lambda spec: _natural(spec.name))
    slash = "/" if is_url(path) else SLASHES
    there = not is_url(path) and os.path.isdir(path)
    if there and not path.endswith(slash) and _has_suffix(path):
        raise FormatError(f"{path}: is a directory", f"-o {path}{os.sep} puts shards into it")
    if not path or path.endswith(slash) or there or (max_shard is not None and not _has_suffix(path)):
        return _directory(
            specs, path, "safetensors" if form is None else FORMATS[form].name, max_shard, described.files
        )
    if max_shard is not None:
        raise FormatError(f"{path}: shards go into a directory", "-o DIRECTORY/")
    try:
        named = format_of(path, form)
    except UnknownName as error:
        if form is not None:
            raise
        raise UnknownName(error.message, f"{error.hint}; {path}/ would be a directory") from None
    chosen = named.grouped(empty_groups(described.groups, [spec.name for spec in specs]))
    chosen.check([spec.header for spec in specs])
    return Plan(path, False, (File("", chosen, tuple(specs)),))


def _natural(name: str) -> tuple[list[tuple[str, int, str]], str]:
    """Names in order, numbers in them by value: layers.2 before layers.10, and 01 beside 1, but always first."""
    words = re.split(r"([0-9]+)", name)
    numbers = (number.lstrip("0") for number in words[1::2])  # however long: Python makes no number of 5000 digits
    return [(text, len(n), n) for text, n in itertools.zip_longest(words[::2], numbers, fillvalue="")], name


def _has_suffix(path: str) -> bool:
    try:
        return bool(format_of(path))
    except UnknownName:
        return False


def _directory(
    specs: Sequence[TensorSpec], path: str, form: str, max_shard: int | None, beside: Mapping[str, bytes]
) -> Plan:
    if form == "npy":
        if max_shard is not None:
            raise FormatError(
                "shards are of safetensors; .npy has a file for each tensor", "leave out --max-shard-size"
            )
        return Plan(path, True, tuple(_arrays(specs)))
    if form != "safetensors":
        raise FormatError(f"{path}: a directory is of safetensors or of npy, not of {form}", f"-o FILE{_suffix(form)}")
    chosen = FORMATS["safetensors"]
    shards = split(specs, MAX_SHARD if max_shard is None else max_shard)
    width = len(shards)
    for shard in shards:
        chosen.check([spec.header for spec in shard])
    if width == 1:
        return Plan(path, True, (File("model.safetensors", chosen, tuple(specs)),), beside)
    if width > 99_999:
        raise FormatError(f"{path}: would be {width} shards; names have place for 99999", "--max-shard-size")
    twice = repeated(spec.name for spec in specs)  # each shard was checked by itself
    if twice is not None:
        raise FormatError(f"two tensors are called {twice!r}")
    files = tuple(
        File(f"model-{number:05}-of-{width:05}.safetensors", chosen, tuple(shard))
        for number, shard in enumerate(shards, 1)
    )
    return Plan(path, True, files, {**beside, f"model{INDEX}": _index(files)})


def _suffix(form: str) -> str:
    return FORMATS[form].suffixes[0]


def split(specs: Sequence[TensorSpec], max_shard: int) -> list[list[TensorSpec]]:
    """Tensors in order, a new shard whenever the next would make one too large; one that is too large has its own.

    As in transformers, such a one does not end the shard before it, which goes on with what comes after.
    """
    shards: list[list[TensorSpec]] = []
    current: list[TensorSpec] = []
    held = 0
    for spec in specs:
        if spec.nbytes > max_shard:
            shards.append([spec])
            continue
        if held + spec.nbytes > max_shard:
            shards.append(current)
            current, held = [], 0
        current.append(spec)
        held += spec.nbytes
    return [*shards, current] if current or not shards else shards


def _index(files: Sequence[File]) -> bytes:
    """The index as transformers writes it."""
    import json

    specs = [spec for file in files for spec in file.specs]
    index = {
        "metadata": {
            "total_parameters": sum(spec.count for spec in specs),
            "total_size": sum(spec.nbytes for spec in specs),
        },
        "weight_map": dict(sorted((spec.name, file.name) for file in files for spec in file.specs)),
    }
    return (json.dumps(index, indent=2) + "\n").encode()


def _arrays(specs: Sequence[TensorSpec]) -> list[File]:
    """A file for each tensor; its name is the tensor's, and must stay inside of the directory."""
    npy = FORMATS["npy"]
    files = []
    for spec in specs:
        npy.check([spec.header])
        parts = spec.name.split("/")
        if "\0" in spec.name or "\\" in spec.name or any(part in ("", ".", "..") for part in parts):
            raise FormatError(f"name = {spec.name!r} is not a path of plain names in a directory")
        if any(part.startswith(".") for part in parts):
            raise FormatError(f"name = {spec.name!r} would be a hidden file")
        parts[-1] += ".npy"
        if WINDOWS and any(_NOT_ON_WINDOWS.match(part) for part in parts):
            raise FormatError(f"name = {spec.name!r} cannot be a file's name on Windows")
        try:
            os.fsencode(spec.name)
        except UnicodeEncodeError as error:
            raise FormatError(
                f"name = {spec.name!r} cannot be a file's name where the locale has {error.encoding}",
                "set PYTHONUTF8=1",
            ) from None
        if max(len(part.encode()) for part in parts) > 255 or len(spec.name.encode()) > _MAX_NAME:
            raise FormatError(f"name = {spec.name[:40] + '…'!r} is longer than a file's name may be")
        files.append(File("/".join(parts), npy, (spec,)))
    twice = repeated(spec.name for spec in specs)
    if twice is not None:
        raise FormatError(f"two tensors are called {twice!r}")
    names = {file.name for file in files}
    for name in names:
        above = os.path.dirname(name)
        while above:
            if above in names:
                raise FormatError(f"{above!r} cannot be both a tensor's file and the directory of {name!r}")
            above = os.path.dirname(above)
    return files


def parse_size(text: str) -> int:
    """Bytes as ``5GB``, ``50MB``, ``1.5GiB`` or ``4096`` say them; GB is 10^9, as in Hugging Face.

    Raises:
        BadParameter: it is not a size, or is 0.
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise BadParameter(f"max-shard-size = {text[:40]!r} is not a size", "like 5GB, 500MB or 2GiB")
    unit = (found[2] or "").upper()
    base: int = 1024 if unit.endswith("I") else 1000
    size = math.floor(float(found[1]) * float(base) ** " KMGT".index(unit[:1] or " "))
    if size < 1:
        raise BadParameter(f"max-shard-size = {text} must be at least a byte", f"not {in_units(size)}")
    return size
