"""Faults of a running site, again and again: `python -m tests.faults.site`.

After each fault every date has one edition, the database is intact, no acknowledged save is lost,
and every feed is valid. The full disk needs a file system of its own, and so root.
"""

import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tests.conftest import fetch, wait_until
from tests.faults.installation import ServedInstallation

DISK_MB = 24
ACCEPTABLE = {200, 304, 503}
# Instants around midnight and the two changes of the clock in Stockholm, in no order.
INSTANTS = (
    "2026-03-28T23:59:57+01:00",
    "2026-03-29T03:00:00+02:00",
    "2026-03-29T01:59:58+01:00",
    "2026-03-30T00:00:01+02:00",
    "2026-03-29T23:59:58+02:00",
    "2026-10-25T02:59:58+02:00",
    "2026-10-25T02:00:01+01:00",
    "2026-10-24T12:00:00+02:00",
    "2026-10-26T00:00:00+01:00",
)


def killed(installation: ServedInstallation, chance: random.Random) -> None:
    """`kill -9` of web, worker or everything, during saves and requests."""
    installation.start()
    over = threading.Event()
    saving = threading.Thread(target=installation.save)
    reading = threading.Thread(target=_read_on, args=(installation, over))
    for thread in (saving, reading):
        thread.start()
    time.sleep(chance.uniform(0, 1.5))
    victim = chance.choice(("web", "worker", "serve"))
    if victim == "serve":
        installation.kill()
        installation.start()
    else:
        for process, command in list(installation.processes()):
            if command == victim:
                os.kill(process, signal.SIGKILL)
        wait_until(
            lambda: {command for _, command in installation.processes()} >= {"web", "worker"}, 60
        )
    saving.join()
    over.set()
    reading.join()
    wait_until(lambda: _status(installation, "/healthz") == 200, 60)
    _after(installation)


def full(installation: ServedInstallation, chance: random.Random) -> None:
    """The disk is full during saves and requests; then there is space again."""
    installation.start()
    installation.save()
    installation.read()
    filler = installation.folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * chance.choice((512, 4096, 65_536)))
        except OSError:
            pass
    for path in ("/en/feed.rss", "/sv/", f"/en/principles/?q={chance.random()}", "/healthz"):
        _demand(installation, path)
    installation.save()
    filler.unlink()
    if not installation.save():
        installation.losses.append("nothing can be saved though there is room again")
    _after(installation)


def readonly(installation: ServedInstallation, chance: random.Random) -> None:
    """The disk can only be read: the start says so in a line; then it can be written again."""
    installation.start()
    installation.save()
    installation.stop()
    _mount("-o", "remount,ro", str(installation.folder))
    try:
        done = installation.devis("serve")
        if done.returncode != 1 or "Traceback" in done.stderr:
            installation.losses.append(f"a disk that is read-only: exit code {done.returncode}")
    finally:
        _mount("-o", "remount,rw", str(installation.folder))
    installation.start()
    _after(installation)


def corrupted(installation: ServedInstallation, chance: random.Random) -> None:
    """The database is written over: memory serves on, the next start refuses, a backup helps."""
    installation.start()
    installation.save()
    installation.devis("backup")
    before = installation.read()
    size = installation.database.stat().st_size
    with installation.database.open("r+b") as file:
        file.write(chance.randbytes(size))
    for name in ("-wal", "-shm"):
        beside = installation.database.with_name(installation.database.name + name)
        if beside.exists():
            beside.write_bytes(chance.randbytes(beside.stat().st_size))
    if installation.read() != before:
        installation.losses.append("memory does not serve what was there")
    installation.stop()
    done = installation.devis("serve")
    if done.returncode != 1 or "devis restore" not in done.stderr:
        installation.losses.append(f"a damaged database: {done.stderr.strip() or 'it started'}")
    for path in installation.folder.glob("devis.sqlite3*"):
        path.unlink()
    backup = max(
        (installation.folder / "backups").glob("*.sqlite3.gz"),
        key=lambda path: path.stat().st_mtime,
    )
    if installation.devis("restore", str(backup)).returncode:
        installation.losses.append("the backup cannot be restored")
    installation.start()
    _after(installation)


def clock(installation: ServedInstallation, chance: random.Random) -> None:
    """The clock steps forward and back, across midnight and where the hour changes."""
    installation.start(NOW=chance.choice(INSTANTS))
    time.sleep(chance.uniform(2, 5))
    installation.stop()
    installation.start(NOW=chance.choice(INSTANTS))
    _after(installation)


FAULTS: dict[str, tuple[Callable[[ServedInstallation, random.Random], None], int]] = {
    "kill -9 of web, worker or all": (killed, 18),
    "disk full": (full, 8),
    "disk read-only at the start": (readonly, 6),
    "database written over while it runs": (corrupted, 8),
    "clock steps, midnight, summer time": (clock, 10),
}
DISKS = {"disk full", "disk read-only at the start"}  # those that need to be root


def run(name: str, rounds: int, seed: int) -> list[str]:
    """Several rounds of a fault on one installation; returns the losses as text."""
    fault, chance = FAULTS[name][0], random.Random(seed)
    with tempfile.TemporaryDirectory() as place, _folder(Path(place), name in DISKS) as folder:
        installation = ServedInstallation(folder)
        try:
            for _ in range(rounds):
                fault(installation, chance)
        finally:
            installation.stop()
    return installation.losses


def _after(installation: ServedInstallation) -> None:
    installation.examine()
    installation.stop()


def _read_on(installation: ServedInstallation, over: threading.Event) -> None:
    while not over.is_set():
        _status(installation, "/en/feed.rss")
        time.sleep(0.01)


def _demand(installation: ServedInstallation, path: str) -> None:
    status = _status(installation, path)
    if status not in ACCEPTABLE:
        installation.losses.append(f"{path} is {status}")


def _status(installation: ServedInstallation, path: str) -> int | None:
    try:
        return fetch(installation.site + path).status
    except OSError:  # it is being killed
        return None


@contextmanager
def _folder(place: Path, is_disk: bool) -> Iterator[Path]:
    """A folder for an instance; on a small disk of its own, if that is wanted."""
    folder = place / "instance"
    folder.mkdir()
    if not is_disk:
        yield folder
        return
    _mount("-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", default=1, show_default=True, help="Of the moments of the faults.")
@click.option("--fault", "names", multiple=True, type=click.Choice([*FAULTS]), default=[*FAULTS])
@click.option("--rounds", type=int, help="Of each fault; by default as many as make fifty.")
def main(seed: int, names: tuple[str, ...], rounds: int | None) -> None:
    """Fifty faults of five kinds, or those that are named."""
    if os.geteuid():
        raise click.ClickException("Only root may have a disk of its own that is full.")
    lost = 0
    click.echo("| fault | rounds | losses |\n| --- | ---: | --- |")
    for name in names:
        times = rounds or FAULTS[name][1]
        losses = run(name, times, seed)
        lost += len(losses)
        click.echo(f"| {name} | {times} | {'; '.join(losses) or 'none'} |")
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
