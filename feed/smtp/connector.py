"""Opening connections beside the sending."""

import socket
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from feed.smtp.connect import OpenConnection


class Connector:
    """Opens lines, each in a thread of its own, so that a slow handshake holds up nobody.

    `signal` can be read when one of them is there, or failed.
    """

    def __init__(self, open_one: Callable[[], OpenConnection]) -> None:
        self.pending = 0
        self.signal, self._bell = socket.socketpair()
        self._open_one = open_one
        self._results: SimpleQueue[OpenConnection | Exception] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Open another line."""
        self.pending += 1
        threading.Thread(target=self._open, name="mail-opening", daemon=True).start()

    def results(self) -> Iterator[OpenConnection | Exception]:
        """What has come of it so far."""
        self.signal.recv(4096)
        while True:
            try:
                result = self._results.get_nowait()
            except Empty:
                return
            self.pending -= 1
            yield result

    def close(self) -> None:
        """Lines that were opened too late are closed as soon as they are there."""
        with self._lock:
            self._closed = True
        while self.pending:
            try:
                result = self._results.get_nowait()
            except Empty:
                break
            if isinstance(result, OpenConnection):
                result.sock.close()
        self.signal.close()
        self._bell.close()

    def _open(self) -> None:
        result: OpenConnection | Exception
        try:
            result = self._open_one()
        except Exception as error:  # the sending thread raises it
            result = error
        with self._lock:
            if not self._closed:
                self._results.put(result)
                self._bell.send(b"\0")
            elif isinstance(result, OpenConnection):
                result.sock.close()
