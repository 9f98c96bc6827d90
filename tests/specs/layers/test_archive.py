"""A .keras file is looked into for its config alone: nothing in it is run, unpacked to disk, or trusted in its sizes."""

import io
import json
import pickle
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from initgen.specs.describe import describe

CONFIG = json.dumps(
    json.loads(Path(__file__).with_name("keras.json").read_text(encoding="utf-8"))["models"]["seed_he_uniform"][
        "config"
    ]
)


def archive(*members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in members:
            made.writestr(name, data)
    return file.getvalue()


class Boom:
    """What would leave a trace, were it unpickled."""

    def __reduce__(self):
        return open, ("unpickled", "w")


ODD = {
    "stored": [("metadata.json", "{}"), ("config.json", CONFIG), ("model.weights.h5", b"\x89HDF")],
    "last": [("model.weights.h5", b""), ("config.json", CONFIG)],
    "alone": [("config.json", CONFIG)],
    "traversal": [("../../escaped", "x"), ("/absolute", "x"), ("..\\..\\escaped", "x"), ("config.json", CONFIG)],
    "pickle": [
        ("config.json", CONFIG),
        ("assets/state.pkl", pickle.dumps(Boom())),
        ("model.weights.h5", pickle.dumps(Boom())),
    ],
    "many": [(f"assets/{n}", "") for n in range(100_000)] + [("config.json", CONFIG)],
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_the_config_is_read_and_nothing_else(name, compression, put, tmp_path):
    if name == "many" and compression == zipfile.ZIP_DEFLATED:
        return
    put("in/m.keras", archive(*ODD[name], compression=compression))
    before = sorted(tmp_path.parent.rglob("*"))
    start = time.process_time()
    assert [spec.name for spec in describe("in/m.keras")] == [
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert time.process_time() - start < 5
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_of_two_configs_the_last_is_taken_as_zip_readers_do(put):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive(("config.json", "{"), ("config.json", CONFIG))
    assert len(describe(put("m.keras", data))) == 4


SOUND = archive(("config.json", CONFIG))


def flagged(data, flag):
    """An archive whose member has a flag, at both places that say so."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.index(signature) + offset
        changed[at : at + 2] = struct.pack("<H", flag)
    return bytes(changed)


def resized(data, size):
    """An archive that says its member unpacks to so many bytes."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.index(signature) + offset
        changed[at : at + 4] = struct.pack("<I", size)
    return bytes(changed)


COMPRESSED = "not a .keras file: its config is compressed as Keras does not"
REFUSED = {
    "nothing": (b"", "not a .keras file: File is not a zip file"),
    "text": (CONFIG, "not a .keras file: File is not a zip file"),
    "truncated": (SOUND[:-30], "not a .keras file: File is not a zip file"),
    "damaged": (SOUND.replace(b"Sequential", b"sequential", 1), "not a .keras file: Bad CRC-32 for file 'config.json'"),
    "encrypted": (flagged(SOUND, 1), "not a .keras file: File 'config.json' is encrypted, password required"),
    "bzip2": (archive(("config.json", CONFIG), compression=zipfile.ZIP_BZIP2), COMPRESSED),
    "lzma": (archive(("config.json", CONFIG), compression=zipfile.ZIP_LZMA), COMPRESSED),
    "no config": (archive(("metadata.json", "{}")), "has no config.json"),
    "a folder": (archive(("config.json/x", "{}")), "has no config.json"),
    "elsewhere": (archive(("../config.json", CONFIG)), "has no config.json"),
    "not JSON": (archive(("config.json", "{'a'}")), "line 1: not JSON: "),
    "empty config": (archive(("config.json", "")), "line 1: not JSON: "),
    "a list": (archive(("config.json", "[]")), "a spec is a table, not a list"),
    "not UTF-8": (archive(("config.json", b'{"a": "\xff"}')), "line 1: is not UTF-8"),
    "pickle": (archive(("config.json", pickle.dumps({"a": 1}))), "line 1: is not UTF-8"),
    "claims less": (resized(SOUND, 10), "not a .keras file: Bad CRC-32 for file 'config.json'"),
    "long name": (SOUND.replace(b"config.json", b"c" * 11, 1), "not a .keras file: File name in directory"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_keras_file_is_said_in_one_line(name, put, refused):
    data, said = REFUSED[name]
    message, _ = refused(put("m.keras", data), output="m.weights.h5")
    assert message.startswith(f"m.keras{',' if said.startswith('line') else ':'} {said}")
    assert len(message) < 200


def test_the_size_that_a_member_claims_reserves_nothing(put):
    tracemalloc.start()
    try:
        assert len(describe(put("m.keras", resized(SOUND, 2**32 - 2)))) == 4
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()


def test_a_directory_and_nothing_are_no_keras_files(put, refused):
    put("m.keras/config.json", CONFIG)
    assert refused("m.keras") == ("m.keras: is a directory", "the config.json in it is a model")
    assert refused("n.keras")[0] == "n.keras: there is no such file"
    assert len(describe("m.keras/config.json")) == 4


@pytest.mark.parametrize("filling", [b"\0", b" "], ids=["zeros", "blanks"])
def test_a_bomb_is_not_unpacked_beyond_what_a_config_can_be(filling, put, refused):
    bomb = put("m.keras", archive(("config.json", filling * (100 << 20)), compression=zipfile.ZIP_DEFLATED))
    assert Path(bomb).stat().st_size < 200_000
    tracemalloc.start()
    try:
        assert refused(bomb)[0] == "m.keras: its config.json is larger than 16 MiB"
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()
