"""The command `devis bounce`: reads bounces, complaints and unsubscribe e-mails from a pipe."""

import json
import os
import sys
from typing import Any

import click

from feed.cli.base import Setup, setup
from feed.digests import bounces
from feed.errors import DevisError
from feed.smtp import bounce_classifier
from feed.store import signing_key
from feed.store.connection import DriverError


class _Retried(click.Command):
    """Command that exits with EX_TEMPFAIL on errors, so that the mail server retries."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DevisError, DriverError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(os.EX_TEMPFAIL) from error


@click.command(cls=_Retried)
@click.option("--judge", is_flag=True, help="Print what FILES are, as JSON lines; store nothing.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.pass_context
def bounce(ctx: click.Context, judge: bool, files: tuple[str, ...]) -> None:
    """Read a bounce, a complaint or an unsubscribe request from standard input.

    For the mail server to pipe into. Bounces are counted, and subscriptions suspended at the limit.
    Exits with 75 (try again) on temporary errors, such as a locked database.
    """
    if bool(files) != judge:
        raise click.UsageError("FILES and --judge go together.")
    if judge:
        _print_verdicts(files)
    else:
        ctx.invoke(_handle)


def _print_verdicts(files: tuple[str, ...]) -> None:
    for name in files:
        with click.open_file(name, "rb") as file:
            judged = bounce_classifier.judge_bytes(file.read(bounce_classifier.LARGEST))
        row = {
            "file": name,
            "verdict": judged.verdict,
            "status": judged.status,
            "reason": judged.reason,
            "addresses": judged.addresses,
        }
        click.echo(json.dumps(row, ensure_ascii=False))


@setup
def _handle(base: Setup) -> None:
    message = sys.stdin.buffer.read(bounce_classifier.LARGEST)
    while sys.stdin.buffer.read(
        bounce_classifier.LARGEST
    ):  # a pipe that is left full is an error to Postfix
        pass
    with base.library() as (db, site):
        key = signing_key.get(db, base.config)
        done = bounces.handle(db, site, base.config, key, message, base.clock())
    about = "a subscriber" if done.known else "an unknown address"
    click.echo(f"{done.kind}, about {about}{': suspended' if done.stopped else ''}")
