"""Proving from Twilio's own answers whose account is being read and written (DESIGN §8).

Every answer that names an account is compared by the gateway. Where the answers so far were silent, these ask for
one that is not.
"""

from __future__ import annotations

from migrate.api.gateway import Reader
from migrate.api.messages import Surface
from migrate.api.retry import Retrier
from migrate.core.errors import CallFailed
from migrate.execute.work import Work
from migrate.kinds.registry import KINDS

SILENT = frozenset({403, 404})
"""Statuses that say nothing about the account: a restricted key may not read its configuration."""


async def prove_account(reader: Reader, retrier: Retrier) -> None:
    """Ask for the account's configuration, which names the account, unless an answer has done so already.

    Raises:
        SafetyRefusal: it is another account than the credentials claim.
        CallFailed: the request failed for good.
    """
    if reader.account_proved:
        return
    try:
        await retrier.call(lambda: reader.get(Surface.CONVERSATIONS, "/v1/Configuration"))
    except CallFailed as error:
        if error.failure.status not in SILENT:
            raise


async def prove_by_creation(work: Work, service_sid: str) -> None:
    """Read what Twilio has put into a service that the run has just made; some of it names the account.

    Raises:
        SafetyRefusal: it is another account than the credentials claim.
    """
    for kind in KINDS.values():
        try:
            await kind.read_target(work.writer, service_sid)
        except CallFailed:
            continue
