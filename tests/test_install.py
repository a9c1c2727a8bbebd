"""Installing into .venv: what went wrong is one line, and nothing half-made is trusted."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port

pytestmark = pytest.mark.served

INSTALL = ROOT / "requirements" / "install.py"
reason = runpy.run_path(str(INSTALL))["reason"]
OLD = """
import runpy, sys
sys.version_info = (3, 11, 1, "final", 0)
sys.argv = ["install.py", "core"]
runpy.run_path({path!r}, run_name="__main__")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What installing needs of a checkout, in a folder whose name has a blank."""
    folder = tmp_path / "a checkout"
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    for name in ("Makefile", "pyproject.toml", "pdm_build.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a checkout on a machine that reaches no package index."""
    outer = ("PIP_", "MAKE", "MFLAGS")  # of this machine, and of a make that runs the tests
    environ = {name: text for name, text in os.environ.items() if not name.startswith(outer)}
    environ |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"http://127.0.0.1:{free_port()}/",
        "PIP_RETRIES": "1",
        "PIP_NO_CACHE_DIR": "1",
    }
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def test_offline_is_said_in_one_line_and_the_next_make_tries_again(checkout: Path) -> None:
    for _ in range(2):
        done = make(checkout, "run")
        assert done.returncode != 0
        said = done.stderr.splitlines()[0]
        assert said.startswith("Devis is not installed. The package index cannot be reached")
        assert str(checkout / ".venv" / "install.log") in said
        assert "Traceback" not in done.stderr
        assert not (checkout / ".venv" / "installed").exists()
    assert "virtual environment" not in done.stdout  # the first one's is whole, and used again


def test_a_broken_virtual_environment_is_made_anew(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    done = make(checkout, ".venv/installed")
    assert "Making a virtual environment" in done.stdout
    assert (checkout / ".venv" / "bin" / "pip").exists()


def test_an_old_python_is_named_and_nothing_is_made(checkout: Path) -> None:
    script = OLD.format(path=str(checkout / "requirements" / "install.py"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11.2 or newer, and this is 3.11.1." in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on"
            " device: '/tmp/pip-unpack'\n",
            "The disk is full.",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n",
            "A package is not the one that was pinned: its hash differs.",
        ),
        (
            "Collecting flask==3.1.3\nERROR: No matching distribution found for flask==3.1.3\n",
            "No matching distribution found for flask==3.1.3",
        ),
        ("Killed\n", "Killed"),
        ("", "pip failed without a word."),
    ],
)
def test_what_pip_says_becomes_a_line(printed: str, said: str) -> None:
    assert reason(printed) == said
