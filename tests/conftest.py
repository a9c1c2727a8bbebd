"""Fixtures and helpers: a real database, command line, server and browser.

Three roles occur in the tests: a *curator* who fills the library, a *subscriber* who returns, and a
*stranger* who may request anything.
"""

import contextlib
import gc
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from unittest.mock import patch
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlite_utils import Database
from werkzeug.routing import Rule

from feed import cli, clock, config, editions
from feed.app import create_app
from feed.config import Config
from feed.library import exchange
from feed.model import Site
from feed.server import database_setup
from feed.store import meta
from feed.store.connection import connect, opened

pytest_plugins = ["tests.required_programs", "tests.mail_workers"]

ROOT = Path(__file__).resolve().parent.parent
NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)  # Sunday noon in Stockholm
# The files that take longest: they begin first, so that no core waits for the last of them.
LONGEST = (
    *("test_backup", "test_cli", "test_digest_command", "test_mail_workers"),
    *("test_frozen_site", "test_announcements", "test_browser", "test_subscribe_pages"),
    *("test_desk_browser", "test_principle_form", "test_serve", "test_widget"),
    *("test_calendar", "test_library_board", "test_deploy", "test_whole_workflow"),
    *("test_api", "test_rotation", "test_digest_messages", "test_faults"),
    *("test_subscriptions", "test_sending_board"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def settings(folder: Path, **values: str) -> Config:
    """The settings of an installation in `folder`; `values` without their DEVIS_ prefix."""
    usual = {"NOW": NOON.isoformat(), "BASE_URL": "http://127.0.0.1:8000"}
    given = {"DATABASE": str(folder / "devis.sqlite3"), **usual, **values}
    return config.load({f"DEVIS_{name}": value for name, value in given.items()})


def create(config: Config, clock: clock.Clock) -> None:
    """Make a database as `server.create` does; a trial's ids are those of the golden files."""
    database_setup.create(config, clock)
    if not config.is_public:
        with connect(config.database) as db:
            meta.put(db, "authority", "127.0.0.1")


class Compiled(BytecodeCache):
    """The templates that one application has compiled, for the next."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {"bytecode_cache": Compiled()}


def memoise_url_builders() -> None:
    """Werkzeug compiles a function for each rule, anew in each application: half its cost."""
    compiled: dict[tuple[str, bool], Any] = {}
    compile_builder = Rule._compile_builder

    def memoised(rule: Rule, append_unknown: bool = True) -> Any:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = rule.rule, append_unknown
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    patch.object(Rule, "_compile_builder", memoised).start()


memoise_url_builders()


class Stopped(clock.Clock):
    """A clock that shows its origin for ever, however slow the machine is."""

    def __call__(self) -> datetime:
        assert self.origin
        return self.origin


@dataclass
class Installation:
    """A Devis of its own, in a folder of its own, for tests that stay in this process."""

    config: Config
    now: datetime = NOON
    _made: tuple[Config, datetime, Flask] | None = field(default=None, repr=False)

    def open(self) -> Database:
        return connect(self.config.database)

    def site(self) -> Site:
        with self.open() as db:
            return editions.settle(db, self.config, self.now)

    def load(self, files: Mapping[str, str | bytes], *, overwrite: bool = False) -> Any:
        """Import files: name to content."""
        contents = {
            name: text.encode() if isinstance(text, str) else text for name, text in files.items()
        }
        with self.open() as db:
            return exchange.import_files(db, contents, self.now, overwrite=overwrite)

    def publish(self) -> list[str]:
        """Make what is due; the slugs, oldest first."""
        with self.open() as db:
            site = editions.settle(db, self.config, self.now)
            made = editions.publish_due(db, site, self.config, self.now)
        return [choice.slug for choice in made]

    def client(self) -> FlaskClient:
        """A stranger's browser, without the page cache, at this installation's `now`."""
        if self._made is None or self._made[:2] != (self.config, self.now):
            app = create_app(self.config, Stopped(self.now))
            self._made = (self.config, self.now, app)
        return self._made[2].test_client()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema and without a site, to be copied."""
    config = settings(tmp_path_factory.mktemp("migrated"))
    with opened(config.database, create=True) as db:
        database_setup.migrate(db, config, NOON)
    return config.database


@pytest.fixture
def install(tmp_path: Path, migrated: Path) -> Callable[..., Installation]:
    """Makes an installation with an empty library; settings by name, without their prefix."""

    def make(folder: str = "instance", **values: str) -> Installation:
        made = Installation(settings(tmp_path / folder, **values))
        if not made.config.database.exists():
            made.config.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy(migrated, made.config.database)
        create(made.config, clock.Clock(made.now, time.monotonic()))
        return made

    return make


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation with the shipped library and its editions, to be copied."""
    made = Installation(settings(tmp_path_factory.mktemp("shipped")))
    create(made.config, clock.Clock(made.now, time.monotonic()))
    made.load(exchange.shipped_files())
    made.publish()
    return made.config.instance


@pytest.fixture
def devis(shipped: Path, tmp_path: Path) -> Installation:
    """An installation with the shipped library and fifteen editions, the last of them today's."""
    folder = shutil.copytree(shipped, tmp_path / "instance")
    return Installation(settings(folder))


@dataclass
class Command:
    """The command line, in a folder of its own: called, in this process; else as a process."""

    folder: Path
    environ: dict[str, str]

    def __call__(
        self, *arguments: str, code: int = 0, given: str = "", **values: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `devis …` in this process and demand its exit code.

        `values` are settings without their prefix; `given` comes from its standard input.
        """
        runner = CliRunner()
        with (
            patch.dict(os.environ, self._environ(arguments, values), clear=True),
            contextlib.chdir(self.folder),
            process_state_restored(),
        ):
            result = runner.invoke(cli.main, arguments, input=given, prog_name="devis")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return subprocess.CompletedProcess(
            arguments, result.exit_code, result.stdout, result.stderr
        )

    def run(
        self, *arguments: str, code: int = 0, **values: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `devis …` as a process and demand its exit code: for threads, and for servers."""
        done = subprocess.run(
            [sys.executable, "-m", "feed", *arguments],
            cwd=self.folder,
            env=self._environ(arguments, values),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def _environ(self, arguments: Sequence[str], values: Mapping[str, str]) -> dict[str, str]:
        """The environment with these settings; what listens does so on a free port."""
        port = {"PORT": str(free_port())} if arguments[0] in ("serve", "web") else {}
        given = {f"DEVIS_{name}": text for name, text in {**port, **values}.items()}
        return {**self.environ, **given}

    def start(self, *arguments: str, **values: str) -> subprocess.Popen[str]:
        """Start `devis …` as a process and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "feed", *arguments],
            cwd=self.folder,
            env=self._environ(arguments, values),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@contextmanager
def process_state_restored() -> Iterator[None]:
    """Undoes what a command does to its process: signal handlers, and where the log goes."""
    numbers, root = (signal.SIGTERM, signal.SIGINT), logging.getLogger()
    handlers, level = root.handlers, root.level
    signals = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        for number, handler in zip(numbers, signals, strict=True):
            signal.signal(number, handler)


def outside() -> dict[str, str]:
    """The environment without settings; bytecode is written for the next process."""
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("DEVIS_") and name != "PYTHONDONTWRITEBYTECODE"
    }


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command line, with nothing of the outer environment's settings."""
    return Command(tmp_path, outside())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(url: str, method: str = "GET", **headers: str) -> Answer:
    """Ask a server, without following redirects; header names with _ for -."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: Any) -> None:
            return None

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=named)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=10) as response:
            return Answer(
                response.status,
                {k.lower(): v for k, v in response.headers.items()},
                response.read(),
            )
    except urllib.error.HTTPError as error:
        with error:
            return Answer(
                error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()
            )


def wait_until(ready: Callable[[], bool], seconds: float = 60, step: float = 0.05) -> None:
    """Wait for something to come true, or fail."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(step)


def answers(url: str) -> bool:
    """Whether a server answers there."""
    try:
        fetch(url)
    except OSError:
        return False
    return True


def settled(url: str) -> bool:
    """Whether a server answers with today's edition, made more than a second ago.

    Until then Last-Modified lies a second early, because that second may bring another change.
    """
    try:
        known = fetch(url)
        date = known.headers["last-modified"]
        return fetch(url, If_Modified_Since=date).status == 304
    except (OSError, KeyError):
        return False


def answers_smtp(port: int) -> bool:
    """Whether a mail server on this machine greets."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            return line.recv(3) == b"220"
    except OSError:
        return False


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def listening(app: Any, port: int = 0) -> Iterator[str]:
    """The address of a WSGI application that a browser can come to, served from this process."""
    with make_server("127.0.0.1", port, app, _Server, _Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}"
        finally:  # otherwise a test that fails would never end
            httpd.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Iterator[str]:
    """The address of a real `devis serve` on the shipped library, on the real clock."""
    folder = tmp_path_factory.mktemp("live")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    given = {"PORT": str(port), "BASE_URL": address, "WEB_WORKERS": "1"}
    process = Command(folder, outside()).start("serve", **given)
    try:
        wait_until(lambda: settled(address + "/en/feed.atom"))
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what lives as long as the tests: a twentieth of their time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
