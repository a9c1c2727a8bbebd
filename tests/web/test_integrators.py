"""What integrators build on the site: each as its program asks, and the headers they all need.

Feed readers and pollers are in tests/editions/test_pollers.py, the widget in test_widget.py, the
calendar in test_formats.py.
"""

import html
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from werkzeug.routing import Rule
from werkzeug.test import Client
from werkzeug.wrappers import Response

from feed import editions
from feed.app import wsgi
from feed.clock import Clock
from feed.web.middleware.page_cache import PageCache
from tests.conftest import NOON, ROOT, Installation, Stopped, fetch, listening, settings
from tests.host_pages import host_server

Install = Callable[..., Installation]

# Headers that programs send with a GET, and that make a browser ask first.
ASKED_FOR = (
    *("Content-Type", "Authorization", "If-None-Match"),
    *("X-Requested-With", "Cache-Control", "traceparent"),
)
PRIVATE = re.compile(r"/subscription/|/[a-z]+/(subscribe|suggest)/|/desk/|/metrics")
TODAY = date(2026, 11, 22)


def samples(devis: Installation) -> dict[str, Any]:
    """A value for each part of an address."""
    client = devis.client()
    slugs = {
        kind: json.loads(client.get(f"/api/v1/{kind}").data)["items"][0]["slug"]
        for kind in ("themes", "sources", "principles")
    }
    return {
        **{"language": "sv", "tag": "sv", "day": TODAY, "first": date(2026, 11, 1)},
        **{"form": "rss", "filename": "style.css", **slugs},
    }


def addresses(devis: Installation, *, private: bool = False) -> list[str]:
    """One address of each route that answers GET."""
    app: Flask = devis.client().application
    values, routes = samples(devis), app.url_map.bind("")

    def address(rule: Rule) -> str:
        if rule.rule.startswith("/desk/"):
            return rule.rule.partition("<")[0]
        section = next((name for name in ("themes", "sources") if name in rule.rule), "principles")
        given = {name: values.get(name, "1") for name in rule.arguments}
        if "slug" in given:
            given["slug"] = values[section]
        return routes.build(rule.endpoint, given)

    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    found = {address(rule) for rule in rules}
    return sorted(path for path in found if bool(PRIVATE.match(path)) == private)


def is_covered(header: str, allowed: str) -> bool:
    """Whether a browser takes a header for allowed; the wildcard leaves one out."""
    names = {name.strip().lower() for name in allowed.split(",")}
    return header.lower() in names or ("*" in names and header != "Authorization")


@pytest.mark.slow
def test_a_browser_may_send_any_header_to_every_public_address(devis: Installation) -> None:
    client, public = devis.client(), addresses(devis)
    assert len(public) > 30
    for path in public:
        for header in ASKED_FOR:
            asked = client.options(
                path,
                headers={
                    "Origin": "https://a.example",
                    "Access-Control-Request-Method": "GET",
                    "Access-Control-Request-Headers": header.lower(),
                },
            )
            assert (asked.status_code, asked.data) == (204, b""), path
            assert asked.headers["Access-Control-Allow-Origin"] == "*"
            assert "GET" in asked.headers["Access-Control-Allow-Methods"]
            assert is_covered(header, asked.headers["Access-Control-Allow-Headers"]), path
        with client.get(path, headers=dict.fromkeys(ASKED_FOR, "x")) as answer:
            assert answer.status_code < 500
            assert readable(answer), path


def readable(answer: Response) -> bool:
    """Whether a script of another origin may read an answer and what is in its headers."""
    exposed = answer.headers.get("Access-Control-Expose-Headers", "")
    return (
        answer.headers.get("Access-Control-Allow-Origin") == "*"
        and {"ETag", "Link", "Retry-After"} <= set(exposed.split(", "))
        and "Access-Control-Allow-Credentials" not in answer.headers
        and "Set-Cookie" not in answer.headers
    )


