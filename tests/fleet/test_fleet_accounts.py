"""Which accounts: what a file may say, and what a parent lists."""

from __future__ import annotations

import pytest
from fleets import many

from migrate.core.errors import BadInput
from migrate.fleet.accounts import FleetAccount, read_accounts

ONE, TWO = "AC" + "1" * 32, "AC" + "2" * 32
TOKEN = "0123456789abcdef0123456789abcdef"


def file_of(folder, text):
    """A file with this text."""
    path = folder / "accounts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_names_accounts_and_variables(tmp_path):
    """Columns stand in any order, blanks and empty lines don't matter, and SIDs are taken as people paste them."""
    path = file_of(
        tmp_path,
        f"\ufefftarget_account_sid, account_sid,auth_token_env\r\n,{ONE},TOKEN_1\r\n\r\n{TWO} ,{'AC' + 'A' * 32},\r\n",
    )
    assert read_accounts(path) == [
        FleetAccount(ONE, auth_token_env="TOKEN_1"),
        FleetAccount("AC" + "a" * 32, target_account_sid=TWO),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"account_sid,auth_token_env\n{ONE},{TOKEN}\n",
            "line 2: auth_token_env must name an environment variable",
        ),
        (f"account_sid,auth_token_env\n{ONE},{TOKEN.upper()}\n", "line 2: auth_token_env must name"),
        (
            f"account_sid,api_secret_env\n{ONE},aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE\n",
            "line 2: api_secret_env must name",
        ),
        (f"account_sid,auth_token\n{ONE},{TOKEN}\n", "column 2 would hold credentials"),
        (f"account_sid,{TOKEN}\n", "column 2 is unknown"),
        (f"account_sid\n{TOKEN}\n", "line 2: account_sid is not an account SID"),
        (f"account_sid\n{ONE},{TOKEN}\n", "line 2: 2 values, but 1 column"),
        (f"account_sid\n{ONE}\n{ONE}\n", f"names account {ONE} twice"),
        ("account_sid\n", "names no account"),
        ("", "has no column account_sid"),
        (f"target_account_sid\n{ONE}\n", "has no column account_sid"),
        (f'account_sid\n"{ONE}\n', "is not a CSV file"),
    ],
)
def test_what_cannot_be_used_is_refused_without_repeating_it(tmp_path, text, said):
    """Each fault is named with its place; a value, which may be a secret, is not."""
    with pytest.raises(BadInput) as refused:
        read_accounts(file_of(tmp_path, text))
    assert said in str(refused.value)
    assert TOKEN not in str(refused.value).lower()
    assert "aB3dE5" not in str(refused.value)


def test_a_parents_active_accounts(tmp_path):
    """All active sub-accounts, page by page, without the parent unless it is asked for."""
    with many(tmp_path, 5, services=0, suspended=2) as fleet:
        assert [each.account_sid for each in fleet("export").accounts] == fleet.sub_accounts[:3]


def test_keys_cannot_look_tokens_up(tmp_path):
    """A parent's API key is refused at once, with what to use instead, unless each account names its own variables."""
    with many(tmp_path, 2) as fleet:
        key, secret = next(iter(fleet.simulator.world.first.api_keys.items()))
        token = fleet.environ.pop("TWILIO_AUTH_TOKEN")
        fleet.environ |= {"TWILIO_API_KEY": key, "TWILIO_API_SECRET": secret}
        with pytest.raises(BadInput, match="API keys don't show them"):
            fleet()
        assert token
        first, second = fleet.sub_accounts
        for name, sid in (("FIRST", first), ("SECOND", second)):
            fleet.environ[name] = fleet.simulator.world.accounts[sid].auth_token
        accounts = file_of(tmp_path, f"account_sid,auth_token_env\n{first},FIRST\n{second},SECOND\n")
        assert fleet.code(fleet(accounts=accounts)) == 0


def test_a_key_of_another_account_writes_nothing(tmp_path):
    """A target's key that acts on another account is found out by Twilio's answers, before anything is written."""
    with many(tmp_path, 3) as fleet:
        source, target, other = fleet.sub_accounts
        key, secret = next(iter(fleet.simulator.world.accounts[other].api_keys.items()))
        fleet.environ |= {"KEY": key, "SECRET": secret}
        accounts = file_of(
            tmp_path,
            "account_sid,target_account_sid,target_api_key_env,target_api_secret_env\n"
            f"{source},{target},KEY,SECRET\n",
        )
        record = fleet(accounts=accounts, target="new")
        assert record.outcomes[source].code == 6
        assert all(request.method == "GET" for request in fleet.simulator.requests)


def test_a_target_for_all_is_refused(tmp_path):
    """TWILIO_TARGET_ACCOUNT_SID, which no row names, is not silently left out of account."""
    with many(tmp_path, 2) as fleet:
        fleet.environ |= {"TWILIO_TARGET_ACCOUNT_SID": TWO, "TWILIO_TARGET_AUTH_TOKEN": TOKEN}
        with pytest.raises(BadInput, match="Remove the variable, or add the column"):
            fleet()
