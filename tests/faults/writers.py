"""Two runs that write to one place at the same time."""

import random

import verdict
from bench import Bench
from ends import BY_NAME, Tally
from scenes import Tree, copy, tree

FORCED = ("safetensors single force", "hdf5 single force", "shards force", "arrays force")
FIRST = ("safetensors single new", "hdf5 single new", "shards new", "shards beside")


def made(bench: Bench, name: str, options: tuple[str, ...]) -> Tree:
    """What one run leaves by itself."""
    scene = BY_NAME[name]
    bench.begin(scene)
    bench.run([*scene.argv(bench.home, bench.top), *options])
    return tree(bench.top)


def pairs(bench: Bench, name: str, count: int, equal: bool, seed: int = 0) -> Tally:
    """Two at random offsets, with different seeds or the same: in the end there is one whole set, and both say so.

    Without ``--force`` and with different seeds one of them is refused.
    """
    scene = BY_NAME[name]
    force = "--force" in scene.options
    tally = Tally(f"{name}{', the same' if equal else ''}")
    chance = random.Random(f"{name} {seed}")
    seeds = ("7", "7") if equal else ("7", "8")
    sets = [made(bench, name, ("--seed", seed)) for seed in seeds]
    ready = bench.ready(scene)
    for _ in range(count):
        copy(ready.start, bench.top)
        argvs = [[*scene.argv(bench.home, bench.top), "--seed", seed] for seed in seeds]
        offset = chance.uniform(-1, 1) * ready.seconds
        runs = bench.runs({"argv": argvs[0], "at": max(0.0, -offset)}, {"argv": argvs[1], "at": max(0.0, offset)})
        found = tree(bench.top)
        who = [number for number, one in enumerate(sets) if found == one]
        codes = [run.code for run in runs]
        state = "first" if 0 in who else "second" if who else "neither"
        problem = "" if who else (verdict.of_files(scene, found, *sets).problem or "neither whole set is there")
        if force or equal:
            problem = problem or ("" if codes == [0, 0] else f"codes {codes}: {[run.said for run in runs]}")
        elif not problem:
            lost = runs[1 - who[0]]
            problem = verdict.of_refusal(lost, scene.output) if runs[who[0]].code == 0 else f"codes {codes}"
        tally.add(state, problem)
    return tally
