"""What a process, and all that it started, take of the machine."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """The devis command that it runs, its resident memory, and its seconds of processor time."""

    pid: int
    command: str
    megabytes: float
    seconds: float


def family(pid: int) -> list[Process]:
    """A process and all that it started, by number; not those that end meanwhile."""
    found = []
    for each in sorted(_tree(pid)):
        with suppress(OSError):
            found.append(_process(each))
    return found


def _tree(pid: int) -> list[int]:
    found = [pid]
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in path.read_text().split():
                found += _tree(int(child))
    return found


def _process(pid: int) -> Process:
    folder = Path(f"/proc/{pid}")
    words = folder.joinpath("cmdline").read_bytes().decode().split("\0")
    command = words[words.index("feed") + 1] if "feed" in words else words[0]
    pages = int(folder.joinpath("statm").read_text().split()[1])
    ticks = folder.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]  # user, system
    return Process(
        pid,
        command,
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
    )
