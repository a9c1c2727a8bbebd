"""The commands about editions: plan, publish, pin and withdraw."""

import json
from datetime import datetime

import click

from feed import editions
from feed.cli.base import DAY, Reading, Setup, reading, setup
from feed.editions import pins
from feed.library import scheduling


@click.command()
@click.option(
    "--days", type=click.IntRange(1, editions.LONGEST_PLAN.days), default=14, show_default=True
)
@click.option("--from", "first", type=DAY, help="The first date; tomorrow if not given.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@reading
def plan(base: Reading, days: int, first: datetime | None, form: str) -> None:
    """Print the plan: dates, principles, and whether by pin or rotation."""
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


@click.command()
@setup
def publish(base: Setup) -> None:
    """Publish the editions that are due: today's, and those of missed days."""
    with base.library() as (db, site):
        made = scheduling.publish_due(db, site, base.config, base.clock())
    for choice in made:
        click.echo(f"{choice.date.isoformat()}  {choice.why:<8}  {choice.slug}")
    if not made:
        click.echo("Nothing is due.")


@click.command()
@click.argument("day", type=DAY)
@click.argument("slug", required=False)
@setup
def pin(base: Setup, day: datetime, slug: str | None) -> None:
    """Pin a principle to a future date; without a principle, remove the pin."""
    with base.library() as (db, site):
        pins.pin(db, site, day.date(), slug, base.clock())
    click.echo(f"{day:%Y-%m-%d}  {slug or 'no pin'}")


@click.command()
@click.argument("day", type=DAY)
@click.option("--reason", required=True, help="Why; it is stored in the ledger.")
@click.option("--replace-with", "slug", help="The principle to put in its place, today only.")
@click.option("--leave-empty", is_flag=True, help="Put nothing in its place.")
@setup
def withdraw(base: Setup, day: datetime, reason: str, slug: str | None, leave_empty: bool) -> None:
    """Withdraw a date's edition everywhere; today's is replaced by the next in the rotation."""
    if slug is not None and leave_empty:
        raise click.UsageError("--replace-with and --leave-empty exclude each other: give one.")
    with base.library() as (db, site):
        choice = editions.withdraw(
            db, site, base.config, day.date(), reason, base.clock(), slug, replace=not leave_empty
        )
    click.echo(f"Withdrawn: {day:%Y-%m-%d}")
    if choice is not None:
        click.echo(f"In its place: {choice.slug}")
