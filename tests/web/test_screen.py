"""The screen in the corridor: it is filled by any text, and follows the day."""

import re
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.test import Client

from feed import editions
from feed.app import wsgi
from feed.clock import Clock
from feed.library import exchange
from feed.publish import screen_sizes
from tests.conftest import ROOT, Installation, listening, wait_until
from tests.editions import test_editions as library

Install = Callable[..., Installation]
SIZES = ((1280, 720), (1920, 1080), (3840, 2160), (1080, 1920))
# The part of the screen that the lines of the text fill, and how far they go out of their place.
LINES = """() => {
  const slide = document.querySelector('.slide'), range = document.createRange(), lines = [];
  for (const each of slide.querySelectorAll('.text h1, .text p')) {
    range.selectNodeContents(each);
    lines.push(...range.getClientRects());
  }
  const edge = (side, most) => most(...lines.map(line => line[side]));
  const [left, right] = [edge('left', Math.min), edge('right', Math.max)];
  const [top, bottom] = [edge('top', Math.min), edge('bottom', Math.max)];
  const box = name => slide.querySelector(name).getBoundingClientRect();
  const foot = box('footer');
  return {
    fill: (right - left) * (bottom - top) / (innerWidth * innerHeight),
    excess: Math.max(-left, right - innerWidth, box('header').bottom - top, bottom - foot.top,
                     foot.bottom - innerHeight, slide.scrollWidth - innerWidth),
  };
}"""


def slides(made: Installation, path: str) -> list[tuple[str, str]]:
    """The language and the heading of each text on a screen."""
    answer = made.client().get(path)
    assert answer.status_code == 200
    found = re.findall(r'<article[^>]* lang="(.*?)".*?<h1.*?>(.*?)</h1>', answer.text, re.DOTALL)
    return [(language, heading) for language, heading in found]


def test_the_texts_and_languages_of_a_screen_are_chosen_by_address(devis: Installation) -> None:
    ((_, title),) = slides(devis, "/sv/screen/")
    ((_, english),) = slides(devis, "/en/screen/")
    assert slides(devis, "/sv/screen/?with=en&show=statement,practice,reflection") == [
        ("sv", title),
        ("en", english),
        ("sv", "Att göra i dag"),
        ("en", "To do today"),
        ("sv", "Att fundera på"),
        ("en", "To think about"),
    ]
    assert slides(devis, "/en/screen/?show=practice,practice&with=en") == [("en", "To do today")]
    for unknown in ("with=xx,,%00&show=commentary", "show=&with=", "lang=en"):
        assert slides(devis, f"/sv/screen/?{unknown}") == [("sv", title)]


def test_a_missing_text_or_language_is_left_out(install: Install) -> None:
    made = install()
    made.load(library.exchange(library.principle("p", texts={"sv": library.text("draft")})))
    made.publish()
    assert slides(made, "/sv/screen/?with=en&show=practice,statement") == [("sv", "p en")]
    assert slides(made, "/sv/screen/?show=practice") == [("sv", "p en")]


def test_a_screen_waits_for_the_first_edition(install: Install) -> None:
    body = install().client().get("/sv/screen/").text
    assert "Den första principen är på väg" in body
    assert "/static/today.js" in body


