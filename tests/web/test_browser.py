"""The pages in a real Chromium, as people meet them: small, large, dark, by keyboard, on paper."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.conftest import Installation, fetch

LANGUAGES = ("en", "sv")
NARROW, WIDE = ViewportSize(width=320, height=640), ViewportSize(width=1280, height=900)
ZOOMED = ViewportSize(width=640, height=450)  # WIDE at 200 %
# A page of each kind; {day} and {month} are the newest of the site that is looked at.
KINDS = {
    "today": "",
    "edition": "{day}/",
    "archive": "archive/",
    "month": "archive/{month}/",
    "principles": "principles/",
    "hits": "principles/?q=ledar&theme=responsibility",
    "no hits": "principles/?q=xyzzy",
    "principle": "principles/{slug}/",
    "themes": "themes/",
    "theme": "themes/change/",
    "sources": "sources/",
    "source": "sources/leaderful/",
    "feeds": "feeds/",
    "about": "about/",
    "not found": "nothing/",
}


@pytest.fixture(scope="session")
def paths(live: str) -> dict[str, str]:
    """The path of a page of each kind, below its language."""
    archive = fetch(live + "/en/archive/").body.decode()
    (month, *_) = re.findall(r"/en/archive/(\d{4}/\d\d)/", archive)
    listed = fetch(f"{live}/en/archive/{month}/").body.decode()
    (day, *_) = re.findall(r"/en/(\d{4}-\d\d-\d\d)/", listed)
    (slug, *_) = re.findall(
        r"/en/principles/([a-z0-9-]+)/", fetch(f"{live}/en/{day}/").body.decode()
    )
    return {kind: path.format(day=day, month=month, slug=slug) for kind, path in KINDS.items()}


@dataclass
class Visit:
    """A page, and what the browser had to say about it."""

    page: Page
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window that stays open: a page in it comes up twice as fast as with a window of its own."""
    context = browser.new_context(viewport=NARROW)
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def look(browser: Browser, window: BrowserContext) -> Iterator[Callable[..., Visit]]:
    """Opens an address: in the window, or in one of its own where that has `options`."""
    opened: list[BrowserContext | Page] = []

    def at(url: str, **options: Any) -> Visit:
        context = window
        if options:
            context = browser.new_context(**{"viewport": NARROW, **options})
            opened.append(context)
        visit = Visit(context.new_page())
        opened.append(visit.page)
        visit.page.on("console", lambda message: visit.messages.append(message.text))
        visit.page.on("pageerror", lambda error: visit.messages.append(str(error)))
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.goto(url, wait_until="load")
        return visit

    yield at
    for each in reversed(opened):
        each.close()


FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# The spacing that WCAG 1.4.12 asks a page to bear.
SPACE = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets.push(sheet);
}"""
OUTLINE = """() => ({
  language: document.documentElement.lang,
  title: document.title,
  first: document.querySelectorAll('h1').length,
  main: document.querySelectorAll('main').length,
  levels: [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1]),
  unnamed: [...document.querySelectorAll('nav')].filter(n => !n.getAttribute('aria-label')).length,
})"""
# What axe finds against WCAG 2.2 AA, in the page as it now stands.
AXE = """options => axe.run(document, options).then(found => found.violations.map(
  violation => [violation.id, ...violation.nodes.map(node => node.html)]))"""
OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}
COLOURS = {**OPTIONS, "runOnly": ["color-contrast", "link-in-text-block"], "rules": {}}
PAPER = {"light": "rgb(251, 248, 242)", "dark": "rgb(23, 27, 29)"}


OUTSIDE = """[...document.querySelectorAll('main *, header *, footer *')].filter(e => {
  const r = e.getBoundingClientRect();
  return !e.closest('.scroll') && r.width && (r.left < -1 || r.right > innerWidth + 1);
}).map(e => e.outerHTML)"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_sound_in_every_size_and_light(
    live: str, paths: dict[str, str], look: Callable[..., Visit], kind: str, language: str
) -> None:
    visit = look(f"{live}/{language}/{paths[kind]}")
    has_a_clear_outline(visit, language)
    has_a_way_to_its_sibling(visit, language, "" if kind == "not found" else paths[kind])

    is_easy_in_either_light(visit)
    fits_every_size(visit)

    assert all(url.startswith(live + "/") for url in visit.requests)
    expected = ["Failed to load resource: the server responded with a status of 404 (Not Found)"]
    assert visit.messages == (expected if kind == "not found" else [])


