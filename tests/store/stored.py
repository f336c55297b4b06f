"""A snapshot, a plan and a run, as the tests of the store need them."""

from __future__ import annotations

from mappings import Reason, Verdict
from migrate.model.image import TargetImage
from migrate.model.item import Examined, Item
from migrate.model.plan import PlannedService
from migrate.model.rows import FieldRow
from migrate.model.state import Entry, Record, State
from migrate.model.step import Action, Step
from migrate.store import runs, snapshots
from migrate.store.drafts import Draft

ACCOUNT = "AC" + "a" * 32
OTHER = "AC" + "b" * 32
LOST = Reason("limit_lost", "No such limit", "Conversations has no such limit.", {"names": ("a", "b")})


def sid(number):
    """The SID of the service of that number."""
    return f"IS{number:032x}"


def views(number, **settings):
    """A service as both API versions show it."""
    payload = {"sid": sid(number), "friendly_name": f"Service {number}", **settings}
    return [Item("thing", sid(number), None, payload, api, f"GET /{api}") for api in ("v1", "v2")]


def role(number, of, **settings):
    """A role of a service."""
    return Item("roles", f"RL{number}", sid(of), {"sid": f"RL{number}", **settings})


def take_snapshot(store, *numbers, account=ACCOUNT):
    """Store a snapshot of services, with one role each."""
    snapshot = snapshots.begin(store, account_sid=account, source="live")
    for number in numbers:
        snapshots.add_items(store, snapshot, account, [*views(number), role(number, number)])
    return snapshots.finish(store, snapshot, Examined(apis=("v1", "v2")))


def row(**changes):
    """A field row that is lost."""
    facts = {
        "source": "limits.members",
        "api": "v2",
        "value": 100,
        "resource": None,
        "target": None,
        "before": None,
        "after": None,
        "change": False,
        "verdict": Verdict.DROPPED,
        "reasons": (LOST,),
    }
    return FieldRow(**{**facts, **changes})


def planned(number, **changes):
    """A service of a plan."""
    facts = {
        "source_sid": sid(number),
        "target_sid": sid(number),
        "friendly_name": f"Service {number}",
        "image": TargetImage(sid(number), True, {"settings": {"a": 1}}, "2026-11-20T21:00:00.000Z"),
        "counterparts": {},
        "refused": frozenset(),
        "rows": (row(), row(source="b", change=True, held_to=True, verdict=Verdict.EXACT)),
    }
    return PlannedService(**{**facts, **changes})


def step(key, needs=(), *, kind="thing", action=Action.UPDATE, service=1, item=None, after=None):
    """A step of a service."""
    return Step(
        key=key,
        kind=kind,
        action=action,
        source_sid=sid(service),
        item_sid=item or sid(service),
        service_sid=None,
        target_sid=None,
        before={"a": 1},
        after=after or {"a": 2},
        needs=tuple(needs),
    )


def make_draft(store, snapshot, **changes):
    """Begin a plan."""
    facts = {
        "target": "same",
        "target_account_sid": ACCOUNT,
        "offline": False,
        "options": {},
    }
    return Draft(store, snapshot, **{**facts, **changes})


def make_plan(store, steps, *, snapshot=None, services=None, **options):
    """Store a plan; `steps` are pairs of phase and step."""
    snapshot = snapshot or take_snapshot(store, 1)
    target = options.pop("target_account_sid", ACCOUNT)
    draft = make_draft(store, snapshot, target_account_sid=target, options=options)
    for service in [planned(1)] if services is None else services:
        draft.add(service, masked=lambda row: row)
    for phase, each in steps:
        draft.add_step(phase, each)
    return draft.finish()


def make_run(store, plan, **changes):
    """Start a run of a plan, with its first session."""
    facts = {
        "account_sid": plan.account_sid,
        "target_account_sid": plan.target_account_sid,
        "command": "apply",
        "phase": "apply",
        "plan": plan,
        "options": {},
    }
    run = runs.start(store, **{**facts, **changes})
    runs.new_session(store, run)
    return run


def record(key, *states, **facts):
    """A record with a line for each state."""
    entries = [state if isinstance(state, Entry) else Entry(State(state)) for state in states]
    return Record(key, tuple(entries), **facts)
