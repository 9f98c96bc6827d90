"""Plans made in parts: the same bytes as at once, whoever makes what and when, and no index over what was not checked."""

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initgen.core.errors import BadParameter, FormatError, OutputError
from initgen.engine.directory import write_plan
from initgen.engine.files import plan_files
from initgen.engine.local import Directory
from initgen.engine.progress import SILENT
from initgen.engine.shards import check_part, finish, parse_part, part_of, resume, write_part
from initgen.specs.description import Description
from initgen.specs.tensor import tensor_spec

INDEX = "model.safetensors.index.json"
SHARDS = [f"model-0000{n}-of-00005.safetensors" for n in range(1, 6)]
NAMES = {"shards": SHARDS, "arrays": [f"{n}/w.npy" for n in range(5)]}


def specs(seed=0, sizes=(600, 100, 500, 300, 400)):
    tensors = [tensor_spec("he_uniform", (size,), name=f"{n}/w", seed=seed, fan_in=9) for n, size in enumerate(sizes)]
    return Description(tensors, files={"config.json": b"{}"})


def plan_at(path, kind="shards", seed=0, size=100):
    form, shard = ("npy", None) if kind == "arrays" else (None, size)
    return plan_files(specs(seed), f"{path}/", form, shard)


@pytest.fixture(params=["shards", "arrays"])
def kind(request):
    return request.param


class Counting(Directory):
    """A store that says what it was asked to do."""

    def __init__(self, path):
        super().__init__(path, fsync=False, threads=1)
        self.did = []

    def matches(self, file, progress):
        self.did.append(("matches", file.name))
        return super().matches(file, progress)

    def write(self, file, progress, *, force):
        self.did.append(("write", file.name))
        return super().write(file, progress, force=force)

    def write_bytes(self, name, data, *, force):
        self.did.append(("write_bytes", name))
        super().write_bytes(name, data, force=force)

    def remove(self, name):
        self.did.append(("remove", name))
        super().remove(name)


def part(plan, number, count, store=None, **options):
    return write_part(plan, part_of(plan, number, count).files, store or Counting(plan.path), **options)


def snapshot(top):
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


def at_once(tmp_path, kind="shards", seed=0, size=100):
    write_plan(plan_at(tmp_path / "once", kind, seed, size), threads=1)
    return snapshot(tmp_path / "once")


# Which part makes what.


@settings(max_examples=60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(1, 4))
def test_parts_are_all_of_the_files_once_and_near_the_best_balance(sizes, count):
    plan = plan_files(specs(sizes=sizes), "m/", "npy")
    parts = [part_of(plan, number, count).files for number in range(1, count + 1)]
    assert sorted(file.name for files in parts for file in files) == sorted(file.name for file in plan.files)
    for files in parts:
        assert list(files) == [file for file in plan.files if file in files]
    best = min(
        max(sum(size for size, part in zip(sizes, chosen, strict=True) if part == number) for number in range(count))
        for chosen in itertools.product(range(count), repeat=len(sizes))
    )
    assert max(sum(file.nbytes for file in files) for files in parts) <= (4 / 3 - 1 / (3 * count)) * best * 4 + 1e-9


def test_parts_depend_on_nothing_but_the_plan_and_their_number(tmp_path):
    plan = plan_at(tmp_path)
    before = [[file.name for file in part_of(plan, number, 3).files] for number in (1, 2, 3)]
    assert before == [[SHARDS[0]], [SHARDS[1], SHARDS[2]], [SHARDS[3], SHARDS[4]]]
    part(plan, 2, 3)
    assert [[file.name for file in part_of(plan, number, 3).files] for number in (1, 2, 3)] == before
    assert part_of(plan, 1, 1).files == plan.files


def test_equal_files_are_spread_over_all_parts():
    for size in (0, 7):
        plan = plan_files(specs(sizes=(size,) * 8), "m/", "npy")
        assert [len(part_of(plan, number, 4).files) for number in (1, 2, 3, 4)] == [2] * 4


