"""`kill -9` of mail workers while they send: `python -m tests.faults.celery`.

A real brain hands letters to real workers over a real Redis; every few seconds one of the workers
is killed, and another started. Afterwards everybody must have a letter; one may have come twice
only where a kill fell between the server's taking it and the worker's writing that down: once for
each open connection and kill, with the same Message-ID.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from feed.store.connection import opened
from tests.broker import MailWorker, redis_server, start_worker
from tests.conftest import ROOT
from tests.faults.mail import CONNECTIONS, Result, house, result, sink


def run(folder: Path, letters: int, kills: int, every: float, rate: int, seed: int) -> Result:
    """Send so many letters by two workers, and kill one of them every so many seconds.

    `rate` is how many letters a second a worker may send; 0 for as many as it can.
    """
    chance = random.Random(seed)
    environ = house(folder, letters)
    with redis_server() as store, sink(folder / "taken") as port:
        settings = {
            "BROKER_URL": store.url,
            "SMTP_URL": f"smtp://127.0.0.1:{port}",
            "MAIL_CONNECTIONS": str(CONNECTIONS),
            "MAIL_RATE": str(rate),
        }
        crew = [start_worker(folder, f"worker{number}", **settings) for number in range(2)]
        done = 0
        with brain(folder, {**environ, "DEVIS_BROKER_URL": store.url}):
            try:
                due = _begun(folder) + every
                deadline = due + 120 + letters / 100
                while not settled(folder, letters):
                    assert time.monotonic() < deadline, (folder / "brain").read_text()
                    if done < kills and time.monotonic() > due:
                        number = chance.randrange(2)
                        crew[number].kill()
                        crew[number] = start_worker(folder, f"worker{number}", **settings)
                        done, due = done + 1, time.monotonic() + every
                    time.sleep(chance.uniform(0, 0.1))
            finally:
                _end(crew)
    return result(folder, letters, done)


@contextmanager
def brain(folder: Path, environ: dict[str, str]) -> Iterator[None]:
    """A real `devis worker`, for the length of a `with` block."""
    with (folder / "brain").open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "feed", "worker"],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def settled(folder: Path, letters: int) -> bool:
    """Whether the ledger knows what became of every letter."""
    with opened(folder / "devis.sqlite3") as db:
        row = db.execute("SELECT count(*) FROM deliveries WHERE state IN ('sent', 'skipped')")
        return int(row.fetchone()[0]) == letters


def _begun(folder: Path) -> float:
    """Wait for the first letter; when that was."""
    deadline = time.monotonic() + 60
    while not (folder / "taken").stat().st_size:
        assert time.monotonic() < deadline, (folder / "brain").read_text()
        time.sleep(0.02)
    return time.monotonic()


def _end(crew: list[MailWorker]) -> None:
    for each in crew:
        each.kill()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--letters", default=100_000, show_default=True)
@click.option("--every", default=10.0, show_default=True, help="Seconds between two kills.")
@click.option("--rate", default=0, help="Letters a second and worker; 0 for no limit.")
@click.option("--seed", default=1, show_default=True, help="Of the choice and moment of the kills.")
def main(letters: int, every: float, rate: int, seed: int) -> None:
    """Kill mail workers while they send, and count who got a letter."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), letters, sys.maxsize, every, rate, seed)
    click.echo(
        f"kill -9 of mail workers: {found.kills} kills during {found.letters:,} letters in"
        f" {time.monotonic() - began:.0f} s, two workers with {CONNECTIONS} connections each:"
        f" {found.missed} missed, {found.doubled} doubled (bound {found.kills * found.most}),"
        f" {found.unsettled} unsettled"
    )
    raise SystemExit(0 if found.good else 1)


if __name__ == "__main__":
    main()
