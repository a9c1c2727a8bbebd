"""A request as RSGI describes it, and the WSGI environment (PEP 3333) that is made of it."""

import sys
from collections.abc import Iterator
from typing import Any, Protocol

CONDITIONS = {
    "accept-encoding": "HTTP_ACCEPT_ENCODING",
    "if-none-match": "HTTP_IF_NONE_MATCH",
    "if-modified-since": "HTTP_IF_MODIFIED_SINCE",
}


class Headers(Protocol):
    """The headers of a request; names in lower case."""

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


def conditional_environ(scope: Scope, headers: Headers) -> dict[str, Any]:
    """The part of the WSGI environment that the page cache reads."""
    environ = {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": _latin(scope.path),
        "QUERY_STRING": _latin(scope.query_string),
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
        if "_" in name:  # it would pass for the header with a hyphen, which a proxy may have set
            continue
        values = (";" if name == "cookie" else ",").join(headers.get_all(name))
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = values
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if f"HTTP_{key}" in environ:
            environ[key] = environ.pop(f"HTTP_{key}")
    environ.setdefault("HTTP_HOST", scope.authority or "")
    return environ


def _latin(text: str) -> str:
    """Text as WSGI has it: each byte of its UTF-8 is a character."""
    return text if text.isascii() else text.encode().decode("latin-1")
