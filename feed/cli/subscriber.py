"""The commands `devis subscriber …`: look up and administer subscribers by address.

PERSON is an address, a number as `find` prints it, or `-`: then the address is the first line of
standard input, so that it stands neither in the list of processes nor in the shell's history.
"""

import json
import sys
from datetime import datetime
from typing import BinaryIO, TextIO

import click
from sqlite_utils import Database

from feed.cli.base import DAY, Commands, Reading, Setup, form_errors, reading, setup
from feed.config import Config
from feed.errors import InputError, NotFoundError
from feed.i18n import translator
from feed.model import Subscriber, email_addresses
from feed.store import signing_key
from feed.subscribers import (
    administration,
    consent_texts,
    sign_up_limits,
    subscriber_import,
    suppression,
)
from feed.subscribers.administration import SubscriberRecord, Suspension

_PERSON = click.argument("person")
_REASON = click.option("--reason", required=True, help="Why; kept in the audit log.")
_YES = click.option("--yes", is_flag=True, help="Do it; without, only say what would be done.")


@click.group("subscriber", cls=Commands)
def group() -> None:
    """Subscribers: find, show, stop, resume, export, erase, import, suppress; pause sign-up.

    PERSON is an address, a number as “find” prints it, or “-” for an address on standard input.
    """


@group.command()
@_PERSON
@reading
def find(base: Reading, person: str) -> None:
    """Print the number, status and preferences of a person."""
    with base.library() as (db, _):
        click.echo(_line(_find(db, base.config, person)))


@group.command()
@_PERSON
@reading
def show(base: Reading, person: str) -> None:
    """Print all about a person: consent, deliveries, what came back, and what was done."""
    with base.library() as (db, _):
        number = _find(db, base.config, person).id
        key = signing_key.find(db, base.config) or b""
        _print(administration.record(db, key, number))


@group.command()
@_PERSON
@_REASON
@setup
def stop(base: Setup, person: str, reason: str) -> None:
    """Unsubscribe a person."""
    with base.library() as (db, site), form_errors():
        by = administration.operator(reason)
        found = _find(db, base.config, person)
        administration.stop(db, site, found.id, by, base.clock())
    click.echo(f"Subscriber {found.id} gets no more emails.")


@group.command()
@click.argument("person", required=False)
@click.option("--day", type=DAY, help="All who were suspended on this date.")
@click.option("--domain", help="All suspended at this domain.")
@_REASON
@_YES
@setup
def resume(
    base: Setup,
    person: str | None,
    day: datetime | None,
    domain: str | None,
    reason: str,
    yes: bool,
) -> None:
    """Resume a person who is suspended, or all of a day or domain; ask who has left to confirm.

    Those who complained are resumed one by one only.
    """
    if bool(person) == bool(day or domain):
        raise click.UsageError("Name a PERSON, or --day and --domain.")
    with form_errors():
        by = administration.operator(reason)
        if person:
            _resume(base, person, by)
        else:
            _resume_suspended(base, day, domain, by, yes)


@group.command()
@_PERSON
@_REASON
@setup
def export(base: Setup, person: str, reason: str) -> None:
    """Print everything stored about a person, as JSON."""
    with base.library() as (db, _), form_errors():
        by = administration.operator(reason)
        found = _find(db, base.config, person)
        data = administration.export(db, found.id, by, base.clock())
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


@group.command()
@_PERSON
@_REASON
@click.option("--suppress", is_flag=True, help="Keep a hash, so that nobody signs them up again.")
@setup
def erase(base: Setup, person: str, reason: str, suppress: bool) -> None:
    """Delete a person with everything stored about them."""
    with base.library() as (db, _), form_errors():
        by = administration.operator(reason)
        found = _find(db, base.config, person)
        key = signing_key.get(db, base.config)
        administration.erase(db, key, found.id, by, base.clock(), suppress=suppress)
    click.echo(f"Subscriber {found.id} is erased.")


@group.command()
@click.argument("entries", nargs=-1)
@click.option("--file", type=click.File("r", encoding="utf-8-sig"), help="One entry a line.")
@click.option("--remove", is_flag=True, help="Take the entries off the list.")
@click.option("--reason", default="suppressed by the operator", help="Kept in the audit log.")
@setup
def suppress(
    base: Setup,
    entries: tuple[str, ...],
    file: TextIO | None,
    remove: bool,
    reason: str,
) -> None:
    """Put addresses on the suppression list, and unsubscribe them.

    ENTRIES are addresses, or whole domains written like @example.org; “-” reads them from standard
    input, one a line. The list keeps hashes only.
    """
    lines = [line for entry in entries for line in (sys.stdin if entry == "-" else [entry])]
    lines += list(file or [])
    with base.library() as (db, site), form_errors():
        by = administration.operator(reason)
        key, now = signing_key.get(db, base.config), base.clock()
        found = _entries(lines, base.config)
        if remove:
            gone = administration.unsuppress(db, key, found, by, now)
            click.echo(f"{gone} of {len(found)} entries removed.")
        else:
            new, stopped = administration.suppress(db, site, key, found, by, now)
            click.echo(f"{new} of {len(found)} entries are new; {stopped} people unsubscribed.")


