"""The commands `devis check` and `devis check library`."""

import json
from typing import TextIO

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
@click.option("--numbers", is_flag=True, help="Also count how varied the texts are.")
@click.option("--against", type=click.File(encoding="utf-8"), multiple=True, metavar="FILE")
@reading
def check_library(base: Reading, *, numbers: bool, against: tuple[TextIO, ...]) -> None:
    """List principles that break the rules of data/STYLE.md; exit code 1 if there are any.

    With --against, the text of a source, also passages with eight words in a row from it.
    """
    from feed.library import spelling, style_checks, style_variety

    t = translator("en")
    with base.library() as (db, _):
        principles, sources = library.principles(db), library.sources(db)
        themes = library.themes(db)
    languages = base.config.languages
    found = style_checks.of_library(principles.values(), sources, themes, languages)
    for language in languages:
        known = exchange.known_words(language)
        unknown = spelling.check(
            principles.values(), sources.values(), themes.values(), language, known
        )
        if unknown is None:
            click.echo(f"Not checked: spelling in {language}, hunspell has no such dictionary.")
        found += unknown or []
    for file in against:
        found += style_checks.borrowed(principles.values(), file.name, file.read())
    if numbers:
        for count in style_variety.counts(principles.values(), sources, languages):
            click.echo(count.line())
    for finding in found:
        click.echo(finding.line(t))
    click.echo(f"{len(principles)} principles checked, {len(found)} findings.")
    if found:
        raise SystemExit(1)
