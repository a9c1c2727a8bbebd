"""What the site says over HTTP: freshness, conditions, codings, errors, and hostile requests."""

import gzip
import re
import shutil
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import brotli
import html5lib
import pytest
from werkzeug.test import Client, TestResponse

from feed import editions
from feed.app import wsgi
from feed.clock import Clock
from feed.editions import pins
from feed.library import exchange
from feed.store import ledger
from feed.web.middleware.content_version import POLL_SECONDS
from feed.web.middleware.page_cache import PageCache
from tests import library_changes
from tests.conftest import NOON, Answer, Installation, fetch
from tests.golden import FOLDER

HTML = "text/html; charset=utf-8"
MEDIA_TYPES = {
    "/en/": HTML,
    "/sv/archive/": HTML,
    "/en/principles/": HTML,
    "/sv/principles/?q=chef": HTML,
    "/en/themes/": HTML,
    "/sv/themes/change/": HTML,
    "/en/sources/": HTML,
    "/sv/sources/leaderful/": HTML,
    "/en/feeds/": HTML,
    "/sv/about/": HTML,
    "/en/feed.rss": "application/rss+xml; charset=utf-8",
    "/sv/feed.atom": "application/atom+xml; charset=utf-8",
    "/en/feed.json": "application/feed+json; charset=utf-8",
    "/sv/weekly.rss": "application/rss+xml; charset=utf-8",
    "/en/themes/change/feed.atom": "application/atom+xml; charset=utf-8",
    "/sv/sources/leaderful/feed.json": "application/feed+json; charset=utf-8",
    "/feeds.opml": "text/x-opml; charset=utf-8",
    "/sitemap.xml": "application/xml; charset=utf-8",
    "/robots.txt": "text/plain; charset=utf-8",
    "/.well-known/security.txt": "text/plain; charset=utf-8",
    "/static/style.css": "text/css; charset=utf-8",
    "/static/icon.svg": "image/svg+xml; charset=utf-8",
    "/static/icon.png": "image/png",
    "/favicon.ico": "image/vnd.microsoft.icon",
}
KEPT = list(MEDIA_TYPES)
OPEN = [path for path in KEPT if re.search(r"\.(rss|atom|json|opml)$", path)]
# What a page may be asked for and is not there, or not so: method, path, status.
ERRORS = [
    ("GET", "/sv/nothing/", 404),
    ("GET", "/nothing/at/all", 404),
    ("GET", "/en/1999-01-01/", 404),
    ("GET", "/en/archive/1999/01/", 404),
    ("GET", "/sv/principles/nothing/", 404),
    ("GET", "/sv/principles/?page=500", 404),
    ("GET", "/en/themes/nothing/feed.rss", 404),
    ("GET", "/static/nothing.css", 404),
    ("POST", "/en/", 405),
    ("DELETE", "/feeds.opml", 405),
]


def wire(address: str, target: str = "/", method: str = "GET", /, **headers: str | bytes) -> Answer:
    """Send a request as it stands, however odd, and read the answer."""
    place = urlsplit(address)
    lines = [f"{method} {target} HTTP/1.1".encode()]
    for name, value in {"Host": place.netloc, "Connection": "close", **headers}.items():
        text = value.encode() if isinstance(value, str) else value
        lines.append(name.replace("_", "-").encode() + b": " + text)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b""]))
        response = HTTPResponse(connection, method=method)
        response.begin()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())


def guarded(answer: Answer) -> bool:
    """Whether an answer carries what protects its reader, and gives nothing away."""
    policy = answer.headers.get("content-security-policy", "")
    return (
        {"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}
        <= {part.strip() for part in policy.split(";")}
        and "unsafe" not in policy
        and answer.headers["x-content-type-options"] == "nosniff"
        and answer.headers["referrer-policy"] in ("strict-origin-when-cross-origin", "no-referrer")
        and "set-cookie" not in answer.headers
        and not re.search(r"\d", answer.headers.get("server", ""))
        and "x-powered-by" not in answer.headers
        and b"Traceback" not in answer.body
    )


def parsed(body: bytes) -> ElementTree.Element:
    """The page as a tree; the first fault of its HTML raises."""
    tree: ElementTree.Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
        body
    )
    return tree


def seconds(answer: Answer | TestResponse) -> int:
    """The max-age of an answer."""
    headers = answer.headers
    value = headers["cache-control"] if "cache-control" in headers else headers["Cache-Control"]
    found = re.search(r"(?<![a-z-])max-age=(\d+)", value)
    assert found
    return int(found[1])


