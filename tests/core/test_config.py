"""Credentials and addresses: what the environment may hold, and what is refused without being shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.config import endpoints, is_loopback, is_sid, source_credentials, target_credentials
from migrate.core.errors import BadInput

ACCOUNT, OTHER = "AC" + "1" * 32, "AC" + "2" * 32
KEY = "SK" + "3" * 32
TOKEN = "token-that-nobody-may-see"
BY_TOKEN = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
BY_KEY = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_API_KEY": KEY, "TWILIO_API_SECRET": TOKEN}


def of_target(environ):
    """The same variables for the target account."""
    return {name.replace("TWILIO_", "TWILIO_TARGET_"): value for name, value in environ.items()}


@pytest.mark.parametrize(
    ("environ", "username"), [(BY_TOKEN, ACCOUNT), (BY_KEY, KEY), ({**BY_KEY, **BY_TOKEN}, ACCOUNT)]
)
def test_a_token_or_an_api_key_will_do(environ, username):
    """Account SID and token, or API key and secret, are credentials, for source and target alike."""
    for found in (
        source_credentials(environ),
        target_credentials(environ),
        target_credentials(of_target(environ)),
    ):
        assert (found.account_sid, found.username, found.password) == (ACCOUNT, username, TOKEN)


def test_the_target_has_variables_of_its_own():
    """One target variable is enough for all target credentials to be taken from target variables."""
    target = {**of_target(BY_TOKEN), "TWILIO_TARGET_ACCOUNT_SID": OTHER}
    assert target_credentials({**BY_TOKEN, **target}).account_sid == OTHER
    assert source_credentials({**BY_TOKEN, **target}).account_sid == ACCOUNT
    with pytest.raises(BadInput, match="TWILIO_TARGET_AUTH_TOKEN"):
        target_credentials({**BY_TOKEN, "TWILIO_TARGET_ACCOUNT_SID": OTHER})
    assert target_credentials({**BY_TOKEN, "TWILIO_TARGET_ACCOUNT_SID": ""}).account_sid == ACCOUNT


INCOMPLETE = {
    "nothing": ({}, "TWILIO_ACCOUNT_SID is not set"),
    "no account": ({"TWILIO_AUTH_TOKEN": TOKEN}, "TWILIO_ACCOUNT_SID is not set"),
    "empty account": ({**BY_TOKEN, "TWILIO_ACCOUNT_SID": ""}, "TWILIO_ACCOUNT_SID is not set"),
    "account only": ({"TWILIO_ACCOUNT_SID": ACCOUNT}, "set TWILIO_AUTH_TOKEN"),
    "key without secret": ({**BY_KEY, "TWILIO_API_SECRET": ""}, "TWILIO_API_SECRET"),
    "secret without key": ({**BY_KEY, "TWILIO_API_KEY": ""}, "TWILIO_API_KEY"),
    "short account": (
        {**BY_TOKEN, "TWILIO_ACCOUNT_SID": "AC123"},
        "TWILIO_ACCOUNT_SID is not an account SID",
    ),
    "account with a line end": ({**BY_TOKEN, "TWILIO_ACCOUNT_SID": ACCOUNT + "\n"}, "is not an account SID"),
    "service for account": ({**BY_TOKEN, "TWILIO_ACCOUNT_SID": "IS" + "1" * 32}, "is not an account SID"),
    "key that is none": ({**BY_KEY, "TWILIO_API_KEY": ACCOUNT}, "TWILIO_API_KEY is not an API key's SID"),
    "token with a line end": ({**BY_TOKEN, "TWILIO_AUTH_TOKEN": TOKEN + "\n"}, "TWILIO_AUTH_TOKEN holds"),
    "token beyond ASCII": ({**BY_TOKEN, "TWILIO_AUTH_TOKEN": TOKEN + "ключ"}, "TWILIO_AUTH_TOKEN holds"),
    "secret with a space": ({**BY_KEY, "TWILIO_API_SECRET": TOKEN + " x"}, "TWILIO_API_SECRET holds"),
}


@pytest.mark.parametrize(("environ", "message"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_missing_or_malformed_is_named(environ, message):
    """The variable that is wrong is named, in its account's words, and no secret is shown."""
    with pytest.raises(BadInput, match=message) as refusal:
        source_credentials(environ)
    assert TOKEN not in str(refusal.value)
    target = of_target({"TWILIO_X": "1", **environ})
    with pytest.raises(BadInput, match=message.replace("TWILIO_", "TWILIO_TARGET_")):
        target_credentials(target)