def test_a_screen_is_cached_reloads_without_scripts_and_is_for_no_search_engine_or_frame(
    devis: Installation,
) -> None:
    answer = devis.client().get("/en/screen/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert '<noscript><meta http-equiv="refresh" content="300"></noscript>' in answer.text
    assert '<meta name="robots" content="noindex">' in answer.text
    assert "/screen/" not in devis.client().get("/sitemap.xml").text
    assert 'href="/en/screen/"' in devis.client().get("/en/feeds/").text

    clock = Clock(devis.now, time.monotonic())
    cache = wsgi(devis.config, clock)
    first = Client(cache).get("/en/screen/")
    assert "max-age=" in first.headers["Cache-Control"]
    same = Client(cache).get("/en/screen/?utm_source=x")
    other = Client(cache).get("/en/screen/?show=practice")
    assert same.headers["ETag"] == first.headers["ETag"] != other.headers["ETag"]


@pytest.mark.parametrize(
    "text", ["Å", "å" * 29, "long words " * 400, "漢字" * 500, "a\n\n" * 99, ""]
)
def test_the_style_sheet_has_every_size_that_a_text_can_get(text: str) -> None:
    style = (ROOT / "feed" / "web" / "static" / "screen.css").read_text()
    for name, space in (("wide", screen_sizes.LANDSCAPE), ("tall", screen_sizes.PORTRAIT)):
        for heading, scales in (
            (text, screen_sizes.TITLE_SCALES),
            ("To do today", screen_sizes.LABEL_SCALES),
        ):
            step, scale = screen_sizes.font_sizes(heading, text, scales, space)
            assert f".{name}-{step} {{ --{name}: {step}; }}" in style
            assert f".{name}-heading-{scale} {{ --{name}-heading: {scale}; }}" in style
    assert f".wide-{(screen_sizes.LARGEST - screen_sizes.SMALLEST) * screen_sizes.STEPS} " in style


@dataclass
class Screen:
    """A screen of a site whose edition of today can be replaced."""

    made: Installation
    address: str
    page: Page

    def replace(self, slug: str) -> None:
        with self.made.open() as db:
            site, now = self.made.site(), self.made.now
            day = site.today(now)
            editions.withdraw(db, site, self.made.config, day, "a test", now, slug)

    def top(self) -> str:
        """The heading of the text that is on the screen."""
        point = "document.elementFromPoint(innerWidth / 2, innerHeight / 2)"
        found = self.page.evaluate(f"{point}.closest('.slide').querySelector('h1').textContent")
        return str(found)


@pytest.fixture
def screen(devis: Installation, browser: Browser) -> Iterator[Screen]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    with listening(wsgi(devis.config, Clock(devis.now, time.monotonic()))) as address:
        yield Screen(devis, address, context.new_page())
        context.close()


def shortest_and_longest() -> list[str]:
    """The slugs of the shipped principles with the shortest and the longest text."""
    lengths = {
        entry["slug"]: [len(text["title"] + text["statement"]) for text in entry["texts"].values()]
        for file in exchange.shipped_files().values()
        for entry in tomllib.loads(file.decode()).get("principles", [])
    }
    return [
        min(lengths, key=lambda slug: min(lengths[slug])),
        max(lengths, key=lambda slug: max(lengths[slug])),
    ]


@pytest.mark.served
@pytest.mark.slow
def test_the_shortest_and_the_longest_text_fill_every_screen(screen: Screen) -> None:
    for slug in shortest_and_longest():
        screen.replace(slug)
        for language in ("en", "sv"):
            wait_until(lambda: shows(screen, language, slug))  # noqa: B023
            for width, height in SIZES:
                screen.page.set_viewport_size({"width": width, "height": height})
                found = screen.page.evaluate(LINES)
                where = f"{slug} in {language} at {width} × {height}: {found}"
                assert found["fill"] >= 0.55, where
                assert found["excess"] <= 0, where


def shows(screen: Screen, language: str, slug: str) -> bool:
    """Open the screen, past the browser's cache; the site's own may be behind for a moment."""
    with screen.made.open() as db:
        view = editions.today(db, screen.made.site(), screen.made.now)
    assert view
    assert view.showing.principle.slug == slug
    screen.page.goto(f"{screen.address}/{language}/screen/?{time.monotonic_ns()}")
    screen.page.evaluate("document.fonts.ready.then(() => true)")
    return screen.top() == view.showing.text(language).title


@pytest.mark.served
@pytest.mark.slow
def test_a_screen_shows_texts_in_turn_and_follows_the_day(screen: Screen) -> None:
    page, (shortest, _) = screen.page, shortest_and_longest()
    page.clock.install()
    page.goto(f"{screen.address}/en/screen/?show=statement,practice")
    title = screen.top()
    for heading in ("To do today", title, "To do today"):
        page.clock.run_for(20_000)
        assert screen.top() == heading

    page.context.set_offline(True)
    page.clock.run_for(3_600_000)
    assert screen.top() == "To do today"  # after an even number of turns
    screen.replace(shortest)
    page.context.set_offline(False)

    def replaced() -> bool:
        page.clock.run_for(5000)
        return title not in page.inner_text("main")

    wait_until(replaced)
    assert page.locator(".slide").count() == 2
