"""Work on many items at once: all of them, a few in advance, and a clean end whatever happens."""

from __future__ import annotations

import threading

import pytest

from migrate.core.pool import parallel


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 15, 40])
def test_every_item_is_worked_on_once(workers, count):
    """Each item gives one result, in whatever order they come."""
    assert sorted(parallel(lambda n: n * 2, range(count), workers)) == [n * 2 for n in range(count)]


def test_items_are_taken_as_they_are_needed():
    """Never more than twice the workers are taken in advance, so that endless items can stream."""
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    done = 0
    for _ in parallel(lambda n: n, items(), 3):
        done += 1
        assert len(taken) <= done + 6
    assert done == 1000


def test_the_first_error_ends_it():
    """An error reaches the caller as it was raised; items not begun are given up."""
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise KeyError("the third")
        return number

    with pytest.raises(KeyError, match="the third"):
        list(parallel(work, range(1000), 2))
    assert len(begun) < 20


def test_an_error_of_the_items_ends_it():
    """An error in what yields the items reaches the caller, after what was under way has ended."""

    def items():
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(parallel(lambda n: n, items(), 2))


@pytest.mark.parametrize("fails", [False, True])
def test_no_thread_is_left_behind(fails):
    """When it has ended, by itself or by an error, all its threads have ended too."""

    def work(number):
        if fails and number == 5:
            raise ValueError("made up")
        return number

    try:
        list(parallel(work, range(20), 4))
    except ValueError:
        assert fails
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("chat-migrate")]


def test_whoever_stops_listening_ends_it():
    """Closing the results early gives up what has not begun."""
    begun = []
    results = parallel(begun.append, range(1000), 2)
    next(results)
    results.close()
    assert len(begun) < 20


def test_many_really_work_at_once():
    """As many items as there are workers are under way together."""
    together = threading.Barrier(5)
    assert sorted(parallel(lambda n: (together.wait(10), n)[1], range(10), 5)) == list(range(10))


def test_an_error_is_told_before_the_others_are_waited_for():
    """At the first error `stop` is called at once, so that the others need not wait out their patience."""
    stop = threading.Event()

    def work(number):
        if number == 0:
            raise ValueError("made up")
        return stop.wait(30)

    with pytest.raises(ValueError, match="made up"):
        list(parallel(work, range(4), 4, stop=stop.set))
    assert stop.is_set()
