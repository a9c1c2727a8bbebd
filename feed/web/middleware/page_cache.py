"""Page cache: WSGI middleware that keeps public responses as bytes, compressed and with headers.

A response is rendered once per state of the content. The hit path takes microseconds: for
POLL_SECONDS a prepared response is served again without looking at the database. While the
database fails, the last good bytes are served.
"""

import gzip
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import brotli
from cachetools import LRUCache

from feed.config.logs import redacted
from feed.store.counters import Cell, MetricCounters
from feed.web.middleware.conditional import coding, normalised_query, unchanged
from feed.web.middleware.content_version import POLL_SECONDS, WAITING_MAX_AGE, Content, State
from feed.web.middleware.request_limits import excess

log = logging.getLogger(__name__)

CACHEABLE = "devis.cacheable"  # in the WSGI environment: a Cacheable, set by the application
ROUTE = "devis.route"  # in the WSGI environment: the route pattern, set by the application
UNKNOWN = "unknown"  # the route of an address that does not exist
CACHE_BYTES = 26 * 1024 * 1024
ENTRY_BYTES = 2000  # estimated size of an entry besides its bodies
MAX_PATHS = CACHE_BYTES // ENTRY_BYTES  # as many as there can be entries
MAX_PREPARED = 256
MAX_KEY_LENGTH = 256  # characters of a query or an Accept-Encoding in a cache key
MIN_COMPRESSED_BYTES = 1400  # what fits one packet is not compressed
TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript")
OWN_HEADERS = {"etag", "content-length", "cache-control", "last-modified", "date", "vary"}

CONDITIONS = {
    *("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"),
    *("HTTP_RANGE", "HTTP_IF_RANGE"),
}

