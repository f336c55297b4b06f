"""Which accounts a fleet is about: a CSV file, or the sub-accounts that the parent account lists."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from migrate.api.gateway import Reader, Surface
from migrate.api.pages import Listing, pages
from migrate.api.retry import Retrier
from migrate.core import config
from migrate.core.config import is_sid
from migrate.core.errors import BadInput
from migrate.report.words import count

ACTIVE = Listing(Surface.ACCOUNTS, "/2010-04-01/Accounts.json", "accounts", 1000, {"Status": "active"})
_VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")
_HEXADECIMAL = re.compile("[0-9A-Fa-f]{32}")


@dataclass(frozen=True)
class FleetAccount:
    """One account of a fleet, and the names of the variables that hold its credentials; never the credentials.

    Attributes:
        target_account_sid: the account that is written to, or "" for the same one.
        auth_token_env: name of the variable that holds its auth token, or "".
    """

    account_sid: str
    target_account_sid: str = ""
    auth_token_env: str = ""
    api_key_env: str = ""
    api_secret_env: str = ""
    target_auth_token_env: str = ""
    target_api_key_env: str = ""
    target_api_secret_env: str = ""

    @property
    def receiver(self) -> str:
        """The account that is written to."""
        return self.target_account_sid or self.account_sid

    @property
    def names_credentials(self) -> bool:
        """Whether all credentials that it needs are in variables of its own."""
        own = bool(self.auth_token_env or (self.api_key_env and self.api_secret_env))
        target = bool(self.target_auth_token_env or (self.target_api_key_env and self.target_api_secret_env))
        return own and (target or self.receiver == self.account_sid)


COLUMNS = tuple(field.name for field in fields(FleetAccount))


def read_accounts(path: Path) -> list[FleetAccount]:
    """Read the accounts of a CSV file, in its order.

    Raises:
        BadInput: the file, a column or a value cannot be used; no value is repeated, since it may be a secret.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            columns = _columns(path, next(lines, []))
            found = [_account(path, lines.line_num, columns, values) for values in lines if any(values)]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{path} cannot be read: {why}.") from error
    except csv.Error as error:
        raise BadInput(f"{path} is not a CSV file: {error}.") from error
    if not found:
        raise BadInput(
            f"{path} names no account. Write one account SID a line, below the heading account_sid."
        )
    _check_twice(path, found)
    return found


def _columns(path: Path, head: Sequence[str]) -> list[str]:
    columns = [name.strip() for name in head]
    for number, name in enumerate(columns, start=1):
        if name in COLUMNS:
            continue
        if name in {"auth_token", "api_key", "api_secret", "token", "secret", "password"}:
            raise BadInput(
                f"{path}: column {number} would hold credentials, which are not read from files. Put them into "
                "environment variables, and the names of these into the column auth_token_env, or api_key_env "
                "and api_secret_env."
            )
        raise BadInput(f"{path}: column {number} is unknown. These are known: {', '.join(COLUMNS)}.")
    if "account_sid" not in columns:
        raise BadInput(f"{path} has no column account_sid.")
    if len(set(columns)) < len(columns):
        raise BadInput(f"{path} has a column twice.")
    return columns


def _account(path: Path, line: int, columns: Sequence[str], values: Sequence[str]) -> FleetAccount:
    if len(values) != len(columns):
        raise BadInput(
            f"{path}, line {line}: {count(len(values), 'value')}, but {count(len(columns), 'column')}."
        )
    told = {name: value.strip() for name, value in zip(columns, values, strict=True)}
    for name, value in told.items():
        if name.endswith("_env"):
            _check_variable(path, line, name, value)
        elif not (is_sid("AC", value) or (not value and name != "account_sid")):
            raise BadInput(
                f"{path}, line {line}: {name} is not an account SID: AC and 32 hexadecimal digits are expected."
            )
        else:
            told[name] = value[:2] + value[2:].lower()
    return FleetAccount(**told)


def _check_variable(path: Path, line: int, name: str, value: str) -> None:
    if value and (_HEXADECIMAL.fullmatch(value) or not _VARIABLE.fullmatch(value)):
        raise BadInput(
            f"{path}, line {line}: {name} must name an environment variable (capital letters, digits and _), and "
            "never hold a credential itself. If it does, remove it from the file and replace it at Twilio."
        )


def _check_twice(path: Path, accounts: Sequence[FleetAccount]) -> None:
    seen: set[str] = set()
    for account in accounts:
        if account.account_sid in seen:
            raise BadInput(f"{path} names account {account.account_sid} twice.")
        seen.add(account.account_sid)


def check_receivers(accounts: Sequence[FleetAccount]) -> None:
    """Refuse to create new services for two source accounts in one target account.

    Each source account has a database of its own, and one could take what the other has created for its own.

    Raises:
        BadInput: two rows share a target account.
    """
    first: dict[str, str] = {}
    for account in accounts:
        other = first.setdefault(account.receiver, account.account_sid)
        if other != account.account_sid:
            raise BadInput(
                f"--target new: accounts {other} and {account.account_sid} have the same target account "
                f"{account.receiver}. Their databases can't see what the other one has created. Give each a target "
                "account of its own, or migrate them one after the other with `chat-migrate run` and one --db."
            )


def list_sub_accounts(
    environ: Mapping[str, str], retrier: Retrier, *, include_parent: bool
) -> list[FleetAccount]:
    """Return the active sub-accounts of the account in TWILIO_ACCOUNT_SID, in Twilio's order.

    Raises:
        BadInput: there are no credentials, or it has no sub-accounts.
        CredentialsRefused: Twilio refuses them.
        CallFailed: the list cannot be read.
    """
    parent = config.source_credentials(environ)
    sids = asyncio.run(_listed(Reader(parent, config.endpoints(environ)), retrier))
    found = [FleetAccount(sid) for sid in sids if include_parent or sid != parent.account_sid]
    if not found:
        raise BadInput(
            f"Account {parent.account_sid} has no active sub-accounts. Name accounts with --accounts FILE."
        )
    return found


async def _listed(reader: Reader, retrier: Retrier) -> list[str]:
    # Each item holds the account's token: nothing but the SIDs outlives its page.
    async with reader:
        return [item["sid"] async for page in pages(reader, ACTIVE, retrier.call) for item in page]
