"""The SQL of the tables, one script for each migration in `feed.store.migrations`.

Scripts are never changed once released: a new migration gets a new one. Instants are TEXT, ISO 8601
in UTC to the second; dates are TEXT, yyyy-mm-dd.
"""

# The library, its revisions, and the ledger of editions.
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

# Subscribers, consents, notices, and the outcome of each delivery.
SUBSCRIBERS = """
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
  old_address TEXT     -- null unless a notice of the change is still to be sent to it
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
  subscriber INTEGER NOT NULL,  -- stays when the subscriber is erased: not a foreign key
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

# The people at the desk, their sessions and uploads, and columns for what they did.
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
  curator INTEGER REFERENCES curators(id) ON DELETE CASCADE,  -- null: the first administrator
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
CREATE TABLE uploads (       -- uploaded files whose import is to be confirmed
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

# Changed subscriptions that wait for confirmation.
PROPOSALS = """
CREATE TABLE proposals (  -- changes of an inactive subscription, until confirmed
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

# Posts to chats and WebSub pings.
ANNOUNCEMENTS = """
CREATE TABLE posts (    -- of an edition into a chat
  edition INTEGER NOT NULL REFERENCES editions(id),
  target TEXT NOT NULL,   -- names the chat: a keyed hash, for its address is a secret
  place TEXT NOT NULL,    -- its service, and its host where that is no secret
  language TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('due', 'claimed', 'sent', 'failed', 'skipped')),
  attempts INTEGER NOT NULL DEFAULT 0,
  at TEXT NOT NULL,
  next TEXT,              -- null unless due: when to try
  reason TEXT,            -- null when sent or not tried; never holds an address
  PRIMARY KEY (edition, target),
  CHECK ((state = 'due') = (next IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX posts_open ON posts(state) WHERE state IN ('due', 'claimed');
CREATE TABLE pings (    -- of a WebSub hub, about a feed
  hub TEXT NOT NULL,
  topic TEXT NOT NULL,    -- the feed's address
  content TEXT NOT NULL,  -- a hash of the feed's content at the ping
  state TEXT NOT NULL CHECK (state IN ('due', 'claimed', 'sent', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,  -- for this content
  since TEXT NOT NULL,    -- when the feed was seen to have this content
  at TEXT NOT NULL,
  next TEXT,              -- null unless due or claimed: when it may be tried (again)
  reason TEXT,            -- null when sent or not tried
  PRIMARY KEY (hub, topic),
  CHECK ((state IN ('due', 'claimed')) = (next IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX pings_open ON pings(next) WHERE next IS NOT NULL;
"""

# Batches of e-mails that mail workers on other machines hold.
MAIL_WORKERS = """
CREATE TABLE batches (  -- handed to mail workers, until every outcome is reported
  id TEXT PRIMARY KEY,
  version INTEGER NOT NULL,  -- of the content, when it was published
  at TEXT NOT NULL,
  back TEXT            -- null while it is leased: when it is taken back
) STRICT;
-- null unless it is claimed, or due, and handed over
ALTER TABLE deliveries ADD COLUMN batch TEXT;
ALTER TABLE notices ADD COLUMN batch TEXT;
ALTER TABLE desk_notices ADD COLUMN batch TEXT;
CREATE INDEX deliveries_handed ON deliveries(batch) WHERE batch IS NOT NULL;
CREATE INDEX notices_handed ON notices(batch) WHERE batch IS NOT NULL;
CREATE INDEX desk_notices_handed ON desk_notices(batch) WHERE batch IS NOT NULL;
"""

# Administration of subscribers: its audit log, and the suppression list.
SUBSCRIBER_ADMINISTRATION = """
CREATE TABLE subscriber_audit (  -- holds no addresses
  id INTEGER PRIMARY KEY, at TEXT NOT NULL,
  curator INTEGER REFERENCES curators(id),  -- null: the command line
  act TEXT NOT NULL,
  subscriber INTEGER,  -- null: several; stays when they are erased: not a foreign key
  number INTEGER NOT NULL,  -- of people it concerns
  reason TEXT NOT NULL CHECK (reason <> '')
) STRICT;
CREATE INDEX subscriber_audit_subscriber ON subscriber_audit(subscriber);
CREATE TABLE suppressions (  -- who must not be written to
  hash TEXT PRIMARY KEY, at TEXT NOT NULL  -- an HMAC of the address, or of `@` and the domain
) STRICT, WITHOUT ROWID;
CREATE INDEX subscribers_suspended ON subscribers(since) WHERE status = 'suspended';
-- what is in the file: library, subscribers
ALTER TABLE uploads ADD COLUMN kind TEXT NOT NULL DEFAULT 'library';
"""
