"""The desk in a real Chromium: every page sound in both languages, every size and light; and nobody
needs a mouse or a script to sign in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import html5lib
import pytest
from playwright.sync_api import Browser, BrowserContext

from feed import clock
from feed.accounts import people
from feed.app import create_app
from feed.library import exchange
from feed.server import database_setup
from tests.conftest import NOON, Installation, free_port, listening, settings
from tests.desk_client import Desk, prepared_session
from tests.web.test_browser import NARROW, Visit, fits_every_size, is_easy_in_either_light

LANGUAGES = ("en", "sv")
# Every page: who meets it, and where.
PAGES = {
    "sign in": ("nobody", "/desk/sign-in"),
    "sent": ("nobody", "/desk/sign-in/sent"),
    "lost": ("nobody", "/desk/link/x"),
    "refused": ("translator", "/desk/people/"),
    "overview": ("administrator", "/desk/"),
    "account": ("administrator", "/desk/account/?saved=1"),
    "confirm": ("administrator", "/desk/sign-in/confirm"),
    "people": ("administrator", "/desk/people/?invited=1"),
    "person": ("administrator", "/desk/people/1/"),
    "new": ("curator", "/desk/principles/new"),
    "principle": ("editor", "/desk/principles/lead-what-lies-in-front/"),
    "translation": ("translator", "/desk/principles/lead-what-lies-in-front/"),
    "beside the original": ("translator", "/desk/translations/lead-what-lies-in-front/sv/"),
    "review": ("editor", "/desk/principles/lead-what-lies-in-front/review"),
    "history": ("editor", "/desk/principles/lead-what-lies-in-front/history/"),
    "sources": ("editor", "/desk/sources/"),
    "source": ("editor", "/desk/sources/leaderful/"),
    "theme": ("editor", "/desk/themes/trust/"),
    "merge": ("editor", "/desk/sources/leaderful/merge?into=fem-deviser"),
}


@dataclass
class Room:
    """A desk that a browser can come to."""

    desk: Desk
    address: str

    def enter(self, browser: Browser, role: str, language: str, **options: Any) -> BrowserContext:
        """A browser of a user with that role and interface language."""
        context = browser.new_context(
            **{"viewport": NARROW, "locale": language, "base_url": self.address, **options}
        )
        self.sign_in(context, role, language)
        return context

    def sign_in(self, context: BrowserContext, role: str, language: str) -> None:
        """Sign the browser in as a user with that role."""
        context.clear_cookies()
        if role != "nobody":
            found = self.desk.account(role)
            with self.desk.installation.open() as db:
                people.set_language(db, found, language)
                token = prepared_session(db, found, NOON)
            context.add_cookies([{"name": "devis-desk", "value": token, "url": self.address}])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """On the shipped library, with today's edition."""
    port = free_port()
    made = Installation(settings(tmp_path_factory.mktemp("room"), PORT=str(port)))
    database_setup.create(made.config, clock.Clock(NOON, 0))
    made.load(exchange.shipped_files())
    made.publish()
    app = create_app(made.config, lambda: NOON)  # type: ignore[arg-type]
    with listening(app, port) as address:
        yield Room(Desk(made), address)


@pytest.fixture(scope="module")
def windows(room: Room, browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A window of each language that stays open, as that is quicker than one for each page."""
    made = {language: room.enter(browser, "nobody", language) for language in LANGUAGES}
    for context in made.values():
        context.new_page()
    yield made
    for context in made.values():
        context.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_of_the_desk_is_sound_in_every_size_and_light(
    room: Room, windows: dict[str, BrowserContext], kind: str, language: str
) -> None:
    role, path = PAGES[kind]
    context = windows[language]
    room.sign_in(context, role, language)
    visit = Visit(context.new_page())
    visit.page.on("console", lambda message: visit.messages.append(message.text))
    visit.page.on("pageerror", lambda error: visit.messages.append(str(error)))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    answer = visit.page.goto(path, wait_until="load")
    assert answer is not None
    html5lib.HTMLParser(strict=True).parse(answer.text())
    assert visit.run("document.documentElement.lang") == language
    assert visit.run("document.querySelectorAll('h1').length") == 1
    is_easy_in_either_light(visit)
    fits_every_size(visit)
    assert [url for url in visit.requests if not url.startswith(room.address)] == []
    # Axe asks the frame of a preview, too, which lets nothing run in it.
    harmless = ("Failed to load resource", "Failed to execute 'postMessage'")
    assert [text for text in visit.messages if not text.startswith(harmless)] == []
    visit.page.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_invited_curator_signs_in_by_keyboard_and_again_by_a_mailed_link(
    room: Room, browser: Browser, scripts: bool
) -> None:
    curator = room.desk.account("curator", f"Keyboard{scripts} Person")
    context = room.enter(browser, "nobody", "sv", java_script_enabled=scripts)
    page = context.new_page()
    page.goto(room.desk.link(curator))
    assert page.get_by_role("heading", level=1).inner_text() == f"Välkommen, {curator.name}"
    page.get_by_role("button", name="Logga in").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/")
    page.get_by_role("button", name=re.compile("Sign out|Logga ut")).first.click()
    page.wait_for_url("**/desk/sign-in")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#address").focus()
    page.keyboard.type(curator.address)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/sign-in/sent")
    page.goto(room.desk.link(curator, "sign-in"))
    page.get_by_role("button", name="Logga in").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/")
    context.close()


def test_an_error_takes_the_focus_and_leads_to_its_field(room: Room, browser: Browser) -> None:
    context = room.enter(browser, "administrator", "en")
    page = context.new_page()
    page.goto("/desk/people/")
    page.get_by_label("Name", exact=True).fill("Anna")
    page.get_by_label("Email address").fill("anna at home")
    page.get_by_label("Editor").check()
    page.get_by_role("button", name="Send the invitation").click()
    page.wait_for_function("() => document.activeElement.id === 'summary'")
    link = page.locator("#summary a").first
    assert "has no @" in link.inner_text()
    link.click()
    page.wait_for_function("() => document.activeElement.id === 'address'")
    assert page.locator("#address").get_attribute("aria-invalid") == "true"
    assert page.get_by_label("Name", exact=True).input_value() == "Anna"
    assert page.get_by_label("Editor").is_checked()
    context.close()


def test_the_credit_and_near_duplicates_follow_while_one_types(
    room: Room, browser: Browser
) -> None:
    context = room.enter(browser, "editor", "en")
    page = context.new_page()
    page.goto("/desk/sources/new")
    page.locator("#title").fill("Social business leadership frameworks")
    page.get_by_label("Use this one: Social Business Leadership Framework").wait_for()
    assert "Efter ”Social business leadership frameworks”" in page.locator("#credit").inner_text()
    assert page.evaluate("document.activeElement.id") == "title"
    page.goto("/desk/principles/new")
    page.get_by_text("New source", exact=True).click()
    page.locator("#source_title").fill("Social business leadership frameworks")
    page.get_by_label("Use this one: Social Business Leadership Framework").wait_for()
    assert page.evaluate("document.activeElement.id") == "source_title"
    context.close()
