"""The Markdown report survives a pull request: nothing in it becomes markup, a mention or a link."""

from __future__ import annotations

import io
import re

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from migrate.report import render
from migrate.report.markdown_report import code, prose
from migrate.report.view import View

UNPRINTED = "<!-- -->"


def rendered(report, **options):
    """The Markdown of a report."""
    stream = io.StringIO()
    render(report, "markdown", stream, View(**options))
    return stream.getvalue()


def outside_code(markdown):
    """What a Markdown parser sees as more than code: the text without its code spans and `<code>`."""
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|<code>.*?</code>", "", markdown)


@pytest.mark.parametrize("full", [False, True])
def test_every_row_of_a_table_has_the_cells_of_its_head(full):
    """No value adds, splits or ends a cell: a pipe stands only between cells."""
    columns = None
    rows = 0
    for line in rendered(samples.hostile(), full=full).splitlines():
        if not line.startswith("|"):
            columns = None
            continue
        columns = columns or line.count("|")
        rows += 1
        assert line.count("|") == columns, line
        assert line.endswith("|")
    assert rows > (200 if full else 5)


def test_hostile_content_is_neither_markup_nor_mention_nor_link():
    """Outside code spans no tag but our own, no mention, no reference, no link is left."""
    text = outside_code(rendered(samples.hostile())).replace(UNPRINTED, "\x00").replace("&#124;", "")
    assert set(re.findall(r"</?[a-z]+", text)) == {"<details", "</details", "<summary", "</summary"}
    assert not re.search(r"@\w|#\d|://\w|(?<!\\)\]\(", text)
    assert "{{ 7*7 }}" not in text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_code_span_ends_where_it_should(text):
    """Whatever the value, the fences match, no line breaks, and no pipe is left to split a cell."""
    shown = code(text)
    assert "|" not in shown
    assert len(shown.splitlines()) == 1
    assert outside_code(shown).replace("&#124;", "") == ""


@given(st.text("ab@#*_`[]()<>|\\&~-+=1. :/w\n\u202e", max_size=30))
def test_prose_opens_no_markup(text):
    """Every character that could open markup is escaped or an entity."""
    shown = prose(text).replace(UNPRINTED, "\x00")
    bare = re.sub(r"\\[\\`*_\[\]~$#=+.)-]|&#124;", "", shown)
    assert not re.search(r"[`*_\[\]<>|~]", bare)
    assert not re.search(
        r"@\S|#\S|://\S", bare.replace("@\x00", "").replace("#\x00", "").replace("://\x00", "")
    )
    assert not re.match(r"[-+=#]|\d+[.)]", shown)


def test_long_parts_are_folded_and_a_summary_fits_a_comment():
    """The whole is never cut; a summary stays below what a comment on GitHub takes (65,536 characters)."""
    text = rendered(samples.report(300))
    assert text.count("<details>") == text.count("</details>") > 300
    assert "… and" not in text
    assert len(rendered(samples.report(300), full=False)) < 5000


def test_failures_stand_before_everything_else_in_a_run():
    """The first heading of a run that went wrong is about what went wrong."""
    headings = re.findall(r"^### (.*)$", rendered(samples.report(kind="run", make=samples.ran)), re.MULTILINE)
    assert headings[:2] == ["Did not end well: 3 steps", "Needs a person: 77 fields in 7 services"]
