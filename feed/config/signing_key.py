"""The key that signs links: from the settings, or made once and kept in the instance."""

import os
import secrets
import threading
from pathlib import Path

from feed.config import Config
from feed.config.parsing import SHORTEST_KEY
from feed.errors import SettingError

FILE = "secret_key"


def key(config: Config) -> bytes:
    """The key that signs links: the setting, else one made once and kept in the instance.

    Raises SettingError where the instance's own cannot be read or made.
    """
    if config.secret is not None:
        return config.secret.encode()
    path = config.instance / FILE
    try:
        if not path.exists():
            _keep(path, secrets.token_urlsafe(48))
        key = path.read_text().strip()
    except OSError as error:
        raise SettingError(
            "The secret key %(path)s cannot be read or made: %(detail)s.",
            path=path,
            detail=error.strerror,
        ) from error
    if len(key) < SHORTEST_KEY:
        raise SettingError(
            "The secret key %(path)s is damaged: restore it from a backup.", path=path
        )
    return key.encode()


def known(config: Config) -> bytes | None:
    """The key that signs links, if there is one yet; none is made. Raises SettingError."""
    if config.secret is None and not (config.instance / FILE).exists():
        return None
    return key(config)


def _keep(path: Path, text: str) -> None:
    """Write a file for its owner only, whole or not at all; the first of several writers wins."""
    # Threads of one process may all be the first to need it.
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