@group.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--vouch", default="", help="How you know that they consented: nobody is asked.")
@_YES
@setup
def import_(base: Setup, file: BinaryIO, vouch: str, yes: bool) -> None:
    """Add people from a spreadsheet (or “-”), and ask each by email to confirm.

    Its columns are address, consented_at, how and wording, and where wanted language, cadence,
    days, hour and timezone. Rows that cannot be imported are listed with the reason.
    """
    content, now = file.read(), base.clock()
    with base.library() as (db, site), form_errors():
        by = administration.operator(vouch or "import")
        key = signing_key.get(db, base.config)
        plan = subscriber_import.plan(db, site, base.config, key, content, now)
        click.echo(f"Read as {plan.grid.summary}.")
        for each in plan.refused:
            click.echo(f"row {each.row}: {each.error}")
        if plan.ignored:
            click.echo(f"ignored columns: {', '.join(plan.ignored)}")
        click.echo(f"{len(plan.accepted)} rows accepted, {len(plan.refused)} refused.")
        if not yes:
            click.echo("Nothing was changed: add --yes.")
            return
        done = subscriber_import.apply(db, plan.accepted, by, now, vouch=vouch and by.reason)
    click.echo(f"{done} people {'get emails' if vouch else 'are asked by email to confirm'}.")


@group.command("pause-sign-up")
@setup
def pause_sign_up(base: Setup) -> None:
    """Close the sign-up form during a flood; people who have signed up can still confirm."""
    with base.library() as (db, _):
        sign_up_limits.pause(db, base.clock())
    click.echo("The sign-up form is closed. Open it again: devis subscriber resume-sign-up")


@group.command("resume-sign-up")
@setup
def resume_sign_up(base: Setup) -> None:
    """Open the sign-up form again."""
    with base.library() as (db, _):
        sign_up_limits.resume(db)
    click.echo("The sign-up form is open.")


def _find(db: Database, config: Config, person: str) -> Subscriber:
    """The person of an argument. Raises NotFoundError without naming the address."""
    if person.isascii() and person.isdecimal():
        return administration.get(db, int(person))
    with form_errors():
        typed = sys.stdin.readline() if person == "-" else person
        found = administration.find(db, config, typed)
    if found is None:
        raise NotFoundError("Nobody is subscribed with this address.")
    return found


def _resume(base: Setup, person: str, by: administration.Operator) -> None:
    with base.library() as (db, _):
        found = _find(db, base.config, person)
        key = signing_key.get(db, base.config)
        is_active = administration.resume(db, key, found.id, by, base.clock())
    done = "gets emails again" if is_active else "is asked by email to confirm"
    click.echo(f"Subscriber {found.id} {done}.")


def _resume_suspended(
    base: Setup,
    day: datetime | None,
    domain: str | None,
    by: administration.Operator,
    yes: bool,
) -> None:
    config = base.config
    name = email_addresses.read_domain(domain, config.mail_domains).lower() if domain else None
    chosen = Suspension(day.date() if day else None, name)
    with base.library() as (db, site):
        if not yes:
            count = administration.suspended(db, site, chosen)
            click.echo(f"{count} people would be resumed. Nothing was changed: add --yes.")
            return
        done = administration.resume_suspended(db, site, chosen, by, base.clock())
    click.echo(f"{done} people are resumed.")


def _entries(lines: list[str], config: Config) -> list[str]:
    """The entries of the suppression list in lines. Raises ClickException naming every bad line."""
    found, wrong = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(suppression.read(line, config.mail_domains))
        except InputError as error:
            wrong.append(f"entry {number}: {error}")
    if wrong:
        raise click.ClickException("\n".join([*wrong, "Nothing was changed."]))
    if not found:
        raise click.UsageError("Name at least one address or domain.")
    return found


def _line(found: Subscriber) -> str:
    words = consent_texts.described(translator("en"), found.preferences)
    return f"{found.id:>6}  {found.status:<9}  {words}"


def _print(record: SubscriberRecord) -> None:
    found = record.subscriber
    click.echo(_line(found))
    click.echo(f"address: {found.address}")
    click.echo(f"since: {found.since:%Y-%m-%d %H:%M} UTC")
    if found.paused_until:
        click.echo(f"paused until: {found.paused_until}")
    if record.is_suppressed:
        click.echo("on the suppression list")
    _section(
        "consent",
        [
            f"{c['at']:%Y-%m-%d %H:%M}  {c['act']:<9}  {c['source']}  “{c['wording']}”"
            for c in record.consents
        ],
    )
    _section(
        "deliveries",
        [
            f"{d['date']}  {d['cadence']:<6}  {d['language']}  {d['state']:<8}  {d['reason'] or ''}"
            for d in record.deliveries
        ],
    )
    _section("came back", [f"{at:%Y-%m-%d %H:%M}  {kind}" for at, kind in record.bounces])
    _section(
        "administration",
        [
            f"{a.at:%Y-%m-%d %H:%M}  {a.act:<7}  {a.by or 'command line'}: {a.reason}"
            for a in record.acts
        ],
    )


def _section(title: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"{title}:")
    for line in lines:
        click.echo(f"  {line.rstrip()}")
