"""The tables of subscribers, and of what became of each letter."""

TABLES = """
CREATE TABLE subscribers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: links in old letters name it
  address TEXT NOT NULL,
  identity TEXT NOT NULL UNIQUE,  -- the address as it is compared: one person signs up once
  language TEXT NOT NULL,
  cadence TEXT NOT NULL CHECK (cadence IN ('daily', 'weekly')),
  workdays INTEGER NOT NULL CHECK (workdays IN (0, 1)),
  hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
  timezone TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'left')),
  asked TEXT NOT NULL,
  confirmed TEXT,      -- null until the first time
  since TEXT NOT NULL, -- when the present status and schedule took effect
  paused_until TEXT,   -- a date, null when not paused
  epoch INTEGER NOT NULL DEFAULT 0,  -- counts the times that links to confirm became void
  new_address TEXT,    -- null unless a change of address waits to be confirmed
  old_address TEXT     -- null unless it is still to be told that the address has changed
) STRICT;
CREATE INDEX subscribers_due ON subscribers(timezone, hour, cadence, id) WHERE status = 'active';
CREATE INDEX subscribers_pending ON subscribers(asked) WHERE status = 'pending';
CREATE TABLE wordings (id INTEGER PRIMARY KEY, wording TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE consents (
  id INTEGER PRIMARY KEY,
  subscriber INTEGER NOT NULL REFERENCES subscribers(id) ON DELETE CASCADE,
  at TEXT NOT NULL,
  act TEXT NOT NULL CHECK (act IN ('asked', 'confirmed', 'changed', 'moved', 'left')),
  language TEXT NOT NULL,
  wording INTEGER NOT NULL REFERENCES wordings(id),
  source TEXT NOT NULL  -- the form that it came by
) STRICT;
CREATE INDEX consents_subscriber ON consents(subscriber);
CREATE TABLE notices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  subscriber INTEGER NOT NULL REFERENCES subscribers(id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  language TEXT NOT NULL,
  asked TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('due', 'sent', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next TEXT NOT NULL   -- when it may be sent, or tried again
) STRICT;
CREATE INDEX notices_subscriber ON notices(subscriber, kind, asked);
CREATE INDEX notices_due ON notices(next) WHERE state = 'due';
CREATE INDEX notices_asked ON notices(asked);
CREATE TABLE letters (
  id INTEGER PRIMARY KEY,
  cadence TEXT NOT NULL CHECK (cadence IN ('daily', 'weekly')),
  date TEXT NOT NULL,  -- of the edition, or the Monday after the week
  UNIQUE (cadence, date)
) STRICT;
CREATE TABLE runs (    -- the handing out of a letter to those of one timezone and hour
  id INTEGER PRIMARY KEY,
  letter INTEGER NOT NULL REFERENCES letters(id),
  timezone TEXT NOT NULL,
  hour INTEGER NOT NULL,
  day TEXT NOT NULL,   -- their date
  due TEXT NOT NULL,
  reached INTEGER NOT NULL DEFAULT 0,  -- the last subscriber that was looked at
  finished TEXT,       -- null until all of them were
  UNIQUE (letter, timezone, hour, due)
) STRICT;
CREATE INDEX runs_open ON runs(due) WHERE finished IS NULL;
CREATE TABLE deliveries (
  letter INTEGER NOT NULL REFERENCES letters(id),
  subscriber INTEGER NOT NULL,  -- outlives an erased one, as a number that names nobody
  language TEXT NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('claimed', 'sent', 'deferred', 'bounced', 'failed', 'skipped')),
  due TEXT NOT NULL,
  at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next TEXT,           -- null unless deferred: when to try again
  reason TEXT,         -- null when sent or claimed; never holds an address
  PRIMARY KEY (letter, subscriber)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_claimed ON deliveries(letter, subscriber) WHERE state = 'claimed';
CREATE INDEX deliveries_deferred ON deliveries(next) WHERE state = 'deferred';
CREATE TABLE bounces (
  id INTEGER PRIMARY KEY,
  subscriber INTEGER NOT NULL REFERENCES subscribers(id) ON DELETE CASCADE,
  at TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('hard', 'soft', 'complaint'))
) STRICT;
CREATE INDEX bounces_subscriber ON bounces(subscriber, at);
"""
