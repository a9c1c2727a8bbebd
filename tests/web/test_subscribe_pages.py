"""Subscribing in a real Chromium: every page and state, by keyboard, without scripts, at served."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from feed.clock import Clock
from feed.server import database_setup
from feed.store import subscribers
from feed.store.connection import transaction
from tests.conftest import NOON, Installation, listening, settings
from tests.site_client import SiteClient, site_client
from tests.web.test_browser import Visit, fits_every_size, is_easy_in_either_light, look, window

__all__ = ["look", "window"]  # fixtures

LANGUAGES = ("en", "sv")
PEOPLE = ("pending", "known", "left", "suspended")
# Every page and state: who meets it, behind which link, at which path.
STATES = {
    "confirm": ("pending", "confirm", "/confirm"),
    "confirmed": ("known", "confirm", "/confirm"),
    "preferences": ("known", "letter", "/"),
    "saved": ("known", "letter", "/?saved=1"),
    "mailed": ("known", "letter", "/?mailed=1"),
    "paused": ("paused", "letter", "/"),
    "who left": ("left", "letter", "/"),
    "who is suspended": ("suspended", "letter", "/"),
    "who is pending": ("pending", "letter", "/"),
    "leave": ("known", "letter", "/unsubscribe"),
    "left": ("left", "letter", "/unsubscribe"),
    "move": ("moving", "move", "/move"),
    "moved": ("known", "move", "/move"),
    "private": ("known", "private", "/"),
    "asked": ("known", "private", "/?asked=1"),
    "erase": ("known", "private", "/erase"),
}


@dataclass
class ServedSite:
    """A served site, for a real browser."""

    client: SiteClient
    address: str

    def link(self, who: str, language: str, kind: str, path: str) -> str:
        return self.address + self.client.link(f"{who}.{language}@example.org", kind) + path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    """With people of every state, in both languages."""
    made = Installation(settings(tmp_path_factory.mktemp("served"), SIGNUP_RATE="100000"))
    database_setup.create(made.config, Clock(NOON))
    client = site_client(made)
    for language in LANGUAGES:
        for kind in PEOPLE:
            client.make_subscriber(kind, f"{kind}.{language}@example.org", language=language)
        paused = client.make_subscriber(
            "known", f"paused.{language}@example.org", language=language
        )
        moving = client.make_subscriber(
            "known", f"moving.{language}@example.org", language=language
        )
        with client.harness.open() as (db, _), transaction(db):
            until = (NOON + timedelta(days=20)).date()
            subscribers.change(db, client.subscriber(paused).id, paused_until=until)
            subscribers.change(
                db, client.subscriber(moving).id, new_address=f"{language}@new.example"
            )
    with listening(client.cache) as address:
        yield ServedSite(client, address)


@pytest.fixture
def visit(look: Callable[..., Visit]) -> Iterator[Callable[..., Visit]]:
    """Opens an address, which leaves no cookie."""
    visits: list[Visit] = []

    def at(url: str, **options: Any) -> Visit:
        visits.append(look(url, **options))
        return visits[-1]

    yield at
    for made in visits:
        assert made.page.context.cookies() == []


def is_sound(made: Visit, served: ServedSite, language: str, status: int = 200) -> None:
    """In both lights and every size; it speaks to nobody else, and complains of nothing."""
    assert made.page.locator("html").get_attribute("lang") == language
    assert made.page.locator("h1").count() == 1
    assert re.fullmatch(r"\S.* – Devis", made.page.title())
    is_easy_in_either_light(made)
    fits_every_size(made)
    assert all(url.startswith(served.address + "/") for url in made.requests)
    if status == 200:
        assert made.messages == []
    else:  # the browser's own word on the page
        (message,) = made.messages
        assert f"status of {status} (" in message


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["subscribe/", "subscribe/sent/"])
def test_the_way_in_is_sound(
    served: ServedSite, visit: Callable[..., Visit], path: str, language: str
) -> None:
    made = visit(f"{served.address}/{language}/{path}")
    is_sound(made, served, language)
    for trap in made.page.locator("#comment").all():
        box = trap.locator("xpath=..").bounding_box()
        assert box is None or max(box["width"], box["height"]) <= 1
        assert trap.get_attribute("tabindex") == "-1"
    (other,) = {*LANGUAGES} - {language}
    switch = made.page.locator("nav.languages a")
    assert switch.get_attribute("href") == f"/{other}/{path}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_a_page_behind_a_link_is_sound(
    served: ServedSite, visit: Callable[..., Visit], state: str, language: str
) -> None:
    who, kind, path = STATES[state]
    made = visit(served.link(who, language, kind, path))
    is_sound(made, served, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_that_says_it_is_done_is_sound(
    served: ServedSite, visit: Callable[..., Visit], language: str
) -> None:
    gone = served.client.make_subscriber("known", f"gone.{language}@example.org", language=language)
    assert gone
    made = visit(served.link("gone", language, "private", "/erase"))
    made.page.locator("main form button").click()
    is_sound(made, served, language)
    lost = visit(f"{served.address}/subscription/nothing/", locale=language)
    is_sound(lost, served, language, 404)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("where", "field", "text"),
    [
        ("form", "address", "anna"),
        ("form", "", ""),
        ("letter", "paused_until", "2020-01-01"),
        ("private", "address", "anna@"),
    ],
)
def test_an_error_is_shown_at_its_field_and_takes_the_focus(
    served: ServedSite,
    visit: Callable[..., Visit],
    where: str,
    field: str,
    text: str,
    language: str,
) -> None:
    form = f"{served.address}/{language}/subscribe/"
    made = visit(form if where == "form" else served.link("known", language, where, "/"))
    page = made.page
    if field:
        page.locator(f"#{field}").fill(text)
    else:
        made.run("document.querySelector('[name=stamp]').value = ''")
    page.locator("form.wishes button").click()
    is_sound(made, served, language, 422)
    assert page.locator(":focus").get_attribute("id") == "summary"
    if field:
        assert page.locator(f"#{field}").input_value() == text
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.locator(":focus").get_attribute("id") == field
        told = page.locator(f"#{field}-wrong")
        assert told.is_visible()
        assert told.inner_text() == page.locator("#summary a").inner_text()


def press_until(page: Page, selector: str) -> None:
    """Tab on until the focus is there."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"the Tab key never came to {selector}")


