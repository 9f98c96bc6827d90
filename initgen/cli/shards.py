"""``initgen sample`` in parts: ``--shard``, ``--finish`` and ``--resume``; and ``--elements``, a part of one tensor."""

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from initgen.cli import output
from initgen.core.errors import BadParameter, FormatError, quoted

if TYPE_CHECKING:
    from initgen.engine.files import Plan
    from initgen.engine.shards import Outcome
    from initgen.specs.tensor import TensorSpec

_ELEMENTS = re.compile(r"(\d{0,19}):(\d{0,19})", re.ASCII)


@dataclass(frozen=True)
class Parts:
    """Which of a directory's files are made.

    Attributes:
        option: that asks for it, as the user wrote it.
        part: its number and of how many; None for all.
    """

    option: str
    part: tuple[int, int] | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Parts | None":
        """As the options say; None where none does.

        Raises:
            UsageError: options that contradict each other.
        """
        asked = [name for name in ("shard", "finish", "resume") if given[name]]
        if given["shard"] == "":
            asked.insert(0, "shard")
        if not asked:
            return None
        if len(asked) > 1:
            raise click.UsageError(f"--{asked[0]} and --{asked[1]} are different steps; one at a time")
        (name,) = asked
        if given["output"] in (None, "-"):
            raise click.UsageError(f"--{name} needs the directory: -o DIRECTORY/")
        if given["elements"] is not None:
            raise click.UsageError(f"--elements is part of one tensor, --{name} makes whole ones")
        if given["dask"] is not None:
            raise click.UsageError(f"--dask fills all files at once, --{name} makes one after the other")
        if given["seed"] == "random":
            raise click.UsageError(f"--seed random is another set each time, and --{name} goes on with one: --seed N")
        for other in ("check", "dry_run"):
            if given[other] and name != "shard":
                raise click.UsageError(
                    f"--{other.replace('_', '-')} goes without --{name}: it says the same of the whole"
                )
        if name != "shard":
            return cls(f"--{name}")
        from initgen.engine.shards import parse_part

        return cls(f"--shard {given['shard']}", parse_part(given["shard"]))

    def make(self, specs: "list[TensorSpec]", given: dict[str, Any]) -> int:
        """Make, check or show these files, and say what became of them."""
        from initgen.cli import clean_up_when_ended, fail, fork_if_alone
        from initgen.cli.progress import progress_of
        from initgen.engine import shards
        from initgen.engine.directory import store_at
        from initgen.engine.output import in_units

        whole = output.plan_of(specs, given)
        shards.check_divisible(whole)
        plan = shards.part_of(whole, *self.part) if self.part else whole
        if given["dry_run"]:
            return output.dry_run(plan.specs, given, plan)
        clean_up_when_ended()
        fork_if_alone()
        store = store_at(plan.path, fsync=given["fsync"], threads=given["threads"])
        total = sum(file.nbytes for file in plan.files)
        with progress_of(total, quiet=given["quiet"], as_json=given["json_progress"]) as progress:
            if given["check"]:
                outcome = shards.check_part(plan.files, store, progress=progress)
            elif self.part:
                outcome = shards.write_part(whole, plan.files, store, force=given["force"], progress=progress)
            else:
                step = shards.finish if self.option == "--finish" else shards.resume
                outcome = step(whole, store, force=given["force"], progress=progress)
            progress.failed = not (outcome.complete or given["check"])
        if given["digest"] and outcome.complete:
            output.digest(plan.specs if self.part else specs, plan, given)
        elif given["as_json"]:
            self._print(outcome, plan, given)
        if given["check"]:
            code = 0 if outcome.complete else 1
        elif not outcome.complete:
            what, names = ("missing", outcome.missing) if outcome.missing else ("not what it makes", outcome.wrong)
            return fail(
                f"{plan.path}: not finished: {_listed(names)} {'are' if len(names) > 1 else 'is'} {what}",
                f"run the --shard that makes {'them' if len(names) > 1 else 'it'} again, or --resume for all"
                + ("" if outcome.missing else "; --force replaces what is wrong"),
            )
        else:
            code = 0
        if not given["quiet"]:
            said = [f"{len(names)} {word}" for word, names in _words(outcome) if names]
            files = ", ".join(said) if plan.files else f"none of the {len(whole.files)} files is in this part"
            of = f"{plan.path}: " + (f"part {self.part[0]}/{self.part[1]}: " if self.part else "")
            done = f", {in_units(total)} of data at {in_units(round(progress.rate))}/s" if progress.done else ""
            did = "" if given["check"] or not plan.files else f"{_action(outcome)} "
            print(f"{did}{of}{files}{done}", file=sys.stderr)
        return code

    def _print(self, outcome: "Outcome", plan: "Plan", given: dict[str, Any]) -> None:
        from initgen.report.json import dumps

        answer: dict[str, Any] = {"path": plan.path, "shard": given["shard"]}
        if given["check"]:
            answer["passed"] = outcome.complete
        else:
            answer["action"] = _action(outcome)
        lists = {word: getattr(outcome, word) for word in ("wrote", "kept", "missing", "wrong")}
        print(dumps({**answer, **lists, "nbytes": sum(file.nbytes for file in plan.files)}))


def _action(outcome: "Outcome") -> str:
    return "incomplete" if not outcome.complete else "wrote" if outcome.wrote else "unchanged"


def _words(outcome: "Outcome") -> list[tuple[str, tuple[str, ...]]]:
    return [
        ("written", outcome.wrote),
        ("there already and checked", outcome.kept),
        ("missing", outcome.missing),
        ("wrong", outcome.wrong),
    ]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" … ({len(names)} in all)" if len(names) > 3 else "")


def elements(specs: "list[TensorSpec]", given: dict[str, Any]) -> "TensorSpec":
    """The elements of the one tensor that ``--elements`` asks for.

    Raises:
        BadParameter: there is more than one tensor, or it has no such elements.
        FormatError: the output's format has a recipe, which describes whole tensors.
    """
    from initgen.formats import format_of

    text, path = given["elements"], given["output"]
    found = _ELEMENTS.fullmatch(text)
    if not found:
        raise BadParameter(f"elements = {quoted(text)} is not A:B", "like 0:1000, the first thousand; 5: from there on")
    if len(specs) != 1:
        raise BadParameter(f"--elements is of one tensor, and there are {len(specs)}", "--only NAME chooses one")
    named = "npy" if given["form"] is None and path in (None, "-") else given["form"]
    form = format_of(path or "", named)
    if form.name == "hdf5":
        raise FormatError(
            "hdf5 keeps a recipe, which describes whole tensors", "-o FILE.npy or .safetensors takes elements"
        )
    (spec,) = specs
    return spec.elements(int(found[1] or 0), int(found[2]) if found[2] else spec.count)
