"""The SQL of the migration for the record of changes to editions."""

_MOMENT = "max({at}, ifnull((SELECT at FROM changes ORDER BY id DESC LIMIT 1), ''))"

# Rows that exist before: each correction of which the time is known, of editions standing then.
_KNOWN = """
SELECT made AS at, iif(number > 1, 'replaced', 'published') AS act, id AS edition, 0 AS place
  FROM editions
UNION ALL SELECT withdrawn, 'withdrawn', id, 2 FROM editions WHERE withdrawn IS NOT NULL
UNION ALL SELECT c.at, 'corrected', e.id, 1 FROM editions e JOIN (
    SELECT slug AS principle, corrected AS at FROM principles
    UNION SELECT principle, corrected FROM texts
    UNION SELECT p.slug, s.corrected FROM sources s JOIN principles p ON p.source = s.slug
    UNION SELECT x.principle, t.corrected FROM themes t JOIN principle_themes x ON x.theme = t.slug
  ) c ON c.principle = e.principle AND c.at >= e.made AND c.at < ifnull(e.withdrawn, '9999')
"""

CHANGES = f"""
CREATE TABLE changes (    -- what happened to editions, in order; its rows never change
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,       -- never before that of an earlier row, whatever the clock says
  act TEXT NOT NULL CHECK (act IN ('published', 'replaced', 'corrected', 'withdrawn')),
  edition INTEGER NOT NULL REFERENCES editions(id)
) STRICT;
CREATE INDEX changes_at ON changes(at);
CREATE INDEX changes_edition ON changes(edition);
INSERT INTO changes (at, act, edition)
  SELECT at, act, edition FROM ({_KNOWN}) ORDER BY at, edition, place;
CREATE TRIGGER changes_published AFTER INSERT ON editions BEGIN
  INSERT INTO changes (at, act, edition) VALUES ({_MOMENT.format(at="new.made")},
    iif(new.number > 1, 'replaced', 'published'), new.id); END;
CREATE TRIGGER changes_withdrawn AFTER UPDATE OF withdrawn ON editions
  WHEN old.withdrawn IS NULL AND new.withdrawn IS NOT NULL BEGIN
  INSERT INTO changes (at, act, edition) VALUES ({_MOMENT.format(at="new.withdrawn")},
    'withdrawn', new.id); END;
"""

# Records a correction, at :now, of each standing edition of the principles in a subquery.
CORRECTED = (
    f"INSERT INTO changes (at, act, edition) SELECT {_MOMENT.format(at=':now')}, 'corrected', e.id"
    " FROM editions e WHERE e.withdrawn IS NULL AND e.principle IN ({principles}) ORDER BY e.id"
)
