"""The commands `devis digest …` and `devis mail-worker`: sending digests, and reports."""

import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from feed import digests
from feed.cli.base import DAY, Commands, Setup, setup, stop_on_signal
from feed.config import extras
from feed.digests import alarms, delivery_report
from feed.digests import bounces as bounce_handling
from feed.errors import InstanceError
from feed.i18n import translator
from feed.library import scheduling
from feed.model import CADENCES, Cadence
from feed.store import signing_key
from feed.store.bounce_alarms import Decision
from feed.workers import dispatch

FORM = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")


@click.group("digest", cls=Commands)
def group() -> None:
    """E-mail digests: what is due, sending, delivery report, preview."""


@group.command()
@FORM
@setup
def due(base: Setup, form: str) -> None:
    """Print the digests that are due now, by date and language."""
    with base.library() as (db, site):
        found = digests.due(db, site, base.config, base.clock())
    rows = [
        {
            "date": item.date.isoformat(),
            "cadence": item.cadence,
            "language": item.language,
            "number": item.number,
            "skipped": item.reason,
        }
        for item in found
    ]
    _print(rows, form, empty="Nothing is due.")


@group.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be sent.")
@setup
def send(base: Setup, dry_run: bool) -> None:
    """Send what is due now, then exit; never at the same time as a worker."""
    stop = stop_on_signal()
    with base.library() as (db, site):
        now = base.clock()
        waiting = digests.due(db, site, base.config, now)
        total = sum(item.number for item in waiting if item.reason is None)
        if dry_run:
            click.echo(f"{total} digests would be sent.")
            return
        signing_key.get(db, base.config)  # errors show here, before anything is sent
        scheduling.publish_due(db, site, base.config, now)
        digests.start_due_runs(db, site, now)
        with digests.sending_lock(base.config) as alone:
            if not alone:
                raise InstanceError(
                    "Another process is sending emails: wait until it has finished."
                )
            with click.progressbar(length=total, label="Sending", show_pos=True) as bar:
                numbers = dispatch.send(db, site, base.config, base.clock, stop, bar.update)
    said = {"handed": "queued for the mail workers"}
    parts = [f"{number} {said.get(what, what)}" for what, number in numbers.items()]
    click.echo(", ".join(parts) or "Nothing.")


@group.command()
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True)
@FORM
@setup
def status(base: Setup, days: int, form: str) -> None:
    """Print the delivery report: for each digest how many were sent or not, and why."""
    with base.library() as (db, site):
        today = site.today(base.clock())
        found = delivery_report.reports(db, today - timedelta(days=days - 1), today)
    if form == "json":
        _print([asdict(item) for item in found], form, empty="")
        return
    for item in found:
        click.echo(_line(item))
    if not found:
        click.echo("No digests were due.")


@group.command()
@click.option("--lang", "language", help="The language, or several: sv+en; the first of the site.")
@click.option("--cadence", type=click.Choice(CADENCES), default="daily", show_default=True)
@click.option("--date", "day", type=DAY, help="The date of the edition; the newest if not given.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "html", "eml"]),
    default="text",
    show_default=True,
)
@click.option("--to", "address", help="Send it to this address.")
@click.option("--dry-run", is_flag=True, help="With --to: only print what would be sent.")
@setup
def preview(
    base: Setup,
    language: str | None,
    cadence: Cadence,
    day: datetime | None,
    form: str,
    address: str | None,
    dry_run: bool,
) -> None:
    """Print a digest, or send it to one address only."""
    now = base.clock()
    with base.library() as (db, site):
        wanted = language or site.languages[0]
        letter = digests.preview(db, site, cadence, wanted, day.date() if day else None, now)
    if address is None and form != "eml":
        click.echo(letter.html if form == "html" else letter.text)
        return
    envelope = digests.preview_envelope(
        site, base.config, letter, address or "you@example.org", now
    )
    if address is None:
        sys.stdout.buffer.write(envelope.message)
    elif dry_run:
        click.echo(f"Would be sent: {letter.subject}")
    else:
        said = digests.send_envelope(site, base.config, envelope)
        click.echo(f"{said.result.capitalize()}: {said.code} {said.detail}".rstrip())
        if said.result != "sent":
            raise SystemExit(1)


@group.command()
@click.option("--accept", "decision", flag_value="accepted", help="They are dead: suspend them.")
@click.option("--discard", "decision", flag_value="discarded", help="They are not: forget this.")
@setup
def bounces(base: Setup, decision: Decision | None) -> None:
    """Print the alarms about many dead addresses at once, or decide them.

    Nobody is suspended while there is one. With --accept, those are suspended who were reported
    dead on DEVIS_BOUNCE_LIMIT days; with --discard, the reports count for nobody.
    """
    with base.library() as (db, _):
        found = alarms.Alarms(bounces=alarms.current(db, base.clock()).bounces).texts(
            translator("en")
        )
        if decision is None or not found:
            click.echo("\n".join(found) or "There is no alarm.")
            return
        number = bounce_handling.decide(db, base.config, decision, base.clock())
    click.echo(f"{decision.capitalize()}; {number} suspended.")


def _line(item: delivery_report.DeliveryReport) -> str:
    parts = [f"{item.date}  {item.cadence:<6}  {item.language}  {item.due} due, {item.sent} sent"]
    others = ("waiting", "bounced", "failed", "skipped")
    parts += [f"{getattr(item, name)} {name}" for name in others if getattr(item, name)]
    why = "; ".join(f"{number} × {reason}" for reason, number in item.why.items())
    return ", ".join(parts) + (f" ({why})" if why else "")


def _print(rows: list[dict[str, Any]], form: str, empty: str) -> None:
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not rows:
        click.echo(empty)
    for row in rows if form == "text" else ():
        click.echo("  ".join(str(value) for value in row.values() if value is not None))


@click.command("mail-worker")
@setup
def mail_worker(base: Setup) -> None:
    """Send digests that another machine queues; needs no database."""
    extras.require("workers", "devis mail-worker")
    from feed.workers import mail_worker as worker_process  # Celery takes its time to import

    worker_process.run(base.config, base.clock, stop_on_signal())
