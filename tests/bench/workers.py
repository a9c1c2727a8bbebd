"""Compare one, two and four mail workers with one sink: `python -m tests.bench.workers [--quick]`.

Everything runs on this machine: without a rate limit producer, broker, sink and workers share its
processors. With a limit per worker, like that of a mail server, it shows what more machines give.
"""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from feed import config as settings
from feed import digests, editions
from feed.clock import Clock
from feed.store.connection import opened
from feed.workers import dispatch
from tests.conftest import answers_smtp, free_port, wait_until
from tests.faults.mail import CONNECTIONS, create_installation, sink
from tests.mail_workers import redis_server, workers

NUMBERS = (1, 2, 4)
SMTP_SINK = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")


@dataclass(frozen=True)
class Sent:
    """That many e-mails by that many workers: seconds, and processor seconds of the producer."""

    workers: int
    emails: int
    seconds: float
    producer: float

    @property
    def rate(self) -> float:
        """E-mails a second."""
        return self.emails / self.seconds


def measure(emails: int, number: int, rate: int) -> Sent:
    """Send e-mails through workers, each `rate` e-mails a second at most (0: no limit).

    From the first batch until every outcome is recorded.
    """
    with tempfile.TemporaryDirectory() as name, redis_server() as store, _sink(Path(name)) as port:
        folder = Path(name)
        config = settings.load(
            create_installation(folder, emails) | {"DEVIS_BROKER_URL": store.url}
        )
        given = {
            "BROKER_URL": store.url,
            "SMTP_URL": f"smtp://127.0.0.1:{port}",
            "MAIL_CONNECTIONS": str(CONNECTIONS),
            "MAIL_RATE": str(rate),
        }
        clock, stop = Clock(), threading.Event()
        with opened(config.database) as db, workers(folder, number, **given):
            site = editions.settle(db, config, clock())
            editions.publish_due(db, site, config, clock())
            digests.start_due_runs(db, site, clock())
            began, spent = time.monotonic(), time.process_time()
            with digests.sending_lock(config):
                while db.execute(
                    "SELECT count(*) FROM deliveries WHERE state = 'sent'"
                ).fetchone() != (emails,):
                    dispatch.send(db, site, config, clock, stop)
                    time.sleep(0.02)
            return Sent(number, emails, time.monotonic() - began, time.process_time() - spent)


@contextmanager
def _sink(folder: Path) -> Iterator[int]:
    """Postfix's smtp-sink where it is installed, which costs least; else our own."""
    if SMTP_SINK is None:
        with sink(folder / "taken") as port:
            yield port
        return
    port = free_port()
    whom = [] if os.getuid() else ["-u", "nobody"]  # it will not run as root
    process = subprocess.Popen([SMTP_SINK, *whom, f"127.0.0.1:{port}", "256"], cwd="/")
    try:
        wait_until(lambda: answers_smtp(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def _tell(emails: int, rate: int) -> None:
    what = f"each at most {rate:,} a second" if rate else "as fast as they can"
    click.echo(f"{emails:,} e-mails, {what}, {CONNECTIONS} connections each")
    first = 0.0
    for number in NUMBERS:
        sent = measure(emails, number, rate)
        first = first or sent.rate
        click.echo(
            f"  {number} worker{'s' if number > 1 else ' '}  {sent.rate:>7,.0f} e-mails/s"
            f"  × {sent.rate / first:.2f}"
            f"  producer {sent.producer / emails * 1e6:,.0f} µs of processor time an e-mail"
        )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="A tenth of the e-mails.")
@click.option("--rate", default=500, show_default=True, help="Of a worker that has a limit.")
def main(quick: bool, rate: int) -> None:
    """Compare one worker with two and four."""
    emails = 4_000 if quick else 40_000
    _tell(emails, 0)
    _tell(emails // 2, rate)


if __name__ == "__main__":
    main()
