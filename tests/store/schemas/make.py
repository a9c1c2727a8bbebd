"""Keep a small database of the newest schema: `python -m tests.store.schemas.make [CHECKOUT]`.

It is made by the command line of a checkout (this one, if none is given), as an installation would
have: principles, editions and a withdrawal, emails and people at the desk where that program knows
them. Beside it lie the ids that its feed had.
"""

import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).resolve().parent
MORNING = "2026-03-02T06:00:00+01:00"  # a Monday
SEVEN = "2026-03-02T07:00:05+01:00"
SUBSCRIBERS = """
INSERT INTO subscribers (address, identity, language, cadence, workdays, hour, timezone, status,
  asked, confirmed, since)
VALUES ('anna@example.org', 'anna@example.org', 'sv', 'daily', 0, 7, 'Europe/Stockholm', 'active',
  '2026-02-01T00:00:00+00:00', '2026-02-01T00:00:00+00:00', '2026-02-01T00:00:00+00:00');
INSERT INTO wordings (wording) VALUES ('Send me letters.');
INSERT INTO consents (subscriber, at, act, language, wording, source)
VALUES (1, '2026-02-01T00:00:00+00:00', 'confirmed', 'sv', 1, '/sv/subscribe/');
"""

# In every state, with a bounce, a complaint and a change of address that waits.
MORE_SUBSCRIBERS = """
INSERT INTO subscribers (address, identity, language, cadence, workdays, hour, timezone, status,
  asked, confirmed, since, paused_until, new_address)
VALUES
 ('Björn@räksmörgås.example', 'björn@räksmörgås.example', 'en', 'weekly', 0, 7, 'Europe/Stockholm',
  'active', '2026-02-02T00:00:00+00:00', '2026-02-02T00:01:00+00:00', '2026-02-02T00:01:00+00:00',
  NULL, NULL),
 ('cecilia@example.org', 'cecilia@example.org', 'sv', 'daily', 1, 7, 'Asia/Tokyo', 'active',
  '2026-02-03T00:00:00+00:00', '2026-02-03T00:01:00+00:00', '2026-02-03T00:01:00+00:00',
  '2026-04-01', 'cecilia@new.example'),
 ('david@example.org', 'david@example.org', 'en', 'daily', 0, 7, 'UTC', 'pending',
  '2026-03-01T00:00:00+00:00', NULL, '2026-03-01T00:00:00+00:00', NULL, NULL),
 ('eva@example.org', 'eva@example.org', 'sv', 'daily', 0, 7, 'Europe/Stockholm', 'left',
  '2026-02-04T00:00:00+00:00', '2026-02-04T00:01:00+00:00', '2026-02-20T00:00:00+00:00',
  NULL, NULL),
 ('filip@example.org', 'filip@example.org', 'sv', 'daily', 0, 7, 'Europe/Stockholm', 'suspended',
  '2026-02-05T00:00:00+00:00', '2026-02-05T00:01:00+00:00', '2026-02-25T00:00:00+00:00',
  NULL, NULL);
INSERT INTO consents (subscriber, at, act, language, wording, source)
SELECT id, coalesce(confirmed, asked), iif(confirmed IS NULL, 'asked', 'confirmed'), language, 1,
  '/en/subscribe/' FROM subscribers WHERE id > 1;
INSERT INTO consents (subscriber, at, act, language, wording, source)
VALUES (5, '2026-02-20T00:00:00+00:00', 'left', 'sv', 1, '/subscription/');
INSERT INTO bounces (subscriber, at, kind) VALUES
 (1, '2026-02-28T06:01:00+00:00', 'soft'), (6, '2026-02-23T06:01:00+00:00', 'hard'),
 (6, '2026-02-24T06:01:00+00:00', 'hard'), (6, '2026-02-25T06:01:00+00:00', 'hard');
INSERT INTO proposals VALUES (5, 'en', 'weekly', 0, 9, 'UTC', '2026-03-01T12:00:00+00:00');
INSERT INTO audience VALUES ('2026-03-01', 'sv', 'daily', 2), ('2026-03-01', 'en', 'weekly', 1);
INSERT INTO outbox (channel, key, edition, place, language, state, attempts, created, at)
SELECT 'chat', date || '.0123456789abcdef0123', id, 'Slack (1)', 'sv', 'sent', 1, published,
  published FROM editions ORDER BY id DESC LIMIT 1;
INSERT INTO outbox (channel, key, place, content, state, created, at) VALUES ('websub',
  'https://hub.example/ https://kept.example/sv/feed.atom', 'https://hub.example/', 'abc', 'sent',
  '2026-03-01T00:00:00+00:00', '2026-03-01T00:00:05+00:00');
"""
ROLES = ("administrator", "editor", "curator", "translator")
# The editor has a password and a second factor, is signed in, and has saved something.
DESK = """
UPDATE curators SET factor = 'JBSWY3DPEHPK3PXP', factor_step = 59000000, password =
 '$argon2id$v=19$m=19456,t=2,p=1$wf7pbsV6z5lbv3lIx4lSNQ$w2wN5FUC7hzjL+lRxrmmhwsKzCCtEqZqo/gNG/IwPhc'
 WHERE role = 'editor';
UPDATE curators SET disabled = '2026-03-01T00:00:00+00:00' WHERE role = 'curator';
INSERT INTO recovery_codes SELECT id, 'a9993e364706816aba3e25717850c26c' FROM curators
 WHERE role = 'editor';
INSERT INTO sessions SELECT 'ba7816bf8f01cfea414140de5dae2223', id, '2026-03-02T05:30:00+00:00',
 '2026-03-02T05:31:00+00:00', 1 FROM curators WHERE role = 'editor';
UPDATE revisions SET origin = 'desk', curator = (SELECT id FROM curators WHERE role = 'editor')
 WHERE id = (SELECT max(id) FROM revisions);
"""


