"""Planted faults: each breaks one invariant in one place, and names the tests that must notice."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parent / "faults.toml"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: `old`, which occurs once in `file`, becomes `new`; `tests` must then fail.

    `file` is below the repository, `tests` are arguments of pytest below tests/.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str

    def planted(self, text: str) -> str:
        """The text of the file with the fault. Raises ValueError unless `old` occurs once."""
        times = text.count(self.old)
        if times != 1:
            raise ValueError(f"“{self.old}” occurs {times} times in {self.file}, expected once")
        return text.replace(self.old, self.new)


def read() -> list[Mutant]:
    """The faults of faults.toml, in its order."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))["mutants"]
    return [Mutant(**table) for table in tables]
