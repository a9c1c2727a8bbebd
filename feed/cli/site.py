"""The commands that run or export the site: serve, web, worker and freeze."""

import sys
from functools import partial
from pathlib import Path

import click

from feed.cli.base import Reading, Setup, print_reports, reading, setup, stop_on_signal
from feed.config import Config
from feed.model import Site
from feed.server import database_setup, processes


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@setup
def web(base: Setup, supervised: bool) -> None:
    """Serve the site, without a worker."""
    with processes.without_garbage_collection():
        from feed.app import rsgi

    if supervised:
        processes.follow_supervisor()
    processes.serve_web(base.config, base.clock, rsgi)


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@setup
def worker(base: Setup, supervised: bool) -> None:
    """Run the scheduled jobs; a second worker on the same database stands by."""
    with processes.without_garbage_collection():
        from feed import worker as scheduler

    stop = stop_on_signal()
    if supervised:
        processes.follow_supervisor()
    scheduler.run(base.config, base.clock, stop)


@click.command()
@setup
def serve(base: Setup) -> None:
    """Run everything: prepare the database, publish today's edition, start web and worker."""
    stop = stop_on_signal()
    processes.supervise(base.config, base.clock, stop, partial(_prepare, base))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@reading
def freeze(base: Reading, folder: Path) -> None:
    """Export the whole public site into FOLDER, as files for any static host."""
    from feed.app import create_app
    from feed.web import frozen_site

    app = create_app(base.config, base.clock, reading=True)
    site = frozen_site.FrozenSite(app, base.config, base.clock, folder)
    with click.progressbar(site.addresses, label="Writing", show_pos=True) as addresses:
        site.write(addresses)
    click.echo(f"{site.written} files written, {site.same} unchanged, {site.removed} removed.")


def _prepare(base: Setup) -> None:
    from feed.accounts import links, people
    from feed.library import scheduling
    from feed.notify import announcements  # slow to load: see `server.processes.supervise`
    from feed.store import signing_key

    announcements.check(base.config)
    print_reports(database_setup.prepare(base.config, base.clock))
    with base.library() as (db, site):
        scheduling.publish_due(db, site, base.config, base.clock())
        # Only for a terminal: anything else, such as systemd's journal, keeps what it shows.
        first = people.first_link(db, base.clock()) if sys.stdout.isatty() else None
        has_administrator = people.has_administrator(db)
    _addresses(site)
    _kind(base.config)
    if first is not None:
        click.echo("The desk is empty. This link makes you its administrator, once:")
        click.echo(f"  {site.url(links.path(signing_key.key(base.config), first))}")
    elif not has_administrator:
        click.echo(
            "The desk has no administrator yet: “devis curator add ADDRESS” prints a link for one."
        )
    click.echo("Stop with Ctrl-C.")
    sys.stdout.flush()


def _kind(config: Config) -> None:
    """Print whether this is a trial or a public site."""
    if config.is_public:
        click.echo(
            f"This is a public site, at {config.base_url}. “devis check” lists what it lacks."
        )
    else:
        click.echo(
            f"This is a trial, at {config.base_url}: only this machine can open its links. To go"
            " public, set DEVIS_BASE_URL to the address that people use."
        )


def _addresses(site: Site) -> None:
    click.echo(f"Devis serves {site.url('/')}")
    for code in site.languages:
        click.echo(f"  {code}: {site.url(f'/{code}/')}  feeds: {site.url(f'/{code}/feeds/')}")
        for form in ("rss", "atom", "json"):
            click.echo(f"      {site.url(f'/{code}/feed.{form}')}")
    click.echo(f"  desk: {site.url('/desk/')}")