def make(checkout: Path) -> Path:
    """Make the database of a checkout's schema, and return its path."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "devis.sqlite3"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("DEVIS_")}
        environ |= {"DEVIS_DATABASE": str(database), "DEVIS_BASE_URL": "https://kept.example"}

        def devis(*arguments: str, now: str = MORNING) -> None:
            command = [sys.executable, "-m", "feed", *arguments]
            subprocess.run(command, cwd=checkout, env={**environ, "DEVIS_NOW": now}, check=True)

        desk = (checkout / "feed" / "cli" / "curator.py").exists()
        if desk:
            devis("init")  # with the shipped library
        devis("import", str(HERE / "library.toml"))
        if desk:
            for role in ROLES:
                devis("curator", "add", f"{role}@example.org", "--role", role, "--languages", "sv")
        devis("publish")
        devis("withdraw", "2026-03-01", "--reason", "A mistake")
        devis("withdraw", "2026-03-02", "--reason", "A mistake")
        devis("pin", "2026-03-05", "say-thanks")
        if (checkout / "feed" / "digests").exists():
            devis("digest", "send")
            with closing(sqlite3.connect(database)) as db:
                db.executescript(SUBSCRIBERS + (MORE_SUBSCRIBERS + DESK if desk else ""))
            devis("digest", "send", now=SEVEN)
        devis("freeze", str(folder / "site"))
        ids = re.findall(r"<id>(.*?)</id>", (folder / "site/sv/feed.atom").read_text())
        with closing(sqlite3.connect(database)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
            (schema,) = db.execute(
                "SELECT name FROM _sqlite_migrations ORDER BY rowid DESC LIMIT 1"
            ).fetchone()
            db.execute("VACUUM")
        kept = HERE / f"{schema}.sqlite3.gz"
        kept.write_bytes(gzip.compress(database.read_bytes(), mtime=0))
        (HERE / f"{schema}.json").write_text(json.dumps(ids, indent=1) + "\n")
        return kept


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()))  # noqa: T201
