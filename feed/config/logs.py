"""Logging: text or JSON lines, safe against log injection and free of personal data.

Any message may contain outside input: control characters are escaped, e-mail addresses and the
tokens of personal links are redacted.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")  # of the current request

_ADDRESS = re.compile(r"[^\s@<>()\"',:;/=]+@[^\s@<>()\"',:;/]+")
SUBSCRIPTION, DESK = "/subscription/", "/desk/"  # prefixes of the private paths
_TOKEN = re.compile(rf"({SUBSCRIPTION}|{DESK}link/)[^/\s?]+")
_PATH_TOKEN = re.compile(rf"({SUBSCRIPTION}|{DESK}link/)[^/]+")
# Libraries that log every step at INFO.
_VERBOSE = ("apscheduler", "celery", "kombu", "amqp")


def configure(log_format: LogFormat = "text") -> None:
    """Log to standard error in the given format; may be called again to change it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    others = [each for each in root.handlers if not isinstance(each.formatter, TextFormatter)]
    root.handlers = [*others, handler]
    for name in _VERBOSE:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """Text lines: time in UTC, level, request id if any, message; a traceback is indented."""

    def format(self, record: logging.LogRecord) -> str:
        request = REQUEST_ID.get()
        words = (_time(record), record.levelname, request and f"[{request}]", _message(record))
        lines = [" ".join(filter(None, words)), *self.traceback(record)]
        return "\n    ".join(lines)  # indented: no line of a traceback looks like a new event

    def traceback(self, record: logging.LogRecord) -> list[str]:
        """The lines of the record's traceback, redacted; empty without an exception."""
        if not record.exc_info:
            return []
        return [redact(line) for line in self.formatException(record.exc_info).splitlines()]


class JsonFormatter(TextFormatter):
    """JSON lines: objects with `time`, `level`, `logger`, `message`, and where they apply
    `request` and `traceback`.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            "request": REQUEST_ID.get(),
            "traceback": "\n".join(self.traceback(record)),
        }
        return json.dumps({name: value for name, value in fields.items() if value})


def redact(text: str) -> str:
    """Escape control characters, and replace e-mail addresses and the tokens of links."""
    redacted = _TOKEN.sub(r"\1{token}", _ADDRESS.sub("{address}", text))
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in redacted
    )


def _message(record: logging.LogRecord) -> str:
    return redact(record.getMessage())


def _time(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return instant.replace("+00:00", "Z")


def redacted(path: str) -> str:
    """A path with its token replaced, for logs and records: `/subscription/{token}/confirm`."""
    return _PATH_TOKEN.sub(r"\1{token}", path)
