"""Measure what is served against a file server: `python -m tests.bench.serving [--quick]`.

`devis serve` and nginx have two workers each and give the same bytes in turn, round by round; the
ratio is the median of the rounds, so that what else the machine does counts for both.
"""

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import click

from feed import clock, config
from feed.app import create_app
from tests.bench.processes import family
from tests.conftest import ROOT, answers, fetch, free_port, wait_until

CONNECTIONS = 32
NEEDED = {"wrk": "apt install wrk", "nginx": "apt install nginx-light"}
FORMATS = ("", "feed.rss", "feed.atom", "feed.json", "calendar.ics", "today.txt", "card/{day}.png")
NGINX = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000000;
  open_file_cache max=100;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} reuseport;
    root {folder}/files;
    add_header Content-Encoding gzip;
    add_header Vary Accept-Encoding;
    add_header Cache-Control max-age=300;
    add_header X-Content-Type-Options nosniff;
  }}
}}
"""
UNCACHED = """
counter = 0
request = function()
  counter = counter + 1
  return wrk.format("GET", "/en/principles/?q=trust+" .. counter)
end
"""


@dataclass(frozen=True)
class Rate:
    """The result of wrk: requests a second, and p50 and p99 in milliseconds."""

    each_second: float
    p50: float
    p99: float


@dataclass
class Case:
    """An address to ask for, and what was measured, round by round: of Devis, and of the other."""

    name: str
    path: str
    conditional: bool = False
    ours: list[Rate] = field(default_factory=list)
    theirs: list[Rate] = field(default_factory=list)

    def tell(self, other: str) -> None:
        """One line: medians, and the median of the rounds' ratios."""
        pairs = zip(self.ours, self.theirs, strict=True)
        ratios = [mine.each_second / theirs.each_second for mine, theirs in pairs]
        rate, p50, p99 = (
            statistics.median(getattr(one, name) for one in self.ours)
            for name in ("each_second", "p50", "p99")
        )
        rival = statistics.median(one.each_second for one in self.theirs)
        click.echo(
            f"{self.name:<16}{rate:>9,.0f}/s  p50 {p50:>5.2f} ms  p99 {p99:>6.2f} ms"
            f"  {other} {rival:>8,.0f}/s  ratio {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f}–{max(ratios):.2f})"
        )


