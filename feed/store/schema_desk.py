"""The tables of the people at the desk, what they did, and what subscribers have yet to confirm."""

TABLES = """
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
