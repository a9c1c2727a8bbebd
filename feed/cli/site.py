"""The commands that show the site: as processes, or as files."""

import sys
from functools import partial
from pathlib import Path

import click

from feed import server
from feed.cli.base import Reading, Setup, reading, setup, stop_on_signal, told
from feed.config import Config
from feed.model import Site


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@setup
def web(base: Setup, supervised: bool) -> None:
    """Serve the site, without a worker."""
    with server.loading():
        from feed.web.gateway import rsgi

    if supervised:
        server.follow_supervisor()
    server.web(base.config, base.clock, rsgi)


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@setup
def worker(base: Setup, supervised: bool) -> None:
    """Make editions when they are due; a second worker on the same database stands by."""
    with server.loading():
        from feed import worker as scheduler

    stop = stop_on_signal()
    if supervised:
        server.follow_supervisor()
    scheduler.run(base.config, base.clock, stop)


@click.command()
@setup
def serve(base: Setup) -> None:
    """Do everything: prepare the database, make today's edition, run web and worker."""
    stop = stop_on_signal()
    server.supervise(base.config, base.clock, stop, partial(_prepare, base))


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@reading
def freeze(base: Reading, folder: Path) -> None:
    """Write the whole public site into FOLDER, as files that any static host serves."""
    from feed.web import frozen

    site = frozen.Frozen(base.config, base.clock, folder)
    with click.progressbar(site.addresses, label="Writing", show_pos=True) as addresses:
        site.write(addresses)
    click.echo(f"{site.written} files written, {site.same} unchanged, {site.removed} removed.")


def _prepare(base: Setup) -> None:
    from feed import editions, hub  # slow to load: see `server.supervise`
    from feed.config import secret
    from feed.curation import people, signing

    hub.check(base.config)
    told(server.prepare(base.config, base.clock))
    with base.library() as (db, site):
        editions.publish_due(db, site, base.config, base.clock())
        first = people.first(db, base.clock())
        has_administrator = people.has_administrator(db)
    _addresses(site)
    _kind(base.config)
    if first is not None:
        click.echo("The desk is empty. This link makes you its administrator, once:")
        click.echo(f"  {site.url(signing.link(secret.key(base.config), first))}")
    elif not has_administrator:
        click.echo(
            "The desk has no administrator yet: “devis curator add ADDRESS” prints a link for one."
        )
    click.echo("Stop with Ctrl-C.")
    sys.stdout.flush()


def _kind(config: Config) -> None:
    """Say whether this is a trial or a public site."""
    if config.is_public:
        click.echo(f"This site is public, at {config.base_url}. “devis check” says what it lacks.")
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