def modified(answer: Answer | TestResponse) -> datetime:
    return parsedate_to_datetime(answer.headers["last-modified"])


# Media types and codings


@pytest.mark.parametrize("path", KEPT)
def test_media_type(live: str, path: str) -> None:
    answer = fetch(live + path)
    assert (answer.status, answer.headers["content-type"]) == (200, MEDIA_TYPES[path])
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("path", KEPT)
def test_every_coding_has_the_same_content_and_a_strong_etag_of_its_own(
    live: str, path: str
) -> None:
    plain = fetch(live + path)
    tags = [plain.headers["etag"]]
    assert "content-encoding" not in plain.headers
    if len(plain.body) < 1400 or path.endswith((".png", ".ico")):
        assert "content-encoding" not in fetch(live + path, Accept_Encoding="gzip, br").headers
        return
    for coding, decode in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        coded = fetch(live + path, Accept_Encoding=coding)
        assert coded.headers["content-encoding"] == coding
        assert coded.headers["vary"] == "Accept-Encoding"
        assert decode(coded.body) == plain.body
        assert len(coded.body) < len(plain.body)
        tags.append(coded.headers["etag"])
    assert all(re.fullmatch(r'"[\x21\x23-\x7e]+"', tag) for tag in tags)
    assert len(set(tags)) == 3


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", None),
        ("identity", None),
        ("*", "br"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, br;q=0", None),
        ("br;q=0, gzip", "gzip"),
        ("gzip ; q=0 , br", "br"),
        ("gzip;q=0.5, br;q=0.1", "gzip"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0, gzip", "gzip"),
        ("gzip;q=0, *", "br"),
        ("br;q=0, *", "gzip"),
        ("*;q=0", None),
        ("gzip;q=nonsense", None),
    ],
)
def test_accept_encoding_is_honoured(live: str, accepted: str, expected: str | None) -> None:
    answer = fetch(live + "/en/", Accept_Encoding=accepted)
    assert answer.status == 200
    assert answer.headers.get("content-encoding") == expected


# Conditions


@pytest.mark.parametrize("path", ["/sv/", "/en/feed.rss", "/feeds.opml", "/static/style.css"])
@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("condition", ["{}", "W/{}", '"other", {}', 'W/"other",W/{} , "x"', "*"])
def test_a_subscriber_who_has_these_bytes_gets_304(
    live: str, path: str, coding: str, condition: str
) -> None:
    known = fetch(live + path, Accept_Encoding=coding)
    tag = known.headers["etag"]
    answer = wire(live, path, Accept_Encoding=coding, If_None_Match=condition.format(tag))
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers.get("content-length") in (None, known.headers["content-length"])
    for name in ("etag", "vary", "content-security-policy"):
        assert answer.headers[name] == known.headers[name]
    control, before = (
        re.sub("[0-9]+", "n", each.headers["cache-control"]) for each in (answer, known)
    )
    assert control == before  # but for a second that may have gone by
    assert parsedate_to_datetime(answer.headers["date"])
    assert guarded(answer)


@pytest.mark.parametrize("condition", ['"other"', 'W/"other"', '"a", "b"', "", '"', ",", "é", "**"])
def test_a_subscriber_who_has_other_bytes_gets_the_page(live: str, condition: str) -> None:
    answer = wire(live, "/en/", If_None_Match=condition)
    assert answer.status == 200
    assert answer.body


def test_the_etag_of_another_coding_is_another(live: str) -> None:
    tag = fetch(live + "/en/", Accept_Encoding="gzip").headers["etag"]
    assert fetch(live + "/en/", If_None_Match=tag, Accept_Encoding="br").status == 200
    assert fetch(live + "/en/", If_None_Match=tag, Accept_Encoding="gzip").status == 304


def test_if_modified_since(live: str) -> None:
    known = fetch(live + "/en/feed.atom")
    changed = modified(known)

    def since(instant: datetime) -> int:
        header = format_datetime(instant, usegmt=True)
        return fetch(live + "/en/feed.atom", If_Modified_Since=header).status

    assert since(changed) == 304
    assert since(changed + timedelta(days=1)) == 304
    assert since(changed - timedelta(seconds=1)) == 200


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "9999",
        "2099-01-01",
        "1 January 2099",
        "Fri, 99 Foo 2099 00:00:00 GMT",
        "Thu, 01 Jan 2099 25:00:00 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "é",
    ],
)
def test_an_invalid_if_modified_since_is_ignored(live: str, date: str) -> None:
    assert wire(live, "/en/", If_Modified_Since=date).status == 200


