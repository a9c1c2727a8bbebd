"""`devis serve`, `web` and `worker` as real processes: they start, survive, take over and stop."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import NOON, Answer, Command, answers, fetch, free_port, wait_until

EVE = datetime.fromisoformat("2026-11-22T23:59:53+01:00")  # seconds before midnight in Stockholm
MIDNIGHT = datetime.fromisoformat("2026-11-23T00:00:00+01:00")
TICK = 5.0  # the longest time between a date's beginning and its edition


def family(folder: Path) -> set[int]:
    """Every process that runs in `folder`, orphans included."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if (entry / "cwd").readlink() == folder:
                found.add(int(entry.name))
    return found


def children(parent: int, command: str = "") -> list[int]:
    """The processes that `parent` started, with `command` among their arguments."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (entry / "stat").read_text().rpartition(")")[2].split()
            arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            if int(status[1]) == parent and (not command or command in arguments):
                found.append(int(entry.name))
    return sorted(found)


def opened(pid: int) -> set[Path]:
    """The files that a process has open."""
    return {link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()}


def listening(port: int) -> bool:
    """Whether a server accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Running:
    """A running `devis …`, its folder and its address."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str, **headers: str) -> Answer:
        return fetch(self.url(path), **headers)

    @property
    def database(self) -> Path:
        return self.folder / "instance" / "devis.sqlite3"

    @property
    def web(self) -> int:
        """The process in front of the web workers."""
        return children(self.process.pid, "web")[0]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Stop it, and return what it and its children said."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[0]

    def gone(self) -> bool:
        """Whether nothing is left of it, neither a process nor a listener."""
        return not family(self.folder) and not listening(self.port)


@pytest.fixture
def start(command: Command, processes: None) -> Iterator[Callable[..., Running]]:
    """Starts `devis …` on a free port, waits until it answers, and leaves nothing behind."""
    made: list[subprocess.Popen[str]] = []

    def run(name: str = "serve", *, ready: bool = True, **values: str) -> Running:
        values = {"PORT": str(free_port()), "WEB_WORKERS": "1", "NOW": NOON.isoformat(), **values}
        process = command.start(name, **values)
        made.append(process)
        running = Running(process, command.folder, int(values["PORT"]))
        if ready:
            wait_until(lambda: answers(running.url("/healthz")), 20)
        return running

    yield run
    for left in family(command.folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)
    for process in made:
        process.communicate(timeout=60)


def on_the_eve(seconds: float = 0) -> str:
    """DEVIS_NOW for a process that starts `seconds` after the rehearsal began."""
    return (EVE + timedelta(seconds=seconds)).isoformat()


def shows(answer: Answer, day: str) -> bool:
    """Whether the response shows the edition of that day."""
    return answer.status == 200 and f"/{day}/" in answer.body.decode()


def test_serves_from_an_empty_folder_and_prints_where(start: Callable[..., Running]) -> None:
    running = start()
    assert running.process.stdout is not None
    said = "".join(iter(running.process.stdout.readline, "Stop with Ctrl-C.\n"))
    site = running.url("").replace("127.0.0.1", "localhost")
    assert f"This is a trial, at {site}: " in said
    printed = [word for word in said.split() if word.startswith(f"{site}/")]
    expected = {
        "/",
        *(f"/{code}/" for code in ("en", "sv")),
        *(f"/{code}/feeds/" for code in ("en", "sv")),
        *(f"/{code}/feed.{form}" for code in ("en", "sv") for form in ("rss", "atom", "json")),
        "/desk/",
    }
    assert set(printed) == {site + path for path in expected}
    assert "devis curator add ADDRESS" in said
    status = {f"{site}/": 302, f"{site}/desk/": 303}
    for address in printed:
        assert fetch(address).status == status.get(address, 200)


def test_the_process_in_front_of_the_web_workers_holds_no_database(
    start: Callable[..., Running],
) -> None:
    running = start()
    assert running.get("/en/").status == 200
    assert running.database in opened(children(running.web)[0])
    assert not {path for path in opened(running.web) if path.name.startswith("devis.sqlite3")}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything(start: Callable[..., Running], number: signal.Signals) -> None:
    running = start(WEB_WORKERS="2")
    assert running.get("/en/").status == 200
    # The supervisor, the web with two workers, and the worker, which starts last.
    wait_until(lambda: len(family(running.folder)) >= 5)
    said = running.stop(number)
    assert running.process.returncode == 0
    assert running.gone()
    assert "Traceback" not in said


def test_a_signal_right_after_the_first_answer_stops_it_too(
    start: Callable[..., Running],
) -> None:
    for _ in range(3):
        running = start()
        running.stop()
        assert running.process.returncode == 0
        assert running.gone()


def test_a_second_start_imports_and_publishes_nothing_anew(start: Callable[..., Running]) -> None:
    port = str(free_port())
    first = start(PORT=port)
    address = f"http://127.0.0.1:{port}"
    before = [fetch(f"{address}/en/{page}").body for page in ("feed.rss", "archive/", "")]
    assert "principles: " in first.stop()

    second = start(PORT=port)
    after = [fetch(f"{address}/en/{page}").body for page in ("feed.rss", "archive/", "")]
    said = second.stop()
    assert after == before
    assert "principles: " not in said
    assert "published" not in said


def test_killing_the_supervisor_leaves_nothing_behind(start: Callable[..., Running]) -> None:
    running = start(WEB_WORKERS="2")
    assert running.get("/en/").status == 200
    running.process.kill()
    wait_until(running.gone, 5)
    with contextlib.closing(sqlite3.connect(running.database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_killed_web_process_ends_with_its_workers_and_is_restarted(
    start: Callable[..., Running],
) -> None:
    running = start(WEB_WORKERS="2")
    before = running.web
    group = {before, *children(before)}
    assert len(group) == 3
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: not group & family(running.folder), 5)
    wait_until(lambda: answers(running.url("/en/")), 10)
    assert running.get("/en/").status == 200
    assert running.web != before


def test_a_killed_web_worker_is_started_again(start: Callable[..., Running]) -> None:
    running = start()
    before, master = children(running.web), running.web
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: bool(set(children(master)) - set(before)), 10)
    wait_until(lambda: answers(running.url("/en/")), 10)
    assert running.get("/en/").status == 200
    assert running.web == master


def test_a_killed_worker_is_started_again_and_publishes_the_next_day(
    start: Callable[..., Running],
) -> None:
    running = start(NOW=on_the_eve())
    wait_until(lambda: bool(children(running.process.pid, "worker")))
    (before,) = children(running.process.pid, "worker")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: bool(set(children(running.process.pid, "worker")) - {before}), 10)
    assert not shows(running.get("/en/"), "2026-11-23")
    wait_until(lambda: shows(running.get("/en/"), "2026-11-23"), 15)
    assert [running.get(f"/{code}/2026-11-23/").status for code in ("en", "sv")] == [200, 200]


PAGES = ("/sv/", "/en/", "/sv/feed.rss", "/en/feed.atom", "/sv/feed.json", "/sv/archive/2026/11/")


def test_the_new_day_shows_everywhere_within_five_seconds_of_midnight(
    start: Callable[..., Running],
) -> None:
    began = time.monotonic()
    running = start(NOW=on_the_eve())

    def since_midnight() -> float:
        """At most: the process's own clock began a little later than this test."""
        return time.monotonic() - began - (MIDNIGHT - EVE).total_seconds()

    for page in PAGES:
        answer = running.get(page)
        assert shows(answer, "2026-11-22")
        assert not shows(answer, "2026-11-23")
    age = running.get("/sv/").headers["cache-control"]
    assert int(age.removeprefix("max-age=").split(",")[0]) <= -since_midnight() + 2
    assert running.get("/sv/2026-11-23/").status == 404

    wait_until(lambda: all(shows(running.get(page), "2026-11-23") for page in PAGES), 20)
    assert since_midnight() < TICK + 2
    assert running.get("/sv/2026-11-23/").status == 200


