"""Shared by all commands: settings, clock, database access and error output."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from feed import clock, config
from feed.clock import Clock
from feed.config import Config, logs
from feed.errors import DevisError, FormError, InstanceError
from feed.model import Site

if TYPE_CHECKING:
    from sqlite_utils import Database

    from feed.library.exchange import ImportReport

DAY = click.DateTime(formats=["%Y-%m-%d"])


INTERRUPTED = 130  # exit code after SIGINT, by the shell's convention


class Commands(click.Group):
    """Command group that prints errors as one line with exit code 1; Ctrl-C exits with 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DevisError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{place}{error.strerror or error}") from error
        except KeyboardInterrupt:
            click.echo("Stopped by Ctrl-C; what was not finished was not saved.", err=True)
            raise SystemExit(INTERRUPTED) from None


class Reading:
    """Settings, clock and database of a command that only reads; works on a read-only database."""

    def __init__(self) -> None:
        self.config: Config = config.load()
        logs.configure(self.config.log_format)
        self.clock: Clock = clock.start(self.config.rehearsal)

    @contextmanager
    def library(self) -> Iterator[tuple["Database", Site]]:
        """The open database and the site. Raises SchemaError unless the schema is up to date."""
        from feed import editions
        from feed.store import migrations  # slow to load, and not for every command
        from feed.store.connection import opened

        with opened(self.config.database, read_only=True) as db:
            migrations.check(db)
            yield db, editions.site(db, self.config, self.clock())


class Setup(Reading):
    """Settings, clock and database of a command that writes. Raises InstanceError in a rehearsal
    on a database that was made on the real clock.
    """

    def __init__(self) -> None:
        super().__init__()
        if self.config.rehearsal is not None:
            _demand_copy(self.config)

    @contextmanager
    def library(self) -> Iterator[tuple["Database", Site]]:
        """The open database and the site. Raises SchemaError unless the schema is up to date."""
        from feed import editions
        from feed.store import migrations
        from feed.store.connection import opened

        with opened(self.config.database) as db:
            migrations.check(db)
            yield db, editions.settle(db, self.config, self.clock())


def _demand_copy(config: Config) -> None:
    """Raise InstanceError if the database exists and was made on the real clock."""
    from feed.store import meta, migrations
    from feed.store.connection import exists, opened

    if not exists(config.database):
        return
    with opened(config.database, read_only=True) as db:
        is_real = bool(migrations.applied(db)) and meta.is_real(db)
    if is_real:
        raise InstanceError(
            "DEVIS_NOW is for rehearsals, and %(path)s was made on the real clock. Unset DEVIS_NOW,"
            " or copy the database with “devis rehearse FOLDER” and use the copy.",
            path=config.database,
        )


reading = click.make_pass_decorator(Reading, ensure=True)
setup = click.make_pass_decorator(Setup, ensure=True)


@contextmanager
def form_errors() -> Iterator[None]:
    """Print the errors of a form as one line per field."""
    from feed.i18n import translator  # slow to load, and not for every command

    try:
        yield
    except FormError as error:
        lines = translator("en").error_messages(error.fields).values()
        raise click.ClickException("\n".join(lines)) from error


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set.

    A handler runs in the middle of anything, a wait for the event or another handler included, so
    it must not take the lock of the event: it wakes a thread, which sets it.
    """
    stop = threading.Event()
    source, sink = os.pipe()

    def set_when_woken() -> None:
        os.read(source, 1)
        stop.set()

    threading.Thread(target=set_when_woken, name="signals", daemon=True).start()
    os.set_blocking(sink, False)  # when it is full, the thread has enough to read

    def wake(_number: int, _frame: object) -> None:
        with suppress(BlockingIOError):
            os.write(sink, b"\0")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, wake)
    return stop


def print_reports(reports: dict[str, "ImportReport"]) -> None:
    """Print the counts of an import, and the entries that were left alone."""
    for kind, report in reports.items():
        click.echo(
            f"{kind}: {len(report.new)} new, {len(report.changed)} changed,"
            f" {len(report.unchanged)} unchanged, {len(report.left_alone)} left alone"
        )
        for slug in report.left_alone:
            click.echo(f"  left alone, as it was edited at the desk: {slug}")
