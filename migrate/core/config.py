"""Credentials and addresses, from the environment; see the README's table of variables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from migrate.core.errors import BadInput

SID_DIGITS = "[0-9a-fA-F]{32}"
DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_SETTLE_SECONDS = 60.0


def is_sid(prefix: str, text: object) -> bool:
    """Whether `text` has the shape of a Twilio SID: the prefix and 32 hexadecimal digits."""
    return isinstance(text, str) and re.fullmatch(prefix + SID_DIGITS, text) is not None


def tidy_sid(text: str) -> str:
    """Return a SID that was pasted in any case as Twilio writes it; other text as it is."""
    is_like_one = re.fullmatch(f"[a-zA-Z]{{2}}{SID_DIGITS}", text)
    return text[:2].upper() + text[2:].lower() if is_like_one else text


def check_services(sids: Iterable[str]) -> None:
    """Refuse what was given to --service and has not the shape of a Service SID.

    Raises:
        BadInput: the first of them.
    """
    for sid in sids:
        if not is_sid("IS", sid):
            raise BadInput(f"--service {sid}: not a Service SID; IS and 32 hexadecimal digits are expected.")


def check_account(name: str, account_sid: str) -> None:
    """Refuse what has not the shape of an account SID; `name` says which variable holds it.

    Raises:
        BadInput: it has not.
    """
    if not is_sid("AC", account_sid):
        raise BadInput(f"{name} is not an account SID: AC and 32 hexadecimal digits are expected.")


@dataclass(frozen=True)
class Credentials:
    """Who asks, and for which account.

    Attributes:
        username: the account SID, or an API key's SID, `SK…`.
    """

    account_sid: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Endpoints:
    """Where requests go.

    Attributes:
        chat_url: replaces `https://chat.twilio.com`, or None. No slash at the end.
        timeout: seconds that one request may take as a whole, from connecting to the end of the answer.
    """

    chat_url: str | None = None
    conversations_url: str | None = None
    accounts_url: str | None = None
    region: str | None = None
    edge: str | None = None
    timeout: float = DEFAULT_TIMEOUT_SECONDS


def endpoints(environ: Mapping[str, str]) -> Endpoints:
    """Read the addresses.

    Raises:
        BadInput: a URL that cannot be used, or plain http to a host that is not this machine.
    """
    return Endpoints(
        chat_url=_base_url(environ, "TWILIO_CHAT_URL"),
        conversations_url=_base_url(environ, "TWILIO_CONVERSATIONS_URL"),
        accounts_url=_base_url(environ, "TWILIO_API_URL"),
        region=environ.get("TWILIO_REGION") or None,
        edge=environ.get("TWILIO_EDGE") or None,
        timeout=_seconds(environ, "CHAT_MIGRATE_TIMEOUT", DEFAULT_TIMEOUT_SECONDS),
    )


def settle_seconds(environ: Mapping[str, str]) -> float:
    """Return the settle time in seconds.

    Raises:
        BadInput: CHAT_MIGRATE_SETTLE is not a number of seconds.
    """
    return _seconds(environ, "CHAT_MIGRATE_SETTLE", DEFAULT_SETTLE_SECONDS, least=0.0)


def source_credentials(environ: Mapping[str, str]) -> Credentials:
    """Read the credentials of the account that holds the Chat Services.

    Raises:
        BadInput: a variable is missing or malformed.
    """
    return _credentials(environ, "TWILIO_")


def target_credentials(environ: Mapping[str, str]) -> Credentials:
    """Read the credentials of the account that receives the settings: the source's, unless others are given.

    Raises:
        BadInput: a variable is missing or malformed.
    """
    given = any(name.startswith("TWILIO_TARGET_") and value for name, value in environ.items())
    return _credentials(environ, "TWILIO_TARGET_" if given else "TWILIO_")


def _credentials(environ: Mapping[str, str], prefix: str) -> Credentials:
    account_sid = environ.get(f"{prefix}ACCOUNT_SID", "")
    token, key, secret = (environ.get(prefix + name, "") for name in ("AUTH_TOKEN", "API_KEY", "API_SECRET"))
    if not account_sid:
        raise BadInput(
            f"No credentials: {prefix}ACCOUNT_SID is not set. Set it with {prefix}AUTH_TOKEN, "
            f"or with {prefix}API_KEY and {prefix}API_SECRET."
        )
    check_account(f"{prefix}ACCOUNT_SID", account_sid)
    for name, value in (("AUTH_TOKEN", token), ("API_SECRET", secret)):
        if not re.fullmatch(r"[!-~]*", value):
            raise BadInput(f"{prefix}{name} holds characters that no secret of Twilio's has; copy it again.")
    if token:
        return Credentials(account_sid, account_sid, token)
    if key and not is_sid("SK", key):
        raise BadInput(f"{prefix}API_KEY is not an API key's SID: SK and 32 hexadecimal digits are expected.")
    if key and secret:
        return Credentials(account_sid, key, secret)
    raise BadInput(
        f"No credentials for {account_sid}: set {prefix}AUTH_TOKEN, "
        f"or {prefix}API_KEY and {prefix}API_SECRET."
    )


def _base_url(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name, "").rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise BadInput(f"{name} is not a URL: {error}.") from error
    if parts.scheme not in ("http", "https") or not host or not re.fullmatch(r"\S+", text):
        raise BadInput(f"{name} is not a URL: https://HOST or http://127.0.0.1:PORT is expected.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadInput(
            f"{name} must hold no user name, query or fragment: credentials have variables of their own."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise BadInput(
            f"{name} would send credentials to {host} over plain http; use https, or a loopback host."
        )
    return text


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(environ: Mapping[str, str], name: str, default: float, *, least: float = 0.001) -> float:
    text = environ.get(name, "")
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not least <= seconds < 3600:
        raise BadInput(f"{name} must be a number of seconds between {least:g} and 3600, not {text!r}.")
    return seconds
