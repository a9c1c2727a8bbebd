"""`kill -9` of the sender at random moments: `python -m tests.faults.mail`.

The real command sends to a server that records every message it accepts. Afterwards every
subscriber has one. A message may arrive twice only if a kill fell between the server's reply and
the record in the database: once per open connection and kill, with the same Message-ID.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from feed import config
from feed.clock import Clock
from feed.server import database_setup
from feed.store import meta
from feed.store.connection import opened, transaction
from tests.conftest import ROOT, answers_smtp, free_port, outside, wait_until

CONNECTIONS = 4
ZONE = "Europe/Stockholm"


@dataclass(frozen=True)
class Result:
    """The outcome of sending e-mails with kills."""

    emails: int
    kills: int
    missed: int
    doubled: int  # emails that came more often than once, each counted as often as too much
    most: int  # the most doubles that one kill may have made
    unsettled: int  # deliveries that the ledger does not call sent

    @property
    def good(self) -> bool:
        return not (self.missed or self.unsettled) and self.doubled <= self.kills * self.most


def run(folder: Path, emails: int, kills: int, seed: int) -> Result:
    """Send e-mails in `folder`, and kill the sender at random moments meanwhile."""
    chance = random.Random(seed)
    environ = create_installation(folder, emails)
    with sink(folder / "taken") as port:
        environ["DEVIS_SMTP_URL"] = f"smtp://127.0.0.1:{port}"
        done, taken = 0, folder / "taken"
        while done < kills:
            process = _sender(environ, folder)
            _await_letter(process, taken)
            time.sleep(chance.uniform(0, emails / 20_000 * 0.25))
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
            process.wait()
            done += 1
        last = _sender(environ, folder)
        assert last.wait(300) == 0
    return result(folder, emails, done)


def create_installation(folder: Path, emails: int) -> dict[str, str]:
    """An installation in which that many e-mails have become due within this hour."""
    environ = outside() | {
        "DEVIS_DATABASE": str(folder / "devis.sqlite3"),
        "DEVIS_MAIL_CONNECTIONS": str(CONNECTIONS),
        "DEVIS_BASE_URL": "https://devis.example.org",
    }
    settings, now = config.load(environ), datetime.now(UTC)
    database_setup.prepare(settings, Clock())
    hour = now.astimezone(ZoneInfo(ZONE)).replace(minute=0, second=0, microsecond=0)
    since = (now - timedelta(days=3)).isoformat(timespec="seconds")
    with opened(settings.database) as db, transaction(db):
        before = hour.astimezone(UTC) - timedelta(seconds=1)
        meta.put(db, "mail_until", before.isoformat(timespec="seconds"))
        db.conn.executemany(
            "INSERT INTO subscribers (address, identity, language, cadence, workdays, hour,"
            " timezone, status, asked, confirmed, since)"
            " VALUES (?1, ?1, ?2, 'daily', 0, ?3, ?4, 'active', ?5, ?5, ?5)",
            (
                (f"person.{n}@example.org", ("en", "sv")[n % 2], hour.hour, ZONE, since)
                for n in range(emails)
            ),
        )
    return environ


class Sink:
    """A mail server that writes what it takes into `file`, for the length of a `with` block."""

    def __init__(self, file: Path) -> None:
        self.port = free_port()
        self._command = [sys.executable, "-m", "tests.faults.sink", str(self.port), str(file)]
        file.touch()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=ROOT)
        wait_until(lambda: answers_smtp(self.port))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Sink":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def sink(file: Path) -> Iterator[int]:
    """The port of such a mail server."""
    with Sink(file) as running:
        yield running.port


def _sender(environ: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "said").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "feed", "digest", "send"],
            cwd=ROOT,
            env=environ,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


def _await_letter(process: subprocess.Popen[bytes], taken: Path) -> None:
    """Wait until it sends or has ended: a kill before that shows nothing."""
    before = _count(taken)
    wait_until(lambda: process.poll() is not None or _count(taken) > before, 30)


def _count(taken: Path) -> int:
    return taken.stat().st_size


def result(folder: Path, emails: int, kills: int) -> Result:
    """What the sink and the ledger say afterwards."""
    times = Counter((folder / "taken").read_text().splitlines())
    with opened(folder / "devis.sqlite3") as db:
        (unsettled,) = db.execute(
            "SELECT count(*) FROM deliveries WHERE state <> 'sent'"
        ).fetchone()
    return Result(
        emails=emails,
        kills=kills,
        missed=emails - len(times),
        doubled=sum(times.values()) - len(times),
        most=CONNECTIONS,
        unsettled=unsettled,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--emails", default=20_000, show_default=True)
@click.option("--kills", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Of the moments of the kills.")
def main(emails: int, kills: int, seed: int) -> None:
    """Kill the sender while it sends, and count who got a message."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), emails, kills, seed)
    click.echo(
        f"kill -9 of the sender: {found.kills} kills during {found.emails:,} emails over"
        f" {CONNECTIONS} connections: {found.missed} missed, {found.doubled} doubled"
        f" (bound {found.kills * found.most}), {found.unsettled} unsettled"
    )
    raise SystemExit(0 if found.good else 1)


if __name__ == "__main__":
    main()
