"""Parsers of broker URLs, which connect to mail workers through RabbitMQ or Redis."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Broker:
    """A message broker. `url` may contain a password: only `place` may be shown."""

    url: str = field(repr=False)
    scheme: str
    host: str
    port: int

    @property
    def place(self) -> str:
        """Scheme, host and port, without credentials."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def keeps_reports(self) -> bool:
        """Whether it can also store the reports of workers: Redis can, RabbitMQ cannot."""
        return self.scheme in ("redis", "rediss")


_BROKERS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


def broker(text: str) -> Broker | None:
    """Parse the URL of a broker; None for an empty one. Raises ValueError with what is expected."""
    if not text:
        return None
    expected = "redis://:password@host:6379/0, rediss://… or amqp://user:password@host:5672/name"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in _BROKERS or not parts.hostname or port == 0 or parts.fragment:
        raise ValueError(expected)
    if parts.scheme.startswith("redis") and not re.fullmatch(r"/?[0-9]*", parts.path):
        raise ValueError(expected)
    return Broker(text, parts.scheme, parts.hostname, port or _BROKERS[parts.scheme])


def store(text: str) -> Broker | None:
    """Parse the URL of a broker that stores reports, like `broker`."""
    found = broker(text)
    if found is not None and not found.keeps_reports:
        raise ValueError("redis://:password@host:6379/0 or rediss://…")
    return found
