"""Outputs at URLs: the bytes of a local run, whole or not at all, and nothing replaced or left that should not be."""

import os
import subprocess
import sys

import fsspec
import pytest
import safetensors.numpy

from initgen.core.errors import BadParameter, OutputError
from initgen.engine.directory import exists, matches_plan, write_plan
from initgen.engine.files import plan_files
from initgen.engine.progress import Progress
from initgen.engine.remote import Remote
from initgen.engine.upload import part_of
from initgen.specs.description import Description
from initgen.specs.tensor import tensor_spec

INDEX = "model.safetensors.index.json"
SHARDS = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
SMALL, LARGE = (30, 40), (1500, 2000)  # of less than a part, and of three when a part is 5 MiB


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr("initgen.engine.upload.PART", 5 << 20)


@pytest.fixture
def place(request, tmp_path):
    """A URL of a prefix that nothing is below, and what is visible there, by fsspec."""
    if request.param == "s3":
        url = f"{request.getfixturevalue('bucket').url}/at"
    else:
        url = f"memory://{tmp_path}/at" if request.param == "memory" else f"file://{tmp_path}/at"
    files, root = fsspec.core.url_to_fs(url)

    def visible(read=files.cat_file):
        files.invalidate_cache()
        return {path.removeprefix(f"{root}/"): read(path) for path in files.find(root)}

    return url, visible


EVERYWHERE = pytest.mark.parametrize("place", ["s3", "memory", "file"], indirect=True)
NEARBY = pytest.mark.parametrize("place", ["memory", "file"], indirect=True)
SIZES = pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["one part", "three parts"])


def plan_of(path, shape=SMALL, seed=0):
    return plan_files([tensor_spec("he_uniform", shape, seed=seed)], path)


def shards_of(path, seed=0, size=2400, beside=True):
    specs = [tensor_spec("he_uniform", (20, 30), name=name, seed=seed) for name in ("a/x", "a/y", "b")]
    return plan_files(Description(specs, files={"config.json": b"{}\n"} if beside else {}), path, None, size)


def local(plan, tmp_path):
    """What the same plan makes on this machine, by name."""
    top = tmp_path / "local"
    os.makedirs(top, exist_ok=True)
    path = f"{top}/m/" if plan.directory else f"{top}/{os.path.basename(plan.path)}"
    write_plan(type(plan)(path, plan.directory, plan.files, plan.beside), threads=1)
    return {
        name: (top / "m" / name if plan.directory else top / os.path.basename(plan.path)).read_bytes()
        for name in plan.names
    }


@pytest.mark.parametrize(
    ("name", "shape"),
    [("w.npy", SMALL), ("w.npy", LARGE), ("w.safetensors", LARGE), ("w.h5", LARGE), ("w.npz", SMALL)],
)
def test_an_object_has_the_bytes_of_a_local_file(name, shape, bucket, tmp_path):
    plan = plan_of(f"{bucket.url}/dir/{name}", shape)
    written = write_plan(plan)
    assert bucket.objects() == {f"dir/{name}": local(plan, tmp_path)[""]}
    assert (written.action, written.nbytes, written.path) == ("wrote", len(bucket.read(f"dir/{name}")), plan.path)
    assert bucket.uploads() == []
    tag = bucket.client.head_object(Bucket=bucket.name, Key=f"dir/{name}")["ETag"]
    assert tag.strip('"').endswith("-3") == (shape == LARGE)


@EVERYWHERE
def test_a_directory_has_the_files_of_a_local_one(place, tmp_path):
    url, visible = place
    plan = shards_of(f"{url}/m/")
    written = write_plan(plan)
    found = visible()
    assert found == {f"m/{name}": data for name, data in local(plan, tmp_path).items()}
    assert sorted(found) == sorted(f"m/{name}" for name in ["config.json", *SHARDS, INDEX])
    assert written.nbytes == sum(map(len, found.values()))
    assert list(safetensors.numpy.load(found[f"m/{SHARDS[2]}"])) == ["b"]


