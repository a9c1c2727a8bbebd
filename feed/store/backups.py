"""Backups of an installation: made while it runs, and brought back into an empty place.

A backup is one file with the database and the key that signs the links in letters. The outbox and
the counters of the API are not in it: they may be lost.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from feed import __version__
from feed.config import Config, signing_key
from feed.errors import BackupError, SchemaError, StoreError
from feed.store import backup_archive, backup_copy, meta, migrations
from feed.store.backup_archive import Manifest
from feed.store.connection import exists, opened, transaction

FOLDER = "backups"  # in the instance
DATABASE = "devis.sqlite3"  # in the backup, whatever the setting calls it
UPGRADE = "-before-upgrade"
_SUFFIX = ".tar.gz"
_LOCK, _WRITING = ".backup.lock", ".backup.writing"
_AT, _PATH = "backup_at", "backup_path"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: where it lies, its size in bytes, and which older ones went.

    `unnoted` says why the database could not be told of it, if so.
    """

    path: Path
    size: int
    rows: int
    removed: tuple[Path, ...] = ()
    unnoted: str | None = None


@dataclass(frozen=True, slots=True)
class Last:
    """The last backup that the database was told of."""

    at: datetime
    path: Path


def make(
    config: Config,
    now: datetime,
    folder: Path | None = None,
    *,
    kind: str = "",
    look: Callable[[], None] = lambda: None,
) -> Made:
    """Back up into a folder, the instance's own if none is given; the oldest beyond `keep` go.

    `kind` stands at the end of the name: each kind is kept for itself, so that no row of failed
    upgrades drives out the backups of other days. `look` is called often, and may raise to stop.
    Raises StoreError, SchemaError or BackupError; then nothing is left behind.
    """
    if not exists(config.database):
        raise StoreError(
            "There is no database at %(path)s: run “devis init”.",
            path=config.database,
        )
    folder = (folder or config.instance / FOLDER).absolute()
    with _alone(folder) as drafts:
        if folder == config.instance / FOLDER:
            folder.chmod(0o700)  # another one is its owner’s business
        manifest, draft = _draft(config, now, drafts, look)
        name = _named(manifest.authority)
        path = folder / f"{name}-{now.astimezone(UTC):%Y-%m-%d-%H%M%S}{kind}{_SUFFIX}"
        size = draft.stat().st_size
        draft.replace(path)
        _settle(folder)
        removed = _rotate(path, name, kind, config.backup_keep)
    rows = sum(manifest.counts.values())
    return Made(path, size, rows, removed, _note(config, now, path))


def last(db: Database) -> Last | None:
    """The last backup that was made; None before any."""
    at, path = meta.get(db, _AT), meta.get(db, _PATH)
    return Last(datetime.fromisoformat(at), Path(path)) if at and path else None


def is_due(config: Config, before: Last | None, now: datetime) -> bool:
    """Whether the hour of the schedule has come since the last backup, today or on days missed."""
    if config.backup_hour is None:
        return False
    today = now.astimezone(config.timezone).date()
    due = datetime.combine(today, time(config.backup_hour), config.timezone)
    if due > now:
        yesterday = today - timedelta(days=1)
        due = datetime.combine(yesterday, time(config.backup_hour), config.timezone)
    return before is None or before.at < due


def restore(config: Config, source: Path) -> Manifest:
    """Bring a backup back into a place where there is no database; what it says about itself.

    Everything is looked at before it is put in its place. Raises BackupError or SchemaError.
    """
    _demand_room(config)
    with _alone(config.instance) as drafts:
        manifest = backup_archive.unpack(source, drafts, _acceptable)
        draft = drafts / DATABASE
        if not draft.exists():
            raise backup_archive.damaged(source, f"no {DATABASE}")
        flaw = backup_copy.flaw(draft, manifest.counts)
        if flaw is not None:
            raise backup_archive.damaged(source, flaw)
        backup_copy.skip_numbers(draft)
        key = drafts / signing_key.FILE
        if key.exists():
            _put_key(config, key)
        _put(draft, config.database)
        _settle(config.instance)
    return manifest


def rehearse(config: Config, folder: Path) -> Path:
    """Copy database and key into a folder without a database, for a rehearsed clock; where it is.

    Raises StoreError, SchemaError or BackupError.
    """
    target = replace(config, database=folder.absolute() / DATABASE)
    _demand_room(target)
    with _alone(target.instance) as drafts:
        draft = drafts / DATABASE
        with opened(config.database, read_only=True) as db:
            migrations.check(db)
            backup_copy.copy(db, draft, lambda: None)
        with opened(draft) as db, transaction(db):
            meta.put(db, meta.REHEARSAL, "1")
        key = signing_key.known(config)
        if key is not None:
            (drafts / signing_key.FILE).touch(mode=0o600)
            (drafts / signing_key.FILE).write_bytes(key + b"\n")
            _put_key(target, drafts / signing_key.FILE)
        draft.chmod(0o600)
        _put(draft, target.database)
        _settle(target.instance)
    return target.database


