"""SQL of the tables for drafts of the desk's forms, and for undoing actions."""

DRAFTS = """
CREATE TABLE drafts (        -- forms of the desk as typed, until they are saved
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: addresses name it
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  page TEXT NOT NULL,        -- random: one page opened in one tab, and its reloads
  path TEXT NOT NULL,        -- of the page with the form
  fields TEXT NOT NULL,      -- JSON: a list of names and values
  at TEXT NOT NULL,          -- of the last change
  discarded TEXT,            -- null until its writer throws it away
  UNIQUE (curator, page)
) STRICT;
CREATE TABLE undos (         -- actions that the person who did them can undo
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: addresses name it
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  at TEXT NOT NULL,
  body TEXT NOT NULL         -- JSON: the state before, and what must be unchanged since
) STRICT;
"""
