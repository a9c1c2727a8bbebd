"""Finished bytes in front of Flask: every public answer is rendered once per state of the content.

While the database fails, the last good bytes are served. An answer that was given just now is given
again without another thought: this is what most requests meet when it matters.
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

from feed.store.metric_counters import Cell, MetricCounters
from feed.web.middleware.conditional import coding, reduced, unchanged
from feed.web.middleware.content_version import LOOK_SECONDS, WAITING_MAX_AGE, Content, State
from feed.web.middleware.redact import redacted

log = logging.getLogger(__name__)

KEEP = "devis.keep"  # in the WSGI environment: this answer may be kept; its own max-age, or 0
ROUTE = "devis.route"  # in the WSGI environment: what is asked for, by its address's pattern
UNKNOWN = "unknown"  # where there is nothing at an address
CACHE_BYTES = 26 * 1024 * 1024
ENTRY_BYTES = 2000  # what an answer takes beside its bodies
MOST_READY = 256
SHORT = 256  # characters of a query or an Accept-Encoding that take no time to read
WORTH_COMPRESSING = 1400
TEXTUAL = ("text/", "application/json", "application/xml", "application/javascript")
OURS = {"etag", "content-length", "cache-control", "last-modified", "date", "vary"}

CONDITIONS = {
    *("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE"),
    *("HTTP_RANGE", "HTTP_IF_RANGE"),
}

Header = tuple[str, str]
Reply = tuple[str, list[Header], bytes]  # status line, headers, body
StartResponse = Callable[..., Any]
Known = Callable[[str], tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class _Ready:
    """An answer in one coding with its headers, as it can be given until `due`."""

    due: float  # of the monotonic clock
    etag: str
    changed: datetime | None  # None where a date does not tell this answer from another
    body: bytes
    whole: list[Header]
    short: list[Header]
    route: str
    counts: tuple[Cell, Cell]  # of answers in full, and of 304


class _Entry:
    """An answer that is kept, in each coding that was asked for."""

    def __init__(
        self, state: State, own_age: int, headers: list[Header], body: bytes, route: str
    ) -> None:
        self.state, self.route = state, route
        self._own_age = own_age
        kind = next((v for n, v in headers if n.lower() == "content-type"), "")
        self._headers = [(n, v) for n, v in headers if n.lower() not in OURS]
        self._headers.append(("Vary", "Accept-Encoding"))
        self._digest = hashlib.sha256(kind.encode() + b"\n" + body).hexdigest()[:24]
        self._compresses = len(body) > WORTH_COMPRESSING and _is_textual(kind)
        self._bodies = {"identity": body}

    @property
    def size(self) -> int:
        """In bytes, with every coding that it may come to have."""
        return ENTRY_BYTES + len(self._bodies["identity"]) * (2 if self._compresses else 1)

    def has_coding(self, accepted: str) -> bool:
        """Whether the body for an Accept-Encoding is there, and need not be compressed first."""
        return not self._compresses or coding(accepted) in self._bodies

    def ready(
        self,
        accepted: str,
        state: State | None,
        now: datetime,
        due: float,
        tally: MetricCounters | None,
    ) -> _Ready:
        """The answer for an Accept-Encoding, with its headers at this instant.

        Where `state` is not the one that it was rendered in, it is given for want of a better.
        """
        name = coding(accepted) if self._compresses else "identity"
        body = self._bodies.get(name)
        if body is None:
            body = self._bodies[name] = _compressed(name, self._bodies["identity"])
        control, modified = f"max-age={WAITING_MAX_AGE}", None
        if self._own_age:
            control = f"max-age={self._own_age}"
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
        in_full, not_modified = (tally.cell(key) if tally else [0.0] for key in keys)
        counts = (in_full, not_modified)
        return _Ready(due, etag, changed, body, whole, short, self.route, counts)


class PageCache:
    """WSGI middleware. Answers GET and HEAD from memory where the application allows it.

    `known` tells which parameters of a query the page at a path knows; None for a page that is
    never kept. Unknown parameters neither make new entries nor get past those that are there.
    In `tally` every answer is counted (`requests`, route, status, where it is from), and the time
    that each rendering takes (`rendered`, route).
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        content: Content,
        known: Known = lambda _: (),
        tally: MetricCounters | None = None,
    ) -> None:
        self.app = app
        self.content = content
        self._known = known
        self._tally = tally
        self._entries: LRUCache[tuple[str, str], _Entry] = LRUCache(
            CACHE_BYTES, getsizeof=lambda entry: entry.size
        )
        self._lock = threading.Lock()
        self._ready: dict[tuple[str, str, str], _Ready] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._write(environ, start_response)
        status, headers, body = self.hit(environ) or self._miss(environ)
        start_response(status, headers)
        return [body]

    def hit(self, environ: Mapping[str, Any]) -> Reply | None:
        """The answer to a GET or HEAD from memory, within microseconds.

        None where it takes the application, a look at the database, or work on long headers. Of
        `environ` it reads method, path, query, Accept-Encoding and the conditions.
        """
        key = path, query, accepted = _key(environ)
        ready = self._ready.get(key)
        if ready is None or time.monotonic() >= ready.due:
            if len(query) > SHORT or len(accepted) > SHORT:
                return None
            due = time.monotonic() + LOOK_SECONDS
            now = self.content.clock()
            state, entry = self.content.seen(now), self._entry(path, self._reduced(path, query))
            if state is None or entry is None or entry.state is not state:
                return None
            if not entry.has_coding(accepted):
                return None
            ready = self._keep(key, entry.ready(accepted, state, now, due, self._tally))
        is_known = unchanged(environ, ready.etag, ready.changed)
        ready.counts[is_known][0] += 1
        return _reply(environ, ready, is_known)

    def reply(self, environ: dict[str, Any]) -> Reply:
        """The whole answer to any request; blocks while the application makes it."""
        answer = _Answer()
        answer.collect(self(environ, answer))
        return answer.status, answer.headers, answer.body

    def _miss(self, environ: dict[str, Any]) -> Reply:
        found = self._find(environ)
        if isinstance(found, _Answer):
            self.count(environ[ROUTE], found.status)
            body = b"" if environ["REQUEST_METHOD"] == "HEAD" else found.body
            return found.status, found.headers, body
        is_known = unchanged(environ, found.etag, found.changed)
        if ROUTE in environ:  # it was rendered just now
            self.count(found.route, "304" if is_known else "200")
        else:
            found.counts[is_known][0] += 1
        return _reply(environ, found, is_known)

    def count(self, route: str, status: str) -> None:
        """Count an answer that is not from memory; `status` begins with its code."""
        if self._tally is not None:
            self._tally.add(("requests", route, status[:3], "app"))

    def _write(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        def answer(status: str, headers: list[Header], exc_info: Any = None) -> Any:
            self.count(environ.get(ROUTE, UNKNOWN), status)
            return start_response(status, headers, exc_info)

        parts = self.app(environ, answer)
        self.content.expect_change()
        self._ready.clear()
        return parts

    def _reduced(self, path: str, given: str) -> str:
        names = self._known(path) if given else ()
        return given if names is None else reduced(given, names)

    def _entry(self, path: str, query: str) -> _Entry | None:
        with self._lock:
            return self._entries.get((path, query))

    def _find(self, environ: dict[str, Any]) -> "_Ready | _Answer":
        """The answer from memory, or from the application; ready until the next look."""
        key = path, given, accepted = _key(environ)
        query = self._reduced(path, given)
        due = time.monotonic() + LOOK_SECONDS
        now = self.content.clock()
        state, entry = self.content.state(now), self._entry(path, query)
        if entry is None or entry.state is not state:
            inner = {name: value for name, value in environ.items() if name not in CONDITIONS}
            inner |= {"REQUEST_METHOD": "GET", "QUERY_STRING": query}
            started = time.perf_counter()
            found = self._rendered((path, query), entry, state, inner)
            route = environ[ROUTE] = inner.get(ROUTE, UNKNOWN)
            if self._tally is not None:
                self._tally.time(("rendered", route), time.perf_counter() - started)
            if isinstance(found, _Answer):
                return found
            entry = found
        return self._keep(key, entry.ready(accepted, state, now, due, self._tally))

    def _keep(self, key: tuple[str, str, str], ready: _Ready) -> _Ready:
        if len(self._ready) >= MOST_READY:
            self._ready.clear()
        self._ready[key] = ready
        return ready

    def _rendered(
        self,
        key: tuple[str, str],
        last: _Entry | None,
        state: State | None,
        environ: dict[str, Any],
    ) -> "_Entry | _Answer":
        """The answer rendered anew, or the last good one in its stead."""
        answer = _Answer()
        answer.collect(self.app(environ, answer))
        if answer.code == 200 and state is not None and KEEP in environ:
            route = environ.get(ROUTE, UNKNOWN)
            entry = _Entry(state, environ[KEEP], answer.headers, answer.body, route)
            if entry.size <= CACHE_BYTES // 4:
                with self._lock:
                    self._entries[key] = entry
            return entry
        if last is not None and answer.code >= 500:
            log.error("%s failed, answering with the last good bytes", redacted(key[0]))
            return last
        if last is not None:  # withdrawn, for instance: never to be shown again
            with self._lock:
                self._entries.pop(key, None)
        return answer


class _Answer:
    """What the application said; a start_response that remembers."""

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
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    return environ["PATH_INFO"], environ["QUERY_STRING"], accepted


def _reply(environ: Mapping[str, Any], ready: _Ready, is_known: bool) -> Reply:
    if is_known:
        return "304 Not Modified", ready.short, b""
    return "200 OK", ready.whole, b"" if environ["REQUEST_METHOD"] == "HEAD" else ready.body


def _compressed(name: str, body: bytes) -> bytes:
    if name == "gzip":
        return gzip.compress(body, 9, mtime=0)
    compressed: bytes = brotli.compress(body, quality=6)
    return compressed


def _is_textual(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip()
    return kind.startswith(TEXTUAL) or kind.endswith(("+xml", "+json"))
