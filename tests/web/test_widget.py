"""The widget on pages of other people, in a real browser; the admin's page; the examples."""

import gzip
import html
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route

from feed.config import load
from feed.errors import SettingError
from feed.library import exchange
from feed.web.embed import framable
from tests.conftest import NOON, Command, Installation, answers, fetch, free_port, wait_until
from tests.host_pages import RESETS, Host, host_server
from tests.web.test_browser import AXE, COLOURS

Install = Callable[..., Installation]

ALL = "title statement reflection practice credit"
READY = "customElements.whenDefined('devis-principle')"
SHOWN = "document.querySelector('devis-principle').shadowRoot?.querySelector('article')"
QUOTE = f"{SHOWN}?.querySelector('blockquote')"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with host_server() as made:
        yield made


class Visit:
    """A visitor's browser, with everything that it asked for and complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def count(self, part: str) -> int:
        return sum(part in url for url in self.asked)

    def wait(self, seconds: int) -> None:
        """Let time pass for the page, in steps that leave the answers time to arrive."""
        for _ in range(seconds // 5):
            self.page.clock.run_for(5000)
            self.page.wait_for_timeout(20)

    def hear(self, part: str) -> None:
        """Wait for that message in the console."""
        deadline = time.monotonic() + 60
        while not any(part in text for text in self.complaints):
            assert time.monotonic() < deadline, (part, self.complaints)
            self.page.wait_for_timeout(20)

    def until(self, script: str) -> Any:
        """Wait for an expression to be true of the page. Playwright's own way needs eval."""
        for _ in range(3000):
            value = self.page.evaluate(script)
            if value:
                return value
            self.page.wait_for_timeout(20)
        raise AssertionError(script)


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window that stays open: a page in it comes up twice as fast as with a window of its own."""
    context = browser.new_context(viewport={"width": 900, "height": 700})
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def visit(window: BrowserContext) -> Iterator[Visit]:
    made = Visit(window)
    yield made
    made.page.close()


def today(live: str, tag: str = "en") -> Any:
    return json.loads(fetch(f"{live}/api/v1/today?lang={tag}").body)


def element(live: str, attributes: str = 'lang="en"', inner: str = "Later") -> str:
    return f"<devis-principle {attributes}>{inner}</devis-principle>"


def script(live: str) -> str:
    return f'<script src="{live}/widget.js" async></script>'


def strict(live: str) -> str:
    return (
        f"default-src 'none'; img-src data:; script-src {live}; connect-src {live};"
        f" frame-src {live}; base-uri 'none'; trusted-types 'none';"
        " require-trusted-types-for 'script'"
    )


def test_it_is_small(live: str) -> None:
    assert len(fetch(f"{live}/sv/widget/?layout=wide&show=statement+reflection").body) < 15_000
    answer = fetch(f"{live}/widget.js")
    assert len(gzip.compress(answer.body, 9)) <= 4096
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_it_works_under_a_strict_policy_and_leaves_no_trace(
    live: str, host: Host, visit: Visit
) -> None:
    body = element(live, 'lang="sv" show="statement reflection practice"') + element(live)
    frame = f'<iframe src="{live}/sv/widget/" title="Devis" width="500"></iframe>'
    visit.page.goto(host.page(body + frame + script(live), policy=strict(live)))
    assert visit.until(f"{QUOTE}?.textContent") == today(live, "sv")["text"]["statement"]
    visit.page.frame_locator("iframe").locator("blockquote").wait_for()
    visit.page.wait_for_timeout(300)
    assert visit.complaints == []
    assert {re.sub(r"(//[^/]+).*", r"\1", url) for url in visit.asked} <= {
        f"{live}",
        host.origin,
        "data:,",
    }
    assert visit.context.cookies() == []
    stored = "localStorage.length + sessionStorage.length"
    assert visit.page.evaluate(stored) == 0
    visit.page.goto(f"{live}/sv/widget/")
    assert visit.page.evaluate(stored) == 0
    assert visit.context.cookies() == []


def test_five_on_one_page_make_one_request_and_no_global(
    live: str, host: Host, visit: Visit
) -> None:
    visit.page.goto(host.page(element(live) * 5))
    before = visit.page.evaluate("Object.keys(window).length + document.styleSheets.length")
    visit.page.add_script_tag(url=f"{live}/widget.js")
    count = "[...document.querySelectorAll('devis-principle')].filter(e => e.data).length"
    visit.until(f"{count} === 5")
    assert visit.count("/api/v1/today") == 1
    assert visit.page.evaluate("Object.keys(window).length + document.styleSheets.length") == before


STYLES = """names => [...document.querySelector("devis-principle").shadowRoot.querySelectorAll("*")]
  .map(node => names.map(name => getComputedStyle(node)[name]).join("|"))"""

NAMES = [
    *("display", "fontStyle", "fontWeight", "textTransform", "letterSpacing", "textAlign"),
    *("float", "textShadow", "wordSpacing", "textIndent", "whiteSpace", "visibility", "position"),
]


def test_styles_neither_leak_in_nor_out(live: str, host: Host, visit: Visit) -> None:
    own = (
        "<h3 class=title>Host</h3>"
        "<article class=card><p class=note>Text</p><a href=/>Link</a></article>"
    )
    look = (
        "[...document.body.querySelectorAll('h3,article,p,a')].slice(0, 4).map(node =>"
        " JSON.stringify(node.getBoundingClientRect()) + getComputedStyle(node).cssText).join()"
    )
    seen = {}
    for name, css in RESETS.items():
        page = host.page(own + element(live, f'show="{ALL}"'), head=f"<style>{css}</style>")
        visit.page.goto(page)
        before = visit.page.evaluate(look)
        visit.page.add_script_tag(url=f"{live}/widget.js")
        visit.until(f"!!{QUOTE}")
        assert visit.page.evaluate(look) == before, name
        seen[name] = visit.page.evaluate(STYLES, NAMES)
        assert visit.page.evaluate(f"{SHOWN}.getBoundingClientRect().height") > 100
        size = visit.page.evaluate(f"parseFloat(getComputedStyle({SHOWN}).fontSize)")
        assert size >= 14
    assert all(look == seen["none"] for look in seen.values())


@pytest.mark.parametrize(
    "fault",
    ["stopped", "error", "broken", "shape", "script"],
)
def test_a_server_that_fails_leaves_what_the_host_wrote(
    live: str, host: Host, visit: Visit, fault: str
) -> None:
    def answer(route: Route) -> None:
        if fault == "stopped":
            route.abort("connectionrefused")
        elif fault == "error":
            route.fulfill(status=500, body="<h1>Error</h1>")
        elif fault == "broken":
            route.fulfill(body='{"date": ', headers={"Access-Control-Allow-Origin": "*"})
        else:
            text = {"statement": 7} if fault == "shape" else {"statement": "x"}
            url = "https://a.example" if fault == "shape" else "javascript:alert(1)"
            route.fulfill(
                json={"date": "2026-01-01", "url": url, "text": text},
                headers={"Access-Control-Allow-Origin": "*"},
            )

    visit.page.route("**/api/v1/**", answer)
    visit.page.goto(host.page(element(live, inner="<b>Ours</b>") + script(live)))
    visit.page.evaluate(READY)
    visit.page.wait_for_timeout(400)
    assert visit.page.locator("devis-principle b").is_visible()
    assert [text for text in visit.complaints if "Failed to load resource" not in text] == []


def test_a_slow_answer_holds_nothing_up_and_arrives(live: str, host: Host, visit: Visit) -> None:
    waiting: list[Route] = []
    visit.page.route("**/api/v1/**", lambda route: waiting.append(route))
    visit.page.goto(host.page(element(live, inner="<b>Ours</b>") + script(live)))
    visit.page.evaluate(READY)
    visit.page.wait_for_timeout(200)
    assert visit.page.locator("devis-principle b").is_visible()
    waiting[0].continue_()
    visit.until(f"!!{QUOTE}")
    assert not visit.page.locator("devis-principle b").is_visible()


def test_it_turns_with_the_day_and_keeps_the_last_good_one(
    live: str, host: Host, visit: Visit
) -> None:
    first = today(live)
    second = {**first, "date": "2099-01-01", "text": {**first["text"], "statement": "Next day."}}
    planned = [(first, 20), (second, 300), (None, 0), (first, 300)]

    def answer(route: Route) -> None:
        body, seconds = planned.pop(0)
        if body is None:
            route.abort("connectionrefused")
            return
        headers = {"Cache-Control": f"max-age={seconds}", "Access-Control-Allow-Origin": "*"}
        headers["Access-Control-Expose-Headers"] = "Cache-Control"
        route.fulfill(json=body, headers=headers)

    visit.page.clock.install()
    visit.page.route("**/api/v1/**", answer)
    visit.page.add_init_script("Math.random = () => 0.5")  # of what is added to each wait
    visit.page.add_init_script(
        "window.dates = []; addEventListener('devis-ready', e => dates.push(e.detail.date))"
    )
    visit.page.goto(host.page(element(live) + script(live)))
    visit.until(f"!!{QUOTE}")
    visit.wait(15)
    assert len(planned) == 3
    visit.wait(10)
    assert visit.page.evaluate(f"{QUOTE}.textContent") == "Next day."
    assert visit.page.evaluate("dates") == [first["date"], "2099-01-01"]
    visit.wait(300)
    assert len(planned) == 1
    assert visit.page.evaluate(f"{QUOTE}.textContent") == "Next day."
    visit.wait(80)
    assert visit.page.evaluate(f"{QUOTE}.textContent") == first["text"]["statement"]
    assert visit.page.evaluate("dates.length") == 3


def test_what_is_left_open_follows_a_withdrawal_within_one_max_age(
    install: Install, command: Command, host: Host, visit: Visit
) -> None:
    """The element and the iframe ask again by relative time, once in each max-age."""
    made = install()
    made.load(exchange.shipped_files())
    values: dict[str, Any] = {"DATABASE": str(made.config.database), "NOW": NOON.isoformat()}
    with serving(command, **values) as address:
        visit.page.clock.install(time=0)  # a clock that is wrong by decades
        frame = f'<iframe src="{address}/en/widget/" title="Devis"></iframe>'
        visit.page.goto(host.page(element(address) + frame + script(address)))
        shown = visit.until(f"{QUOTE}?.textContent")
        framed = visit.page.frame_locator("iframe").locator("blockquote")
        assert framed.text_content() == shown
        asked = visit.count("/api/v1/today")
        command("withdraw", "2026-11-22", "--reason", "a test", **values)
        wait_until(lambda: today(address)["text"]["statement"] != shown)
        visit.wait(305)
        replaced = today(address)["text"]["statement"]
        visit.until(f"{QUOTE}.textContent === {json.dumps(replaced)}")
        wait_until(lambda: framed.text_content() == replaced)
        assert visit.count("/api/v1/today") == asked + 1
    assert visit.complaints == []


def test_attributes_change_it_live(live: str, host: Host, visit: Visit) -> None:
    visit.page.goto(host.page(element(live, f'lang="en" show="{ALL}"') + script(live)))
    english = visit.until(f"{QUOTE}?.textContent")
    assert english == today(live)["text"]["statement"]
    assert visit.page.evaluate(f"{QUOTE}.lang + {QUOTE}.dir") == "enauto"
    turn = "document.querySelector('devis-principle').setAttribute"
    visit.page.evaluate(f"{turn}('lang', 'sv_FI')")
    visit.until(f"{QUOTE}?.lang === 'sv'")
    assert visit.page.evaluate(f"{SHOWN}.querySelector('.label').textContent") == "Att fundera på"
    visit.page.evaluate(f"{turn}('lang', 'de')")
    visit.until(f"!!{SHOWN}.querySelector('.note')")
    assert visit.page.evaluate(f"{SHOWN}.querySelector('.note').textContent") == (
        "Not yet in German; shown in English."
    )
    before = visit.page.evaluate(f"parseFloat(getComputedStyle({SHOWN}).fontSize)")
    visit.page.evaluate(f"{turn}('text-size', 'huge')")
    assert visit.page.evaluate(f"parseFloat(getComputedStyle({SHOWN}).fontSize)") == 2 * before
    visit.page.evaluate(f"{turn}('show', 'title')")
    assert visit.page.evaluate(f"!{QUOTE}")
    visit.page.evaluate(f"{turn}('layout', 'line')")
    text = today(live)["text"]
    line = visit.page.evaluate(f"{SHOWN}.querySelector('.title').textContent")
    assert line == (text["short"] or text["title"])
    visit.page.evaluate(f"{turn}('scheme', 'dark')")
    assert visit.page.evaluate(f"getComputedStyle({SHOWN}).backgroundColor") == "rgb(30, 35, 38)"
    visit.page.evaluate(f"{turn}('scheme', 'auto')")
    assert visit.page.evaluate(f"getComputedStyle({SHOWN}).backgroundColor") == "rgba(0, 0, 0, 0)"


ODD = """
themes = []
sources = [{{ slug = "book", title = "A <b>Book</b>", language = "en" }}]
[[principles]]
slug = "odd"
kind = "principle"
source = "book"
themes = []
status = "published"
original_language = "{language}"
[principles.texts.{language}]
title = "{title}"
statement = "{statement}"
reflection = "<img src=x onerror=alert(1)>"
state = "approved"
"""
ARABIC = "القيادة مسؤولية مشتركة."


@pytest.fixture
def odd(install: Install, command: Command) -> Iterator[Callable[..., str]]:
    """Serves a library of one principle; gives its address."""
    with ExitStack() as stack:

        def serve(language: str, title: str, statement: str, **values: str) -> str:
            made = install()
            made.load({"odd.toml": ODD.format(language=language, title=title, statement=statement)})
            values = {"NOW": NOON.isoformat(), **values}
            database = str(made.config.database)
            return stack.enter_context(serving(command, DATABASE=database, **values))

        yield serve


@contextmanager
def serving(command: Command, **values: str) -> Iterator[str]:
    """Serves an installation whose first edition is due; the address."""
    port = str(free_port())
    process = command.start("serve", WEB_WORKERS="1", PORT=port, **values)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{address}/healthz"))
        wait_until(lambda: fetch(f"{address}/api/v1/today").status == 200)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_endless_words_and_other_directions_fit(
    odd: Callable[..., str], host: Host, visit: Visit
) -> None:
    address = odd("ar", "ب" * 200, "W" * 300 + " " + ARABIC)
    frames = "".join(
        f'<iframe src="{address}/sv/widget/?show={ALL.replace(" ", "+")}&amp;layout={layout}"'
        ' title="Devis" width="200" height="300"></iframe>'
        for layout in ("card", "line", "wide")
    )
    body = element(address, f'lang="sv" show="{ALL}"') + frames + script(address)
    visit.page.goto(host.page(body))
    visit.until(f"!!{QUOTE}")
    for width in (200, 320, 1600):
        visit.page.set_viewport_size({"width": width, "height": 600})
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width + 20
        assert visit.page.evaluate(f"{SHOWN}.scrollWidth <= {SHOWN}.clientWidth")
    assert (
        visit.page.evaluate(f"getComputedStyle({SHOWN}.querySelector('.title')).direction") == "rtl"
    )
    for frame in visit.page.frames[1:]:
        frame.wait_for_selector("blockquote")
        assert frame.evaluate("document.documentElement.scrollWidth") <= 200
        assert frame.evaluate("getComputedStyle(document.querySelector('h1')).direction") == "rtl"
        assert frame.evaluate("document.querySelectorAll('img, b').length") == 0
        said = "Finns ännu inte på svenska; visas på arabiska."
        assert frame.evaluate("document.querySelector('.note').textContent") == said
        assert frame.evaluate("document.querySelector('blockquote').lang") == "ar"
    assert visit.page.evaluate(f"{SHOWN}.querySelectorAll('img, b').length") == 0
    assert visit.complaints == []


def test_only_the_widget_may_be_framed_and_only_by_those_allowed(
    odd: Callable[..., str], host: Host, visit: Visit
) -> None:
    address = odd("en", "One", "One line.", EMBED_ORIGINS="https://*.example.org")
    for path in ("/en/widget/", "/en/", "/en/embed/"):
        visit.page.goto(host.page(f'<iframe src="{address}{path}" title="Devis"></iframe>'))
        visit.hear("frame-ancestors")
        visit.complaints.clear()
    policy = fetch(f"{address}/en/widget/").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://*.example.org")
    assert "x-frame-options" not in fetch(f"{address}/en/widget/").headers


def test_the_iframe_needs_no_script_and_no_origin(live: str, host: Host, visit: Visit) -> None:
    frame = f'<iframe src="{live}/sv_FI/widget/" title="Devis" sandbox="" width="600"></iframe>'
    visit.page.goto(host.page(frame))
    text = visit.page.frame_locator("iframe").locator("blockquote")
    assert text.inner_text() == today(live, "sv")["text"]["statement"]
    assert text.evaluate("node => getComputedStyle(node).fontSize") == "19.2px"
    assert [text for text in visit.complaints if "sandbox" not in text] == []


def test_the_iframe_posts_its_height_and_takes_the_hosts_colours(
    live: str, host: Host, visit: Visit
) -> None:
    sandbox = "allow-scripts"
    frame = f'<iframe src="{live}/sv/widget/" title="D" height="900" sandbox="{sandbox}"></iframe>'
    visit.page.goto(host.page(frame + script(live)))
    visit.until("+document.querySelector('iframe').height < 500")
    inner = visit.page.frames[1]
    body = "getComputedStyle(document.documentElement)"
    assert inner.evaluate(f"{body}.backgroundColor") == "rgba(0, 0, 0, 0)"
    light = inner.evaluate(f"{body}.color")
    message = "{type: 'devis:scheme', scheme: 'dark'}"
    visit.page.evaluate(f"frames[0].postMessage({message}, '*')")
    inner.wait_for_function("document.documentElement.classList.contains('dark')")
    assert inner.evaluate(f"{body}.color") != light
    visit.page.evaluate("frames[0].postMessage({type: 'devis:scheme', scheme: 'x y'}, '*')")
    visit.page.emulate_media(color_scheme="dark", forced_colors="active", media="print")
    assert inner.locator("blockquote").is_visible()


def test_an_iframe_older_than_the_script_posts_its_height(
    live: str, host: Host, visit: Visit
) -> None:
    frame = f'<iframe src="{live}/sv/widget/" title="D" height="900" sandbox="allow-scripts">'
    visit.page.goto(host.page(f"{frame}</iframe>"))
    visit.page.frames[1].wait_for_load_state()
    visit.page.frames[1].locator("blockquote").wait_for()
    visit.page.wait_for_timeout(200)  # by now it has told nobody
    add = "document.body.append(Object.assign(document.createElement('script'), {src: '%s'}))"
    visit.page.evaluate(add % f"{live}/widget.js")
    visit.until("+document.querySelector('iframe').height < 500")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sv-FI/widget/", 200),
        ("/en_GB/widget/?scheme=dark&show=title,statement", 200),
        ("/de/widget/?utm_source=x", 200),
        ("/sv/widget/?with=en+fi", 200),
        ("/sv/widget/?with=", 200),
        ("/sv/widget/?with=en;fi", 400),
        ("/s/widget/", 400),
        ("/sv!/widget/", 400),
        ("/sv/widget/?scheme=pink", 400),
        ("/sv/widget/?show=everything", 400),
        ("/sv/widget/?layout=%00", 400),
    ],
)
def test_what_is_malformed_is_refused_within_the_frame(live: str, path: str, status: int) -> None:
    answer = fetch(live + path)
    assert answer.status == status
    assert answer.headers["content-security-policy"].endswith("frame-ancestors 'self' *")
    assert "set-cookie" not in answer.headers
    assert len(answer.body) < 15_000


def test_element_and_iframe_show_two_languages_side_by_side(
    live: str, host: Host, visit: Visit
) -> None:
    attributes = f'lang="sv en" show="{ALL}"'
    frame = f'<iframe src="{live}/sv/widget/?with=en&amp;show={ALL.replace(" ", "+")}" width="800">'
    visit.page.goto(host.page(element(live, attributes) + frame + "</iframe>" + script(live)))
    visit.until(QUOTE)
    texts = [today(live, language)["text"] for language in ("sv", "en")]
    inside = visit.page.frame_locator("iframe")
    for found in (visit.page.locator("devis-principle"), inside.locator("main")):
        quotes = found.locator("blockquote")
        assert quotes.evaluate_all("all => all.map(one => one.lang)") == ["sv", "en"]
        shown = [" ".join(text.split()) for text in quotes.all_inner_texts()]
        assert shown == [" ".join(text["statement"].split()) for text in texts]
        assert found.locator("section:nth-child(2) > :first-child").all_inner_texts() == [
            "Att göra i dag",
            "To do today",
        ]
        left, right = (quotes.nth(n).bounding_box() for n in (0, 1))
        assert left is not None
        assert right is not None
        assert left["x"] + left["width"] <= right["x"]
        assert found.locator("footer").count() == 1
    assert inside.locator("h1").all_inner_texts() == [texts[0]["title"]]
    assert inside.locator("h3").count() == 2
    assert visit.count("/api/v1/today?lang=sv%2Cen") == 1
    assert visit.complaints == []


def test_a_text_that_stands_in_for_another_is_shown_once(live: str) -> None:
    page = fetch(f"{live}/de/widget/?with=en,sv-FI").body.decode()
    assert re.findall(r'<blockquote lang="(\w+)"', page) == ["en", "sv"]
    assert page.count('class="note"') == 1


def test_before_the_first_edition_the_widget_says_so(install: Install) -> None:
    answer = install().client().get("/sv/widget/")
    assert answer.status_code == 200
    assert "Den första principen är på väg" in answer.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "sv"])
def test_axe_finds_nothing(
    live: str, host: Host, browser: Browser, language: str, scheme: Any
) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 900})
    page = context.new_page()
    show = ALL.replace(" ", "+")
    colours = {"light": ("#fff", "#222"), "dark": ("#111", "#eee")}[scheme]
    style = f"<style>body {{ background: {colours[0]}; color: {colours[1]} }}</style>"
    attributes = f'lang="{language}" show="{ALL}"'
    main = f"<main><h1>Host</h1>{element(live, attributes)}</main>{script(live)}"
    addresses = [
        f"{live}/{language}/widget/?show={show}",
        f"{live}/{language}/widget/?show={show}&scheme={scheme}&layout=wide",
        f"{live}/{language}/embed/?origin=nonsense",
        f"{live}/{language}/api/",
        host.page(main, head=style),
        host.page(main.replace("lang=", f'scheme="{scheme}" lang='), head=style),
    ]
    for address in addresses:
        page.goto(address)
        if address.startswith(host.origin):
            page.wait_for_function(f"!!{QUOTE}")
        page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
        page.evaluate(Axe().axe_script)
        options = {"resultTypes": ["violations"]} if scheme == "light" else COLOURS
        assert page.evaluate(AXE, options) == [], address
    context.close()


def test_the_builder_works_as_a_form(live: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live}/en/embed/")
    page.select_option("#reader", "sv")
    page.select_option("#with", "en")
    page.select_option("#layout", "wide")
    page.check("input[value=practice]")
    page.click(".builder button")
    code = page.locator("pre").first.inner_text()
    options = "layout=wide&amp;show=statement+practice+credit&amp;with=en"
    assert f"{live}/sv/widget/?{options}" in code
    assert (
        '<devis-principle lang="sv en" layout="wide" show='
        in page.locator("pre").nth(1).inner_text()
    )
    assert 'title="Dagens ledarskapsprincip"' in code
    assert page.frame_locator(".preview").locator("blockquote").first.get_attribute("lang") == "sv"
    page.fill("#origin", "https://intranet.example.org/start")
    page.click(".search button")
    assert "May be framed by https://intranet.example.org." in page.locator(".checks").inner_text()
    page.fill("#origin", "nonsense")
    page.click(".search button")
    assert page.locator("#origin").get_attribute("aria-invalid") == "true"
    assert page.locator("#origin").input_value() == "nonsense"
    context.close()


def test_the_builder_shows_every_choice_at_once(live: str, visit: Visit) -> None:
    visit.page.goto(f"{live}/sv/embed/")
    visit.page.select_option("#text-size", "large")
    visit.until("document.querySelector('pre').textContent.includes('text-size=large')")
    frame = visit.page.frame_locator(".preview")
    assert frame.locator("html").get_attribute("class") == "auto card large"
    assert "text-size=large" in visit.page.url
    visit.page.click("pre >> nth=0 >> xpath=preceding-sibling::div[1]/button")
    selected = visit.page.evaluate("String(getSelection())")
    assert selected.startswith("<iframe src=")
    assert visit.complaints == []


@pytest.mark.parametrize("language", ["en", "sv"])
def test_the_code_to_copy_is_the_code_that_works(
    live: str, host: Host, visit: Visit, language: str
) -> None:
    page = fetch(f"{live}/{language}/embed/?show=title&show=statement&layout=line").body.decode()
    found = re.findall(r"<pre.*?<code>(.*?)</code>", page, re.S)[:2]
    assert "<" not in "".join(found)
    frame, own = map(html.unescape, found)
    visit.page.goto(host.page(frame + own))
    assert visit.until(f"{QUOTE}?.textContent") == today(live, language)["text"]["statement"]
    line = visit.page.frame_locator("iframe").locator("h1").inner_text()
    assert line == today(live, language)["text"]["short"]


@pytest.mark.needs("curl")
@pytest.mark.parametrize("language", ["en", "sv"])
def test_every_example_of_the_api_runs(live: str, host: Host, visit: Visit, language: str) -> None:
    page = fetch(f"{live}/{language}/api/").body.decode()
    found = re.findall(r'data-language="(\w+)"><code>(.*?)</code>', page, re.S)
    code = {name: html.unescape(text) for name, text in found}
    title = today(live, language)["text"]["title"]
    told = subprocess.run(["sh", "-c", code["curl"]], capture_output=True, check=True, timeout=20)
    assert json.loads(told.stdout)["text"]["title"] == title
    asked = [sys.executable, "-c", code["Python"]]
    told = subprocess.run(asked, capture_output=True, check=True, timeout=20)
    assert told.stdout.decode().strip() == title
    said: list[str] = []
    visit.page.on("console", lambda message: said.append(message.text))
    visit.page.goto(host.page(""))
    visit.page.evaluate(f"(async () => {{ {code['JavaScript']} }})()")
    assert said == [title]


@pytest.mark.parametrize(
    ("allowed", "origin", "good"),
    [
        ("*", "https://a.example", True),
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "https://b.example", False),
        ("https://a.example", "http://a.example", False),
        ("http://a.example", "https://a.example", True),
        ("https://*.example", "https://a.b.example", True),
        ("https://*.example", "https://example", False),
        ("https://a.example:8443", "https://a.example", False),
        ("https://a.example:443, https://b.example/", "https://b.example", True),
    ],
)
def test_frame_ancestors_are_matched(allowed: str, origin: str, good: bool) -> None:
    assert framable(load({"DEVIS_EMBED_ORIGINS": allowed}).embed_origins, origin) is good


@pytest.mark.parametrize("text", ["example.org", "https://a.example/path", "'none'; script-src *"])
def test_a_malformed_origin_stops_the_start(text: str) -> None:
    with pytest.raises(SettingError, match="DEVIS_EMBED_ORIGINS"):
        load({"DEVIS_EMBED_ORIGINS": text})
