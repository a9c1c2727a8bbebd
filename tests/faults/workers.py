"""Faults of mail workers and what they depend on: `python -m tests.faults.workers`.

A real producer publishes e-mails to two real workers over a real Redis. Every few seconds a worker
or the producer is killed, or the broker or the mail server is down for a while. Afterwards every
subscriber has one message. It may arrive twice only if the fault fell between the server's reply
and the worker's record: once per open connection, with the same Message-ID.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from feed.store.connection import opened
from tests.conftest import ROOT
from tests.faults.mail import CONNECTIONS, Result, Sink, create_installation, result
from tests.mail_workers import MailWorker, RedisServer, redis_server, start_worker

WORKERS = 2
AWAY = 2.0  # seconds
SLOW = 100  # emails a second and worker, so that everything befalls a few thousand emails
WORKER = "kill -9 of a mail worker"


@dataclass
class Scene:
    """All processes, and how many e-mails may have been sent twice so far."""

    folder: Path
    environ: dict[str, str]
    store: RedisServer
    sink: Sink
    rate: int
    chance: random.Random
    bound: int = 0
    workers: list[MailWorker] = field(default_factory=list)
    producer: "subprocess.Popen[bytes] | None" = None

    @property
    def settings(self) -> dict[str, str]:
        """Of a mail worker."""
        return {
            "BROKER_URL": self.store.url,
            "SMTP_URL": f"smtp://127.0.0.1:{self.sink.port}",
            "MAIL_CONNECTIONS": str(CONNECTIONS),
            "MAIL_RATE": str(self.rate),
        }

    def start_worker(self, number: int) -> MailWorker:
        return start_worker(self.folder, f"worker{number}", **self.settings)

    def start_producer(self) -> None:
        self.producer = start_producer(
            self.folder, self.environ | {"DEVIS_BROKER_URL": self.store.url}
        )

    def end(self) -> None:
        for each in self.workers:
            each.kill()
        if self.producer is not None:
            self.producer.terminate()
            self.producer.wait(30)


def _worker(scene: Scene) -> None:
    number = scene.chance.randrange(WORKERS)
    scene.workers[number].kill()
    scene.workers[number] = scene.start_worker(number)
    scene.bound += CONNECTIONS


def _producer(scene: Scene) -> None:
    assert scene.producer is not None
    scene.producer.send_signal(signal.SIGKILL)
    scene.producer.wait()
    scene.start_producer()


def _broker(scene: Scene) -> None:
    scene.store.stop()
    time.sleep(AWAY)
    scene.store.start()
    scene.bound += WORKERS * CONNECTIONS


def _server(scene: Scene) -> None:
    scene.sink.stop()
    time.sleep(AWAY)
    scene.sink.start()
    scene.bound += WORKERS * CONNECTIONS


FAULTS: dict[str, Callable[[Scene], None]] = {
    WORKER: _worker,
    "kill -9 of the producer": _producer,
    "broker away": _broker,
    "mail server away": _server,
}


def run(
    folder: Path,
    emails: int,
    names: Sequence[str],
    every: float,
    rate: int,
    seed: int,
    rounds: int = sys.maxsize,
) -> tuple[Result, Counter[str], int]:
    """Send e-mails, with one of the named faults after the other, each `every` seconds after
    sending has resumed, `rounds` at most.

    `rate` is the limit of e-mails a second per worker, 0 for none. Returns the result, the number
    of each fault, and how many e-mails may have been sent twice.
    """
    done: Counter[str] = Counter()
    with ExitStack() as stack:
        store = stack.enter_context(redis_server())
        sink = stack.enter_context(Sink(folder / "taken"))
        scene = Scene(
            folder, create_installation(folder, emails), store, sink, rate, random.Random(seed)
        )
        stack.callback(scene.end)
        scene.workers = [scene.start_worker(number) for number in range(WORKERS)]
        scene.start_producer()
        taken, deadline = folder / "taken", time.monotonic() + 300 + emails / 100
        due, before = 0.0, 0
        while not settled(folder, emails):
            assert time.monotonic() < deadline, (folder / "producer").read_text()
            if not due and taken.stat().st_size > before:  # only now does a fault tell anything
                due = time.monotonic() + every
            if due and time.monotonic() > due and done.total() < rounds:
                name = names[done.total() % len(names)]
                FAULTS[name](scene)
                done[name] += 1
                due, before = 0.0, taken.stat().st_size
            time.sleep(scene.chance.uniform(0, 0.1))
    return result(folder, emails, done.total()), done, scene.bound


def start_producer(folder: Path, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A real `devis worker`."""
    with (folder / "producer").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "feed", "worker"],
            cwd=ROOT,
            env=environ,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def producer(folder: Path, environ: dict[str, str]) -> Iterator[None]:
    """The same for the length of a `with` block."""
    process = start_producer(folder, environ)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def settled(folder: Path, emails: int) -> bool:
    """Whether the outcome of every message is recorded."""
    with opened(folder / "devis.sqlite3") as db:
        row = db.execute("SELECT count(*) FROM deliveries WHERE state IN ('sent', 'skipped')")
        return int(row.fetchone()[0]) == emails


def _tell(
    emails: int,
    names: Sequence[str],
    every: float,
    rate: int,
    seed: int,
    rounds: int = sys.maxsize,
) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found, done, bound = run(Path(folder), emails, names, every, rate, seed, rounds)
    what = ", ".join(f"{number} × {name}" for name, number in done.items())
    click.echo(
        f"{found.emails:,} emails in {time.monotonic() - began:.0f} s by {WORKERS} workers with"
        f" {CONNECTIONS} connections each: {what}:\n"
        f"  {found.missed} missed, {found.doubled} doubled (bound {bound}),"
        f" {found.unsettled} unsettled"
    )
    return not found.missed and not found.unsettled and found.doubled <= bound


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--emails", default=100_000, show_default=True)
@click.option(
    "--every",
    default=10.0,
    show_default=True,
    help="Seconds of sending before a fault.",
)
@click.option("--seed", default=1, show_default=True, help="Of the choice and moment of the kills.")
def main(emails: int, every: float, seed: int) -> None:
    """Have things befall mail workers while they send, and count who got a message."""
    good = _tell(emails, [WORKER], every, 0, seed)
    good &= _tell(emails // 20, [*FAULTS], every / 5, SLOW, seed, rounds=len(FAULTS))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
