"""How the log is written: a line for each event, which nobody can forge and which names nobody.

What comes from outside may be in any message. So whatever could begin a new line is escaped, and
mail addresses and the tokens of personal links are hidden, wherever a message has them from.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

Form = Literal["text", "json"]

REQUEST: ContextVar[str] = ContextVar("request", default="")  # the id of the one being answered

_ADDRESS = re.compile(r"[^\s@<>()\"',:;/=]+@[^\s@<>()\"',:;/]+")
_TOKEN = re.compile(r"(/subscription/|/desk/link/)[^/\s?]+")
# They tell of every step they take.
_TALKATIVE = ("apscheduler", "celery", "kombu", "amqp")


def start(form: Form = "text") -> None:
    """Write the log of this process to standard error; again, to change its form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else Lines())
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    others = [each for each in root.handlers if not isinstance(each.formatter, Lines)]
    root.handlers = [*others, handler]
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class Lines(logging.Formatter):
    """For people: time in UTC, level, the request's id if there is one, and what happened."""

    def format(self, record: logging.LogRecord) -> str:
        request = REQUEST.get()
        words = (_time(record), record.levelname, request and f"[{request}]", _said(record))
        lines = [" ".join(filter(None, words)), *self.trace(record)]
        return "\n    ".join(lines)  # no line of a traceback can look like the beginning of another

    def trace(self, record: logging.LogRecord) -> list[str]:
        """The lines of the traceback, if there is one."""
        if not record.exc_info:
            return []
        return [safe(line) for line in self.formatException(record.exc_info).splitlines()]


class JsonLines(Lines):
    """For programs: an object with `time`, `level`, `logger` and `message`, on one line.

    `request` and `traceback` are there where they apply.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _said(record),
            "request": REQUEST.get(),
            "traceback": "\n".join(self.trace(record)),
        }
        return json.dumps({name: value for name, value in fields.items() if value})


def safe(text: str) -> str:
    """A text on one line, without mail addresses and tokens."""
    hidden = _TOKEN.sub(r"\1{token}", _ADDRESS.sub("{address}", text))
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in hidden
    )


def _said(record: logging.LogRecord) -> str:
    return safe(record.getMessage())


def _time(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return instant.replace("+00:00", "Z")
