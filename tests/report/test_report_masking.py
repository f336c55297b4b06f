"""Secrets never leave, and what people need to recognise stays."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import Verdict
from migrate.core.masking import MASK, mask_secrets, mask_url
from migrate.model.state import State
from migrate.report import FORMATS, render
from migrate.report.view import View

SECRETS = st.text("ABCDEFGHJKMNPQRSTVWXYZ23456789-_.~%+", min_size=12, max_size=40).map(
    lambda text: f"Zq{text}"
)
NAMES = st.sampled_from(["token", "t", "x-key", "a[b]", "sig", "", "!!", "q" * 41])


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://example.com/hook", "https://example.com/hook"),
        ("https://user:pw@example.com:8443/hook", "https://***@example.com:8443/hook"),
        ("https://token@example.com/hook", "https://***@example.com/hook"),
        ("https://example.com/hook?token=abc&mode=x", "https://example.com/hook?token=***&mode=***"),
        ("https://example.com/hook?c2VjcmV0==", "https://example.com/hook?***"),
        ("https://example.com/hook?flag", "https://example.com/hook?***"),
        ("https://example.com/hook#rc=2&rt=5&key=abc", "https://example.com/hook#rc=2&rt=5&key=***"),
        ("https://example.com/a;sid=abc/b", "https://example.com/a;sid=***/b"),
        ("https://user:pa/ss@example.com/hook", "https://***@example.com/hook"),
        ("https://user:pa#ss@example.com/hook", "https://***@example.com/hook"),
        ("https://user:p@ss/w@example.com/hook", "https://***@example.com/hook"),
        ("//user:pw@example.com/hook", "//***@example.com/hook"),
        ("user:pw@example.com/hook?x=1", "***@example.com/hook?x=***"),
        (
            "https://proxy.example.com/https://u:p@example.com/",
            "https://proxy.example.com/https://***@example.com/",
        ),
        (
            "https://a.example.com,https://u:p@b.example.com",
            "https://a.example.com,https://***@b.example.com",
        ),
        ("https://[::1]:8080/hook", "https://[::1]:8080/hook"),
        ("https://example.com/@room", "https://example.com/@room"),
        ("", ""),
    ],
)
def test_the_address_stays_and_the_secret_goes(url, masked):
    """Host and path identify the receiver; userinfo, query values and unknown fragment values are hidden."""
    assert mask_url(url) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "See https://u:p@example.com/a?b=c, then go on.",
            "See https://***@example.com/a?b=***, then go on.",
        ),
        ("(https://example.com/a?b=c)", "(https://example.com/a?b=***)"),
        ("auth_token=abc123 was refused", "auth_token=*** was refused"),
        ("limit = 100 and/or more", "limit = 100 and/or more"),
        ("${USER}: ${MESSAGE}", "${USER}: ${MESSAGE}"),
        ("roles.support/eu.permissions", "roles.support/eu.permissions"),
    ],
)
def test_urls_inside_sentences_are_masked_and_the_sentence_stays(text, masked):
    """A reason may quote a URL; only the secret in it is replaced."""
    assert mask_secrets(text) == masked


def test_values_keep_their_shape():
    """Lists and objects are masked inside, numbers and null stay, and names decide where looks do not."""
    value = {
        "PreWebhookUrl": "example.com/hook?a b=c d",
        "auth_token": "abc",
        "n": [1, None, True, "https://h/?k=v"],
    }
    assert mask_secrets(value) == {
        "PreWebhookUrl": "example.com/hook?***",
        "auth_token": MASK,
        "n": [1, None, True, "https://h/?k=***"],
    }


URLISH = st.text("hs:/@?#&=;\\ .[]'1") | st.from_regex(r"https?://[a-z:@/?#&=;.]{0,20}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | URLISH,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("callback_url"), inner),
)


@given(VALUES)
def test_masking_twice_is_masking_once(value):
    """Masking is total over JSON and idempotent."""
    once = mask_secrets(value)
    assert mask_secrets(once) == once


@given(st.text("abc/@:?#&=;.+%"), st.text("abc /,.()'", max_size=9))
def test_a_password_is_masked_whatever_stands_in_it(password, around):
    """Unescaped delimiters make a URL invalid, but must not make its password visible."""
    masked = mask_secrets(f"{around} https://user:Zq{password}Zq@example.com/hook {around}")
    assert "Zq" not in masked


@settings(max_examples=25, deadline=None)
@given(secret=SECRETS, name=NAMES, place=st.sampled_from(["userinfo", "password", "query", "fragment"]))
def test_a_secret_in_a_url_reaches_no_format(secret, name, place):
    """Whatever renderer, and wherever a report holds the URL, the secret is not in the output."""
    url = {
        "userinfo": f"https://{secret}@example.com/hook",
        "password": f"https://user:{secret}@example.com/hook",
        "query": f"https://example.com/hook?{name}={secret}",
        "fragment": f"https://example.com/hook#{name}={secret}",
    }[place]
    for format_ in FORMATS:
        for full in (True, False):
            stream = io.StringIO()
            render(report_with(url), format_, stream, View(full=full))
            assert secret not in stream.getvalue(), format_


def report_with(url):
    """A report that holds a URL everywhere a string can stand."""
    row = samples.row(
        "post_webhook_url",
        url,
        "manual",
        f"Look at {url}, please.",
        before=url,
        after=[url, {url: url}],
        change=True,
    )
    error = samples.StepError(f"POST {url} failed", 400, 1, "RQ1", f"Check {url}.")
    step = samples.step(
        f"k {url}", "webhooks", {"PostWebhookUrl": url, "Filters": [url]}, "failed", error=error
    )
    altered = (samples.AlteredValue("post_webhook_url", url, [url]), samples.AlteredValue("x", url, url))
    one = replace(
        samples.service(0, url),
        fields=(row, row._replace(source=f"x {url}", verdict=Verdict.EXACT, change=False)),
        steps=(step, replace(step, error=None, state=State.ALTERED, altered=altered)),
        items=samples.with_channels(0, 1).items,
        item_steps=(step,),
        item_troubles=(step,),
    )
    report = samples.report(1, "run", lambda _number: one)
    examined = samples.Examined(("v2",), warnings=(f"{url} was not read.",))
    return replace(report, snapshot=replace(report.snapshot, examined=examined))


def test_a_difference_that_masking_hides_is_named():
    """Two URLs that differ in a secret only would look equal: the text says that they differ."""
    row = samples.row(
        "post_webhook_url",
        "https://h/?t=new",
        before="https://h/?t=old",
        after="https://h/?t=new",
        change=True,
    )
    one = replace(samples.service(0, "x"), fields=(row,), steps=())
    stream = io.StringIO()
    render(samples.report(1, make=lambda _number: one), "text", stream)
    assert "differ in a part that is hidden" in stream.getvalue()