def test_more_parts_than_files_leaves_some_without(tmp_path):
    plan = plan_at(tmp_path / "m")
    assert [len(part_of(plan, number, 9).files) for number in range(1, 10)] == [1] * 5 + [0] * 4
    assert part(plan, 9, 9).complete
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "text", ["", "1", "1/", "/4", "0/4", "5/4", "0/0", "-1/4", "1/4/", "1 /4", "+1/4", "1/1234567", "¹/4"]
)
def test_a_part_is_a_number_of_a_number(text):
    assert (parse_part("2/4"), parse_part("04/004"), parse_part("1/1")) == ((2, 4), (4, 4), (1, 1))
    with pytest.raises(BadParameter, match="is not I/N"):
        parse_part(text)


def test_one_file_has_no_parts(tmp_path):
    plan = plan_files(specs(), str(tmp_path / "m.safetensors"))
    with pytest.raises(FormatError, match="is one file") as refused:
        part_of(plan, 1, 2)
    assert "--max-shard-size" in refused.value.hint


# The same as at once.


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_parts_in_any_order_and_the_end_are_the_files_made_at_once(order, kind, tmp_path):
    plan = plan_at(tmp_path / "m", kind)
    for number in order:
        made = part(plan, number, 3)
        assert made.wrote == tuple(file.name for file in part_of(plan, number, 3).files)
        assert not {INDEX, "config.json"} & set(snapshot(tmp_path / "m"))
    store = Counting(plan.path)
    ended = finish(plan, store)
    beside = ("config.json", INDEX) if kind == "shards" else ()
    assert ended.complete
    assert (ended.wrote, ended.kept) == (beside, tuple(NAMES[kind]))
    assert store.did == [*(("matches", name) for name in NAMES[kind]), *(("write_bytes", name) for name in beside)]
    assert snapshot(tmp_path / "m") == at_once(tmp_path, kind)


def test_what_is_finished_is_checked_again_and_not_touched(kind, tmp_path):
    resume(plan_at(tmp_path / "m", kind), Counting(f"{tmp_path}/m/"))
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (tmp_path / "m").rglob("*")}
    for step in (finish, resume):
        for force in (False, True):
            store = Counting(f"{tmp_path}/m/")
            outcome = step(plan_at(tmp_path / "m", kind), store, force=force)
            assert outcome.complete
            assert outcome.wrote == ()
            assert store.did == [("matches", name) for name in NAMES[kind]]
    assert part(plan_at(tmp_path / "m", kind), 1, 2, force=True).wrote == ()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (tmp_path / "m").rglob("*")} == before


def test_a_plan_gone_on_with_is_made_once_and_checked_once(kind, tmp_path):
    plan = plan_at(tmp_path / "m", kind)
    for name in NAMES[kind][:2]:
        Directory(plan.path).write(next(file for file in plan.files if file.name == name), SILENT, force=False)
    store = Counting(plan.path)
    assert resume(plan, store).complete
    did = [pair for pair in store.did if pair[0] in ("matches", "write")]
    assert did == [("matches", name) for name in NAMES[kind][:2]] + [("write", name) for name in NAMES[kind][2:]]
    assert snapshot(tmp_path / "m") == at_once(tmp_path, kind)


# What is missing or wrong.


def test_missing_files_are_the_answer_before_anything_is_drawn(kind, tmp_path):
    plan = plan_at(tmp_path / "m", kind)
    part(plan, 2, 3)
    before = snapshot(tmp_path / "m")
    store = Counting(plan.path)
    outcome = finish(plan, store)
    assert outcome.missing == tuple(name for name in NAMES[kind] if name not in before)
    assert not outcome.complete
    assert store.did == []
    assert snapshot(tmp_path / "m") == before


def flip(raw):
    return raw[:-1] + bytes([raw[-1] ^ 1])


@pytest.mark.parametrize("damage", [flip, lambda raw: raw[:-1], lambda raw: b""], ids=["a byte", "cut", "empty"])
def test_a_damaged_file_is_named_and_the_end_does_not_come(damage, kind, tmp_path):
    plan = plan_at(tmp_path / "m", kind)
    for number in (1, 2):
        part(plan, number, 2)
    path = tmp_path / "m" / NAMES[kind][2]
    path.write_bytes(damage(path.read_bytes()))
    before = snapshot(tmp_path / "m")
    for force in (False, True):
        outcome = finish(plan, Counting(plan.path), force=force)
        assert (outcome.wrong, outcome.missing, outcome.wrote) == ((NAMES[kind][2],), (), ())
    wrong = [check_part(part_of(plan, number, 2).files, Counting(plan.path)).wrong for number in (1, 2)]
    assert sorted(wrong) == [(), (NAMES[kind][2],)]
    for step in (resume, lambda *given: part(plan, 1 if wrong[0] else 2, 2)):
        with pytest.raises(OutputError, match=os.path.basename(NAMES[kind][2])):
            step(plan, Counting(plan.path))
    assert snapshot(tmp_path / "m") == before
    store = Counting(plan.path)
    assert resume(plan, store, force=True).wrote[0] == NAMES[kind][2]
    assert [did for did in store.did if did[0] == "write"] == [("write", NAMES[kind][2])]
    assert snapshot(tmp_path / "m") == at_once(tmp_path, kind)