def is_easy_in_either_light(visit: Visit) -> None:
    """Axe finds nothing; in the dark only the colours are others, and are looked at again."""
    visit.run(Axe().axe_script)
    for scheme, paper in PAPER.items():
        visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert visit.run("getComputedStyle(document.body).backgroundColor") == paper
        assert visit.page.evaluate(AXE, OPTIONS if scheme == "light" else COLOURS) == []


def has_a_clear_outline(visit: Visit, language: str) -> None:
    outline = visit.run(OUTLINE)
    assert outline["language"] == language
    assert (outline["first"], outline["main"], outline["unnamed"]) == (1, 1, 0)
    steps = zip([0, *outline["levels"]], outline["levels"], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert re.fullmatch(r"\S.* – Devis", outline["title"])


def has_a_way_to_its_sibling(visit: Visit, language: str, path: str) -> None:
    (other,) = {*LANGUAGES} - {language}
    switch = visit.page.locator("nav.languages a")
    assert switch.get_attribute("lang") == switch.get_attribute("hreflang") == other
    assert switch.get_attribute("href") == f"/{other}/{path.partition('?')[0]}"


def fits_every_size(visit: Visit) -> None:
    """Without scrolling sideways or losing a word: narrow, wide, at 200 %, and spaced out."""
    assert visit.run(FITS)
    visit.page.set_viewport_size(WIDE)
    assert visit.run(FITS)
    words = sorted(visit.run("document.body.innerText").split())
    visit.page.set_viewport_size(ZOOMED)
    assert visit.run(FITS)
    assert visit.run(OUTSIDE) == []
    assert sorted(visit.run("document.body.innerText").split()) == words
    visit.page.set_viewport_size(NARROW)
    assert visit.run(OUTSIDE) == []
    visit.run(SPACE)
    assert visit.run(FITS)


def test_the_language_switch_leads_there_and_back(live: str, look: Callable[..., Visit]) -> None:
    page = look(f"{live}/en/themes/change/").page
    page.get_by_role("navigation", name="Language").get_by_role("link", name="Svenska").click()
    assert page.url == f"{live}/sv/themes/change/"
    assert page.locator("h1").inner_text() == "Förändring"
    page.get_by_role("navigation", name="Språk").get_by_role("link", name="English").click()
    assert page.url == f"{live}/en/themes/change/"


# Where the focus is, and whether it can be seen: an outline in a colour of its own, on the screen.
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e), r = e.getBoundingClientRect();
  return {
    what: e === document.body ? '' : (e.id || e.getAttribute('href') || e.tagName),
    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && style.outlineColor !== getComputedStyle(document.body).backgroundColor
      && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
  };
}"""
FOCUSABLE = """[...document.querySelectorAll('a[href], button, input, select, [tabindex="0"]')]
  .map(e => e.id || e.getAttribute('href') || e.tagName)"""


@pytest.mark.parametrize(
    ("kind", "width"), [("today", NARROW), ("month", WIDE), ("hits", NARROW), ("feeds", WIDE)]
)
def test_the_tab_key_reaches_everything_and_the_focus_is_seen(
    live: str,
    paths: dict[str, str],
    look: Callable[..., Visit],
    kind: str,
    width: ViewportSize,
) -> None:
    visit = look(f"{live}/en/{paths[kind]}", viewport=width, reduced_motion="reduce")
    reached = []
    for _ in range(visit.run(FOCUSABLE + ".length")):
        visit.page.keyboard.press("Tab")
        focus = visit.run(FOCUSED)
        assert focus["seen"], focus
        reached.append(focus["what"])
    assert reached == visit.run(FOCUSABLE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_skip_link_comes_first_and_leads_past_the_menu(
    live: str, look: Callable[..., Visit], language: str
) -> None:
    visit = look(f"{live}/{language}/archive/", reduced_motion="reduce")
    hidden = visit.page.locator(".skip").bounding_box()
    assert hidden
    assert hidden["y"] + hidden["height"] <= 0
    visit.page.keyboard.press("Tab")
    shown = visit.page.locator(".skip:focus").bounding_box()
    assert shown
    assert shown["y"] >= 0
    visit.page.keyboard.press("Enter")
    assert visit.run("document.activeElement.id") == "content"
    visit.page.keyboard.press("Tab")
    assert visit.run("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_stranger_finds_their_way_and_searches(
    live: str, look: Callable[..., Visit], scripts: bool
) -> None:
    page = look(live + "/sv/", java_script_enabled=scripts).page
    page.get_by_role("link", name="Länk till den här dagen").click()
    day = page.url
    assert re.fullmatch(rf"{live}/sv/\d{{4}}-\d\d-\d\d/", day)
    page.locator("a.before").click()
    assert page.url < day
    page.locator("a.after").click()
    assert page.url == day

    page.get_by_role("link", name="Arkiv").click()
    page.locator(".days caption a").first.click()
    page.locator(".week a").first.click()
    assert page.url == day

    page.get_by_role("link", name="Bibliotek", exact=True).click()
    page.get_by_label("Ord").fill("forandring")  # which finds förändring
    page.get_by_label("Tema").select_option("change")
    page.get_by_role("button").click()
    assert "q=forandring" in page.url
    assert "theme=change" in page.url
    assert page.get_by_label("Ord").input_value() == "forandring"
    assert page.get_by_label("Tema").input_value() == "change"
    assert re.match(r"\d+ princip", page.get_by_role("status").inner_text())
    found = page.locator(".principles a")
    assert found.count() > 0
    title = found.first.inner_text()
    found.first.click()
    assert page.locator("h1").inner_text() == title

    page.goto(live + "/sv/principles/?q=xyzzy")
    assert (
        "Inget stämmer" in page.get_by_role("status").inner_text()
        or page.locator(".principles li").count() == 0
    )
    page.get_by_role("status").get_by_role("link").click()
    assert page.url == live + "/sv/principles/"
    assert page.locator(".principles li").count() == 40
    page.locator("a.after").click()
    assert page.url.endswith("page=2")
    page.locator("a.before").click()
    assert page.url == live + "/sv/principles/"


@pytest.mark.parametrize("kind", ["today", "principles", "theme"])
def test_on_paper_there_is_the_content_alone(
    live: str, paths: dict[str, str], look: Callable[..., Visit], kind: str
) -> None:
    visit = look(f"{live}/en/{paths[kind]}", color_scheme="dark")
    visit.page.emulate_media(media="print")
    for part in ("header.top nav", "footer.bottom", ".beside", ".feedline", "form", ".skip"):
        for element in visit.page.locator(part).all():
            assert not element.is_visible(), part
    assert visit.page.locator("h1").is_visible()
    assert visit.page.locator(".brand").is_visible() == (kind != "today")
    style = "getComputedStyle(document.body)"
    assert visit.run(f"[{style}.backgroundColor, {style}.color]") == [
        "rgb(255, 255, 255)",
        "rgb(0, 0, 0)",
    ]


SWEDISH_ONLY = """
[[themes]]
slug = "mod"
[themes.texts.sv]
name = "Temats namn"
description = "Temats beskrivning"

