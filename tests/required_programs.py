"""Pytest plugin: the programs that tests need, and the tests that start processes.

A test declares a program by `@pytest.mark.needs("nginx")` or by a fixture of FIXTURES. If the
program is missing, the test is skipped, and the run ends with one line for each such program; with
CI set, every skip is a failure. A test that starts processes is marked `served`: by the fixture
`processes` (its own or of a fixture it uses), by `needs`, or by hand. Without the mark, starting a
process is an error, so `-m "not served"` is what stays in this process.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import playwright
import pytest
from PIL import features
from playwright.sync_api import Browser, sync_playwright

# chromium-headless-shell has no window to start and to draw.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
STARTS = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec"})  # audit events


def program(name: str) -> str | None:
    """The path of a program; some systems have servers in folders outside an ordinary PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _browser() -> bool:
    """Whether Chromium is there, and the libraries of the Node.js that Playwright brings."""
    node = Path(playwright.__file__).with_name("driver") / "node"
    return CHROMIUM is not None and _works(str(node), "--version")


def _hunspell() -> bool:
    return all(_works("hunspell", "-d", name, "-l", os.devnull) for name in ("sv_SE", "en_GB"))


def _arabic() -> bool:
    return bool(features.check("raqm")) and Path("/usr/share/fonts/truetype/dejavu").is_dir()


@dataclass(frozen=True)
class Need:
    """A program or font: how to install it, and a check that it works."""

    how: str
    there: Callable[[], bool]


NEEDS = {
    "browser": Need("apt install chromium libatomic1", _browser),
    "nginx": Need("apt install nginx", lambda: program("nginx") is not None),
    "redis": Need("apt install redis-server", lambda: program("redis-server") is not None),
    "hunspell": Need("apt install hunspell hunspell-sv hunspell-en-gb", _hunspell),
    "systemd": Need("apt install systemd", lambda: program("systemd-analyze") is not None),
    "dovecot": Need("apt install dovecot-imapd", lambda: program("dovecot") is not None),
    "curl": Need("apt install curl", lambda: program("curl") is not None),
    "arabic": Need("apt install fonts-dejavu-core libfribidi0", _arabic),
    "mount": Need(
        "as root, or where unshare -rm is allowed", lambda: _works("unshare", "-rm", "true")
    ),
}
FIXTURES = {"browser": "browser", "running_redis": "redis"}


@functools.cache
def there(name: str) -> bool:
    """Whether what NEEDS has under this name is there."""
    return NEEDS[name].there()


@pytest.fixture(scope="session")
def processes() -> None:
    """Marks every test that uses it as `served`: for fixtures that start processes."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *quiet]
        )
        yield chromium
        chromium.close()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(name): needs a program, see NEEDS in tests/required_programs.py"
    )
    config.addinivalue_line("markers", "served: starts processes, so `make check` leaves it out")
    config.addinivalue_line("markers", "slow: takes seconds, so `make check` leaves it out")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if needed(item) or "processes" in getattr(item, "fixturenames", ()):
            item.add_marker("served")


def needed(item: pytest.Item) -> list[str]:
    """The names in NEEDS of what a test needs."""
    fixtures = getattr(item, "fixturenames", ())
    return sorted(
        {mark.args[0] for mark in item.iter_markers("needs")}
        | {name for fixture, name in FIXTURES.items() if fixture in fixtures}
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in needed(item):
        if not there(name):
            item.user_properties.append(("missing", name))
            pytest.skip(f"{name} is not there: {NEEDS[name].how}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"With CI set, nothing may be skipped: {report.longrepr}"
    return report  # type: ignore[return-value]


_in_process = False  # whether a test runs that may not start processes


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: refuses processes of a test that is not marked `served`."""
    if _in_process and event in STARTS:
        raise RuntimeError(
            "This test starts a process, so it is not for `make check`: mark it with"
            " @pytest.mark.served, or let its fixture use the fixture `processes`."
        )


sys.addaudithook(_watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _in_process
    _in_process = item.get_closest_marker("served") is None
    try:
        return (yield)
    finally:
        _in_process = False


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Writes what was not tested, below everything else that pytest writes."""
    result = yield
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workerinput"):
        counts = Counter(
            value
            for report in reporter.stats.get("skipped", ())
            for key, value in getattr(report, "user_properties", ())
            if key == "missing"
        )
        for name, number in sorted(counts.items()):
            reporter.write_line(f"not tested here: {name} ({NEEDS[name].how}): {number} tests")
    return result
