"""Host pages for the widget, served from another origin."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Ten ways in which a host page may have style sheets of its own.
RESETS = {
    "none": "",
    "universal": "* { margin: 0; padding: 0; box-sizing: border-box; line-height: 1 }",
    "tiny root": "html { font-size: 62.5% } body { font-size: 1.6rem }",
    "shouting": "body { text-transform: uppercase; letter-spacing: .3em; text-align: center }",
    "bold italic": "body { font: italic 900 20px/3 cursive; text-shadow: 1px 1px red }",
    "elements": "article, section, footer { display: none } blockquote { border: 9px solid red }",
    "classes": ".card, .note, .label { color: red !important; float: right } a { color: lime }",
    "all inherit": "p, h1, h2, h3, h4, blockquote, a { all: inherit !important }",
    "dark": "body { background: #111; color: #eee } a { color: #9cf }",
    "right to left": "body { white-space: nowrap; word-spacing: 2em; text-indent: 4em }",
}


class Host:
    """An intranet: `page` puts a page on it, and gives its address."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._pages: dict[str, tuple[str, str | None]] = {}

    def page(self, body: str, *, policy: str | None = None, head: str = "") -> str:
        """A page with that body, under a Content-Security-Policy if one is given."""
        path = f"/{len(self._pages)}"
        document = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Host</title>'
            f'<link rel="icon" href="data:,">{head}</head><body>{body}</body></html>'
        )
        self._pages[path] = (document, policy)
        return self.origin + path

    def answer(self, path: str) -> tuple[str, str | None]:
        return self._pages[path]


@contextmanager
def host_server() -> Iterator[Host]:
    """A host that answers while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document, policy = host.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            if policy is not None:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(document.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"http://localhost:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