@NEARBY
def test_a_directory_of_arrays_goes_by_the_names_of_the_tensors(place, tmp_path):
    url, visible = place
    specs = [tensor_spec("he_uniform", (3, 4), name=name) for name in ("a/b/c", "d[1]*?")]
    plan = plan_files(specs, f"{url}/", "npy")
    write_plan(plan)
    assert visible() == local(plan, tmp_path)
    assert sorted(visible()) == ["a/b/c.npy", "d[1]*?.npy"]
    assert write_plan(plan).action == "unchanged"


@pytest.mark.parametrize(("name", "shape"), [("w.npz", SMALL), ("w.npy", LARGE)])
@EVERYWHERE
def test_nothing_has_the_name_before_all_is_there(name, shape, place, told):
    url, visible = place
    seen = []
    write_plan(plan_of(f"{url}/{name}", shape), progress=told(lambda nbytes: seen.append(name in visible(bool))))
    assert seen
    assert not any(seen)
    assert list(visible()) == [name]


def test_parts_are_sent_while_the_next_are_drawn(bucket, told):
    uploads = []
    write_plan(plan_of(f"{bucket.url}/w.npy", LARGE), progress=told(lambda nbytes: uploads.append(bucket.uploads())))
    assert len(uploads[-1]) == 1


class Failed(Exception):
    """What a test raises in the middle."""


def failing_at(told, share, nbytes):
    done = 0

    def fail(more):
        nonlocal done
        done += more
        if done >= share * nbytes:
            raise Failed

    return told(fail)


@pytest.mark.parametrize(
    ("shape", "share", "before"),
    [(SMALL, 1, None), (LARGE, 0, None), (LARGE, 1, None), (LARGE, 1, b"precious")],
    ids=["one part", "at once", "three parts", "force"],
)
@EVERYWHERE
def test_a_failure_leaves_what_was_there_and_nothing_else(shape, share, before, place, told, request):
    url, visible = place
    plan = plan_of(f"{url}/w.npy", shape)
    if before:
        Remote(f"{url}/").write_bytes("w.npy", before, force=True)
    with pytest.raises(Failed):
        write_plan(plan, force=before is not None, progress=failing_at(told, share, plan.files[0].nbytes))
    assert visible() == ({"w.npy": before} if before else {})
    if url.startswith("s3:"):
        assert request.getfixturevalue("bucket").uploads() == []


@SIZES
@EVERYWHERE
def test_what_appears_meanwhile_is_not_replaced(shape, place, told):
    url, visible = place
    plan = plan_of(f"{url}/w.npy", shape)
    other = Remote(f"{url}/")
    appear = told(lambda nbytes: other.write_bytes("w.npy", b"theirs", force=True))
    with pytest.raises(OutputError, match="appeared while it was being made"):
        write_plan(plan, progress=appear)
    assert visible() == {"w.npy": b"theirs"}


def test_an_upload_that_is_refused_at_the_end_is_aborted(bucket, told):
    appear = told(lambda nbytes: bucket.put("w.npy", b"theirs"))
    with pytest.raises(OutputError, match="appeared"):
        write_plan(plan_of(f"{bucket.url}/w.npy", LARGE), progress=appear)
    assert (bucket.objects(), bucket.uploads()) == ({"w.npy": b"theirs"}, [])


@pytest.mark.parametrize("name", ["w.npy", "w.safetensors", "w.h5", "w.npz"])
@NEARBY
def test_the_same_is_unchanged_and_another_is_refused(name, place):
    url, visible = place
    plan = plan_of(f"{url}/{name}")
    assert not exists(plan)
    assert not matches_plan(plan)
    assert write_plan(plan).action == "wrote"
    before = visible()
    assert exists(plan)
    assert matches_plan(plan)
    again = write_plan(plan)
    assert (again.action, again.nbytes) == ("unchanged", len(before[name]))
    for other in (plan_of(plan.path, seed=1), plan_of(plan.path, shape=(40, 30)), plan_of(plan.path, shape=(9, 9))):
        assert not matches_plan(other)
        with pytest.raises(OutputError, match="exists and holds something else"):
            write_plan(other)
        assert visible() == before
    assert write_plan(plan_of(plan.path, seed=1), force=True).action == "wrote"
    assert matches_plan(plan_of(plan.path, seed=1))


