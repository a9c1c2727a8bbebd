"""A load at its own pace: each request is due at its time, however long the answers take.

What an answer took counts from when its request was due: where the server stops for a second, every
reader who would have come within that second has waited, and not just those who had asked.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONNECTIONS = 64
PATIENCE = 30.0  # seconds
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag: *([^\r]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of some kind; `again` by a reader who has the last answer to it."""

    kind: str
    path: str
    coding: str = ""
    again: bool = False


@dataclass
class Heard:
    """The result of a load: seconds by kind, responses by status, and errors.

    `late` is how many seconds after it was due a connection was free for each request.
    """

    took: dict[str, list[float]] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return len(self.late)


def run(address: str, asks: Iterable[Ask], rate: float, seconds: float, seed: int = 1) -> Heard:
    """Send `rate` requests a second at random moments, then wait for the last responses."""
    place = urlsplit(address)
    assert place.hostname
    assert place.port
    return asyncio.run(_Load(place.hostname, place.port, seed).go(iter(asks), rate, seconds))


class _Line(asyncio.Protocol):
    """A persistent connection with one request at a time."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._whole = 0  # bytes of the answer, once its head is there
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self._whole:
            end = self._bytes.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._bytes[:end])
            length = _LENGTH.search(self._head)
            has_body = length is not None and self._status != 304
            self._whole = end + 4 + (int(length[1]) if length and has_body else 0)
        if len(self._bytes) >= self._whole:
            assert self._answer is not None, "more than was asked for"
            del self._bytes[: self._whole]
            self._whole = 0
            self._answer.set_result((self._status, self._head))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed within an answer"))

    @property
    def _status(self) -> int:
        return int(self._head[9:12])

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the head of the answer. Raises OSError."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await asyncio.wait_for(self._answer, PATIENCE)


class _Load:
    def __init__(self, host: str, port: int, seed: int) -> None:
        self._place = (host, port)
        self._chance = random.Random(seed)
        self._etags: dict[tuple[str, str], bytes] = {}
        self._due: asyncio.Queue[tuple[float, Ask] | None] = asyncio.Queue()
        self._heard = Heard()

    async def go(self, asks: Iterator[Ask], rate: float, seconds: float) -> Heard:
        lines = [asyncio.create_task(self._keep_asking()) for _ in range(CONNECTIONS)]
        loop = asyncio.get_running_loop()
        due = loop.time()
        end = due + seconds
        while (due := due + self._chance.expovariate(rate)) < end:
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._due.put_nowait((due, next(asks)))
        for _ in lines:
            self._due.put_nowait(None)
        await asyncio.gather(*lines)
        return self._heard

    async def _keep_asking(self) -> None:
        loop, heard = asyncio.get_running_loop(), self._heard
        line: _Line | None = None
        while (given := await self._due.get()) is not None:
            due, ask = given
            heard.late.append(loop.time() - due)
            try:
                if line is None or line.transport.is_closing():
                    _, line = await loop.create_connection(_Line, *self._place)
                status, head = await line.ask(self._request(ask))
            except OSError as error:
                heard.wrong[f"{ask.path}: {error!r}"] += 1
                if line is not None:
                    line.transport.abort()
                continue
            heard.took.setdefault(ask.kind, []).append(loop.time() - due)
            heard.statuses[status] += 1
            if status == 200 and (etag := _ETAG.search(head)):
                self._etags[ask.path, ask.coding] = etag[1]
            elif status not in (200, 304):
                heard.wrong[f"{ask.path}: {status}"] += 1
        if line is not None:
            line.transport.close()

    def _request(self, ask: Ask) -> bytes:
        """As one of many readers behind a proxy sends it."""
        reader = f"10.1.{self._chance.randrange(256)}.{self._chance.randrange(256)}"
        lines = [f"GET {ask.path} HTTP/1.1", "Host: localhost", f"X-Forwarded-For: {reader}"]
        if ask.coding:
            lines.append(f"Accept-Encoding: {ask.coding}")
        request = "\r\n".join(lines).encode()
        if ask.again and (etag := self._etags.get((ask.path, ask.coding))):
            request += b"\r\nIf-None-Match: " + etag
        return request + b"\r\n\r\n"