def test_parts_of_two_seeds_are_not_a_set(kind, tmp_path):
    for number, seed in ((1, 0), (2, 1)):
        part(plan_at(tmp_path / "m", kind, seed), number, 2)
    for seed, other in ((0, 2), (1, 1)):
        plan = plan_at(tmp_path / "m", kind, seed)
        assert finish(plan, Counting(plan.path)).wrong == tuple(file.name for file in part_of(plan, other, 2).files)


# An index, and the files of other sets.


def set_of_one_file(path):
    write_plan(plan_at(path, size=10**6), threads=1)


OTHERS = {
    "another split": lambda path: write_plan(plan_at(path, size=2500), threads=1),
    "one file": set_of_one_file,
    "another index": lambda path: path.mkdir() or (path / INDEX).write_text("{}"),
    "another config": lambda path: path.mkdir() or (path / "config.json").write_text("[]"),
}


@pytest.mark.parametrize("step", ["part", "finish", "resume"])
@pytest.mark.parametrize("other", OTHERS)
def test_what_is_of_another_set_stays_unless_forced(other, step, tmp_path):
    OTHERS[other](tmp_path / "m")
    before = snapshot(tmp_path / "m")
    plan = plan_at(tmp_path / "m")
    steps = {"part": lambda store: part(plan, 1, 2, store), "finish": lambda store: finish(plan, store)}
    store = Counting(plan.path)
    with pytest.raises(OutputError) as refused:
        steps.get(step, lambda store: resume(plan, store))(store)
    assert "--force" in refused.value.hint
    assert refused.value.message.split(": ")[0].removeprefix(plan.path) in before
    assert store.did == []
    assert snapshot(tmp_path / "m") == before


@pytest.mark.parametrize("other", OTHERS)
def test_forced_parts_remove_an_old_index_first_and_the_end_the_rest(other, tmp_path):
    OTHERS[other](tmp_path / "m")
    before = snapshot(tmp_path / "m")
    plan = plan_at(tmp_path / "m")
    store = Counting(plan.path)
    part(plan, 1, 2, store, force=True)
    assert INDEX not in snapshot(tmp_path / "m")
    assert store.did[0] == (("remove", INDEX) if INDEX in before else ("write", SHARDS[0]))
    part(plan, 2, 2, force=True)
    assert set(before) - {INDEX} <= set(snapshot(tmp_path / "m"))
    assert finish(plan, Counting(plan.path), force=True).complete
    assert snapshot(tmp_path / "m") == at_once(tmp_path)


def test_a_set_of_one_file_is_finished_over_the_shards_of_another_only_by_force(tmp_path):
    write_plan(plan_at(tmp_path / "m"), threads=1)
    plan = plan_at(tmp_path / "m", size=10**6)
    with pytest.raises(OutputError):
        resume(plan, Counting(plan.path))
    store = Counting(plan.path)
    assert resume(plan, store, force=True).complete
    assert [did for did in store.did if did[0] != "write_bytes"][:2] == [
        ("remove", INDEX),
        ("write", "model.safetensors"),
    ]
    assert snapshot(tmp_path / "m") == at_once(tmp_path, size=10**6)


def test_a_part_that_is_refused_has_made_and_removed_nothing(tmp_path):
    write_plan(plan_at(tmp_path / "m"), threads=1)
    (tmp_path / "m" / SHARDS[0]).unlink()
    (tmp_path / "m" / SHARDS[4]).write_bytes(b"")
    before = snapshot(tmp_path / "m")
    store = Counting(f"{tmp_path}/m/")
    with pytest.raises(OutputError, match=SHARDS[4]):
        resume(plan_at(tmp_path / "m"), store)
    assert store.did == [("matches", name) for name in SHARDS[1:]]
    assert snapshot(tmp_path / "m") == before


