"""The command `devis`: a thin client of the product. Errors are one line, and an exit code."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path

import click

from feed import __version__, curation, editions, exchange, server
from feed.cli import backup, check, digest
from feed.cli.base import DAY, Commands, Setup, setup, stop_on_signal
from feed.curation import Report
from feed.errors import InstanceError
from feed.model import Site
from feed.store.connection import exists, opened


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="devis")
def main() -> None:
    """One leadership principle a day, as pages and feeds.

    Settings come from the environment: every DEVIS_… name is in the README.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    for name in ("apscheduler", "flufl.bounce"):  # they tell of every step they take
        logging.getLogger(name).setLevel(logging.WARNING)


@main.command()
@setup
def init(base: Setup) -> None:
    """Create the database, and load the shipped library into one that is empty."""
    _told(server.prepare(base.config, base.clock))
    click.echo(f"The database is ready: {base.config.database}")


@main.command()
@click.option("--no-backup", "backup", flag_value=False, default=True, help="Do not back up first.")
@setup
def migrate(base: Setup, backup: bool) -> None:
    """Bring an older database up to the schema of this program; it is backed up first."""
    with opened(base.config.database) as db:
        applied, made = server.migrate(db, base.config, base.clock(), backup=backup)
    if made is not None:
        click.echo(f"Backed up first: {made.path}")
    click.echo(f"Applied: {', '.join(applied)}" if applied else "Nothing to do.")


@main.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
)
@click.option("--overwrite", is_flag=True, help="Replace also what was edited at the desk.")
@setup
def import_(base: Setup, files: tuple[Path, ...], overwrite: bool) -> None:
    """Import TOML, JSON or CSV files: all of them, or nothing at all."""
    contents = {str(path): _content(path) for path in files}
    if not exists(base.config.database):
        server.create(base.config, base.clock)
    with base.library() as (db, _):
        _told(curation.import_files(db, contents, base.clock(), overwrite=overwrite))


@main.command()
@click.option("--format", "form", type=click.Choice(exchange.FORMATS), default="json")
@click.option("--lang", "languages", multiple=True, help="Only texts in this language; repeatable.")
@setup
def export(base: Setup, form: str, languages: tuple[str, ...]) -> None:
    """Write the library to standard output; CSV holds the principles only."""
    with base.library() as (db, _):
        text = exchange.write(curation.export(db, languages or None), form)
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


@main.command()
@click.option(
    "--days", type=click.IntRange(1, editions.LONGEST_PLAN.days), default=14, show_default=True
)
@click.option("--from", "first", type=DAY, help="The first date; tomorrow if not given.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@setup
def plan(base: Setup, days: int, first: datetime | None, form: str) -> None:
    """Print what is coming: dates, principles, and whether a pin or the rotation says so."""
    start = first.date() if first else None
    with base.library() as (db, site):
        planned = editions.plan(db, site, base.config, base.clock(), days, start)
    rows = [
        {"date": item.date.isoformat(), "principle": item.principle, "why": item.why}
        for item in planned
    ]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['date']}  {row['why']:<8}  {row['principle']}")


@main.command()
@setup
def publish(base: Setup) -> None:
    """Make the editions that are due: today's, and those of days missed."""
    with base.library() as (db, site):
        made = editions.publish_due(db, site, base.config, base.clock())
    for choice in made:
        click.echo(f"{choice.date.isoformat()}  {choice.why:<8}  {choice.slug}")
    if not made:
        click.echo("Nothing is due.")


@main.command()
@click.argument("day", type=DAY)
@click.argument("slug", required=False)
@setup
def pin(base: Setup, day: datetime, slug: str | None) -> None:
    """Pin a principle to a date to come; without a principle, take the pin away."""
    with base.library() as (db, site):
        editions.pin(db, site, day.date(), slug, base.clock())
    click.echo(f"{day:%Y-%m-%d}  {slug or 'no pin'}")


@main.command()
@click.argument("day", type=DAY)
@click.option("--reason", required=True, help="Why; it is kept in the ledger.")
@click.option("--replace-with", "slug", help="The principle to put in its place, today only.")
@click.option("--leave-empty", is_flag=True, help="Put nothing in its place.")
@setup
def withdraw(base: Setup, day: datetime, reason: str, slug: str | None, leave_empty: bool) -> None:
    """Withdraw a date's edition everywhere; today's is replaced by the next in the rotation."""
    with base.library() as (db, site):
        choice = editions.withdraw(
            db, site, base.config, day.date(), reason, base.clock(), slug, replace=not leave_empty
        )
    click.echo(f"Withdrawn: {day:%Y-%m-%d}")
    if choice is not None:
        click.echo(f"In its place: {choice.slug}")


main.add_command(digest.group)
main.add_command(digest.bounce)
main.add_command(backup.backup)
main.add_command(backup.restore)
main.add_command(check.group)


@main.command()
@click.option("--supervised", is_flag=True, hidden=True)
@setup
def web(base: Setup, supervised: bool) -> None:
    """Serve the site, without a worker."""
    from feed.web import wsgi

    if supervised:
        server.end_with_supervisor()
    server.web(base.config, base.clock, wsgi)


@main.command()
@click.option("--supervised", is_flag=True, hidden=True)
@setup
def worker(base: Setup, supervised: bool) -> None:
    """Make editions when they are due; a second worker on the same database stands by."""
    from feed import worker as scheduler

    stop = stop_on_signal()
    if supervised:
        server.end_with_supervisor()
    scheduler.run(base.config, base.clock, stop)


@main.command()
@setup
def serve(base: Setup) -> None:
    """Do everything: prepare the database, make today's edition, run web and worker."""
    stop = stop_on_signal()
    server.check_port(base.config)
    _told(server.prepare(base.config, base.clock))
    with base.library() as (db, site):
        editions.publish_due(db, site, base.config, base.clock())
    _addresses(site)
    server.supervise(base.config, base.clock, stop)


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@setup
def freeze(base: Setup, folder: Path) -> None:
    """Write the whole public site into FOLDER, as files that any static host serves."""
    from feed.web import frozen

    site = frozen.Frozen(base.config, base.clock, folder)
    with click.progressbar(site.addresses, label="Writing", show_pos=True) as addresses:
        site.write(addresses)
    click.echo(f"{site.written} files written, {site.same} unchanged, {site.removed} removed.")


def _addresses(site: Site) -> None:
    click.echo(f"Devis serves {site.url('/')}")
    for code in site.languages:
        click.echo(f"  {code}: {site.url(f'/{code}/')}  feeds: {site.url(f'/{code}/feeds/')}")
        for form in ("rss", "atom", "json"):
            click.echo(f"      {site.url(f'/{code}/feed.{form}')}")
    click.echo("Stop with Ctrl-C.")
    sys.stdout.flush()


def _told(reports: dict[str, Report]) -> None:
    for kind, report in reports.items():
        click.echo(
            f"{kind}: {len(report.new)} new, {len(report.changed)} changed,"
            f" {len(report.unchanged)} unchanged, {len(report.left_alone)} left alone"
        )
        for slug in report.left_alone:
            click.echo(f"  left alone, as it was edited at the desk: {slug}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InstanceError("%(path)s: %(detail)s", path=path, detail=error.strerror) from error
