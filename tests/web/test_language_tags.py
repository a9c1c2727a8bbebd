"""Languages with variants, regions and no catalogue: on pages, in feeds, files and settings."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from feed import config, editions
from feed.errors import SettingError
from feed.i18n import match, own_name, translator
from feed.library import exchange
from feed.publish import digest
from feed.store.library import Query, search
from tests.conftest import Installation
from tests.site_client import site_client

Install = Callable[..., Installation]
LANGUAGES = "en,sv,sv-simple,pt-BR,fi,ar"
LIBRARY = """
themes = [{ slug = "trust", texts = { en = { name = "Trust" }, sv = { name = "Tillit" } } }]
sources = [{ slug = "book", title = "A Book", language = "en", author = "Ann Author" }]
[[principles]]
slug = "everywhere"
kind = "principle"
source = "book"
themes = ["trust"]
status = "published"
original_language = "en"
texts.en = { title = "Ask first", statement = "Ask.", practice = "Ask one.", state = "approved" }
texts.sv = { title = "Fråga först", statement = "Fråga.", state = "approved" }
texts.sv-simple = { title = "Fråga", statement = "Två chefer frågar.", state = "approved" }
texts.pt-BR = { title = "Pergunte", statement = "Pergunte.", state = "approved" }
texts.fi = { title = "Kysy ensin", statement = "Kysy.", state = "approved" }
texts.ar = { title = "اسأل أولا", statement = "اسأل.", practice = "اسأل", state = "approved" }
"""


@pytest.fixture
def world(install: Install) -> Installation:
    """One principle in six languages, on three days."""
    made = install(LANGUAGES=LANGUAGES, BACKFILL_DAYS="2", SITE_NAME="en=Daily,sv=Dagens")
    made.load({"library.toml": LIBRARY})
    made.publish()
    return made


def revoke(world: Installation, language: str) -> None:
    changed = LIBRARY.replace(
        f"texts.{language} = {{ ", f'texts.{language} = {{ reflection = "", '
    ).splitlines()
    changed = [
        line.replace('"approved"', '"draft"') if line.startswith(f"texts.{language} ") else line
        for line in changed
    ]
    world.load({"library.toml": "\n".join(changed)}, overwrite=True)


def elements(page: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}\b[^>]*>", page)


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ("/SV-Simple/", "/sv-simple/"),
        ("/sv-simple-x-easy/feed.rss", "/sv-simple/feed.rss"),
        ("/pt-br/archive/", "/pt-BR/archive/"),
        ("/pt/feed.atom?x=1", "/pt-BR/feed.atom?x=1"),
        ("/pt-PT/principles/everywhere/", "/pt-BR/principles/everywhere/"),
        ("/fi_FI/", "/fi/"),
        ("/sv-SE/", "/sv/"),
    ],
)
def test_case_region_and_variant_are_forgiven(
    world: Installation, asked: str, address: str
) -> None:
    answer = world.client().get(asked)
    assert (answer.status_code, answer.headers["Location"]) == (308, address)
    assert world.client().get(address).status_code == 200


def test_a_variant_has_its_own_texts_within_the_interface_of_its_language(
    world: Installation,
) -> None:
    page = world.client().get("/sv-simple/").text
    assert elements(page, "html") == ['<html lang="sv">']
    assert '<h1 itemprop="name" lang="sv-simple">Fråga</h1>' in page
    menu = '<a href="/sv-simple/" lang="sv-simple" hreflang="sv-simple">Lättläst svenska</a>'
    assert menu in world.client().get("/sv/").text
    assert "Arkiv" in page
    assert "söndag 22 november 2026" in page
    assert "Dagens" in page
    assert ">Tillit</a>" in page, "a theme is named in the language of the variant"
    feed = json.loads(world.client().get("/sv-simple/feed.json").text)
    assert (feed["language"], feed["items"][0]["language"]) == ("sv-simple", "sv-simple")
    assert feed["items"][0]["id"].endswith(":sv-simple/2026-11-22")


def test_a_missing_text_in_a_variant_is_shown_in_its_language(world: Installation) -> None:
    revoke(world, "sv-simple")
    page = world.client().get("/sv-simple/2026-11-22/").text
    assert "Fråga först" in page
    assert "Finns ännu inte på lättläst svenska; visas på svenska." in page
    assert '<link rel="canonical" href="http://127.0.0.1:8000/sv/2026-11-22/">' in page
    assert "Finns ännu inte" not in world.client().get("/sv/2026-11-22/").text
    with world.open() as db:
        found, total = search(db, Query("sv-simple", "först"), 10, 0)
    assert ([each.slug for each in found], total) == (["everywhere"], 1)
    text = json.loads(world.client().get("/api/v1/today?lang=sv-simple,pt").text)["texts"]
    assert [each["language"] for each in text] == ["sv", "pt-BR"]
    assert [each["fallback"] for each in text] == [True, False]
    assert [each["requested_language"] for each in text] == ["sv-simple", "pt"]


def test_words_are_found_in_their_other_forms_in_a_variant(world: Installation) -> None:
    with world.open() as db:
        assert search(db, Query("sv-simple", "chef"), 10, 0)[1] == 1
        assert search(db, Query("sv", "chef"), 10, 0)[1] == 0


def test_files_keep_the_tags_and_forgive_their_case(world: Installation) -> None:
    table = (
        "slug,source,language,title,statement\n"
        "new,book,Lättläst svenska,Lätt,Lätt text.\n"
        "new,book,PT_br,Fácil,Texto fácil.\n"
        "new,book,Easy-to-read English,Easy,Easy text.\n"
    )
    world.load({"new.csv": table})
    with world.open() as db:
        entries = exchange.export(db, ("sv-simple", "pt-BR", "en-simple")).principles
    assert set(entries["new"]["texts"]) == {"sv-simple", "pt-BR", "en-simple"}
    assert {"sv-simple", "pt-BR"} <= set(entries["everywhere"]["texts"])


def test_a_subscriber_chooses_a_variant(world: Installation) -> None:
    visitor = site_client(world)
    page = visitor.get("/sv-simple/subscribe/").text
    assert '<option value="sv-simple" selected>Lättläst svenska</option>' in page
    visitor.sign_up("anna@example.org", "/sv-simple/subscribe/", language="sv-simple")
    assert visitor.subscriber("anna@example.org").preferences.language == "sv-simple"


def test_tags_are_read_from_settings_in_any_case() -> None:
    made = config.load(
        {
            "DEVIS_LANGUAGES": "en,sv,sv-Simple,pt-br",
            "DEVIS_SITE_NAME": "en=Daily,sv=Dagens",
        }
    )
    assert made.languages == ("en", "sv", "sv-simple", "pt-BR")
    names = {"en": "Daily", "sv": "Dagens", "sv-simple": "Dagens", "pt-BR": "Daily"}
    assert made.site_names == names
    for text in ("sv-simple,sv-Simple", "svenska", "sv-", "sv-waytoolongvariant"):
        with pytest.raises(SettingError, match="DEVIS_LANGUAGES"):
            config.load({"DEVIS_LANGUAGES": text})


def test_languages_have_names() -> None:
    tags = ("sv-simple", "de-simple", "el-simple", "nb", "pt-BR")
    assert [own_name(tag) for tag in tags] == [
        *("Lättläst svenska", "Leichte Sprache", "Ελληνικά (simple)"),
        *("Norsk bokmål", "Português (Brasil)"),
    ]
    swedish, english = translator("sv").language_name, translator("en").language_name
    assert swedish("de-simple") == "lättläst tyska"
    assert english("sv-simple") == "easy-to-read Swedish"
    assert english("pt-BR") == "Brazilian Portuguese"
    assert swedish("sv-FI") == "svenska (Finland)"


@pytest.mark.parametrize(
    ("tag", "available", "found"),
    [
        ("sv-simple", ("en", "sv"), "sv"),
        ("sv", ("en", "sv-simple"), "sv-simple"),
        ("sv-SIMPLE", ("sv", "sv-simple"), "sv-simple"),
        ("zh-Hant-TW", ("zh-Hans", "zh-Hant"), "zh-Hant"),
        ("de", ("en", "sv"), None),
    ],
)
def test_the_nearest_language_is_matched(
    tag: str, available: tuple[str, ...], found: str | None
) -> None:
    assert match(tag, available) == found


def test_texts_have_their_language_and_direction_within_an_english_page(
    world: Installation, browser: Browser
) -> None:
    client = world.client()
    html = client.get("/ar/").text
    assert elements(html, "html") == ['<html lang="en">']
    assert "Sunday 22 November 2026" in html
    page = browser.new_page(viewport={"width": 390, "height": 800})
    for path in ("/ar/", "/ar/widget/?show=title&with=en"):
        page.set_content(client.get(path).text)
        found = page.locator(":is(h1, h2):lang(ar)")
        assert found.evaluate("node => getComputedStyle(node).direction") == "rtl"
        assert page.locator("footer").first.evaluate("n => getComputedStyle(n).direction") == "ltr"
        right_of_text = """node => {
            const range = document.createRange();
            range.selectNodeContents(node);
            return node.getBoundingClientRect().right - range.getBoundingClientRect().right;
        }"""
        assert found.evaluate(right_of_text) < 1, path
    page.close()


def test_feeds_and_calendar_mark_what_is_english_in_a_language_without_a_catalogue(
    world: Installation,
) -> None:
    client = world.client()
    item = json.loads(client.get("/ar/feed.json").text)["items"][0]
    assert '<div lang="ar" dir="rtl">' in item["content_html"]
    assert '<strong lang="en" dir="ltr">To do today:</strong>' in item["content_html"]
    assert '<p lang="en" dir="ltr">After Ann Author' in item["content_html"]
    finnish = json.loads(client.get("/fi/feed.json").text)["items"][0]["content_html"]
    assert '<p lang="en">After Ann Author' in finnish
    swedish = json.loads(client.get("/sv/feed.json").text)["items"][0]["content_html"]
    assert "<p>Efter Ann Author" in swedish
    calendar = client.get("/fi/calendar.ics").text.replace("\r\n ", "")
    assert "SUMMARY;LANGUAGE=fi:Kysy ensin" in calendar


def test_a_week_in_a_language_without_a_catalogue_has_english_dates(
    install: Install,
) -> None:
    made = install(LANGUAGES="en,fi", BACKFILL_DAYS="14")
    made.load({"library.toml": LIBRARY})
    made.publish()
    item = json.loads(made.client().get("/fi/weekly.json").text)["items"][0]
    assert '<p lang="en">Monday 9 November 2026</p><p lang="fi">Kysy.</p>' in item["content_html"]
    assert "<h2><a" in item["content_html"]
    with made.open() as db:
        (week,) = editions.weeks(db, made.site(), made.now)[:1]
    letter = digest.weekly(made.site(), "fi", week)
    assert '<html lang="en">' in letter.html
    assert "Mon 9 Nov" in letter.html
    assert re.search(r'<h2 class="lead"[^>]* lang="fi"', letter.html)


def test_the_elements_labels_say_their_language(world: Installation) -> None:
    script = world.client().get("/widget.js").text
    assert '"fi":{"lang":"en"' in script
    assert '"sv-simple":{"lang":"sv"' in script
