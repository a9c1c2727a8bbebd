"""The whole way of a principle, from the first link that a new site prints to every channel there
is: by keyboard alone, and with scripts off.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.conftest import Command, answers, fetch, free_port, wait_until
from tests.terminal import served_on_terminal

TEXTS = {
    "sv.title": "Fråga den som kom sist",
    "sv.statement": "Den som är ny ser det som andra har vant sig vid. Fråga medan det syns.",
    "sv.reflection": "Vad har du vant dig vid?",
    "sv.practice": "Fråga den som började senast vad som förvånar.",
    "en.title": "Ask whoever came last",
    "en.statement": "Whoever is new sees what others have grown used to. Ask while it shows.",
    "en.reflection": "What have you grown used to?",
    "en.practice": "Ask the newest of your colleagues what surprises them.",
}
OTHER = {**TEXTS, "sv.title": "Börja med det lilla", "en.title": "Begin with what is small"}


@contextmanager
def serving(command: Command, now: str, port: str) -> Iterator[tuple[str, str]]:
    """A running site, and what it printed at its start."""
    address = f"http://127.0.0.1:{port}"
    values = {"PORT": port, "BASE_URL": address, "WEB_WORKERS": "1", "NOW": now}
    with served_on_terminal(command, **values) as said:
        wait_until(lambda: answers(f"{address}/healthz"), 30)
        yield address, said


class Person:
    """A user at the desk who fills in forms and presses buttons, by mouse or keyboard."""

    def __init__(self, context: BrowserContext, *, mouse: bool) -> None:
        self.page: Page = context.new_page()
        self.mouse = mouse

    def write(self, field: str, text: str) -> None:
        """Type into the field of that id."""
        place = self.page.locator(f'[id="{field}"]')
        if not place.is_visible():
            self._unfold(field)
        if self.mouse:
            place.fill(text)
            return
        self._reach(f"e => e.id === {field!r}")
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, field: str, label: str) -> None:
        """Choose from the list of that id."""
        if self.mouse:
            self.page.locator(f"#{field}").select_option(label=label)
            return
        self._reach(f"e => e.id === {field!r}")
        self.page.keyboard.type(label[:24])

    def _unfold(self, field: str) -> None:
        """Open the part of the page with the field of that id."""
        place = self.page.locator("details", has=self.page.locator(f'[id="{field}"]'))
        if self.mouse:
            place.locator("summary").click()
            return
        self._reach(
            "e => e.tagName === 'SUMMARY'"
            f" && e.parentElement.contains(document.getElementById({field!r}))"
        )
        self.page.keyboard.press("Enter")

    def follow(self, words: str) -> None:
        """Follow the link that says so."""
        if self.mouse:
            self.page.get_by_role("link", name=words, exact=True).click()
        else:
            self._reach(f"e => e.tagName === 'A' && e.innerText.trim() === {words!r}")
            self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/principles/new")

    def press(self, words: str) -> None:
        """Press the button that says so."""
        before = self.page.url
        if self.mouse:
            self.page.get_by_role("button", name=words, exact=True).click()
        else:
            self._reach(f"e => e.tagName === 'BUTTON' && e.innerText.trim() === {words!r}")
            self.page.keyboard.press("Enter")
        self.page.wait_for_function("before => location.href !== before", arg=before)
        self.page.wait_for_load_state()

    def _reach(self, test: str) -> None:
        """Press Tab until the focus is there."""
        for _ in range(150):
            if self.page.evaluate(f"({test})(document.activeElement)"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way there by keyboard: {test}")


def a_way_through_the_desk(
    browser: Browser, address: str, link: str, texts: dict[str, str], day: str, *, mouse: bool
) -> str:
    """A curator signs in by a link and writes; an editor approves, and pins it; its slug."""
    options = {"java_script_enabled": not mouse, "base_url": address, "locale": "en"}
    context = browser.new_context(**options)  # type: ignore[arg-type]
    person = Person(context, mouse=mouse)
    person.page.goto(link)
    if person.page.locator("#name").count():
        person.write("name", "Kim Ek")
        person.write("address", "kim@example.org")
        person.press("Begin")
    else:
        person.press("Sign in")
    person.follow("Write a principle")  # the third page: the link's, the overview, the form
    person.choose("original_language", "Svenska")
    if not mouse:  # a script brings the fields of that language to the front
        person.page.locator(".writing > #sv").wait_for()
    for field, text in texts.items():
        person.write(field, text)
    person.choose("source", "Ledarskap & Digitala värderingar")
    person.press("Send to another editor")
    found = re.search(r"/desk/principles/([a-z0-9-]+)/", person.page.url)
    assert found, person.page.content()
    slug = found[1]
    assert fetch(f"{address}/en/principles/{slug}/").status == 404
    person.press("Publish now")
    assert fetch(f"{address}/en/principles/{slug}/").status == 200
    person.page.goto(f"/desk/calendar/pin?date={day}")
    person.write("principle", slug)
    person.press("Pin it")
    assert texts["en.title"] in person.page.content()
    context.close()
    return slug


def every_channel_carries(
    command: Command, address: str, day: str, slug: str, texts: dict[str, str]
) -> None:
    titles = {code: texts[f"{code}.title"] for code in ("en", "sv")}
    today = f"{address}/api/v1/today?lang=en"
    wait_until(lambda: json.loads(fetch(today).body)["date"] == day, 30)
    assert json.loads(fetch(today).body)["slug"] == slug
    for code, title in titles.items():
        pages = ["", f"{day}/", "feed.rss", "feed.atom", "feed.json", "widget/", "calendar.ics"]
        for path in (*pages, "today.txt", "archive/" + day[:7].replace("-", "/") + "/"):
            answer = fetch(f"{address}/{code}/{path}")
            assert answer.status == 200
            assert title in answer.body.decode(), path
        card = fetch(f"{address}/{code}/card/{day}.png")
        assert card.body.startswith(b"\x89PNG")
        letter = command("digest", "preview", "--lang", code, NOW=f"{day}T08:00:00+01:00").stdout
        assert title in letter


@pytest.mark.parametrize("mouse", [False, True], ids=["by keyboard alone", "with scripts off"])
def test_from_the_first_link_to_every_channel(
    command: Command, browser: Browser, mouse: bool
) -> None:
    port, day = str(free_port()), "2026-11-23"
    texts = OTHER if mouse else TEXTS
    with serving(command, "2026-11-22T12:00:00+01:00", port) as (address, said):
        link = re.search(r"http\S+/desk/link/\S+", said)
        assert link is not None
        slug = a_way_through_the_desk(browser, address, link[0], texts, day, mouse=mouse)
    with serving(command, "2026-11-22T23:59:55+01:00", port) as (address, said):
        assert "/desk/link/" not in said
        every_channel_carries(command, address, day, slug, texts)
