"""The page cache under way: how long an answer holds, and what is given while things go wrong."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import Client, TestResponse

from feed import editions
from feed.app import wsgi
from feed.clock import Clock
from feed.web.middleware import content_version
from feed.web.middleware.conditional import coding, normalised_query
from feed.web.middleware.content_version import State
from feed.web.middleware.page_cache import PageCache
from tests import library_changes
from tests.conftest import NOON, Installation, fetch

STOCKHOLM = ZoneInfo("Europe/Stockholm")


@pytest.fixture
def cache(devis: Installation) -> PageCache:
    """The site as a web process serves it, at noon."""
    return wsgi(devis.config, Clock(NOON, time.monotonic()))


def get(cache: PageCache, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(cache).get(path, headers=named)


@pytest.mark.parametrize("left", [86_399, 4000, 601, 600, 450, 300, 299, 1, 0])
@pytest.mark.parametrize("current", [True, False])
def test_nothing_may_be_reused_past_the_end_of_the_day(left: int, current: bool) -> None:
    until = datetime(2026, 11, 23, tzinfo=STOCKHOLM).astimezone(UTC)
    state = State(1, NOON.date(), until, current, NOON)
    told = dict(
        part.split("=") for part in state.cache_control(until - timedelta(seconds=left)).split(", ")
    )
    fresh = int(told.pop("max-age"))
    assert fresh == min(left, 300 if current else 5)
    assert all(fresh + int(seconds) <= left for seconds in told.values())
    assert ("stale-if-error" in told) == (current and left > 300)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "identity"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.5, br;q=0.4", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("zstd", "identity"),
    ],
)
def test_the_coding_is_the_best_accepted_one(accepted: str, chosen: str) -> None:
    assert coding(accepted) == chosen


def test_a_query_is_reduced_to_what_the_page_knows() -> None:
    assert normalised_query("b=2&x=1&a=1", ("a", "b")) == "a=1&b=2"
    assert normalised_query("x=1", ()) == normalised_query("", ("a",)) == ""


def test_another_day_is_seen_although_nothing_was_written(devis: Installation) -> None:
    clock = Clock(NOON, time.monotonic())
    cache = wsgi(devis.config, clock)
    assert b'class="today"' in get(cache, "/en/").data
    object.__setattr__(clock, "origin", NOON + timedelta(hours=12))
    time.sleep(0.02)  # twice as long as an answer is served without a look at the clock
    assert b'class="today"' not in get(cache, "/en/").data


def test_what_was_withdrawn_is_not_shown_when_the_database_fails(
    devis: Installation, cache: PageCache
) -> None:
    assert get(cache, "/en/2026-11-20/").status_code == 200
    assert get(cache, "/en/2026-11-21/").status_code == 200
    with devis.open() as db:
        day = NOON.date() - timedelta(days=2)
        editions.withdraw(db, devis.site(), devis.config, day, "wrong", devis.now)
    time.sleep(0.02)
    assert get(cache, "/en/2026-11-20/").status_code == 410
    devis.config.database.rename(devis.config.database.with_name("aside"))
    assert get(cache, "/en/2026-11-20/").status_code != 200
    kept = get(cache, "/en/2026-11-21/")
    assert kept.status_code == 200
    assert kept.headers["Cache-Control"] == "max-age=5"


def test_no_answer_names_what_it_is_built_on(live: str) -> None:
    for path in ("/en/", "/nothing/", "/en", "/static/style.css", "/healthz", "/en/2020-01-01/"):
        told = " ".join(fetch(live + path).headers.values()).lower()
        assert not re.search("granian|werkzeug|python|flask", told), path
    assert fetch(live + "/en/", method="POST").headers["server"] == "Devis"


def test_requests_have_limits_and_slashes_are_added_for_good(live: str) -> None:
    assert fetch(live + "/en/principles/?q=" + "x" * 9000).status == 414
    assert fetch(live + "/en/", method="POST", Content_Length="0").status == 405
    moved = fetch(live + "/en/archive")
    assert (moved.status, moved.headers["location"]) == (308, "/en/archive/")
    assert moved.headers["cache-control"] == "max-age=86400"


@pytest.mark.slow
def test_readers_who_poll_while_a_curator_saves_see_whole_and_new_answers(
    devis: Installation, cache: PageCache
) -> None:
    with devis.open() as db:
        view = editions.today(db, devis.site(), devis.now)
    assert view
    slug, stop = view.showing.principle.slug, threading.Event()
    saved: list[tuple[float, int]] = [(time.monotonic(), -1)]

    def poll() -> Iterator[tuple[float, str, bytes]]:
        while not stop.is_set():
            asked = time.monotonic()
            answer = get(cache, "/en/feed.json")
            assert answer.status_code == 200
            yield asked, answer.headers["ETag"], answer.data

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(lambda: list(poll())) for _ in range(8)]
        with devis.open() as db:
            for number in range(40):
                changes = {"slug": slug, "texts": {"en": {"title": f"Title {number} of many"}}}
                library_changes.revise(db, changes, devis.now + timedelta(seconds=number))
                saved.append((time.monotonic(), number))
                time.sleep(0.01)
        stop.set()
        answers = [answer for reader in readers for answer in reader.result()]
    assert len({(etag, body) for _, etag, body in answers}) == len({tag for _, tag, _ in answers})
    assert len({body for _, _, body in answers}) == len({tag for _, tag, _ in answers}) > 5
    for asked, _, body in answers:
        found = re.search(rb"Title (\d+) of many", body)
        shown = int(found[1]) if found else -1
        assert shown >= max(number for when, number in saved if when <= asked - 0.5 or number < 0)


def test_while_one_request_looks_at_the_database_others_are_answered_from_memory(
    cache: PageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_version, "LATE_SECONDS", 60)
    known = cache.content.state(NOON)
    time.sleep(2 * content_version.POLL_SECONDS)
    assert cache.content.known_state(NOON) is None
    assert cache.content.known_state(NOON) is known
    monkeypatch.setattr(content_version, "LATE_SECONDS", 0)  # that look takes too long
    assert cache.content.known_state(NOON) is None
    monkeypatch.setattr(content_version, "LATE_SECONDS", 60)
    cache.content.expect_change()
    assert cache.content.known_state(NOON) is None
    assert cache.content.known_state(NOON) is None