def test_credentials_do_not_show_their_secret():
    """Printing credentials, as a traceback might, leaves the secret out."""
    assert TOKEN not in repr(source_credentials(BY_TOKEN))


GOOD_URLS = [
    "https://proxy.example.com",
    "https://proxy.example.com:8443/twilio",
    "http://127.0.0.1:8000/chat",
    "http://127.9.9.9",
    "http://localhost:1",
    "http://LOCALHOST:1",
    "http://[::1]:80",
]
BAD_URLS = {
    "http://chat.example.com": "plain http",
    "http://10.0.0.1:8000": "plain http",
    "http://0.0.0.0:8000": "plain http",
    "http://localhost.example.com": "plain http",
    "http://127.0.0.1.example.com": "plain http",
    "http://127.0.0.1@example.com": "no user name",
    "https://user:secret@example.com": "no user name",
    "https://:secret@example.com": "no user name",
    "https://example.com/?a=1": "no user name, query or fragment",
    "https://example.com/#a": "no user name, query or fragment",
    "ftp://example.com": "is not a URL",
    "file:///etc/passwd": "is not a URL",
    "example.com": "is not a URL",
    "https://": "is not a URL",
    "https://exa mple.com": "is not a URL",
    "https://example.com:99999": "is not a URL",
    "https://example.com:x": "is not a URL",
    "http://[::1": "is not a URL",
}
URL_NAMES = ["TWILIO_CHAT_URL", "TWILIO_CONVERSATIONS_URL", "TWILIO_API_URL"]


@pytest.mark.parametrize("name", URL_NAMES)
@pytest.mark.parametrize("url", GOOD_URLS)
def test_https_and_loopback_are_accepted(name, url):
    """A replacement URL is https, or http to this very machine; a slash at its end does not matter."""
    found = endpoints({name: url + "/"})
    assert url in (found.chat_url, found.conversations_url, found.accounts_url)


@pytest.mark.parametrize("name", URL_NAMES)
@pytest.mark.parametrize(("url", "message"), BAD_URLS.items(), ids=BAD_URLS)
def test_other_urls_are_refused(name, url, message):
    """Plain http to another host, and what is no URL, is refused by the variable's name; secrets are not shown."""
    with pytest.raises(BadInput, match=f"^{name} .*{message}") as refusal:
        endpoints({name: url})
    assert "secret" not in str(refusal.value)


def test_nothing_set_means_twilio():
    """Without variables, requests go to Twilio's own hosts with a time-out."""
    found = endpoints({"TWILIO_CHAT_URL": "", "TWILIO_REGION": ""})
    assert (found.chat_url, found.conversations_url, found.region, found.edge) == (None,) * 4
    assert 0 < found.timeout <= 60


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf", "1e9", "1 s"])
def test_a_timeout_is_a_sensible_number_of_seconds(text):
    """A time-out that would never, or always, strike is refused."""
    with pytest.raises(BadInput, match=r"^CHAT_MIGRATE_TIMEOUT must be a number"):
        endpoints({"CHAT_MIGRATE_TIMEOUT": text})
    assert endpoints({"CHAT_MIGRATE_TIMEOUT": "0.5"}).timeout == 0.5


@given(st.text() | st.none() | st.integers())
def test_a_sid_has_two_letters_and_32_hexadecimal_digits(text):
    """Nothing else is a SID."""
    assert not is_sid("IS", text) or (len(text) == 34 and text.startswith("IS"))
    assert is_sid("IS", "IS" + "0aF9" * 8)
    assert not is_sid("AC", "IS" + "0aF9" * 8)


@given(st.text(max_size=30))
def test_any_text_is_a_url_or_bad_input(text):
    """No value of the variable causes anything but an address or a refusal."""
    try:
        found = endpoints({"TWILIO_CHAT_URL": text}).chat_url
    except BadInput:
        return
    assert found is None or found.startswith("https://")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.1", "::1", "localhost"])
def test_loopback_is_this_machine(host):
    """Every address of the loopback network is this machine."""
    assert is_loopback(host)
