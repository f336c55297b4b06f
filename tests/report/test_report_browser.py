"""The HTML report in a real browser: it filters, folds, asks for nothing and complains of nothing."""

from __future__ import annotations

import asyncio

import browser
import pytest
import samples

from migrate.report import render

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="Chromium is not installed: the HTML report was not tried in a browser"
)

SHOWN = "[...document.querySelectorAll('.service')].filter(one => one.checkVisibility()).map(one => one.id)"
VISIBLE_TEXT = "document.body.innerText"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """The port of a Chromium that all tests share."""
    with browser.chromium(tmp_path_factory.mktemp("profile")) as port:
        yield port


@pytest.fixture
def visit(chromium, tmp_path):
    """Opens a report in a new tab, performs the actions, and takes a last look at the page."""

    def visit(report, actions, **options):
        file = tmp_path / "report.html"
        with file.open("w", encoding="utf-8") as stream:
            render(report, "html", stream)

        async def run():
            async with browser.new_page(chromium) as page:
                await page.open(file.as_uri(), **options)
                await actions(page)
                assert page.requests == [file.as_uri()]
                assert page.complaints == []

        asyncio.run(run())

    return visit


async def fill(page, field, text):
    """Types a text into a field and waits until the page has followed."""
    await page.evaluate(
        f"(() => {{ const field = document.getElementById('{field}'); field.value = {text!r};"
        "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    await asyncio.sleep(0.3)


async def click(page, selector):
    """Clicks an element and waits until the page has followed."""
    await page.evaluate(f"document.querySelector({selector!r}).click()")
    await asyncio.sleep(0.3)


def test_it_filters_by_verdict_service_and_text(visit):
    """Each filter narrows the list and the picture, they combine, and the page says how many are left."""

    async def actions(page):
        assert len(await page.evaluate(SHOWN)) == 12
        await click(page, "input[value=manual]")
        assert await page.evaluate(SHOWN) == ["s2", "s4", "s5", "s10"]
        await fill(page, "by-text", "LEGACY.example.com/member_added")
        assert await page.evaluate(SHOWN) == ["s2", "s10"]
        await fill(page, "by-service", "marketplace")
        assert await page.evaluate(SHOWN) == ["s2"]
        assert await page.evaluate("document.getElementById('shown').value") == "1 of 12 services"
        assert (
            await page.evaluate("document.querySelectorAll('.matrix tr[data-service]:not([hidden])').length")
            == 1
        )
        await fill(page, "by-service", "no such service")
        assert await page.evaluate(SHOWN) == []
        assert "0 of 12 services" in await page.evaluate(VISIBLE_TEXT)

    visit(samples.report(), actions)


CARDS = (
    "[...document.querySelectorAll('#needs ~ .card')].filter(one => one.checkVisibility())"
    ".map(one => one.querySelector('strong').textContent)"
)
PLACES = (
    "[...document.querySelectorAll('#needs ~ .card li')].filter(one => one.checkVisibility())"
    ".map(one => one.querySelector('a').textContent)"
)


def test_filters_act_on_what_needs_a_person_too(visit):
    """Cards follow verdict, text and service; a card shows the services that match; Clear brings all back."""

    async def actions(page):
        whole = await page.evaluate(CARDS)
        assert len(whole) == 7
        await click(page, "input[value=manual]")
        manual = await page.evaluate(CARDS)
        assert manual[0] == "Per-event webhooks that need an endpoint of their own"
        assert len(manual) == 3
        assert await page.evaluate("document.querySelector('#needs output').value") == "3 of 7 shown"
        assert await page.evaluate("[...document.querySelectorAll('#needs ~ h3')].map(one => one.hidden)") == [
            False, True, True,
        ]  # fmt: skip
        await fill(page, "by-text", "need an ENDPOINT")
        assert await page.evaluate(CARDS) == [manual[0]]
        await fill(page, "by-service", "live events")
        assert await page.evaluate(PLACES) == ["Live events 🎤"]
        await fill(page, "by-service", "no such service")
        assert await page.evaluate(CARDS) == []
        assert await page.evaluate("document.querySelector('#needs output').value") == "0 of 7 shown"
        await click(page, "button[type=reset]")
        assert await page.evaluate(CARDS) == whole
        assert await page.evaluate("document.querySelector('#needs output').value") == ""
        assert len(await page.evaluate(SHOWN)) == 12

    visit(samples.report(), actions)


def test_a_long_list_of_services_is_filtered_when_it_is_unfolded(visit):
    """What was folded when the filter was set follows it as soon as it is opened."""

    async def actions(page):
        await fill(page, "by-service", "Telehealth consultations 3")
        await page.evaluate(
            "document.querySelectorAll('#needs ~ .card:not([hidden]) details.lazy')"
            ".forEach(one => { one.open = true; })"
        )
        await asyncio.sleep(0.3)
        places = await page.evaluate(PLACES)
        assert places
        assert all(name.startswith("Telehealth consultations 3") for name in places)

    visit(samples.report(120), actions)


def test_it_folds_and_opens(visit):
    """A section is empty until it is opened, by click or by a link; equal fields stay folded in it."""

    async def actions(page):
        rows = "document.querySelectorAll('#s2 tr').length"
        assert await page.evaluate(rows) == 0
        await click(page, "#s2 > summary")
        assert await page.evaluate(rows) > 20
        assert not await page.evaluate("document.querySelector('#s2 details:last-child').open")
        await click(page, ".matrix a[href='#s7']")
        assert await page.evaluate("document.getElementById('s7').open")
        await click(page, "#close")
        assert await page.evaluate("document.querySelectorAll('.service[open]').length") == 0
        await click(page, "#open")
        assert await page.evaluate("document.querySelectorAll('.service[open]').length") == 12

    visit(samples.report(), actions)


def test_without_scripts_it_still_tells_everything(visit):
    """With scripting off, needs are readable, sections open, and no dead control is shown."""

    async def actions(page):
        text = await page.evaluate(VISIBLE_TEXT)
        assert "Per-event webhooks that need an endpoint of their own" in text
        assert "Show services with" not in text
        await page.evaluate(
            "document.querySelector('#s2').open = true,"
            "document.querySelector('#s2').scrollIntoView({behavior: 'instant'})"
        )
        await asyncio.sleep(0.3)
        assert "https://hooks.example.com/16/post?token=***" in await page.evaluate(VISIBLE_TEXT)

    visit(samples.report(), actions, scripts=False)


def test_what_is_folded_is_printed(visit):
    """Before printing, the lists in cards and the sections hold what they show, filtered as on the screen."""

    async def actions(page):
        await fill(page, "by-service", "1")
        await page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert await page.evaluate("document.querySelectorAll('.card noscript').length") == 0
        shown = "[...document.querySelectorAll('#receivers ~ .card li:not([hidden]) a')].map(one => one.textContent)"
        names = await page.evaluate(shown)
        assert len(names) > 12
        assert (
            await page.evaluate("document.querySelectorAll('.service:not([hidden]) > noscript').length") == 0
        )

    visit(samples.report(120), actions)


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_do_nothing_at_any_width(visit, width):
    """Everything is opened and nothing runs, loads, leaves its element or makes the page wider."""

    async def actions(page):
        before = await page.evaluate("document.querySelectorAll('img, script').length")
        await click(page, "#open")
        assert await page.evaluate("document.querySelectorAll('img, script').length") == before == 1
        assert await page.evaluate("document.querySelectorAll('details.service').length") == len(
            samples.HOSTILE
        )
        assert await page.evaluate("document.documentElement.scrollWidth") <= width

    visit(samples.hostile(), actions, width=width)


@pytest.mark.parametrize("width", [1280, 390])
def test_what_needs_a_person_is_on_the_first_screens(visit, width):
    """Neither the table of all services nor a squeezed caption stands before it."""

    async def actions(page):
        top = "document.querySelector('#needs').getBoundingClientRect().top + scrollY"
        assert await page.evaluate(top) < 1000
        narrow = (
            "[...document.querySelectorAll('caption')].every(one => one.getBoundingClientRect().width > 200)"
        )
        assert await page.evaluate(narrow)

    visit(samples.report(120), actions, width=width)
