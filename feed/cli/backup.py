"""The commands `devis backup`, `devis restore` and `devis rehearse`."""

import shlex
from pathlib import Path

import click

from feed.cli.base import Reading, Setup, reading, setup
from feed.store import backups


@click.command()
@click.argument(
    "to", required=False, type=click.Path(file_okay=False, writable=False, path_type=Path)
)
@setup
def backup(base: Setup, to: Path | None) -> None:
    """Back up into a folder, the instance's own if none is given; the site goes on meanwhile.

    One file with the database and the secret key: keep it where nobody else can read it.
    """
    made = backups.make(base.config, base.clock(), to)
    click.echo(f"{made.path}  {made.rows} rows, {made.size / 1e6:.1f} MB")
    for path in made.removed:
        click.echo(f"removed: {path}")
    if made.not_recorded:
        click.echo(
            f"The backup is good, but the database could not record it: {made.not_recorded}",
            err=True,
        )


@click.command()
@click.argument(
    "source", metavar="FROM", type=click.Path(dir_okay=False, readable=False, path_type=Path)
)
@setup
def restore(base: Setup, source: Path) -> None:
    """Restore a backup where there is no database; the whole file is verified first."""
    content = backups.restore(base.config, source)
    click.echo(
        f"Restored {base.config.database}, as it was at {content.made:%Y-%m-%d %H:%M:%S} UTC."
    )
    given = base.config.secret
    if given and content.key and content.key != given:
        click.echo(
            "DEVIS_SECRET_KEY differs from the key of the backup, which links in emails already"
            " sent need. It is in the database: unset DEVIS_SECRET_KEY to use it.",
            err=True,
        )
    click.echo("Next, run “devis serve”.")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@reading
def rehearse(base: Reading, folder: Path) -> None:
    """Copy the database and its key into FOLDER, to try another date with DEVIS_NOW there.

    The site goes on meanwhile. The copy holds everybody's addresses: delete it afterwards.
    """
    path = backups.rehearse(base.config, folder)
    now = base.clock().astimezone(base.config.timezone)
    click.echo("Set these for the copy; its clock starts at DEVIS_NOW:")
    click.echo(f"DEVIS_DATABASE={shlex.quote(str(path))}")
    click.echo(f"DEVIS_NOW={now.isoformat(timespec='seconds')}")
