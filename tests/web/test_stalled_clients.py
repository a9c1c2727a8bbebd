"""Clients that stall in the middle of a request: they lose their connection, and hold up nobody."""

import re
import select
import socket
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from feed.server.processes import HEADER_SECONDS
from feed.web.middleware.gateway import BLOCKING_THREADS, BODY_SECONDS, MAX_BUFFERED_BYTES
from feed.web.middleware.headers import MAX_BODY_BYTES
from tests.conftest import fetch, wait_until
from tests.faults import abuse
from tests.mail_harness import PREFERENCES
from tests.server.test_serve import Running, start

__all__ = ["start"]  # a fixture

BODIES, HEADERS, TRICKLES = 64, 8, 4
DEADLINE = 30.0  # by which a stalled connection is closed
FORM = "application/x-www-form-urlencoded"


@dataclass
class Line:
    """A connection with an unfinished request, and what came back on it."""

    socket: socket.socket
    trickles: bool = False
    answer: bytes = b""
    closed: float | None = None  # of the monotonic clock

    def look(self) -> None:
        """Read what has come."""
        try:
            piece = self.socket.recv(65536)
        except ConnectionError:
            piece = b""
        self.answer += piece
        self.closed = None if piece else time.monotonic()

    def drip(self) -> None:
        """Send one byte more."""
        try:
            self.socket.sendall(b"x")
        except OSError:
            self.closed = time.monotonic()


@dataclass
class Stalled:
    """Many such connections to one server."""

    port: int
    lines: list[Line] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)

    def open(self, request: bytes, number: int = 1, *, trickles: bool = False) -> list[Line]:
        made = []
        for _ in range(number):
            connection = self.stack.enter_context(
                socket.create_connection(("127.0.0.1", self.port), timeout=10)
            )
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
                connection.sendall(request)
            made.append(Line(connection, trickles))
        self.lines += made
        return made

    def watch(self, seconds: float) -> None:
        """Wait until the server has closed them all, while some send a byte a second."""
        end, next_drip = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            left = {line.socket: line for line in self.lines if line.closed is None}
            if not left:
                return
            for ready in select.select(list(left), [], [], 0.2)[0]:
                left[ready].look()
            if time.monotonic() >= next_drip:
                next_drip = time.monotonic() + 1
                for line in left.values():
                    if line.trickles and line.closed is None:
                        line.drip()


def request(*headers: str, body: bytes = b"", path: str = "/en/subscribe/") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {FORM}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def stalled(start: Callable[..., Running]) -> Iterator[Callable[..., tuple[Running, Stalled]]]:
    """Starts a server; with it comes what opens connections to it."""
    with ExitStack() as stack:

        def run(**values: str) -> tuple[Running, Stalled]:
            running = start(**values)
            return running, Stalled(running.port, stack=stack)

        yield run


def sign_up(running: Running) -> int:
    """Fetch the form, fill it in and send it; the status of the answer."""
    page = running.get("/en/subscribe/").body.decode()
    found = re.search(r'name="stamp" value="([^"]+)"', page)
    assert found
    given = {**PREFERENCES, "address": "anna@example.org", "comment": "", "stamp": found[1]}
    with urllib.request.urlopen(
        running.url("/en/subscribe/"), urlencode(given).encode(), timeout=10
    ) as answer:
        return int(answer.status)


def test_stalled_clients_are_closed_and_hold_up_nobody(
    stalled: Callable[..., tuple[Running, Stalled]],
) -> None:
    running, crowd = stalled(WEB_WORKERS="2")
    running.get("/en/")
    began = time.monotonic()
    bodies = crowd.open(request("Content-Length: 400000", body=b"abc"), BODIES)
    bodies += crowd.open(request("Content-Length: 400000"), TRICKLES, trickles=True)
    bodies += crowd.open(request("Transfer-Encoding: chunked", body=b"3\r\nabc\r\n"), TRICKLES)
    crowd.open(b"GET /en/ HTTP/1.1\r\nHost: loc", HEADERS)
    crowd.open(b"GET /en/ HTTP/1.1\r\nX-Slow: ", TRICKLES, trickles=True)
    crowd.stack.enter_context(abuse.stalling(running.port, abuse.SLOW_READER))
    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(crowd.watch, DEADLINE)
        took = []
        while time.monotonic() < began + 8:
            asked = time.monotonic()
            assert running.get("/en/").status == 200
            assert running.get("/en/principles/?q=trust").status == 200
            took.append((time.monotonic() - asked) / 2)
        assert sign_up(running) == 200
        assert not any(line.closed for line in bodies[:BODIES])  # they were there all the time
        watched.result()
    wait_until(lambda: abuse.established(running.port) == 0, began + DEADLINE - time.monotonic())
    assert statistics.median(took) < 0.5
    assert max(took) < 3
    ends = [line.closed - began for line in crowd.lines if line.closed is not None]
    assert len(ends) == len(crowd.lines)
    assert min(BODY_SECONDS, HEADER_SECONDS) - 1 < min(ends) <= max(ends) < DEADLINE
    assert {line.answer[:12] for line in bodies} == {b"HTTP/1.1 408"}
    assert "Traceback" not in running.stop()


