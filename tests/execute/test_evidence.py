"""Whose account it is: asked for only while no answer has told, and a key that may not ask is no reason to stop."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from migrate.core.errors import CallFailed, Failure, Trouble
from migrate.execute.evidence import prove_account


def asked(*, proved=False, status=None):
    """The paths that are asked for; Twilio refuses them with a status, if one is given."""
    paths = []

    async def get(_surface, path):
        paths.append(path)
        if status is not None:
            raise CallFailed(Failure(Trouble.REFUSED, "GET", path, "Forbidden", status))

    retrier = SimpleNamespace(call=lambda ask: ask())
    asyncio.run(prove_account(SimpleNamespace(account_proved=proved, get=get), retrier))
    return paths


def test_an_account_that_is_proved_is_not_asked_for():
    """One answer that names the account is enough."""
    assert asked(proved=True) == []
    assert asked() == ["/v1/Configuration"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_key_that_may_not_read_the_accounts_configuration(status):
    """A restricted key may do all that a run needs: that it is refused this one says nothing."""
    assert asked(status=status) == ["/v1/Configuration"]


@pytest.mark.parametrize("status", [400, 401, 500])
def test_any_other_refusal_ends_the_command(status):
    """Nothing is written while it is not known whose account it is."""
    with pytest.raises(CallFailed, match="Forbidden"):
        asked(status=status)
