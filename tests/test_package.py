"""An installed wheel is whole: data, translations, templates and the command travel in it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Path:
    """The wheel, built from a copy of what is in version control."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    options = ["--disable-pip-version-check", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    (built,) = folder.glob("devis-*.whl")
    return built


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "data").glob("*.toml"):
        assert f"feed/data/{path.name}" in names
    assert {"feed/translations/sv/LC_MESSAGES/messages.mo", "feed/web/static/style.css"} <= names
    assert "feed/web/templates/base.html" in names
    assert not [name for name in names if name.startswith("tests/")]


@pytest.mark.served
def test_an_installed_wheel_works_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(wheel)], check=True
    )
    script = (
        "import feed, sys; assert feed.__file__.startswith(sys.argv[1]), feed.__file__;"
        "from feed.i18n import translator; assert translator('sv').gettext('Archive') == 'Arkiv';"
        "sys.argv[1:] = ['init']; from feed.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(target)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    data = [path.read_text(encoding="utf-8") for path in (ROOT / "data").glob("*.toml")]
    assert f"principles: {sum(text.count('[[principles]]') for text in data)} new" in done.stdout