def test_a_visitor_signs_up_and_confirms_by_keyboard_and_without_scripts(
    served: ServedSite, visit: Callable[..., Visit]
) -> None:
    page = visit(f"{served.address}/en/", java_script_enabled=False).page
    press_until(page, "a[href='/en/subscribe/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/en/subscribe/")
    press_until(page, "#address")
    page.keyboard.type("karin@example.org")
    reached = []
    for keys in ([], ["ArrowDown"], ["s", "v"], ["e", "n"], ["0", "6"], []):
        page.keyboard.press("Tab")
        reached.append(page.locator(":focus").get_attribute("name"))
        for key in keys:
            page.keyboard.press(key)
    assert reached == ["cadence", "days", "language", "also", "hour", "timezone"]
    press_until(page, "main form button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/en/subscribe/sent/")
    found = served.client.subscriber("karin@example.org")
    wishes = found.preferences
    assert (wishes.cadence, wishes.workdays, wishes.language, wishes.hour, wishes.timezone) == (
        *("daily", True, "sv", 6),
        "Europe/Stockholm",
    )

    page.goto(served.address + served.client.link("karin@example.org", "confirm") + "/confirm")
    press_until(page, "main form button")
    page.keyboard.press("Enter")
    page.locator("main a").first.wait_for()
    assert served.client.subscriber("karin@example.org").status == "active"
    page.goto(served.address + served.client.link("karin@example.org", "letter") + "/unsubscribe")
    press_until(page, "form[action$=unsubscribe] button")
    page.keyboard.press("Enter")
    page.locator("form[action$=resume]").wait_for()
    assert served.client.subscriber("karin@example.org").status == "left"


def test_days_are_offered_for_daily_digests_only(
    served: ServedSite, visit: Callable[..., Visit]
) -> None:
    page = visit(f"{served.address}/en/subscribe/", java_script_enabled=False).page
    assert page.locator(".days").is_visible()
    page.locator("[value=weekly]").check()
    assert not page.locator(".days").is_visible()


@pytest.mark.parametrize(
    ("zone", "chosen"),
    [
        ("America/New_York", "America/New_York"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Europe/Kyiv", "Europe/Kyiv"),
        ("UTC", "UTC"),
        ("Etc/GMT+5", "Europe/Stockholm"),
    ],
)
def test_the_timezone_is_that_of_the_browser(
    served: ServedSite, visit: Callable[..., Visit], zone: str, chosen: str
) -> None:
    made = visit(f"{served.address}/en/subscribe/", timezone_id=zone)
    assert made.page.locator("#timezone").input_value() == chosen
    assert made.messages == []
    made.page.locator("#address").fill("nobody")
    made.page.locator("#timezone").select_option("Asia/Tokyo")
    made.page.locator("main form button").click()
    assert made.page.locator("#timezone").input_value() == "Asia/Tokyo"


def test_without_scripts_the_timezone_is_the_sites(
    served: ServedSite, visit: Callable[..., Visit]
) -> None:
    options = {"timezone_id": "America/New_York", "java_script_enabled": False}
    page = visit(f"{served.address}/en/subscribe/", **options).page
    assert page.locator("#timezone").input_value() == "Europe/Stockholm"


def test_saved_preferences_are_acknowledged(
    served: ServedSite, visit: Callable[..., Visit]
) -> None:
    page = visit(served.link("paused", "en", "letter", "/")).page
    assert page.get_by_role("status").count() == 0
    page.get_by_label("Pause").fill("")
    page.get_by_label("Hour").select_option("8")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("status").inner_text() == "Saved."
    assert "on Monday 23 November 2026 at 08:00" in page.locator("main").inner_text()
    page.get_by_role("link", name="Unsubscribe").click()
    page.get_by_role("button", name="Once a week instead").click()
    assert "on Monday 23 November 2026 at 08:00" in page.locator("main").inner_text()
    assert page.get_by_label("The week’s principles, on Monday").is_checked()
