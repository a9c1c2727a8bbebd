"""Feeds: byte for byte against golden files, and as parsed by several feed readers."""

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import html5lib
import jsonschema
import pytest
from reader import make_reader

from feed import editions
from feed.library import exchange
from feed.publish import FORMATS
from tests import library_changes
from tests.conftest import NOON, Command, Installation, answers, fetch, free_port, wait_until
from tests.golden import FEEDS, FOLDER

Install = Callable[..., Installation]
ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"

JSON_FEED = {
    "type": "object",
    "required": ["version", "title", "items"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": {"type": "string", "minLength": 1},
        "home_page_url": {"type": "string", "pattern": "^http"},
        "feed_url": {"type": "string", "pattern": "^http.*json$"},
        "description": {"type": "string"},
        "icon": {"type": "string", "pattern": "^http"},
        "language": {"enum": ["en", "sv"]},
        "authors": {"$ref": "#/$defs/authors"},
        "next_url": {"type": "string", "pattern": "^http.*json$"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {
        "instant": {
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$",
        },
        "authors": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["name"]},
        },
        "item": {
            "type": "object",
            "required": ["id", "url", "content_html", "date_published", "date_modified"],
            "patternProperties": {"^_": {"type": "object"}},
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string", "pattern": "^tag:"},
                "url": {"type": "string", "pattern": "^http"},
                "title": {"type": "string", "minLength": 1},
                "content_html": {"type": "string", "minLength": 1},
                "summary": {"type": "string", "minLength": 1},
                "date_published": {"$ref": "#/$defs/instant"},
                "date_modified": {"$ref": "#/$defs/instant"},
                "authors": {"$ref": "#/$defs/authors"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "language": {"enum": ["en", "sv"]},
                "image": {"type": "string", "pattern": "^http.*png$"},
            },
        },
    },
}


MARKUP = """
themes = []
sources = [{{ slug = "book", title = "A book", language = "en" }}]
[[principles]]
slug = "odd"
source = "book"
themes = []
status = "published"
original_language = "en"
[principles.texts.en]
title = "Odd"
statement = "{words}"
state = "approved"
"""


@pytest.fixture
def small(install: Install) -> Installation:
    """The golden library, with its fifteen editions."""
    made = install(SITE_NAME="en=The Daily,sv=Dagens")
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    return made


def every_feed(devis: Installation) -> Iterator[str]:
    """The address of each feed of an installation, without its format."""
    for language in devis.config.languages:
        yield f"/{language}/feed"
        yield f"/{language}/weekly"
        for name in ("themes/trust", "sources/fem-deviser"):
            yield f"/{language}/{name}/feed"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("language", ["en", "sv"])
@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_is_byte_for_byte_what_it_was(
    small: Installation, name: str, language: str, form: str
) -> None:
    answer = small.client().get(f"/{language}/{FEEDS[name]}.{form}")
    expected = (FOLDER / f"{language}-{name}.{form}").read_bytes()
    assert answer.data.decode() == expected.decode()


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_ledger_gives_the_same_bytes_on_another_day(
    small: Installation, form: str
) -> None:
    path = f"/sv/feed.{form}"
    first = small.client().get(path).data
    small.now += timedelta(hours=11, minutes=59)
    assert small.client().get(path).data == first


def test_characters_of_markup_are_text_in_every_format(install: Install) -> None:
    words = "Say <less>, listen more. I <3 R&amp;D."
    made = install(SITE_NAME="Q&A <daily>")
    made.load({"odd.toml": MARKUP.format(words=words)})
    made.publish()
    client = made.client()
    document = client.get("/en/feed.rss").data
    description = ElementTree.fromstring(document).findtext("channel/item/description")
    assert description == "Say &lt;less&gt;, listen more. I &lt;3 R&amp;amp;D."
    for form in ("rss", "atom"):
        (entry, *_) = feedparser.parse(client.get(f"/en/feed.{form}").data).entries
        read = html.unescape(entry.summary) if form == "rss" else entry.summary
        assert read == words
    assert json.loads(client.get("/en/feed.json").data)["items"][0]["summary"] == words


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_links_of_hubs_have_no_invented_prefix(devis: Installation, form: str) -> None:
    made = Installation(replace(devis.config, websub_hubs=("https://hub.example.org/",)), devis.now)
    text = made.client().get(f"/en/feed.{form}").text
    assert len(re.findall(r'<(?:atom:)?link [^>]*rel="hub"', text)) == 1
    assert not re.search(r"\bns\d", text)


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_feedparser_reads_every_feed(devis: Installation, form: str) -> None:
    client = devis.client()
    for path in every_feed(devis):
        answer = client.get(f"{path}.{form}")
        read = feedparser.parse(answer.data, response_headers={"content-type": answer.content_type})
        assert not read.bozo, read.get("bozo_exception")
        assert answer.mimetype == FORMATS[form].media_type
        assert read.feed.language == path[1:3]
        assert read.entries
        for entry in read.entries:
            assert entry.title
            assert entry.link.startswith(devis.config.base_url)
            assert entry.content[0].value
            assert entry.id.startswith(f"tag:127.0.0.1,2026:{path[1:3]}/")


