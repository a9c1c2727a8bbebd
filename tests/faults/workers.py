"""What befalls mail workers while they send, and those they depend on: `python -m
tests.faults.workers`.

A real brain hands letters to two real workers over a real Redis. Every few seconds a worker or the
brain is killed, or the broker or the mail server is away for a while. Afterwards everybody must
have a letter. One may have come twice only where the fault fell between the server's taking it and
the worker's writing that down: once for each connection that was open, with the same Message-ID.
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
SLOW = 100  # letters a second and worker, so that everything befalls a few thousand letters
WORKER = "kill -9 of a mail worker"


@dataclass
class Scene:
    """All that runs, and how many letters may have come twice by now."""

    folder: Path
    environ: dict[str, str]
    store: RedisServer
    sink: Sink
    rate: int
    chance: random.Random
    bound: int = 0
    workers: list[MailWorker] = field(default_factory=list)
    brain: "subprocess.Popen[bytes] | None" = None

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

    def start_brain(self) -> None:
        self.brain = start_brain(self.folder, self.environ | {"DEVIS_BROKER_URL": self.store.url})

    def end(self) -> None:
        for each in self.workers:
            each.kill()
        if self.brain is not None:
            self.brain.terminate()
            self.brain.wait(30)


def _worker(scene: Scene) -> None:
    number = scene.chance.randrange(WORKERS)
    scene.workers[number].kill()
    scene.workers[number] = scene.start_worker(number)
    scene.bound += CONNECTIONS


def _brain(scene: Scene) -> None:
    assert scene.brain is not None
    scene.brain.send_signal(signal.SIGKILL)
    scene.brain.wait()
    scene.start_brain()


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
    "kill -9 of the brain": _brain,
    "broker away": _broker,
    "mail server away": _server,
}


def run(
    folder: Path,
    letters: int,
    names: Sequence[str],
    every: float,
    rate: int,
    seed: int,
    rounds: int = sys.maxsize,
) -> tuple[Result, Counter[str], int]:
    """Send so many letters, and do one of the named faults after the other, each so many seconds
    after letters went out again.

    After so many rounds there are no more. `rate` is how many letters a second a worker may send;
    0 for as many as it can. What the mail
    server has, how often each fault was, and how many letters may have come twice.
    """
    done: Counter[str] = Counter()
    with ExitStack() as stack:
        store = stack.enter_context(redis_server())
        sink = stack.enter_context(Sink(folder / "taken"))
        scene = Scene(
            folder, create_installation(folder, letters), store, sink, rate, random.Random(seed)
        )
        stack.callback(scene.end)
        scene.workers = [scene.start_worker(number) for number in range(WORKERS)]
        scene.start_brain()
        taken, deadline = folder / "taken", time.monotonic() + 300 + letters / 100
        due, before = 0.0, 0
        while not settled(folder, letters):
            assert time.monotonic() < deadline, (folder / "brain").read_text()
            if not due and taken.stat().st_size > before:  # only now does a fault tell anything
                due = time.monotonic() + every
            if due and time.monotonic() > due and done.total() < rounds:
                name = names[done.total() % len(names)]
                FAULTS[name](scene)
                done[name] += 1
                due, before = 0.0, taken.stat().st_size
            time.sleep(scene.chance.uniform(0, 0.1))
    return result(folder, letters, done.total()), done, scene.bound


def start_brain(folder: Path, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A real `devis worker`."""
    with (folder / "brain").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "feed", "worker"],
            cwd=ROOT,
            env=environ,
            stdout=said,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def brain(folder: Path, environ: dict[str, str]) -> Iterator[None]:
    """The same for the length of a `with` block."""
    process = start_brain(folder, environ)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def settled(folder: Path, letters: int) -> bool:
    """Whether the ledger knows what became of every letter."""
    with opened(folder / "devis.sqlite3") as db:
        row = db.execute("SELECT count(*) FROM deliveries WHERE state IN ('sent', 'skipped')")
        return int(row.fetchone()[0]) == letters


def _tell(
    letters: int,
    names: Sequence[str],
    every: float,
    rate: int,
    seed: int,
    rounds: int = sys.maxsize,
) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found, done, bound = run(Path(folder), letters, names, every, rate, seed, rounds)
    what = ", ".join(f"{number} × {name}" for name, number in done.items())
    click.echo(
        f"{found.letters:,} letters in {time.monotonic() - began:.0f} s by {WORKERS} workers with"
        f" {CONNECTIONS} connections each: {what}:\n"
        f"  {found.missed} missed, {found.doubled} doubled (bound {bound}),"
        f" {found.unsettled} unsettled"
    )
    return not found.missed and not found.unsettled and found.doubled <= bound


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--letters", default=100_000, show_default=True)
@click.option(
    "--every",
    default=10.0,
    show_default=True,
    help="Seconds of sending before a fault.",
)
@click.option("--seed", default=1, show_default=True, help="Of the choice and moment of the kills.")
def main(letters: int, every: float, seed: int) -> None:
    """Have things befall mail workers while they send, and count who got a letter."""
    good = _tell(letters, [WORKER], every, 0, seed)
    good &= _tell(letters // 20, [*FAULTS], every / 5, SLOW, seed, rounds=len(FAULTS))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
