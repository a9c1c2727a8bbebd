"""Finished bytes in front of Flask: every public answer is rendered once per state of the content.

The *state* is the content version and the site's date; it is looked up on every request, by a
query that costs microseconds. While the database fails, the last good bytes are served.
"""

import gzip
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import brotli
from cachetools import LRUCache
from sqlite_utils import Database
from werkzeug.http import parse_accept_header, parse_date, parse_etags

from feed.clock import Clock
from feed.errors import StoreError
from feed.store import ledger, meta
from feed.store.connection import connect

log = logging.getLogger(__name__)

KEEP = "devis.keep"  # in the WSGI environment: this answer may be kept; its own max-age, or 0
CACHE_BYTES = 48 * 1024 * 1024
LONGEST_MAX_AGE = 300
WAITING_MAX_AGE = 5  # while today's edition is not out yet
WORTH_COMPRESSING = 1400
TEXTUAL = ("text/", "application/json", "application/xml")
# Which query parameters a path knows, by what the path has behind its language; None: all of
# them, since the path refuses what it does not know.
KNOWN: tuple[tuple[re.Pattern[str], frozenset[str] | None], ...] = (
    (re.compile(r"/api/v1/.*"), None),
    (re.compile(r"/[^/]+/principles/"), frozenset({"q", "theme", "source", "page"})),
    (re.compile(r"/[^/]+/widget/"), frozenset({"scheme", "show", "layout", "text-size"})),
    (
        re.compile(r"/[^/]+/embed/"),
        frozenset({"reader", "scheme", "show", "layout", "text-size", "origin"}),
    ),
)

Header = tuple[str, str]
StartResponse = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class State:
    """What a rendered answer depends on, besides its address."""

    version: int
    today: date
    current: bool  # whether today's edition is out
    changed: datetime | None


class Content:
    """Watches the database for changes made by any process. Safe to use from several threads."""

    def __init__(self, database: Path, timezone: ZoneInfo, clock: Clock) -> None:
        self.clock = clock
        self.timezone = timezone
        self._database = database
        self._db: Database | None = None
        self._lock = threading.Lock()
        self._seen: int | None = None
        self._state: State | None = None

    def state(self, now: datetime) -> State | None:
        """The present state; the last known one while the database fails, None before any."""
        today = now.astimezone(self.timezone).date()
        with self._lock:
            try:
                self._look(today)
            except StoreError as error:
                log.error("the database cannot be read, answering from memory: %s", error)
                self._db = self._seen = None
            return self._state

    def _look(self, today: date) -> None:
        if self._db is None:
            self._db = connect(self._database, shared=True)
        seen = meta.data_version(self._db)
        if self._state is not None and seen == self._seen and today == self._state.today:
            return
        version = meta.content_version(self._db)
        if self._state is None or (version, today) != (self._state.version, self._state.today):
            newest = ledger.latest(self._db, today)
            current = newest is not None and newest.date == today
            self._state = State(version, today, current, meta.last_change(self._db))
        self._seen = seen

    def max_age(self, state: State, now: datetime) -> int:
        """Seconds for which an answer may be reused: never past the end of the day."""
        if not state.current:
            return WAITING_MAX_AGE
        local = now.astimezone(self.timezone)
        midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time())
        left = midnight.replace(tzinfo=self.timezone).astimezone(UTC) - now
        return max(1, min(LONGEST_MAX_AGE, int(left.total_seconds())))


@dataclass(frozen=True, slots=True)
class _Variant:
    """An answer in one coding, with all its headers but the one that tells its age."""

    etag: str
    body: bytes
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """An answer in every coding it is offered in."""

    state: State
    max_age: int
    changed: datetime | None
    variants: dict[str, _Variant]

    @property
    def size(self) -> int:
        return 1000 + sum(len(variant.body) for variant in self.variants.values())


class PageCache:
    """WSGI middleware. Answers GET and HEAD from memory where the application allows it."""

    def __init__(self, app: Callable[..., Iterable[bytes]], content: Content) -> None:
        self.app = app
        self.content = content
        self._entries: LRUCache[tuple[str, str], _Entry] = LRUCache(
            CACHE_BYTES, getsizeof=lambda entry: entry.size
        )
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return self.app(environ, start_response)
        now = self.content.clock()
        state = self.content.state(now)
        key = (environ["PATH_INFO"], _known_query(environ))
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or entry.state is not state:
            environ["QUERY_STRING"] = key[1]
            inner = {**environ, "REQUEST_METHOD": "GET"}
            answer = _Answer()
            body = self._render(inner, answer)
            fresh = _entry(inner, answer, body, state)
            if fresh is not None:
                entry = fresh
                with self._lock:
                    if fresh.size <= CACHE_BYTES // 4:
                        self._entries[key] = fresh
            elif entry is None or answer.code < 500:
                start_response(answer.status, answer.headers)
                return [b"" if method == "HEAD" else body]
            else:
                log.error("%s failed, answering with the last good bytes", key[0])
        return self._answer(entry, environ, start_response, now)

    def _render(self, environ: dict[str, Any], answer: "_Answer") -> bytes:
        result = self.app(environ, answer)
        try:
            return b"".join(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _answer(
        self, entry: _Entry, environ: dict[str, Any], start_response: StartResponse, now: datetime
    ) -> list[bytes]:
        offered = _coding(environ.get("HTTP_ACCEPT_ENCODING", ""), tuple(entry.variants))
        variant = entry.variants[offered]
        seconds = entry.max_age or self.content.max_age(entry.state, now)
        age = ("Cache-Control", f"max-age={seconds}, stale-if-error=86400")
        if _unchanged(environ, variant.etag, entry.changed):
            start_response("304 Not Modified", [*variant.headers, age])
            return [b""]
        length = ("Content-Length", str(len(variant.body)))
        start_response("200 OK", [*variant.headers, length, age])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else variant.body]