def test_the_json_feed_keeps_to_its_schema(devis: Installation) -> None:
    client = devis.client()
    for path in every_feed(devis):
        document = json.loads(client.get(f"{path}.json").data)
        jsonschema.validate(document, JSON_FEED)
        assert document["feed_url"] == f"{devis.config.base_url}{path}.json"


def test_the_three_formats_of_a_feed_agree(devis: Installation) -> None:
    client = devis.client()
    for path in every_feed(devis):
        items = json.loads(client.get(f"{path}.json").data)["items"]
        atom = ElementTree.fromstring(client.get(f"{path}.atom").data)
        rss = ElementTree.fromstring(client.get(f"{path}.rss").data)
        told = [(item["id"], item["url"], item["title"], item["content_html"]) for item in items]
        assert told == [
            (
                entry.findtext(f"{ATOM}id"),
                next(entry.iter(f"{ATOM}link")).get("href"),
                entry.findtext(f"{ATOM}title"),
                entry.findtext(f"{ATOM}content"),
            )
            for entry in atom.iter(f"{ATOM}entry")
        ]
        assert told == [
            (
                item.findtext("guid"),
                item.findtext("link"),
                item.findtext("title"),
                item.findtext(CONTENT),
            )
            for item in rss.iter("item")
        ]
        instants = [item["date_published"] for item in items]
        assert instants == sorted(instants, reverse=True)
        assert instants == [e.findtext(f"{ATOM}published") for e in atom.iter(f"{ATOM}entry")]
        assert instants == [
            parsedate_to_datetime(i.findtext("pubDate") or "").isoformat() for i in rss.iter("item")
        ]


def test_rss_and_atom_name_themselves_once(devis: Installation) -> None:
    client = devis.client()
    for path in every_feed(devis):
        for form in ("rss", "atom"):
            root = ElementTree.fromstring(client.get(f"{path}.{form}").data)
            top = root if form == "atom" else root[0]
            own = [link for link in top.findall(f"{ATOM}link") if link.get("rel") == "self"]
            assert [link.get("href") for link in own] == [f"{devis.config.base_url}{path}.{form}"]
            assert own[0].get("type") == FORMATS[form].media_type


def test_content_is_safe_and_absolute_in_any_reader(small: Installation) -> None:
    items = json.loads(small.client().get("/sv/feed.json").data)["items"]
    assert any("&lt;b&gt;" in item["title"] or "<b>" in item["title"] for item in items)
    for item in items:
        fragment = html5lib.parseFragment(item["content_html"], namespaceHTMLElements=False)
        tags = {element.tag for element in fragment.iter()} - {"DOCUMENT_FRAGMENT"}
        assert tags <= {"div", "p", "strong", "em", "a", "cite", "br"}
        for element in fragment.iter():
            assert not any(name.startswith("on") or name == "style" for name in element.attrib)
            assert element.get("href", "https:").startswith(("http:", "https:"))


def test_a_missing_language_shows_the_original_and_says_so(small: Installation) -> None:
    items = json.loads(small.client().get("/en/feed.json").data)["items"]
    shown = next(item for item in items if "först" in item["title"])
    assert shown["language"] == "sv"
    assert '<div lang="sv">' in shown["content_html"]
    assert "Not yet in English; shown in Swedish." in shown["content_html"]


def test_a_feed_is_bounded_and_new_first(install: Install) -> None:
    made = install(BACKFILL_DAYS="400")
    made.load(exchange.shipped_files())
    made.publish()
    client = made.client()
    for path, most in (("/sv/feed", 100_000), ("/sv/weekly", 250_000)):
        for form in FORMATS:
            assert len(client.get(f"{path}.{form}").data) < most
        items = json.loads(client.get(f"{path}.json").data)["items"]
        assert len(items) == 30
    assert items[0]["id"] == "tag:127.0.0.1,2026:sv/2026-W46"


def test_a_week_appears_on_the_monday_after(small: Installation) -> None:
    def newest() -> Any:
        return json.loads(small.client().get("/sv/weekly.json").data)["items"][0]

    small.now = small.site().start(date(2026, 11, 23)) - timedelta(seconds=1)
    assert newest()["id"].endswith("sv/2026-W46")
    small.now += timedelta(seconds=1)
    week = newest()
    assert week["id"].endswith("sv/2026-W47")
    assert week["date_published"] == "2026-11-22T23:00:00+00:00"
    links = [f"/sv/2026-11-{day}/" for day in range(16, 23)]
    places = [week["content_html"].index(link) for link in links]
    assert places == sorted(places)


