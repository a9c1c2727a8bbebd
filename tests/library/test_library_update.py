"""A running site takes new and better texts of the shipped library, and loses nothing."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feed import files
from feed.library import exchange
from feed.server import database_setup
from feed.store import library, revisions
from tests.conftest import Command, Installation, settings
from tests.files.test_exchange import contents
from tests.library.test_editing import Bench
from tests.store.test_upgrade import KEPT, take_out

Install = Callable[..., Installation]
RELEASED = "mail_workers"  # the kept database with the library as it was first released
MORNING = datetime.fromisoformat("2026-03-02T07:00:30+01:00")


@pytest.fixture
def running(tmp_path: Path) -> Installation:
    """A site that began with the library as first released, upgraded to this version."""
    config = settings(tmp_path, BASE_URL="https://kept.example", NOW=MORNING.isoformat())
    config.database.write_bytes(gzip.decompress((KEPT / f"{RELEASED}.sqlite3.gz").read_bytes()))
    made = Installation(config, MORNING)
    with made.open() as db:
        database_setup.migrate(db, config, MORNING, backup=False)
    made.publish()
    return made


def update(made: Installation) -> dict[str, exchange.ImportReport]:
    made.now += timedelta(minutes=10)
    with made.open() as db:
        return exchange.reports_of(exchange.update(db, made.now))


def feed_dates(made: Installation, language: str) -> list[str]:
    feeds = (made.client().get(f"/{language}/{name}").text for name in ("feed.atom", "weekly.atom"))
    return [tag for feed in feeds for tag in re.findall(r"<(?:id|published|updated)>.*?<", feed)]


def test_a_site_of_the_first_release_gets_todays_library_and_keeps_its_own(
    running: Installation,
) -> None:
    with running.open() as db:
        before = {slug: files.entry_of(item) for slug, item in library.principles(db).items()}
        ledger = list(db.query("SELECT * FROM editions"))
    dates = {language: feed_dates(running, language) for language in ("en", "sv")}
    shipped = files.read(exchange.shipped_files())
    found = update(running)["principles"]
    with running.open() as db:
        after = {slug: files.entry_of(item) for slug, item in library.principles(db).items()}
        assert list(db.query("SELECT * FROM editions")) == ledger
    assert set(before) | set(shipped.principles) == set(after)
    assert set(found.new) == set(shipped.principles) - set(before)
    for slug, entry in shipped.principles.items():
        assert after[slug]["texts"] == {
            code: {**dict.fromkeys(after[slug]["texts"][code], ""), **text}
            for code, text in entry["texts"].items()
        }
    own = set(before) - set(shipped.principles)
    assert own
    assert {slug: after[slug] for slug in own} == {slug: before[slug] for slug in own}
    for language, known in dates.items():
        assert len(known) > 30
        assert feed_dates(running, language) == known
    said = contents(running)
    assert not any(report.new or report.changed for report in update(running).values())
    assert contents(running) == said


def test_entries_edited_at_the_desk_are_left_alone(running: Installation) -> None:
    bench = Bench(running)
    bench.write("editor", "sv", "reach-down", title="Vår egen rubrik")
    with running.open() as db:
        history = revisions.newest_id(db, "reach-down")
    reports = update(running)
    assert reports["principles"].left_alone == ["reach-down"]
    assert bench.stored("reach-down").texts["sv"].title == "Vår egen rubrik"
    with running.open() as db:
        assert revisions.newest_id(db, "reach-down") == history


def test_better_sources_and_themes_date_no_edition_anew(devis: Installation) -> None:
    with devis.open() as db:
        db.execute("UPDATE sources SET publisher = 'An old name', corrected = NULL")
        db.execute("UPDATE theme_texts SET name = name || ' (old)'")
        db.execute("UPDATE texts SET practice = 'An old act.' WHERE principle = 'reach-down'")
    dates = feed_dates(devis, "sv")
    reports = update(devis)
    changed = {kind: len(report.changed) for kind, report in reports.items()}
    with devis.open() as db:
        themes, sources = library.themes(db), library.sources(db)
    assert changed == {"themes": len(themes), "sources": len(sources), "principles": 1}
    assert feed_dates(devis, "sv") == dates
    with devis.open() as db:
        newest = revisions.newest(db, "reach-down")
        states = {text.state for text in library.principles(db)["reach-down"].texts.values()}
        assert db.execute("SELECT count(*) FROM sources WHERE corrected NOTNULL").fetchone() == (0,)
    assert newest is not None
    assert (newest.origin, newest.is_minor, states) == ("import", True, {"approved"})


def test_the_command_previews_and_changes_nothing_without_yes(command: Command) -> None:
    take_out(RELEASED, command.folder / "instance" / "devis.sqlite3")
    when: dict[str, Any] = {"NOW": MORNING.isoformat(), "BASE_URL": "https://kept.example"}
    command("migrate", "--no-backup", **when)
    before = command("export", **when).stdout
    said = command("library", "update", **when).stdout
    assert said.endswith("Nothing was changed: add --yes.\n")
    assert re.search(r"^  principles reach-down: .*texts\.sv\.", said, re.MULTILINE)
    assert command("export", **when).stdout == before
    done = command("library", "update", "--yes", **when).stdout
    assert done == said.replace("Nothing was changed: add --yes.\n", "")
    slugs = {entry["slug"] for entry in json.loads(before)["principles"]}
    after = json.loads(command("export", **when).stdout)["principles"]
    assert slugs <= {entry["slug"] for entry in after}
    assert "0 new, 0 changed" in command("library", "update", **when).stdout.splitlines()[-1]
