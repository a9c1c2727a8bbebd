"""Database migrations: an append-only list, each applied in a transaction of its own."""

from sqlite_utils import Database, Migrations

from feed.errors import SchemaError
from feed.store import tables

migrations = Migrations("devis")

# Tables that public pages are made from: triggers count their changes in `content_version`.
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


def _execute_script(db: Database, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def library_and_ledger(db: Database) -> None:
    """The library, its revisions, the ledger of editions, and full-text search."""
    _execute_script(db, tables.LIBRARY)
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
    """Subscribers, their consents, and the outcome of each delivery."""
    _execute_script(db, tables.SUBSCRIBERS)


@migrations()
def desk_and_announcements(db: Database) -> None:
    """The people at the desk, unconfirmed changes of subscriptions, chat posts and WebSub pings."""
    _execute_script(db, tables.DESK)
    _execute_script(db, tables.PROPOSALS)
    _execute_script(db, tables.ANNOUNCEMENTS)


@migrations()
def mail_workers(db: Database) -> None:
    """Batches that mail workers on other machines hold."""
    _execute_script(db, tables.MAIL_WORKERS)


@migrations()
def subscriber_administration(db: Database) -> None:
    """The audit log of administering subscribers, and the suppression list."""
    _execute_script(db, tables.SUBSCRIBER_ADMINISTRATION)


NAMES = frozenset(
    {
        "library_and_ledger",
        "subscribers_and_deliveries",
        "desk_and_announcements",
        "mail_workers",
        "subscriber_administration",
    }
)


def pending(db: Database) -> list[str]:
    """Names of the migrations that a database still needs, oldest first.

    Raises SchemaError for a database made by a newer version or by another program.
    """
    _refuse_newer(db)
    if db.table_names() and not migrations.applied(db):
        raise SchemaError("The file is not a database of Devis.")
    return [migration.name for migration in migrations.pending(db)]


def migrate(db: Database) -> list[str]:
    """Apply the pending migrations; returns their names, oldest first. Raises like `pending`."""
    names = pending(db)
    migrations.apply(db)
    return names


def applied(db: Database) -> tuple[str, ...]:
    """Names of the applied migrations, oldest first; empty for a database of another program."""
    return tuple(migration.name for migration in migrations.applied(db))


def check(db: Database) -> None:
    """Raise SchemaError unless the database has exactly the schema of this version."""
    _refuse_newer(db)
    if migrations.pending(db):
        raise SchemaError(
            "The database has an older schema than this program: run “devis migrate”."
        )


def _refuse_newer(db: Database) -> None:
    if set(applied(db)) - NAMES:
        raise SchemaError(
            "The database was made by a newer program: install the version that made it."
        )
