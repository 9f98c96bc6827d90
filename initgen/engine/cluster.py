"""Fills files on the workers of a Dask cluster. The only file that knows Dask."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from initgen.core.errors import FormatError, InitgenError, OutputError
from initgen.core.url import is_url
from initgen.engine.progress import Progress

if TYPE_CHECKING:
    from queue import SimpleQueue

    from distributed import Client, Future

    from initgen.engine.files import Plan
    from initgen.engine.task import Part
    from initgen.engine.write import Blank

# Of a task, in bytes: a fifth of a second of drawing, to a millisecond that Dask takes to hand it out.
TASK = 64 << 20

# Tasks that the scheduler knows at once, or four for each thread of a large cluster. So memory has a bound everywhere.
_WINDOW = 256

# How often a task that failed is tried again, mostly on another worker. Those of workers that died Dask counts itself.
_RETRIES = 3

# Seconds: for the scheduler to answer, and for a cluster without workers to get one.
_ANSWER, _PATIENCE = 5.0, 30.0


class Cluster:
    """A Dask cluster as a `Filler`. It is connected when there is something to fill.

    The files have to be on a file system that all workers share, under the same path.

    Args:
        address: of the scheduler, ``tcp://HOST:PORT``; or the path of a scheduler file.
        fsync: whether workers flush what they wrote: on a network file system only they can.
        task: bytes of a task, about.
        patience: seconds without any worker after which it is given up.

    Raises:
        OutputError: distributed is not installed.
    """

    def __init__(self, address: str, *, fsync: bool = True, task: int = TASK, patience: float = _PATIENCE) -> None:
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise OutputError("--dask needs distributed", "pip install 'initgen[dask]'") from None
        self.address, self.fsync, self.task, self.patience = address, fsync, task, patience

    def check(self, plan: "Plan") -> None:
        """Refuse what several cannot fill at once, before anything is made.

        Raises:
            FormatError: a format that is written from start to end, or an output that is no file.
        """
        if is_url(plan.path):
            raise FormatError(
                f"{plan.path}: is no file that workers can share", "on each machine: --shard I/N makes a part of it"
            )
        for file in plan.files:
            if file.form.sequential:
                raise FormatError(
                    f"{plan.path}: {file.form.name} is written from start to end, by one",
                    "leave out --dask; or use .h5",
                )

    def __call__(self, blanks: "Iterable[Blank]", progress: Progress) -> "Iterator[Blank]":
        """Fill files, the tasks of all of them at once, and hand each back when its data is in place.

        Raises:
            OutputError: no scheduler, no workers, or workers that cannot do it; it says which and why.
        """
        from queue import SimpleQueue

        from initgen.engine.task import tasks

        with _quiet(), self._connected() as client:
            done: SimpleQueue[str] = SimpleQueue()
            running: dict[str, tuple[Future[None], list[Part]]] = {}
            window = max(_WINDOW, 4 * sum(client.nthreads().values()))
            prefix = f"initgen-{os.urandom(8).hex()}"
            for number, parts in enumerate(tasks(blanks, self.task)):
                if len(running) == window:
                    yield from self._settle(*running.pop(self._next(client, done)), progress)
                key = f"{prefix}-{number}"
                future = self._submit(client, key, parts)
                running[key] = future, parts
                future.add_done_callback(lambda future: done.put(future.key))
            while running:
                yield from self._settle(*running.pop(self._next(client, done)), progress)

    @contextlib.contextmanager
    def _connected(self) -> "Iterator[Client]":
        import json
        from asyncio import run

        from distributed import Client

        try:
            if "://" not in self.address and ":" not in self.address and not os.path.isfile(self.address):
                raise OutputError(
                    f"--dask {self.address}: neither an address nor a scheduler file", "like tcp://HOST:8786"
                )
            if os.path.isfile(self.address):
                with open(self.address) as file:
                    address = json.load(file)["address"]
            else:
                address = self.address
            run(_reach(address))  # a client that cannot is left half made, and says so when it is collected
            client = Client(address, timeout=_ANSWER, set_as_default=False, name="initgen")
        except OutputError:
            raise
        except (OSError, TimeoutError):
            raise OutputError(f"--dask {self.address}: no scheduler answers", "dask scheduler starts one") from None
        except Exception as error:  # of many classes, for an address that is none, or a scheduler of another age
            raise OutputError(f"--dask {self.address}: {_line(error)}", "like tcp://HOST:8786") from None
        try:
            yield client  # its tasks end with it
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                client.close(timeout=_ANSWER)

    def _submit(self, client: "Client", key: str, parts: "list[Part]") -> "Future[None]":
        """Have `work` called by its name, so that a worker without initgen says so where it would end in the middle."""
        from operator import methodcaller
        from pkgutil import resolve_name

        from toolz import pipe  # Dask has it

        from initgen.engine.task import text_of

        call = methodcaller("__call__", text_of(parts, fsync=self.fsync))
        return client.submit(pipe, f"{__name__}:{work.__name__}", resolve_name, call, key=key, retries=_RETRIES)

    def _next(self, client: "Client", done: "SimpleQueue[str]") -> str:
        """The key of a task that has ended."""
        from queue import Empty

        seen = time.monotonic()
        while True:
            with contextlib.suppress(Empty):
                return done.get(timeout=min(1.0, self.patience))
            with contextlib.suppress(Exception):  # the scheduler's end ends its tasks, which is seen next
                if client.nthreads():
                    seen = time.monotonic()
            if time.monotonic() - seen > self.patience:
                raise OutputError(f"--dask {self.address}: the cluster has no workers, for {self.patience:g} s now")

    def _settle(self, future: "Future[None]", parts: "list[Part]", progress: Progress) -> "Iterator[Blank]":
        """The files that are whole now that this task has ended."""
        if future.status != "finished":
            raise self._fault(future, parts[0].file.blank.name)
        for part in parts:
            file, nbytes = part.file, part.nbytes
            if file.left == file.blank.nbytes:
                progress.begin(file.blank.name, file.blank.nbytes)
            file.left -= nbytes
            progress(nbytes)
            if not file.left:
                yield file.blank

    def _fault(self, future: "Future[None]", name: str) -> InitgenError:
        from distributed import KilledWorker

        if future.status != "error":
            return OutputError(f"--dask {self.address}: the scheduler is gone", "nothing was written")
        error = future.exception(timeout=_ANSWER)
        if isinstance(error, InitgenError):
            return error
        if isinstance(error, KilledWorker):
            died = error.allowed_failures + 1
            return OutputError(f"{name}: {died} workers died while they filled it", "their logs may say why")
        if isinstance(error, ImportError):
            return OutputError(f"a worker lacks something: {_line(error)}", "install the same initgen on all workers")
        return OutputError(f"{name}: a worker failed: {_line(error)}")


def work(text: str) -> None:
    """What a worker does: `task.do`, and its address in what goes wrong.

    Raises:
        OutputError: a file that it does not see or cannot write; another version of initgen.
    """
    from distributed import get_worker

    from initgen.engine.task import do

    worker = f"worker {get_worker().address}"
    try:
        do(text)
    except FileNotFoundError as error:
        hint = "the output has to be on a file system that all workers share, under the same path"
        raise OutputError(f"{worker}: does not see {error.filename}", hint) from None
    except OSError as error:
        raise OutputError(f"{error.filename}: {error.strerror or error}, on {worker}") from None
    except OutputError as error:
        raise OutputError(f"{worker}: {error.message}", error.hint) from None


async def _reach(address: str) -> None:
    from asyncio import timeout

    from distributed import rpc
    from distributed.security import Security

    async with timeout(_ANSWER), rpc(address, connection_args=Security().get_connection_args("client")) as server:
        kind = (await server.identity())["type"]
    if kind != "Scheduler":
        raise ValueError(f"is a {kind.lower()}, not a scheduler")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs to stderr, and warns of versions that differ; what matters of it we say ourselves."""
    import logging
    import warnings

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _line(error: BaseException) -> str:
    """The first line of what an error says, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
