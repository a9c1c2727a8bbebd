"""What brain and mail workers tell each other, in Redis: who has which batch, and what was sent.

All instants here are those of the store's own clock, so that machines need not agree on the time.
A batch is *expected* until an instant. A worker that begins it, which only one can, moves that
instant on as long as it works: so a worker that is gone is missed within seconds.
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

LEASE = 6.0  # seconds that a worker may be silent about its batch
PRESENT = 30.0  # seconds that it may be silent when it has none
KEPT = 2 * 24 * 3600  # seconds until what nobody has read is forgotten
AT_ONCE = 20
_EXPECTED, _DONE, _WORKERS = "devis:batches", "devis:done", "devis:workers"
_SECONDS = 5

Told = Sequence[tuple[str, Outcome]]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a worker tells of a batch; `trouble` is why it could not send all of it, if so."""

    outcomes: list[tuple[str, Outcome]]
    trouble: MailError | None


class RedisLeases:
    """The store. Everything raises MailUnavailableError where it cannot be used."""

    def __init__(self, store: Broker) -> None:
        self._store = store
        self._redis: Any = redis.Redis.from_url(
            store.url,
            decode_responses=True,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
        )

    # The brain's side.

    def expect(self, batch: str, seconds: float) -> None:
        """A batch is about to be handed over, and void if nobody has begun it by then."""
        with self._used() as store:
            store.zadd(_EXPECTED, {batch: self._now() + seconds})

    def expected(self) -> set[str]:
        """Every batch that a worker has, or may still begin."""
        with self._used() as store:
            return set(store.zrange(_EXPECTED, 0, -1))

    def missed(self) -> list[str]:
        """Batches that nobody began in time, or whose worker is gone."""
        with self._used() as store:
            return list(store.zrangebyscore(_EXPECTED, "-inf", self._now()))

    def recall(self, batch: str) -> bool:
        """Have a batch not sent; False where a worker has begun it, and now stops."""
        with self._used() as store:
            pipe = store.pipeline()
            pipe.zrem(_EXPECTED, batch)
            pipe.set(_begun(batch), "brain", nx=True, ex=KEPT)
            return bool(pipe.execute()[1])

    def done(self) -> list[str]:
        """Batches that workers are done with, in that order; some of them, if there are many."""
        with self._used() as store:
            return list(store.lrange(_DONE, 0, AT_ONCE - 1))

    def read(self, batch: str) -> BatchReport:
        """What was reported of a batch so far."""
        with self._used() as store:
            pipe = store.pipeline()
            pipe.lrange(_report(batch), 0, -1)
            pipe.get(_trouble(batch))
            lines, trouble = pipe.execute()
        return BatchReport([_outcome(line) for line in lines], _error(trouble))

    def forget(self, batch: str, *, done: bool = False) -> None:
        """A batch is settled; with `done`, it is the first of those that `done` gave."""
        with self._used() as store:
            pipe = store.pipeline()
            pipe.zrem(_EXPECTED, batch)
            pipe.delete(_report(batch), _trouble(batch), _begun(batch))
            if done:
                pipe.lpop(_DONE)
            pipe.execute()

    def workers(self) -> int:
        """How many workers are there."""
        with self._used() as store:
            return int(store.zcount(_WORKERS, self._now() - PRESENT, "+inf"))

    # A worker's side.

    def attend(self, worker: str) -> None:
        """A worker is there."""
        with self._used() as store:
            now = self._now()
            pipe = store.pipeline()
            pipe.zadd(_WORKERS, {worker: now})
            pipe.zremrangebyscore(_WORKERS, "-inf", now - PRESENT)
            pipe.execute()

    def leave(self, worker: str) -> None:
        """A worker ends."""
        with self._used() as store:
            store.zrem(_WORKERS, worker)

    def begin(self, batch: str, worker: str) -> bool:
        """Begin a batch; False where that was done already, or where it is void."""
        with self._used() as store:
            until = store.zscore(_EXPECTED, batch)
            if until is None or until < self._now():
                return False
            if not store.set(_begun(batch), worker, nx=True, ex=KEPT):
                return False
        return self.hold(batch)

    def hold(self, batch: str) -> bool:
        """Go on with a batch; False where it was recalled, or taken back."""
        with self._used() as store:
            pipe = store.pipeline()
            pipe.zadd(_EXPECTED, {batch: self._now() + LEASE}, xx=True)
            pipe.zscore(_EXPECTED, batch)
            return pipe.execute()[1] is not None

    def note(self, batch: str, told: Told) -> None:
        """Keep what became of some letters, before the next are sent."""
        with self._used() as store:
            pipe = store.pipeline(transaction=False)
            pipe.rpush(_report(batch), *map(_line, told))
            pipe.expire(_report(batch), KEPT)
            pipe.execute()

    def finish(self, batch: str, told: Told, trouble: MailError | None) -> None:
        """Report all that became of a batch, which nobody has any more."""
        with self._used() as store:
            pipe = store.pipeline()
            pipe.delete(_report(batch))
            if told:
                pipe.rpush(_report(batch), *map(_line, told))
                pipe.expire(_report(batch), KEPT)
            if trouble is not None:
                pipe.set(_trouble(batch), _trouble_line(trouble), ex=KEPT)
            pipe.rpush(_DONE, batch)
            pipe.execute()

    def close(self) -> None:
        """Part from the store."""
        self._redis.close()

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return int(seconds) + int(microseconds) / 1e6

    @contextmanager
    def _used(self) -> Iterator[Any]:
        try:
            yield self._redis
        except redis.RedisError as error:
            raise unavailable(self._store, error) from None


def _begun(batch: str) -> str:
    return f"devis:begun:{batch}"


def _report(batch: str) -> str:
    return f"devis:report:{batch}"


def _trouble(batch: str) -> str:
    return f"devis:trouble:{batch}"


def _line(told: tuple[str, Outcome]) -> str:
    name, outcome = told
    return json.dumps([name, outcome.result, outcome.code, outcome.detail])


def _outcome(line: str) -> tuple[str, Outcome]:
    name, result, code, detail = json.loads(line)
    return name, Outcome(0, result, code, detail)


def _trouble_line(error: MailError) -> str:
    values = {name: str(value) for name, value in error.values.items()}
    return json.dumps([isinstance(error, MailRefusedError), error.message, values])


def _error(line: str | None) -> MailError | None:
    if line is None:
        return None
    refused, message, values = json.loads(line)
    kind: Callable[..., MailError] = MailRefusedError if refused else MailUnavailableError
    return kind(message, **values)
