"""Other inputs of one: damaged where it hurts, and put together again so that the first check does not throw them out."""

import contextlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

Damage = Callable[[bytes, Random], bytes]

# What has a meaning somewhere, and what has broken parsers before.
WORDS = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()
WORDS += ["\ufeff", "\0", "\x85", "\u2028", "\ud800", "\ud800\udc00", "\x1b[2J"]
WORDS += [
    " ",
    "\n",
    "\t",
    "\r",
    "- ",
    ": ",
    "---\n",
    "%YAML 1.1\n---\n",
    "9" * 25,
    "9" * 400,
    "9" * 5000,
    "[" * 200,
    "a." * 200,
]
VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        -1,
        0,
        1,
        2,
        3,
        7,
        31,
        2**31,
        2**32,
        2**53,
        2**63 - 1,
        2**63,
        2**64 - 1,
        2**64,
        10**30,
        10**400,
    ),
    *(
        0.5,
        -0.0,
        1e-320,
        1e308,
        math.inf,
        math.nan,
        "",
        " ",
        "a/b",
        "../x",
        "/x",
        "\0",
        "x" * 300,
        "é",
        "${d}",
        "\ud800",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [3, 3],
        [0, -1],
        [10**9] * 4,
        [1] * 40,
        [1] * 70,
        ["a"] * 20,
        {"a": {}},
        {"class_name": "Dense"},
    ),
    *([None, 5], [[None, 4, 5], [None, 4, 5]], ["dense", 0, 0], [["dense", 0, 0, {}]], {"size": "*w", "axis": 0}),
]
# What could be taken for the name of a file, here or elsewhere.
NAMES = [
    "../x",
    "/x",
    "a/../../x",
    "..",
    ".",
    "",
    ".x",
    "a/b",
    "a\\b",
    "x" * 300,
    "con",
    "__metadata__",
    "../beside.safetensors",
]
NUMBERS = [
    0,
    1,
    2,
    3,
    4,
    8,
    16,
    64,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    (1 << 63) - 1,
]
NUMBERS += [1 << 63, (1 << 64) - 1, (1 << 64) - 8]


