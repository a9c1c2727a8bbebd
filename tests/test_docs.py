"""The documentation is true: every setting, command, dependency and path it names exists."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import click
import pytest

from feed.cli import COMMANDS, main
from feed.config.settings import PREFIX, SETTINGS
from tests.conftest import ROOT

DOCS = ROOT / "docs"
README, CONTRIBUTING = (ROOT / "README.md", ROOT / "CONTRIBUTING.md")
ARCHITECTURE = DOCS / "architecture.md"
SETTINGS_PAGE = (DOCS / "settings.md").read_text()
COMMANDS_PAGE = (DOCS / "commands.md").read_text()
BUILT_ON = ARCHITECTURE.read_text().partition("\n## Built on\n")[2]
PAGES = [README, CONTRIBUTING, *sorted(DOCS.rglob("*.md"))]
NAMES = [setting.name for setting in SETTINGS]
SECRETS = [setting.name for setting in SETTINGS if setting.is_secret]
DEFAULTS = {
    setting.name: setting.default
    for setting in SETTINGS
    if isinstance(setting.default, str) and not setting.is_secret
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = PROJECT["dependencies"]
RUNTIME, TESTS = (
    [re.split(r"[<>=\[ ]", requirement)[0] for requirement in requirements]
    for requirements in (
        CORE + EXTRAS["workers"] + EXTRAS["chats"] + EXTRAS["sign-on"],
        EXTRAS["test"][1:],
    )
)
PINS = (ROOT / "requirements" / "test.txt").read_text().splitlines()
UNIMPORTED = {  # what is of use without being imported, and where it is
    "tzdata": ("feed/config/parsing.py", "ZoneInfo("),
    "sgmllib3k": ("tests/publish/test_feeds.py", "make_reader("),
    "pytest-xdist": ("Makefile", "pytest -n "),
    "pytest-rerunfailures": (".ci/run", "--reruns"),
    "mypy": ("Makefile", "/mypy"),
    "ruff": ("Makefile", "/ruff"),
}


def canonical(name: str) -> str:
    """A distribution's name as all ways of writing it are compared."""
    return re.sub("[-_.]+", "-", name).lower()


@cache
def provided() -> dict[str, set[str]]:
    """What each distribution that is installed lets one import."""
    found: dict[str, set[str]] = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            found.setdefault(canonical(name), set()).add(module)
    return found


@cache
def imported(folder: str) -> frozenset[str]:
    """What any module in a folder imports, by the first part of its name."""
    nodes = [
        node
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
    ]
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return frozenset(name.partition(".")[0] for name in plain + parts)


def test_every_setting_is_documented_with_its_default() -> None:
    assert len(NAMES) >= 12
    for name in NAMES:
        row = re.search(rf"^\| `{PREFIX}{name}` \| (.*?) ?\| ", SETTINGS_PAGE, re.MULTILINE)
        assert row, name
        if name in DEFAULTS:
            assert row[1] == (f"`{DEFAULTS[name]}`" if DEFAULTS[name] else ""), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_no_setting_that_does_not_exist(page: Path) -> None:
    known = {*NAMES, *(f"{name}_FILE" for name in SECRETS)}
    assert set(re.findall(r"DEVIS_([A-Z_]*[A-Z])\b", page.read_text())) <= known


def commands() -> set[str]:
    """Every command of the command line, subcommands included."""
    found = set()
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        subcommands = sorted(command.commands) if isinstance(command, click.Group) else []
        found |= {f"{name} {each}" for each in subcommands}
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found.add(name)
    return found


def test_the_documented_commands_are_those_that_exist() -> None:
    documented = re.findall(r"^\| `devis ([a-z -]*[a-z])", COMMANDS_PAGE, re.MULTILINE)
    assert sorted(documented) == sorted(commands())


@pytest.mark.parametrize("name", [*RUNTIME, *TESTS])
def test_every_dependency_has_its_reason_and_its_pin(name: str) -> None:
    assert re.search(rf"^\| \*\*{re.escape(name)}\*\* \| \w", BUILT_ON, re.MULTILINE)
    assert canonical(name) in {canonical(line.partition("==")[0]) for line in PINS}


def test_no_package_is_listed_that_is_no_dependency() -> None:
    assert set(re.findall(r"^\| \*\*(.+?)\*\*", BUILT_ON, re.MULTILINE)) == {*RUNTIME, *TESTS}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RUNTIME, *TESTS])
def test_no_dependency_is_unused(name: str) -> None:
    """Each is imported, or of use without that, and then here is where."""
    if name.startswith("types-"):
        assert name.removeprefix("types-") in RUNTIME
    elif name in UNIMPORTED:
        path, use = UNIMPORTED[name]
        assert use in (ROOT / path).read_text()
    else:
        assert provided()[canonical(name)] & imported("feed" if name in RUNTIME else "tests")


def test_nothing_is_imported_that_is_no_dependency() -> None:
    # Of Flask, which hands them on, and of Celery.
    parts = {"werkzeug", "markupsafe", "kombu"}
    known = {module for name in RUNTIME for module in provided()[canonical(name)]}
    assert imported("feed") - known - parts - {"feed", *sys.stdlib_module_names} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_links_to_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [README, CONTRIBUTING, ARCHITECTURE], ids=lambda page: page.name)
def test_the_paths_that_a_page_names_exist(page: Path) -> None:
    folders = ("feed/", "tests/", "docs/", "data/", "translations/", "requirements/")
    named = re.findall(r"`([\w./-]+)`", page.read_text())
    for path in (name for name in named if name.startswith(folders) and "XX" not in name):
        assert (ROOT / path).exists(), path


def test_the_make_targets_that_are_documented_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (README, CONTRIBUTING):
        assert set(re.findall(r"`make ([a-z-]+)`", page.read_text())) <= targets


def test_the_readme_stays_short() -> None:
    assert len(README.read_text().splitlines()) <= 130