@pytest.mark.parametrize("at", [0, 9, -1])
@pytest.mark.parametrize("name", ["w.npy", "w.safetensors", "w.npz"])
def test_one_bit_is_seen(at, name, bucket):
    plan = plan_of(f"{bucket.url}/{name}")
    write_plan(plan)
    data = bytearray(bucket.read(name))
    data[at] ^= 1
    bucket.put(name, bytes(data))
    assert not matches_plan(plan)


@pytest.mark.parametrize("missing", [*SHARDS, INDEX, "config.json"])
def test_a_directory_that_lacks_a_file_gets_it(missing, tmp_path):
    plan = shards_of(f"memory://{tmp_path}/")
    write_plan(plan)
    assert write_plan(plan).action == "unchanged"
    assert matches_plan(plan)
    Remote(plan.path).remove(missing)
    assert not matches_plan(plan)
    assert write_plan(plan).action == "wrote"
    assert matches_plan(plan)


def test_at_a_store_the_same_is_unchanged_and_another_is_refused(bucket):
    plan = plan_of(f"{bucket.url}/w.npy", LARGE)
    write_plan(plan)
    assert matches_plan(plan)
    assert write_plan(plan).action == "unchanged"
    before = bucket.objects()
    other = plan_of(plan.path, LARGE, seed=1)
    assert not matches_plan(other)
    with pytest.raises(OutputError, match="exists and holds something else"):
        write_plan(other)
    assert bucket.objects() == before
    write_plan(other, force=True)
    assert matches_plan(other)


def test_a_prefix_of_other_objects_does_not_take_the_name(bucket):
    bucket.put("w.npy/inside", b"x")
    write_plan(plan_of(f"{bucket.url}/w.npy"))
    assert bucket.names() == ["w.npy", "w.npy/inside"]


@pytest.mark.parametrize("change", [lambda data: data + b" ", lambda data: data[:-1], lambda data: b"[]\n"])
@pytest.mark.parametrize("name", ["config.json", INDEX, SHARDS[2]])
def test_a_file_that_was_changed_is_seen(name, change, tmp_path):
    plan = shards_of(f"memory://{tmp_path}/")
    write_plan(plan)
    store = Remote(plan.path)
    with store.opened(name) as file:
        data = file.read()
    store.write_bytes(name, change(data), force=True)
    assert not matches_plan(plan)


def test_what_cannot_be_drawn_says_so_before_anything_is_made(bucket):
    specs = [
        tensor_spec("he_uniform", SMALL, name="a"),
        tensor_spec("normal:stddev=1e-9", SMALL, name="b", dtype="float16"),
    ]
    with pytest.raises(BadParameter):
        write_plan(plan_files(specs, f"{bucket.url}/", None, 1))
    assert bucket.names() == []


class Watching(Progress):
    """Notes what is visible when each file is begun and when it is done."""

    def __init__(self, names):
        self.names, self.seen = names, []

    def begin(self, path, nbytes):
        self.seen.append(self.names())

    def end(self, path):
        self.seen.append(self.names())


def test_an_index_never_names_a_mixture(bucket):
    url = f"{bucket.url}/m/"
    write_plan(shards_of(url))
    two = shards_of(url, seed=1, size=5000)
    with pytest.raises(OutputError, match="is of another set"):
        write_plan(two)
    watching = Watching(bucket.names)
    write_plan(two, force=True, progress=watching)
    assert len(watching.seen) == 4
    assert not any(f"m/{INDEX}" in names for names in watching.seen)
    assert bucket.names() == [f"m/{name}" for name in ["config.json", *two.names[:2], INDEX]]
    assert matches_plan(two)


@NEARBY
def test_shards_of_another_set_are_refused(place):
    url, visible = place
    Remote(f"{url}/").write_bytes("model-00001-of-00009.safetensors", b"theirs", force=False)
    with pytest.raises(OutputError, match=r"model-00001-of-00009\.safetensors: is of another set"):
        write_plan(shards_of(f"{url}/"))
    assert visible() == {"model-00001-of-00009.safetensors": b"theirs"}


@NEARBY
def test_files_that_are_no_part_of_it_stay(place):
    url, visible = place
    Remote(f"{url}/").write_bytes("notes/README.md", b"mine", force=False)
    plan = shards_of(f"{url}/")
    write_plan(plan)
    write_plan(shards_of(f"{url}/", seed=1), force=True)
    assert visible()["notes/README.md"] == b"mine"
    assert sorted(visible()) == sorted(["notes/README.md", *plan.names])


