"""The tables, as an append-only list of migrations, one transaction each.

Instants are TEXT, ISO 8601 in UTC to the second; dates are TEXT, yyyy-mm-dd.
"""

from sqlite_utils import Database, Migrations

from feed.errors import SchemaError, gettext_noop
from feed.store import (
    schema_announcements,
    schema_desk,
    schema_digests,
    schema_library,
    schema_workers,
)

migrations = Migrations("devis")

# A change in one of these can change a public page: triggers count them in `content_version`.
PUBLIC_TABLES = (
    "themes",
    "theme_texts",
    "sources",
    "source_texts",
    "principles",
    "principle_themes",
    "texts",
    "editions",
)


def _create(db: Database, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def library_and_ledger(db: Database) -> None:
    """The library, its history, the ledger of editions, and search."""
    _create(db, schema_library.TABLES)
    db.table("texts").enable_fts(
        ["title", "statement", "reflection", "practice", "commentary"],
        create_triggers=True,
        tokenize="unicode61 remove_diacritics 2",
    )
    for table in PUBLIC_TABLES:
        for event in ("INSERT", "UPDATE", "DELETE"):
            db.execute(
                f"CREATE TRIGGER {table}_{event.lower()}_content AFTER {event} ON {table} BEGIN "
                "UPDATE meta SET value = value + 1 WHERE key = 'content_version'; END"
            )


@migrations()
def subscribers_and_deliveries(db: Database) -> None:
    """Who gets letters, what they agreed to, and what became of each letter."""
    _create(db, schema_digests.TABLES)


@migrations()
def desk_and_announcements(db: Database) -> None:
    """The people at the desk, wishes that wait to be confirmed, and what chats and hubs know."""
    _create(db, schema_desk.TABLES)
    _create(db, schema_desk.PROPOSALS)
    _create(db, schema_announcements.TABLES)


@migrations()
def mail_workers(db: Database) -> None:
    """What is in the hands of mail workers on other machines."""
    _create(db, schema_workers.TABLES)


NAMES = frozenset(
    {
        "library_and_ledger",
        "subscribers_and_deliveries",
        "desk_and_announcements",
        "mail_workers",
    }
)


def pending(db: Database) -> list[str]:
    """The names of the migrations that a database still needs, oldest first.

    Raises SchemaError for one that a newer program or another one made.
    """
    _refuse_newer(db)
    if db.table_names() and not migrations.applied(db):
        raise SchemaError(gettext_noop("The file is not a database of Devis."))
    return [migration.name for migration in migrations.pending(db)]


def migrate(db: Database) -> list[str]:
    """Apply what is pending and return its names, oldest first. Raises SchemaError as `pending`."""
    names = pending(db)
    migrations.apply(db)
    return names


def applied(db: Database) -> tuple[str, ...]:
    """The names of the migrations that a database has had, oldest first; none if it is not ours."""
    return tuple(migration.name for migration in migrations.applied(db))


def check(db: Database) -> None:
    """Raise SchemaError unless the database has exactly the schema of this program."""
    _refuse_newer(db)
    if migrations.pending(db):
        raise SchemaError(
            gettext_noop("The database has an older schema than this program: run “devis migrate”.")
        )


def _refuse_newer(db: Database) -> None:
    if set(applied(db)) - NAMES:
        raise SchemaError(
            gettext_noop(
                "The database was made by a newer program: install the version that made it."
            )
        )
