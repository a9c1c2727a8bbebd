"""Schema of sign-in without passwords: passkeys, sign-ons, challenges, sessions and events."""

SIGN_IN = """
-- Freed bytes are overwritten: the secrets that are dropped here must not stay in the file.
PRAGMA secure_delete = ON;
-- They wait for a second factor that is gone.
DELETE FROM sessions WHERE whole = 0;
ALTER TABLE sessions DROP COLUMN whole;
-- When their person last proved who they are.
ALTER TABLE sessions ADD COLUMN proved TEXT NOT NULL DEFAULT '';
UPDATE sessions SET proved = made;
-- Null: begun before methods were recorded.
ALTER TABLE sessions ADD COLUMN method TEXT CHECK (method IN ('link', 'passkey', 'sign-on'));
-- The prefix of an address, wider than a household; the browser and its system.
ALTER TABLE sessions ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE curators DROP COLUMN password;
ALTER TABLE curators DROP COLUMN factor;
ALTER TABLE curators DROP COLUMN factor_step;
DROP TABLE recovery_codes;
UPDATE meta SET key = 'strong_sign_in_required' WHERE key = 'factor_required';
-- They were not bound to a browser.
UPDATE outbox SET used = created WHERE kind = 'sign-in' AND used IS NULL;
CREATE TABLE passkeys (
  id TEXT PRIMARY KEY,       -- of the credential, base64url
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  handle TEXT NOT NULL,      -- the opaque user handle, base64url: the same for all of a person
  public_key BLOB NOT NULL,
  counter INTEGER NOT NULL,  -- of signatures, 0 where the authenticator does not count
  name TEXT NOT NULL,
  transports TEXT NOT NULL,  -- a JSON list
  synced INTEGER NOT NULL CHECK (synced IN (0, 1)),
  made TEXT NOT NULL,
  used TEXT                  -- null until it has signed in
) STRICT;
CREATE INDEX passkeys_curator ON passkeys(curator);
CREATE TABLE sign_ons (      -- identities at the organisation's provider
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  curator INTEGER NOT NULL REFERENCES curators(id) ON DELETE CASCADE,
  address TEXT NOT NULL,     -- as the provider names it, for people to read
  made TEXT NOT NULL,
  used TEXT,                 -- null until it has signed in
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ons_curator ON sign_ons(curator);
CREATE TABLE challenges (    -- what a browser must answer, once
  id TEXT PRIMARY KEY,       -- the SHA-256 of the random value
  purpose TEXT NOT NULL CHECK (purpose IN ('link', 'passkey-add', 'passkey-sign-in', 'sign-on')),
  browser TEXT NOT NULL,     -- the SHA-256 of the token of the browser that asked
  curator INTEGER REFERENCES curators(id) ON DELETE CASCADE,  -- null: not known yet
  data TEXT NOT NULL,        -- JSON: an object
  tries INTEGER NOT NULL DEFAULT 0,
  expires TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_browser ON challenges(browser, purpose);
CREATE TABLE sign_in_events (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('asked', 'proved', 'elevated', 'refused', 'signed-out',
    'session-ended', 'way-added', 'way-removed', 'reset', 'disabled', 'enabled')),
  outcome TEXT NOT NULL,     -- why it was refused; empty otherwise
  curator INTEGER REFERENCES curators(id) ON DELETE CASCADE,  -- null: nobody has that address
  method TEXT CHECK (method IN ('link', 'passkey', 'sign-on')),  -- null: of none
  network TEXT NOT NULL,
  device TEXT NOT NULL,
  notice INTEGER REFERENCES outbox(id) ON DELETE SET NULL  -- the e-mail about it; null: none
) STRICT;
CREATE INDEX sign_in_events_curator ON sign_in_events(curator, id);
CREATE INDEX sign_in_events_at ON sign_in_events(at);
CREATE INDEX sign_in_events_notice ON sign_in_events(notice);
"""
