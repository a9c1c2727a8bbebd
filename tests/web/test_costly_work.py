"""Costly work: searches, pictures and previews have threads of their own, and limits."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from feed.errors import StoreError
from feed.store import search_index
from feed.store.connection import time_limit
from feed.web.middleware.gateway import (
    BLOCKING_THREADS,
    COSTLY_THREADS,
    MAX_COSTLY,
    Gateway,
    is_costly,
)
from feed.web.middleware.page_cache import Reply
from tests.conftest import Installation, wait_until

Install = Callable[..., Installation]


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("listen first", '("listen"*) AND ("first"*)'),
        ("a a A a", '("a"*)'),
        ("l li lis listen", '("listen"*)'),
    ],
)
def test_a_search_scans_each_prefix_once(words: str, query: str) -> None:
    assert search_index.fts_query(words, ()) == query


def test_a_search_looks_for_few_words() -> None:
    words = " ".join(f"w{number}x" for number in range(30))
    assert search_index.fts_query(words, ()).count("AND") == search_index.MAX_WORDS - 1


def test_a_query_that_takes_too_long_is_interrupted(devis: Installation) -> None:
    long = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000000)"
        " SELECT max(i) FROM n"
    )
    with devis.open() as db:
        began = time.thread_time()
        with pytest.raises(StoreError, match="interrupted"), time_limit(db, 0.05):
            db.execute(long).fetchall()
        assert time.thread_time() - began < 1
        assert db.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("path", "query", "costly"),
    [
        ("/en/principles/", "q=trust", True),
        ("/en/principles/", "theme=trust&q=a", True),
        ("/en/principles/", "q=", False),
        ("/en/card/2026-11-22.png", "", True),
        ("/en/principles/trust/card.png", "format=tall", True),
        ("/api/v1/today", "", True),
        ("/desk/preview/card/en", "", True),
        ("/desk/exchange/3/", "", True),
        ("/static/icon.png", "v=1", False),
        ("/en/", "", False),
        ("/desk/principles/new", "", False),
    ],
)
def test_what_may_need_much_processor_time_is_known(path: str, query: str, costly: bool) -> None:
    assert is_costly({"PATH_INFO": path, "QUERY_STRING": query}) is costly


class SlowCache:
    """A page cache whose costly answers wait until they are released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.running: list[str] = []

    def hit(self, environ: dict[str, Any]) -> None:
        return None

    def count(self, route: str, status: str) -> None:
        """Count nothing."""

    def reply(self, environ: dict[str, Any]) -> Reply:
        self.running.append(environ["PATH_INFO"])
        if is_costly(environ):
            assert self.released.wait(30)
        return "200 OK", [], b""


def environ(path: str, network: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "REMOTE_ADDR": network,
    }


def test_costly_requests_leave_threads_to_others_and_places_to_other_networks() -> None:
    cache = SlowCache()
    gateway = Gateway(cache)  # type: ignore[arg-type]

    async def crowd() -> list[str]:
        def ask(path: str, network: str = "192.0.2.1") -> asyncio.Task[Reply]:
            return asyncio.create_task(gateway._respond(environ(path, network), None))  # type: ignore[arg-type]

        costly = [ask("/en/card/2026-11-22.png") for _ in range(MAX_COSTLY)]
        await asyncio.to_thread(wait_until, lambda: len(cache.running) >= COSTLY_THREADS)
        usual = await asyncio.gather(*(ask("/en/") for _ in range(2 * BLOCKING_THREADS)))
        refused = await asyncio.wait_for(ask("/api/v1/today"), 20)
        other = ask("/api/v1/today", "192.0.2.2")
        cache.released.set()
        answers = [*usual, refused, *await asyncio.gather(*costly, other)]
        headers = dict(refused[1])
        assert headers["Retry-After"] == "2"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(refused[2])["status"] == 429
        assert not gateway._costly
        return [status[:3] for status, _, _ in answers]

    with ThreadPoolExecutor(1) as pool:  # a browser's loop may run in this thread
        answers = pool.submit(lambda: asyncio.run(crowd())).result()
    gateway._pool.shutdown()
    gateway._costly_pool.shutdown()
    assert answers == ["200"] * 8 + ["429"] + ["200"] * (MAX_COSTLY + 1)


def test_searches_and_pictures_have_the_rate_of_the_api(install: Install) -> None:
    client = install(API_RATE="2").client()
    paths = ("/en/principles/?q=a", "/api/v1/today?lang=!", "/en/principles/?q=b")
    assert [client.get(path).status_code for path in paths] == [200, 400, 429]
    assert client.get("/en/card/2020-01-01.png").status_code == 429
    assert int(client.get("/en/principles/?q=c").headers["Retry-After"]) <= 60
    for path in ("/en/principles/", "/en/principles/?q=", "/static/icon.png", "/en/"):
        with client.get(path) as answer:
            assert answer.status_code == 200
