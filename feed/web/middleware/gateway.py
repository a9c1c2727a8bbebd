"""Gateway from Granian's RSGI interface to the page cache and the WSGI application.

Cache hits are answered on the event loop. Everything else runs in a few threads, after the body of
the request has arrived: a slow client occupies a socket, but no thread. Costly work has threads of
its own, and a queue in which one network has a few places only: it never holds up the rest.
"""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Protocol

from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestTimeout,
    ServiceUnavailable,
    TooManyRequests,
)

from feed.config.parsing import Network
from feed.web.errors import API
from feed.web.middleware.client_ip import network_of
from feed.web.middleware.headers import MAX_BODY_BYTES, PUBLIC, cross_origin
from feed.web.middleware.page_cache import UNKNOWN, Header, PageCache, Reply

BLOCKING_THREADS, COSTLY_THREADS = 4, 2
# Searches, pictures, uncached API calls, previews, imports and exports.
COSTLY = re.compile(r"/api/|/desk/(preview|exchange|subscribers/import)/|/(?!static/).*\.png$")
SEARCH = re.compile(r"(.*&)?q=[^&]")
MAX_COSTLY = 16  # costly requests of one network, running or waiting; then it gets 429
BODY_SECONDS = 20.0  # for a body to arrive, and a second more
MIN_BYTES_PER_SECOND = 64 * 1024  # for every so many bytes received
SMALL_BODY = 64 * 1024  # accepted even when MAX_BUFFERED_BYTES are in use
MAX_BUFFERED_BYTES = 32 * 1024 * 1024  # of all bodies in a process; then larger ones get 503
MAX_FAST_LENGTH = 1024  # characters of request headers that the event loop may compare

SAFE_METHODS = ("GET", "HEAD")  # a body of such a request is ignored

# Request header to WSGI variable: what the page cache reads.
CONDITIONS = {
    "accept-encoding": "HTTP_ACCEPT_ENCODING",
    "if-none-match": "HTTP_IF_NONE_MATCH",
    "if-modified-since": "HTTP_IF_MODIFIED_SINCE",
}


class Headers(Protocol):
    """Request headers as RSGI has them; names in lower case."""

    def __contains__(self, key: str) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def get_all(self, key: str) -> list[str]: ...


class Scope(Protocol):
    """A request as RSGI describes it; `server` and `client` are "address:port"."""

    method: str
    path: str
    query_string: str
    http_version: str
    scheme: str
    server: str
    client: str
    authority: str | None
    headers: Headers


