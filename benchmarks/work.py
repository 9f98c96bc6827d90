"""What is run: start-up, big tensors, models, networks, arrays in memory; and the ratios that should come out."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import Step
from table import Ratio

PEERS = Path(__file__).parent / "peers"
LLAMA = Path(__file__).parents[1] / "examples" / "llama-8b.toml"
GPT2 = Path(__file__).parents[1] / "examples" / "gpt2.toml"
NAMES = ("numpy", "torch", "jax", "keras")
ITEMSIZE = {"float32": 4, "bfloat16": 2, "float64": 8}
# What peers/job.py calls these laws.
SCHEMES = {
    "uniform": "random_uniform",
    "normal": "random_normal:stddev=0.02",
    "truncated": "truncated_normal:stddev=0.02",
}
SHARE = {"uniform": 0.55, "normal": 0.35, "truncated": 0.35}  # of the limit's speed, in float32
PEAK = 150  # MiB, whatever the size
PEAK_MANY = 500  # MiB: what each of 100,000 tensors is described by has to be kept
MANY = """\
[tensors]
"layers.{0..999}.m.{0..24}.a" = { shape = [8, 8], scheme = "he_uniform" }
"layers.{0..999}.m.{0..24}.b" = { shape = [8], scheme = "zeros" }
"layers.{0..999}.m.{0..24}.c" = { shape = [16, 8], scheme = "random_normal:stddev=0.02" }
"layers.{0..999}.m.{0..24}.d" = { shape = [8, 4], scheme = "glorot_normal" }
"""


@dataclass(frozen=True)
class Scale:
    """How large, and how often."""

    mib: int  # of a big file
    llama: dict[str, int]  # variables of the Llama-like model
    size: int  # of a matrix in memory, squared
    normals: int  # in memory
    starts: int  # turns of what starts and ends
    turns: int
    few: int  # turns of what is slow, and of what no ratio needs


LLAMA_SMALL = {"layers": 2, "d_model": 2048, "d_ff": 8192, "n_vocab": 32000}
FULL = Scale(1024, {"layers": 14}, 2048, 10_000_000, starts=20, turns=5, few=2)
QUICK = Scale(128, LLAMA_SMALL, 1024, 10_000_000, starts=8, turns=2, few=1)


@dataclass(frozen=True)
class Work:
    """Steps that take turns with each other, and the ratios between them."""

    name: str
    steps: list[Step]
    ratios: list[Ratio]
    turns: int


@dataclass(frozen=True)
class Bench:
    """Makes the work: ``directory`` takes the files, ``peers`` are interpreters by name."""

    directory: Path
    peers: dict[str, str]
    scale: Scale

    def work(self) -> Iterator[tuple[str, Callable[[], Work]]]:
        """Each by its name; made when called."""
        yield "startup", self.startup
        for law in SCHEMES:
            for dtype in ITEMSIZE:
                yield f"{law} {dtype}", lambda law=law, dtype=dtype: self.file(law, dtype)
        rows = [self.row(law, dtype) for law in SCHEMES for dtype in ITEMSIZE]
        yield "peak of files", lambda: Work("peak", [], peak("big files", rows, PEAK), 0)
        yield "flushed", self.flushed
        yield "llama", self.llama
        yield "models", self.models
        yield "probe", self.probe
        yield "memory", self.memory
        yield "orthogonal", self.orthogonal

    def startup(self) -> Work:
        """The start of everything, and a file of 25 kB."""
        imports, npy, row = "`import numpy, click`", "100x64, .npy", "100x64, .safetensors"
        steps = [Step(imports, "initgen", [sys.executable, "-c", "import numpy, click"])]
        for each, path in ((npy, self.directory / "small.npy"), (row, self.directory / "small.safetensors")):
            command = initgen(
                "sample", "--scheme", "random_uniform", "--shape", "100x64", "--no-fsync", "-o", str(path)
            )
            steps.append(Step(each, "initgen", command, path))
        steps += self.peer_steps(row, "small", "float32", {"weight": ("uniform", [100, 64])}, self.scale.turns)
        ratios = [
            Ratio(f"{each} / {imports}", [(each, "initgen")], [(imports, "initgen")], most=1.3) for each in (npy, row)
        ]
        return Work("startup", steps, [*ratios, *self.ahead(row, least=None)], self.scale.starts)

    def file(self, law: str, dtype: str) -> Work:
        """One big tensor: written by all cores and by one, read by `stats` and `verify`."""
        row = self.row(law, dtype)
        path, alone, quiet = (self.directory / f"{name}.safetensors" for name in ("ours", "alone", "engine"))
        columns = 1 << 14 if self.scale.mib >= 64 else 1 << 8
        rows = (self.scale.mib << 20) // ITEMSIZE[dtype] // columns
        shape = f"{rows}x{columns}"
        sample = ("sample", "--scheme", SCHEMES[law], "--shape", shape, "--dtype", dtype, "--no-fsync", "-o")
        few = self.scale.few
        engine = [sys.executable, str(PEERS / "engine_write.py"), SCHEMES[law], shape, dtype, str(quiet)]
        steps = [
            Step(row, "engine", engine, quiet, times_itself=True),
            *self.limit(row, self.scale.mib << 20),
            Step(row, "1 thread", initgen(*sample, str(alone), "--threads", "1"), alone, few),
            Step(row, "initgen", initgen(*sample, str(path))),
            Step(row, "verify", initgen("verify", str(path)), turns=few),
            *self.read(row, path, few),
            Step(row, "stats", initgen("stats", str(path)), path, few),
            *self.peer_steps(row, law, dtype, {"weight": (law, [rows, columns])}, few if dtype == "float32" else 1),
        ]
        limit = [(row, column) for column in ("pwrite 1", "pwrite 2")]
        least = SHARE[law] if dtype == "float32" else None
        share = Ratio(f"{row}: engine's share of the speed of pwrite", limit, [(row, "engine")], least=least)
        return Work(f"{law} {dtype}", steps, [share, *self.ahead(row)], self.scale.turns)

    def flushed(self) -> Work:
        """The first big file again, on the disk when it has its name."""
        row = f"{size(self.scale.mib << 20)}, uniform, float32, flushed"
        path = self.directory / "flushed.safetensors"
        columns = 1 << 14 if self.scale.mib >= 64 else 1 << 8
        rows = (self.scale.mib << 18) // columns
        sample = initgen("sample", "--scheme", SCHEMES["uniform"], "--shape", f"{rows}x{columns}", "-o", str(path))
        tensors = {"weight": ("uniform", [rows, columns])}
        steps = [
            *self.limit(row, self.scale.mib << 20, "--fsync"),
            Step(row, "initgen", sample, path),
            *self.peer_steps(row, "flushed", "float32", tensors, self.scale.few, "--fsync"),
        ]
        return Work("flushed", steps, self.ahead(row), self.scale.few)

    def llama(self) -> Work:
        """A model of Llama's shapes, with fewer layers."""
        spec = (str(LLAMA), *(f"--set={name}={value}" for name, value in self.scale.llama.items()))
        plan = json.loads(subprocess.check_output([*initgen("sample", *spec, "--dry-run", "--json")]))["tensors"]
        laws = {"random_normal": "normal", "ones": "ones"}
        tensors = {tensor["name"]: (laws[tensor["scheme"]], tensor["shape"]) for tensor in plan}
        few, nbytes = self.scale.few, sum(tensor["nbytes"] for tensor in plan)
        row = f"Llama-like, {nbytes / 1e9:.1f} GB, bfloat16"
        path, alone = self.directory / "llama.safetensors", self.directory / "alone.safetensors"
        sample = ("sample", *spec, "--no-fsync", "-o")
        steps = [
            *self.limit(row, nbytes),
            Step(row, "1 thread", initgen(*sample, str(alone), "--threads", "1"), alone, turns=1),
            Step(row, "initgen", initgen(*sample, str(path))),
            Step(row, "verify", initgen("verify", str(path)), turns=few),
            *self.read(row, path, few),
            Step(row, "stats", initgen("stats", str(path)), path, few),
            *self.peer_steps(row, "llama", "bfloat16", tensors, 1),
        ]
        return Work("llama", steps, [*self.ahead(row), *peak(row, [row], PEAK)], self.scale.few)

    def models(self) -> Work:
        """GPT-2 beside one tensor of as many bytes; 100,000 small tensors."""
        one, gpt2, many = "one tensor of 498 MB, normal, float32", "GPT-2, 498 MB, float32", "100,000 small tensors"
        spec = self.directory / "many.toml"
        spec.write_text(MANY)
        shape = ("--scheme", SCHEMES["normal"], "--shape", "124439808")
        steps = []
        for row, asked in ((one, shape), (gpt2, (str(GPT2),)), (many, (str(spec),))):
            path = self.directory / "model.safetensors"
            steps += [
                Step(row, "initgen", initgen("sample", *asked, "--no-fsync", "-o", str(path))),
                Step(row, "verify", initgen("verify", str(path)), path),
            ]
        ratios = [Ratio(f"{gpt2} / {one}", [(gpt2, "initgen")], [(one, "initgen")], most=1.1)]
        return Work("models", steps, [*ratios, *peak(many, [many], PEAK_MANY)], self.scale.few)

    def probe(self) -> Work:
        """Two passes through dense layers of 1024 units, 256 samples; the deeper network takes no more memory."""
        rows = {depth: f"probe, {depth} layers of 1024 units" for depth in (50, 200)}
        wide = ("--width", "1024", "--batch", "256", "--json")
        steps = [Step(row, "initgen", initgen("probe", "--depth", str(depth), *wide)) for depth, row in rows.items()]
        if "torch" in self.peers:
            command = [self.peers["torch"], str(PEERS / "torch_probe.py"), "50", "1024", "256"]
            steps.append(Step(rows[50], "torch", command, peer=True))
        return Work("probe", steps, self.ahead(rows[50]), self.scale.few)

    def memory(self) -> Work:
        """Normals in memory by one thread."""
        pythons = {"initgen": sys.executable, **self.peers}
        rows = {dtype: f"{self.scale.normals / 1e6:g} M normals in memory, {dtype}, one thread" for dtype in ITEMSIZE}
        steps, ratios = [], []
        for dtype, row in rows.items():
            for name in ("initgen", "numpy", "torch"):
                if name in pythons:
                    command = [pythons[name], str(PEERS / "memory.py"), f"{name}:{dtype}", str(self.scale.normals)]
                    steps.append(Step(row, name, command, times_itself=True, peer=name != "initgen"))
            ratios += [
                Ratio(
                    f"{row}: {name} / initgen",
                    [(row, name)],
                    [(row, "initgen")],
                    least=least if dtype == "float32" else None,
                )
                for name, least in (("numpy", 2), ("torch", 1))
                if name in pythons
            ]
        single, half = ([(rows[dtype], "initgen")] for dtype in ("float32", "bfloat16"))
        ratios.append(Ratio("normals in memory: bfloat16 / float32", half, single, most=1))
        return Work("memory", steps, ratios, self.scale.turns)

    def orthogonal(self) -> Work:
        """An orthogonal matrix, beside the decomposition that it takes."""
        count = self.scale.size
        rows = {what: f"{name}, {count}x{count}" for what, name in (("orthogonal", "orthogonal"), ("qr", "numpy's QR"))}
        steps = [
            Step(row, "initgen", [sys.executable, str(PEERS / "memory.py"), what, str(count)], times_itself=True)
            for what, row in rows.items()
        ]
        ours, theirs = ([(row, "initgen")] for row in rows.values())
        ratio = Ratio(f"{rows['orthogonal']} / {rows['qr']}", ours, theirs, most=1.1)
        return Work("orthogonal", steps, [ratio], self.scale.turns)

    def limit(self, row: str, nbytes: int, *options: str) -> list[Step]:
        """The same bytes from cache by ``pwrite``, by one thread and by two."""
        path, script = self.directory / "raw.bin", str(PEERS / "raw_write.py")
        return [
            Step(
                row,
                f"pwrite {threads}",
                [sys.executable, script, str(nbytes), str(path), str(threads), *options],
                path,
                times_itself=True,
            )
            for threads in (1, 2)
        ]

    def read(self, row: str, path: Path, turns: int) -> list[Step]:
        """The same bytes read back, by one thread and by two."""
        script = str(PEERS / "raw_read.py")
        return [
            Step(
                row,
                f"pread {threads}",
                [sys.executable, script, str(path), str(threads)],
                None,
                turns,
                times_itself=True,
            )
            for threads in (1, 2)
        ]

    def peer_steps(
        self, row: str, name: str, dtype: str, tensors: dict[str, tuple[str, list[int]]], turns: int, *options: str
    ) -> list[Step]:
        """The same tensors by every peer that there is."""
        job = self.directory / f"{name}-{dtype}.json"
        job.write_text(json.dumps({"dtype": dtype, "tensors": tensors}))
        steps = []
        for peer, python in self.peers.items():
            path = self.directory / f"{peer}.safetensors"
            command = [python, str(PEERS / f"{peer}_sample.py"), str(job), str(path), *options]
            steps.append(Step(row, peer, command, path, turns, peer=True))
        return steps

    def ahead(self, row: str, least: float | None = 1) -> list[Ratio]:
        """The fastest peer beside initgen."""
        peers = [(row, peer) for peer in self.peers]
        return [Ratio(f"{row}: the fastest peer / initgen", peers, [(row, "initgen")], least=least)] if peers else []

    def row(self, law: str, dtype: str) -> str:
        """What a big file is called."""
        return f"{size(self.scale.mib << 20)}, {law}, {dtype}"


def peak(name: str, rows: list[str], most: float) -> list[Ratio]:
    """The most memory of all that initgen does in these rows."""
    keys = [(row, column) for row in rows for column in ("initgen", "1 thread", "verify", "stats")]
    return [Ratio(f"{name}: peak memory of initgen, MiB", keys, [], most=most)]


def initgen(*arguments: str) -> list[str]:
    """The command as its users run it: the script beside this interpreter."""
    script = Path(sys.executable).with_name("initgen")
    return [str(script), *arguments] if script.exists() else [sys.executable, "-m", "initgen", *arguments]


def size(nbytes: int) -> str:
    """As 1 GiB or 256 MiB."""
    return f"{nbytes >> 30} GiB" if nbytes >> 30 else f"{nbytes >> 20} MiB"
