"""A million subscribers due in the same minute: `python -m tests.bench.subscribers [--quick]`.

They are found, claimed, filled in and handed to a taker that does nothing, while the site answers
and people sign up. What is measured here is the ledger; how fast a mail server takes emails is
measured in `tests.bench.sending`.
"""

import multiprocessing
import random
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import click

from feed import clock, digests, editions
from feed.config import Config
from feed.digests.queue import Queue
from feed.smtp import Outcome, SmtpServer
from feed.store import signing_key, subscribers
from feed.store.connection import opened, transaction
from feed.subscribers import links, subscriptions
from tests.bench import Size, build, served
from tests.conftest import fetch

BEFORE = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 23, 6, 0, 1, tzinfo=UTC)
HOUSE = Size(principles=200, days=60)
TOGETHER = 4  # outcomes recorded in one transaction, as with so many connections


@dataclass(frozen=True)
class Handing:
    """The cost of sending a digest to every subscriber."""

    seconds: float
    first: float  # seconds until the first message was ready
    emails: int
    megabytes: float  # by how much the resident memory grew


def populate(config: Config, number: int, first: int = 0, hour: int = 7) -> None:
    """Enter so many subscribers, by SQL alone."""
    at = (BEFORE - timedelta(days=30)).isoformat()
    with opened(config.database) as db:
        for start in range(first, first + number, 50_000):
            with transaction(db):
                db.conn.executemany(
                    "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour,"
                    " timezone, status, asked, confirmed, since)"
                    " VALUES"
                    " (?1, ?1, ?2, 'daily', 0, ?4, 'Europe/Stockholm', 'active', ?3, ?3, ?3)",
                    (
                        (f"person.{n}@example.org", ("en", "sv")[n % 2], at, hour)
                        for n in range(start, min(start + 50_000, first + number))
                    ),
                )


def hand_out(config: Config) -> Handing:
    """Find, claim, fill in and record every due delivery, in this process."""
    began, before = time.perf_counter(), _resident()
    ticking = clock.Clock(DUE, time.monotonic())
    with opened(config.database) as db:
        site = editions.settle(db, config, DUE)
        editions.publish_due(db, site, config, DUE)
        digests.start_due_runs(db, site, DUE)
        queue = Queue(db, site, config, signing_key.key(config), ticking)
        number, first = 0, 0.0
        while group := list(islice(queue, TOGETHER)):
            first = first or time.perf_counter() - began
            queue.record([Outcome(each.key, "sent", 250, "") for each in group])
            number += len(group)
    return Handing(time.perf_counter() - began, first, number, _resident() - before)


class Post:
    """An installation with many subscribers; sends their digests day by day."""

    def __init__(self, folder: Path, number: int, port: int, connections: int) -> None:
        made = build(folder, HOUSE)
        server = SmtpServer("127.0.0.1", port, "none")
        self.config = replace(made, smtp=server, mail_connections=connections)
        self.now = BEFORE
        with opened(self.config.database) as db:
            self.site = editions.settle(db, self.config, self.now)
            digests.start_due_runs(db, self.site, self.now)
        populate(self.config, number)

    def send(self, count: int) -> None:
        """Send the digests of the next day: find, claim, fill in, send and record."""
        self.now = DUE if self.now == BEFORE else self.now + timedelta(days=1)
        ticking = clock.Clock(self.now, time.monotonic())
        with opened(self.config.database) as db:
            editions.publish_due(db, self.site, self.config, self.now)
            digests.start_due_runs(db, self.site, self.now)
            told = digests.send(db, self.site, self.config, ticking, threading.Event())
        assert told == {"sent": count}, told

    def size(self) -> int:
        """The size of a digest in bytes."""
        with opened(self.config.database) as db:
            editions.publish_due(db, self.site, self.config, DUE)
            digest = digests.preview(db, self.site, "daily", "en", None, DUE)
        message = digests.preview_envelope(
            self.site, self.config, digest, "person@example.org", DUE
        )
        return len(message.message)


