"""A real Redis as broker, and mail workers: as processes, or one as a thread."""

import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlite_utils import Database

from feed.clock import Clock
from feed.config import Config
from feed.config.brokers import Broker, broker
from feed.model import Site
from feed.store import mail_batches
from feed.workers import celery_app, dispatch, mail_worker
from feed.workers.redis_leases import RedisLeases
from tests.conftest import ROOT, free_port, outside, wait_until
from tests.required_programs import program

SERVER = program("redis-server")
PASSWORD = "a-word-that-nobody-may-see"


@dataclass
class RedisServer:
    """A Redis on a free port of the loopback, in a folder of its own."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def broker(self) -> Broker:
        made = broker(self.url)
        assert made is not None
        return made

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def store(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        assert SERVER is not None, "redis-server is not installed"
        settings = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": ""}
        settings |= {"appendonly": "yes", "requirepass": PASSWORD, "loglevel": "warning"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self.process = subprocess.Popen(
            [SERVER, *(part for option in options for part in option.split("=", 1))],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def answers(self) -> bool:
        try:
            with self.store as store:
                return bool(store.ping())
        except redis.RedisError:
            return False


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    """One Redis for all tests that leave it running."""
    with redis_server() as server:
        yield server


@pytest.fixture
def empty_redis(running_redis: RedisServer) -> RedisServer:
    """The same, empty."""
    with running_redis.store as store:
        store.flushall()
    return running_redis


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis for the length of a `with` block."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def send_by_workers(db: Database, site: Site, config: Config, clock: Clock) -> dict[str, int]:
    """Send what is due through a worker thread; returns the number of e-mails by outcome."""
    total: dict[str, int] = {}
    stop = threading.Event()
    with worker_thread(config, clock):
        while True:
            for what, number in dispatch.send(db, site, config, clock, stop).items():
                total[what] = total.get(what, 0) + number
            if not mail_batches.all_open(db):
                total.pop("handed", None)
                return total
            time.sleep(0.02)


@contextmanager
def worker_thread(config: Config, clock: Clock) -> Iterator[None]:
    """A mail worker as a thread, for the length of a `with` block."""
    assert config.broker is not None
    assert config.reports is not None
    stop, reports = threading.Event(), RedisLeases(config.reports)
    worker = mail_worker.MailWorker(config, clock, reports, stop, rest=0)
    worker.announce_presence()

    def handle(body: Any, message: Any) -> None:
        worker.deliver(body[0][0])
        message.ack()

    def take() -> None:
        celery = celery_app.app(config.broker)  # type: ignore[arg-type]
        queues = [
            celery.amqp.queues[name] for name in (celery_app.NOTICE_QUEUE, celery_app.DIGEST_QUEUE)
        ]
        with celery.connection() as line, line.Consumer(queues, callbacks=[handle]) as consumer:
            consumer.channel.brpop_timeout = 0.05  # so that the thread ends at once, too
            while not stop.is_set():
                with suppress(TimeoutError):
                    line.drain_events(timeout=0.05)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        reports.leave(worker.name)
        reports.close()


@dataclass
class MailWorker:
    """A real `devis mail-worker`; `log_text` is its log so far."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def log_text(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> str:
        """Stop it with SIGTERM; it exits with 0. Returns its log."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log_text
        assert "Traceback" not in self.log_text, self.log_text
        return self.log_text


def start_worker(folder: Path, name: str, **settings: str) -> MailWorker:
    """Start one in an empty folder without a database; `settings` without their prefix."""
    home = folder / name
    home.mkdir(exist_ok=True)
    environ = outside() | {f"DEVIS_{key}": text for key, text in settings.items()}
    log = home / "log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "feed", "mail-worker"],
            cwd=home,
            env={**environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return MailWorker(process, log)


@contextmanager
def workers(folder: Path, number: int = 1, **settings: str) -> Iterator[list[MailWorker]]:
    """That many workers, ready for batches; those still running at the end are killed."""
    started = [start_worker(folder, f"worker{n}", **settings) for n in range(number)]
    try:
        for each in started:
            wait_until(lambda each=each: "waiting for batches" in each.log_text, 30)  # type: ignore[misc]
        yield started
    finally:
        for each in started:
            if each.process.poll() is None:
                each.kill()
