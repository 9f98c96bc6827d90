"""The ordered map: results in the order of the tasks, bounded look-ahead, and no thread that outlives its caller."""

import threading
import time

import pytest

from initgen.engine.ordered import ordered

THREADS = [None, 1, 2, 3, 5]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 200])
def test_results_come_in_the_order_of_the_tasks(threads, count):
    def work(task):
        time.sleep(0.001 * (task % 3 == 0))  # the later overtake the earlier
        return task * task

    assert list(ordered(work, iter(range(1, count + 1)), threads)) == [n * n for n in range(1, count + 1)]


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_work_is_shared_out(threads):
    meeting = threading.Barrier(threads, timeout=10)

    def work(task):
        if task < threads:
            meeting.wait()  # passes only if that many threads are at it at once
        return threading.get_ident()

    assert threading.get_ident() not in set(ordered(work, range(50), threads))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_more_than_twice_the_threads_is_worked_ahead(threads):
    taken, ahead = 0, []
    started = 0
    lock = threading.Lock()

    def work(task):
        nonlocal started
        with lock:
            started += 1
            ahead.append(started - taken)

    for _ in ordered(work, range(60), threads):
        time.sleep(0.002)
        taken += 1
    assert started == 60
    # One more is in the hands of the loop above.
    assert max(ahead) <= 2 * threads + 1


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("wrong", [0, 1, 7, 49])
def test_an_error_reaches_the_caller_and_ends_the_rest(threads, wrong):
    done = []

    def work(task):
        if task == wrong:
            raise ZeroDivisionError(task)
        time.sleep(0.0005)
        done.append(task)
        return task

    with pytest.raises(ZeroDivisionError):
        list(ordered(work, range(1000), threads))
    assert len(done) <= wrong + 2 * 8 + 1 if threads else True


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_among_the_tasks_reaches_the_caller(threads):
    def tasks():
        yield from (1, 2, 3, 4)
        raise LookupError("no more")

    with pytest.raises(LookupError):
        list(ordered(abs, tasks(), threads))


@pytest.mark.parametrize("threads", THREADS)
def test_a_caller_that_leaves_early_stops_the_rest(threads):
    done = []
    results = ordered(done.append, range(100_000), threads)
    next(results)
    next(results)
    results.close()
    count = len(done)
    assert count < 1000
    time.sleep(0.01)
    assert len(done) == count
