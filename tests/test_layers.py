"""The shape of the code: who may import whom, who reads the clock, who reads the environment."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Each package may import those before it, line by line from the left.
ORDER = (
    "smtp",  # a library: it knows nothing of Devis
    *("errors", "model", "rotation", "i18n"),
    *("publish", "files"),
    *("clock", "config", "store"),
    *("editions", "library", "accounts"),
    *("subscribers", "digests", "notify"),
    *("workers", "checks", "server", "worker"),
    *("web", "desk", "app", "cli"),
)
HOMES: dict[str, set[str]] = {
    "flask": {"web", "desk", "app"},
    "werkzeug": {"web", "desk", "app"},
    "click": {"cli"},
    "apscheduler": {"worker"},
    "feedgen": {"publish"},
    "icalendar": {"publish"},
    "PIL": {"publish"},
    "babel": {"i18n"},
    "sqlite3": {"store"},
    "Stemmer": {"store"},
    "granian": {"server"},
    "celery": {"workers"},
    "kombu": {"workers"},
    "redis": {"workers"},
    "pydantic": {"publish", "files"},
    "css_inline": {"publish"},
    "jinja2": {"publish"},
    "smtplib": {"smtp"},
    "imap_tools": {"digests"},
    "idna": {"smtp", "model"},
    "apprise": {"notify"},
    "prometheus_client": {"web"},
    "requests": {"notify"},
    "email_validator": {"model"},
    "dns": {"checks"},
    "authlib": {"accounts"},
    "joserfc": {"accounts"},
    "webauthn": {"accounts"},
    "rapidfuzz": {"library"},
    "holidays": {"editions"},
    "python_calamine": {"files"},
}
MODULES = sorted((ROOT / "feed").rglob("*.py"))


def layer(path: Path) -> str:
    """The module of the design that a file belongs to."""
    return path.relative_to(ROOT / "feed").parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, with what it takes from a package."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_lower_layers(path: Path) -> None:
    mine = layer(path)
    if mine in ("__init__", "__main__"):
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "feed" or parts[1] == "__version__" or parts[1] == mine:
            continue
        allowed = ORDER.index(parts[1]) < ORDER.index(mine)
        assert allowed, f"{mine} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_one_home(path: Path) -> None:
    for name in imports(path):
        home = HOMES.get(name.split(".")[0])
        assert home is None or layer(path) in home, f"{path.name} imports {name}"


def test_only_the_clock_reads_the_clock_and_only_config_the_environment() -> None:
    for path in MODULES:
        text = path.read_text()
        if layer(path) != "clock":
            assert "datetime.now(" not in text, path
            assert "date.today(" not in text, path
            assert "time.time(" not in text, path
        if layer(path) != "config":
            assert "os.environ" not in text, path
            assert "getenv" not in text, path


def test_modules_stay_small() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in MODULES}
    assert {name: n for name, n in lengths.items() if n > 350} == {}


def test_a_class_name_exists_once() -> None:
    found = Counter(
        node.name
        for path in (ROOT / "feed").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in found.items() if times > 1] == []


def test_nothing_happens_at_import() -> None:
    """A module defines; it does not call anything that acts."""
    acting = {"open", "connect", "mkdir", "read_text", "read_bytes", "run", "start", "print"}
    for path in MODULES:
        if path.name == "__main__.py":
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                called = node.value.func
                name = getattr(called, "attr", getattr(called, "id", ""))
                assert name not in acting, f"{path.name} calls {name} when imported"


def loaded(module: str) -> set[str]:
    """The packages that a process has loaded when it has imported `module`."""
    code = f"import {module}, sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.served
def test_a_process_starts_with_little() -> None:
    """What the other commands need does not hold up `devis serve`."""
    heavy = {"sqlite_utils", "lxml", "flask", "pydantic", "granian", "apscheduler"}
    assert not loaded("feed.cli.site") & heavy
    late = {"email_validator", "icalendar", "PIL", "dns", "holidays", "webauthn", "cryptography"}
    assert not loaded("feed.app, feed.worker") & late


def test_the_mail_client_is_a_library_of_its_own() -> None:
    """It needs only the standard library and idna, and could be published separately."""
    for path in (ROOT / "feed/smtp").glob("*.py"):
        for name in imports(path):
            top = name.partition(".")[0]
            own = top == "idna" or name.startswith("feed.smtp.")
            assert own or top in sys.stdlib_module_names, f"{path.name} imports {name}"