def test_if_none_match_wins_over_if_modified_since(live: str) -> None:
    known = fetch(live + "/en/")
    tag, changed = known.headers["etag"], known.headers["last-modified"]
    old = format_datetime(datetime(2001, 1, 1, tzinfo=UTC), usegmt=True)

    def status(match: str, since: str) -> int:
        return fetch(live + "/en/", If_None_Match=match, If_Modified_Since=since).status

    assert status('"other"', changed) == 200
    assert status(tag, old) == 304


@pytest.mark.parametrize("path", KEPT)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_head_gives_the_headers_of_get_and_no_body(live: str, path: str, coding: str) -> None:
    got = fetch(live + path, Accept_Encoding=coding)
    head = wire(live, path, "HEAD", Accept_Encoding=coding)
    assert head.status == got.status
    assert head.body == b""
    passing = {"date", "connection", "cache-control"}
    assert {k: v for k, v in head.headers.items() if k not in passing} == {
        k: v for k, v in got.headers.items() if k not in passing
    }
    assert wire(live, path, "HEAD", If_None_Match="*").status == 304


@pytest.mark.parametrize("path", KEPT)
def test_last_modified_is_a_date_not_after_the_answer(live: str, path: str) -> None:
    headers = fetch(live + path).headers
    if path.startswith("/static/"):
        assert "last-modified" not in headers  # the time of a checkout says nothing
        return
    assert re.fullmatch(
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
        headers["last-modified"],
    )
    assert parsedate_to_datetime(headers["last-modified"]) <= parsedate_to_datetime(headers["date"])


@pytest.mark.parametrize("path", KEPT)
def test_nothing_is_set_in_the_browser_and_nothing_read_from_it(live: str, path: str) -> None:
    answer = fetch(live + path)
    assert guarded(answer)
    other = fetch(live + path, Cookie="session=1; theme=dark", User_Agent="Another/1.0")
    assert (other.status, other.body, other.headers["etag"]) == (
        200,
        answer.body,
        answer.headers["etag"],
    )


# Errors, methods and redirects


