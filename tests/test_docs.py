"""The README tells the truth: every setting, every command, every dependency."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib import metadata

import pytest

from feed.cli import COMMANDS
from feed.config.settings import PREFIX, SETTINGS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
NAMES = [setting.name for setting in SETTINGS]
SECRETS = [setting.name for setting in SETTINGS if setting.is_secret]
BUILT_ON = README.partition("\n## Built on\n")[2].partition("\n## ")[0]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
CORE = PROJECT["dependencies"]
RUNTIME, TESTS = (
    [re.split(r"[<>=\[ ]", requirement)[0] for requirement in requirements]
    for requirements in (CORE + EXTRAS["workers"] + EXTRAS["chats"], EXTRAS["test"][1:])
)
PINS = (ROOT / "requirements" / "test.txt").read_text().splitlines()
UNIMPORTED = {  # what is of use without being imported, and where it is
    "tzdata": ("feed/config/parsing.py", "ZoneInfo("),
    "sgmllib3k": ("tests/publish/test_feeds.py", "make_reader("),
    "pytest-xdist": ("Makefile", "pytest -n "),
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


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    assert len(NAMES) >= 12
    for name in NAMES:
        assert f"| `{PREFIX}{name}` |" in README, name


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    known = {*NAMES, *(f"{name}_FILE" for name in SECRETS)}
    assert set(re.findall(r"DEVIS_([A-Z_]+)", README)) <= known


def test_every_command_is_in_the_readme() -> None:
    for name in COMMANDS:
        assert f"`devis {name}" in README, name


@pytest.mark.parametrize("name", [*RUNTIME, *TESTS])
def test_every_dependency_has_its_reason_and_its_pin(name: str) -> None:
    assert re.search(rf"^- \*\*{re.escape(name)}\*\* – \S", BUILT_ON, re.MULTILINE)
    assert canonical(name) in {canonical(line.partition("==")[0]) for line in PINS}


def test_the_readme_names_no_dependency_that_is_none() -> None:
    assert set(re.findall(r"^- \*\*(.+?)\*\*", BUILT_ON, re.MULTILINE)) == {*RUNTIME, *TESTS}


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


def test_files_that_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
