"""The tables of the library, its history, and the ledger of editions."""

TABLES = """
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