@contextmanager
def running(
    *command: str, ready: str, environ: Mapping[str, str], log: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, from its first answer at `ready` on; what it logs goes to `log`."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environ, "PYTHONDONTWRITEBYTECODE": ""},  # compiled, as installed
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )
    try:
        wait_until(lambda: answers(ready), 60, step=0.005)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def devis(
    database: Path, log: IO[bytes] | None = None, **more: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a real `devis serve`, from its first feed on, and its process.

    `more` are settings, without their prefix; it logs to `log`, if there is one.
    """
    port = str(free_port())
    command = (sys.executable, "-m", "feed", "serve")
    values = {"DEVIS_DATABASE": str(database), "DEVIS_PORT": port, "DEVIS_WEB_WORKERS": "2"}
    values |= {f"DEVIS_{name}": text for name, text in more.items()}
    address = f"http://127.0.0.1:{port}"
    with running(*command, ready=f"{address}/en/feed.rss", environ=values, log=log) as process:
        yield address, process


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """The address of an nginx that serves what is in `folder`/files."""
    port = free_port()
    (folder / "files").mkdir()
    (folder / "files" / "up").touch()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    folder.chmod(0o755)
    address = f"http://127.0.0.1:{port}"
    command = ("nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder))
    with running(*command, ready=f"{address}/up", environ={}):
        yield address


@contextmanager
def nothing(database: Path, *copied: str) -> Iterator[str]:
    """The address of the application that does nothing, or gives the answer of another address."""
    port = str(free_port())
    command = (sys.executable, "-m", "tests.bench.nothing", *copied)
    address = f"http://127.0.0.1:{port}"
    values = {"DEVIS_DATABASE": str(database), "DEVIS_PORT": port}
    with running(*command, ready=address, environ=values):
        yield address


def wrk(address: str, seconds: int, *options: str) -> Rate:
    """Ask as fast as answers come."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *options, address]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told, told
    rate = re.search(r"Requests/sec:\s*([0-9.]+)", told)
    assert rate, told
    return Rate(float(rate[1]), _milliseconds(told, 50), _milliseconds(told, 99))


def _milliseconds(told: str, percent: int) -> float:
    found = re.search(rf"{percent}%\s+([0-9.]+)(us|ms|s)", told)
    assert found, told
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


def measure(case: Case, ours: str, theirs: str, seconds: int, files: Path) -> None:
    """One round: Devis, then nginx with the very bytes that Devis gave."""
    name = re.sub(r"\W", "", case.path)
    (files / name).write_bytes(fetch(ours + case.path, Accept_Encoding="gzip").body)
    for address, rates in ((ours + case.path, case.ours), (f"{theirs}/{name}", case.theirs)):
        etag = fetch(address, Accept_Encoding="gzip").headers["etag"]
        condition = ("-H", f"If-None-Match: {etag}") if case.conditional else ()
        rates.append(wrk(address, seconds, "-H", "Accept-Encoding: gzip", *condition))


def tell_start(database: Path) -> None:
    """How long `devis serve` takes to its first 200, the database being there."""
    taken = []
    for _ in range(4):
        began = time.monotonic()
        with devis(database):
            taken.append(time.monotonic() - began)
    click.echo(f"First 200 after devis serve: {statistics.median(taken[1:]):.2f} s")


def tell_renders(database: Path, times: int) -> None:
    """What each format takes, uncached."""
    client = create_app(config.load({"DEVIS_DATABASE": str(database)}), clock.Clock()).test_client()
    newest = client.get("/en/feed.json").get_json()["items"][0]["url"]
    for form in FORMATS:
        path = "/en/" + form.format(day=newest.rstrip("/").rpartition("/")[2])
        taken = []
        for _ in range(times):
            began = time.thread_time()
            assert client.get(path).status_code == 200
            taken.append((time.thread_time() - began) * 1000)
        told = f"first {taken[0]:>7.1f} ms, then {statistics.median(taken[1:]):>6.1f} ms"
        click.echo(f"Rendered uncached: {path:<26}{told} of processor time")


def tell_memory(process: subprocess.Popen[bytes]) -> None:
    """The resident memory of `devis serve` and of everything it started."""
    for each in family(process.pid):
        click.echo(f"Resident memory: {each.megabytes:>4.0f} MB  devis {each.command}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Rounds of one second.")
@click.option("--rounds", default=5, show_default=True)
def main(quick: bool, rounds: int) -> None:
    """Compare what Devis serves with a file server, and with a server that does nothing."""
    missing = [f"{name} ({how})" for name, how in NEEDED.items() if shutil.which(name) is None]
    if missing:
        raise click.ClickException(f"Not installed: {', '.join(missing)}")
    cases = [
        Case("feed 200, gzip", "/en/feed.rss"),
        Case("feed 304", "/en/feed.rss", conditional=True),
        Case("widget", "/en/widget/"),
        Case("API today", "/api/v1/today"),
    ]
    idle, same = (Case(cases[0].name, cases[0].path) for _ in range(2))
    seconds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, database = Path(name), Path(name, "devis.sqlite3")
        tell_start(database)
        tell_renders(database, 4 if quick else 21)
        ours, process = stack.enter_context(devis(database))
        theirs = stack.enter_context(nginx(folder))
        empty = stack.enter_context(nothing(database))
        copy = stack.enter_context(nothing(database, ours + same.path))
        for _ in range(rounds):
            for case in cases:
                measure(case, ours, theirs, seconds, folder / "files")
            for case, rival in ((idle, empty), (same, copy)):
                for address, rates in ((ours, case.ours), (rival, case.theirs)):
                    rates.append(wrk(address + case.path, seconds, "-H", "Accept-Encoding: gzip"))
        for case in cases:
            case.tell("nginx")
        idle.tell("doing nothing")
        same.tell("its bytes")
        script = folder / "uncached.lua"
        script.write_text(UNCACHED)
        rate = wrk(ours, seconds, "-s", str(script))
        told = f"{rate.each_second:>9,.0f}/s  p50 {rate.p50:>5.2f} ms  p99 {rate.p99:>6.2f} ms"
        click.echo(f"{'uncached page':<16}{told}")
        tell_memory(process)


if __name__ == "__main__":
    main()
