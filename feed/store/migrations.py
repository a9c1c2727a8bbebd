"""Database migrations: an append-only list, each applied in a transaction of its own."""

from sqlite_utils import Database, Migrations

from feed.errors import SchemaError
from feed.store import (
    changes_tables,
    conversation_tables,
    search_index,
    tables,
    vocabulary_tables,
)
from feed.store.drafts_tables import DRAFTS
from feed.store.short_and_team import SHORT_AND_TEAM
from feed.store.sign_in_tables import SIGN_IN

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

# All that is sent once, apart from digests. The numbers of `desk_notices` stay: links name them.
_OUTBOX = """
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: links to sign in name it
  channel TEXT NOT NULL CHECK (channel IN ('notice', 'desk', 'chat', 'websub')),
  key TEXT NOT NULL,      -- names an e-mail, an edition and a chat, or a hub and a feed
  subscriber INTEGER REFERENCES subscribers(id) ON DELETE CASCADE,  -- of a notice
  curator INTEGER REFERENCES curators(id) ON DELETE CASCADE,  -- null: the first administrator
  edition INTEGER REFERENCES editions(id),  -- of a chat post
  kind TEXT NOT NULL DEFAULT '',
  language TEXT NOT NULL DEFAULT '',
  place TEXT NOT NULL DEFAULT '',    -- a hub, or a name for a chat: its address is a secret
  content TEXT NOT NULL DEFAULT '',  -- a hash of the feed
  state TEXT NOT NULL CHECK (state IN ('due', 'claimed', 'sent', 'failed', 'skipped')),
  attempts INTEGER NOT NULL DEFAULT 0,
  created TEXT NOT NULL,  -- of a ping: when the feed was seen to have this content
  at TEXT NOT NULL,       -- of the present state
  next TEXT,              -- null unless due: when to try
  reason TEXT,            -- null when sent or not tried; never holds an address
  expires TEXT,           -- null where there is no one-time link
  used TEXT,              -- null until the link was followed
  batch TEXT,             -- null unless a mail worker has it
  UNIQUE (channel, key),
  CHECK ((state = 'due') = (next IS NOT NULL))
) STRICT;
INSERT INTO sqlite_sequence (name, seq)
  SELECT 'outbox', max(seq) FROM sqlite_sequence WHERE name IN ('notices', 'desk_notices')
  HAVING max(seq) NOTNULL;
INSERT INTO outbox (id, channel, key, curator, kind, state, attempts, created, at, next, expires,
    used, batch)
  SELECT id, 'desk', 'desk.' || id, curator, kind, iif(batch IS NULL, state, 'claimed'),
    attempts + (batch IS NOT NULL), asked, asked, iif(state = 'due' AND batch IS NULL, next, NULL),
    expires, used, batch
  FROM desk_notices ORDER BY id;
INSERT INTO outbox (channel, key, subscriber, kind, language, state, attempts, created, at, next,
    batch)
  SELECT 'notice', 'notice.' || id, subscriber, kind, language,
    iif(batch IS NULL, state, 'claimed'), attempts + (batch IS NOT NULL), asked, asked,
    iif(state = 'due' AND batch IS NULL, next, NULL), batch
  FROM notices ORDER BY id;
INSERT INTO outbox (channel, key, edition, language, place, state, attempts, created, at, next,
    reason)
  SELECT 'chat', e.date || iif(e.number > 1, '.' || e.number, '') || '.' || p.target, p.edition,
    p.language, p.place, p.state, p.attempts, p.at, p.at, p.next, p.reason
  FROM posts p JOIN editions e ON e.id = p.edition ORDER BY p.edition, p.place;
INSERT INTO outbox (channel, key, place, content, state, attempts, created, at, next, reason)
  SELECT 'websub', hub || ' ' || topic, hub, content, state, attempts, since, at,
    iif(state = 'due', next, NULL), reason
  FROM pings ORDER BY since, topic;
DROP TABLE notices;
DROP TABLE desk_notices;
DROP TABLE posts;
DROP TABLE pings;
CREATE INDEX outbox_due ON outbox(channel, next) WHERE next IS NOT NULL;
CREATE INDEX outbox_claimed ON outbox(channel) WHERE state = 'claimed';
CREATE INDEX outbox_subscriber ON outbox(subscriber, kind, created);
CREATE INDEX outbox_curator ON outbox(curator, kind, created);
CREATE INDEX outbox_batch ON outbox(batch) WHERE batch IS NOT NULL;
"""

