"""A web server that plays WebSub hubs and chat webhooks, and records the requests."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = Callable[["WebhookRequest"], int | None]


@dataclass(frozen=True)
class WebhookRequest:
    """A request that was received."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        """The feed that a WebSub ping names."""
        (topic,) = parse_qs(self.body.decode())["hub.url"]
        return topic


@dataclass
class WebhookServer:
    """The server: `origin` is its address, `requests` what it received, in order.

    `answer` gives the status for each request, or None to stay silent until the end.
    """

    port: int = 0
    answer: Answer = lambda request: 204
    requests: list[WebhookRequest] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub(self) -> str:
        return f"{self.origin}/hub"

    def hook(self, name: str) -> str:
        """The address of a chat, as Apprise writes it."""
        return f"json://curator:s3cr3t@127.0.0.1:{self.port}/{name}"

    def take(self) -> list[WebhookRequest]:
        """The requests since the last call."""
        taken, self.requests[:] = list(self.requests), []
        return taken


@contextmanager
def webhook_server(answer: Answer = lambda request: 204, port: int = 0) -> Iterator[WebhookServer]:
    """Such a server, while the block runs."""
    here = WebhookServer(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            request = WebhookRequest(self.path, dict(self.headers.items()), self.rfile.read(length))
            here.requests.append(request)
            status = here.answer(request)
            if status is None:
                here.over.wait(60)
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", here.origin + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    here.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        here.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def endless_response() -> Iterator[str]:
    """The address of a server that never comes to the end of its answer."""
    import socket

    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            line, _ = listening.accept()
        except OSError:
            return
        with line:
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.1):
                try:
                    line.sendall(b"X-Slow: 1\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hub"
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def until(ready: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it comes true in that time."""
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    return ready()
