"""What every command starts from, and how its errors are told."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from feed import clock, config
from feed.clock import Clock
from feed.config import Config, logs
from feed.errors import DevisError
from feed.model import Site

if TYPE_CHECKING:
    from sqlite_utils import Database

    from feed.curation import Report

DAY = click.DateTime(formats=["%Y-%m-%d"])


class Commands(click.Group):
    """Turns the product's errors into one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DevisError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(error.strerror or str(error)) from error


class Setup:
    """What every command starts from."""

    def __init__(self) -> None:
        self.config: Config = config.load()
        logs.start(self.config.log_format)
        self.clock: Clock = clock.start(self.config.rehearsal)

    @contextmanager
    def library(self) -> Iterator[tuple["Database", Site]]:
        """The database, refused if its schema is not this program's, and the site."""
        from feed import editions, schema  # slow to load, and not for every command
        from feed.store.connection import opened

        with opened(self.config.database) as db:
            schema.check(db)
            yield db, editions.settle(db, self.config, self.clock())


setup = click.make_pass_decorator(Setup, ensure=True)


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def told(reports: dict[str, "Report"]) -> None:
    """Print what an import did."""
    for kind, report in reports.items():
        click.echo(
            f"{kind}: {len(report.new)} new, {len(report.changed)} changed,"
            f" {len(report.unchanged)} unchanged, {len(report.left_alone)} left alone"
        )
        for slug in report.left_alone:
            click.echo(f"  left alone, as it was edited at the desk: {slug}")
