"""What a path stands for: one file, a sharded checkpoint by directory or index, a directory of arrays; and its lies."""

import json
import os
import threading

import numpy as np
import pytest
import safetensors.numpy

from initgen.checks.source import sources_of
from initgen.core.errors import InitgenError
from initgen.formats.parts import open_parts

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.bias": np.arange(2, dtype=np.float16),
    "b.weight": np.arange(4, dtype=np.float64),
}
MAP = {"a.bias": FIRST, "a.weight": FIRST, "b.weight": SECOND}


@pytest.fixture
def checkpoint(tmp_path):
    """Two shards by the safetensors library, and an index in the form of Hugging Face's."""
    top = tmp_path / "checkpoint"
    top.mkdir()
    for file in (FIRST, SECOND):
        held = {name: TENSORS[name] for name, of in MAP.items() if of == file}
        safetensors.numpy.save_file(held, top / file, metadata={"format": "pt"})
    index(top, MAP)
    (top / "config.json").write_text("{}")
    return top


def index(top, weight_map):
    size = sum(value.nbytes for value in TENSORS.values())
    found = {"metadata": {"total_parameters": 12, "total_size": size}, "weight_map": weight_map}
    (top / INDEX).write_text(json.dumps(found, indent=2) + "\n")


def read_all(path):
    return {source.stored.name: source.whole() for part in open_parts(str(path)) for source in sources_of(part)}


def same(found, wanted):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def refused(path):
    with pytest.raises(InitgenError) as error:
        open_parts(str(path))
    assert error.value.message.startswith(str(path).rstrip("/"))
    assert "\n" not in error.value.message
    assert len(error.value.message) < 400
    return error.value


@pytest.mark.parametrize("below", ["", "/", "/" + INDEX])
def test_a_sharded_checkpoint_is_read_by_its_directory_and_by_its_index(below, checkpoint):
    same(read_all(f"{checkpoint}{below}"), TENSORS)


def test_an_index_of_another_name_and_one_that_is_linked_to_are_read(checkpoint, tmp_path):
    (checkpoint / INDEX).rename(checkpoint / "model.fp16.safetensors.index.json")
    same(read_all(checkpoint), TENSORS)
    (tmp_path / "link").symlink_to("checkpoint")
    same(read_all(tmp_path / "link"), TENSORS)


def test_shards_that_are_links_as_in_a_cache_of_downloads_are_read(checkpoint, tmp_path):
    (checkpoint / FIRST).rename(tmp_path / "blob")
    (checkpoint / FIRST).symlink_to("../blob")
    same(read_all(checkpoint), TENSORS)


def without(name):
    return {key: file for key, file in MAP.items() if key != name}


# What the index says, and what is answered.
LIES = {
    "a shard that is not there": (MAP | {"c": "model-00003-of-00003.safetensors"}, "which is not there"),
    "a tensor that is in another shard": (MAP | {"a.bias": SECOND}, "'a.bias'"),
    "a tensor that is nowhere": (MAP | {"c": FIRST}, "'c'"),
    "a tensor left out": (without("a.bias"), "'a.bias'"),
    "nothing": ({}, "no tensor"),
    "a shard that is a directory": (MAP | {"c": "folder"}, "which is not there"),
    "a shard that is no safetensors file": (MAP | {"c": "config.json"}, ""),
    "a shard that is its own index": (MAP | {"c": INDEX}, ""),
    "a file that is a number": (MAP | {"c": 3}, "weight_map"),
    "a file that is nothing": (MAP | {"c": None}, "weight_map"),
    "a list": (["a"], "weight_map"),
    "text": ("a", "weight_map"),
} | {
    f"case 27: a shard called {file!r}"[:60]: (MAP | {"c": file}, "plain name")
    for file in (
        "../blob.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "a\\b.safetensors",
        "",
        ".",
        "..",
        "a\0b",
        "../" + "n" * 5000,
    )
}


@pytest.mark.parametrize(("weight_map", "said"), [pytest.param(*lie, id=name) for name, lie in LIES.items()])
@pytest.mark.parametrize("by", ["directory", "index"])
def test_an_index_that_lies_is_refused(weight_map, said, by, checkpoint, tmp_path):
    (checkpoint / "folder").mkdir()
    safetensors.numpy.save_file({"c": np.zeros(3)}, tmp_path / "blob.safetensors")  # what ../ would reach
    index(checkpoint, weight_map)
    with pytest.raises(InitgenError) as error:
        open_parts(str(checkpoint / INDEX if by == "index" else checkpoint))
    assert error.value.message.startswith(str(checkpoint))
    assert said in error.value.message
    assert len(error.value.message) < 400


UNREADABLE = {
    "empty": b"",
    "not JSON": b"weight_map",
    "cut off": b'{"weight_map": {"a": "b"',
    "a list": b"[]",
    "no weight_map": b'{"metadata": {}}',
    "100,000 deep": b"[" * 100_000,
    "not UTF-8": b'{"weight_map": {"\xff": "a"}}',
    "UTF-16": '{"weight_map": {}}'.encode("utf-16"),
    "a number of 5000 digits": b'{"weight_map": {"a": ' + b"9" * 5000 + b"}}",
}


