"""Processes: the web server, and the supervisor that runs it together with the worker.

The supervisor holds one end of a pipe that is each child's standard input. A byte on it is the
signal to start work. When the supervisor ends for any reason, the pipe closes and the children
stop: no orphan keeps the port.
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
from functools import partial
from typing import Any

from feed import config as settings
from feed.clock import Clock
from feed.config import Config
from feed.errors import InstanceError
from feed.server.stalled_readers import close_stalled_readers

log = logging.getLogger(__name__)

App = Callable[..., Any]
AppFactory = Callable[[Config, Clock], App]  # the app has no connection open: it may be forked

STOP_SECONDS = 8.0  # a child that has not stopped by then is killed
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # back-off before a child that ended is restarted
STEADY_SECONDS = 30.0  # a child that ran this long is restarted after the first pause again
WORKER_DELAY_SECONDS = 1.0  # the worker starts this much later, so that web is up first
MAX_BUFFER_BYTES = 64 * 1024  # of a connection: request line and headers must fit, else 431
HEADER_SECONDS = 20  # timeout for the headers of a request, and for an idle connection


@contextlib.contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Import without garbage collection, and exempt what was loaded from later collections."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def serve_web(config: Config, clock: Clock, app_factory: AppFactory) -> None:
    """Serve an RSGI application in `config.web_workers` processes until SIGTERM or SIGINT.

    Raises InstanceError where the port is taken.
    """
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    app = app_factory(config, clock)  # errors show here, in one process, with a clear message
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
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=MAX_BUFFER_BYTES
        ),
        log_level=LogLevels.warning,
        # Granian's log goes through our handlers and formatters.
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {}},
        respawn_failed_workers=True,
        workers_kill_timeout=int(STOP_SECONDS) - 3,
    )
    # A forked process inherits the application; a spawned one creates its own.
    inherited = app if multiprocessing.get_start_method() == "fork" else None
    load = partial(_worker_app, config, clock, app_factory, inherited)
    server.serve(target_loader=load, wrap_loader=False)


def _worker_app(
    config: Config, clock: Clock, app_factory: AppFactory, inherited: App | None
) -> App:
    """The application of a web process, which exits together with its parent process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    close_stalled_readers()
    return inherited or app_factory(config, clock)


def _exit_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def follow_supervisor() -> None:
    """Wait for the supervisor's start signal; from then on, stop this process when it ends.

    SIGTERM first; after STOP_SECONDS the process exits at once.
    """
    if not os.read(0, 1):  # the supervisor has ended already
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
        address_values = {"host": config.host, "port": config.port}
        if error.errno == errno.EADDRINUSE:
            raise InstanceError(
                "Port %(port)s on %(host)s is taken: stop what uses it, or set DEVIS_PORT to"
                " another number.",
                **address_values,
            ) from error
        raise InstanceError(
            "Devis cannot listen on %(host)s, port %(port)s: %(detail)s.",
            detail=error.strerror,
            **address_values,
        ) from error


@dataclass
class _ChildProcess:
    """One supervised process: a devis command, restarted with back-off when it ends."""

    command: str
    clock: Clock
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    restart_at: float = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "feed", self.command, "--supervised"],
            stdin=subprocess.PIPE,
            env=settings.child_environment(self.clock()),
            start_new_session=True,
            bufsize=0,
        )

    def release(self) -> None:
        """Send the start signal."""
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended: `watch` restarts it
                self.process.stdin.write(b"\n")

    def watch(self) -> None:
        """Restart the process if it has ended and its back-off is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.pause = FIRST_PAUSE if now - self.started > STEADY_SECONDS else self.pause * 2
            self.restart_at = now + min(self.pause, LONGEST_PAUSE)
            log.error("%s ended with %s, restarting", self.command, self.process.returncode)
            self.process = None
        if self.process is None and now >= self.restart_at:
            self.start()
            self.release()

    def terminate(self) -> None:
        if self.process is not None and self.is_running:
            self.process.terminate()

    def kill(self) -> None:
        """Kill the process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def supervise(
    config: Config, clock: Clock, stop: threading.Event, prepare: Callable[[], None]
) -> None:
    """Run web and worker as separate processes, restarting one that dies, until `stop` is set.

    Web, which takes the longest to load, loads while `prepare` runs and then gets its start signal;
    the worker starts a little later.
    """
    check_port(config)
    web, worker = _ChildProcess("web", clock), _ChildProcess("worker", clock)
    children = [web, worker]
    try:
        web.start()
        prepare()
        web.release()
        worker.restart_at = time.monotonic() + WORKER_DELAY_SECONDS
        while not stop.is_set():
            for child in children:
                child.watch()
            stop.wait(0.1)
    finally:
        _stop(children)


def _stop(children: list[_ChildProcess]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while any(child.is_running for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in children:
        child.kill()