@EVERYWHERE
def test_finished_shards_stay_after_a_failure_and_the_index_does_not_appear(place, told):
    url, visible = place
    plan = shards_of(f"{url}/")
    with pytest.raises(Failed):
        write_plan(plan, threads=1, progress=failing_at(told, 0.5, 7200))
    assert list(visible()) == SHARDS[:1]


@EVERYWHERE
def test_an_empty_file_is_a_file(place):
    url, visible = place
    store = Remote(f"{url}/")
    store.write_bytes("empty", b"", force=False)
    assert visible() == {"empty": b""}
    assert store.holds("empty", b"")
    assert sorted(store.names()) == ["empty"]
    store.remove("empty")
    store.remove("empty")
    assert visible() == {}


def test_names_are_below_the_prefix_and_not_beside_it(bucket):
    for key in ("m/a", "m/b/c", "model", "mm/d"):
        bucket.put(key, b"x")
    assert sorted(Remote(f"{bucket.url}/m/").names()) == ["a", "b/c"]
    assert sorted(Remote(f"{bucket.url}/m").names()) == ["a", "b/c"]
    assert sorted(Remote(f"{bucket.url}/").names()) == ["m/a", "m/b/c", "mm/d", "model"]
    assert list(Remote(f"{bucket.url}/none/").names()) == []
    assert list(Remote(f"{bucket.url}/model/").names()) == []


@pytest.mark.parametrize(
    ("nbytes", "parts"),
    [(1, 1), (16 << 20, 1), ((16 << 20) + 1, 2), (100 << 30, 6400), (1 << 40, 10_000), (5 << 40, 10_000)],
)
def test_ten_thousand_parts_are_enough_for_any_object(nbytes, parts, monkeypatch):
    monkeypatch.setattr("initgen.engine.upload.PART", 16 << 20)
    needed = -(-nbytes // part_of(nbytes))
    assert parts * 0.98 < needed <= parts


def test_what_no_object_can_hold_is_refused_before_anything_is_sent(bucket):
    plan = plan_files([tensor_spec("zeros", (1 << 41,))], f"{bucket.url}/w.npy")
    with pytest.raises(OutputError, match=r"8\.8 TB; an object has at most 5\.5 TB"):
        write_plan(plan)
    assert (bucket.names(), bucket.uploads()) == ([], [])


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("s4://bucket/w.npy", "s4:// is no protocol that fsspec knows", "like s3:// or gs://"),
        ("az://bucket/w.npy", "az:// needs a package that is not there", "adlfs"),
        ("s3:///w.npy", "names no bucket", ""),
        ("s3://", "names no bucket", ""),
        ("s3://no-such-bucket/w.npy", "there is no such bucket", ""),
        ("s3://no-such-bucket/m/", "there is no such bucket", ""),
        ("http://127.0.0.1:1/w.npy", "only be read", ""),
    ],
)
def test_a_place_that_is_none_says_so_in_one_line(url, message, hint, s3_server):
    with pytest.raises(OutputError) as refused:
        write_plan(plan_files([tensor_spec("he_uniform", SMALL)], f"{url}/" if url.endswith("//") else url))
    assert url in refused.value.message
    assert message in refused.value.message
    assert "\n" not in refused.value.message
    assert hint in refused.value.hint


PEAK = """
import re, sys
from initgen.engine.directory import write_plan
from initgen.engine.files import plan_files
from initgen.specs.tensor import tensor_spec

write_plan(plan_files([tensor_spec("he_uniform", (int(sys.argv[2]), 1 << 18))], sys.argv[1]))
with open("/proc/self/status") as status:  # a child's ru_maxrss begins at its parent's
    print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read())[1]) >> 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="asks Linux how much memory a process took")
def test_memory_does_not_grow_with_the_object(bucket):
    """In MiB, of objects of 160 and of 640; the parts that are on their way take about 100."""
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", PEAK, f"{bucket.url}/{rows}.npy", str(rows)], timeout=300))
        for rows in (160, 640)
    ]
    assert peaks[1] - peaks[0] < 40
    assert peaks[1] < 300
