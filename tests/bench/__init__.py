"""How fast it is: a library of years against a young one, and pages from the page cache.

A house with 10 000 principles and twenty years of editions must be served as a new one is: what a
page costs hangs on what it shows, not on what there is.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

from flask.testing import FlaskClient

from feed import clock
from feed.app import create_app
from feed.config import Config, load
from feed.server import database_setup
from feed.store.connection import opened, transaction
from tests.conftest import ROOT, answers, free_port, wait_until

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
PAGES = ("/en/", "/en/feed.rss")
CONNECTIONS = 8


@dataclass(frozen=True)
class Size:
    """An installation's size: its library and the days it has published, the last of them today."""

    principles: int
    days: int

    @property
    def sources(self) -> int:
        """A book gives some twenty principles."""
        return max(2, self.principles // 20)


YOUNG = Size(principles=60, days=60)
OLD = Size(principles=10_000, days=20 * 365 + 5)
THEMES = 12


def build(folder: Path, size: Size, now: datetime = NOW, **values: str) -> Config:
    """Make the database of an installation in `folder`, with SQL only."""
    given = {"DATABASE": str(folder / "devis.sqlite3"), "NOW": now.isoformat(), **values}
    config = load({f"DEVIS_{name}": value for name, value in given.items()})
    database_setup.create(config, clock.Clock(now, time.monotonic()))
    with opened(config.database) as db, transaction(db):
        for table, rows in _rows(size, now).items():
            names = [column.name for column in db.table(table).columns]
            for row in rows:
                marks = ", ".join("?" * len(row))
                columns = ", ".join(names[: len(row)])
                db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)
    return config


def _rows(size: Size, now: datetime) -> dict[str, Iterable[tuple[object, ...]]]:
    made = (now - timedelta(days=size.days)).isoformat(timespec="seconds")
    slugs = [f"principle-{number}" for number in range(size.principles)]
    sources = [f"source-{number}" for number in range(size.sources)]
    themes = [f"theme-{number}" for number in range(THEMES)]
    codes = ("en", "sv")
    words = "Whoever asks before deciding hears what nobody would have told. " * 3
    return {
        "themes": ((slug, made) for slug in themes),
        "theme_texts": ((slug, code, slug.title(), words) for slug in themes for code in codes),
        "sources": (
            (slug, slug.title(), "en", "A. Author", None, 2001, None, made, None)
            for slug in sources
        ),
        "source_texts": ((slug, code, words, "") for slug in sources for code in codes),
        "principles": (
            (slug, "principle", sources[n % len(sources)], "", "published", "en", made, None)
            for n, slug in enumerate(slugs)
        ),
        "principle_themes": (
            (slug, place, themes[(n + place) % THEMES])
            for n, slug in enumerate(slugs)
            for place in range(2)
        ),
        "texts": (
            (slug, code, f"{slug} {code}", words, words, words, words, "approved", 1, 1, None)
            for slug in slugs
            for code in codes
        ),
        "editions": _editions(slugs, size.days, now.date()),
    }


def _editions(slugs: list[str], days: int, today: date) -> Iterator[tuple[object, ...]]:
    for number in range(days):
        day = today - timedelta(days=days - 1 - number)
        cycle, place = divmod(number, len(slugs))
        published = f"{day - timedelta(days=1)}T23:00:00+00:00"
        about = (slugs[place], cycle + 1, "rotation")
        yield (None, f"{day}", 1, *about, published, published, None, None)


def stranger(config: Config) -> FlaskClient:
    """A visitor to a site without a page cache."""
    return create_app(config, clock.Clock(NOW, time.monotonic())).test_client()


@dataclass(frozen=True)
class Render:
    """Median processor seconds to render a page uncached, in a new and an old installation.

    Processor time, as the clock on the wall tells as much of what else the machine does.
    """

    path: str
    young: float
    old: float

    @property
    def ratio(self) -> float:
        return self.old / self.young


def uncached(young: Config, old: Config, times: int) -> list[Render]:
    """Render each page several times, the two installations in turn."""
    clients = (stranger(young), stranger(old))
    return [_render(clients, path, times) for path in PAGES]


def _render(clients: tuple[FlaskClient, FlaskClient], path: str, times: int) -> Render:
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(times + 3):
        for client, taken in zip(clients, seconds, strict=True):
            began = time.thread_time()
            answer = client.get(path)
            if number >= 3:  # templates and prepared statements are warm
                taken.append(time.thread_time() - began)
            assert answer.status_code == 200
    return Render(path, *map(statistics.median, seconds))


@contextmanager
def served(config: Config, *, quiet: bool = False, **more: str) -> Iterator[str]:
    """The address of a real `devis web`; `more` settings, without their prefix.

    With `quiet`, nothing that it logs is shown.
    """
    port = free_port()
    environ = {name: text for name, text in os.environ.items() if not name.startswith("DEVIS_")}
    values = {"DATABASE": str(config.database), "NOW": NOW.isoformat(), "PORT": str(port)} | more
    process = subprocess.Popen(
        [sys.executable, "-m", "feed", "web"],
        cwd=ROOT,
        env={**environ, **{f"DEVIS_{name}": text for name, text in values.items()}},
        stderr=subprocess.DEVNULL if quiet else None,
    )
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def requests_per_second(address: str, seconds: int) -> tuple[float, str]:
    """How many answers a second an address gives, and what asked: wrk, or a loop of our own."""
    _loop(address, 0.5)  # a server that has just started renders the page first, in each process
    wrk = shutil.which("wrk")
    if wrk is None:
        return _loop(address, seconds), "a loop in Python"
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", address]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([0-9.]+)", told)
    assert found, told
    assert "Non-2xx" not in told, told
    return float(found[1]), "wrk"


def _loop(address: str, seconds: float) -> float:
    host, _, path = address.removeprefix("http://").partition("/")
    deadline = time.monotonic() + seconds
    counts: list[int] = []

    def ask() -> None:
        connection, count = HTTPConnection(host, timeout=10), 0
        while time.monotonic() < deadline:
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            count += 1
        connection.close()
        counts.append(count)

    threads = [Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == CONNECTIONS, "an answer was not 200"
    return sum(counts) / seconds
