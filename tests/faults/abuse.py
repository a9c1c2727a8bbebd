"""Abuse of a running site without a proxy: `python -m tests.faults.abuse`.

Stalled sockets and floods, one after the other, beside ordinary readers who come on connections of
their own. For each: what the abusers were answered, the readers' times, and whether a sign-up and a
save from elsewhere succeed. Stalled sockets must be closed by the server within 30 s.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import click

from tests.conftest import ROOT
from tests.faults.flooders import FLOODS, WISHES, Browser
from tests.faults.installation import ServedInstallation

SOCKETS = 64
CLOSED_WITHIN = 30.0  # seconds
PAGES = ("/en/", "/sv/feed.rss", "/en/principles/")
EVERY = 0.02  # seconds between two pages of a reader
FORM = "application/x-www-form-urlencoded"
SLOW_BODY = (
    f"POST /en/subscribe/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    "Content-Length: 400000\r\n\r\nabc"
)
SLOW_READER = "GET /sv/feed.rss HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400


@dataclass
class Findings:
    """What one kind of abuse did; times in seconds."""

    answers: Counter[int] = field(default_factory=Counter)  # of the abusers, by status
    times: list[float] = field(default_factory=list)  # of the readers
    failures: list[str] = field(default_factory=list)
    closed_after: float | None = None

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.times, n=100)[98]

    def row(self, name: str) -> str:
        """A line of the table."""
        answers = ", ".join(f"{number} × {code}" for code, number in sorted(self.answers.items()))
        closed = "" if self.closed_after is None else f"{self.closed_after:.0f} s"
        middle, slow = statistics.median(self.times) * 1000, self.p99 * 1000
        return (
            f"| {name} | {answers} | {closed} | {len(self.times)} | {middle:.1f} ms | {slow:.1f} ms"
            f" | {os.getloadavg()[0]:.0f} | {'; '.join(sorted(set(self.failures))) or 'none'} |"
        )


STALLS = {"slow bodies": SLOW_BODY, "slow readers": SLOW_READER}
KINDS = ("nothing", *STALLS, *FLOODS)


@contextmanager
def flooding(site: str, kind: str, found: Findings) -> Iterator[None]:
    """A flood from a process of its own beside what is in the block."""
    command = [sys.executable, "-m", "tests.faults.flooders", site, kind]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()  # the first was answered
        try:
            yield
        finally:
            process.stdin.close()
            told = json.loads(process.stdout.read() or "{}")
            found.answers.update({int(status): number for status, number in told.items()})


@contextmanager
def stalling(port: int, request: str) -> Iterator[None]:
    """SOCKETS connections that stall; only the server closes them meanwhile."""
    with ExitStack() as stack:
        for _ in range(SOCKETS):
            line = stack.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.settimeout(10)
            line.connect(("127.0.0.1", port))
            line.setblocking(False)
            with suppress(BlockingIOError):
                line.send(request.encode())
        yield


def established(port: int) -> int:
    """The connections that the server has open on its port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] == "01" for line in lines)


def read(port: int, seconds: float, found: Findings) -> None:
    """Read pages, each on a new connection, and note how long each took."""
    end, number = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        began = time.monotonic()
        path, connection = PAGES[number % len(PAGES)], HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                found.failures.append(f"{path} is {answer.status}")
        except OSError as error:
            found.failures.append(f"{path}: {error}")
        finally:
            connection.close()
        found.times.append(time.monotonic() - began)
        number += 1
        time.sleep(EVERY)


def run(installation: ServedInstallation, kind: str, seconds: float, *, whole: bool) -> Findings:
    """One kind of abuse for some seconds; `whole` also saves, and waits for the stalled to end."""
    found, port = Findings(), installation.port
    for path in PAGES:
        Browser(installation.site).get(path)
    with ExitStack() as stack:
        if kind in FLOODS:
            stack.enter_context(flooding(installation.site, kind, found))
        elif kind in STALLS:
            stack.enter_context(stalling(port, STALLS[kind]))
        began = time.monotonic()
        read(port, seconds, found)
        if kind not in FLOODS:
            given = {**WISHES, "address": f"{kind.replace(' ', '')}@elsewhere.example"}
            status = Browser(installation.site).send("/en/subscribe/", "stamp", **given)
            found.failures += [] if status == 303 else [f"a sign-up is {status}"]
        if whole and not installation.save():
            found.failures.append("a save failed")
        if whole and kind in STALLS:
            while established(port) and time.monotonic() - began < CLOSED_WITHIN:
                time.sleep(0.2)
            found.closed_after = time.monotonic() - began
            if left := established(port):
                found.failures.append(f"{left} stalled connections are open")
    return found


@contextmanager
def served() -> Iterator[ServedInstallation]:
    """A site whose database is new, with an administrator."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "instance"
        folder.mkdir()
        installation = ServedInstallation(folder)
        installation.start(WEB_WORKERS="2")
        try:
            installation.devis("curator", "add", "anna@example.org")
            yield installation
        finally:
            installation.stop()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", default=10.0, show_default=True, help="Of each kind.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), default=KINDS)
def main(seconds: float, kinds: tuple[str, ...]) -> None:
    """Every kind of abuse in turn, beside one who reads."""
    failed = False
    click.echo("| abuse | answers | closed | pages | median | p99 | load | failures |")
    click.echo("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    with served() as installation:
        for kind in kinds:
            found = run(installation, kind, seconds, whole=True)
            click.echo(found.row(kind))
            failed = failed or bool(found.failures)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