def test_the_end_removes_an_old_index_before_its_shards(tmp_path):
    write_plan(plan_at(tmp_path / "m"), threads=1)
    plan = plan_at(tmp_path / "m", size=10**6)
    Directory(plan.path).write(plan.files[0], SILENT, force=False)
    store = Counting(plan.path)
    assert finish(plan, store, force=True).complete
    assert store.did == [("matches", "model.safetensors"), ("remove", INDEX), *(("remove", name) for name in SHARDS)]
    assert snapshot(tmp_path / "m") == at_once(tmp_path, size=10**6)


@pytest.mark.parametrize("force", [False, True])
def test_an_index_is_never_over_a_file_that_nobody_checked(force, tmp_path):
    """The index of another seed has the same bytes, and its other shards have not."""
    write_plan(plan_at(tmp_path / "m"), threads=1)
    (tmp_path / "m" / SHARDS[0]).unlink()
    other = plan_at(tmp_path / "m", seed=1)
    store = Counting(other.path)
    part(other, 1, 5, store, force=force)
    assert store.did == [("remove", INDEX), ("write", SHARDS[0]), ("remove", INDEX)]
    assert finish(other, Counting(other.path)).wrong == tuple(SHARDS[1:])
    assert INDEX not in snapshot(tmp_path / "m")


def test_a_part_has_the_room_it_needs_and_no_more(tmp_path, monkeypatch):
    plan = plan_at(tmp_path / "m")
    asked = []
    monkeypatch.setattr(Counting, "check_room", lambda self, nbytes: asked.append(nbytes))
    part(plan, 1, 3)
    resume(plan, Counting(plan.path))
    assert asked == [2400, 4 * (100 + 500 + 300 + 400)]


def test_what_cannot_be_drawn_says_so_before_anything_is_made(tmp_path):
    specs = [
        tensor_spec("random_normal:stddev=1", (9,), name="a"),
        tensor_spec("constant:value=1e9", (9,), name="b", dtype="float16"),
    ]
    plan = plan_files(specs, f"{tmp_path}/m/", None, 36)
    with pytest.raises(BadParameter):
        resume(plan, Counting(plan.path))
    assert not (tmp_path / "m").exists()


# Several at once.


class Racing(Directory):
    """Somebody else does something just before our index is written, or just after."""

    def __init__(self, path, before=lambda: None, after=lambda: None):
        super().__init__(path)
        self.before, self.after = before, after

    def write_bytes(self, name, data, *, force):
        if name == INDEX:
            self.before()
        super().write_bytes(name, data, force=force)
        if name == INDEX:
            self.after()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", [finish, resume])
def test_no_index_stays_over_what_another_run_has_replaced(step, when, tmp_path):
    plan, other = plan_at(tmp_path / "m"), plan_at(tmp_path / "m", seed=1)
    part(plan, 1, 1)
    store = Racing(plan.path, **{when: lambda: part(other, 2, 3, force=True)})
    with pytest.raises(OutputError, match="was changed meanwhile by another run"):
        step(plan, store)
    assert INDEX not in snapshot(tmp_path / "m")


def test_a_part_removes_an_index_that_came_while_it_was_made(told, tmp_path):
    plan, other = plan_at(tmp_path / "m"), plan_at(tmp_path / "m", seed=1)
    part(plan, 1, 1)
    (file, *_) = part_of(other, 1, 5).files
    found = []

    def finished_meanwhile(nbytes):
        if not found:
            found.append(finish(plan, Directory(plan.path)))

    write_part(other, [file], Directory(other.path), force=True, progress=told(finished_meanwhile))
    assert found[0].complete
    assert INDEX not in snapshot(tmp_path / "m")


def test_a_part_made_twice_at_once_is_made(told, tmp_path):
    plan = plan_at(tmp_path / "m")
    again = []

    def as_well(nbytes):
        if not again:
            again.append(None)
            again[0] = part(plan, 1, 1)

    outcome = write_part(plan, plan.files, Directory(plan.path), progress=told(as_well))
    assert outcome.complete
    assert again[0].wrote == tuple(SHARDS)
    assert finish(plan, Directory(plan.path)).complete
