"""The gateway between the server's event loop (RSGI) and the WSGI application.

An answer that the page cache has at hand leaves on the event loop. Everything else runs in a few
threads, once the body of the request has arrived: a client that stalls holds a socket, no thread.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Protocol

from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout, ServiceUnavailable

from feed.web.middleware.headers import LARGEST_BODY, PUBLIC
from feed.web.middleware.page_cache import UNKNOWN, Header, PageCache, Reply
from feed.web.middleware.wsgi_environ import Scope, conditional_environ, full_environ

BLOCKING_THREADS = 4
BODY_SECONDS = 20.0  # for a body to arrive, and a second more
SLOWEST = 64 * 1024  # for every so many bytes that have
SMALL_BODY = 64 * 1024  # always taken
HELD_BYTES = 32 * 1024 * 1024  # of bodies at once in a process; then larger ones are refused
SHORT = 1024  # characters of conditions that are compared on the event loop

READING = ("GET", "HEAD")  # the body of such a request, if any, means nothing and is not read


class RsgiProtocol(Protocol):
    """RSGI's protocol object: the body in pieces, and the way back."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None: ...


class Gateway:
    """An RSGI application that answers with what `cache` answers."""

    def __init__(self, cache: PageCache) -> None:
        self._cache = cache
        self._pool = ThreadPoolExecutor(BLOCKING_THREADS, "wsgi")
        self._held = 0  # bytes of bodies

    async def __call__(self, scope: Scope, exchange: RsgiProtocol) -> None:
        """Answer one request."""
        headers = scope.headers
        environ = conditional_environ(scope, headers)
        reply = None
        if environ["REQUEST_METHOD"] in READING and sum(map(len, environ.values())) < SHORT:
            reply = self._cache.hit(environ)
        if reply is None:
            reply = await self._made(environ | full_environ(scope, headers), exchange)
        status, fields, body = reply
        exchange.response_bytes(int(status[:3]), fields, body)

    async def _made(self, environ: dict[str, Any], exchange: RsgiProtocol) -> Reply:
        """The application's answer in a thread, or a refusal where the body does not arrive."""
        body = BytesIO()
        try:
            try:
                length = await self._receive(environ, exchange, body)
            except TimeoutError:
                return self._refusal(RequestTimeout())
            except HTTPException as error:
                return self._refusal(error)
            body.seek(0)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
            loop = asyncio.get_running_loop()
            reply = await loop.run_in_executor(self._pool, self._cache.reply, environ)
        finally:
            self._held -= len(body.getbuffer())
        status, headers, answer = reply
        if length > LARGEST_BODY:  # the rest of it is not read
            headers = [*headers, ("Connection", "close")]
        return status, headers, answer

    async def _receive(self, environ: dict[str, Any], exchange: RsgiProtocol, body: BytesIO) -> int:
        """Read a body, and return its length; one above LARGEST_BODY is not read to its end.

        Raises TimeoutError, BadRequest if it ends early, ServiceUnavailable if too many are held.
        """
        if environ["REQUEST_METHOD"] in READING:
            return 0
        declared = environ.get("CONTENT_LENGTH")
        is_chunked = environ.pop("HTTP_TRANSFER_ENCODING", None) is not None
        if int(declared or 0) > LARGEST_BODY or not (declared or is_chunked):
            return int(declared or 0)
        began, size = asyncio.get_running_loop().time(), 0
        async with asyncio.timeout(BODY_SECONDS) as deadline:
            async for piece in exchange:
                size += body.write(piece)
                self._held += len(piece)
                if size > LARGEST_BODY:
                    return size
                if size > SMALL_BODY and self._held > HELD_BYTES:
                    raise ServiceUnavailable
                deadline.reschedule(began + BODY_SECONDS + size / SLOWEST)
        if declared and size != int(declared):
            raise BadRequest
        return size

    def _refusal(self, error: HTTPException) -> Reply:
        status = f"{error.code} {error.name}"
        self._cache.count(UNKNOWN, status)
        kind = ("Content-Type", "text/plain; charset=utf-8")
        headers = [*PUBLIC.items(), kind, ("Cache-Control", "no-store"), ("Connection", "close")]
        return status, headers, f"{error.description}\n".encode()