# What mail servers answer, by domain of the recipients: counts, refusals of the sender, and alarms
# about many dead addresses at once.
_ANSWERS = """
-- what the last answer about it was; null until there is one
ALTER TABLE deliveries ADD COLUMN verdict TEXT
  CHECK (verdict IN ('accepted', 'later', 'dead', 'us'));
-- the refusing domain that it waits for; null unless it is deferred for that reason
ALTER TABLE deliveries ADD COLUMN waits_for TEXT;
CREATE INDEX deliveries_waiting ON deliveries(waits_for, attempts, due)
  WHERE waits_for IS NOT NULL;
CREATE TABLE domain_answers (  -- deliveries by their last answer, and reports that came later
  date TEXT NOT NULL,        -- of the digest
  domain TEXT NOT NULL,      -- of the recipients; empty: all of them together
  accepted INTEGER NOT NULL DEFAULT 0,
  later INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,
  us INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (date, domain)
) STRICT, WITHOUT ROWID;
CREATE TABLE refusals (      -- of the sender, until a delivery is accepted
  domain TEXT PRIMARY KEY,   -- of the recipients; empty: the mail server refuses for all of them
  reply TEXT NOT NULL,       -- the last one; never holds an address
  since TEXT NOT NULL,
  next TEXT NOT NULL         -- when one delivery may be tried
) STRICT, WITHOUT ROWID;
CREATE TABLE bounce_alarms ( -- many addresses that were reported dead at once
  date TEXT NOT NULL,        -- of the digest
  domain TEXT NOT NULL,      -- of the recipients; empty: all of them together
  at TEXT NOT NULL,
  dead INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  reply TEXT NOT NULL,       -- of the last report; never holds an address
  decision TEXT CHECK (decision IN ('accepted', 'discarded')),  -- null until it is decided
  PRIMARY KEY (date, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX bounce_alarms_open ON bounce_alarms(date) WHERE decision IS NULL;
-- the date of the digest that a report is about; null when it is not known
ALTER TABLE bounces ADD COLUMN date TEXT;
-- 1: this report suspended the subscription
ALTER TABLE bounces ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1));
CREATE INDEX bounces_date ON bounces(date) WHERE date IS NOT NULL;
"""

# Who pinned a date, and when.
_PINNED_BY = """
-- null: it was pinned from the command line, or before this was recorded
ALTER TABLE pins ADD COLUMN curator INTEGER REFERENCES curators(id);
-- null: it was pinned before this was recorded
ALTER TABLE pins ADD COLUMN at TEXT;
"""


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


@migrations()
def one_outbox(db: Database) -> None:
    """Notices, e-mails to the desk, chat posts and WebSub pings, in one table."""
    _execute_script(db, _OUTBOX)


@migrations()
def answers_of_mail_servers(db: Database) -> None:
    """Answers by domain, refusals of the sender, and alarms about many dead addresses."""
    _execute_script(db, _ANSWERS)


@migrations()
def who_pinned(db: Database) -> None:
    """Who pinned a date, and when."""
    _execute_script(db, _PINNED_BY)


@migrations()
def conversation_at_the_desk(db: Database) -> None:
    """Comments on principles, events that people get e-mails about, and whether they want them."""
    _execute_script(db, conversation_tables.CONVERSATION)


@migrations()
def choices_of_uploads(db: Database) -> None:
    """How a person says that an uploaded table is to be read, as JSON; empty: as guessed."""
    db.execute("ALTER TABLE uploads ADD COLUMN choices TEXT NOT NULL DEFAULT ''")


@migrations()
def stems_in_search(db: Database) -> None:
    """Full-text search that knows the forms of a word, in each language."""
    _execute_script(db, search_index.INDEX)


@migrations()
def vocabulary_at_the_desk(db: Database) -> None:
    """Sources and themes that are edited, retired and merged at the desk, with their history."""
    _execute_script(db, vocabulary_tables.VOCABULARY)


@migrations()
def drafts_and_undo(db: Database) -> None:
    """Drafts of the desk's forms, and actions that can be undone."""
    _execute_script(db, DRAFTS)


@migrations()
def publishing_on_a_date(db: Database) -> None:
    """Pins whose principle is published when their date begins."""
    db.execute(
        "ALTER TABLE pins ADD COLUMN publishes INTEGER NOT NULL DEFAULT 0"
        " CHECK (publishes IN (0, 1))"
    )


@migrations()
def changes_of_editions(db: Database) -> None:
    """The record of what happened to editions, for programs that mirror them."""
    _execute_script(db, changes_tables.CHANGES)


@migrations()
def short_and_team(db: Database) -> None:
    """Texts in one line, and what a team can do with them at its next meeting."""
    _execute_script(db, SHORT_AND_TEAM)


@migrations()
def sign_in_without_passwords(db: Database) -> None:
    """Passkeys, sign-on and the proofs of sessions; passwords and second factors are deleted."""
    _execute_script(db, SIGN_IN)


NAMES = frozenset(
    {
        "library_and_ledger",
        "subscribers_and_deliveries",
        "desk_and_announcements",
        "mail_workers",
        "subscriber_administration",
        "one_outbox",
        "answers_of_mail_servers",
        "who_pinned",
        "conversation_at_the_desk",
        "choices_of_uploads",
        "stems_in_search",
        "vocabulary_at_the_desk",
        "drafts_and_undo",
        "publishing_on_a_date",
        "changes_of_editions",
        "short_and_team",
        "sign_in_without_passwords",
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
    names, is_new = pending(db), not applied(db)
    migrations.apply(db)
    if sign_in_without_passwords.__name__ in names and not is_new:
        db.execute("VACUUM")  # freed pages may hold secrets that were changed or deleted before
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
