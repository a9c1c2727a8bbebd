"""The commands `devis hub …`: WebSub pings and chat posts."""

import json
from datetime import timedelta
from typing import Any

import click

from feed.cli.base import Commands, Setup, setup, stop_on_signal
from feed.library import scheduling
from feed.notify import announcements
from feed.store import outbox


@click.group("hub", cls=Commands)
def group() -> None:
    """Notifications: WebSub hubs of every change, chats of each new edition."""


@group.command()
@setup
def send(base: Setup) -> None:
    """Notify hubs and chats of what is due now, then exit; safe beside a running worker."""
    stop = stop_on_signal()
    announcer = announcements.Announcer(base.config)
    with base.library() as (db, site):
        now = base.clock()
        scheduling.publish_due(db, site, base.config, now)
        announcer.enqueue(db, site, now)
        numbers = announcer.send(db, site, base.clock, stop)
    click.echo(", ".join(f"{number} {what}" for what, number in numbers.items()) or "Nothing.")


@group.command()
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@setup
def status(base: Setup, days: int, form: str) -> None:
    """Print which notifications were sent, and which failed and why."""
    with base.library() as (db, site):
        first = site.today(base.clock()) - timedelta(days=days - 1)
        chats, hubs = outbox.posts_since(db, first), outbox.ping_summary(db)
    for row in hubs:
        row["hub"] = announcements.host(row["hub"])
    if form == "json":
        click.echo(json.dumps({"chats": chats, "hubs": hubs}, indent=2, ensure_ascii=False))
        return
    for line in [*map(_chat, chats), *map(_hub, hubs)]:
        click.echo(line)
    if not chats and not hubs:
        click.echo("There were no notifications.")


def _chat(row: dict[str, Any]) -> str:
    date = row["date"] + (f".{row['number']}" if row["number"] > 1 else "")
    return f"{date}  {row['language']}  {row['place']}: {row['state']}{_why(row)}"


def _hub(row: dict[str, Any]) -> str:
    return f"{row['hub']}: {row['number']} feeds {row['state']}{_why(row)}, last {row['at']}"


def _why(row: dict[str, Any]) -> str:
    return f" ({row['reason']})" if row["reason"] else ""
