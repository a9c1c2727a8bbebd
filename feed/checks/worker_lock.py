"""The file lock of the active worker, and whether it is held."""

import fcntl

from feed.config import Config

LOCK_NAME = "worker.lock"


def is_held(config: Config) -> bool:
    """Whether a worker is active on this installation.

    Asks with a shared lock on a read-only file descriptor: the instance may be read-only.
    """
    try:
        with (config.instance / LOCK_NAME).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
