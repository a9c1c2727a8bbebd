"""What machines do to a running site: `python -m tests.faults.site [--rounds N]`.

Processes are killed at random moments, the database becomes read-only or is damaged under the site,
and the clock jumps. Afterwards each date has one edition, what was saved is there, and SQLite finds
no fault. A row of the table is a fault, how often it struck, and how often anything was lost.
"""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import click

from tests.conftest import ROOT, answers, fetch, free_port, wait_until
from tests.house import WISHES

# For root, too, a file without the right to write shall be read-only.
PLAIN = ("setpriv", "--bounding-set=-dac_override") if os.getuid() == 0 else ()
RUN = (*PLAIN, sys.executable, "-m", "feed")
READ = ("/sv/", "/en/feed.rss", "/api/v1/today")
EVE = datetime.fromisoformat("2026-11-22T23:59:50+01:00")
BACK_SECONDS = 40.0  # in which whatever was killed has to be back: the longest pause, and a start


@dataclass
class Row:
    """A fault, how often it struck, and what was lost of what was looked at afterwards."""

    fault: str
    rounds: int = 0
    lost: list[str] = field(default_factory=list)

    def expect(self, held: bool, what: str) -> None:
        if not held:
            self.lost.append(what)


Fault = Callable[[Path, int, random.Random], Row]


@dataclass
class Site:
    """A running `devis serve` in a folder of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def database(self) -> Path:
        return self.folder / "instance" / "devis.sqlite3"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def reads(self) -> bool:
        """Whether everything can be read."""
        with suppress(OSError):
            return all(fetch(self.url(path)).status == 200 for path in READ)
        return False

    def sign_up(self, address: str) -> int:
        """Send the form; the status that comes of it after redirects."""
        page = fetch(self.url("/sv/subscribe/")).body.decode()
        (stamp,) = re.findall(r'name="stamp" value="([^"]+)"', page)
        given = {**WISHES, "comment": "", "stamp": stamp, "address": address}
        request = urllib.request.Request(self.url("/sv/subscribe/"), urlencode(given).encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def processes(self, command: str) -> list[int]:
        """Those that run a command, or were forked from one that does."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                mine = (entry / "cwd").readlink() == self.folder
                if mine and command in (entry / "cmdline").read_bytes().decode().split("\0"):
                    found.append(int(entry.name))
        return sorted(found)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()


def environment(folder: Path, **values: str) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("DEVIS_")}
    given = {"DATABASE": str(folder / "instance" / "devis.sqlite3"), **values}
    settings = {f"DEVIS_{name}": text for name, text in given.items()}
    return {**plain, "PYTHONPATH": str(ROOT), **settings}


