"""The file format of backups: a gzip-compressed SQLite database made by VACUUM INTO.

`gunzip` and the `sqlite3` shell open it anywhere. Besides all tables it holds the signing key, and
in the table `meta` when and by which version it was made.
"""

import gzip
import hashlib
import json
import os
import secrets
import tarfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from sqlite_utils import Database

from feed import __version__
from feed.config import Config
from feed.errors import BackupError, SchemaError, StoreError
from feed.store import meta, migrations, signing_key
from feed.store.connection import opened, transaction

MADE_AT, VERSION = "backup_at", "backup_version"  # keys in `meta`
_SQLITE = b"SQLite format 3\0"
_LEVEL = 6
_CHUNK = 1 << 20
_INSTRUCTIONS = 10_000  # of SQLite between two looks at `should_stop`
_LEAST_STEP, _STEPS = 1 << 24, 1 << 36  # by which numbers are advanced
FIRST_MEMBER = b"manifest.json"  # of a backup in the earlier format, a tar archive
_MAX_MANIFEST = 1 << 20  # bytes
# What a malformed manifest makes json and its readers raise.
_MALFORMED = (KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_DAMAGED = (gzip.BadGzipFile, zlib.error, EOFError, tarfile.TarError, ValueError)

ShouldStop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class BackupContent:
    """What a backup says about itself: when it was made, and its signing key."""

    made: datetime
    key: str | None


def snapshot(db: Database, config: Config, target: Path, should_stop: ShouldStop) -> None:
    """Copy a database that others may be writing to, as of one moment, and store the key in it.

    Raises SchemaError for the database of another program, StoreError for a damaged one or a full
    disk, and BackupError if `should_stop` returns True meanwhile.
    """
    if not migrations.applied(db):
        raise SchemaError("The file is not a database of Devis.")
    key = signing_key.find(db, config)
    db.conn.set_progress_handler(should_stop, _INSTRUCTIONS)
    try:
        _refuse_damaged(fault(db, quick=True))
        db.execute("PRAGMA query_only = OFF")  # it forbids VACUUM INTO, which only reads this one
        db.execute("VACUUM INTO ?", [str(target)])
    except StoreError:
        if should_stop():
            raise BackupError("The backup was stopped before its end.") from None
        raise
    finally:
        db.conn.set_progress_handler(None, 0)
    target.chmod(0o600)
    with opened(target) as copy:
        if key is not None:
            with transaction(copy):
                meta.put(copy, signing_key.META_KEY, key.decode())
        _refuse_damaged(fault(copy))


def label(copy: Path, now: datetime) -> int:
    """Record time and version in a snapshot; returns the number of rows of all its tables."""
    with opened(copy) as db:
        with transaction(db):
            meta.put(db, MADE_AT, now.isoformat(timespec="seconds"))
            meta.put(db, VERSION, __version__)
        return sum(
            db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in db.table_names()
        )


def compress(source: Path, target: Path, should_stop: ShouldStop) -> None:
    """Write `source` compressed to a new file of mode 0600, sync it, and read it back.

    Raises BackupError if `should_stop` returns True, or if the disk returns something else.
    """
    written = hashlib.sha256()
    with open(target, "xb", opener=_private) as out:
        with (
            source.open("rb") as file,
            gzip.GzipFile(fileobj=out, mode="wb", compresslevel=_LEVEL, filename="") as zipped,
        ):
            while chunk := file.read(_CHUNK):
                if should_stop():
                    raise BackupError("The backup was stopped before its end.")
                written.update(chunk)
                zipped.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    with gzip.open(target) as again:
        read = hashlib.file_digest(again, "sha256")
    if read.digest() != written.digest():
        raise BackupError("The backup was not written correctly: check the disk.")


def unpack(source: Path, target: Path) -> BackupContent:
    """Write the database of a backup, current or tar format, to a new file, and verify it.

    Raises BackupError for a file that is not a backup or is damaged, SchemaError for one that a
    newer version made, and OSError where `target` cannot be written.
    """
    target.touch(mode=0o600)
    try:
        unzipped = gzip.open(source)  # noqa: SIM115 – closed below; opening has errors of its own
    except OSError as error:
        raise BackupError(
            "%(path)s cannot be read: %(detail)s.", path=source, detail=error.strerror
        ) from error
    with unzipped:
        content = cast("IO[bytes]", unzipped)
        head = b""
        with suppress(*_DAMAGED):
            head = unzipped.peek(len(_SQLITE))
        try:
            if head.startswith(_SQLITE):
                _copy(content, target)
            elif head.startswith(FIRST_MEMBER):
                _unpack_tar(content, target)
            else:
                raise BackupError("%(path)s is not a backup of Devis.", path=source)
        except _DAMAGED as error:
            raise _damaged(source, str(error) or type(error).__name__) from error
    try:
        return _verified(source, target)
    except StoreError as error:
        raise _damaged(source, str(error.values.get("detail", error))) from error
    except ValueError as error:  # the time
        raise _damaged(source, str(error)) from error


def _verified(source: Path, target: Path) -> BackupContent:
    with opened(target, create=True) as db:  # with write-ahead logging, as every database here
        detail = fault(db)
        if detail is not None:
            raise _damaged(source, detail)
        applied = migrations.applied(db)
        made = meta.get(db, MADE_AT) if applied else None
        if made is None:
            raise BackupError("%(path)s is not a backup of Devis.", path=source)
        if set(applied) - migrations.NAMES:
            raise SchemaError(
                "The backup was made by a newer program, version %(version)s: install that"
                " version.",
                version=meta.get(db, VERSION),
            )
        return BackupContent(datetime.fromisoformat(made), meta.get(db, signing_key.META_KEY))


def _unpack_tar(unzipped: IO[bytes], target: Path) -> None:
    made, version, key = _read_tar(unzipped, target)
    with opened(target) as db:
        if migrations.applied(db):
            with transaction(db):
                meta.put(db, MADE_AT, made)
                meta.put(db, VERSION, version)
                if key is not None:
                    meta.put(db, signing_key.META_KEY, key)


def fault(db: Database, *, quick: bool = False) -> str | None:
    """The first fault that SQLite's integrity check finds; None if there is none.

    The quick one does not compare indexes with their tables.
    """
    (result,) = db.execute(f"PRAGMA {'quick' if quick else 'integrity'}_check(1)").fetchone()
    return None if result == "ok" else str(result)


def advance_numbers(path: Path) -> None:
    """Advance the AUTOINCREMENT counters, so that no number is given out a second time.

    Links in e-mails that were sent after the backup contain numbers of subscribers: they must not
    open the pages of new ones. The step is random, as a backup may be restored more than once.
    """
    step = _LEAST_STEP + secrets.randbelow(_STEPS)
    with opened(path) as db, transaction(db):
        counting = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
        for (name,) in db.execute(counting).fetchall():
            advance = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?"
            if not db.execute(advance, [step, name]).rowcount:  # the table had no row yet
                db.execute("INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)", [step, name])


def end_sign_ins(path: Path) -> None:
    """End the sessions, and void the links and challenges, that a backup brings back.

    They may have been ended, or used, after the backup.
    """
    with opened(path) as db, transaction(db):
        known = set(db.table_names())
        for table in ("sessions", "challenges"):
            if table in known:
                db.execute(f"DELETE FROM {table}")
        for table, begun in (("outbox", "created"), ("desk_notices", "asked")):
            if table in known:
                void = f"UPDATE {table} SET used = {begun}"
                db.execute(f"{void} WHERE expires NOTNULL AND used IS NULL")


def _refuse_damaged(detail: str | None) -> None:
    if detail is not None:
        raise StoreError(
            "The database is damaged (%(detail)s), and was not backed up: move it away and run"
            " “devis restore” with an earlier backup.",
            detail=detail,
        )


def _damaged(source: Path, detail: str) -> BackupError:
    return BackupError(
        "The backup %(path)s is damaged or incomplete (%(detail)s): use another one.",
        path=source,
        detail=detail,
    )


def _copy(file: IO[bytes], target: Path) -> None:
    with target.open("wb") as out:
        while chunk := file.read(_CHUNK):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read_tar(unzipped: IO[bytes], target: Path) -> tuple[str, str, str | None]:
    """Write the database of a tar backup to `target`, which exists and is empty.

    Returns when and by which version the backup was made, and the secret key if it has one. Raises
    tarfile.TarError or ValueError for an archive that does not match its manifest, and OSError
    where `target` cannot be written.
    """
    key = None
    with tarfile.open(fileobj=unzipped, mode="r|") as tar:
        made, version, checksums = _manifest(tar)
        while (member := tar.next()) is not None:
            file = tar.extractfile(member)
            expected = checksums.pop(member.name, None)
            if expected is None or file is None:
                raise tarfile.ReadError(f"{member.name} is not in the manifest")
            if member.name == "secret_key":
                content = file.read(_CHUNK)
                key, found = content.decode().strip(), hashlib.sha256(content).hexdigest()
            else:
                found = _copy_hashed(file, target)
            if found != expected:
                raise tarfile.ReadError(f"{member.name} has changed")
    if checksums:
        raise tarfile.ReadError(f"no {', '.join(sorted(checksums))}")
    return made, version, key


def _manifest(tar: tarfile.TarFile) -> tuple[str, str, dict[str, str]]:
    """Time, version, and the SHA-256 of each file by name."""
    member = tar.next()
    file = tar.extractfile(member) if member and member.size <= _MAX_MANIFEST else None
    if member is None or member.name != FIRST_MEMBER.decode() or file is None:
        raise ValueError("no manifest")
    try:
        manifest: dict[str, Any] = json.loads(file.read())
        made = datetime.fromisoformat(manifest["made"]).isoformat(timespec="seconds")
        checksums = {name: str(part["sha256"]) for name, part in manifest["files"].items()}
    except _MALFORMED as error:
        raise ValueError("a malformed manifest") from error
    if not {"devis.sqlite3"} <= checksums.keys() <= {"devis.sqlite3", "secret_key"}:
        raise ValueError("a manifest of other files")
    return made, str(manifest.get("version")), checksums


def _copy_hashed(file: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()
