"""An account's own environment: made by the worker, in memory, from the variables of the machine it runs on.

Chat and Conversations take an account's own credentials only. Where no variables are named for it, its auth token is
looked up with the parent's (GET /2010-04-01/Accounts/{AC}.json), which API keys can't do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from migrate.api.gateway import Reader, Surface
from migrate.api.retry import Retrier
from migrate.core import config
from migrate.core.errors import BadInput, CallFailed, CredentialsRefused, SafetyRefusal
from migrate.fleet.accounts import FleetAccount

SECRETS = ("AUTH_TOKEN", "API_KEY", "API_SECRET")
PREFIXES = {"TWILIO_": "", "TWILIO_TARGET_": "target_"}
"""How variables of an account begin, and how the columns do that name others to take instead."""
SHARED = (
    "TWILIO_CHAT_URL",
    "TWILIO_CONVERSATIONS_URL",
    "TWILIO_API_URL",
    "TWILIO_REGION",
    "TWILIO_EDGE",
    "CHAT_MIGRATE_TIMEOUT",
    "CHAT_MIGRATE_SETTLE",
)
"""Variables without secrets, which every worker takes from the fleet that it works for."""


def settings(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that every worker is to have alike."""
    return tuple((name, environ.get(name, "")) for name in SHARED)


def environment_of(
    account: FleetAccount, parent_sid: str, environ: Mapping[str, str], retrier: Retrier
) -> dict[str, str]:
    """Return the environment for the commands of one account, with its credentials and no others.

    Args:
        parent_sid: the account in TWILIO_ACCOUNT_SID where the fleet was started, or "".
        environ: the worker's own variables.

    Raises:
        BadInput: a variable is missing, or the worker has other credentials than the fleet was started with.
        CredentialsRefused: Twilio refuses the parent's, or the account is not active.
        CallFailed: the token cannot be looked up.
    """
    if not account.names_credentials and environ.get("TWILIO_ACCOUNT_SID", "") != parent_sid:
        raise BadInput(
            f"TWILIO_ACCOUNT_SID of this worker is not {parent_sid or 'empty'}, as it is where the fleet was started. "
            "Start all workers with the parent account's credentials."
        )
    made = {name: value for name, value in environ.items() if name in SHARED}
    made |= _credentials("TWILIO_", account.account_sid, account, environ, retrier)
    if account.receiver != account.account_sid:
        made |= _credentials("TWILIO_TARGET_", account.receiver, account, environ, retrier)
    return made


def _credentials(
    prefix: str, account_sid: str, account: FleetAccount, environ: Mapping[str, str], retrier: Retrier
) -> dict[str, str]:
    found = _named(prefix, account, environ) or _given(account_sid, environ)
    if not found:
        found = {"AUTH_TOKEN": asyncio.run(_look_up(account_sid, environ, retrier))}
    return {f"{prefix}ACCOUNT_SID": account_sid, **{prefix + name: value for name, value in found.items()}}


def _named(prefix: str, account: FleetAccount, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the variables hold that the account names."""
    found = {}
    for secret in SECRETS:
        name = getattr(account, f"{PREFIXES[prefix]}{secret.lower()}_env")
        if name and not environ.get(name):
            raise BadInput(f"{name}, which is to hold credentials of {account.account_sid}, is not set.")
        if name:
            found[secret] = environ[name]
    return found


def _given(account_sid: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the credentials in the tool's own variables, where they are this account's."""
    for prefix in PREFIXES:
        if environ.get(f"{prefix}ACCOUNT_SID") == account_sid:
            return {name: environ[prefix + name] for name in SECRETS if environ.get(prefix + name)}
    return {}


async def _look_up(account_sid: str, environ: Mapping[str, str], retrier: Retrier) -> str:
    parent = config.source_credentials(environ)
    if parent.username != parent.account_sid:
        raise BadInput(
            f"The auth token of {account_sid} can be looked up with the parent's auth token only: API keys don't show "
            f"it. Set TWILIO_AUTH_TOKEN of {parent.account_sid}, or name variables in the accounts file."
        )
    async with Reader(parent, config.endpoints(environ)) as reader:
        path = f"/2010-04-01/Accounts/{account_sid}.json"
        try:
            answer = await retrier.call(lambda: reader.get(Surface.ACCOUNTS, path))
        except CallFailed as error:
            if error.failure.status != 404:
                raise
            raise CredentialsRefused(
                f"{account_sid} is no sub-account of {parent.account_sid}. Check the account SID, or name variables "
                "with its own credentials in the accounts file."
            ) from error
    return _token(account_sid, answer.payload)


def _token(account_sid: str, payload: Mapping[str, object]) -> str:
    if payload.get("sid") != account_sid:
        raise SafetyRefusal(f"Twilio answers for another account than {account_sid}; nothing was sent.")
    status, token = payload.get("status"), payload.get("auth_token")
    if status != "active":
        raise CredentialsRefused(
            f"Account {account_sid} is {status}, so Twilio takes no requests for it. Activate it in the Console, or "
            "leave it out."
        )
    if not isinstance(token, str) or not token:
        raise CredentialsRefused(
            f"Twilio shows no auth token of {account_sid}. Use the parent account's auth token, not an API key."
        )
    return token