def test_a_second_worker_stands_by_and_takes_over(
    start: Callable[..., Running], command: Command
) -> None:
    command("init", NOW=on_the_eve())
    began = time.monotonic()
    web = start("web", NOW=on_the_eve())
    assert not shows(web.get("/en/"), "2026-11-22")  # nobody has published yet
    first = start("worker", ready=False, NOW=on_the_eve(time.monotonic() - began))
    wait_until(lambda: shows(web.get("/en/"), "2026-11-22"), 10)

    second = start("worker", ready=False, NOW=on_the_eve(time.monotonic() - began))
    threads = Path("/proc", str(second.process.pid), "task")
    wait_until(lambda: len([*threads.iterdir()]) > 1)  # its scheduler starts after the first try
    first.process.kill()
    assert "published 2026-11-22" in first.process.communicate()[0]
    wait_until(lambda: shows(web.get("/en/"), "2026-11-23"), 20)
    said = second.stop()
    assert "published 2026-11-23" in said
    assert "published 2026-11-22" not in said
    assert second.process.returncode == 0


@pytest.mark.parametrize("name", ["serve", "web"])
def test_a_port_in_use_is_a_one_line_error(command: Command, name: str) -> None:
    if name == "web":
        command("init")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = command(name, code=1, PORT=str(port))
    (line,) = done.stderr.splitlines()
    assert f"Port {port} on 127.0.0.1 is taken" in line
    assert "DEVIS_PORT" in line
    assert done.stdout == ""
    assert (command.folder / "instance").exists() == (name == "web")


