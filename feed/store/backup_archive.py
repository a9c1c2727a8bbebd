"""The file that a backup is: a compressed tar that tells first what is in it.

`tar xzf` opens it anywhere. Its first member is `manifest.json`, with the size and the SHA-256 of
those that follow. gzip, as the standard library reads it on every machine that a restore may happen
on.
"""

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from feed.errors import BackupError

MANIFEST = "manifest.json"
FORMAT = 1
LEVEL = 6
CHUNK = 1 << 20
LONGEST_MANIFEST = 1 << 20
_NAME = re.compile("[a-z][a-z0-9_.]{0,99}")  # of a part
# What a damaged file does to those who read it, and what a foreign or forged manifest does.
_DAMAGED = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
_FOREIGN = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

Look = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A file in a backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup tells about itself: who made it when, and how many rows each table has."""

    made: datetime
    version: str
    authority: str
    schema: tuple[str, ...]
    counts: Mapping[str, int]
    files: Mapping[str, Part]
    format: int = FORMAT


def part(path: Path, look: Look) -> Part:
    """What a manifest tells of a file."""
    with path.open("rb") as file:
        return _copied(file, None, look)


def write(target: Path, manifest: Manifest, files: Sequence[Path], look: Look) -> None:
    """Write a backup, for its owner only, and see it on the disk."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with (
            gzip.GzipFile(fileobj=out, mode="wb", compresslevel=LEVEL, filename="") as packed,
            tarfile.open(fileobj=packed, mode="w|") as tar,
        ):
            text = json.dumps(_as_json(manifest), indent=1, ensure_ascii=False).encode()
            tar.addfile(_member(MANIFEST, len(text), manifest.made), io.BytesIO(text))
            for path in files:
                with path.open("rb") as file:
                    member = _member(path.name, path.stat().st_size, manifest.made)
                    tar.addfile(member, _Watched(file, look))
        out.flush()
        os.fsync(out.fileno())


def unpack(source: Path, folder: Path, accept: Callable[[Manifest], None]) -> Manifest:
    """Write what a backup holds into an empty folder, each part as its manifest says it is.

    `accept` sees the manifest before anything is written, and may raise. Raises BackupError for a
    file that is none of ours or is damaged, OSError where `folder` cannot be written.
    """
    try:
        packed = gzip.open(source)  # noqa: SIM115 – closed below; opening has errors of its own
    except OSError as error:
        raise BackupError(
            "%(path)s cannot be read: %(detail)s.", path=source, detail=error.strerror
        ) from error
    with packed:
        try:
            tar = tarfile.open(fileobj=packed, mode="r|")  # noqa: SIM115
            manifest = _read(tar)
        except (*_DAMAGED, *_FOREIGN) as error:
            raise BackupError("%(path)s is not a backup of Devis.", path=source) from error
        accept(manifest)
        try:
            _unpack(tar, folder, manifest)
        except _DAMAGED as error:
            raise damaged(source, str(error) or type(error).__name__) from error
    return manifest


def damaged(source: Path, detail: str) -> BackupError:
    """The error that tells of a damaged backup."""
    message = "The backup %(path)s is damaged or not whole (%(detail)s): take another one."
    return BackupError(message, path=source, detail=detail)


def _unpack(tar: tarfile.TarFile, folder: Path, manifest: Manifest) -> None:
    missing = dict(manifest.files)
    while (member := tar.next()) is not None:
        expected = missing.pop(member.name, None)
        file = tar.extractfile(member)
        if expected is None or file is None or member.size != expected.size:
            raise tarfile.ReadError(f"{member.name} does not belong there")
        with open(folder / member.name, "xb", opener=_private) as out:
            if _copied(file, out, lambda: None) != expected:
                raise tarfile.ReadError(f"{member.name} has changed")
            out.flush()
            os.fsync(out.fileno())
    if missing:
        raise tarfile.ReadError(f"no {', '.join(missing)}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read(tar: tarfile.TarFile) -> Manifest:
    member = tar.next()
    if member is None or member.name != MANIFEST or member.size > LONGEST_MANIFEST:
        raise ValueError("no manifest")
    file = tar.extractfile(member)
    given: dict[str, Any] = json.loads(file.read() if file else b"")
    names = {name: Path(name).name for name in given["files"]}
    if not all(map(_NAME.fullmatch, names.values())):
        raise ValueError("a part with an odd name")
    return Manifest(
        made=datetime.fromisoformat(given["made"]),
        version=str(given["version"]),
        authority=str(given["authority"]),
        schema=tuple(map(str, given["schema"])),
        counts={str(name): int(number) for name, number in given["counts"].items()},
        files={
            names[name]: Part(int(each["size"]), str(each["sha256"]))
            for name, each in given["files"].items()
        },
        format=int(given["format"]),
    )


def _as_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": manifest.format,
        "made": manifest.made.isoformat(timespec="seconds"),
        "version": manifest.version,
        "authority": manifest.authority,
        "schema": list(manifest.schema),
        "counts": dict(manifest.counts),
        "files": {
            name: {"size": each.size, "sha256": each.sha256}
            for name, each in manifest.files.items()
        },
    }


def _member(name: str, size: int, made: datetime) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(made.timestamp())
    return member


def _copied(file: IO[bytes], out: IO[bytes] | None, look: Look) -> Part:
    size, digest = 0, hashlib.sha256()
    while chunk := file.read(CHUNK):
        look()
        digest.update(chunk)
        size += len(chunk)
        if out is not None:
            out.write(chunk)
    return Part(size, digest.hexdigest())


class _Watched(io.RawIOBase):
    """A file that is looked at while it is read."""

    def __init__(self, file: IO[bytes], look: Look) -> None:
        self._file, self._look = file, look

    def read(self, size: int = -1) -> bytes:
        self._look()
        return self._file.read(size)
