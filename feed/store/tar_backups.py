"""Reader for backups of earlier versions: a .tar.gz with manifest, database and secret key."""

import hashlib
import json
import tarfile
from datetime import datetime
from pathlib import Path
from typing import IO, Any

FIRST_MEMBER = b"manifest.json"
_MAX_MANIFEST = 1 << 20  # bytes
_CHUNK = 1 << 20
# What a malformed manifest makes json and its readers raise.
_MALFORMED = (KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def unpack(unzipped: IO[bytes], target: Path) -> tuple[str, str, str | None]:
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
                found = _copy(file, target)
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


def _copy(file: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()
