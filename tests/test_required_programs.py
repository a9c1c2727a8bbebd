"""A run on a machine without everything: what is missing is named once, and CI lacks nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.served
SAMPLE = """
import subprocess
import sys

import pytest


@pytest.mark.needs("curl")
@pytest.mark.parametrize("number", range(3))
def test_curl(number):
    pass


def test_nothing():
    pass


def test_process():
    subprocess.run([sys.executable, "-c", ""])
"""


def run(folder: Path, *options: str, ci: str = "") -> tuple[int, list[str]]:
    """Pytest on SAMPLE, where no program is to be found; its exit code and its lines."""
    folder.joinpath("test_sample.py").write_text(SAMPLE)
    plugins = ("-p", "tests.required_programs", "-p", "no:cacheprovider", "-p", "no:schemathesis")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": "", "CI": ci, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_missing_program_is_named_once_below_everything(tmp_path: Path, processes: str) -> None:
    code, lines = run(tmp_path, "-n", processes, "-k", "curl or nothing")
    assert code == 0
    assert lines[-1] == "not tested here: curl (apt install curl): 3 tests"
    assert lines[-2].startswith("1 passed, 3 skipped")


def test_in_ci_a_missing_program_is_a_failure(tmp_path: Path) -> None:
    code, lines = run(tmp_path, "-k", "curl or nothing", ci="true")
    assert code == 1
    assert lines[-1].startswith("1 passed, 1 deselected, 3 errors in ")


def test_only_a_test_that_says_so_starts_processes(tmp_path: Path) -> None:
    code, lines = run(tmp_path, "-m", "not served")
    assert code == 1
    assert lines[-1].startswith("1 failed, 1 passed, 3 deselected in ")
    assert any("mark it with @pytest.mark.served" in line for line in lines)
