"""The crash loop: killed at the Nth moment, for N = 1, 2, 3 … until a run ends undisturbed; then resumed.

As SQLite tests itself: a child process does the work and kills itself without any clean-up; the parent
looks at what is left. A short loop takes every eleventh moment; `CHAT_MIGRATE_SURVIVAL=full` takes them all.
SIGKILL does not test a loss of power: what the file system had not yet written survives it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from crashes import FIGURES, FULL, KILLED, Ended, Lab, Situation

STRIDE = 1 if FULL else 11
"""Every moment, or every eleventh."""
CHAIN_STRIDE = 1 if FULL else 5
"""How much later each resume of a chain is killed than the one before."""
WIDE_STRIDE = 1 if FULL else 29
"""The same for what is long: whole runs, and chains of kills."""
UNEVEN_STRIDE = 1 if FULL else 47
"""The same where each resume waits for the settle time."""
WORKERS = [1, 4] if FULL else [4]
"""With how many at once the loops go that differ little from that of `apply`."""

UNRECORDED = {1: 6, 4: 12}
"""How many writes may be under way when so many requests are let in at once: sent, or answered and not yet recorded.

Outcomes are committed in groups, so a few more steps are at work than requests are in flight."""

SETTLED = {"verified", "rolled_back", "skipped"}


@dataclass(frozen=True)
class Expected:
    """How an undisturbed run ends."""

    state: dict[str, Any]
    journal: dict[str, str]
    creates: Counter[str]
    twice: int


def undisturbed(lab: Lab, situation: Situation, command: tuple[object, ...]) -> Expected:
    """Run the command without a kill; what it leaves is what every other run has to leave."""
    lab.begin(situation)
    ended = lab.run(*command)
    assert ended.code == 0, ended
    expected = Expected(lab.look.end_state(), lab.look.journal(), lab.look.creates(), lab.look.sent_twice())
    lab.look.check_file()
    lab.look.check_intents()
    assert set(expected.journal.values()) <= SETTLED
    lab.end()
    return expected


def recover(lab: Lab, command: tuple[object, ...], **options: Any) -> Ended:
    """`resume`; and the command once more if it was killed before there was anything to resume."""
    ended = lab.run("resume", "--yes", *command_bounds(command), **options)
    if ended.code == 0 and "nothing to resume" in ended.out:
        return lab.run(*command, **options)
    if "There is no database" in ended.err:
        return lab.run(*command, **options)
    return ended


def command_bounds(command: tuple[object, ...]) -> tuple[object, ...]:
    """The concurrency that a command was given, for its resume."""
    at = command.index("--concurrency")
    return command[at : at + 2]


def check(lab: Lab, expected: Expected, repeatable: int) -> None:
    """The end is that of an undisturbed run, the journal tells how it came about, and few calls were repeated."""
    assert lab.look.end_state() == expected.state
    assert lab.look.creates() == expected.creates
    assert lab.look.journal() == expected.journal
    lab.look.check_file()
    lab.look.check_intents()
    repeated = lab.look.sent_twice() - expected.twice
    FIGURES["requests"] += len(lab.simulator.requests)
    FIGURES["writes"] += len(lab.look.writes)
    FIGURES["writes repeated"] += repeated
    assert 0 <= repeated <= repeatable


def crash_loop(
    lab: Lab, situation: Situation, command: tuple[object, ...], workers: int, stride: int = STRIDE
) -> int:
    """Kill at each moment and resume; return how many kills there were."""
    expected = undisturbed(lab, situation, command)
    for kills, moment in enumerate(count(1, stride)):
        lab.begin(situation)
        ended = lab.run(*command, kill_at=moment)
        if ended.code != KILLED:
            check(lab, expected, 0)
            lab.end()
            return kills
        again = recover(lab, command)
        assert again.code == 0, (moment, ended, again)
        FIGURES["resumes"] += 1
        try:
            check(lab, expected, UNRECORDED[workers])
        except AssertionError as error:
            raise AssertionError(f"killed at moment {moment}, {ended.last}") from error
        lab.end()
    raise AssertionError("unreachable")


def chain_loop(lab: Lab, situation: Situation, command: tuple[object, ...], workers: int) -> int:
    """Kill at each moment, then kill each resume, somewhat later each time, until one comes through."""
    expected = undisturbed(lab, situation, command)
    kills = 0
    for first in count(1, WIDE_STRIDE):
        lab.begin(situation)
        ended = lab.run(*command, kill_at=first)
        if ended.code != KILLED:
            lab.end()
            return kills
        trail = [ended.last]
        for moment in count(1, CHAIN_STRIDE):
            ended = recover(lab, command, kill_at=moment)
            trail.append(ended.last)
            if ended.code != KILLED:
                break
        kills += len(trail) - 1
        assert ended.code == 0, (first, trail, ended)
        FIGURES["resumes"] += len(trail) - 1
        try:
            check(lab, expected, UNRECORDED[workers] * len(trail))
        except AssertionError as error:
            raise AssertionError(f"killed at moment {first}, then: {trail}") from error
        lab.end()
    raise AssertionError("unreachable")


def diffed(lab: Lab) -> Situation:
    """After `export` and `diff`."""
    return lab.prepared(("export",), ("diff", "--target", lab.target))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_killed_apply_is_finished_by_resume(lab, workers):
    """Killed at any moment of `apply`, `resume` ends in the state of an undisturbed run, nothing twice."""
    assert crash_loop(lab, diffed(lab), ("apply", "--yes", "--concurrency", workers), workers) > 2


@pytest.mark.parametrize("workers", WORKERS)
def test_a_killed_resume_is_finished_by_the_next(lab, workers):
    """The same if `resume` itself is killed, again and again."""
    assert chain_loop(lab, diffed(lab), ("apply", "--yes", "--concurrency", workers), workers) > 1


@pytest.mark.parametrize("workers", WORKERS)
def test_a_killed_run_is_finished(lab, workers):
    """The same for `run`, which also exports and plans: `resume` goes on from any phase, if there is a run at all."""
    command = ("run", "--yes", "--target", lab.target, "--concurrency", workers)
    assert crash_loop(lab, lab.empty, command, workers, WIDE_STRIDE) > 1


@pytest.mark.parametrize("workers", WORKERS)
def test_a_killed_run_is_finished_on_an_uneven_service(uneven_lab, workers):
    """The same where what is read and listed lags, and where what the dead process has sent takes effect late."""
    command = ("run", "--yes", "--target", uneven_lab.target, "--concurrency", workers)
    assert crash_loop(uneven_lab, uneven_lab.empty, command, workers, UNEVEN_STRIDE) > 1


@pytest.fixture
def applied(lab):
    """After a whole run; and, for comparison, the accounts as they were before it."""
    return lab.prepared(("run", "--yes", "--target", lab.target))


@pytest.mark.parametrize("workers", WORKERS)
def test_a_killed_rollback_is_finished_by_resume(lab, applied, workers):
    """Killed at any moment of `rollback`, `resume` ends in the state of an undisturbed one."""
    assert crash_loop(lab, applied, ("rollback", "--yes", "--concurrency", workers), workers) > 0


@pytest.mark.parametrize("workers", WORKERS)
def test_a_killed_removal_is_finished_by_resume(lab, applied, workers):
    """The same with `--delete-created`, again and again: what the run has made is gone, nothing else is."""
    command = ("rollback", "--yes", "--delete-created", "--concurrency", workers)
    assert crash_loop(lab, applied, command, workers) > 0
    assert chain_loop(lab, applied, command, workers) > 0


def test_a_killed_export_leaves_no_half_snapshot(lab):
    """Killed at any moment of `export`, even while the database is born, the next one takes the whole snapshot."""
    command = ("export", "--concurrency", 4)
    everything = {"methods": ("GET",), "schema": True}

    def snapshots() -> list[tuple[Any, ...]]:
        """What the finished snapshots hold, and that nothing else is there."""
        heads = lab.look.rows("SELECT id, services, digest FROM snapshots WHERE completed_at IS NOT NULL")
        assert lab.look.rows("SELECT 1 FROM snapshots WHERE completed_at IS NULL") == []
        ids = [head["id"] for head in heads]
        rows = lab.look.rows("SELECT snapshot, parent IS NULL FROM items GROUP BY 1, 2 ORDER BY 1, 2")
        assert [tuple(row) for row in rows] == [(id_, part) for id_ in ids for part in (0, 1)]
        return [tuple(head)[1:] for head in heads]

    lab.begin(lab.empty)
    assert lab.run(*command).code == 0
    (whole,) = snapshots()
    lab.end()
    for moment in count(1, WIDE_STRIDE):
        lab.begin(lab.empty)
        ended = lab.run(*command, kill_at=moment, **everything)
        finished = ended.code != KILLED
        if not finished:
            assert lab.run(*command).code == 0, ended
        # The kill may have come after the last commit: then there are two whole ones.
        assert set(snapshots()) == {whole}, (moment, ended)
        lab.look.check_file()
        lab.end()
        if finished:
            return


def test_a_killed_diff_leaves_no_half_plan(lab):
    """Killed at any moment of `diff`, nothing was written to Twilio, and the next one makes the very same plan."""
    exported = lab.prepared(("export",))
    command = ("diff", "--target", lab.target, "--concurrency", 4)

    def plans() -> set[tuple[Any, ...]]:
        """What the finished plans hold, and that nothing else is there."""
        assert lab.look.rows("SELECT 1 FROM plans WHERE completed_at IS NULL") == []
        heads = lab.look.rows("SELECT number, id FROM plans")
        steps = "SELECT key, after FROM plan_steps WHERE plan = ? ORDER BY ordinal"
        return {(head["id"], *map(tuple, lab.look.rows(steps, head["number"]))) for head in heads}

    lab.begin(exported)
    assert lab.run(*command).code == 0
    (whole,) = plans()
    lab.end()
    for moment in count(1, STRIDE):
        lab.begin(exported)
        ended = lab.run(*command, kill_at=moment, methods=("GET",))
        finished = ended.code != KILLED
        if not finished:
            assert lab.run(*command).code == 0, ended
        # The kill may have come after the last commit: then there are two whole ones.
        assert plans() == {whole}, (moment, ended)
        assert lab.look.writes == []
        lab.look.check_file()
        lab.end()
        if finished:
            return
