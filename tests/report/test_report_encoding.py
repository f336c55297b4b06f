"""A report reaches a stream that cannot encode it all, whole and readable."""

from __future__ import annotations

import html
import io
import json
import re

import pytest
import samples

from migrate.report import FORMATS, render


def rendered(report, format_, encoding):
    """The report as a stream of that encoding holds it."""
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding, errors="strict", newline="")
    render(report, format_, stream)
    stream.flush()
    return buffer.getvalue().decode(encoding)


def plain(report, format_):
    """The report as it is."""
    stream = io.StringIO()
    render(report, format_, stream)
    return stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "iso8859-1", "cp437"])
@pytest.mark.parametrize("format_", FORMATS)
def test_no_encoding_breaks_a_report(format_, encoding):
    """Whatever the names and the locale, every line is written."""
    report = samples.hostile()
    assert rendered(report, format_, encoding).count("\n") == plain(report, format_).count("\n")


@pytest.mark.parametrize("format_", FORMATS)
def test_utf_8_gets_the_report_as_it_is(format_):
    """Where everything can be encoded, nothing is spelled otherwise."""
    assert rendered(samples.hostile(), format_, "UTF-8") == plain(samples.hostile(), format_)


def test_arrows_become_ascii_arrows():
    """Our own signs stay readable on an old terminal; a name is escaped, and what the encoding has stays."""
    text = rendered(samples.report(), "text", "cp1252")
    assert "https://***@hooks.example.com/pre/10" in text
    assert " -> onMessageAdded" in text
    assert "Ventes & après-vente" in text
    assert "\\u304a" in text
    assert "\\u2192" not in text


@pytest.mark.parametrize("format_", ["json", "html"])
def test_what_is_utf_8_by_its_own_word_is_ascii_elsewhere(format_):
    """Bytes in another encoding would be read as UTF-8: only those that mean the same in both are written."""
    assert rendered(samples.report(), format_, "cp1252").isascii()


def test_json_stays_the_same_json():
    """Programs read the same values from an ASCII pipe, emoji and all."""
    report = samples.hostile()
    assert json.loads(rendered(report, "json", "ascii")) == json.loads(plain(report, "json"))


def test_style_and_script_are_ascii():
    """A browser decodes no references in them, and their digests must hold in every encoding."""
    page = plain(samples.report(0), "html")
    for tag in ("style", "script"):
        assert re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1].isascii()


def test_html_shows_the_same_characters():
    """A browser reads the references as the characters that they stand for."""
    report = samples.hostile()
    assert html.unescape(rendered(report, "html", "ascii")) == html.unescape(plain(report, "html"))
