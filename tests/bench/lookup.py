"""One person among 200 000 subscribers: `python -m tests.bench.lookup [--number N]`.

Measured at the desk, as an administrator: the search by address, and the person's page with
consent, deliveries of a year, and bounces.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import click

from feed.config import Config
from feed.store.connection import opened, transaction
from tests.bench import Size, build
from tests.bench.subscribers import BEFORE, populate
from tests.conftest import Installation
from tests.desk_client import Desk

DAYS = 365  # of daily digests to each person that is looked up
ROUNDS = 50


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--number", default=200_000, show_default=True, help="Subscribers.")
def main(number: int) -> None:
    """Print how long finding one subscriber takes, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        config = build(Path(folder, "site"), Size(principles=200, days=60))
        populate(config, number)
        people = random.Random(1).sample(range(1, number + 1), ROUNDS)
        deliver(config, people)
        user = Desk(Installation(config, BEFORE)).sign_in("administrator")
        user.get("/desk/subscribers/")
        steps: dict[str, Callable[[int], object]] = {
            "find": lambda n: user.post(
                "/desk/subscribers/", {"address": f"person.{n - 1}@example.org"}
            ),
            "show": lambda n: user.get(f"/desk/subscribers/{n}/"),
        }
        for name, step in steps.items():
            step(people[0])
            taken = [timed(step, person) for person in people]
            click.echo(
                f"{name} one of {number:,} subscribers: median {statistics.median(taken):.1f} ms,"
                f" slowest {max(taken):.1f} ms"
            )


def deliver(config: Config, people: list[int]) -> None:
    """Record a year of daily deliveries to some subscribers."""
    with opened(config.database) as db, transaction(db):
        for n in range(DAYS):
            day = (BEFORE - timedelta(days=n)).isoformat()
            row = db.execute(
                "INSERT INTO letters (cadence, date) VALUES ('daily', ?) RETURNING id", [day[:10]]
            ).fetchone()
            db.conn.executemany(
                "INSERT INTO deliveries (letter, subscriber, language, state, due, at)"
                " VALUES (?, ?, 'en', 'sent', ?, ?)",
                [(row[0], person, day, day) for person in people],
            )


def timed(step: Callable[[int], object], person: int) -> float:
    """The milliseconds that a step takes."""
    began = time.perf_counter()
    step(person)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