@pytest.mark.slow
def test_no_private_address_is_open_to_another_origin(devis: Installation) -> None:
    private = addresses(devis, private=True)
    assert len(private) > 20
    for path in private:
        for ask in (devis.client().options, devis.client().get):
            with ask(path, headers={"Origin": "https://a.example"}) as answer:
                names = [name for name, _ in answer.headers if name.startswith("Access-Control")]
                assert names == [], path


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/today?lang=!", 400),
        ("GET", "/api/v1/changes?since=yesterday", 400),
        ("GET", "/en/widget/?layout=nonsense", 400),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/editions/2026-12-24", 404),
        ("GET", "/en/themes/nothing/feed.rss", 404),
        ("GET", "/nothing.ics", 404),
        ("POST", "/api/v1/today", 405),
        ("DELETE", "/en/feed.json", 405),
        ("PUT", "/sv/calendar.ics", 405),
        ("GET", "/api/v1/editions/2026-11-20", 410),
        ("GET", "/en/2026-11-20/", 410),
        ("GET", "/en/card/2026-11-20.png", 410),
        ("GET", f"/api/v1/principles?q={'a' * 8000}", 414),
        ("GET", "/EN/feed.rss", 308),
        ("GET", "/en/archive", 308),
    ],
)
def test_a_script_can_read_what_went_wrong(
    devis: Installation, method: str, path: str, status: int
) -> None:
    with devis.open() as db:
        editions.withdraw(db, devis.site(), devis.config, date(2026, 11, 20), "wrong", devis.now)
    answer = devis.client().open(path, method=method)
    assert answer.status_code == status
    assert readable(answer)
    if path.startswith("/api/"):
        assert answer.mimetype == "application/problem+json"


def test_a_script_can_read_for_how_long_it_is_to_wait(install: Install) -> None:
    client = install(API_RATE="1").client()
    for _ in range(2):
        answer = client.get("/api/v1/today?lang=!")
    assert answer.status_code == 429
    assert readable(answer)
    assert int(answer.headers["Retry-After"]) > 0
    assert client.options("/api/v1/today").status_code == 204


class Head(HTMLParser):
    """The meta elements of a page by their name or property, and its title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or given.get("property")
        if tag == "meta" and name and "media" not in given:
            assert name not in self.meta, f"{name} stands twice"
            self.meta[name] = given.get("content") or ""


def pages(devis: Installation) -> Iterator[tuple[str, Head]]:
    """Every public page, the widget’s too: a link to it may stand in a chat."""
    client = devis.client()
    for path in [*addresses(devis), "/sv/subscribe/"]:
        with client.get(path) as answer:
            if (answer.status_code, answer.mimetype) == (200, "text/html"):
                head = Head(
                    answer.data[: 32 * 1024].decode(errors="ignore")
                )  # what Slack reads of a page
                if path != "/sv/subscribe/sent/":
                    yield path, head


@pytest.mark.slow
def test_every_page_has_what_teams_and_slack_show_of_a_link(devis: Installation) -> None:
    """Open Graph as they read it: with absolute addresses, and a picture that is there."""
    client, base = devis.client(), devis.config.base_url
    found = dict(pages(devis))
    assert len(found) > 12
    for path, head in found.items():
        meta = head.meta
        for name in ("description", "og:title", "og:site_name"):
            assert meta[name].strip(), f"{path} lacks {name}"
        assert meta["og:description"] == meta["description"]
        assert meta["og:type"] in ("website", "article")
        assert re.fullmatch("[a-z]{2}_[A-Z]{2}", meta["og:locale"])
        assert meta["twitter:card"] in ("summary", "summary_large_image")
        for name, kind in (("og:url", "text/html"), ("og:image", "image/")):
            assert meta[name].startswith(f"{base}/"), f"{path} has a relative {name}"
            with client.get(meta[name].removeprefix(base)) as answer:
                assert answer.status_code == 200
                assert answer.mimetype is not None
                assert answer.mimetype.startswith(kind)
    described = [head.meta["description"] for head in found.values()]
    assert len(set(described)) >= len(described) - 2  # the day has three pages


def test_a_link_to_today_is_shown_as_a_link_to_that_day(devis: Installation) -> None:
    """It stays in the chat when the day is over."""
    meta = Head(devis.client().get("/sv/").text).meta
    assert meta["og:url"] == f"{devis.config.base_url}/sv/2026-11-22/"
    assert meta["og:title"] == today(devis.client())["text"]["title"]
    assert meta["og:image"].endswith("/sv/card/2026-11-22.png")


def today(client: FlaskClient | Client) -> Any:
    return json.loads(client.get("/api/v1/today?lang=sv").data)


def test_jquery_that_defeats_caches_is_answered_from_memory(install: Install) -> None:
    """`cache: false` adds `_` and a number that grows; it is neither refused nor counted."""
    made = install(API_RATE="1")
    client = Client(wsgi(made.config, Clock(NOON, time.monotonic())))
    asked = [client.get(f"/api/v1/languages?lang=sv&_={1700000000 + n}") for n in range(9)]
    assert {answer.status_code for answer in asked} == {200}
    assert len({answer.headers["ETag"] for answer in asked}) == 1


def test_sharepoint_may_frame_the_widget_and_nothing_else(install: Install) -> None:
    """By the code of the admin's page; SharePoint itself then lets this host in."""
    made = install(EMBED_ORIGINS="https://contoso.sharepoint.com")
    client, base = made.client(), made.config.base_url
    code = re.search(r"<code>(&lt;iframe .*?&lt;/iframe&gt;)", client.get("/en/embed/").text)
    assert code
    (address,) = re.findall(r'src="(.*?)"', html.unescape(code[1]))
    frame = client.get(address.removeprefix(base))
    assert frame.status_code == 200
    policy = frame.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self' https://contoso.sharepoint.com")
    assert "X-Frame-Options" not in frame.headers
    assert "frame-ancestors 'none'" in client.get("/en/").headers["Content-Security-Policy"]