@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
@pytest.mark.parametrize(
    ("preferred", "expected"), [("sv-SE, en;q=0.5", "sv"), ("en", "en"), ("de", "en"), ("", "en")]
)
def test_an_error_is_a_page_in_the_visitors_language_that_leads_home(
    live: str, method: str, path: str, status: int, preferred: str, expected: str
) -> None:
    answer = wire(live, path, method, Accept_Language=preferred)
    language = path[1:3] if path.startswith(("/en/", "/sv/")) else expected
    assert (answer.status, answer.headers["content-type"]) == (status, HTML)
    assert guarded(answer)
    assert "accept-language" in answer.headers["vary"].lower()
    assert answer.headers["cache-control"] == "no-cache"
    page = parsed(answer.body)
    assert page.get("lang") == language
    assert f"/{language}/" in {link.get("href") for link in page.iterfind(".//main//a")}
    head = wire(live, path, "HEAD", Accept_Language=preferred)
    if method == "GET":
        assert (head.status, head.body) == (status, b"")
        assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("path", ["/", "/en/", "/sv/feed.rss", "/feeds.opml", "/healthz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "FOO"])
def test_a_method_other_than_reading_is_refused(live: str, path: str, method: str) -> None:
    answer = wire(live, path, method, Content_Length="0", X_Secret="for the tracer")
    assert answer.status == 405
    assert {word.strip() for word in answer.headers["allow"].split(",")} >= {"GET", "HEAD"}
    assert method not in answer.headers["allow"]
    assert b"for the tracer" not in answer.body
    assert guarded(answer)


@pytest.mark.parametrize("path", ["/nothing", "/.env", "/console", "/feed.rss", "/wp-login.php"])
def test_what_does_not_exist_is_404_at_once(live: str, path: str) -> None:

    assert fetch(live + path).status == 404


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [
        ("sv", "sv"),
        ("sv-FI", "sv"),
        ("SV", "sv"),
        ("en-GB, sv;q=0.9", "en"),
        ("en;q=0.5, sv", "sv"),
        ("de, fr;q=0.8", "en"),
        ("de, sv;q=0.1", "sv"),
        ("*", "en"),
        ("", "en"),
        ("nonsense;;;q=x", "en"),
        ("sv;q=0, *", "en"),
    ],
)
def test_the_front_door_leads_to_the_visitors_language(
    live: str, preferred: str, expected: str
) -> None:
    answer = wire(live, "/", Accept_Language=preferred)
    assert (answer.status, answer.headers["location"]) == (302, f"/{expected}/")
    assert "accept-language" in answer.headers["vary"].lower()
    assert answer.headers["cache-control"] == "no-cache"
    assert guarded(answer)


@pytest.mark.parametrize(
    "path", ["/en", "/sv/archive", "/sv/themes/change", "/en//archive/", "/en/2026-11-22"]
)
@pytest.mark.parametrize("host", ["", "evil.example", "evil.example:80", "evil.example/x"])
def test_a_redirect_stays_on_the_site_whatever_host_is_named(
    live: str, path: str, host: str
) -> None:
    forged = {"Host": host, "X_Forwarded_Host": host, "Forwarded": f"host={host}"}
    answer = wire(live, path, **(forged if host else {}))
    assert answer.status in (301, 308)
    assert answer.headers["location"] == path.replace("//", "/").rstrip("/") + "/"
    assert guarded(answer)

    assert b"evil" not in answer.body


def test_a_forged_host_changes_no_page(live: str) -> None:
    for path in ("/sv/", "/en/feed.rss", "/sitemap.xml", "/sv/nothing/"):
        forged = wire(live, path, Host="evil.example", X_Forwarded_Host="evil.example")
        assert forged.body == fetch(live + path).body


def test_a_search_survives_the_missing_slash(live: str) -> None:

    assert fetch(live + "/en/principles?q=trust").headers["location"] == "/en/principles/?q=trust"


# A rehearsed clock


@dataclass
class Visited:
    """The page cache of an installation, a clock to set, and the number of pages rendered."""

    installation: Installation
    cache: PageCache
    clock: Clock
    rendered: int = 0

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.cache).get(path, headers=named)

    def set(self, now: datetime) -> None:
        """Set the clock of the web process; nobody publishes meanwhile."""
        object.__setattr__(self.clock, "origin", now)
        object.__setattr__(self.clock, "began", time.monotonic())
        time.sleep(2 * POLL_SECONDS)  # until the process looks at the database again

    def publish(self, now: datetime) -> None:
        self.installation.now = now
        self.installation.publish()
        time.sleep(2 * POLL_SECONDS)


def visit(installation: Installation) -> Visited:
    clock = Clock(installation.now, time.monotonic())
    cache = wsgi(installation.config, clock)
    visited = Visited(installation, cache, clock)
    inner = cache.app

    def counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        visited.rendered += 1
        return inner(environ, start_response)

    cache.app = counted
    return visited


@pytest.fixture
def site(devis: Installation) -> Visited:
    """The shipped library with today's edition, a few seconds after noon."""
    visited = visit(devis)
    visited.set(NOON + timedelta(seconds=5))
    return visited


