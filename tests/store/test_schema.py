"""The database: refused when it is not this program's, strict, and counting what is public."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from sqlite_utils import Database

from feed.clock import Clock
from feed.errors import DevisError, SchemaError
from feed.server import database_setup
from feed.store import desk_queries, library, meta, migrations, search_index
from feed.store.connection import connect
from feed.store.library import Query
from tests.conftest import NOON, Command, Installation

Install = Callable[..., Installation]
PUBLIC_TABLES = (
    *("themes", "theme_texts", "sources", "source_texts"),
    *("principles", "principle_themes", "texts", "editions"),
)
PRIVATE_TABLES = ("pins", "revisions", "meta")


def test_an_old_database_is_refused_with_the_command_that_mends_it(command: Command) -> None:
    """The oldest schema is none at all."""
    command.folder.joinpath("old.sqlite3").touch()
    said = command("plan", code=1, DATABASE="old.sqlite3").stderr
    assert said == (
        "Error: The database has an older schema than this program: run “devis migrate”.\n"
    )
    assert "Applied: library_and_ledger" in command("migrate", DATABASE="old.sqlite3").stdout
    assert command("plan", DATABASE="old.sqlite3").stdout == ""


def test_a_database_with_a_migration_pending_is_refused(devis: Installation) -> None:
    with devis.open() as db:
        db.execute("DELETE FROM _sqlite_migrations")
        with pytest.raises(SchemaError, match="devis migrate"):
            migrations.check(db)


def test_a_newer_database_is_refused_by_everything(devis: Installation) -> None:
    with devis.open() as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('devis', 'from_the_future', '2030-01-01')"
        )
        with pytest.raises(SchemaError, match="newer program"):
            migrations.check(db)
        with pytest.raises(SchemaError, match="newer program"):
            migrations.migrate(db)
    with pytest.raises(SchemaError, match="newer program"):
        database_setup.prepare(devis.config, Clock())


def test_migrating_twice_changes_nothing(devis: Installation) -> None:
    with devis.open() as db:
        before = list(db.conn.iterdump())
        assert migrations.migrate(db) == []
        assert list(db.conn.iterdump()) == before


def test_the_names_that_are_known_are_the_migrations_there_are(install: Install) -> None:
    with install().open() as db:
        applied = {migration.name for migration in migrations.migrations.applied(db)}
    assert applied == migrations.NAMES


def test_a_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:

    path = tmp_path / "other.sqlite3"
    with connect(path, create=True) as db:
        db.execute("CREATE TABLE themes (colour TEXT)")
    with connect(path) as db:
        before = list(db.conn.iterdump())
        with pytest.raises(DevisError):
            migrations.migrate(db)
        assert [line for line in db.conn.iterdump() if "_sqlite_migrations" not in line] == before


def test_every_table_is_strict(install: Install) -> None:
    """So a number column never has text."""
    with install().open() as db:
        tables = {
            row["name"]: row["strict"]
            for row in db.query("PRAGMA table_list")
            if row["type"] == "table" and not row["name"].startswith(("sqlite_", "_sqlite_"))
        }
    assert {*PUBLIC_TABLES, *PRIVATE_TABLES} <= set(tables)
    assert set(tables.values()) == {1}


def test_every_connection_holds_foreign_keys_and_writes_ahead(devis: Installation) -> None:
    with devis.open() as db:
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            db.execute("UPDATE principles SET source = 'nobody'")


def test_a_date_has_one_standing_edition_at_most(devis: Installation) -> None:
    with devis.open() as db, pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute(
            "INSERT INTO editions (date, number, principle, cycle, why, published, made)"
            " SELECT date, 2, principle, cycle, why, published, made FROM editions LIMIT 1"
        )


@contextmanager
def loose(db: Database) -> Iterator[None]:
    """Without foreign keys, so that any single row can be deleted and inserted again."""
    db.execute("PRAGMA foreign_keys = OFF")
    yield
    db.execute("PRAGMA foreign_keys = ON")


@pytest.mark.parametrize("table", [*PUBLIC_TABLES, *PRIVATE_TABLES])
def test_the_content_version_grows_with_what_is_public_only(
    devis: Installation, table: str
) -> None:
    """For updates, deletions and insertions; pins and revisions flush no cache."""
    with devis.open() as db, loose(db):
        db.execute(
            "INSERT INTO pins (date, principle) SELECT '2030-01-01', slug FROM principles LIMIT 1"
        )
        chosen = "rowid = (SELECT rowid FROM {} WHERE {} LIMIT 1)".format(
            table, "key = 'since'" if table == "meta" else "true"
        )
        row = dict(next(iter(db.query(f"SELECT * FROM {table} WHERE {chosen}"))))
        column, marks = next(iter(row)), ", ".join("?" * len(row))
        seen = [meta.content_version(db)]
        for statement, values in (
            (f"UPDATE {table} SET {column} = {column} WHERE {chosen}", []),
            (f"DELETE FROM {table} WHERE {chosen}", []),
            (f"INSERT INTO {table} VALUES ({marks})", list(row.values())),
        ):
            assert db.execute(statement, values).rowcount == 1
            seen.append(meta.content_version(db))
        grown = [after > before for before, after in pairwise(seen)]
    assert grown == [table in PUBLIC_TABLES] * 3


LIBRARY = """
[[sources]]
slug = "s"
title = "S"
language = "sv"