ASK = """async ([address, headers]) => {
  const answer = await fetch(address, {headers, cache: "no-store"});
  const read = ["etag", "link", "retry-after"].map((name) => answer.headers.get(name));
  return [answer.status, ...read];
}"""


@pytest.mark.slow
def test_a_script_on_an_intranet_asks_in_every_way_and_reads_the_headers(
    install: Install, browser: Browser
) -> None:
    """In a browser, which keeps to the rules for other origins: each ask needs a preflight."""
    made = install(NOW="", API_RATE="3", WEBSUB_HUBS="https://hub.example/")
    app = wsgi(made.config, Clock(NOON, time.monotonic()))
    with host_server() as host, listening(app) as site, browser.new_page() as page:
        page.goto(host.page(""))

        def ask(path: str, **headers: str) -> list[Any]:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer: list[Any] = page.evaluate(ASK, [site + path, named])
            return answer

        status, tag, _, _ = ask("/api/v1/languages", Content_Type="application/json")
        assert (status, tag[0]) == (200, '"')
        assert ask("/api/v1/languages", If_None_Match=tag)[0] == 304
        usual = {"X_Requested_With": "XMLHttpRequest", "Authorization": "Bearer of-the-intranet"}
        assert ask("/api/v1/languages", **usual, traceparent="00-1-1-00")[0] == 200
        feed = ask("/en/feed.json", Cache_Control="no-cache")
        assert 'rel="hub"' in feed[2]
        asked = [ask("/api/v1/today?lang=!") for _ in range(3)]
        assert [answer[0] for answer in asked] == [400, 400, 429]
        assert int(asked[-1][3]) > 0


GUIDE = (ROOT / "docs" / "integrating.md").read_text()
HOST = "https://devis.example.org"


def examples(kind: str) -> list[str]:
    """The code of the guide in that language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_every_address_of_the_guide_is_there(devis: Installation) -> None:
    found = set(re.findall(rf"{HOST}(/[^\s`\"]*)", GUIDE))
    assert len(found) > 8
    for address in found:
        with devis.client().get(address) as answer:
            assert answer.status_code == 200, address
    for section in ("API", "/sv/embed/", "DEVIS_EMBED_ORIGINS", "DEVIS_WEBHOOKS"):
        assert section in GUIDE


@pytest.fixture
def site(devis: Installation) -> Iterator[str]:
    """The address of a site that knows it, on a clock that stands still."""
    apps: list[PageCache] = []
    with listening(lambda environ, start: apps[0](environ, start)) as address:
        config = settings(devis.config.instance, BASE_URL=address)
        apps.append(wsgi(config, Stopped(devis.now)))
        yield address


@pytest.mark.slow
def test_the_pages_of_the_guide_show_the_day(site: str, browser: Browser) -> None:
    """The code that needs nothing of others."""
    own = [text for text in examples("html") if not re.search(r"\$\.ajax|axios", text)]
    statement = json.loads(fetch(f"{site}/api/v1/today?lang=sv").body)["text"]["statement"]
    with host_server() as host, browser.new_page() as page:
        page.goto(host.page("".join(own).replace(HOST, site)))
        page.locator("#principle", has_text=statement).wait_for()
        page.locator("devis-principle blockquote", has_text=statement).wait_for()
        page.frame_locator("iframe").locator("blockquote", has_text=statement).wait_for()


def test_the_mirror_of_the_guide_has_what_the_site_has(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = examples("python")
    for _ in range(2):  # the second time it goes on where it was
        exec(code.replace(HOST, site), {})
        days = json.loads(Path("mirror.json").read_text())["days"]
        editions_now = json.loads(fetch(f"{site}/api/v1/editions?lang=sv").body)["items"]
        assert days == {item["date"]: item for item in editions_now}
    assert "after=" in json.loads(Path("mirror.json").read_text())["ask"]
