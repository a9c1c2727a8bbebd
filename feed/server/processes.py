"""Processes: the web server, and the supervisor that runs it beside the worker.

The supervisor keeps one end of a pipe that is each child's standard input. A byte on it tells the
child to begin. When the supervisor ends, however it ends, the pipe closes and the children stop:
nothing is left on the port.
"""

import contextlib
import errno
import gc
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from feed import config as settings
from feed.clock import Clock
from feed.config import Config
from feed.errors import InstanceError

if TYPE_CHECKING:
    from sqlite_utils import Database

    from feed.library.exchange import ImportReport
    from feed.store import backups

log = logging.getLogger(__name__)

App = Callable[..., Any]
Factory = Callable[[Config, Clock], App]  # what it makes has no connection open: it may be forked

STOP_SECONDS = 8.0  # then a child that has not stopped is killed
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # before a child that ended is started again
STEADY_SECONDS = 30.0  # a child that ran so long starts again after the first pause
WORKER_SECONDS = 1.0  # by which the worker starts later: what is due is done, and web is awaited
HEADER_SECONDS = 20  # for the headers of a request, and for the next request on a connection


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """What is loaded meanwhile stays for good: no time is spent to look for garbage in it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def prepare(config: Config, clock: Clock) -> dict[str, "ImportReport"]:
    """Create or migrate the database, and load the shipped library into one without principles.

    Returns the reports of that import, empty if there was none. Raises as `create`.
    """
    from feed.library import (
        exchange,  # slow to load, as what `create` needs, and not for every process
    )
    from feed.store import library
    from feed.store.connection import opened

    create(config, clock)
    with opened(config.database) as db:
        if library.is_empty(db):
            return exchange.import_files(db, exchange.shipped_files(), clock())
    return {}


def create(config: Config, clock: Clock) -> None:
    """Create or migrate the database. Raises InstanceError where its folder cannot be used."""
    from feed import editions
    from feed.store.connection import opened

    try:
        config.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(config, error) from error
    if not os.access(config.instance, os.W_OK):
        raise _unusable(config, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    with opened(config.database, create=True) as db:
        _, backup = migrate(db, config, clock())
        if backup is not None:
            log.info("before the upgrade, the database was backed up: %s", backup.path)
        editions.settle(db, config, clock())


def migrate(
    db: "Database", config: Config, now: datetime, *, backup: bool = True
) -> "tuple[list[str], backups.Made | None]":
    """Bring a database up to this program's schema; what was applied, and the backup before that.

    There is one where an existing database changes. Raises SchemaError as `schema.migrate`, and
    whatever a backup raises: then nothing has changed.
    """
    from feed.store import backups, migrations

    made = None
    if backup and migrations.pending(db) and migrations.applied(db):
        made = backups.make(config, now, kind=backups.UPGRADE)
    return migrations.migrate(db), made


def web(config: Config, clock: Clock, rsgi: Factory) -> None:
    """Serve what `rsgi` makes in `config.web_workers` processes until SIGTERM or SIGINT."""
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    app = rsgi(config, clock)  # what is wrong shows here, in one process and with a clear message
    check_port(config)
    server = Server(
        "devis",
        address=config.host,
        port=config.port,
        interface=Interfaces.RSGI,
        loop=Loops.asyncio,
        workers=config.web_workers,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_level=LogLevels.warning,
        # Granian's own words go where all others go, in their form.
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {}},
        respawn_failed_workers=True,
        workers_kill_timeout=int(STOP_SECONDS) - 3,
    )
    # A process that is forked has the application already; one that is spawned makes its own.
    made = app if multiprocessing.get_start_method() == "fork" else None
    load = partial(_worker_app, config, clock, rsgi, made)
    server.serve(target_loader=load, wrap_loader=False)


def _worker_app(config: Config, clock: Clock, rsgi: Factory, made: App | None) -> App:
    """What each web process runs; it ends with the process that started it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return made or rsgi(config, clock)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def follow_supervisor() -> None:
    """Wait until the supervisor says to begin; from then on, stop this process when it ends.

    Hard, if the process does not listen.
    """
    if not os.read(0, 1):  # it has ended already
        raise SystemExit

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor", daemon=True).start()


def check_port(config: Config) -> None:
    """Raise InstanceError unless the address is free to listen on."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        place = {"host": config.host, "port": config.port}
        if error.errno == errno.EADDRINUSE:
            raise InstanceError(
                (
                    "Port %(port)s on %(host)s is taken: stop what uses it, or set DEVIS_PORT to"
                    " another number."
                ),
                **place,
            ) from error
        raise InstanceError(
            "Devis cannot listen on %(host)s, port %(port)s: %(detail)s.",
            detail=error.strerror,
            **place,
        ) from error


@dataclass
class _Child:
    """One supervised process: a devis command, started again when it ends."""

    command: str
    clock: Clock
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "feed", self.command, "--supervised"],
            stdin=subprocess.PIPE,
            env=settings.environment(self.clock()),
            start_new_session=True,
            bufsize=0,
        )

    def begin(self) -> None:
        """Let the started process do its work."""
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended, as `watch` will see
                self.process.stdin.write(b"\n")

    def watch(self) -> None:
        """Start the process if it is not running and its pause is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.pause = FIRST_PAUSE if now - self.started > STEADY_SECONDS else self.pause * 2
            self.due = now + min(self.pause, LONGEST_PAUSE)
            log.error("%s ended with %s, starting again", self.command, self.process.returncode)
            self.process = None
        if self.process is None and now >= self.due:
            self.start()
            self.begin()

    def terminate(self) -> None:
        if self.process is not None and self.running:
            self.process.terminate()

    def kill(self) -> None:
        """Kill the process with everything it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def supervise(
    config: Config, clock: Clock, stop: threading.Event, prepare: Callable[[], None]
) -> None:
    """Run web and worker as separate processes, and start one that dies again, until `stop`.

    They begin when `prepare` is done; web, which takes the longest to load, loads meanwhile, and
    the worker starts a little later.
    """
    check_port(config)
    web, worker = _Child("web", clock), _Child("worker", clock)
    children = [web, worker]
    try:
        web.start()
        prepare()
        web.begin()
        worker.due = time.monotonic() + WORKER_SECONDS
        while not stop.is_set():
            for child in children:
                child.watch()
            stop.wait(0.1)
    finally:
        _end(children)


def _end(children: list[_Child]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while any(child.running for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in children:
        child.kill()


def _unusable(config: Config, error: OSError) -> InstanceError:
    return InstanceError(
        (
            "The folder %(folder)s cannot be written (%(detail)s): set DEVIS_DATABASE to a file"
            " elsewhere."
        ),
        folder=config.instance,
        detail=error.strerror,
    )
