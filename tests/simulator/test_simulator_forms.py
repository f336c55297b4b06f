"""Parsing as a pure function: what any text makes of it."""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.simulator.chat import UPDATES
from migrate.simulator.conversations import NOTIFICATIONS
from migrate.simulator.forms import ApiError, is_web_url, parse_form, parse_update, put

FORMS = [UPDATES["v1"], UPDATES["v2"], NOTIFICATIONS]


@given(st.sampled_from(FORMS), st.text(max_size=20), st.text(max_size=20))
def test_unknown_parameters_are_always_refused(form, key, value):
    """A name that no table has is 20001, whatever its value."""
    if key not in form:
        with pytest.raises(ApiError) as refused:
            parse_form(form, [(key, value)])
        assert (refused.value.status, refused.value.code) == (400, 20001)


@given(st.sampled_from(FORMS), st.data())
def test_any_value_is_read_or_refused(form, data):
    """No text in any parameter does anything but pass or be refused with 400."""
    key = data.draw(st.sampled_from(sorted(form)))
    value = data.draw(st.text(max_size=300) | st.sampled_from(["true", "5", "", "https://example.com/"]))
    try:
        values = parse_update(form, [(key, value)])
    except ApiError as error:
        status = error.status
    else:
        status = 200
        document = {}
        put(document, form, values)
        assert functools.reduce(dict.__getitem__, form[key].path, document) == values[key]
    assert status in {200, 400}


@given(st.text(max_size=40) | st.from_regex(r"https?://[!-~é ]{0,20}", fullmatch=True))
def test_web_urls_are_ascii_and_have_a_host(value):
    """What passes as a web URL has a host and only the characters of a URI."""
    if is_web_url(value):
        assert urlsplit(value).hostname
        assert value.isascii()
        assert not set(value) & set(' <>"{}|\\^`')


@pytest.mark.parametrize(
    "value",
    [
        "https://example.com",
        "http://example.com:8080/a/b?c=d&e=%C3%BC#f",
        "https://user:secret@example.com/hook",
        "https://[2001:db8::1]/hook",
    ],
)
def test_good_web_urls(value):
    """Ordinary URLs pass, with port, query, userinfo and IPv6."""
    assert is_web_url(value)
