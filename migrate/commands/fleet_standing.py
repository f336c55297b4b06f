"""Where an account of a fleet stands: what its database says, and what the fleet's record adds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from migrate.commands.context import Context
from migrate.commands.ending import DONE, INCOMPLETE, code_of_run, notes_on
from migrate.commands.status import PHASES, Status, status
from migrate.core.errors import MigrateError
from migrate.core.masking import mask_text
from migrate.fleet.record import FleetRecord
from migrate.fleet.summary import Standing
from migrate.fleet.task import FIRST_DEEDS, AccountOutcome, Deed, Order
from migrate.kinds.registry import lasting_steps
from migrate.report.words import count, spoken
from migrate.store import Store

_FLEETS = re.compile(r"`chat-migrate (?=(?:export|diff|apply|resume|run|verify)\b)")
NAMED = ", or name it with --db"
"""How a message on a missing database ends, which is of no use in a fleet."""
RUN_DEEDS = FIRST_DEEDS | {Deed.APPLY}
"""For these, a run tells how far the account is; it tells nothing of an export, a diff or a verification."""
_OWN = re.compile(r"`chat-migrate (?=(?:unlock|rollback|history|status)\b)")


def told(outcome: AccountOutcome, found: Status | None, store: Store | None = None) -> AccountOutcome:
    """Return an outcome with what its account's database says, in words that fit a fleet."""
    if found is not None and store is not None:
        outcome = _with_facts(outcome, found, store)
    db = str(store.path) if store else ""
    return replace(
        outcome,
        message=_in_fleet(outcome.message, db),
        notes=tuple(_in_fleet(note, db) for note in outcome.notes),
    )


def _in_fleet(text: str, db: str) -> str:
    text = _FLEETS.sub("`chat-migrate fleet ", mask_text(text))
    return _OWN.sub(lambda _found: f"`chat-migrate --db {db} ", text) if db else text.replace(NAMED, "")


def mark_of(found: Status) -> str:
    """Return a text that differs when a run has done anything for the account since; reading alone does not count."""
    run = found.run
    return f"{run.id}{'' if run.finished_at is None else '.'} {found.left}" if run else ""


def _with_facts(outcome: AccountOutcome, found: Status, store: Store) -> AccountOutcome:
    plan = found.plan
    notes = notes_on(store, found.run) if found.run is not None and outcome.deed is Deed.APPLY else ()
    outcome = replace(
        outcome,
        mark=mark_of(found),
        notes=(*outcome.notes, *notes),
        services=found.snapshot.services if found.snapshot else 0,
        message=outcome.message or " ".join(_why(outcome, found)),
    )
    if plan is None:
        return outcome
    return replace(
        outcome,
        plan_id=plan.id,
        services=plan.services,
        services_to_change=plan.services_to_change,
        changes=plan.changes,
        steps=plan.steps,
        lasting=lasting_steps(store, plan),
        steps_by_state=found.states,
        left=found.left,
        verdicts=plan.verdicts,
    )


def _why(outcome: AccountOutcome, found: Status) -> Iterator[str]:
    """Yield sentences on why an account did not end well, where no error says it."""
    if outcome.code == DONE:
        return
    if outcome.deed is Deed.VERIFY and found.verification is not None:
        yield f"{count(found.verification.differences, 'difference')} between the plan and Conversations."
    if found.plan is not None and found.plan.services_missing:
        missing = found.plan.services_missing
        verb = "is" if missing == 1 else "are"
        yield f"{count(missing, 'service')} {verb} not in Conversations. Check that the account is the right one."
    if outcome.deed is Deed.APPLY and found.left:
        states = ", ".join(f"{number} {spoken(state)}" for state, number in sorted(found.states.items()))
        yield f"{found.left} of {count(found.steps, 'step')} left ({states})."
        yield from found.errors[:1]
    elif outcome.deed is Deed.DIFF and found.steps:
        yield f"{count(found.plan.changes if found.plan else 0, 'change')} pending."


def standings(context: Context, record: FleetRecord) -> Iterator[Standing]:
    """Yield where each account of a fleet stands, in the order of the fleet; nothing is sent.

    Args:
        context: its `shared` counts; its database doesn't.
    """
    for account in record.accounts:
        recorded = record.outcomes.get(account.account_sid)
        db = record.workspace / f"{account.account_sid}.db"
        if not db.exists():
            yield Standing(account, recorded)
            continue
        own = replace(context, db=db, account_sid=account.account_sid)
        try:
            with own.opened() as store:
                found = status(own, store)
                yield Standing(account, _present(found, store, recorded, record.order), _now(found))
        except MigrateError as error:
            deed = recorded.deed if recorded else Deed.REVIEW
            yield Standing(
                account, AccountOutcome(account.account_sid, deed, error.exit_code, mask_text(str(error)))
            )


def _present(
    found: Status, store: Store, recorded: AccountOutcome | None, order: Order
) -> AccountOutcome | None:
    """Return the outcome that was recorded, unless a run has moved on since; one from before the fleet has not."""
    run = found.run
    if recorded is None or found.is_running or recorded.mark == mark_of(found):
        return recorded
    if run is None or run.plan is None or run.started_at < order.at or recorded.deed not in RUN_DEEDS:
        return recorded
    code, why = code_of_run(store, run), ""
    if code == DONE and order.options.get("verify") and run.undoes is None and found.verification is None:
        code, why = INCOMPLETE, "The changes are written, but the targets were not read again and compared."
    return told(AccountOutcome(recorded.account_sid, Deed.APPLY, code, why), found, store)


def _now(found: Status) -> str:
    if found.holder is None or found.holder.alive is False:
        return ""
    done, total = found.done
    how_far = f", {done} of {total} services" if total and found.run and not found.run.finished_at else ""
    phase = PHASES.get(found.run.phase, "") if found.run else ""
    return f"{phase or found.holder.command}{how_far}, on {found.holder.host}"