@pytest.mark.parametrize("form", FORMATS)
def test_a_correction_keeps_id_and_date_and_moves_updated(small: Installation, form: str) -> None:
    def item() -> Any:
        items = json.loads(small.client().get("/sv/feed.json").data)["items"]
        return next(item for item in items if item["title"].startswith("Håll"))

    before, bytes_before = item(), small.client().get(f"/sv/feed.{form}").data
    small.now += timedelta(minutes=5)
    with small.open() as db:
        library_changes.revise(
            db, {"slug": "both", "texts": {"sv": {"practice": "Håll två."}}}, small.now
        )
    after = item()
    assert (after["id"], after["date_published"]) == (before["id"], before["date_published"])
    assert after["date_modified"] == small.now.isoformat()
    assert "Håll två." in after["content_html"]
    assert small.client().get(f"/sv/feed.{form}").data != bytes_before


def test_a_withdrawn_edition_leaves_every_feed(small: Installation) -> None:
    site, day = small.site(), date(2026, 11, 20)
    with small.open() as db:
        editions.withdraw(db, site, small.config, day, "wrong source", small.now)
    for form in FORMATS:
        assert b"/2026-11-20" not in small.client().get(f"/sv/feed.{form}").data
    assert small.client().get("/sv/2026-11-20/").status_code == 410


def test_an_empty_feed_is_valid_and_does_not_change(install: Install) -> None:
    made = install()
    for form in FORMATS:
        first = made.client().get(f"/en/feed.{form}")
        assert first.status_code == 200
        made.now += timedelta(minutes=5)
        assert made.client().get(f"/en/feed.{form}").data == first.data
    assert not feedparser.parse(made.client().get("/en/feed.atom").data).bozo


def test_the_list_of_feeds_names_feeds_that_are_there(devis: Installation) -> None:
    client = devis.client()
    outlines = ElementTree.fromstring(client.get("/feeds.opml").data).iter("outline")
    addresses = [node.get("xmlUrl") or "" for node in outlines if node.get("type") == "rss"]
    assert len(addresses) == len(set(addresses)) == 2 * (2 + 12 + 5)
    for address in addresses:
        assert client.get(address.removeprefix(devis.config.base_url)).status_code == 200


@pytest.mark.parametrize("path", ["/xx/feed.rss", "/en/feed.xml", "/en/themes/nope/feed.atom"])
def test_an_unknown_feed_is_not_found(devis: Installation, path: str) -> None:
    assert devis.client().get(path).status_code == 404


@pytest.mark.served
@pytest.mark.parametrize("form", FORMATS)
def test_a_feed_reader_imports_it_and_finds_nothing_new_the_second_time(
    command: Command, tmp_path: Path, form: str
) -> None:
    """lemon24/reader, a program of its own, over HTTP from a real server."""
    port = str(free_port())
    process = command.start("serve", PORT=port, WEB_WORKERS="1", NOW=NOON.isoformat())
    address = f"http://127.0.0.1:{port}/sv/feed.{form}"
    try:
        wait_until(lambda: answers(address))
        with make_reader(str(tmp_path / "reader.sqlite")) as reader:
            reader.add_feed(address)
            first = reader.update_feed(address)
            second = reader.update_feed(address)
            entries = list(reader.get_entries())
        assert first is not None
        assert first.new == len(entries) == 15
        assert second is None or (second.new, second.modified) == (0, 0)
        assert len({entry.id for entry in entries}) == 15
        etag = fetch(address).headers["etag"]
        assert fetch(address, If_None_Match=etag).status == 304
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_texts_have_their_language_and_direction_and_the_frame_its_own(
    install: Callable[..., Installation],
) -> None:
    """There is no catalogue for Arabic: the page speaks English around an Arabic text."""
    made = install(LANGUAGES="en,ar")
    text = {"title": "الثقة", "statement": "ابدأ.", "practice": "اسأل.", "state": "approved"}
    principle = {
        **{"slug": "trust", "source": "book", "status": "published", "original_language": "ar"},
        "texts": {"ar": text},
    }
    source = {"slug": "book", "title": "كتاب", "language": "ar"}
    made.load({"a.json": json.dumps({"sources": [source], "principles": [principle]})})
    made.publish()
    client = made.client()
    for code in ("en", "ar"):
        page = client.get(f"/{code}/").text
        assert '<html lang="en">' in page
        assert '<h1 itemprop="name" lang="ar" dir="rtl">الثقة</h1>' in page
        html = json.loads(client.get(f"/{code}/feed.json").data)["items"][0]["content_html"]
        assert '<div lang="ar" dir="rtl"><p>ابدأ.</p>' in html
        assert '<strong lang="en" dir="ltr">To do today:</strong> اسأل.' in html
        assert '<cite lang="ar" dir="rtl">كتاب</cite>' in html
        week = json.loads(client.get(f"/{code}/weekly.json").data)["items"][0]["content_html"]
        assert '<p lang="ar" dir="rtl">ابدأ.</p>' in week
