"""Runs one target under atheris: ``python -m fuzz.runner TARGET [option of libFuzzer]… [corpus]…``."""

import importlib
import os
import pkgutil
import resource
import sys
from random import Random

import atheris

# Names a directory for the sandbox, which whoever starts this removes: libFuzzer ends the process without a word.
SANDBOX = "INITGEN_FUZZ_SANDBOX"
# Of data, above what the modules take.
MEMORY = 1 << 30


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    name, *rest = sys.argv[1:]
    sys.dont_write_bytecode = True
    import numpy.lib._format_impl

    with atheris.instrument_imports(include=["initgen", "tomllib", "zipfile"]):
        _load_all()
        from fuzz.targets import TARGETS, specs
    from fuzz.verdict import Court

    # From here on, but for what numpy has loaded already.
    for function in ("_read_array_header", "_filter_header", "descr_to_dtype"):
        atheris.instrument_func(getattr(numpy.lib._format_impl, function))
    _limit_memory()
    target = TARGETS[name]
    with specs.limited(), Court(os.environ.get(SANDBOX)) as court:

        def one(data: bytes) -> None:
            court.try_(target.call, data)

        def changed(data: bytes, most: int, seed: int) -> bytes:
            random = Random(seed)
            if random.randrange(3):
                return target.damage(bytes(data), random)[:most]
            return bytes(atheris.Mutate(data, most))

        # libFuzzer starts itself anew to merge, by its name.
        program = f"{sys.executable} -m fuzz.runner {name}"
        atheris.Setup([program, *rest], one, custom_mutator=changed)
        atheris.Fuzz()


def _load_all() -> None:
    """All of initgen, what is imported late too: what is imported after this is not measured."""
    import initgen

    for module in pkgutil.walk_packages(initgen.__path__, "initgen."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:  # what an extra brings
                continue


def _limit_memory() -> None:
    with open("/proc/self/status") as status:
        used = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, used + MEMORY))


if __name__ == "__main__":
    main()