[[sources]]
slug = "bok"
title = "Bokens titel"
language = "sv"
[sources.texts.sv]
introduction = "Bokens inledning"
rights = "Bokens rättigheter"

[[principles]]
slug = "vaga"
source = "bok"
themes = ["mod"]
status = "published"
[principles.texts.sv]
title = "Principens titel"
statement = "Principens utsaga"
reflection = "Principens fråga"
practice = "Principens övning"
commentary = "Principens kommentar"
state = "approved"
"""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "archive/2026/11/",
        "principles/",
        "principles/vaga/",
        "themes/",
        "themes/mod/",
        "sources/",
        "sources/bok/",
        "feeds/",
        "about/",
    ],
)
def test_what_is_in_another_language_is_marked(
    install: Callable[..., Installation], path: str
) -> None:
    made = install()
    made.load({"library.toml": SWEDISH_ONLY})
    made.publish()
    body = made.client().get(f"/en/{path}").data
    page = html5lib.HTMLParser(namespaceHTMLElements=False).parse(body).find("body")
    swedish = re.compile(r"\b(Principens|Temats|Bokens) \w+")
    assert swedish.search("".join(page.itertext()))
    for element in page.iter():
        if element.get("lang") == "sv":
            for part in list(element):
                element.remove(part)
            element.text = ""
    assert swedish.findall(" ".join(page.itertext())) == []
    labels = [element.get("aria-label", "") for element in page.iter()]
    assert not swedish.search(" ".join(labels))
