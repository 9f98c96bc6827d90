"""A map over threads whose results come in order and whose memory is bounded."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from initgen.engine.signals import unwind

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))  # type: ignore[attr-defined, unused-ignore]
    except AttributeError:  # not on macOS or Windows
        return os.cpu_count() or 1


def ordered(work: Callable[[T], R], tasks: Iterable[T], threads: int | None = None) -> Iterator[R]:
    """``work(task)`` for each task, in the order of the tasks, on ``threads`` threads (all cores by default).

    At most twice as many results as threads wait to be taken. The first error, or the caller's leaving, stops the rest.
    ``concurrent.futures`` would do, but costs 15 ms at start-up and keeps every result.
    """
    threads = threads or cores()
    source = iter(tasks)
    first = next(source, None)
    second = next(source, None)
    if second is None or threads == 1:  # nothing to share out
        for task in (first, second):
            if task is not None:
                yield work(task)
        for task in source:
            yield work(task)
        return
    waiting: dict[int, R] = {}
    errors: list[BaseException] = []
    numbered = enumerate(_chain(first, second, source))
    lock = threading.Lock()
    changed = threading.Condition(lock)
    room = threading.Semaphore(2 * threads)
    state = {"running": threads, "stop": False}

    def run() -> None:
        try:
            while True:
                room.acquire()
                with lock:
                    number, task = (-1, None) if state["stop"] else next(numbered, (-1, None))
                if task is None:
                    return
                result = work(task)
                with changed:
                    waiting[number] = result
                    changed.notify()
        except BaseException as error:  # handed to the caller's thread
            with lock:
                errors.append(error)
                state["stop"] = True
        finally:
            room.release()
            with changed:
                state["running"] -= 1
                changed.notify()

    workers = [threading.Thread(target=run, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        due = 0
        while True:
            with changed:
                while due not in waiting and state["running"] and not errors:
                    changed.wait()
                if errors:
                    raise errors[0]
                if due not in waiting:
                    return
                result = waiting.pop(due)
            room.release()
            due += 1
            yield result
    finally:
        with lock:
            state["stop"] = True
        for _ in workers:
            room.release()
        for worker in workers:
            unwind(worker)


def _chain(first: T | None, second: T | None, rest: Iterator[T]) -> Iterator[T]:
    for task in (first, second):
        if task is not None:
            yield task
    yield from rest
