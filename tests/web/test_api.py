"""The API as a stranger's program meets it, and its description as a machine reads it."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from werkzeug.test import Client
from werkzeug.wrappers import Response

from feed import clock, editions
from feed.app import wsgi
from feed.library import exchange
from feed.publish import api_query, openapi
from feed.server import database_setup
from feed.store.counters import RateCounters
from tests import library_changes
from tests.conftest import (
    NOON,
    Command,
    Installation,
    answers,
    fetch,
    free_port,
    settings,
    wait_until,
)

Install = Callable[..., Installation]

SMALL = """
themes = [{ slug = "change", texts = { en = { name = "Change" }, sv = { name = "Förändring" } } }]
sources = [{ slug = "book", title = "A Book", language = "en", author = "Ann Author" }]
[[principles]]
slug = "both"
kind = "principle"
source = "book"
themes = ["change"]
status = "published"
original_language = "en"
[principles.texts.en]
title = "Hold both"
statement = "Short."
practice = "Do it."
state = "approved"
[principles.texts.sv]
title = "Håll båda"
statement = "Kort och svenskt."
state = "approved"
[[principles]]
slug = "swedish"
kind = "quote"
source = "book"
themes = []
status = "published"
original_language = "sv"
[principles.texts.sv]
title = "Bara på svenska"
statement = "En mening som är längre än de andra."
state = "approved"
"""


@pytest.fixture
def small(install: Install) -> Installation:
    """Two principles, one of them in Swedish only, and three editions."""
    made = install(BACKFILL_DAYS="2")
    made.load({"small.toml": SMALL})
    made.publish()
    return made


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    answer = client.get("/api/v1" + path)
    assert answer.status_code == status, answer.text
    kind = "application/json" if status == 200 else "application/problem+json"
    assert answer.mimetype == kind
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in answer.headers
    return json.loads(answer.data)


def test_today_has_the_shape_of_the_contract(devis: Installation) -> None:
    today = get(devis.client(), "/today?lang=sv")
    assert list(today) == [
        *("date", "next", "version", "slug", "kind", "themes", "source", "credit"),
        *("url", "image", "published", "updated", "text"),
    ]
    assert list(today["text"]) == [
        *("language", "requested_language", "fallback", "title"),
        *("short", "statement", "reflection", "practice", "team", "commentary"),
    ]
    assert today["date"] == "2026-11-22"
    assert today["version"] == 1
    assert today["url"] == f"{devis.config.base_url}/sv/2026-11-22/"
    assert today["image"] == f"{devis.config.base_url}/sv/card/2026-11-22.png"
    assert today["updated"] == "2026-11-21T23:00:00Z"
    page = devis.client().get("/sv/2026-11-22/").text
    assert today["text"]["title"] in page
    assert today == get(devis.client(), "/editions/2026-11-22?lang=sv")


def test_several_languages_are_answered_at_once(small: Installation) -> None:
    client = small.client()
    both = get(client, "/principles/both?lang=sv-FI,en,sv")
    alone = get(client, "/principles/both?lang=sv-FI")
    assert [text["title"] for text in both["texts"]] == ["Håll båda", "Hold both"]
    assert [text["requested_language"] for text in both["texts"]] == ["sv-FI", "en"]
    assert list(both)[-3:] == ["text", "texts", "shown"]
    assert {**both, "texts": None} == {**alone, "texts": None}
    assert "texts" not in alone

    today = get(client, "/today?lang=de,sv")
    listed = get(client, "/editions?lang=de,sv")["items"][0]
    assert listed == today == get(client, f"/editions/{today['date']}?lang=de,sv")
    german, swedish = today["texts"]
    assert german == today["text"]
    assert (german["requested_language"], german["fallback"]) == ("de", True)
    assert (swedish["language"], swedish["fallback"]) == ("sv", False)
    (theme,) = get(client, "/themes?lang=sv,en")["items"]
    assert theme["name"] == "Förändring"


def test_an_edition_in_several_languages_is_as_new_as_the_newest_text(
    small: Installation,
) -> None:
    with small.open() as db:
        small.now += timedelta(hours=1)
        change = {"slug": "both", "texts": {"sv": {"statement": "Kortare."}}}
        library_changes.revise(db, change, small.now)
    client = small.client()
    updated = {
        tags: get(client, f"/principles/both?lang={tags}")["updated"] for tags in ("en", "en,sv")
    }
    assert updated == {"en": None, "en,sv": "2026-11-22T12:00:00Z"}


@pytest.mark.parametrize(
    ("tag", "requested", "shown", "fallback"),
    [
        ("en", "en", "en", False),
        ("en_GB", "en-GB", "en", False),
        ("EN-gb", "en-GB", "en", False),
        ("sv-FI", "sv-FI", "sv", False),
        ("de", "de", "en", True),
        ("zz-Latn-XX", "zz-Latn-XX", "en", True),
    ],
)
def test_a_language_tag_resolves_or_says_that_it_fell_back(
    small: Installation, tag: str, requested: str, shown: str, fallback: bool
) -> None:
    text = get(small.client(), f"/principles/both?lang={tag}")["text"]
    found = (text["requested_language"], text["language"], text["fallback"])
    assert found == (requested, shown, fallback)


def test_a_missing_translation_shows_the_original_and_says_so(small: Installation) -> None:
    item = get(small.client(), "/principles/swedish?lang=en-GB")
    assert (item["text"]["language"], item["text"]["fallback"]) == ("sv", True)
    assert item["languages"] == ["sv"]
    assert item["url"].endswith("/en/principles/swedish/")
    assert get(small.client(), "/principles/swedish?lang=sv")["text"]["fallback"] is False
    assert get(small.client(), "/principles/both")["text"]["requested_language"] == "en"


@pytest.mark.parametrize(
    ("path", "status", "parameter"),
    [
        ("/today?lang=", 400, "lang"),
        ("/today?lang=s", 400, "lang"),
        ("/today?lang=sv%00", 400, "lang"),
        ("/today?lang=" + "a" * 200, 400, "lang"),
        ("/today?lang=sv&lang=en", 400, "lang"),
        ("/today?lang=sv,", 400, "lang"),
        ("/today?lang=sv,,en", 400, "lang"),
        ("/today?lang=" + ",".join(["sv"] * 60), 400, "lang"),
        ("/editions?from=yesterday", 400, "from"),
        ("/editions?to=1700000000", 400, "to"),
        ("/editions?to=2026-02-30", 400, "to"),
        ("/editions?page=0", 400, "page"),
        ("/editions?page=1.0", 400, "page"),
        ("/editions?page=٣", 400, "page"),
        ("/editions?page=9", 404, None),
        ("/changes?since=yesterday", 400, "since"),
        ("/changes?since=2026-11-22", 400, "since"),
        ("/changes?since=2026-11-22T10:00:00", 400, "since"),
        ("/changes?since=2026-11-22T25:00:00Z", 400, "since"),
        ("/changes?since=0001-01-01T00:00:00%2B01:00", 400, "since"),
        ("/changes?after=-1", 400, "after"),
        ("/changes?after=x", 400, "after"),
        ("/changes?limit=0", 400, "limit"),
        ("/changes?limit=101", 400, "limit"),
        ("/editions/22-11-2026", 400, "date"),
        ("/editions/2026-11-23", 404, None),
        ("/editions/1999-01-01", 404, None),
        ("/principles?kind=joke", 400, "kind"),
        ("/principles?q=" + "a" * 201, 400, "q"),
        ("/principles?min_length=-1", 400, "min_length"),
        ("/principles?theme=nope", 404, None),
        ("/principles?source=nope", 404, None),
        ("/principles?source=NOPE!", 400, "source"),
        ("/principles/nope", 404, None),
        ("/principles/No%20such", 400, "slug"),
        ("/nothing", 404, None),
    ],
)
def test_a_problem_names_the_parameter_and_what_was_expected(
    small: Installation, path: str, status: int, parameter: str | None
) -> None:
    problem = get(small.client(), path, status)
    assert problem["status"] == status
    assert problem.get("parameter") == parameter
    if parameter:
        assert problem["expected"] in problem["detail"]
    assert problem["title"]
    address = problem["type"].removeprefix(small.config.base_url)
    assert 'id="errors"' in small.client().get(address.partition("#")[0]).text


def test_an_address_that_leads_nowhere_is_a_problem_only_within_the_api(
    small: Installation,
) -> None:
    client = small.client()
    assert client.get("/nothing").mimetype == "text/html"
    get(client, "/nothing", 404)
    get(client, "/nothing", 404)
    assert client.get("/nothing").mimetype == "text/html"


def test_a_problem_speaks_the_language_of_who_asks(small: Installation) -> None:
    answer = small.client().get("/api/v1/today?lang=!", headers={"Accept-Language": "sv"})
    assert "Skriv en språkkod som sv eller en-GB" in json.loads(answer.data)["detail"]
    assert answer.headers["Content-Language"] == "sv"
    assert "Accept-Language" in answer.headers["Vary"]


def test_only_reading_is_answered_and_any_origin_may_read(small: Installation) -> None:
    client = small.client()
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = client.open("/api/v1/today", method=method)
        assert answer.status_code == 405
        assert answer.mimetype == "application/problem+json"
        assert "GET" in answer.headers["Allow"]
    asked = client.options("/api/v1/today", headers={"Origin": "https://a.example"})
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in asked.headers["Access-Control-Allow-Methods"]
    assert client.head("/api/v1/today").data == b""


def test_lists_are_complete_in_order_and_linked(install: Install) -> None:
    made = install(BACKFILL_DAYS="70")
    made.load(exchange.shipped_files())
    made.publish()
    client, seen, path = made.client(), list[str](), "/editions?from=2026-09-14&lang=sv"
    while path:
        page = get(client, path)
        seen += [item["date"] for item in page["items"]]
        if page["page"] > 1:
            before = page["prev"].removeprefix(f"{made.config.base_url}/api/v1")
            assert get(client, before)["page"] == page["page"] - 1
        path = (page["next"] or "").removeprefix(f"{made.config.base_url}/api/v1")
    assert page["total"] == len(seen) == 70
    assert seen == [(date(2026, 11, 22) - timedelta(days=n)).isoformat() for n in range(70)]
    assert page["pages"] == page["page"] == 3
    span = get(client, "/editions?from=2026-11-01&to=2026-11-03")
    assert [item["date"][-2:] for item in span["items"]] == ["03", "02", "01"]
    assert get(client, "/editions?from=2026-11-03&to=2026-11-01")["total"] == 0
    assert get(client, "/editions?to=9999-12-31")["items"][0]["date"] == "2026-11-22"


def test_principles_are_found_by_every_filter(small: Installation) -> None:
    client = small.client()

    def found(query: str) -> list[str]:
        page = get(client, f"/principles?{query}")
        assert page["total"] == len(page["items"])
        return [item["slug"] for item in page["items"]]

    assert found("") == ["swedish", "both"]
    assert found("theme=change") == ["both"]
    assert found("source=book&kind=quote") == ["swedish"]
    assert found("q=hall&lang=sv") == ["both"]
    assert found("q=!!!") == []
    assert found("max_length=6") == ["both"]
    assert found("max_length=6&lang=sv") == []
    assert found("min_length=20") == ["swedish"]
    assert found("min_length=7&max_length=6") == []
    shown = get(client, "/principles/both")["shown"]
    assert shown == sorted(shown, reverse=True)
    assert set(shown) <= {"2026-11-20", "2026-11-21", "2026-11-22"}
    assert shown


def test_themes_sources_and_languages(small: Installation) -> None:
    client = small.client()
    (theme,) = get(client, "/themes?lang=sv")["items"]
    assert (theme["name"], theme["language"], theme["principles"]) == ("Förändring", "sv", 1)
    (source,) = get(client, "/sources")["items"]
    assert (source["author"], source["year"], source["principles"]) == ("Ann Author", None, 2)
    for item in (theme, source):
        assert client.get(item["url"].removeprefix(small.config.base_url)).status_code == 200
        assert client.get(item["feed"].removeprefix(small.config.base_url)).status_code == 200
    languages = get(client, "/languages")
    assert languages["timezone"] == "Europe/Stockholm"
    assert {item["code"]: item["principles"] for item in languages["items"]} == {"en": 1, "sv": 2}
    today = get(client, "/today")["slug"]
    complete = {item["code"]: item["today"] for item in languages["items"]}
    assert complete == {"en": today == "both", "sv": True}


def test_a_withdrawn_edition_is_gone_and_its_replacement_has_the_next_version(
    small: Installation,
) -> None:
    with small.open() as db:
        site = editions.settle(db, small.config, small.now)
        for day in (date(2026, 11, 20), date(2026, 11, 22)):
            editions.withdraw(db, site, small.config, day, "wrong source", small.now)
    assert get(small.client(), "/editions/2026-11-20", 410)["status"] == 410
    today = get(small.client(), "/today")
    if today["date"] == "2026-11-22":
        assert today["version"] == 2


def test_without_any_edition_today_is_not_there(install: Install) -> None:
    client = install().client()
    assert "no edition yet" in get(client, "/today", 404)["detail"]
    assert get(client, "/editions")["items"] == []


def test_nothing_that_is_not_public_leaves(small: Installation) -> None:
    with small.open() as db:
        library_changes.revise(db, {"slug": "swedish", "status": "draft"}, small.now)
    client = small.client()
    assert [item["slug"] for item in get(client, "/principles")["items"]] == ["both"]
    get(client, "/principles/swedish", 404)


def test_the_description_is_valid_and_covers_every_address(devis: Installation) -> None:
    client = devis.client()
    document = get(client, "/openapi.json")
    assert document["openapi"] == "3.1.0"
    addresses = {rule.rule for rule in client.application.url_map.iter_rules("api.today")}
    for rule in client.application.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "api.description":
            addresses.add(rule.rule)
    named = {
        path.replace("{date}", "<day>").replace("{slug}", "<slug>") for path in document["paths"]
    }
    assert named == addresses
    today = get(client, "/today")
    schema = {"$ref": "#/components/schemas/Edition", "components": document["components"]}
    Draft202012Validator(schema).validate(today)
    for path in document["paths"].values():
        for parameter in path["get"]["parameters"]:
            assert parameter["name"] in api_query.EXPECTED


def test_cached_responses_differ_by_their_query_and_by_nothing_else(devis: Installation) -> None:
    client = Client(wsgi(devis.config, clock.Clock(NOON, time.monotonic())), Response)
    first = client.get("/api/v1/principles?kind=principle&lang=sv")
    again = client.get("/api/v1/principles?lang=sv&kind=principle")
    other = client.get("/api/v1/principles?lang=en&kind=principle")
    assert first.headers["ETag"] == again.headers["ETag"] != other.headers["ETag"]
    unchanged = client.get(
        "/api/v1/principles?lang=sv&kind=principle",
        headers={"If-None-Match": first.headers["ETag"]},
    )
    assert unchanged.status_code == 304
    assert unchanged.headers["Access-Control-Allow-Origin"] == "*"
    for noise in ("_=1700000000", "utm_source=x", "_=1&_=2", "x"):
        same = client.get(f"/api/v1/principles?lang=sv&kind=principle&{noise}")
        assert same.headers["ETag"] == first.headers["ETag"]
    assert client.get("/api/v1/today?lang=").status_code == 400
    assert client.get("/api/v1/today?lang=sv").status_code == 200
    assert client.get("/api/v1/today?lang=").status_code == 400


@pytest.mark.served
def test_the_rate_limit_is_shared_by_the_processes_and_never_counts_cached_responses(
    command: Command,
) -> None:
    port = str(free_port())
    process = command.start("serve", PORT=port, WEB_WORKERS="2", API_RATE="12")
    address = f"http://127.0.0.1:{port}/api/v1"
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
        site = address.removesuffix("/api/v1")
        wait_until(lambda: b"date_published" in fetch(f"{site}/en/feed.json").body)
        # Each process renders it once, and keeps it.
        assert {fetch(f"{address}/today").status for _ in range(24)} == {200}
        with ThreadPoolExecutor(4) as pool:
            asked = list(pool.map(lambda n: fetch(f"{address}/today?lang={n}!"), range(60)))
        refused = [answer for answer in asked if answer.status == 429]
        allowed = [answer for answer in asked if answer.status == 400]
        assert len(refused) + len(allowed) == 60
        assert 10 <= len(allowed) <= 11
        assert {answer.headers["content-type"] for answer in refused} == {
            "application/problem+json"
        }
        assert 1 <= int(refused[0].headers["retry-after"]) <= 60
        assert refused[0].headers["ratelimit-policy"] == '"api";q=12;w=60'
        assert refused[0].headers["ratelimit"].startswith('"api";r=0;t=')
        assert {fetch(f"{address}/today").status for _ in range(24)} == {200}
        assert fetch(f"{site}/en/").status == 200
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_while_counting_fails_nobody_is_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = Installation(settings(tmp_path, API_RATE="1"))
    database_setup.create(made.config, clock.Clock(made.now, 0))
    (made.config.instance / "limits.sqlite3").mkdir()
    client = made.client()
    for _ in range(3):
        answer = client.get("/api/v1/today?lang=!")
        assert answer.status_code == 400
        assert "RateLimit" not in answer.headers
    assert "rate limits are off" in caplog.text


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The shipped library's API, as its own document describes it."""
    made = Installation(settings(tmp_path_factory.mktemp("schema"), API_RATE="1000000"))
    database_setup.create(made.config, clock.Clock(made.now, 0))
    made.load(exchange.shipped_files())
    made.publish()
    app = made.client().application
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
@pytest.mark.parametrize("item", openapi.OPERATIONS, ids=lambda item: item.name)
@pytest.mark.slow
def test_no_request_however_odd_is_answered_outside_the_document(
    description: Any, item: openapi.Operation, mode: GenerationMode
) -> None:
    operation = description[openapi.PREFIX + item.path]["GET"]

    @hypothesis.settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate()

    ask()


@pytest.mark.slow
def test_many_count_at_once_and_no_count_is_lost(tmp_path: Path) -> None:
    """Threads share a process, and so the locks that it holds on the file."""
    for number in range(30):  # whoever counts first makes the file, and they may be several
        fresh = RateCounters(tmp_path / f"{number}.sqlite3")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fresh.add, ["key"] * 16, [600] * 16))
        assert fresh.add("key", 600)[0] == 17
    counters = RateCounters(tmp_path / "limits.sqlite3")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: counters.add(f"key {number % 3}", 600), range(300)))
    assert [counters.add(f"key {number}", 600)[0] for number in range(3)] == [101, 101, 101]
