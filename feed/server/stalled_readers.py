"""Close connections whose client has stopped reading: hyper has no timeout for writing.

The kernel closes one when what was sent is not acknowledged for STALLED_SECONDS, or not asked for
although the client's buffer is full. Connections inherit this from the listening socket, which the
server makes itself. On Linux only.
"""

import os
import socket
import threading
import time

STALLED_SECONDS = 20
_WAIT_SECONDS = 30.0  # for the server to listen


def close_stalled_readers() -> None:
    """Set the timeout on the listening socket of this process, as soon as there is one."""
    if hasattr(socket, "TCP_USER_TIMEOUT") and os.path.isdir("/proc/self/fd"):
        threading.Thread(target=_wait_and_set, name="stalled readers", daemon=True).start()


def _wait_and_set() -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not _set_timeout() and time.monotonic() < deadline:
        time.sleep(0.05)


def _set_timeout() -> bool:
    """Whether a listening socket was found."""
    found = False
    for name in os.listdir("/proc/self/fd"):
        try:
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # no socket, or closed meanwhile
            continue
        with copy:
            if copy.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                milliseconds = STALLED_SECONDS * 1000
                copy.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
                found = True
    return found
