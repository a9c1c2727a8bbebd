"""The tables of what was told to chats and to WebSub hubs."""

TABLES = """
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
  content TEXT NOT NULL,  -- a hash of the feed that the hub is told of
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
