"""Plant each fault and run its tests: `python -m tests.mutants [WORD …]`, or `make mutants`.

Each fault is planted in a copy of the repository, two at a time. Exit code 1 if a fault survives
its tests, or if they cannot run.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tests.conftest import ROOT, outside
from tests.mutants import Mutant, read

AT_ONCE = 2
SECONDS = 300
FAILED = 1  # pytest's exit code where it ran, and a test failed
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "dist", "build")


def outcome(mutant: Mutant, folder: Path) -> str:
    """What the tests make of a fault: caught, SURVIVED, or why they cannot run."""
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    path = folder / mutant.file
    try:
        path.write_text(mutant.planted(path.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, ValueError) as error:
        return f"CANNOT RUN: {error}"
    options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    parts = shlex.split(mutant.tests)
    tests = [f"tests/{part}" if part.endswith(".py") else part for part in parts]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=folder,
            env={**outside(), "PYTHONPATH": str(folder), "TMPDIR": str(folder.parent)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"CANNOT RUN: not done after {SECONDS} seconds"
    if done.returncode == FAILED:
        return "caught"
    return (
        "SURVIVED" if done.returncode == 0 else f"CANNOT RUN: {(done.stdout + done.stderr)[-800:]}"
    )


def report(mutant: Mutant) -> bool:
    """Plant a fault, print what became of it, and say whether it was caught."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="devis-mutant-") as folder:
        said = outcome(mutant, Path(folder) / "tree")
    seconds = time.monotonic() - began
    click.echo(f"{seconds:5.1f} s  {said:9} {mutant.name}")
    if said != "caught":
        click.echo(f"         pytest {mutant.tests}")
    return said == "caught"


def main(words: list[str]) -> int:
    chosen = [m for m in read() if not words or any(word in m.name for word in words)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        caught = list(pool.map(report, chosen))
    click.echo(f"{sum(caught)} of {len(chosen)} faults were caught")
    return 0 if chosen and all(caught) else 1


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
