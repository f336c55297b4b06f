"""The 2010 API, as far as accounts go: a parent finds its sub-accounts and their tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from migrate.simulator.api import Answer, Call, Route, authenticate, page_query
from migrate.simulator.chat import rfc_2822
from migrate.simulator.forms import ApiError, Param, choice, parse_form, text
from migrate.simulator.world import Account

Json = Any

LIST = "/2010-04-01/Accounts"
PAGES = page_query(
    1000,
    {
        "Status": Param(("status",), choice(("active", "suspended", "closed"), "Status")),
        "FriendlyName": Param(("friendly_name",), text()),
    },
)


def _show(account: Account, username: str) -> dict[str, Json]:
    uri = f"{LIST}/{account.sid}"
    return {
        "sid": account.sid,
        "friendly_name": account.friendly_name,
        "status": account.status,
        "type": "Full",
        # An API key doesn't get to see tokens.
        "auth_token": "" if username.startswith("SK") else account.auth_token,
        "owner_account_sid": account.owner_sid or account.sid,
        "date_created": rfc_2822(account.date_created),
        "date_updated": rfc_2822(account.date_created),
        "uri": f"{uri}.json",
        "subresource_uris": {},
    }


def _within(call: Call) -> list[Account]:
    """Return the accounts that the credentials may see: their own and, for a parent, its sub-accounts."""
    if call.account.owner_sid is not None:
        return [call.account]
    own = call.account.sid
    return [one for one in call.world.accounts.values() if own in (one.sid, one.owner_sid)]


def _username(call: Call) -> str:
    """Return the user name of the credentials; ApiError 401/20003 for a standard key."""
    _, username = authenticate(call.world, call.request.authorization)
    if username in call.account.standard_keys:
        raise ApiError(401, 20003, "Authenticate")
    return username


def _list(call: Call) -> Answer:
    username = _username(call)
    asked = parse_form(PAGES, call.request.query)
    size, number = asked.get("PageSize", 50), asked.get("Page", 0)
    chosen = [
        account
        for account in _within(call)
        if asked.get("Status") in (None, account.status)
        and asked.get("FriendlyName") in (None, account.friendly_name)
    ]
    start = number * size
    filters = [(key, asked[key]) for key in ("Status", "FriendlyName") if key in asked]

    def uri(page: int) -> str:
        query = [*filters, ("PageSize", size), ("Page", page)]
        # The real token names the last account; a page's number does the same where no account goes away.
        return f"{LIST}.json?{urlencode(query)}" + (f"&PageToken=PA{page}" if page else "")

    accounts = [_show(account, username) for account in chosen[start : start + size]]
    return Answer(
        200,
        {
            "accounts": accounts,
            "page": number,
            "page_size": size,
            "start": start,
            "end": start + max(0, len(accounts) - 1),
            "first_page_uri": uri(0),
            "previous_page_uri": uri(number - 1) if number else None,
            "next_page_uri": uri(number + 1) if start + size < len(chosen) else None,
            "uri": uri(number),
        },
    )


def _fetch(call: Call) -> Answer:
    username = _username(call)
    wanted = call.sids[0].removesuffix(".json")
    account = next((one for one in _within(call) if one.sid == wanted), None)
    if account is None or not call.sids[0].endswith(".json"):
        raise call.not_found()
    return Answer(200, _show(account, username))


ROUTES = {
    ("api", "2010-04-01"): [
        Route("GET", "Accounts.json", _list, query=PAGES),
        Route("GET", "Accounts/*", _fetch),
    ]
}
