"""All at once, for ten minutes: `python -m tests.bench.endurance [--quick]`.

Readers send 500 requests a second, an editor saves every few seconds, which empties the page cache,
and e-mails go to a server that records them. Nothing may fail: only 200 and 304, no e-mail missed
or sent twice, no confirmed save lost, no error in the log.
"""

import json
import re
import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from feed.store import meta
from feed.store.connection import opened, transaction
from tests.bench import OLD, Size, build, desk, readers
from tests.bench.mix import KINDS, RARE, asks
from tests.bench.processes import Process, family
from tests.bench.readers import Heard
from tests.bench.serving import devis
from tests.bench.subscribers import populate
from tests.conftest import fetch
from tests.faults import mail

LETTERS, MAIL_RATE = 200, 250  # for each second of the soak, and sent in one: most of the time
BREATH = 2.0  # seconds that an editor takes, at the mean, before opening a form
SAMPLES, WARM = 10, 3  # of memory; with the third everything that is kept should be there
FLAT = 1.05  # what a process may have grown to since then
STILL = 30.0  # seconds without a message: no more come


@dataclass(frozen=True)
class Soak:
    """Duration, requests a second, number of e-mails, and size of the installation."""

    seconds: float
    rate: float
    emails: int
    size: Size
    rare: float  # the share of requests for what is nearly always made anew


class House:
    """An installation in `folder` with an editor, and subscribers whose digest is due."""

    def __init__(self, folder: Path, soak: Soak) -> None:
        now = datetime.now(UTC)
        self.today = now.date()
        self.config = build(folder, soak.size, now)
        (self.editor,) = desk.seats(self.config, 1, now)
        local = now.astimezone(ZoneInfo(mail.ZONE)).replace(minute=0, second=0, microsecond=0)
        populate(self.config, soak.emails, hour=local.hour)
        with opened(self.config.database) as db, transaction(db):
            before = local.astimezone(UTC) - timedelta(seconds=1)
            meta.put(db, "mail_until", before.isoformat(timespec="seconds"))


def settings(port: int) -> dict[str, str]:
    """The settings of `devis serve`, without their prefix."""
    return {
        "SMTP_URL": f"smtp://127.0.0.1:{port}",
        "MAIL_RATE": str(MAIL_RATE),
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_FORMAT": "json",
    }


def watch(pid: int, soak: Soak, taken: Path, seen: desk.Minute) -> list[list[Process]]:
    """Print memory, e-mails and saves as time goes by."""
    began, samples = time.monotonic(), []
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0, began + soak.seconds * number / SAMPLES - time.monotonic()))
        samples.append(family(pid))
        told = ", ".join(f"{each.command} {each.megabytes:.0f}" for each in samples[-1])
        click.echo(
            f"  {time.monotonic() - began:>4.0f} s  {told} MB"
            f"  {_emails(taken):>8,} e-mails  {len(seen.saved):>4} saves"
        )
    return samples


def settle(taken: Path, soak: Soak) -> None:
    """Wait for the last e-mail, for as long as any arrives."""
    number, since = 0, time.monotonic()
    while number < soak.emails and time.monotonic() - since < STILL:
        time.sleep(0.2)
        if _emails(taken) > number:
            number, since = _emails(taken), time.monotonic()


def _emails(taken: Path) -> int:
    return taken.read_bytes().count(b"\n")


def tell_machine(samples: list[list[Process]]) -> list[str]:
    """What each process took; one that ended is a fault."""
    warm, last = ({each.pid: each for each in samples[at]} for at in (WARM - 1, -1))
    if warm.keys() - last.keys():
        return ["a process ended"]
    pairs = [(early, last[pid]) for pid, early in warm.items()]
    grown = ", ".join(f"{b.command} {b.megabytes - a.megabytes:+.1f}" for a, b in pairs)
    flat = all(b.megabytes <= a.megabytes * FLAT for a, b in pairs)
    click.echo(f"Growth since the {WARM}rd of these: {grown} MB, {'flat' if flat else 'not flat'}")
    used = ", ".join(f"{each.command} {each.seconds:.1f}" for each in last.values())
    click.echo(f"Processor time: {used} s")
    return []


def tell_load(heard: Heard, address: str) -> list[str]:
    """What readers waited, by kind; what they got but should not have."""
    for kind in (*KINDS, *RARE):
        _tell_times(kind, heard.took.get(kind, []))
    for name, kinds in (("first asked", RARE), ("all", heard.took)):
        _tell_times(name, [each for kind in kinds for each in heard.took.get(kind, [])])
    _tell_times("line free", heard.late)
    click.echo(f"Answers: {', '.join(f'{n:,} × {s}' for s, n in sorted(heard.statuses.items()))}")
    wrong = [f"{number} × {what}" for what, number in heard.wrong.most_common()]
    return wrong + tell_counts(fetch(f"{address}/metrics").body.decode())


