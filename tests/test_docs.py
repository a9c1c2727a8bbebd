"""The README tells the truth: every setting, every command, every dependency."""

import re
import tomllib

from feed import config
from feed.cli import COMMANDS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "feed" / "config" / "__init__.py").read_text()
NAMES = re.findall(r'read(?:_secret)?\("([A-Z_]+)"', SETTINGS)
SECRETS = re.findall(r'read_secret\("([A-Z_]+)"', SETTINGS)


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    assert len(NAMES) >= 12
    for name in NAMES:
        assert f"| `{config.PREFIX}{name}` |" in README, name


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    known = {*NAMES, *(f"{name}_FILE" for name in SECRETS)}
    assert set(re.findall(r"DEVIS_([A-Z_]+)", README)) <= known


def test_every_command_is_in_the_readme() -> None:
    for name in COMMANDS:
        assert f"`devis {name}" in README, name


def test_every_dependency_has_its_reason_in_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=\[ ]", requirement)[0]
        assert re.search(rf"^- \*\*{re.escape(name)}\*\* – ", README, re.MULTILINE), name


def test_every_dependency_is_pinned() -> None:
    pinned = (ROOT / "constraints.txt").read_text().lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"] + project["optional-dependencies"]["test"]:
        name = re.split(r"[<>=\[ ]", requirement)[0].lower()
        pattern = re.sub("[-_]", "[-_]", name)
        assert re.search(f"^{pattern}==", pinned, re.MULTILINE), name


def test_files_that_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
