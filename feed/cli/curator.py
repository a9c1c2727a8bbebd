"""The commands `devis curator …`: staff accounts of the desk."""

import click

from feed.accounts import links, people
from feed.cli.base import Commands, Setup, form_errors, setup
from feed.model import Site
from feed.model.people import ROLES, Curator
from feed.store import curators, signing_key
from feed.store.outbox import OutboxItem

_ROLE = click.Choice(ROLES)
_LANGUAGES = click.option(
    "--languages", default="", help="Languages of a translator, separated by commas."
)


@click.group("curator", cls=Commands)
def group() -> None:
    """Staff accounts of the desk: add, list, change roles, disable."""


@group.command()
@click.argument("address")
@click.option("--name", help="Their name; the first part of the address if not given.")
@click.option(
    "--role", type=_ROLE, help="Curator if not given, or administrator while there is none."
)
@click.option("--language", help="Language of their desk; the site's first if not given.")
@_LANGUAGES
@setup
def add(
    base: Setup,
    address: str,
    name: str | None,
    role: str | None,
    language: str | None,
    languages: str,
) -> None:
    """Add a person and print their sign-in link. The first one becomes administrator."""
    codes = base.config.languages
    with base.library() as (db, site), form_errors():
        lacks = not people.has_administrator(db)
        given = {
            "address": address,
            "name": name or address.partition("@")[0],
            "role": role or ("administrator" if lacks else "curator"),
            "languages": languages.replace(",", " "),
            "language": language or codes[0],
        }
        _link(base, site, people.invite(db, given, codes, base.clock(), mailed=False))
    click.echo(f"{address} is {given['role']}.")
    if lacks and given["role"] != "administrator":
        click.echo("The desk still has no administrator: add one, too.", err=True)


@group.command("list")
@setup
def list_(base: Setup) -> None:
    """Print all accounts: number, role, address, name, and how they sign in."""
    with base.library() as (db, _):
        found = curators.list_all(db)
    for each in found:
        click.echo(f"{each.id:>4}  {_role(each):<24}  {each.address}  {each.name}  {_ways(each)}")
    if not found:
        click.echo("There are no accounts yet.")


@group.command()
@click.argument("address")
@click.argument("role", type=_ROLE)
@_LANGUAGES
@setup
def role(base: Setup, address: str, role: str, languages: str) -> None:
    """Change a person's role."""
    with base.library() as (db, _), form_errors():
        found = people.by_address(db, address)
        given = {"role": role, "languages": languages.replace(",", " ")}
        changed = people.change(db, found.id, given, base.config.languages)
    click.echo(f"{changed.address}  {_role(changed)}")


@group.command()
@click.argument("address")
@setup
def link(base: Setup, address: str) -> None:
    """Print a link that signs a person in once, within ten minutes, in any browser.

    It changes nothing else. Where a passkey or the organisation's sign-on is required, it only lets
    them add one.
    """
    with base.library() as (db, site):
        found = people.by_address(db, address)
        _link(base, site, links.print_link(db, found, base.clock()))


@group.command()
@click.argument("address")
@setup
def reset(base: Setup, address: str) -> None:
    """Delete a person's ways in, end their sessions, and print a new sign-in link."""
    with base.library() as (db, site):
        found = people.by_address(db, address)
        _link(base, site, people.reset(db, found.id, base.clock(), mailed=False))


@group.command()
@click.argument("address")
@click.option("--undo", is_flag=True, help="Enable the account again.")
@setup
def disable(base: Setup, address: str, undo: bool) -> None:
    """Disable an account; what the person did stays."""
    with base.library() as (db, _):
        found = people.by_address(db, address)
        (people.enable if undo else people.disable)(db, found.id, base.clock())
    click.echo(f"{found.address} {'is enabled' if undo else 'is disabled'}.")


def _link(base: Setup, site: Site, notice: OutboxItem) -> None:
    times = {"invitation": "for seven days", "printed": "within ten minutes"}
    click.echo(f"This link signs them in, once, {times[notice.kind]}, in any browser:")
    click.echo(site.url(links.path(signing_key.key(base.config), notice)))


def _role(found: Curator) -> str:
    if found.disabled:
        return "disabled"
    return f"{found.role} ({', '.join(found.languages)})" if found.languages else found.role


def _ways(found: Curator) -> str:
    return ", ".join(
        ["passkey"] * bool(found.passkeys) + ["sign-on"] * bool(found.sign_ons) + ["link"]
    )
