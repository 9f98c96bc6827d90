"""All targets. To add one: an entry in one of these files, and a few inputs in corpus/."""

from fuzz.targets import commands, files, specs, text
from fuzz.targets.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for family in (text, specs, files, commands) for target in family.TARGETS
}

__all__ = ["TARGETS", "Target"]
