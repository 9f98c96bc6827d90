"""Directories of files: whole or not at all, an index that never names a mixture, and nothing else touched or left."""

import json
import os
import stat
import threading

import pytest
import safetensors.numpy

from initgen.core.errors import BadParameter, OutputError
from initgen.engine.directory import matches_plan, write_plan
from initgen.engine.files import plan_files
from initgen.engine.write import array
from initgen.specs.tensor import tensor_spec

INDEX = "model.safetensors.index.json"
NAMES = {"shards": [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)] + [INDEX]}
NAMES["arrays"] = ["a/x.npy", "a/y.npy", "b.npy"]
OLD_SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def specs(seed=0):
    return [tensor_spec("he_uniform", (20, 30), name=name, seed=seed) for name in ("a/x", "a/y", "b")]


def plan_of(path, kind, seed=0, size=2400):
    form, shard = ("npy", None) if kind == "arrays" else (None, size)
    return plan_files(specs(seed), f"{path}/", form, shard)


def make(path, kind="shards", seed=0, size=2400, **options):
    return write_plan(plan_of(path, kind, seed, size), threads=1, **options)


def snapshot(top):
    """Every file below a directory, hidden ones too."""
    found = {}
    for inside, folders, files in os.walk(top):
        for name in folders:
            assert ".initgen-" not in name
        for name in files:
            path = os.path.join(inside, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, top)] = file.read()
    return found


@pytest.fixture(params=["shards", "arrays"])
def kind(request):
    return request.param


def test_a_new_directory_holds_the_set_and_nothing_else(kind, tmp_path):
    written = make(tmp_path / "m", kind)
    found = snapshot(tmp_path / "m")
    assert sorted(found) == sorted(NAMES[kind])
    assert (written.action, written.nbytes) == ("wrote", sum(map(len, found.values())))
    assert os.listdir(tmp_path) == ["m"]
    if kind == "shards":
        for name, file in json.loads(found[INDEX])["weight_map"].items():
            held = safetensors.numpy.load(found[file])
            assert held[name].tobytes() == array(next(spec for spec in specs() if spec.name == name)).tobytes()


def test_a_new_directory_appears_with_all_its_files(kind, told, tmp_path):
    seen = []
    make(tmp_path / "m", kind, progress=told(lambda nbytes: seen.append(os.path.lexists(tmp_path / "m"))))
    assert seen
    assert not any(seen)


def test_a_directory_that_is_there_keeps_what_else_is_in_it(kind, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes").write_text("mine")
    assert make(tmp_path, kind).action == "wrote"
    found = snapshot(tmp_path)
    assert (found.pop("config.json"), found.pop("a/notes")) == (b"{}", b"mine")
    assert sorted(found) == sorted(NAMES[kind])


def times(top):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in sorted(top.rglob("*"))}


def test_the_same_again_is_unchanged(kind, tmp_path):
    make(tmp_path / "m", kind)
    before = times(tmp_path)
    for force in (False, True):
        assert matches_plan(plan_of(tmp_path / "m", kind))
        assert make(tmp_path / "m", kind, force=force).action == ("wrote" if force else "unchanged")
        assert force or times(tmp_path) == before


def change_a_byte(top, kind):
    path = top / NAMES[kind][1]
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


OTHERS = {
    "another seed": lambda top, kind: make(top, kind, seed=1, force=True),
    "a changed byte": change_a_byte,
    "a file that is gone": lambda top, kind: (top / NAMES[kind][0]).unlink(),
    "an empty file": lambda top, kind: (top / NAMES[kind][-1]).write_bytes(b""),
}
OTHERS_OF_SHARDS = {
    "another split": lambda top, kind: make(top, kind, size=4800, force=True),
    "one file": lambda top, kind: make(top, kind, size=10**6, force=True),
    "no index": lambda top, kind: (top / INDEX).unlink(),
    "a longer index": lambda top, kind: (top / INDEX).write_bytes((top / INDEX).read_bytes() + b" "),
    "one shard too many": lambda top, kind: (top / OLD_SHARDS[0]).write_bytes(b""),
    "a whole file too": lambda top, kind: (top / "model.safetensors").write_bytes(b""),
}
CASES = [(name, kind) for name in OTHERS for kind in NAMES] + [(name, "shards") for name in OTHERS_OF_SHARDS]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_case_30_what_is_there_is_refused_without_force_and_untouched(name, kind, tmp_path):
    top = tmp_path / "m"
    make(top, kind)
    (OTHERS | OTHERS_OF_SHARDS)[name](top, kind)
    before = times(top), snapshot(top)
    assert not matches_plan(plan_of(top, kind))
    with pytest.raises(OutputError, match="exists, and the directory holds something else") as error:
        make(top, kind)
    assert error.value.message.startswith(f"{top}/")
    assert "--force" in error.value.hint
    assert (times(top), snapshot(top)) == before
    assert make(top, kind, force=True).action == "wrote"
    assert sorted(snapshot(top)) == sorted(NAMES[kind])
    assert make(top, kind).action == "unchanged"