def _draft(
    config: Config, now: datetime, drafts: Path, look: Callable[[], None]
) -> tuple[Manifest, Path]:
    """A whole backup among the drafts, read back and found right."""
    copy = drafts / DATABASE
    with opened(config.database) as db:
        applied = migrations.applied(db)
        if not applied:
            raise SchemaError("The file is not a database of Devis.")
        counts = backup_copy.copy(db, copy, look)
    flaw = backup_copy.flaw(copy, counts)
    if flaw is not None:
        raise StoreError(
            (
                "The database is damaged (%(detail)s), and was not backed up: move it away and run"
                " “devis restore” with an earlier backup."
            ),
            detail=flaw,
        )
    with opened(copy) as db:
        applied, authority = migrations.applied(db), meta.get(db, "authority")
    files = [copy]
    key = signing_key.known(config)
    if key is not None:
        files.append(drafts / signing_key.FILE)
        files[-1].write_bytes(key + b"\n")
    parts = {path.name: backup_archive.part(path, look) for path in files}
    manifest = Manifest(now, __version__, authority or "", applied, counts, parts)
    draft = drafts / "backup"
    backup_archive.write(draft, manifest, files, look)
    return manifest, draft


def _acceptable(manifest: Manifest) -> None:
    if manifest.format > backup_archive.FORMAT or set(manifest.schema) - migrations.NAMES:
        raise SchemaError(
            "The backup was made by a newer program, version %(version)s: install that version.",
            version=manifest.version,
        )


def _demand_room(config: Config) -> None:
    """Raise BackupError if there is anything where the database is to be."""
    for suffix in ("", "-wal", "-journal"):
        path = config.database.with_name(config.database.name + suffix)
        if exists(path):
            raise BackupError(
                (
                    "There is a database at %(path)s already, and nothing was restored: move it"
                    " away, or set DEVIS_DATABASE to a file elsewhere."
                ),
                path=path,
            )


def _put_key(config: Config, draft: Path) -> None:
    place = config.instance / signing_key.FILE
    if place.exists():
        if place.read_bytes().strip() == draft.read_bytes().strip():
            return
        raise BackupError(
            (
                "The secret key %(path)s is not that of the backup, and nothing was restored: move"
                " it away."
            ),
            path=place,
        )
    _put(draft, place)


def _put(draft: Path, place: Path) -> None:
    """Give a finished file its place, whole at once, and never in place of another one."""
    try:
        os.link(draft, place)
    except FileExistsError:
        raise BackupError(
            "There is a file %(path)s already, and nothing was restored.", path=place
        ) from None


def _note(config: Config, now: datetime, path: Path) -> str | None:
    """Have the database remember a backup; why not, where it cannot: the backup is good anyway."""
    try:
        with opened(config.database) as db, transaction(db):
            meta.put(db, _AT, now.isoformat(timespec="seconds"))
            meta.put(db, _PATH, str(path))
    except StoreError as error:
        return str(error)
    return None


def _rotate(made: Path, name: str, kind: str, keep: int) -> tuple[Path, ...]:
    """Take the oldest backups of a kind and site away, so that `keep` stay, the new one included.

    By their names: a copy brought here from elsewhere has another time of its own.
    """
    dated = re.compile(rf"{re.escape(name)}-\d{{4}}-\d\d-\d\d-\d{{6}}{kind}{re.escape(_SUFFIX)}")
    others = (path for path in made.parent.iterdir() if path != made)
    found = sorted(path for path in others if dated.fullmatch(path.name))
    gone = tuple(found[: max(0, len(found) + 1 - keep)])
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def _named(authority: str) -> str:
    """How the names of a site's backups begin: several sites may share a folder."""
    return "-".join(
        ["devis", *filter(None, [re.sub(r"[^A-Za-z0-9.]+", "-", authority).strip("-")])]
    )


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """An empty folder inside `folder` to write in, for one process at a time; gone afterwards.

    What a killed process has left there goes first. Raises BackupError for what the disk says.
    """
    drafts = folder / _WRITING
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / _LOCK, blocking=False):
            shutil.rmtree(drafts, ignore_errors=True)
            drafts.mkdir(mode=0o700)
            try:
                yield drafts
            finally:
                shutil.rmtree(drafts, ignore_errors=True)
    except Timeout:
        raise BackupError(
            "Another process is writing a backup in %(folder)s: let it finish.",
            folder=folder,
        ) from None
    except OSError as error:
        raise BackupError(
            "The folder %(folder)s cannot be written: %(detail)s.",
            folder=folder,
            detail=error.strerror or error,
        ) from error


def _settle(folder: Path) -> None:
    """See a folder's new names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
