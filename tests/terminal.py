"""`devis serve` on a pseudo-terminal, as a person starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Command


@contextmanager
def served_on_terminal(command: Command, **values: str) -> Iterator[str]:
    """A running `devis serve`, and what it printed at its start."""
    reader, terminal = os.openpty()
    environ = command.environ | {f"DEVIS_{name}": text for name, text in values.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "feed", "serve"],
        cwd=command.folder,
        env=environ,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        said = b""
        while b"Stop with" not in said:
            said += os.read(reader, 4096)
        yield said.decode().replace("\r\n", "\n")
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            os.close(reader)
