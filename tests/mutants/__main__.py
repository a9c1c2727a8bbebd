"""Plant each fault and run its tests: `python -m tests.mutants [WORD …]`, or `make mutants`.

Each fault is planted in a copy of the repository; two at a time run in processes forked from this
one, which has loaded the libraries. Exit code 1 if a fault survives its tests, or if they cannot
run.
"""

import importlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from tests.mutants import Mutant, read

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = ("feed", "tests")
LIBRARIES = (
    *("flask", "sqlite_utils", "pydantic", "feedgen.feed", "lxml.etree", "PIL.Image", "babel"),
    *("playwright.sync_api", "html5lib", "icalendar", "feedparser", "css_inline"),
)
AT_ONCE = 2
SECONDS = 300
BROKEN = 70  # the exit code of a process in which the tests could not run
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "dist", "build")


@dataclass
class Run:
    """A fault whose tests run in a process, in a folder that goes with it."""

    mutant: Mutant
    folder: Path
    began: float

    @classmethod
    def start(cls, mutant: Mutant) -> tuple[int, "Run"]:
        """Plant a fault and start its tests; the number of the process, and the run."""
        run = cls(mutant, Path(tempfile.mkdtemp(prefix="devis-mutant-")), time.monotonic())
        number = os.fork()
        if number == 0:
            run.test()  # does not return
        return number, run

    def test(self) -> None:
        """Run the tests in this process, which ends with pytest's exit code, or BROKEN."""
        code = BROKEN
        try:
            output = os.open(self.folder / "output", os.O_WRONLY | os.O_CREAT)
            os.dup2(output, 1)
            os.dup2(output, 2)
            signal.alarm(SECONDS)
            code = int(pytest.main([*OPTIONS, *self.plant()]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def plant(self) -> list[str]:
        """Plant the fault in a copy of the repository and go there; the arguments of pytest."""
        tree = self.folder / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        path = tree / self.mutant.file
        path.write_text(self.mutant.planted(path.read_text(encoding="utf-8")), encoding="utf-8")
        os.chdir(tree)
        os.environ |= {"PYTHONPATH": str(tree), "TMPDIR": str(self.folder)}
        tempfile.tempdir = None
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        sys.path.insert(0, str(tree))
        parts = shlex.split(self.mutant.tests)
        return [f"tests/{part}" if part.endswith(".py") else part for part in parts]

    def report(self, status: int) -> bool:
        """Print the result; returns whether the fault was caught."""
        code = os.waitstatus_to_exitcode(status)
        caught = code == pytest.ExitCode.TESTS_FAILED
        output = (self.folder / "output").read_text(encoding="utf-8", errors="replace")
        said = "caught" if caught else "SURVIVED" if code == 0 else "CANNOT RUN"
        click.echo(f"{time.monotonic() - self.began:5.1f} s  {said:10}  {self.mutant.name}")
        if not caught:
            click.echo(f"    pytest {self.mutant.tests}: exit code {code}\n{output[-1500:]}")
        shutil.rmtree(self.folder, ignore_errors=True)
        return caught


def chosen(words: list[str]) -> list[Mutant]:
    """The faults whose names have one of the words, all without words."""
    return [each for each in read() if not words or any(word in each.name for word in words)]


def main(words: list[str]) -> int:
    waiting = chosen(words)
    running: dict[int, Run] = {}
    caught, number = 0, len(waiting)
    for name in LIBRARIES:
        importlib.import_module(name)
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            process, run = Run.start(waiting.pop(0))
            running[process] = run
        process, status = os.wait()
        caught += running.pop(process).report(status)
    click.echo(f"{caught} of {number} faults were caught")
    return 0 if number and caught == number else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