def test_a_server_with_stalled_clients_stops_in_time(
    stalled: Callable[..., tuple[Running, Stalled]],
) -> None:
    running, crowd = stalled()
    crowd.open(request("Content-Length: 400000", body=b"abc"), 2 * BLOCKING_THREADS)
    assert running.get("/en/").status == 200
    running.stop()
    assert running.gone()


@pytest.fixture(scope="module")
def port(live: str) -> int:
    return int(live.rpartition(":")[2])


def answered(port: int, sent: bytes) -> bytes:
    """What the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(port: int) -> None:
    began = time.monotonic()
    for extra in ((), ("Expect: 100-continue",)):
        answer = answered(port, request(f"Content-Length: {MAX_BODY_BYTES + 1}", *extra))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"content-security-policy" in answer
    assert time.monotonic() - began < BODY_SECONDS / 2


def test_a_chunked_body_that_grows_too_large_is_refused(port: int) -> None:
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request("Transfer-Encoding: chunked"))
        for _ in range(MAX_BODY_BYTES // 0x100000):
            connection.sendall(chunk)
        connection.sendall(b"1\r\nx\r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_large_bodies_are_held_up_to_a_limit_and_small_ones_always(live: str, port: int) -> None:
    large = request(f"Content-Length: {MAX_BODY_BYTES}", body=b"x" * (MAX_BODY_BYTES - 1))
    with ExitStack() as stack:
        crowd = Stalled(port, stack=stack)
        crowd.open(large, MAX_BUFFERED_BYTES // MAX_BODY_BYTES + 1)
        refused = select.select([line.socket for line in crowd.lines], [], [], BODY_SECONDS / 2)[0]
        assert [line.recv(12) for line in refused] == [b"HTTP/1.1 503"]
        assert fetch(live + "/en/", "POST", Content_Length="0").status == 405
        small = request("Content-Length: 9", "Connection: close", body=b"address=a")
        assert answered(port, small).startswith(b"HTTP/1.1 4")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(large + b"x")
        assert connection.recv(12) not in (b"", b"HTTP/1.1 503")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_in_pieces_arrives_whole(port: int, chunked: bool) -> None:
    """The page says what is wrong with the address that was sent, however it was sent."""
    body = urlencode({"address": "not-an-address", "language": "en"}).encode()
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    headers = ["Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request(*headers, "Connection: close"))
        for piece in pieces:
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            time.sleep(0.01)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        answer = b""
        while received := connection.recv(65536):
            answer += received
    assert b'value="not-an-address"' in answer


def test_a_body_that_ends_early_is_no_request(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request("Content-Length: 400", body=b"address=a"))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(12) in (b"", b"HTTP/1.1 400")


def test_headers_of_one_name_are_one_and_none_passes_for_another(live: str, port: int) -> None:
    def get(path: str, *headers: str, number: int = 1) -> bytes:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers]
        one = "\r\n".join([*lines, "", ""])
        last = "\r\n".join([*lines, "Connection: close", "", ""])
        return answered(port, (one * (number - 1) + last).encode())

    tag = fetch(live + "/en/").headers["etag"]
    answer = get("/en/", 'If-None-Match: "other"', f"If-None-Match: {tag}", number=5)
    assert answer.count(b"HTTP/1.1 304 ") == 5
    assert b"location: /sv/" in get("/", "Accept-Language: de;q=0.2", "Accept-Language: sv;q=0.1")
    assert b"location: /en/" in get("/", "Accept_Language: sv")
