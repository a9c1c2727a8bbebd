"""Long use: memory over many mixed requests, and pollers beside a curator who saves.

`python -m tests.bench.soak [--quick]`.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from threading import Event, Lock

import click

from feed.config import Config
from feed.store import ledger
from feed.store.connection import opened
from tests import library_changes
from tests.bench import NOW, OLD, Size, build, served

LINES = 8
POLLERS = 100
STALE_SECONDS = 2.0
FORMS = ("feed.rss", "feed.atom", "feed.json", "", "widget/", "calendar.ics", "today.txt")


def mixed(size: Size, seed: int = 1) -> Iterator[str]:
    """Addresses as the world asks for them: mostly feeds, now and then anything else."""
    chance = random.Random(seed)
    while True:
        language = chance.choice(("en", "sv"))
        if chance.random() < 0.7:
            yield f"/{language}/{chance.choice(FORMS)}"
        elif chance.random() < 0.5:
            yield f"/{language}/principles/principle-{chance.randrange(size.principles)}/"
        else:
            slug = f"principle-{chance.randrange(size.principles)}"
            yield f"/api/v1/principles/{slug}?lang={language}"


def resident() -> dict[int, float]:
    """MB of resident memory of every web process there is, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"feed\0web" in folder.joinpath("cmdline").read_bytes():
                pages = int(folder.joinpath("statm").read_text().split()[1])
                found[int(folder.name)] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        except OSError:  # it has ended meanwhile
            continue
    return found


def ask_all(address: str, paths: list[str]) -> None:
    """Ask for every path, on a few connections at once; anything but 200 fails."""

    def line(share: list[str]) -> None:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
        for path in share:
            connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, path
        connection.close()

    with ThreadPoolExecutor(LINES) as pool:
        list(pool.map(line, [paths[number::LINES] for number in range(LINES)]))


def tell_memory(address: str, requests: int) -> None:
    """Resident memory of the web processes, ten times over so many mixed requests."""
    paths = mixed(OLD)
    before = set(resident())
    for tenth in range(10):
        ask_all(address, list(islice(paths, requests // 10)))
        sizes = sorted((mb for pid, mb in resident().items() if pid in before), reverse=True)
        told = ", ".join(f"{size:.0f}" for size in sizes)
        click.echo(f"  after {requests // 10 * (tenth + 1):>7,} requests: {told} MB")


@dataclass(frozen=True)
class Seen:
    """An answer to a poller: when it was asked for, its number, and its bytes in short."""

    asked: float
    number: int
    etag: str
    digest: str


def tell_pollers(config: Config, address: str, edits: int) -> None:
    """Pollers of a feed while a curator saves: how old the oldest answer was, and what failed."""
    with opened(config.database) as db:
        newest = ledger.latest(db, NOW.date())
    assert newest is not None
    saved: dict[int, float] = {0: time.monotonic()}
    seen: list[Seen] = []
    done, lock = Event(), Lock()

    def poll(number: int) -> None:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
        while not done.is_set():
            asked = time.monotonic()
            connection.request("GET", "/en/feed.json")
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200
            title = body.partition(b"Edit ")[2].partition(b".")[0]
            etag = answer.headers["ETag"]
            with lock:
                seen.append(Seen(asked, int(title or 0), etag, sha256(body).hexdigest()))
            done.wait(0.1 + number / 1000)
        connection.close()

    with ThreadPoolExecutor(POLLERS) as pool:
        polls = [pool.submit(poll, number) for number in range(POLLERS)]
        with opened(config.database) as db:
            for number in range(1, edits + 1):
                text = {"en": {"statement": f"Edit {number}. It is the newest there is."}}
                library_changes.revise(db, {"slug": newest.principle, "texts": text}, NOW)
                saved[number] = time.monotonic()
                time.sleep(0.05)
        time.sleep(0.5)
        done.set()
        for asked in polls:
            asked.result()
    _judge(seen, saved, edits)


def _judge(seen: list[Seen], saved: dict[int, float], edits: int) -> None:
    ages = [
        answer.asked - saved[answer.number + 1]
        for answer in seen
        if answer.number < edits and answer.asked > saved[answer.number + 1]
    ]
    pairs = {(answer.etag, answer.digest) for answer in seen}
    unequal = 2 * len(pairs) - len({etag for etag, _ in pairs}) - len({d for _, d in pairs})
    oldest = max(ages, default=0.0)
    click.echo(f"  {len(seen):,} answers to {POLLERS} pollers, {edits} edits, no error")
    click.echo(
        f"  the oldest was out of date by {oldest:.2f} s; ETag against bytes: {unequal} unequal"
    )
    assert oldest <= STALE_SECONDS
    assert unequal == 0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A tenth of everything.")
def main(quick: bool) -> None:
    """Load an old installation for long, and poll it while it is edited."""
    with tempfile.TemporaryDirectory() as folder:
        config = build(Path(folder), OLD)
        with served(config, API_RATE="100000") as address:
            click.echo("Resident memory of each web process:")
            tell_memory(address, 10_000 if quick else 100_000)
            click.echo("Pollers beside a curator:")
            tell_pollers(config, address, 20 if quick else 200)


if __name__ == "__main__":
    main()