@pytest.mark.served
def test_what_cannot_be_prepared_is_one_clear_line_and_leaves_nothing(command: Command) -> None:
    instance = command.folder / "instance"
    instance.mkdir()
    (instance / "devis.sqlite3").write_text("This is a letter to somebody, and no database. " * 99)
    done = command.run("serve", code=1)
    assert done.stderr == (
        "Error: The file is not a database of Devis, or is damaged: move it away, and run"
        " “devis restore” if there is a backup.\n"
    )
    assert done.stdout == ""
    assert not family(command.folder)


def test_pages_are_served_while_another_program_locks_the_database(
    start: Callable[..., Running],
) -> None:
    running = start()
    known = running.get("/sv/")
    with contextlib.closing(sqlite3.connect(running.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM editions")
        began = time.monotonic()
        for path in ("/sv/", "/sv/about/", "/sv/feed.rss", "/en/principles/?q=trust"):
            assert running.get(path).status == 200
        assert running.get("/sv/").body == known.body
        assert time.monotonic() - began < 2
        other.execute("ROLLBACK")
    assert running.get("/sv/").body == known.body


@contextmanager
def missing(database: Path) -> Iterator[None]:
    """Gone, as when its disk is."""
    aside = database.with_name("aside")
    shutil.move(database, aside)
    yield
    shutil.move(aside, database)


@contextmanager
def damaged(database: Path) -> Iterator[None]:
    """No database at all, nor what SQLite keeps beside it."""
    files = [database, database.with_name(f"{database.name}-shm")]
    good = [path.read_bytes() for path in files]
    for path, content in zip(files, good, strict=True):
        overwrite(path, b"?" * len(content))
    yield
    for path, content in zip(files, good, strict=True):
        overwrite(path, content)


def overwrite(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)


@pytest.mark.parametrize("trouble", [missing, damaged])
def test_known_pages_are_served_while_the_database_fails(
    start: Callable[..., Running], trouble: Callable[[Path], AbstractContextManager[None]]
) -> None:
    running = start()
    with contextlib.closing(sqlite3.connect(running.database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    known = running.get("/sv/")
    with trouble(running.database):
        for _ in range(3):
            began = time.monotonic()
            again = running.get("/sv/")
            assert (again.status, again.body) == (200, known.body)
            assert running.get("/sv/", If_None_Match=known.headers["etag"]).status == 304
            assert time.monotonic() - began < 2
        new = running.get("/sv/about/")
        assert new.status == 503
        assert int(new.headers["retry-after"]) > 0
        assert 'lang="sv"' in new.body.decode()
        assert "Traceback" not in new.body.decode()
        assert running.get("/sv/").status == 200
    wait_until(lambda: running.get("/sv/about/").status == 200, 5)
    assert running.get("/sv/").status == 200
    said = running.stop()
    assert "Traceback" not in said


@pytest.mark.served
def test_a_worker_stops_although_another_thread_got_the_signal(command: Command) -> None:
    """The kernel may give a signal for the process to any of its threads."""
    command("init")
    process = command.start("worker")
    threads = Path(f"/proc/{process.pid}/task")
    try:
        wait_until(lambda: len([*threads.iterdir()]) > 1)
        other = max(int(thread.name) for thread in threads.iterdir())
        assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGTERM) == 0
        process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0


@pytest.mark.served
def test_a_worker_stops_however_often_it_is_asked_to(command: Command) -> None:
    """Ctrl-C and a service manager may send several signals at once."""
    command("init")
    process = command.start("worker")
    try:
        wait_until(lambda: len([*Path(f"/proc/{process.pid}/task").iterdir()]) > 1)
        for _ in range(500):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    # What comes while Python itself ends kills it, which is an end, too.
    assert process.returncode in (0, -signal.SIGINT, -signal.SIGTERM)