def devis(folder: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run a command beside the site."""
    return subprocess.run(
        [*RUN, *arguments],
        cwd=folder,
        env=environment(folder, **values),
        capture_output=True,
        text=True,
    )


@contextmanager
def serving(folder: Path, **values: str) -> Iterator[Site]:
    """A site that is up, and of which nothing is left at the end."""
    port = free_port()
    process = subprocess.Popen(
        [*RUN, "serve"],
        cwd=folder,
        env=environment(folder, PORT=str(port), **values),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    site = Site(folder, port, process)
    try:
        wait_until(lambda: answers(site.url("/healthz")), 40)
        yield site
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        for command in ("serve", "web", "worker"):
            for left in site.processes(command):
                with suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)


def back(ready: Callable[[], bool]) -> bool:
    with suppress(AssertionError):
        wait_until(ready, BACK_SECONDS)
        return True
    return False


def has_one(site: Site, day: str) -> bool:
    """Whether a date has just one edition."""
    return site.rows(f"SELECT count(*) FROM editions WHERE date = '{day}'") == [(1,)]


def takes(site: Site, address: str) -> bool:
    """Whether somebody can sign up."""
    return site.sign_up(address) == 200


def sound(row: Row, site: Site) -> None:
    """What has to hold after everything: SQLite finds no fault, and no date has two editions."""
    row.expect(site.rows("PRAGMA integrity_check") == [("ok",)], "the database is damaged")
    standing = "SELECT date FROM editions WHERE withdrawn IS NULL"
    row.expect(
        not site.rows(f"{standing} GROUP BY date HAVING count(*) > 1"), "a date has two editions"
    )
    holes = site.rows(
        f"SELECT julianday(max(date)) - julianday(min(date)) + 1 - count(*) FROM ({standing})"
    )
    row.expect(holes == [(0.0,)], "a date has no edition")


def killed_web(folder: Path, rounds: int, chance: random.Random) -> Row:
    """kill -9 of a web process while people sign up: who was told that it worked is there."""
    row, told = Row("kill -9 of a web process, people signing up"), []
    with serving(folder, SIGNUP_RATE="100000") as site:
        for number in range(rounds):
            time.sleep(chance.uniform(0, 4))
            wait_until(lambda: len(site.processes("web")) > 1, BACK_SECONDS)
            first, *others = site.processes("web")
            # The one in front seldom: who dies again and again is started ever later.
            os.kill(first if number % 5 == 4 else chance.choice(others), signal.SIGKILL)
            with suppress(OSError, ValueError):
                if site.sign_up(f"anna{number}@example.org") == 200:
                    told.append(f"anna{number}@example.org")
            row.rounds += 1
            row.expect(back(site.reads), "the site did not come back")
        there = {address for (address,) in site.rows("SELECT address FROM subscribers")}
        row.expect(set(told) <= there, "a sign-up is gone")
        sound(row, site)
    return row


def killed_worker(folder: Path, rounds: int, chance: random.Random) -> Row:
    """kill -9 of the worker around midnight: the new day’s edition is made, once."""
    row = Row("kill -9 of the worker, around midnight")
    for number in range(rounds):
        now = EVE + timedelta(days=number)
        with serving(folder, NOW=now.isoformat()) as site:
            wait_until(lambda: bool(site.processes("worker")), 20)
            time.sleep(chance.uniform(0, 12))
            for worker in site.processes("worker"):
                os.kill(worker, signal.SIGKILL)
            row.rounds += 1
            day = (now + timedelta(days=1)).date().isoformat()
            row.expect(back(partial(has_one, site, day)), f"no edition for {day}")
            sound(row, site)
    return row


def read_only(folder: Path, rounds: int, chance: random.Random) -> Row:
    """The database and its folder may not be written: pages go on, forms fail with a clean 503."""
    row = Row("read-only database")
    with serving(folder, SIGNUP_RATE="100000") as site:
        row.expect(site.reads(), "not read before")
        instance = site.database.parent
        for number in range(rounds):
            modes = {path: path.stat().st_mode for path in (instance, *instance.iterdir())}
            for path in modes:
                path.chmod(0o555 if path.is_dir() else 0o444)
            row.rounds += 1
            for pid in site.processes("worker"):  # none that has it open already
                os.kill(pid, signal.SIGKILL)
            row.expect(site.reads(), "pages could not be read")
            status = site.sign_up(f"bo{number}@example.org")
            row.expect(status == 503, f"signing up gave {status}")
            for path, mode in modes.items():
                path.chmod(mode)
            row.expect(back(partial(takes, site, f"ci{number}@example.org")), "no way back")
        sound(row, site)
    return row


def damaged(folder: Path, rounds: int, chance: random.Random) -> Row:
    """The database is overwritten under the site: what was read goes on; the next start says so."""
    row = Row("database overwritten while running")
    with serving(folder) as site:
        for _ in range(40):  # so that each process has it in memory
            row.expect(site.reads(), "not read before")
        with closing(sqlite3.connect(site.database)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it is in the file
        with site.database.open("r+b") as file:
            file.write(chance.randbytes(64 * 1024))
        row.rounds += 1
        for _ in range(20):
            row.expect(site.reads(), "what was in memory is not given")
            time.sleep(0.1)
        row.expect(fetch(site.url("/healthz?full")).status == 503, "no alarm")
    said = devis(folder, "serve", PORT=str(free_port()))
    row.expect(
        said.returncode == 1 and "devis restore" in said.stderr, "it started, or said nothing"
    )
    return row


def jumping_clock(folder: Path, rounds: int, chance: random.Random) -> Row:
    """The clock goes forward and back over midnight and over both changes of the hour."""
    row = Row("clock forward and back, midnight and clock changes")
    around = [
        datetime.fromisoformat(text)
        for text in ("2026-10-25T02:30+02:00", "2027-03-28T01:59+01:00", "2027-01-01T00:00+01:00")
    ]
    for number in range(rounds):
        now = around[number % 3] + timedelta(
            minutes=chance.choice([-1500, -61, -1, 0, 1, 61, 1500])
        )
        row.rounds += 1
        done = devis(folder, "publish", NOW=now.isoformat())
        row.expect(done.returncode == 0, f"publishing failed: {done.stderr.strip()[-200:]}")
    site = Site(folder, 0, subprocess.Popen(["true"], text=True))
    site.process.wait()
    sound(row, site)
    return row


FAULTS = (killed_web, killed_worker, read_only, damaged, jumping_clock)


def run(rounds: int, seed: int) -> Iterator[Row]:
    """Every fault, each on a site of its own; fewer rounds of what takes longer."""
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first = EVE - timedelta(days=40)
            now = {"NOW": first.isoformat()} if fault in (killed_worker, jumping_clock) else {}
            assert devis(folder, "init", **now).returncode == 0
            share = {killed_web: 3, killed_worker: 7}  # these take longer
            few = 1 if fault is damaged else max(1, rounds // share.get(fault, 1))
            yield fault(folder, few, random.Random(seed))


@click.command()
@click.option("--rounds", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(rounds: int, seed: int) -> None:
    """Let everything happen, and print what was lost."""
    lost = 0
    for row in run(rounds, seed):
        lost += len(row.lost)
        click.echo(f"{row.fault:<52} {row.rounds:>4} rounds  {len(row.lost):>3} lost")
        for what in sorted(set(row.lost)):
            click.echo(f"    {what}: {row.lost.count(what)}")
    raise SystemExit(bool(lost))


if __name__ == "__main__":
    main()
