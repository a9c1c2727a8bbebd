"""HTTP requests to an OpenID Connect provider, bounded in size, time and number."""

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from feed.errors import ProviderError

MAX_BYTES = 256 * 1024
SECONDS = 5.0  # for a request; its thread ends at most as many later
MAX_AT_ONCE = 2  # requests of one process, abandoned ones among them
WAIT_SECONDS = 0.3  # for one of these to end


class _RedirectsRefused(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the provider itself has named the address."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


class _Connections(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Connects like its bases, and remembers the connections so that they can be interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[http.client.HTTPConnection] = []

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection(http.client.HTTPSConnection), request)

    def interrupt(self) -> None:
        """Let the thread that waits for a header go on."""
        for connection in self._made:
            try:
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _connection(self, kind: type[http.client.HTTPConnection]) -> Any:
        def connect(host: str, **options: Any) -> http.client.HTTPConnection:
            self._made.append(kind(host, **options))
            return self._made[-1]

        return connect


@dataclass
class _Exchange:
    """One request in a thread of its own, and what came of it."""

    request: urllib.request.Request
    deadline: float  # of the monotonic clock
    status: int = 0
    body: bytes = b""
    error: ProviderError | None = None
    connections: _Connections = field(default_factory=_Connections)

    def run(self, places: threading.Semaphore) -> None:
        """Make the request, and give its place back."""
        try:
            self._run()
        except ProviderError as error:
            self.error = error
        except (OSError, ValueError, http.client.HTTPException) as error:  # a host can be malformed
            self.error = ProviderError("no-answer", str(getattr(error, "reason", error)))
        finally:
            places.release()

    def _run(self) -> None:
        opener = urllib.request.build_opener(_RedirectsRefused, self.connections)
        seconds = max(self.deadline - time.monotonic(), 0.01)
        try:
            answer = opener.open(self.request, timeout=seconds)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.status = answer.status
            while time.monotonic() < self.deadline:
                part = answer.read1(MAX_BYTES + 1 - len(self.body))
                self.body += part
                if len(self.body) > MAX_BYTES:
                    raise ProviderError("too-large", self.request.full_url)
                if not part:
                    return
        raise ProviderError("no-answer", "the body takes too long")


class OidcHttp:
    """Requests to one provider: few at once, so that it cannot occupy the threads of the site."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    def get(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at a URL. Raises ProviderError."""
        status, found = self._json(url, None, headers or {})
        if status != 200:
            raise ProviderError("status", f"{status} from {url}")
        return found

    def post(self, url: str, form: str, headers: dict[str, str]) -> dict[str, Any]:
        """The JSON object that answers a form. Raises ProviderError, also for an OAuth error."""
        status, found = self._json(url, form.encode(), headers)
        if status != 200:
            said = f"{found.get('error')} ({found.get('error_description')})"
            raise ProviderError("status", f"{status} from {url}: {said}")
        return found

    def _json(
        self, url: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        named = {"Accept": "application/json", "User-Agent": "Devis", **headers}
        request = urllib.request.Request(url, body, named)  # noqa: S310 – checked by the caller
        status, content = self._fetch(request)
        if 300 <= status < 400:
            raise ProviderError("redirect", f"{status} from {url}")
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            raise ProviderError("not-json", f"{status} from {url}") from None
        if not isinstance(found, dict):
            raise ProviderError("not-json", f"{status} from {url}")
        return status, found

    def _fetch(self, request: urllib.request.Request) -> tuple[int, bytes]:
        """Status and body. It returns in time, also where a name server or a header is slow."""
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise ProviderError("busy", "the provider has not answered earlier requests")
        made = _Exchange(request, time.monotonic() + SECONDS)
        thread = threading.Thread(target=made.run, args=[self._places], daemon=True)
        thread.start()
        thread.join(SECONDS)
        if thread.is_alive():
            made.connections.interrupt()
            raise ProviderError("no-answer", f"none from {request.full_url} in {SECONDS:g} s")
        if made.error:
            raise made.error
        return made.status, made.body
