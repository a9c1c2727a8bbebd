"""Backups: made while the site runs, rotated, and restored into an empty folder; rehearsal copies.

A backup is one file with the whole database and the signing key, see `feed.store.backup_files`. Not
in it are the outbox folder and the counters of rate limits and metrics, which may be lost.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from sqlite_utils import Database

from feed.config import Config
from feed.errors import BackupError, StoreError
from feed.store import backup_files, meta, migrations, signing_key
from feed.store.backup_files import BackupContent, ShouldStop
from feed.store.connection import exists, opened, transaction

FOLDER = "backups"  # in the instance folder
UPGRADE = "-before-upgrade"  # the kind of backup that precedes a migration
_SUFFIX = ".sqlite3.gz"
_ANY_SUFFIX = r"\.(sqlite3|tar)\.gz"  # earlier versions wrote tar archives
_LOCK, _WORK = ".backup.lock", ".backup.writing"
_PATH = "backup_path"


@dataclass(frozen=True, slots=True)
class CreatedBackup:
    """A new backup: its file, size in bytes, number of rows, and the older ones it replaced.

    `not_recorded` is the error where the database could not record the backup; None otherwise.
    """

    path: Path
    size: int
    rows: int
    removed: tuple[Path, ...] = ()
    not_recorded: str | None = None


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The last backup that the database has recorded."""

    at: datetime
    path: Path


def make(
    config: Config,
    now: datetime,
    folder: Path | None = None,
    *,
    kind: str = "",
    should_stop: ShouldStop = lambda: False,
) -> CreatedBackup:
    """Back up into a folder, by default `backups` in the instance, and remove the oldest ones.

    `kind` is appended to the name; each kind is rotated separately, so that repeated failed
    upgrades do not displace daily backups. Raises StoreError, SchemaError or BackupError, also
    when `should_stop` returns True; then no file is left behind.
    """
    if not exists(config.database):
        raise StoreError(
            "There is no database at %(path)s: run “devis init”.",
            path=config.database,
        )
    folder = (folder or config.instance / FOLDER).absolute()
    with _work_folder(folder) as work:
        if folder == config.instance / FOLDER:
            folder.chmod(0o700)  # other folders are the operator's business
        copy, draft = work / "copy", work / "backup"
        with opened(config.database) as db:
            backup_files.snapshot(db, config, copy, should_stop)
            name = _name(meta.get(db, "authority") or "")
        path = folder / f"{name}-{now.astimezone(UTC):%Y-%m-%d-%H%M%S}{kind}{_SUFFIX}"
        rows = backup_files.label(copy, now)
        backup_files.compress(copy, draft, should_stop)
        size = draft.stat().st_size
        draft.replace(path)
        _sync(folder)
        removed = _rotate(path, name, kind, config.backup_keep)
    return CreatedBackup(path, size, rows, removed, _record(config, now, path))


def last(db: Database) -> LastBackup | None:
    """The last recorded backup; None before the first."""
    at, path = meta.get(db, backup_files.MADE_AT), meta.get(db, _PATH)
    return LastBackup(datetime.fromisoformat(at), Path(path)) if at and path else None


def is_due(config: Config, previous: LastBackup | None, now: datetime) -> bool:
    """Whether the last scheduled time, today's or yesterday's, has no backup after it."""
    if config.backup_hour is None:
        return False
    today = now.astimezone(config.timezone).date()
    due = datetime.combine(today, time(config.backup_hour), config.timezone)
    if due > now:
        yesterday = today - timedelta(days=1)
        due = datetime.combine(yesterday, time(config.backup_hour), config.timezone)
    return previous is None or previous.at < due


def restore(config: Config, source: Path) -> BackupContent:
    """Restore a backup to where there is no database.

    Everything is verified before the database gets its place. Raises BackupError or SchemaError.
    """
    _require_no_database(config)
    with _work_folder(config.instance) as work:
        draft = work / "copy"
        content = backup_files.unpack(source, draft)
        _require_same_key(config, content.key)
        backup_files.advance_numbers(draft)
        backup_files.end_sign_ins(draft)
        _put(draft, config.database)
        _sync(config.instance)
    return content


def rehearse(config: Config, folder: Path) -> Path:
    """Copy the database to a folder without one, marked as rehearsed; returns its path there.

    Raises StoreError, SchemaError or BackupError.
    """
    target = replace(config, database=folder.absolute() / "devis.sqlite3")
    _require_no_database(target)
    with _work_folder(target.instance) as work:
        draft = work / "copy"
        with opened(config.database, read_only=True) as db:
            migrations.check(db)
            backup_files.snapshot(db, config, draft, lambda: False)
        with opened(draft, create=True) as db, transaction(db):
            meta.put(db, meta.REHEARSAL, "1")
        _put(draft, target.database)
        _sync(target.instance)
    return target.database


def _require_no_database(config: Config) -> None:
    """Raise BackupError if there is a database, or a file of one, where one is to be."""
    for suffix in ("", "-wal", "-journal"):
        path = config.database.with_name(config.database.name + suffix)
        if exists(path):
            raise BackupError(
                "There is a database at %(path)s already, and nothing was restored: move it"
                " away, or set DEVIS_DATABASE to a file elsewhere.",
                path=path,
            )


def _require_same_key(config: Config, key: str | None) -> None:
    """Raise BackupError if an earlier version's key file has another key than the backup."""
    path = config.instance / signing_key.FILE
    if path.exists() and key is not None and path.read_text().strip() != key:
        raise BackupError(
            "The secret key %(path)s is not that of the backup, and nothing was restored: move"
            " it away.",
            path=path,
        )


def _put(draft: Path, path: Path) -> None:
    """Give a finished file its name, without replacing another file."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise BackupError(
            "There is a file %(path)s already, and nothing was restored.", path=path
        ) from None


def _record(config: Config, now: datetime, path: Path) -> str | None:
    """Record a backup in the database; returns the error where that fails: the backup is good."""
    try:
        with opened(config.database) as db, transaction(db):
            meta.put(db, backup_files.MADE_AT, now.isoformat(timespec="seconds"))
            meta.put(db, _PATH, str(path))
    except StoreError as error:
        return str(error)
    return None


def _rotate(created: Path, name: str, kind: str, keep: int) -> tuple[Path, ...]:
    """Delete the oldest backups of a site and kind, so that `keep` stay, `created` included.

    By the dates in their names: a copied file has another modification time.
    """
    dated = re.compile(rf"{re.escape(name)}-\d{{4}}-\d\d-\d\d-\d{{6}}{kind}{_ANY_SUFFIX}")
    others = (path for path in created.parent.iterdir() if path != created)
    found = sorted(path for path in others if dated.fullmatch(path.name))
    removed = tuple(found[: max(0, len(found) + 1 - keep)])
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _name(authority: str) -> str:
    """The beginning of a backup's file name, with the site: several may share a folder."""
    return "-".join(
        ["devis", *filter(None, [re.sub(r"[^A-Za-z0-9.]+", "-", authority).strip("-")])]
    )


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`, locked against other processes, deleted at the end.

    What a killed process left there is deleted first. OSErrors become BackupError.
    """
    work = folder / _WORK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / _LOCK, blocking=False):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(mode=0o700)
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
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


def _sync(folder: Path) -> None:
    """Sync a folder, so that a new name in it survives a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