class RsgiProtocol(Protocol):
    """RSGI's protocol object: iterates over the request body and sends the response."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None: ...


class Gateway:
    """RSGI application in front of a page cache."""

    def __init__(self, cache: PageCache, proxies: Sequence[Network] = ()) -> None:
        self._cache, self._proxies = cache, proxies
        self._pool = ThreadPoolExecutor(BLOCKING_THREADS, "wsgi")
        self._costly_pool = ThreadPoolExecutor(COSTLY_THREADS, "costly")
        self._costly: Counter[str] = Counter()  # requests by network
        self._buffered = 0  # bytes of request bodies

    async def __call__(self, scope: Scope, exchange: RsgiProtocol) -> None:
        """Handle one request."""
        headers = scope.headers
        environ = conditional_environ(scope, headers)
        reply = None
        if (
            environ["REQUEST_METHOD"] in SAFE_METHODS
            and sum(map(len, environ.values())) < MAX_FAST_LENGTH
        ):
            reply = self._cache.hit(environ)
        if reply is None:
            reply = await self._respond(environ | full_environ(scope, headers), exchange)
        status, fields, body = reply
        exchange.response_bytes(int(status[:3]), fields, body)

    async def _respond(self, environ: dict[str, Any], exchange: RsgiProtocol) -> Reply:
        """The application's response from a thread, or an error if the body does not arrive."""
        body = BytesIO()
        try:
            try:
                length = await self._receive(environ, exchange, body)
            except TimeoutError:
                return self._error(RequestTimeout(), environ)
            except HTTPException as error:
                return self._error(error, environ)
            body.seek(0)
            environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
            reply = await self._run(environ)
        except TooManyRequests as error:
            return self._error(error, environ)
        finally:
            self._buffered -= len(body.getbuffer())
        status, headers, answer = reply
        if length > MAX_BODY_BYTES:  # the rest of it is not read
            headers = [*headers, ("Connection", "close")]
        return status, headers, answer

    async def _run(self, environ: dict[str, Any]) -> Reply:
        """The application's response. Raises TooManyRequests for costly work above MAX_COSTLY."""
        loop = asyncio.get_running_loop()
        if not is_costly(environ):
            return await loop.run_in_executor(self._pool, self._cache.reply, environ)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        network = network_of(environ["REMOTE_ADDR"], forwarded, self._proxies)
        if self._costly[network] >= MAX_COSTLY:
            raise TooManyRequests
        self._costly[network] += 1
        try:
            return await loop.run_in_executor(self._costly_pool, self._cache.reply, environ)
        finally:
            self._costly[network] -= 1
            if not self._costly[network]:
                del self._costly[network]

    async def _receive(self, environ: dict[str, Any], exchange: RsgiProtocol, body: BytesIO) -> int:
        """Read a body and return its length; one above MAX_BODY_BYTES is not read to its end.

        Raises TimeoutError, BadRequest if it ends early, ServiceUnavailable at MAX_BUFFERED_BYTES.
        """
        if environ["REQUEST_METHOD"] in SAFE_METHODS:
            return 0
        declared = environ.get("CONTENT_LENGTH")
        is_chunked = environ.pop("HTTP_TRANSFER_ENCODING", None) is not None
        if int(declared or 0) > MAX_BODY_BYTES or not (declared or is_chunked):
            return int(declared or 0)
        began, size = asyncio.get_running_loop().time(), 0
        async with asyncio.timeout(BODY_SECONDS) as deadline:
            async for chunk in exchange:
                size += body.write(chunk)
                self._buffered += len(chunk)
                if size > MAX_BODY_BYTES:
                    return size
                if size > SMALL_BODY and self._buffered > MAX_BUFFERED_BYTES:
                    raise ServiceUnavailable
                deadline.reschedule(began + BODY_SECONDS + size / MIN_BYTES_PER_SECOND)
        if declared and size != int(declared):
            raise BadRequest
        return size

    def _error(self, error: HTTPException, environ: dict[str, Any]) -> Reply:
        status, path = f"{error.code} {error.name}", environ["PATH_INFO"]
        self._cache.count(UNKNOWN, status)
        kind, body = "text/plain; charset=utf-8", f"{error.description}\n"
        if path.startswith(API):
            problem = {"type": "about:blank", "title": error.name, "status": error.code}
            kind = "application/problem+json"
            body = json.dumps({**problem, "detail": error.description})
        fields = {**PUBLIC, **cross_origin(path), "Content-Type": kind, "Cache-Control": "no-store"}
        if error.code == TooManyRequests.code:
            fields["Retry-After"] = "2"
        return status, [*fields.items(), ("Connection", "close")], body.encode()


def is_costly(environ: dict[str, Any]) -> bool:
    """Whether the application may need much processor time for a request."""
    return bool(COSTLY.match(environ["PATH_INFO"]) or SEARCH.match(environ["QUERY_STRING"]))


def conditional_environ(scope: Scope, headers: Headers) -> dict[str, Any]:
    """The part of the WSGI environment that the page cache reads."""
    environ = {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": _wsgi_text(scope.path),
        "QUERY_STRING": _wsgi_text(scope.query_string),
    }
    for name, key in CONDITIONS.items():
        if name in headers:
            environ[key] = ",".join(headers.get_all(name))
    return environ


def full_environ(scope: Scope, headers: Headers) -> dict[str, Any]:
    """The rest of the WSGI environment (PEP 3333), without the body."""
    name, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": name.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name in headers:
        if "_" in name:  # would pass for a header with a hyphen, which a proxy may have set
            continue
        values = (";" if name == "cookie" else ",").join(headers.get_all(name))
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = values
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if f"HTTP_{key}" in environ:
            environ[key] = environ.pop(f"HTTP_{key}")
    environ.setdefault("HTTP_HOST", scope.authority or "")
    return environ


def _wsgi_text(text: str) -> str:
    """Text as WSGI has it: UTF-8 bytes decoded as Latin-1."""
    return text if text.isascii() else text.encode().decode("latin-1")
