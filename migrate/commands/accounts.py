"""Which account is read and which is written: they must fit together before anything is compared."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.core.errors import SafetyRefusal
from migrate.plan.destinations import SAME
from migrate.store.snapshots import Snapshot


def check_accounts(
    environ: Mapping[str, str], snapshot: Snapshot, target: str, target_account_sid: str
) -> None:
    """Check the snapshot's account, the source credentials (if there are any) and the target's against each other.

    Raises:
        SafetyRefusal: they do not fit; the message names all of them.
    """
    source_account_sid = environ.get("TWILIO_ACCOUNT_SID") or snapshot.account_sid
    if source_account_sid != snapshot.account_sid:
        raise SafetyRefusal(
            f"Snapshot {snapshot.id} is of account {snapshot.account_sid}, but TWILIO_ACCOUNT_SID is "
            f"{source_account_sid}. To write to another account, leave TWILIO_* as it is and set TWILIO_TARGET_*."
        )
    if target == SAME and target_account_sid != snapshot.account_sid:
        raise SafetyRefusal(
            f"Snapshot {snapshot.id} is of account {snapshot.account_sid}, but the target credentials are for "
            f"{target_account_sid}; a Service can be changed in place in its own account only. "
            "Use --target new or map."
        )