Header = tuple[str, str]
Reply = tuple[str, list[Header], bytes]  # status line, headers, body
StartResponse = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Cacheable:
    """The application's permission to cache a response.

    `query_names` are the query parameters that it depends on. `max_age` is in seconds; with 0 the
    response is valid as long as the content stays the same.
    """

    query_names: tuple[str, ...]
    max_age: int = 0


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A response in one coding, with its headers, that can be served until `due`."""

    due: float  # on the monotonic clock
    etag: str
    changed: datetime | None  # None where a date cannot identify the response
    body: bytes
    whole: list[Header]
    short: list[Header]
    route: str
    counters: tuple[Cell, Cell]  # of 200 and of 304


class _Entry:
    """A cached response, in each coding that was requested so far."""

    def __init__(
        self, state: State, max_age: int, headers: list[Header], body: bytes, route: str
    ) -> None:
        self.state, self.route = state, route
        self._max_age = max_age
        kind = next((v for n, v in headers if n.lower() == "content-type"), "")
        self._headers = [(n, v) for n, v in headers if n.lower() not in OWN_HEADERS]
        self._headers.append(("Vary", "Accept-Encoding"))
        self._digest = hashlib.sha256(kind.encode() + b"\n" + body).hexdigest()[:24]
        self._compresses = len(body) > MIN_COMPRESSED_BYTES and _is_textual(kind)
        self._bodies = {"identity": body}

    @property
    def size(self) -> int:
        """Estimated bytes, with all codings that may be added."""
        return ENTRY_BYTES + len(self._bodies["identity"]) * (2 if self._compresses else 1)

    def has_coding(self, accepted: str) -> bool:
        """Whether the body for an Accept-Encoding is compressed already."""
        return not self._compresses or coding(accepted) in self._bodies

    def prepare(
        self,
        accepted: str,
        state: State | None,
        now: datetime,
        due: float,
        counters: MetricCounters | None,
    ) -> _Prepared:
        """The response for an Accept-Encoding, with its headers at this instant.

        If `state` is not the one it was rendered in, it is stale and gets a short max-age.
        """
        name = coding(accepted) if self._compresses else "identity"
        body = self._bodies.get(name)
        if body is None:
            body = self._bodies[name] = _compressed(name, self._bodies["identity"])
        control, modified = f"max-age={WAITING_MAX_AGE}", None
        if self._max_age:
            control = f"max-age={self._max_age}"
        elif state is self.state:
            control, modified = state.cache_control(now), state.modified(now)
        etag = f'"{self._digest}"' if name == "identity" else f'"{self._digest}-{name}"'
        short = [*self._headers, ("ETag", etag), ("Cache-Control", control)]
        if modified is not None:
            short.append(("Last-Modified", format_datetime(modified, usegmt=True)))
        if name != "identity":
            short.append(("Content-Encoding", name))
        whole = [*short, ("Content-Length", str(len(body)))]
        changed = self.state.changed if modified is not None else None
        keys = [("requests", self.route, status, "memory") for status in ("200", "304")]
        in_full, not_modified = (counters.cell(key) if counters else [0.0] for key in keys)
        cells = (in_full, not_modified)
        return _Prepared(due, etag, changed, body, whole, short, self.route, cells)


class PageCache:
    """WSGI middleware that answers GET and HEAD from memory where the application allows it.

    Which query parameters a page depends on is learnt from its first response; any others neither
    create entries nor bypass them. `counters` count every response (`requests`, route, status,
    origin) and the time of each rendering (`rendered`, route).
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        content: Content,
        counters: MetricCounters | None = None,
    ) -> None:
        self.app = app
        self.content = content
        self._counters = counters
        self._entries: LRUCache[tuple[str, str], _Entry] = LRUCache(
            CACHE_BYTES, getsizeof=lambda entry: entry.size
        )
        self._query_names: LRUCache[str, tuple[str, ...]] = LRUCache(MAX_PATHS)  # by path
        self._lock = threading.Lock()
        self._prepared: dict[tuple[str, str, str], _Prepared] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._write(environ, start_response)
        if excess(environ):  # the application refuses it
            return self._pass(environ, start_response)
        status, headers, body = self.hit(environ) or self._miss(environ)
        start_response(status, headers)
        return [body]

    def hit(self, environ: Mapping[str, Any]) -> Reply | None:
        """The response to a GET or HEAD from memory, within microseconds.

        None if it needs the application, a poll of the database, or parsing of long headers. Reads
        method, path, query, Accept-Encoding and conditional headers from `environ`.
        """
        key = path, query, accepted = _key(environ)
        prepared = self._prepared.get(key)
        if prepared is None or time.monotonic() >= prepared.due:
            if len(query) > MAX_KEY_LENGTH:
                return None
            due = time.monotonic() + POLL_SECONDS
            now = self.content.clock()
            state, (_, entry) = self.content.known_state(now), self._lookup(path, query)
            if state is None or entry is None or entry.state is not state:
                return None
            if not entry.has_coding(accepted):
                return None
            prepared = entry.prepare(accepted, state, now, due, self._counters)
            self._remember(key, prepared)
        is_unchanged = unchanged(environ, prepared.etag, prepared.changed)
        prepared.counters[is_unchanged][0] += 1
        return _reply(environ, prepared, is_unchanged)

    def reply(self, environ: dict[str, Any]) -> Reply:
        """The whole response to any request; blocks while the application renders it."""
        response = _Response()
        response.collect(self(environ, response))
        return response.status, response.headers, response.body

    def _miss(self, environ: dict[str, Any]) -> Reply:
        found = self._find(environ)
        if isinstance(found, _Response):
            self.count(environ[ROUTE], found.status)
            body = b"" if environ["REQUEST_METHOD"] == "HEAD" else found.body
            return found.status, found.headers, body
        is_unchanged = unchanged(environ, found.etag, found.changed)
        if ROUTE in environ:  # rendered for this request
            self.count(found.route, "304" if is_unchanged else "200")
        else:
            found.counters[is_unchanged][0] += 1
        return _reply(environ, found, is_unchanged)

    def count(self, route: str, status: str) -> None:
        """Count a response that is not from memory; `status` begins with its code."""
        if self._counters is not None:
            self._counters.add(("requests", route, status[:3], "app"))

    def _pass(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The application's response, counted and not cached."""

        def start(status: str, headers: list[Header], exc_info: Any = None) -> Any:
            self.count(environ.get(ROUTE, UNKNOWN), status)
            return start_response(status, headers, exc_info)

        return self.app(environ, start)

    def _write(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        parts = self._pass(environ, start_response)
        if environ["REQUEST_METHOD"] != "OPTIONS":
            self.content.expect_change()
            self._prepared.clear()
        return parts

    def _lookup(self, path: str, query: str) -> tuple[tuple[str, str], _Entry | None]:
        """The cache key of an address and its entry, whose state may be another."""
        with self._lock:
            names = self._query_names.get(path) if query else None
        key = (path, query if names is None else normalised_query(query, names))
        with self._lock:
            return key, self._entries.get(key)

    def _find(self, environ: dict[str, Any]) -> "_Prepared | _Response":
        """The response from memory or from the application."""
        address = path, query, accepted = _key(environ)
        due = time.monotonic() + POLL_SECONDS
        now = self.content.clock()
        state, (key, entry) = self.content.state(now), self._lookup(path, query)
        if entry is None or entry.state is not state:
            inner = {name: value for name, value in environ.items() if name not in CONDITIONS}
            inner |= {"REQUEST_METHOD": "GET", "QUERY_STRING": key[1]}
            started = time.perf_counter()
            found = self._render(key, entry, state, inner)
            route = environ[ROUTE] = inner.get(ROUTE, UNKNOWN)
            if self._counters is not None:
                self._counters.time(("rendered", route), time.perf_counter() - started)
            if isinstance(found, _Response):
                return found
            entry = found
        prepared = entry.prepare(accepted, state, now, due, self._counters)
        self._remember(address, prepared)
        return prepared

    def _remember(self, address: tuple[str, str, str], prepared: _Prepared) -> None:
        if len(address[1]) > MAX_KEY_LENGTH:
            return
        if len(self._prepared) >= MAX_PREPARED:
            self._prepared.clear()
        self._prepared[address] = prepared

    def _store(self, path: str, query: str, cacheable: Cacheable, entry: _Entry) -> None:
        query = normalised_query(query, cacheable.query_names)
        with self._lock:
            self._query_names[path] = cacheable.query_names
            if len(query) <= MAX_KEY_LENGTH:
                self._entries[path, query] = entry

    def _render(
        self,
        key: tuple[str, str],
        last: _Entry | None,
        state: State | None,
        environ: dict[str, Any],
    ) -> "_Entry | _Response":
        """The application's response; the last good entry if the application fails."""
        response = _Response()
        response.collect(self.app(environ, response))
        if response.code == 200 and state is not None and CACHEABLE in environ:
            cacheable: Cacheable = environ[CACHEABLE]
            route = environ.get(ROUTE, UNKNOWN)
            entry = _Entry(state, cacheable.max_age, response.headers, response.body, route)
            if entry.size <= CACHE_BYTES // 4:
                self._store(*key, cacheable, entry)
            return entry
        if last is not None and response.code >= 500:
            log.error("%s failed, serving the last good response", redacted(key[0]))
            return last
        if last is not None:  # withdrawn, for example: never to be served again
            with self._lock:
                self._entries.pop(key, None)
        return response


class _Response:
    """The application's response; an instance is the `start_response` that collects it."""

    def __init__(self) -> None:
        self.status = "500 Internal Server Error"
        self.headers: list[Header] = []
        self.body = b""

    def __call__(self, status: str, headers: list[Header], exc_info: Any = None) -> None:
        self.status, self.headers = status, headers

    def collect(self, parts: Iterable[bytes]) -> None:
        """Read the body to its end."""
        try:
            self.body = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    @property
    def code(self) -> int:
        return int(self.status[:3])


def _key(environ: Mapping[str, Any]) -> tuple[str, str, str]:
    """Path, query and Accept-Encoding; one that is too long counts as none."""
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    if len(accepted) > MAX_KEY_LENGTH:
        accepted = ""
    return environ["PATH_INFO"], environ["QUERY_STRING"], accepted


def _reply(environ: Mapping[str, Any], prepared: _Prepared, is_unchanged: bool) -> Reply:
    if is_unchanged:
        return "304 Not Modified", prepared.short, b""
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else prepared.body
    return "200 OK", prepared.whole, body


def _compressed(name: str, body: bytes) -> bytes:
    packed = gzip.compress(body, 9, mtime=0) if name == "gzip" else brotli.compress(body, quality=6)
    return bytes(packed)


def _is_textual(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip()
    return kind.startswith(TEXTUAL) or kind.endswith(("+xml", "+json"))
