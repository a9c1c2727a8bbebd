"""Keep a small database of the newest schema: `python -m tests.schemas.make [CHECKOUT]`.

It is made by the command line of a checkout (this one, if none is given), as an installation would
have: a few principles, editions and a withdrawal, and letters where that program writes any. Beside
it lie the ids that its feed had.
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


def make(checkout: Path) -> Path:
    """Make the database of a checkout's schema, and return where it is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "devis.sqlite3"
        environ = {k: v for k, v in os.environ.items() if not k.startswith("DEVIS_")}
        environ |= {"DEVIS_DATABASE": str(database), "DEVIS_BASE_URL": "https://kept.example"}

        def devis(*arguments: str, now: str = MORNING) -> None:
            command = [sys.executable, "-m", "feed", *arguments]
            subprocess.run(command, cwd=checkout, env={**environ, "DEVIS_NOW": now}, check=True)

        devis("import", str(HERE / "library.toml"))
        devis("publish")
        devis("withdraw", "2026-03-01", "--reason", "A mistake")
        devis("withdraw", "2026-03-02", "--reason", "A mistake")
        devis("pin", "2026-03-05", "say-thanks")
        if (checkout / "feed" / "digests").exists():
            devis("digest", "send")
            with closing(sqlite3.connect(database)) as db:
                db.executescript(SUBSCRIBERS)
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
