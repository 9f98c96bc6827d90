"""What is written in the loops: each format, one file and many, onto a new name and over an old one."""

import os
import shutil
from dataclasses import dataclass

INDEX = "model.safetensors.index.json"
SUFFIXES = {"npy": ".npy", "npz": ".npz", "safetensors": ".safetensors", "hdf5": ".h5"}
MODEL = """[tensors]
"a/x" = { shape = [20, 30], scheme = "he_uniform" }
"a/y" = { shape = [30, 50], scheme = "he_uniform" }
"b" = { shape = [10, 30], scheme = "he_uniform" }
"""
LARGE = """[tensors]
"v" = { shape = [10, 30], scheme = "he_uniform" }
"w" = { shape = [4200, 4096], scheme = "he_uniform" }
"""

# A file, its mode and bytes, by its path below the top; a directory has its mode alone.
Tree = dict[str, tuple[int, bytes | None]]


@dataclass(frozen=True)
class Scene:
    """One way to write.

    Attributes:
        name: like ``hdf5 single force``.
        output: below the top; a directory ends in a slash.
        options: of the command, in which MODEL is the spec.
        before: options of the commands that make what is there before.
        beside: whether the directory is there before, with a file that is not ours.
        large: whether several processes write it.
    """

    name: str
    output: str
    options: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    beside: bool = False
    large: bool = False

    @property
    def many(self) -> bool:
        """Whether the output is a directory."""
        return self.output.endswith("/")

    @property
    def same(self) -> bool:
        """Whether what is there before is what is made."""
        return self.name.endswith("same")

    def argv(self, home: str, top: str, options: tuple[str, ...] | None = None) -> list[str]:
        """The command's arguments."""
        spec = os.path.join(home, "large.toml" if self.large else "model.toml")
        chosen = self.options if options is None else options
        kind = ("--only", "a/y") if self.output.endswith(".npy") and not self.large else ()
        return ["sample", spec, *kind, "-o", os.path.join(top, self.output), *chosen]

    def start(self, home: str, top: str) -> list[list[str]]:
        """Make the top, and say which commands make what is there before."""
        os.mkdir(top)
        if self.beside:
            os.mkdir(os.path.join(top, self.output))
            with open(os.path.join(top, self.output, "config.json"), "w") as file:
                file.write("{}")
        return [self.argv(home, top, options) for options in self.before]


def write_models(home: str) -> None:
    """The specs that all scenes use."""
    for name, text in (("model.toml", MODEL), ("large.toml", LARGE)):
        with open(os.path.join(home, name), "w") as file:
            file.write(text)


def _scenes() -> list[Scene]:
    made = []
    for name, suffix in SUFFIXES.items():
        output = f"w{suffix}"
        made += [
            Scene(f"{name} single new", output, ()),
            Scene(f"{name} single force", output, ("--force", "--seed", "1"), ((),)),
            Scene(f"{name} single same", output, (), ((),)),
        ]
    shards, other = ("--max-shard-size", "2500"), ("--max-shard-size", "4000")
    for name, how in (("shards", shards), ("arrays", ("--format", "npy"))):
        made += [
            Scene(f"{name} new", "m/", how),
            Scene(f"{name} beside", "m/", how, beside=True),
            Scene(f"{name} force", "m/", (*how, "--force", "--seed", "1"), (how,), beside=True),
        ]
    made += [
        Scene("shards other", "m/", (*shards, "--force", "--seed", "1"), (other,)),
        Scene("shards same", "m/", shards, (shards,)),
        Scene("shards part 1/2", "m/", (*shards, "--shard", "1/2")),
        Scene("shards part force", "m/", (*shards, "--shard", "1/2", "--force", "--seed", "1"), (shards,)),
        Scene("shards finish", "m/", (*shards, "--finish"), tuple((*shards, "--shard", f"{n}/2") for n in (1, 2))),
        Scene("shards resume", "m/", (*shards, "--resume"), ((*shards, "--shard", "1/2"),)),
        Scene("shards resume force", "m/", (*shards, "--resume", "--force", "--seed", "1"), (other,)),
    ]
    several, small = ("--force", "--seed", "1", "--threads", "2"), ("--only", "v")
    for name in ("safetensors", "hdf5"):
        made.append(Scene(f"{name} large", f"w{SUFFIXES[name]}", several, (small,), large=True))
    return made


SCENES = _scenes()


def tree(top: str) -> Tree:
    """All that is below a directory, hidden files too."""
    found: Tree = {}
    for inside, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = os.path.join(inside, name)
            data = None
            if name in files:
                with open(path, "rb") as file:
                    data = file.read()
            found[os.path.relpath(path, top)] = (os.stat(path).st_mode, data)
    return found


def copy(source: str, target: str) -> None:
    """A directory anew as it was, without what else is there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