class _Answer:
    """A start_response that remembers."""

    def __init__(self) -> None:
        self.status = "500 Internal Server Error"
        self.headers: list[Header] = []

    def __call__(self, status: str, headers: list[Header], exc_info: Any = None) -> None:
        self.status, self.headers = status, headers

    @property
    def code(self) -> int:
        return int(self.status[:3])


def _entry(
    environ: dict[str, Any], answer: _Answer, body: bytes, state: State | None
) -> _Entry | None:
    """The answer in every coding, or None if the application did not allow to keep it."""
    if environ.get(KEEP) is None or state is None or answer.code != 200:
        return None
    bodies = {"identity": body}
    content_type = next((v for n, v in answer.headers if n.lower() == "content-type"), "")
    if len(body) > WORTH_COMPRESSING and _is_textual(content_type):
        bodies["gzip"] = gzip.compress(body, 9, mtime=0)
        bodies["br"] = brotli.compress(body, quality=6)
    ours = {"etag", "content-length", "cache-control", "last-modified", "date", "vary"}
    headers = [(n, v) for n, v in answer.headers if n.lower() not in ours]
    headers.append(("Vary", "Accept-Encoding"))
    changed = state.changed if environ[KEEP] == 0 else None
    if changed is not None:
        headers.append(("Last-Modified", format_datetime(changed.astimezone(UTC), usegmt=True)))
    digest = hashlib.sha256(content_type.encode() + b"\n" + body).hexdigest()[:24]
    variants = {}
    for coding, encoded in bodies.items():
        etag = f'"{digest}"' if coding == "identity" else f'"{digest}-{coding}"'
        mark = [("ETag", etag)]
        if coding != "identity":
            mark.append(("Content-Encoding", coding))
        variants[coding] = _Variant(etag, encoded, (*headers, *mark))
    return _Entry(state, environ[KEEP], changed, variants)


def _is_textual(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip()
    return kind.startswith(TEXTUAL) or kind.endswith(("+xml", "+json"))


def _unchanged(environ: dict[str, Any], etag: str, changed: datetime | None) -> bool:
    """Whether the client has these very bytes already (RFC 9110, 13.1.2 and 13.1.3)."""
    wanted = environ.get("HTTP_IF_NONE_MATCH")
    if wanted is not None:
        return _matches(wanted, etag)
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    if since is None or changed is None:
        return False
    instant = parse_date(since)
    return instant is not None and changed.replace(microsecond=0) <= instant


def _matches(wanted: str, etag: str) -> bool:
    return wanted == etag or parse_etags(wanted).contains_weak(etag.strip('"'))


@lru_cache(maxsize=512)
def _coding(accepted: str, offered: tuple[str, ...]) -> str:
    """The best coding that the client takes: br before gzip before none."""
    if not accepted or len(offered) == 1:
        return "identity"
    quality = dict(parse_accept_header(accepted.lower()))
    quality.setdefault("gzip", quality.get("x-gzip", 0))
    other = quality.get("*", 0)
    weighed = [
        (quality.get(name) or (other if name not in quality else 0), name) for name in offered
    ]
    order = {"br": 2, "gzip": 1, "identity": 0}
    weight, name = max((w, order[n], n) for w, n in weighed if n != "identity")[::2]
    return name if weight > max(0, quality.get("identity", 0) - 0.001) else "identity"


def _known_query(environ: dict[str, Any]) -> str:
    """The part of the query that a page knows, in one order: the rest must not make new entries."""
    query = environ.get("QUERY_STRING", "")
    path = environ["PATH_INFO"]
    if not query or not (rule := next((r for r in KNOWN if r[0].fullmatch(path)), None)):
        return ""
    given = parse_qsl(query, keep_blank_values=True)
    return urlencode(sorted((n, v) for n, v in given if rule[1] is None or n in rule[1]))