def tell_counts(metrics: str) -> list[str]:
    """What the server itself counted: whether it answered from memory, or with a fault."""
    counts: Counter[str] = Counter()
    pattern = r'(?m)^devis_requests_total\{origin="(\w+)",.*status="(\d)\d\d"\} (\S+)$'
    for origin, status, number in re.findall(pattern, metrics):
        counts[{"memory": "from memory", "app": "made anew"}[origin]] += int(float(number))
        counts["5xx"] += int(float(number)) * (status == "5")
    click.echo(f"Counted there: {', '.join(f'{n:,} {what}' for what, n in counts.items())}")
    return ["the server counted answers of 5xx"] * (counts["5xx"] > 0)


def _tell_times(name: str, seconds: list[float]) -> None:
    if len(seconds) < 2:
        return
    p50, p95, p99 = (statistics.quantiles(seconds, n=100)[at] * 1000 for at in (49, 94, 98))
    click.echo(
        f"  {name:<12}{len(seconds):>8,}  p50 {p50:>6.1f}  p95 {p95:>6.1f}  p99 {p99:>6.1f}"
        f"  longest {max(seconds) * 1000:>6.0f} ms"
    )


def tell_emails(folder: Path, soak: Soak) -> list[str]:
    """Whether every subscriber has one e-mail, by the server's record and by the database."""
    found = mail.result(folder, soak.emails, kills=0)
    told = f"{found.missed} missed, {found.doubled} doubled, {found.unsettled} unsettled"
    click.echo(f"E-mails: {found.emails:,}, {told}")
    return [] if found.good else [f"e-mails: {told}"]


def tell_saves(house: House, seen: desk.Minute, editor: Future[None]) -> list[str]:
    """Whether each confirmed save is in the history, and what else the editor met."""
    missing = desk.lost(house.config, seen)
    click.echo(f"Saves: {len(seen.saved)} confirmed, {len(missing)} lost")
    _tell_times("save", seen.took)
    others = [f"the editor got {status}" for status in seen.answers if status != 303]
    error = editor.exception()
    return missing + others + ([f"the editor: {error!r:.200}"] if error else [])


def logged(log: Path) -> list[str]:
    """What was logged as an error."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [f"logged: {line['message']}" for line in lines if line["level"] == "error"]


def run(folder: Path, soak: Soak) -> list[str]:
    """Run everything in `folder` and print the results; returns the failures as text."""
    house, seen, log = House(folder, soak), desk.Minute(), folder / "log"
    taken = folder / "taken"
    with ExitStack() as stack:
        port = stack.enter_context(mail.sink(taken))
        file = stack.enter_context(log.open("wb"))
        served = devis(house.config.database, file, **settings(port))
        address, process = stack.enter_context(served)
        apart = stack.enter_context(ProcessPoolExecutor(1, get_context("fork")))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        end = time.monotonic() + soak.seconds
        hearing = apart.submit(read, address, soak, house.today)
        editor = threads.submit(desk.edit, address, house.editor, 1, end, seen, BREATH)
        samples = watch(process.pid, soak, taken, seen)
        heard = hearing.result()
        settle(taken, soak)
        wrong = tell_load(heard, address)
    wrong += tell_machine(samples) + tell_emails(folder, soak)
    return wrong + tell_saves(house, seen, editor) + logged(log)


def read(address: str, soak: Soak, today: date) -> Heard:
    """The readers, in a process of their own."""
    return readers.run(address, asks(soak.size, today, soak.rare), soak.rate, soak.seconds)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Four seconds, with few readers of a small library.")
@click.option("--seconds", default=600, show_default=True)
@click.option("--rate", default=500, show_default=True, help="Requests a second.")
@click.option("--rare", default=2.0, show_default=True, help="Per cent of old pages and searches.")
def main(quick: bool, seconds: int, rate: int, rare: float) -> None:
    """Read, edit and send at once; exit code 1 if anything at all went wrong."""
    soak = Soak(seconds, rate, LETTERS * seconds, OLD, rare / 100)
    if quick:
        soak = Soak(4, 50, 100, desk.QUICK, 0.1)
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(Path(folder), soak)
    for line in wrong[:20]:
        click.echo(f"WRONG: {line}")
    click.echo(f"{len(wrong)} faults")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
