"""The commands `devis check` and `devis check library`."""

import json

import click

from feed import clock, config
from feed.cli.base import Commands, Reading, reading
from feed.i18n import translator
from feed.library import exchange
from feed.store import library


@click.group("check", cls=Commands, invoke_without_command=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def group(ctx: click.Context, form: str) -> None:
    """Check the installation and print findings with advice; exit code 1 if there are any.

    Checks settings, machine, database, editions, digests and backups.
    """
    if ctx.invoked_subcommand is None:
        _everything(form)


def _everything(form: str) -> None:
    from feed import checks

    validation = config.validate()
    findings = checks.run(validation, clock.start(validation.config.rehearsal)())
    rows = [each.row() for each in findings]
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for row in rows:
            click.echo(f"{row['level']:<4}  {row['check']}: {row['message']}")
            if row["advice"]:
                click.echo(f"      → {row['advice']}")
    if any(row["level"] != "good" for row in rows):
        raise SystemExit(1)


@group.command("library")
@reading
def check_library(base: Reading) -> None:
    """List principles that break the rules of data/STYLE.md; exit code 1 if there are any."""
    from feed.library import style_checks

    t = translator("en")
    with base.library() as (db, _):
        principles, sources = library.principles(db), library.sources(db)
        themes = library.themes(db)
    languages = base.config.languages
    found = style_checks.of_library(principles.values(), sources, themes, languages)
    for language in languages:
        known = exchange.known_words(language)
        unknown = style_checks.spelling(
            principles.values(), sources.values(), themes.values(), language, known
        )
        if unknown is None:
            click.echo(f"Not checked: spelling in {language}, hunspell has no such dictionary.")
        found += unknown or []
    for finding in found:
        click.echo(finding.line(t))
    click.echo(f"{len(principles)} principles checked, {len(found)} findings.")
    if found:
        raise SystemExit(1)
