"""The tables, as an append-only list of migrations, one transaction each.

Instants are TEXT, ISO 8601 in UTC to the second; dates are TEXT, yyyy-mm-dd.
"""

from sqlite_utils import Database, Migrations

from feed.errors import SchemaError, mark
from feed.schema import announcements, letters

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

LIBRARY = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE themes (
  slug TEXT PRIMARY KEY,
  changed TEXT NOT NULL
) STRICT;
CREATE TABLE theme_texts (
  theme TEXT NOT NULL REFERENCES themes(slug),
  language TEXT NOT NULL,
  name TEXT NOT NULL CHECK (name <> ''),
  description TEXT NOT NULL,
  PRIMARY KEY (theme, language)
) STRICT;
CREATE TABLE sources (
  slug TEXT PRIMARY KEY,
  title TEXT NOT NULL CHECK (title <> ''),
  language TEXT NOT NULL,
  author TEXT,       -- null when not known
  publisher TEXT,    -- null when there is none
  year INTEGER,      -- null when not certain
  url TEXT,          -- null when not known
  changed TEXT NOT NULL,
  corrected TEXT     -- null until it changes after its first version
) STRICT;
CREATE TABLE source_texts (
  source TEXT NOT NULL REFERENCES sources(slug),
  language TEXT NOT NULL,
  introduction TEXT NOT NULL,
  rights TEXT NOT NULL,
  PRIMARY KEY (source, language)
) STRICT;
CREATE TABLE principles (
  slug TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('principle', 'quote')),
  source TEXT NOT NULL REFERENCES sources(slug),
  locator TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('draft', 'published', 'retired')),
  original_language TEXT NOT NULL,
  changed TEXT NOT NULL,
  corrected TEXT     -- null until more than its texts changes after its first version
) STRICT;
CREATE INDEX principles_source ON principles(source, status);
CREATE INDEX principles_changed ON principles(changed);
CREATE TABLE principle_themes (
  principle TEXT NOT NULL REFERENCES principles(slug),
  position INTEGER NOT NULL,
  theme TEXT NOT NULL REFERENCES themes(slug),
  PRIMARY KEY (principle, position),
  UNIQUE (principle, theme)
) STRICT;
CREATE INDEX principle_themes_theme ON principle_themes(theme, principle);
CREATE TABLE texts (
  principle TEXT NOT NULL REFERENCES principles(slug),
  language TEXT NOT NULL,
  title TEXT NOT NULL CHECK (title <> ''),
  statement TEXT NOT NULL CHECK (statement <> ''),
  reflection TEXT NOT NULL,
  practice TEXT NOT NULL,
  commentary TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('draft', 'review', 'approved')),
  version INTEGER NOT NULL,   -- counts the significant changes of this text
  based_on INTEGER NOT NULL,  -- the version of the original that a translation was made from
  corrected TEXT,             -- null until it changes after the principle's first version
  PRIMARY KEY (principle, language)
) STRICT;
CREATE TABLE revisions (
  id INTEGER PRIMARY KEY,
  principle TEXT NOT NULL REFERENCES principles(slug),
  at TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('import', 'desk')),
  body TEXT NOT NULL          -- the whole principle as exchange JSON
) STRICT;
CREATE INDEX revisions_principle ON revisions(principle, id);
CREATE TABLE editions (
  id INTEGER PRIMARY KEY,
  date TEXT NOT NULL,
  number INTEGER NOT NULL,
  principle TEXT NOT NULL REFERENCES principles(slug),
  cycle INTEGER NOT NULL,
  why TEXT NOT NULL CHECK (why IN ('pin', 'rotation')),
  published TEXT NOT NULL,    -- the start of its date
  made TEXT NOT NULL,         -- when it entered the ledger
  withdrawn TEXT,             -- null while it stands
  reason TEXT,                -- null while it stands
  UNIQUE (date, number),
  CHECK ((withdrawn IS NULL) = (reason IS NULL))
) STRICT;
CREATE UNIQUE INDEX editions_standing ON editions(date) WHERE withdrawn IS NULL;
CREATE INDEX editions_principle ON editions(principle, date);
CREATE INDEX editions_made ON editions(made);
CREATE INDEX editions_withdrawn ON editions(withdrawn) WHERE withdrawn IS NOT NULL;
CREATE TABLE pins (
  date TEXT PRIMARY KEY,
  principle TEXT NOT NULL REFERENCES principles(slug)
) STRICT;
INSERT INTO meta VALUES ('content_version', '0');
"""

DESK = """
CREATE TABLE curators (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: history names it
  address TEXT NOT NULL,
  identity TEXT NOT NULL UNIQUE,  -- the address as it is compared
  name TEXT NOT NULL CHECK (name <> ''),
  role TEXT NOT NULL CHECK (role IN ('translator', 'curator', 'editor', 'administrator')),
  languages TEXT NOT NULL,   -- those that a translator writes in, as a JSON list
  language TEXT NOT NULL,    -- that the desk speaks to them
  password TEXT,             -- an Argon2 hash, null until one is chosen
  factor TEXT,               -- the secret of the second factor, null without one
  factor_step INTEGER NOT NULL DEFAULT 0,  -- the last time step whose code was taken
  made TEXT NOT NULL,
  disabled TEXT              -- null while they may sign in
) STRICT;
CREATE TABLE recovery_codes (
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  code TEXT NOT NULL,        -- its SHA-256
  PRIMARY KEY (curator, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,       -- the SHA-256 of what the browser holds
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  made TEXT NOT NULL,
  seen TEXT NOT NULL,
  whole INTEGER NOT NULL CHECK (whole IN (0, 1))  -- 0 until the second factor is given
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_curator ON sessions(curator);
CREATE TABLE desk_notices (  -- mail to people at the desk; most are one-time links
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: links name it
  curator INTEGER REFERENCES curators(id) ON DELETE CASCADE,  -- null: nobody is there yet
  kind TEXT NOT NULL,
  asked TEXT NOT NULL,
  expires TEXT,              -- null for what is no link
  used TEXT,                 -- null until the link was followed
  state TEXT NOT NULL CHECK (state IN ('due', 'sent', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next TEXT NOT NULL         -- when it may be sent, or tried again
) STRICT;
CREATE INDEX desk_notices_due ON desk_notices(next) WHERE state = 'due';
CREATE INDEX desk_notices_curator ON desk_notices(curator, kind, asked);
CREATE TABLE uploads (       -- files that wait for somebody to confirm what importing them does
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  at TEXT NOT NULL,
  name TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
-- for translators
ALTER TABLE principles ADD COLUMN notes TEXT NOT NULL DEFAULT '';
-- null: an import
ALTER TABLE revisions ADD COLUMN curator INTEGER REFERENCES curators(id);
ALTER TABLE revisions ADD COLUMN action TEXT NOT NULL DEFAULT 'save';
-- 0: some of it is not in the library: unfinished, or waiting for an editor
ALTER TABLE revisions ADD COLUMN applied INTEGER NOT NULL DEFAULT 1 CHECK (applied IN (0, 1));
-- 1: translations stay current
ALTER TABLE revisions ADD COLUMN typo INTEGER NOT NULL DEFAULT 0 CHECK (typo IN (0, 1));
-- null unless something was declined
ALTER TABLE revisions ADD COLUMN reason TEXT;
-- the empty form that a new principle was written in; null for all later revisions
ALTER TABLE revisions ADD COLUMN form TEXT;
CREATE UNIQUE INDEX revisions_form ON revisions(form) WHERE form IS NOT NULL;
CREATE INDEX revisions_waiting ON revisions(principle, id) WHERE applied = 0;
CREATE INDEX revisions_curator ON revisions(curator, id);
-- null: it stands, or was withdrawn from the command line
ALTER TABLE editions ADD COLUMN withdrawn_by INTEGER REFERENCES curators(id);
CREATE TABLE audience (      -- how many got letters at the end of each day
  date TEXT NOT NULL, language TEXT NOT NULL, cadence TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (date, language, cadence)
) STRICT, WITHOUT ROWID;
"""

PROPOSALS = """
CREATE TABLE proposals (  -- new wishes of somebody who gets no letters, until confirmed
  subscriber INTEGER PRIMARY KEY REFERENCES subscribers(id) ON DELETE CASCADE,
  language TEXT NOT NULL,
  cadence TEXT NOT NULL CHECK (cadence IN ('daily', 'weekly')),
  workdays INTEGER NOT NULL CHECK (workdays IN (0, 1)),
  hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
  timezone TEXT NOT NULL,
  asked TEXT NOT NULL
) STRICT;
CREATE INDEX consents_moved ON consents(subscriber) WHERE act = 'moved';
INSERT INTO proposals SELECT id, language, cadence, workdays, hour, timezone, asked
  FROM subscribers WHERE status = 'pending' AND confirmed IS NOT NULL;
UPDATE subscribers SET status = 'left' WHERE status = 'pending' AND confirmed IS NOT NULL;
"""


def _create(db: Database, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def library_and_ledger(db: Database) -> None:
    """The library, its history, the ledger of editions, and search."""
    _create(db, LIBRARY)
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
    _create(db, letters.TABLES)


@migrations()
def desk(db: Database) -> None:
    """The people at the desk, and who did what to a principle."""
    _create(db, DESK)


@migrations()
def proposals(db: Database) -> None:
    """What a stranger asks for changes nobody, until it is confirmed; moves are soon counted."""
    _create(db, PROPOSALS)


@migrations()
def posts_and_pings(db: Database) -> None:
    """What was told to chats and to WebSub hubs."""
    _create(db, announcements.TABLES)


NAMES = frozenset(
    {
        *("library_and_ledger", "subscribers_and_deliveries", "desk", "proposals"),
        "posts_and_pings",
    }
)


def pending(db: Database) -> list[str]:
    """The names of the migrations that a database still needs, oldest first.

    Raises SchemaError for one that a newer program or another one made.
    """
    _refuse_newer(db)
    if db.table_names() and not migrations.applied(db):
        raise SchemaError(mark("The file is not a database of Devis."))
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
            mark("The database has an older schema than this program: run “devis migrate”.")
        )


def _refuse_newer(db: Database) -> None:
    if set(applied(db)) - NAMES:
        raise SchemaError(
            mark("The database was made by a newer program: install the version that made it.")
        )
