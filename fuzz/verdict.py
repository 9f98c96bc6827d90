"""What counts as a finding: anything but an answer or an error of ours, soon, in little memory, and in its place."""

import os
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Self

from fuzz.sandbox import Outside, Sandbox
from initgen.core.errors import InitgenError

SECONDS = 5.0
# An error is a line: longer ones quote their input unshortened.
LONGEST = 2000


class Finding(AssertionError):
    """A promise that an input broke."""


class Court:
    """Runs targets, and holds them to what is promised; as long as it sits, in its own working directory."""

    def __init__(self, root: str | None = None) -> None:
        self.sandbox = Sandbox(root)
        self._warned: list[str] = []

    def __enter__(self) -> Self:
        self._before = os.getcwd()
        os.chdir(self.sandbox.cwd)
        return self

    def __exit__(self, *error: object) -> None:
        os.chdir(self._before)
        self.sandbox.remove()

    def _warn(self, message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
        self._warned.append(f"{category.__name__}: {message}")

    def try_(self, call: Callable[[Sandbox, bytes], None], data: bytes) -> str:
        """What the target answered: "" or the message of the error; raises what a finding is."""
        said = ""
        del self._warned[:], self.sandbox.seen[:]
        start = time.process_time()
        self.sandbox.guarded = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.showwarning = self._warn
                call(self.sandbox, data)
        except InitgenError as error:
            said = f"{error.message} {error.hint}".strip()
            self._check_error(error, said)
        except Outside:
            pass  # it stands in what was seen
        finally:
            self.sandbox.guarded = False
        took = time.process_time() - start
        if self.sandbox.seen:
            raise Finding(f"left the sandbox: {self.sandbox.seen[0]}")
        if self._warned:
            raise Finding(f"warned: {self._warned[0]}")
        if took > SECONDS:
            raise Finding(f"took {took:.1f} s")
        return said

    def _check_error(self, error: InitgenError, said: str) -> None:
        if not error.message:
            raise Finding("an error that says nothing") from error
        if len(said) > LONGEST:
            raise Finding(f"an error of {len(said)} characters: {said[:200]}") from error
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError) and _where(cause) != "ast.py":  # whose parser says so of many brackets
                raise Finding("memory ran out") from error
            cause = cause.__context__


def _where(error: BaseException) -> str:
    """The file in which it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return os.path.basename(frames[-1].filename) if frames else ""
