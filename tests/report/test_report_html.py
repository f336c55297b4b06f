"""The HTML report is well formed, self-contained, and lets nothing in that is not its own."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import pytest
import samples

from migrate.report import render
from migrate.report.digest import digest

VOID = {"meta", "link", "input", "br"}


def rendered(report):
    """The HTML of a report."""
    stream = io.StringIO()
    render(report, "html", stream)
    return stream.getvalue()


class Reader(HTMLParser):
    """Notes every tag, attribute and text, and fails on a tag that closes another."""

    def __init__(self, page):
        super().__init__()
        self.opened, self.tags, self.attributes, self.ids, self.texts, self.comments = (
            [],
            set(),
            [],
            [],
            [],
            [],
        )
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        """An element begins."""
        self.tags.add(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag, attrs):
        """An element without content, as SVG writes it."""
        self.handle_starttag(tag, attrs)
        self.opened.pop()

    def handle_endtag(self, tag):
        """The element opened last must be the one that ends."""
        assert self.opened.pop() == tag

    def handle_data(self, data):
        """Text, with the element it stands in."""
        self.texts.append((self.opened[-1] if self.opened else "", data))

    def handle_comment(self, data):
        """A comment."""
        self.comments.append(data)


PAGES = {
    "run": lambda: samples.report(kind="run", make=samples.ran),
    "hostile": samples.hostile,
    "rollback": lambda: samples.report(kind="rollback", make=samples.rolled_back),
    "elsewhere": samples.elsewhere,
    "large": lambda: samples.report(61),
    "empty": lambda: samples.report(0),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_tag_is_closed_in_order_and_every_id_is_unique(name):
    """The page is balanced, whatever it shows, and links lead somewhere."""
    page = Reader(rendered(PAGES[name]()))
    assert page.opened == []
    assert len(page.ids) == len(set(page.ids))
    links = {
        value[1:] for _, attribute, value in page.attributes if attribute == "href" and value.startswith("#")
    }
    assert links <= set(page.ids)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_refers_to_the_outside(name):
    """No attribute, style or script names another file or host."""
    html = rendered(PAGES[name]())
    page = Reader(html)
    referring = {
        "src",
        "href",
        "action",
        "srcset",
        "poster",
        "data",
        "xlink:href",
        "formaction",
        "background",
    }
    for tag, attribute, value in page.attributes:
        assert not attribute.startswith("on")
        assert attribute != "style"
        if attribute in referring:
            assert value.startswith("#") or (tag == "link" and value == "data:,")
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1] for tag in ("style", "script"))
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|WebSocket|https?:", script)


def test_the_policy_allows_our_style_and_script_and_nothing_else():
    """The digests in the policy are those of the embedded style and script; everything else is forbidden."""
    html = rendered(samples.small())
    policy = next(
        value for tag, name, value in Reader(html).attributes if value and value.startswith("default-src")
    )
    for tag in ("style", "script"):
        source = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_hostile_content_stays_text():
    """Names that look like tags, comments or template code are shown, not obeyed."""
    html = rendered(samples.hostile())
    page = Reader(html)
    own = (samples.report(kind="run", make=samples.ran), samples.elsewhere(), samples.small("rollback"))
    assert page.tags == set().union(*(Reader(rendered(report)).tags for report in own))
    assert page.comments == []
    assert html.count("<script>") == html.count("</script>") == 1
    texts = [text for tag, text in page.texts if tag == "bdi"]
    for name in samples.HOSTILE:
        if name.isprintable() and name:
            assert name in texts
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "\u2028" not in html
    html.encode()


def test_what_needs_a_person_comes_before_the_services():
    """Outcome, what needs a person, the picture, the services: all in the markup, the filter waits for its script."""
    html = rendered(samples.small())
    texts = ("3 of 4 services would change", "Needs a person: ", "The account at a glance", 'id="s0"')
    places = [html.index(text) for text in texts]
    assert places == sorted(places)
    assert html.rindex("https://hooks.example.com/16/post?token=***") > places[-1]
    assert '<form class="filter" id="filter" role="search" hidden>' in html


def drawn(services):
    """The picture of services: name → group → level."""
    found = digest(services, picture=True)
    ignored = {key for key, group in found.causes.items() if found.is_widespread(group)}
    return found.strips.picture(ignored)


def test_the_picture_shows_the_worst_of_each_group():
    """One bad field colours its cell; groups without fields are left out of the picture."""
    shown = drawn([samples.account(2)])
    ((name, levels),) = shown.rows
    assert name == "Marketplace chat"
    assert {group: level.name for group, level in zip(shown.groups, levels, strict=True)} == {
        "Identity": "equal", "Roles": "equal", "Presence": "equal", "Limits": "equal", "Webhooks": "change",
        "v1 events": "manual", "Push": "equal", "Media": "equal",
    }  # fmt: skip


def test_what_nearly_all_services_have_does_not_colour_the_picture():
    """It would hide what only some have."""
    shown = drawn([samples.service(number, "x", {"retries"}) for number in range(6)])
    assert [(level.name, services) for level, services in shown.bars[shown.groups.index("Webhooks")]] == [
        ("equal", 6)
    ]


def test_a_report_without_fields_has_no_empty_picture():
    """A rollback that restores nothing shows no grid without columns; its services are still listed."""
    bare = samples.report(2, "rollback", lambda number: samples.replace(samples.account(number), fields=()))
    html = rendered(bare)
    assert "The account at a glance" not in html
    assert 'id="s1"' in html


def test_a_large_account_is_drawn_as_bars():
    """More than sixty services have no rows; the bars count every one of them."""
    shown = drawn(map(samples.account, range(61)))
    assert shown.rows == []
    assert [sum(services for _, services in bar) for bar in shown.bars] == [61] * 8
    assert "Services by their worst field in each group" in rendered(samples.report(61))