[[principles]]
slug = "p"
source = "s"
status = "published"
[principles.texts.sv]
title = "Förändring på Ångströms café"
statement = "Börja i det lilla; fråga “varför?” AND vänta."
state = "approved"
"""


@pytest.fixture
def searched(install: Install) -> Installation:
    """A library of one principle, in Swedish."""
    made = install()
    made.load({"library.toml": LIBRARY})
    return made


def hits(installation: Installation, words: str) -> int:
    """How many principles a Swedish reader finds."""
    with installation.open() as db:
        found, total = library.search(db, Query("sv", words), 10, 0)
        assert len(found) == total
        return total


@pytest.mark.parametrize(
    "words",
    [
        *("förändring", "forandring", "FÖRÄNDRING", "fo\u0308ra\u0308ndring", "forand"),
        *("cafe angstrom", "lilla forandring", "borja\0lilla", "i:det", "^det", "AND"),
        *("varför?", "“varför", '"varför"'),
    ],
)
def test_search_is_kind_to_accents_cases_beginnings_and_quotes(
    searched: Installation, words: str
) -> None:
    assert hits(searched, words) == 1


@pytest.mark.parametrize(
    "words",
    ["cafeteria", "lilla OR nothing", "NOT lilla", "lilla NOT nothing", "title:kaffe", "NEAR(det)"],
)
def test_search_requires_every_word_and_ignores_operators(
    searched: Installation, words: str
) -> None:
    assert hits(searched, words) == 0


@pytest.mark.parametrize("words", ['"', "*", "\0", "-", "(", "'", "?!", "🙂", "\u0308"])
def test_search_for_what_is_no_word_finds_nothing_and_does_not_fail(
    searched: Installation, words: str
) -> None:
    hits(searched, words)
    assert searched.client().get("/sv/principles/", query_string={"q": words}).status_code == 200


def test_no_search_fails(searched: Installation) -> None:

    with searched.open() as db:

        @hypothesis(max_examples=200, deadline=None)
        @given(
            st.text(st.characters(codec="utf-8") | st.sampled_from("\"'*()^:-+{}\0 a"), min_size=1)
        )
        def answers(words: str) -> None:
            library.search(db, Query("sv", words), 10, 0)

        answers()


def test_search_follows_what_is_revised(searched: Installation) -> None:
    searched.load({"library.toml": LIBRARY.replace("Förändring", "Stillhet")})
    assert (hits(searched, "forandring"), hits(searched, "stillhet")) == (0, 1)
    with searched.open() as db:
        db.execute("INSERT INTO texts_fts (texts_fts, rank) VALUES ('integrity-check', 1)")


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("sv", "En chef lyssnar", "chefer chefens chef chefernas lyssna lyssnade"),
        ("sv", "Ledarskapets förändringar", "ledarskap förändring förändringen forandringen"),
        ("en", "Leaders who trusted a meeting", "leader trusting meet Meetings"),
        ("en-GB", "Meetings", "meeting"),
        ("xx", "Foo", "foo"),
        (
            "sv",
            "An\u00adsvars\u00adfördel\u00adning\ufeff",
            "ansvarsfördelning ansvars\u200bfördelningen",
        ),
    ],
)
def test_search_finds_the_other_forms_of_a_word(
    install: Install, language: str, title: str, words: str
) -> None:
    made = install()
    texts = f'original_language = "{language}"\n[principles.texts.{language}]'
    text = LIBRARY.replace("[principles.texts.sv]", texts)
    made.load({"library.toml": text.replace("Förändring på Ångströms café", title)})
    with made.open() as db:
        for word in words.split():
            assert library.search(db, Query(language, word), 10, 0)[1] == 1, word
            both = desk_queries.Filter(words=f"{word} börja")
            assert desk_queries.search(db, both, ["en", "sv", language], "sv")[1] == 1, word
        assert library.search(db, Query(language, "chefredaktör"), 10, 0)[1] == 0


def test_the_index_was_made_by_the_stemmer_that_asks() -> None:
    """Another release may stem otherwise: add a migration that rebuilds the index."""
    assert metadata.version("pystemmer") == search_index.STEMMER_VERSION


def test_the_database_remembers_its_first_start(install: Install) -> None:
    made = install()
    made.now = NOON.replace(year=2030)
    assert made.site().since == NOON