def local(text: str) -> datetime:
    """The instant of a time in Stockholm, in UTC as every clock gives it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Stockholm")).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "low", "high"),
    [
        ("2026-11-22 12:00", 300, 300),
        ("2026-11-22 23:54:59", 290, 300),
        ("2026-11-22 23:59:00", 45, 60),
        ("2026-11-22 23:59:40", 1, 20),
    ],
)
def test_an_answer_is_never_fresh_past_the_end_of_its_day(
    site: Visited, now: str, low: int, high: int
) -> None:
    site.set(local(now))
    for path in KEPT:
        assert site.get(path).status_code == 200
        if path.startswith("/static/"):
            continue
        assert low <= seconds(site.get(path)) <= high
        assert low <= seconds(site.get(path, If_None_Match="*")) <= high


def test_while_todays_edition_is_missing_nothing_is_fresh_for_long(site: Visited) -> None:
    before = site.get("/en/")
    site.set(local("2026-11-23 00:00:01"))
    waiting = site.get("/en/")
    assert 0 < seconds(waiting) <= 5
    assert b"/2026-11-22/" in waiting.data
    assert b'class="today"' not in waiting.data

    site.publish(local("2026-11-23 00:00:02"))
    site.set(local("2026-11-23 00:00:10"))
    after = site.get("/en/", If_None_Match=str(before.headers["etag"]))
    assert after.status_code == 200
    assert b"/2026-11-23/" in after.data
    assert seconds(after) == 300
    assert modified(after) > modified(before)


def test_a_database_that_fails_at_midnight_keeps_nothing_fresh_for_long(site: Visited) -> None:
    site.get("/en/")
    database = site.installation.config.database
    site.cache.content.state(NOON)
    shutil.move(database, database.with_name("aside"))
    site.cache.content._db = None  # as after its first error
    site.set(local("2026-11-23 00:00:01"))
    answer = site.get("/en/")
    assert answer.status_code == 200

    assert seconds(answer) <= 5


def test_an_edition_made_late_is_news_to_a_reader_who_asks_by_date(
    install: Callable[..., Installation],
) -> None:
    made = install()
    made.load(exchange.shipped_files())
    visited = visit(made)
    empty = visited.get("/en/")
    made.publish()
    visited.set(NOON + timedelta(seconds=5))
    asked = visited.get("/en/", If_Modified_Since=str(empty.headers["last-modified"]))
    assert asked.status_code == 200


# When the content changes


def todays_slug(installation: Installation) -> str:
    with installation.open() as db:
        view = editions.today(db, installation.site(), installation.now)
    assert view
    return view.showing.principle.slug


def test_a_curators_edit_is_in_the_next_answer(site: Visited) -> None:
    slug = todays_slug(site.installation)
    paths = ["/en/", "/en/feed.rss", "/en/feed.json", f"/en/principles/{slug}/", "/en/principles/"]
    before = {path: site.get(path) for path in paths}
    with site.installation.open() as db:
        changes = {"slug": slug, "texts": {"en": {"title": "Aardvarks lead"}}}
        library_changes.revise(db, changes, NOON + timedelta(minutes=1))
    site.set(NOON + timedelta(minutes=2))
    for path in paths:
        answer = site.get(path, If_None_Match=str(before[path].headers["etag"]))
        assert answer.status_code == 200
        assert b"Aardvarks lead" in answer.data
        assert modified(answer) > modified(before[path])
    unchanged = site.get("/robots.txt")
    assert site.get("/robots.txt", If_None_Match=str(unchanged.headers["etag"])).status_code == 304


def test_a_withdrawn_edition_is_gone_at_once(site: Visited) -> None:
    before = site.get("/en/2026-11-22/")
    with site.installation.open() as db:
        editions.withdraw(
            db,
            site.installation.site(),
            site.installation.config,
            NOON.date(),
            "A mistake",
            NOON,
            replace=False,
        )
    time.sleep(2 * POLL_SECONDS)
    answer = site.get("/en/2026-11-22/", If_None_Match=str(before.headers["etag"]))
    assert answer.status_code == 410
    assert answer.headers["Cache-Control"] == "no-cache"
    assert b"/2026-11-22/" not in site.get("/en/feed.rss").data


def test_a_pin_invalidates_no_cached_response(site: Visited) -> None:
    slug = todays_slug(site.installation)
    site.get("/en/")
    assert site.rendered == 1
    with site.installation.open() as db:
        pins.pin(db, site.installation.site(), NOON.date() + timedelta(days=9), slug, NOON)
    time.sleep(2 * POLL_SECONDS)
    site.get("/en/")
    assert site.rendered == 1


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("/en/", ["/en/?x=1", "/en/?utm_source=mail&x", "/en/?q=trust", "/en/?%00=%ff", "/en/?&&"]),
        (
            "/sv/principles/?q=chef&theme=change",
            [
                "/sv/principles/?theme=change&q=chef",
                "/sv/principles/?q=chef&x&theme=change",
            ],
        ),
        ("/en/feed.rss", ["/en/feed.rss?page=2", "/en/feed.rss?cache=bust"]),
        ("/static/style.css", ["/static/style.css?v=1", "/static/style.css?v=2"]),
    ],
)
def test_unknown_parameters_are_the_same_page(site: Visited, path: str, others: list[str]) -> None:
    known = site.get(path)
    for other in others:
        answer = site.get(other)
        assert (answer.data, answer.headers["etag"]) == (known.data, known.headers["etag"])
    assert site.rendered == 1


def test_a_page_first_asked_for_by_head_is_whole_for_the_next_reader(site: Visited) -> None:
    head = Client(site.cache).head("/en/feed.rss")
    got = site.get("/en/feed.rss")
    assert (head.data, dict(head.headers)) == (b"", dict(got.headers))
    assert len(got.data) == int(got.headers["content-length"]) > 1000
    assert site.rendered == 1


@pytest.mark.parametrize("path", ["/en/", "/en/feed.rss", "/static/style.css", "/favicon.ico"])
@pytest.mark.parametrize(
    "condition",
    [
        {"If_None_Match": "*"},
        {"If_Modified_Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        {"Range": "bytes=0-3"},
    ],
)
def test_the_first_request_gets_the_answer_of_all_others(
    site: Visited, path: str, condition: dict[str, str]
) -> None:
    """Whatever a reader brings, a fresh process and one that knows the page say the same."""

    first = site.get(path, **condition)
    assert site.get(path).status_code == 200
    later = site.get(path, **condition)
    assert (first.status_code, first.data) == (later.status_code, later.data)
    assert dict(first.headers) == dict(later.headers)


# The whole site


@dataclass(frozen=True)
class Crawled:
    """Every address of the site that a link leads to, with its answer, and where it was found."""

    answers: dict[str, Answer]
    pages: dict[str, ElementTree.Element]
    found_on: dict[str, str]
    elsewhere: set[tuple[str, str]]


PICTURE = re.compile(r"/(card|principles)/[\w-]+(?:/card)?\.png")


@pytest.fixture(scope="module")
def crawled(live: str) -> Crawled:
    """From the front door along every link, in both languages, to one picture of each kind:
    they are drawn alike, and the rate limit counts them.
    """
    crawl = Crawled({}, {}, {"/en/": "the front door", "/sv/": "the front door"}, set())
    pictures: set[str] = set()
    waiting = ["/en/", "/sv/", "/robots.txt", "/sitemap.xml", "/feeds.opml"]
    while waiting:
        path = waiting.pop()
        kind = PICTURE.sub(r"\1/", path)
        if path in crawl.answers or kind in pictures:
            continue
        if kind != path:
            pictures.add(kind)
        answer = crawl.answers[path] = fetch(live + path)
        if answer.status != 200 or answer.headers["content-type"] != HTML or framed(path):
            continue
        page = crawl.pages[path] = parsed(answer.body)
        for tag, link in _links(page):
            target = urljoin(live + path, link).partition("#")[0]
            if target.startswith(live):
                crawl.found_on.setdefault(target.removeprefix(live), path)
                waiting.append(target.removeprefix(live))
            elif not target.startswith("mailto:"):
                crawl.elsewhere.add((tag, target))
    return crawl


def framed(path: str) -> bool:
    """Whether it is the document that other sites put into an iframe: no page of its own."""
    return "/widget/" in path


def _links(page: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for element in page.iter():
        for name in ("href", "src", "srcset", "action", "formaction", "poster", "data"):
            if name in element.attrib:
                yield str(element.tag), element.attrib[name]


def test_no_link_of_the_site_is_broken(crawled: Crawled) -> None:
    broken = {
        path: (answer.status, crawled.found_on.get(path))
        for path, answer in crawled.answers.items()
        if answer.status != 200
    }
    assert broken == {}
    assert len(crawled.pages) > 200


def test_pages_load_nothing_from_elsewhere(crawled: Crawled) -> None:
    assert {tag for tag, _ in crawled.elsewhere} <= {"a"}
    assert all(target.startswith(("https://", "http://")) for _, target in crawled.elsewhere)


def test_pages_need_no_script_and_no_inline_style(crawled: Crawled) -> None:
    for path, page in crawled.pages.items():
        for element in page.iter():
            assert element.tag not in ("style", "object", "embed")
            if element.tag in ("script", "iframe"):  # the builder's preview, the form to sign up,
                todays = re.fullmatch(r"/\w+/(screen/)?", path)  # and today's, which stay current
                script = element.tag == "script" and ("/subscribe/" in path or todays)
                assert "/embed/" in path or script
                assert element.get("src", "").startswith("/")
                assert not element.text
            assert not any(name == "style" or name.startswith("on") for name in element.attrib)


def test_every_address_is_guarded(crawled: Crawled) -> None:
    unguarded = [path for path, answer in crawled.answers.items() if not guarded(answer)]
    assert [path for path in unguarded if not framed(path)] == []


def test_two_answers_have_the_same_etag_exactly_if_they_have_the_same_bytes(
    crawled: Crawled,
) -> None:
    by_tag, by_bytes = defaultdict(set), defaultdict(set)
    for answer in crawled.answers.values():
        if answer.headers["cache-control"] == "no-store":
            assert "etag" not in answer.headers
            continue
        same = (answer.headers["content-type"], answer.body)
        by_tag[answer.headers["etag"]].add(same)
        by_bytes[same].add(answer.headers["etag"])
    assert all(len(group) == 1 for group in by_tag.values())
    assert all(len(group) == 1 for group in by_bytes.values())


def test_the_sitemap_lists_every_page_once(live: str, crawled: Crawled) -> None:
    tree = ElementTree.fromstring(crawled.answers["/sitemap.xml"].body)
    name = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"
    listed = [(node.text or "").removeprefix(live) for node in tree.iter(name)]
    assert len(listed) == len(set(listed))
    for_readers = (path for path in crawled.pages if not path.endswith("/screen/"))
    assert set(listed) == {path for path in for_readers if "?" not in path}


def test_pages_say_where_they_live_and_in_which_languages(live: str, crawled: Crawled) -> None:
    for path, page in crawled.pages.items():
        links = page.findall(".//head/link")
        (canonical,) = (link.get("href") for link in links if link.get("rel") == "canonical")
        others = {link.get("hreflang"): link.get("href") for link in links if link.get("hreflang")}
        plain = path.partition("?")[0]
        assert canonical == live + plain
        assert others == {
            "en": live + "/en" + plain[3:],
            "sv": live + "/sv" + plain[3:],
            "x-default": live + "/en" + plain[3:],
        }
        feeds = {link.get("type") for link in links if "feed." in (link.get("href") or "")}
        assert feeds >= {"application/rss+xml", "application/atom+xml", "application/feed+json"}


def test_a_page_that_stands_in_for_a_translation_is_the_original_s(
    install: Callable[..., Installation],
) -> None:
    made = install()
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    client, base = made.client(), "http://127.0.0.1:8000"
    site_map = client.get("/sitemap.xml").text
    for path in ("principles/bara-svenska/", f"{day_of(made, 'bara-svenska')}/"):
        for code in ("en", "sv"):
            page = client.get(f"/{code}/{path}").text
            assert f'<link rel="canonical" href="{base}/sv/{path}">' in page
            assert f'hreflang="x-default" href="{base}/sv/{path}">' in page
            assert f'href="{base}/en/{path}"' not in page
        assert f"<loc>{base}/sv/{path}</loc>" in site_map
        assert f"{base}/en/{path}" not in site_map
    today = client.get("/en/").text
    assert f'<link rel="canonical" href="{base}/en/">' in today


def day_of(made: Installation, slug: str) -> date:
    """The newest date with a principle."""
    with made.open() as db:
        return next(day for day, shown in ledger.dates(db, NOON.date()).items() if shown == slug)


# Hostile strangers

HOSTILE = [
    "//evil.example",
    "//evil.example/",
    "///evil.example/en/archive",
    "/\\evil.example",
    "/%2f/evil.example/en/archive",
    "http://evil.example/en/archive",
    "*",
    "/en/../../etc/passwd",
    "/static/../../feed/cli.py",
    "/static/%2e%2e/%2e%2e/cli.py",
    "/static/..%2f..%2fcli.py",
    "/.git/config",
    "/%00",
    "/%ff/",
    "/en/%00/",
    "/en/principles/%00/",
    "/en/principles/%01/",
    "/en/principles/%ff/",
    "/en/principles/%ed%a0%80/",
    "/en/principles/%3Cscript%3E/",
    "/en/principles/%25(slug)s/",
    "/sv/principles/åäö/",
    "/en/%E2%80%AE/",
    "/en/9999-99-99/",
    "/en/9999-12-31/",
    "/en/0000-00-00/",
    "/en/0001-01-01/",
    "/en/2026-02-30/",
    "/en/archive/0000/01/",
    "/en/archive/9999/12/",
    "/en/archive/2026/13/",
    "/en/archive/2026/00/",
    "/en/principles/?page=-1",
    "/en/principles/?page=0",
    "/en/principles/?page=99999999999999999999",
    "/en/principles/?page=two",
    "/en/principles/?page=1e3",
    "/en/principles/?q=%00",
    "/en/principles/?q=%22",
    "/en/principles/?q=*",
    "/en/principles/?q=%ff",
    "/en/principles/?q=a%01b",
    "/en/principles/?q=%22a%22+OR+NEAR(",
    "/en/principles/?q=';DROP+TABLE+texts--",
    "/en/principles/?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/en/principles/?theme=%00&source=%ff",
    "/en/principles/?theme='+OR+1=1",
    "/en/principles/?q=" + "a" * 6000,
    "/en/principles/?q=" + "a+" * 3000,
    "/en/principles/?" + "a=b&" * 2000,
    "/en/?" + "&" * 6000,
    "/" + "a" * 30_000,
    "/" + "a/" * 15_000,
    "/" + "a" * 200_000,
]


@pytest.mark.parametrize("target", HOSTILE, ids=lambda target: target[:48])
def test_a_hostile_address_is_answered_calmly(live: str, target: str) -> None:
    answer = wire(live, target)
    assert answer.status < 500
    assert not answer.headers.get("location", "/x").startswith(("//", "/\\", "http"))
    if answer.status in (400, 414, 431):  # the server's own word, before any page
        return
    assert guarded(answer)
    assert answer.body.count(b"<script") == answer.body.count(b'<script src="/static/today.js?')
    if answer.body or answer.status not in (301, 308):
        parsed(answer.body)


def test_a_page_has_one_address_whatever_the_digits(live: str) -> None:
    found = re.search(r"/en/archive/\d+/\d+/", fetch(live + "/en/archive/").body.decode())
    assert found
    month = found[0]
    eastern = month.translate({ord(str(n)): chr(0x660 + n) for n in range(10)})

    assert wire(live, eastern).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a" * 60_000},
        {f"X-{n}": "y" for n in range(400)},
        {"Accept_Encoding": "gzip," * 5000},
        {"Accept_Encoding": b"\xff;q=\xff"},
        {"Accept_Encoding": "gzip;q=nan, br;q=inf"},
        {"Accept_Language": "sv," * 10_000},
        {"Accept_Language": b"\xff\xfe;q=nan"},
        {"If_None_Match": '"a",' * 10_000},
        {"If_None_Match": b"\xff\xfe"},
        {"If_Modified_Since": b"\xff"},
        {"If_Modified_Since": "Thu, 01 Jan 0001 00:00:00 +2359"},
        {"Cookie": b"\xff=\x80"},
        {"Range": "bytes=9-1,0-,-0"},
        {"Host": b"\xff"},
        {"Host": "[::"},
        {"Content_Length": "-1"},
        {"Transfer_Encoding": "nonsense"},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("path", ["/", "/en/archive/", "/en/nothing/", "/en", "/static/style.css"])
def test_hostile_headers_are_answered_calmly(
    live: str, path: str, headers: dict[str, str | bytes]
) -> None:
    answer = wire(live, path, **headers)
    assert answer.status < 500
    assert answer.status in (400, 431) or guarded(answer)
    assert fetch(live + path).status < 500


# Other origins, other spellings

CROSS_ORIGIN = [*KEPT, "/healthz", "/en/nothing/", "/api/v1/nothing", "/en/2026-13-01/feed.rss"]


@pytest.mark.parametrize("path", CROSS_ORIGIN)
def test_a_script_of_any_origin_reads_every_public_address_and_its_errors(
    devis: Installation, path: str
) -> None:
    client = devis.client()
    asks = {"Origin": "https://a.example", "Access-Control-Request-Headers": "x-any"}
    asked = client.options(path, headers=asks)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Headers"] == "*"
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
    with client.get(path, headers=asks) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag, Link, Retry-After"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/metrics", "/desk/sign-in", "/en/subscribe/", "/subscription/a"])
def test_forms_and_what_is_private_stay_with_their_own_origin(
    devis: Installation, path: str
) -> None:
    for answer in (devis.client().get(path), devis.client().options(path)):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("/EN/", "/en/"),
        ("/sv-SE/feed.rss", "/sv/feed.rss"),
        ("/sv_se/principles/?q=a%20b", "/sv/principles/?q=a%20b"),
        ("/SV", "/sv"),
    ],
)
def test_a_language_tag_leads_to_the_site_s_language(
    devis: Installation, given: str, address: str
) -> None:
    answer = devis.client().get(given)
    assert (answer.status_code, answer.headers["Location"]) == (308, address)


@pytest.mark.parametrize("path", ["/de/", "/eng/", "/en-/x/", "/EN/../desk/", "//en.example/"])
def test_what_is_no_language_of_the_site_leads_nowhere_else(devis: Installation, path: str) -> None:
    answer = devis.client().get(path)
    location = answer.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith("//")