def octets(data: bytes, random: Random) -> bytes:
    """Some bytes changed, cut out, doubled; numbers put where numbers may stand."""
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        at = random.randrange(len(data) + 1)
        way = random.randrange(8)
        if way < 2 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif way == 2 and at < len(data):
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif way < 6:
            width = random.choice((1, 2, 4, 4, 8, 8))
            at -= at % random.choice((1, width, 8))
            number = random.choice(NUMBERS) if way < 5 else random.randrange(len(data) + 8)
            data[at : at + width] = (number & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        elif way == 6:
            end = at + random.randrange(1, 33)
            other = random.randrange(len(data) + 1)
            data[at:at] = data[other : other + end - at]
        else:
            del data[at : at + random.choice((1, 2, 8, 64, len(data)))]
    return bytes(data)


def text(data: bytes, random: Random) -> bytes:
    """Some words put in, cut out, doubled, moved."""
    said = data.decode("utf-8", "surrogateescape")
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        at = random.randrange(len(said) + 1)
        end = at + random.choice((0, 0, 1, 1, 2, 4, 12, 40))
        way = random.randrange(6)
        if way < 3:
            new = random.choice(WORDS)
        elif way == 3:
            new = said[at:end] * random.choice((0, 0, 2, 3))
        elif way == 4:
            other = random.randrange(len(said) + 1)
            new = said[other : other + random.choice((1, 2, 5, 20))]
        else:
            new = chr(random.choice((*range(128), 0xE9, 0x3A9, 0x1F600)))
        said = said[:at] + new + said[end:]
    return said.encode("utf-8", "surrogatepass" if random.randrange(50) == 0 else "replace")


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a tree, as what holds it and the key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def tree(value: Any, random: Random) -> Any:
    """A tree with something left out, put in, doubled, or taken from another place, a few times."""
    box = [value]
    for _ in range(random.choice((1, 1, 2, 4))):
        found = list(places(box))
        holder, key = found[random.randrange(len(found))]
        way = random.randrange(8)
        old = holder[key]
        if way < 2:
            holder[key] = _copied(random.choice(VALUES)) if random.randrange(6) else random.choice(NAMES)
        elif way == 2:
            holder[key] = random.randint(-3, 50)
        elif way == 3 and isinstance(old, str):
            holder[key] = text(old.encode("utf-8", "surrogatepass"), random).decode("utf-8", "replace")
        elif way == 4 and isinstance(old, int | float):
            holder[key] = old + random.choice((1, -1, 0.5, old, -2 * old)) if abs(old) < 2**200 else -1
        elif way == 5 and holder is not box:
            del holder[key]
        elif way == 6:
            other, there = found[random.randrange(len(found))]
            holder[key] = _copied(other[there])
        elif isinstance(holder, dict):
            name = random.choice((f"{key}_{random.randrange(3)}", random.choice(WORDS), random.choice(NAMES)))
            holder[name] = _copied(old)
            if random.randrange(2):
                del holder[key]
        elif holder is not box:
            holder.insert(key, _copied(old))
    return box[0]


def as_json(data: bytes, random: Random) -> bytes:
    """A document of JSON, changed as a tree or as text."""
    if random.randrange(4):
        with contextlib.suppress(ValueError, RecursionError):
            return _dumped(tree(json.loads(data), random))
    return text(data, random)


def safetensors(data: bytes, random: Random) -> bytes:
    """Header, recipe in it, or data; with a header that is mostly right about its length and its data."""
    if random.randrange(5) == 0:
        return octets(data, random)
    try:
        length = int.from_bytes(data[:8], "little")
        header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
        assert isinstance(header, dict)
    except (ValueError, RecursionError, AssertionError):
        return octets(data, random)
    way = random.randrange(6)
    metadata = header.get("__metadata__")
    if way == 0:
        body = octets(body, random)
    elif way < 3 and isinstance(metadata, dict) and isinstance(metadata.get("initgen"), str):
        metadata["initgen"] = as_json(metadata["initgen"].encode("utf-8", "replace"), random).decode("utf-8", "replace")
    else:
        header = tree(header, random)
    if random.randrange(3) and isinstance(header, dict):
        body = _laid_out(header, body)
    return safetensors_of(header, body)


def safetensors_of(header: Any, body: bytes) -> bytes:
    """A file with this header."""
    raw = _dumped(header)
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw + body


_BITS = {
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "C64": 64,
    "BOOL": 8,
    "BF16": 16,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
}
_BITS |= {f"{kind}{bits}": bits for kind in "FIU" for bits in (8, 16, 32, 64)}


def _laid_out(header: dict[str, Any], body: bytes) -> bytes:
    """Offsets as shapes and dtypes have them, and data of that length."""
    at = 0
    for name, entry in header.items():
        if name == "__metadata__" or not isinstance(entry, dict):
            continue
        shape = entry.get("shape")
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            continue
        end = at + math.prod(shape) * _BITS.get(str(entry.get("dtype")), 32) // 8
        if end > 1 << 16:
            continue
        entry["data_offsets"] = [at, end]
        at = end
    return (body or b"\0") * (at // (len(body) or 1)) + body[: at % (len(body) or 1)]


def npy(data: bytes, random: Random) -> bytes:
    """The header's text or the data; with a header that is mostly right about its length."""
    wide = 12 if data[6:7] in (b"\x02", b"\x03") else 10
    if random.randrange(4) == 0 or len(data) < wide:
        return octets(data, random)
    end = wide + int.from_bytes(data[8:wide], "little")
    header, body = data[wide:end], data[end:]
    if random.randrange(4) == 0:
        body = octets(body, random)
    else:
        header = text(header.rstrip(), random)[:9000]
        header += b" " * (-(wide + len(header) + 1) % 64) + b"\n"
    if random.randrange(8) == 0:
        body += bytes(random.randrange(64))
    return data[:8] + len(header).to_bytes(wide - 8, "little") + header + body


_KINDS: dict[str, Damage] = {}


def archive(data: bytes, random: Random) -> bytes:
    """A member, its name or how it is packed; the checksums of a zip are made anew."""
    if random.randrange(4) == 0:
        return octets(data, random)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            members = [
                (entry.filename, old.read(entry)[: 1 << 16], entry.compress_type) for entry in old.infolist()[:20]
            ]
    except Exception:  # whatever a damaged zip makes of itself
        return octets(data, random)
    for _ in range(random.choice((1, 1, 2))):
        if not members:
            break
        at = random.randrange(len(members))
        name, body, packed = members[at]
        way = random.randrange(10)
        if way < 6:
            kind = _KINDS.get(name.rpartition(".")[2], octets)
            members[at] = (name, kind(body, random), packed)
        elif way == 6:
            members[at] = (text(name.encode(), random).decode("utf-8", "replace")[:200] or "x", body, packed)
        elif way == 7:
            members[at] = (
                name,
                body,
                random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
            )
        elif way == 8:
            members.insert(at, members[random.randrange(len(members))])
        else:
            del members[at]
    return archive_of(members)


def archive_of(members: list[tuple[str, bytes, int]]) -> bytes:
    """A zip file with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name, body, packed in members:
            with contextlib.suppress(ValueError):  # zipfile does not write every name
                new.filelist, seen = [], new.filelist
                new.NameToInfo.clear()
                new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), body, packed)
                new.filelist = seen + new.filelist
    return file.getvalue()


_KINDS |= {"npy": npy, "json": as_json}


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _dumped(value: Any) -> bytes:
    try:
        raw = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raw = json.dumps(value).encode()
    # JSON has no such number, but this is read as one.
    return raw.replace(b"Infinity", b"1e400") if b"Infinity" in raw else raw
