"""Schema of the conversation at the desk: comments, and the events that e-mails are about."""

CONVERSATION = """
CREATE TABLE comments (
  id INTEGER PRIMARY KEY,
  principle TEXT NOT NULL REFERENCES principles(slug),
  revision INTEGER REFERENCES revisions(id),  -- the newest at that time; null without any
  language TEXT NOT NULL,  -- of the text that it is about; empty: the whole principle
  curator INTEGER NOT NULL REFERENCES curators(id),
  at TEXT NOT NULL,
  body TEXT NOT NULL CHECK (body <> '')
) STRICT;
CREATE INDEX comments_principle ON comments(principle, id);
CREATE TABLE desk_events (   -- what e-mails to people at the desk are about
  id INTEGER PRIMARY KEY,
  notice INTEGER NOT NULL REFERENCES outbox(id) ON DELETE CASCADE,
  at TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('review', 'translate', 'outdated', 'approve', 'decline',
    'publish', 'comment', 'invitation')),
  actor INTEGER REFERENCES curators(id),  -- null: the command line
  principle TEXT REFERENCES principles(slug),  -- null: of an invitation
  languages TEXT NOT NULL,   -- of the texts it is about, as a JSON list; '': other fields
  quote TEXT NOT NULL        -- the reason of a decline, or a comment
) STRICT;
CREATE INDEX desk_events_notice ON desk_events(notice);
-- 0: no e-mails about what happens at the desk
ALTER TABLE curators ADD COLUMN emails INTEGER NOT NULL DEFAULT 1 CHECK (emails IN (0, 1));
"""