@pytest.mark.parametrize("content", [pytest.param(raw, id=name) for name, raw in UNREADABLE.items()])
def test_an_index_that_cannot_be_read_is_refused(content, checkpoint):
    (checkpoint / INDEX).write_bytes(content)
    refused(checkpoint)


def test_an_index_that_is_a_directory_is_refused(checkpoint):
    (checkpoint / INDEX).unlink()
    (checkpoint / INDEX).mkdir()
    refused(checkpoint)


def test_a_tensor_in_two_shards_is_refused(checkpoint):
    safetensors.numpy.save_file({"b.weight": TENSORS["b.weight"], "a.bias": TENSORS["a.bias"]}, checkpoint / SECOND)
    assert "both" in refused(checkpoint).message


def test_a_shard_that_is_gone_or_damaged_is_refused_by_name(checkpoint):
    content = (checkpoint / SECOND).read_bytes()
    (checkpoint / SECOND).write_bytes(content[:-1])
    assert refused(checkpoint).message.startswith(str(checkpoint / SECOND))
    (checkpoint / SECOND).unlink()
    assert SECOND in refused(checkpoint).message


def test_several_indexes_and_several_files_without_one_are_refused_with_one_to_name(checkpoint):
    (checkpoint / INDEX).rename(checkpoint / "hidden")
    error = refused(checkpoint)
    assert "2 weight files and no index" in error.message
    assert FIRST in error.hint
    for name in ("x", "y"):
        (checkpoint / f"{name}.safetensors.index.json").write_text("{}")
    error = refused(checkpoint)
    assert "2 indexes" in error.message
    assert str(checkpoint / "x.safetensors.index.json") in error.hint


def test_an_index_beside_a_whole_file_is_refused_since_readers_differ_in_what_they_take(checkpoint):
    """transformers takes model.safetensors before it looks for an index."""
    safetensors.numpy.save_file({"c": np.zeros(3)}, checkpoint / "model.safetensors")
    assert "both" in refused(checkpoint).message
    same(read_all(checkpoint / INDEX), TENSORS)


def test_the_only_weight_file_of_a_directory_is_taken(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / ".hidden.safetensors").write_text("")
    safetensors.numpy.save_file(TENSORS, tmp_path / "model.safetensors")
    same(read_all(tmp_path), TENSORS)


def arrays(top, names):
    for number, name in enumerate(names):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.full(3, number))


def test_a_directory_of_arrays_has_their_paths_as_names(tmp_path):
    names = ["b.npy", "a/x.weight.npy", "a/deep/er/y.npy", "größe.npy", "w.safetensors/z.npy"]
    arrays(tmp_path, [*names, ".hidden.npy", ".cache/c.npy", "a/.d.npy"])
    (tmp_path / "notes.txt").write_text("")
    found = read_all(tmp_path)
    assert set(found) == {name.removesuffix(".npy") for name in names}
    assert found["a/deep/er/y"].tolist() == [2, 2, 2]


def test_links_between_directories_are_not_followed(tmp_path):
    arrays(tmp_path, ["a/x.npy"])
    (tmp_path / "a" / "loop").symlink_to("..")
    (tmp_path / "a" / "loop.npy").symlink_to(".")
    assert "loop.npy" in refused(tmp_path).message
    (tmp_path / "a" / "loop.npy").unlink()
    assert set(read_all(tmp_path)) == {"a/x"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_among_the_arrays_is_refused_and_not_waited_for(tmp_path):
    arrays(tmp_path, ["a.npy"])
    os.mkfifo(tmp_path / "b.npy")
    # Whoever opens it to read is let go after some seconds.
    release = threading.Timer(3, lambda: os.close(os.open(tmp_path / "b.npy", os.O_RDWR)))
    release.start()
    try:
        assert "not a file" in refused(tmp_path).message
        assert release.is_alive()
    finally:
        release.cancel()


def test_a_damaged_array_is_refused_by_its_path(tmp_path):
    arrays(tmp_path, ["a.npy", "b/c.npy"])
    (tmp_path / "b" / "c.npy").write_bytes(b"")
    assert refused(tmp_path).message.startswith(str(tmp_path / "b" / "c.npy"))


EMPTY = {"empty": [], "only others": ["notes.txt"], "only hidden": [".a.npy"], "no tensors": ["config.json", "a.pt"]}


@pytest.mark.parametrize("names", [pytest.param(names, id=name) for name, names in EMPTY.items()])
def test_a_directory_without_weights_is_refused(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text("")
    assert "has no weights" in refused(tmp_path).message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_what_is_not_there_or_no_file_is_refused(tmp_path):
    assert "no such file" in refused(tmp_path / "nothing.safetensors").message
    os.mkfifo(tmp_path / "pipe.npy")
    assert "not a file" in refused(tmp_path / "pipe.npy").message
    (tmp_path / "gone.npy").symlink_to("nowhere")
    assert "no such file" in refused(tmp_path / "gone.npy").message