def sign_ups(config: Config, number: int, prefix: str) -> list[float]:
    """The seconds that each of so many sign-ups took."""
    taken = []
    with opened(config.database) as db:
        site = editions.settle(db, config, BEFORE)
        for n in range(number):
            given = {
                "address": f"{prefix}.{n}@example.org",
                "language": "en",
                "cadence": "daily",
                "days": "every",
                "hour": "7",
                "timezone": "Europe/Stockholm",
            }
            began = time.perf_counter()
            subscriptions.sign_up(db, site, config, given, "/en/subscribe/", DUE)
            taken.append(time.perf_counter() - began)
    return taken


def preference_page(config: Config, address: str, number: int) -> float:
    """The seconds that the uncached page of a subscriber's preferences took."""
    with opened(config.database) as db:
        found = subscribers.by_id(db, number)
        assert found is not None
    token = links.digest_token(signing_key.key(config), found)
    began = time.perf_counter()
    assert fetch(f"{address}/subscription/{token}/").status == 200
    return time.perf_counter() - began


def _resident() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _handing(config: Config, answers: "multiprocessing.Queue[Handing]") -> None:
    answers.put(hand_out(config))


def _told(name: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    worst = ordered[int(len(ordered) * 0.99)] if len(ordered) > 1 else ordered[0]
    click.echo(
        f"{name:<42}  median {statistics.median(ordered) * 1000:>7.1f} ms"
        f"  p99 {worst * 1000:>7.1f} ms  longest {ordered[-1] * 1000:>7.1f} ms  ({len(ordered)})"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Ten thousand subscribers.")
@click.option("--number", type=int, default=1_000_000, show_default=True)
def main(quick: bool, number: int) -> None:
    """Send a digest to a million subscribers while the site is used."""
    number = 10_000 if quick else number
    with tempfile.TemporaryDirectory() as folder:
        config = build(Path(folder), HOUSE)
        with opened(config.database) as db:
            editions.settle(db, config, BEFORE)
            digests.start_due_runs(db, editions.settle(db, config, BEFORE), BEFORE)
        _told("Sign-up, empty database", sign_ups(config, 200, "early"))
        populate(config, number)
        _told(f"Sign-up, beside {number:,}", sign_ups(config, 200, "late"))
        size = config.database.stat().st_size / number
        click.echo(f"Database: {size:,.0f} bytes a subscriber")
        context = multiprocessing.get_context("spawn")
        answers: multiprocessing.Queue[Handing] = context.Queue()
        process = context.Process(target=_handing, args=(config, answers))
        pages: list[float] = []
        own: list[float] = []
        joins: list[float] = []
        with served(config) as address:
            chance = random.Random(1)
            fetch(f"{address}/en/")
            before = [
                preference_page(config, address, chance.randint(1, number)) for _ in range(200)
            ]
            _told(f"A page of one's wishes, beside {number:,}", before)
            process.start()
            while process.is_alive():
                began = time.perf_counter()
                assert fetch(f"{address}/en/themes/?x={began}").status == 200
                pages.append(time.perf_counter() - began)
                own.append(preference_page(config, address, chance.randint(1, number)))
                joins += sign_ups(config, 1, f"meanwhile.{len(joins)}")
                time.sleep(0.05)
            handing = answers.get(timeout=10)
        click.echo(
            f"Sent: {handing.emails:,} in {handing.seconds:.1f} s,"
            f" {handing.emails / handing.seconds:,.0f} e-mails/s,"
            f" {handing.megabytes:.0f} MB of memory for it"
        )
        click.echo(f"The first of them was ready after {handing.first * 1000:,.0f} ms")
        _told("A page meanwhile", pages)
        _told("A page of one's wishes meanwhile", own)
        _told("A sign-up meanwhile", joins)
        size = config.database.stat().st_size / number
        click.echo(f"Database: {size:,.0f} bytes a subscriber, with one delivery to each")


if __name__ == "__main__":
    main()