def test_force_removes_the_shards_of_an_older_set_and_nothing_else(tmp_path):
    mine = ["config.json", "model.bin", "model-00001-of-00002.bin", "model-1-of-2.safetensors", "other.safetensors"]
    mine += [
        "tokenizer.json",
        "model.safetensors.bak",
        "adapter_model.safetensors",
        "model-00001-of-00009.safetensors.x",
    ]
    make(tmp_path, size=4800)
    for name in mine:
        (tmp_path / name).write_text("mine")
    make(tmp_path, force=True)
    found = snapshot(tmp_path)
    assert sorted(found) == sorted([*NAMES["shards"], *mine])
    assert all(found[name] == b"mine" for name in mine)
    make(tmp_path, size=10**6, force=True)
    assert sorted(snapshot(tmp_path)) == sorted(["model.safetensors", *mine])


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_case_63_modes_are_those_of_the_umask_and_of_what_was_there(mask, mode, kind, tmp_path):
    before = os.umask(mask)
    try:
        make(tmp_path / "m", kind)
        (tmp_path / "m" / NAMES[kind][-1]).chmod(0o640)
        make(tmp_path / "m", kind, seed=1, force=True)
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / "m" / name).stat().st_mode) for name in NAMES[kind]}
    assert modes == dict.fromkeys(NAMES[kind], mode) | {NAMES[kind][-1]: 0o640}
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o777 & ~mask


def test_case_28_a_link_to_a_directory_is_written_through(kind, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert make(tmp_path / "link", kind).action == "wrote"
    assert os.readlink(tmp_path / "link") == "real"
    assert sorted(snapshot(tmp_path / "real")) == sorted(NAMES[kind])
    assert make(tmp_path / "link", kind).action == "unchanged"


PLACES = {
    "case 32 a file": (lambda path: path.write_text("mine"), "is not a directory"),
    "case 32 a pipe": (os.mkfifo, "is not a directory"),
    "case 32 no parent": (lambda path: path / "m", "there is no directory"),
    "case 28 a link to nowhere": (lambda path: path.symlink_to("nowhere"), "symbolic link"),
    "case 28 a link to itself": (lambda path: path.symlink_to(path.name), "symbolic link"),
    "case 27 a name of 300": (lambda path: path.with_name("n" * 300), "File name too long"),
}


@pytest.mark.parametrize(("prepare", "said"), [pytest.param(*place, id=name) for name, place in PLACES.items()])
def test_what_is_no_place_for_a_directory_is_refused_at_once(prepare, said, kind, tmp_path, monkeypatch):
    other = prepare(tmp_path / "m")
    path = other if isinstance(other, os.PathLike) else tmp_path / "m"
    before = sorted(os.listdir(tmp_path))
    monkeypatch.setattr("initgen.engine.directory.local", None)  # nothing is drawn for it
    with pytest.raises(OutputError, match=said) as error:
        make(path, kind, force=True)
    assert error.value.message.startswith(str(path))
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("prepare", [os.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
@pytest.mark.parametrize("force", [True, False])
def test_a_name_that_is_taken_by_no_regular_file_is_refused_before_any_is_replaced(prepare, force, kind, tmp_path):
    first, *_, last = NAMES[kind]
    make(tmp_path, kind, seed=1)
    (tmp_path / last).unlink()
    prepare(tmp_path / last)
    before = (tmp_path / first).read_bytes()
    with pytest.raises(OutputError) as error:
        make(tmp_path, kind, force=force)
    assert error.value.message == f"{tmp_path}/{last}: is not a regular file"
    assert (tmp_path / first).read_bytes() == before
    assert not any(name.startswith(".initgen") for name in os.listdir(tmp_path))


@pytest.mark.parametrize("force", [True, False])
def test_a_file_in_the_place_of_a_directory_is_refused_before_anything_is_made(force, tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OutputError, match="a: is not a directory"):
        make(tmp_path, "arrays", force=force)
    assert snapshot(tmp_path) == {"a": b"mine"}


def test_case_1_more_than_the_disk_has_is_refused_with_the_size(tmp_path):
    plan = plan_files([tensor_spec("he_uniform", (10**9, 10**9))], f"{tmp_path}/m/")
    with pytest.raises(OutputError, match="needs 4 EB, and the disk has"):
        write_plan(plan)
    assert os.listdir(tmp_path) == []


def test_case_15_a_dtype_that_cannot_hold_its_law_is_refused_before_anything_is_made(tmp_path):
    wide = tensor_spec("constant:value=70000", (3,), name="wide", dtype="float16")
    with pytest.raises(BadParameter, match="wide"):
        write_plan(plan_files([*specs(), wide], f"{tmp_path}/m/", None, 2400))
    assert os.listdir(tmp_path) == []


def test_what_appears_meanwhile_is_not_replaced(kind, told, tmp_path):
    top = tmp_path / "m"

    def appear(nbytes):
        top.mkdir(exist_ok=True)
        (top / "theirs").write_text("theirs")

    with pytest.raises(OutputError, match="appeared while it was being made"):
        make(top, kind, progress=told(appear))
    assert snapshot(tmp_path) == {"m/theirs": b"theirs"}
    last = top / NAMES[kind][-1]
    with pytest.raises(OutputError, match="appeared while it was being made"):
        make(top, kind, progress=told(lambda nbytes: last.write_text("theirs")))
    assert snapshot(top) == {"theirs": b"theirs", NAMES[kind][-1]: b"theirs"}


@pytest.mark.parametrize("attempt", range(5))
def test_case_30_of_two_writers_without_force_exactly_one_wins(attempt, kind, tmp_path):
    start, said = threading.Barrier(2), {}

    def run(seed):
        start.wait()
        try:
            said[seed] = make(tmp_path / "m", kind, seed=seed).action
        except OutputError as error:
            said[seed] = error.message

    threads = [threading.Thread(target=run, args=[seed]) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [seed for seed, what in said.items() if what == "wrote"]
    assert os.listdir(tmp_path) == ["m"]
    assert make(tmp_path / "m", kind, seed=winner).action == "unchanged"
