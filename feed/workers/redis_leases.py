"""Leases and outcomes of batches in Redis, shared by the producer and the mail workers.

All times are those of the Redis server's clock, so that the machines need not agree on the time. A
batch has an expiry time. A worker acquires it, which only one can, and extends the expiry while it
works; a batch of a dead worker expires within seconds.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from feed.config.brokers import Broker
from feed.errors import MailError, MailRefusedError, MailUnavailableError
from feed.smtp import Outcome
from feed.workers.celery_app import unavailable

LEASE_SECONDS = 6.0  # a worker that does not renew a lease for so long loses it
PRESENCE_SECONDS = 30.0  # a worker counts as running for so long after it said so
KEY_SECONDS = 2 * 24 * 3600  # expiry of keys that nobody reads
DONE_BATCH = 20
_EXPIRIES, _DONE, _WORKERS = "devis:batches", "devis:done", "devis:workers"
_TIMEOUT_SECONDS = 5

Outcomes = Sequence[tuple[str, Outcome]]  # by message key


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The outcomes of a batch so far; `trouble` is the error that stopped the sending, if any."""

    outcomes: list[tuple[str, Outcome]]
    trouble: MailError | None


class RedisLeases:
    """The leases. Every method raises MailUnavailableError where Redis cannot be used."""

    def __init__(self, store: Broker) -> None:
        self._store = store
        self._redis: Any = redis.Redis.from_url(
            store.url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )

    # For the producer.

    def offer(self, batch: str, seconds: float) -> None:
        """Let workers acquire a batch that is about to be published, for so many seconds."""
        with self._connection() as store:
            store.zadd(_EXPIRIES, {batch: self._now() + seconds})

    def open_batches(self) -> set[str]:
        """The batches that a worker has, or may still acquire."""
        with self._connection() as store:
            return set(store.zrange(_EXPIRIES, 0, -1))

    def expired(self) -> list[str]:
        """The batches that no worker acquired in time, or whose worker is dead."""
        with self._connection() as store:
            return list(store.zrangebyscore(_EXPIRIES, "-inf", self._now()))

    def revoke(self, batch: str) -> bool:
        """Revoke a batch; False if a worker has acquired it, which then stops sending it."""
        with self._connection() as store:
            pipe = store.pipeline()
            pipe.zrem(_EXPIRIES, batch)
            pipe.set(_owner_key(batch), "brain", nx=True, ex=KEY_SECONDS)
            return bool(pipe.execute()[1])

    def done(self) -> list[str]:
        """The batches that workers have finished, oldest first, `DONE_BATCH` at most."""
        with self._connection() as store:
            return list(store.lrange(_DONE, 0, DONE_BATCH - 1))

    def read(self, batch: str) -> BatchReport:
        """The report of a batch so far."""
        with self._connection() as store:
            pipe = store.pipeline()
            pipe.lrange(_report_key(batch), 0, -1)
            pipe.get(_trouble_key(batch))
            lines, trouble = pipe.execute()
        return BatchReport([_load_outcome(line) for line in lines], _load_error(trouble))

    def delete(self, batch: str, *, done: bool = False) -> None:
        """Delete a batch; with `done`, it is the first of those that `done` returned."""
        with self._connection() as store:
            pipe = store.pipeline()
            pipe.zrem(_EXPIRIES, batch)
            pipe.delete(_report_key(batch), _trouble_key(batch), _owner_key(batch))
            if done:
                pipe.lpop(_DONE)
            pipe.execute()

    def count_workers(self) -> int:
        """The number of workers that are running."""
        with self._connection() as store:
            return int(store.zcount(_WORKERS, self._now() - PRESENCE_SECONDS, "+inf"))

    # For a worker.

    def announce_presence(self, worker: str) -> None:
        """Count a worker as running, for `PRESENCE_SECONDS`."""
        with self._connection() as store:
            now = self._now()
            pipe = store.pipeline()
            pipe.zadd(_WORKERS, {worker: now})
            pipe.zremrangebyscore(_WORKERS, "-inf", now - PRESENCE_SECONDS)
            pipe.execute()

    def leave(self, worker: str) -> None:
        """Stop counting a worker as running."""
        with self._connection() as store:
            store.zrem(_WORKERS, worker)

    def acquire(self, batch: str, worker: str) -> bool:
        """Acquire the lease of a batch; False if another worker has, or it has expired."""
        with self._connection() as store:
            until = store.zscore(_EXPIRIES, batch)
            if until is None or until < self._now():
                return False
            if not store.set(_owner_key(batch), worker, nx=True, ex=KEY_SECONDS):
                return False
        return self.renew(batch)

    def renew(self, batch: str) -> bool:
        """Extend the lease of a batch by `LEASE_SECONDS`; False if it was revoked."""
        with self._connection() as store:
            pipe = store.pipeline()
            pipe.zadd(_EXPIRIES, {batch: self._now() + LEASE_SECONDS}, xx=True)
            pipe.zscore(_EXPIRIES, batch)
            return pipe.execute()[1] is not None

    def report(self, batch: str, outcomes: Outcomes) -> None:
        """Add outcomes to the report of a batch."""
        with self._connection() as store:
            pipe = store.pipeline(transaction=False)
            pipe.rpush(_report_key(batch), *map(_dump_outcome, outcomes))
            pipe.expire(_report_key(batch), KEY_SECONDS)
            pipe.execute()

    def finish(self, batch: str, outcomes: Outcomes, trouble: MailError | None) -> None:
        """Write the whole report of a batch, and add it to those that are done."""
        with self._connection() as store:
            pipe = store.pipeline()
            pipe.delete(_report_key(batch))
            if outcomes:
                pipe.rpush(_report_key(batch), *map(_dump_outcome, outcomes))
                pipe.expire(_report_key(batch), KEY_SECONDS)
            if trouble is not None:
                pipe.set(_trouble_key(batch), _dump_error(trouble), ex=KEY_SECONDS)
            pipe.rpush(_DONE, batch)
            pipe.execute()

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return int(seconds) + int(microseconds) / 1e6

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        try:
            yield self._redis
        except redis.RedisError as error:
            raise unavailable(self._store, error) from None


def _owner_key(batch: str) -> str:
    return f"devis:begun:{batch}"


def _report_key(batch: str) -> str:
    return f"devis:report:{batch}"


def _trouble_key(batch: str) -> str:
    return f"devis:trouble:{batch}"


def _dump_outcome(reported: tuple[str, Outcome]) -> str:
    key, outcome = reported
    values = (outcome.result, outcome.code, outcome.detail, outcome.blames_sender)
    return json.dumps([key, *values])


def _load_outcome(line: str) -> tuple[str, Outcome]:
    key, *values = json.loads(line)  # a worker of an older version reports no `blames_sender`
    return key, Outcome(0, *values)


def _dump_error(error: MailError) -> str:
    values = {name: str(value) for name, value in error.values.items()}
    return json.dumps([isinstance(error, MailRefusedError), error.message, values])


def _load_error(line: str | None) -> MailError | None:
    if line is None:
        return None
    refused, message, values = json.loads(line)
    kind: Callable[..., MailError] = MailRefusedError if refused else MailUnavailableError
    return kind(message, **values)
