"""A place where runs are made: a driver under the injection, a directory for their outputs, and what is there before."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import verdict
from injection import SIGNALS, Fault, Injection
from scenes import INDEX, SCENES, Scene, Tree, copy, tree, write_models
from verdict import Run, Verdict

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass(frozen=True)
class Ready:
    """A scene made ready: the directory it begins with, what is there then, what a clean run leaves, and its calls."""

    start: str
    old: Tree
    new: Tree
    calls: dict[str, int]
    log: list[tuple[str, str, str, int]]
    seconds: float


class Bench:
    """One run at a time, or some that are meant to meet; several benches may work beside each other."""

    def __init__(self, library: str, home: str) -> None:
        self.home = tempfile.mkdtemp(dir=home)
        write_models(self.home)
        self.top = os.path.join(self.home, "top")
        self.injection = Injection(library, os.path.join(self.home, "shared"))
        self._driver = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "driver.py")],
            env={**environment(), **self.injection.environment, "INJECT_DRIVER": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )
        self._ready: dict[str, Ready] = {}
        warm = os.path.join(self.home, "warm")
        os.mkdir(warm)
        runs = [scene.argv(self.home, warm) for scene in SCENES if scene.name.endswith(("single new", "shards new"))]
        self._ask({"warm": [[*argv, "--quiet"] for argv in runs for _ in (1, 2)]})  # the second finds what is there

    def _ask(self, request: object) -> Any:
        assert self._driver.stdin
        assert self._driver.stdout
        self._driver.stdin.write(json.dumps(request) + "\n")
        self._driver.stdin.flush()
        answer = self._driver.stdout.readline()
        if not answer:
            raise SystemExit("error: the driver has ended")
        return json.loads(answer)

    def runs(self, *runs: dict[str, Any]) -> list[Run]:
        """Runs in processes that the driver forks; `driver.run` says what each may ask for."""
        plain = {"at": 0, "signals": [], "group": False, "limits": {}, "room": None}
        answers = self._ask({"runs": [{**plain, **run} for run in runs]})
        return [Run(code, said, seconds, since, group) for code, seconds, since, group, said in answers]

    def run(self, argv: list[str], **asked: Any) -> Run:
        """One of them."""
        return self.runs({"argv": argv, **asked})[0]

    def command(self, argv: list[str], **popen: Any) -> Run:
        """The same as a command of its own."""
        begun = time.perf_counter()
        done = subprocess.run(
            [*COMMAND, *argv],
            env={**environment(), **self.injection.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home,
            timeout=60,
            **popen,
        )
        return Run(done.returncode, done.stdout, time.perf_counter() - begun)

    def ready(self, scene: Scene) -> Ready:
        """Make what a scene begins with, and see what it makes of that where nothing fails."""
        if scene.name not in self._ready:
            start = os.path.join(self.home, f"start {scene.name.replace('/', ' of ')}")
            self.injection.arm("")
            for argv in scene.start(self.home, start):
                self._clean(argv)
            for path, (_, data) in tree(start).items():  # a mode that is kept shows
                if data is not None and not path.endswith("config.json"):
                    os.chmod(os.path.join(start, path), 0o640)
            copy(start, self.top)
            self.injection.arm(self.top)
            run = self._clean(scene.argv(self.home, self.top))
            seen, log = self.injection.seen, self.injection.log()
            self._ready[scene.name] = Ready(start, tree(start), tree(self.top), seen, log, run.seconds)
        return self._ready[scene.name]

    def _clean(self, argv: list[str]) -> Run:
        run = self.run(argv)
        if run.code:
            raise SystemExit(f"error: a run without a fault ended with {run.code}: {run.said.strip()}")
        return run

    def begin(self, scene: Scene, fault: Fault | None = None) -> Ready:
        """What a scene begins with, in its place, and a fault that waits."""
        ready = self.ready(scene)
        copy(ready.start, self.top)
        self.injection.arm(self.top, fault)
        return ready

    def point(self, scene: Scene, fault: Fault, *, command: bool = False) -> tuple[Verdict, Run]:
        """Run a scene with a fault, and judge what is there then, and after a run without it."""
        ready = self.begin(scene, fault)
        argv = scene.argv(self.home, self.top)
        run = self.command(argv) if command else self.run(argv)
        met, named = self.injection.reached, self.injection.named
        found = tree(self.top)
        files = verdict.of_files(scene, found, ready.old, ready.new, temporaries=may_leave(fault, scene))
        output = os.path.join(self.top, scene.output)
        problem = files.problem or _of_end(scene, fault, run, output, files.state, met=met, named=named)
        if not problem:
            problem = self.after(scene, found)
        return Verdict(files.state, problem, met), run

    def after(self, scene: Scene, found: Tree) -> str:
        """What is wrong with what the next run makes of what was found; empty where it is right."""
        ready = self.ready(scene)
        if found == ready.new:
            return ""
        self.injection.arm("")
        argv = scene.argv(self.home, self.top)
        mixed = scene.many and "--force" not in argv and found != ready.old
        run = self.run([*argv, "--force"] if mixed else argv)
        left = tree(self.top)
        for path, (mode, _) in ready.new.items():  # one that was away has no mode to keep
            if path.endswith(INDEX) and path in left and path not in found:
                left[path] = (mode, left[path][1])
        if run.code == 0 and left == ready.new:
            return ""
        what = verdict.of_files(scene, left, ready.new, ready.new).problem or "it is not what it makes"
        return f"the next run: code {run.code}, {what}: {run.said.strip()}"

    def close(self) -> None:
        """End the driver."""
        self._driver.communicate()


def _of_end(scene: Scene, fault: Fault, run: Run, output: str, state: str, *, met: bool, named: int) -> str:
    """What is wrong with how a run with a fault ended, and with what it left for that."""
    if run.code == 0:
        heard = not met or fault.kind not in SIGNALS or state == "new"
        return "" if state == "new" and heard else f"code 0, and {state} is there: {run.said.strip()}"
    if not met:
        return f"code {run.code} without a fault: {run.said.strip()}"
    if fault.kind in SIGNALS:
        return verdict.of_signal(run, fault.kind)
    wrong = verdict.of_refusal(run, output)
    if wrong:
        return wrong
    if fault.kind in ("1byte", "half"):
        return f"a short {fault.call} is no error: {run.said.strip()}"
    if not scene.many and not scene.same and state != ("new" if named else "old"):
        return f"{state} is there, and {named} files had got their names"
    return ""


def may_leave(fault: Fault, scene: Scene) -> bool:
    """Whether after this fault a temporary may be left: one that cannot be removed, or whose maker was killed."""
    if fault.kind == "KILL" or fault.call == "unlink":
        return True
    return (fault.lasting and fault.call == "disk") or (scene.many and fault.call in CLEARING)


# What it takes to find and remove a directory and what is in it.
CLEARING = ("open", "stat", "list", "close")
COMMAND = (sys.executable, "-c", "from initgen.cli import script; script()")


def environment() -> dict[str, str]:
    """Ours, without what changes what the tool does; one thread for linear algebra, whose threads cost at every fork."""
    path = os.pathsep.join(filter(None, (os.path.dirname(os.path.dirname(HERE)), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INITGEN_", "INJECT_"))}
    return {**kept, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
