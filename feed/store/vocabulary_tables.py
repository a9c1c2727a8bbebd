"""The SQL of the migration for sources and themes at the desk."""

VOCABULARY = """
-- null unless it was merged: its slug then stands for that one, and is not used again
ALTER TABLE sources ADD COLUMN merged_into TEXT REFERENCES sources(slug);
ALTER TABLE themes ADD COLUMN merged_into TEXT REFERENCES themes(slug);
-- null while forms offer it
ALTER TABLE sources ADD COLUMN retired TEXT;
ALTER TABLE themes ADD COLUMN retired TEXT;
-- null until a name changes after its first version
ALTER TABLE themes ADD COLUMN corrected TEXT;
CREATE TABLE vocabulary_revisions (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('sources', 'themes')),
  slug TEXT NOT NULL,
  at TEXT NOT NULL,
  curator INTEGER REFERENCES curators(id),  -- null: the command line
  action TEXT NOT NULL
    CHECK (action IN ('import', 'save', 'restore', 'retire', 'offer', 'merge')),
  body TEXT NOT NULL,  -- the whole source or theme as exchange JSON
  note TEXT            -- of a merge: the name of the other one; else null
) STRICT;
CREATE INDEX vocabulary_revisions_slug ON vocabulary_revisions(kind, slug, id);
"""
