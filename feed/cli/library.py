"""The commands about the database and library: init, migrate, import and export."""

import sys
from pathlib import Path

import click

from feed import editions
from feed import files as exchange_files
from feed.cli.base import Commands, Reading, Setup, print_reports, reading, setup
from feed.errors import InstanceError
from feed.files import Table
from feed.library import exchange
from feed.library.import_plan import WRITTEN
from feed.server import database_setup
from feed.store.connection import exists, opened


@click.command()
@setup
def init(base: Setup) -> None:
    """Create the database, and load the shipped library into one that is empty."""
    print_reports(database_setup.prepare(base.config, base.clock))
    click.echo(f"The database is ready: {base.config.database}")


@click.command()
@click.option("--no-backup", "backup", flag_value=False, default=True, help="Do not back up first.")
@click.option(
    "--new-ids", is_flag=True, help="Take the ids in feeds from DEVIS_BASE_URL from now on."
)
@setup
def migrate(base: Setup, backup: bool, new_ids: bool) -> None:
    """Migrate an older database to this version's schema; it is backed up first.

    With --new-ids feed readers show every edition once more, as new.
    """
    with opened(base.config.database) as db:
        applied, made = database_setup.migrate(db, base.config, base.clock(), backup=backup)
        authority = editions.new_ids(db, base.config) if new_ids else None
    if authority is not None:
        click.echo(f"Ids now begin with: tag:{authority}")
    if made is not None:
        click.echo(f"Backed up first: {made.path}")
    click.echo(f"Applied: {', '.join(applied)}" if applied else "Nothing to do.")


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, readable=False, path_type=Path),
)
@click.option("--overwrite", is_flag=True, help="Replace also what was edited at the desk.")
@setup
def import_(base: Setup, files: tuple[Path, ...], overwrite: bool) -> None:
    """Import spreadsheets (CSV, .xlsx, .ods), TOML or JSON: all of them, or nothing at all."""
    contents = {str(path): _content(path) for path in files}
    if not exists(base.config.database):
        database_setup.create(base.config, base.clock)
    with base.library() as (db, _):
        reports = exchange.import_files(
            db, contents, base.clock(), overwrite=overwrite, on_table=_print_guesses
        )
        print_reports(reports)


@click.command()
@click.option("--format", "form", type=click.Choice(exchange_files.FORMATS), default="json")
@click.option("--lang", "languages", multiple=True, help="Only texts in this language; repeatable.")
@reading
def export(base: Reading, form: str, languages: tuple[str, ...]) -> None:
    """Write the library to standard output; CSV holds the principles only."""
    known = base.config.languages
    for language in languages:
        if language not in known:
            raise click.BadParameter(
                f"The site has no language “{language}”. It has: {', '.join(known)}.",
                param_hint="--lang",
            )
    with base.library() as (db, _):
        text = exchange_files.write(exchange.export(db, languages or None), form)
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


@click.group("library", cls=Commands)
def group() -> None:
    """The library that ships with Devis."""


@group.command()
@click.option("--yes", is_flag=True, help="Do it; without, only say what would be done.")
@setup
def update(base: Setup, *, yes: bool) -> None:
    """Take new and better texts from the library that ships with this version.

    What was edited at the desk is left alone. Past days keep their ids and dates.
    """
    with base.library() as (db, _):
        found = exchange.update(db, base.clock()) if yes else exchange.plan_update(db)
    print_reports(exchange.reports_of(found))
    for item in found.items:
        if item.outcome in WRITTEN:
            what = "new" if item.old is None else ", ".join(item.fields)
            click.echo(f"  {item.kind} {item.slug}: {what}")
    if found.changes and not yes:
        click.echo("Nothing was changed: add --yes.")


def _print_guesses(name: str, table: Table) -> None:
    """Print in one line how a spreadsheet was read."""
    pairs = zip(table.grid.headings, table.columns, strict=True)
    columns = ", ".join(f"{heading} = {column}" for heading, column in pairs if column)
    line = f"{name}: {table.grid.summary}: {columns}"
    line += f"; language {table.language}" if table.language else ""
    click.echo(f"{line}; not read: {', '.join(table.ignored)}" if table.ignored else line)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InstanceError("%(path)s: %(detail)s", path=path, detail=error.strerror) from error
