"""A plain client of the simulator that hides nothing."""

from __future__ import annotations

import copy
from typing import Any

import requests

from migrate.simulator import Simulator

TIMEOUT = 5


class Caller:
    """Speaks to one simulator with one account's credentials."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (sim.account_sid, sim.auth_token)
        self._auth: tuple[str, str] | None = None

    def as_user(self, username: str, password: str) -> Caller:
        """Return a caller with other credentials, on the same connections."""
        other = copy.copy(self)
        other._auth = (username, password)
        return other

    def as_account(self, number: int) -> Caller:
        """Return a caller with the credentials of the account of that number; 0 is the parent."""
        account = list(self.sim.world.accounts.values())[number]
        return self.as_user(account.sid, account.auth_token)

    def _call(self, method: str, base: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, base + path, timeout=TIMEOUT, **{"auth": self._auth, **options})

    def chat(
        self, path: str, form: Any = None, method: str | None = None, **options: Any
    ) -> requests.Response:
        """Call Chat; with a form and no method, POST."""
        verb = method or ("GET" if form is None else "POST")
        return self._call(verb, self.sim.chat_url, path, data=form, **options)

    def conv(
        self, path: str, form: Any = None, method: str | None = None, **options: Any
    ) -> requests.Response:
        """Call Conversations; with a form and no method, POST."""
        verb = method or ("GET" if form is None else "POST")
        return self._call(verb, self.sim.conversations_url, path, data=form, **options)

    def api(self, path: str) -> requests.Response:
        """Read from the 2010 API."""
        return self._call("GET", self.sim.api_url, path)
