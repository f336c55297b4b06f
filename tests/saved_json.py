"""Saved Chat JSON, as a test needs it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ACCOUNT = "AC" + "a" * 32
OTHER_ACCOUNT = "AC" + "b" * 32


def sid(prefix: str, number: int) -> str:
    """The SID of that number."""
    return f"{prefix}{number:032x}"


def service(number: int = 1, api: str = "v2", **changes: Any) -> dict[str, Any]:
    """A Service resource as one API version shows it; a change to None removes a key."""
    document = {
        "sid": sid("IS", number),
        "account_sid": ACCOUNT,
        "friendly_name": f"Service {number}",
        "date_created": "2020-01-01T00:00:00Z" if api == "v2" else "Wed, 01 Jan 2020 00:00:00 +0000",
        "url": f"https://chat.twilio.com/{api}/Services/{sid('IS', number)}",
        **changes,
    }
    return {key: value for key, value in document.items() if value is not None}


def role(number: int = 1, of: int = 1, **changes: Any) -> dict[str, Any]:
    """A Role resource of a service."""
    return {
        "sid": sid("RL", number),
        "account_sid": ACCOUNT,
        "service_sid": sid("IS", of),
        "friendly_name": f"role {number}",
        "type": "channel",
        "permissions": ["sendMessage"],
        **changes,
    }


def page(key: str, items: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A list page as Twilio sends it."""
    return {"meta": {"page": 0, "key": key, "next_page_url": None}, key: list(items)}


def write(path: Path, content: Any) -> Path:
    """Write bytes and text as they are, anything else as JSON; return the path."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
    return path


def lines(*documents: Any) -> str:
    """JSON lines."""
    return "".join(json.dumps(document) + "\n" for document in documents)
