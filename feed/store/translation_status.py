"""Where each principle stands in each language, as its writers have it: SQL for the desk's boards.

`cells` has a row for each text: principle, language, and its state, `outdated` among them. What has
no row is missing. A step that waits or is unfinished, in `pending`, counts before the library.
SOME_CELLS are those of the principles in :slugs.
"""

_CELLS = """
WITH pending AS MATERIALIZED (
  SELECT r.principle, r.body FROM revisions r WHERE r.applied = 0 AND r.{scope} AND NOT EXISTS
    (SELECT 1 FROM revisions n WHERE n.principle = r.principle AND n.id > r.id)
),
live AS MATERIALIZED (
  SELECT t.principle, t.language, CASE
    WHEN t.state = 'approved' AND t.language <> p.original_language AND t.based_on < o.version
    THEN 'outdated' ELSE t.state END AS state
  FROM texts t JOIN principles p ON p.slug = t.principle
  LEFT JOIN texts o ON o.principle = p.slug AND o.language = p.original_language
  WHERE t.{scope}
),
cells AS MATERIALIZED (
  SELECT principle, language, state FROM live
  WHERE principle NOT IN (SELECT principle FROM pending)
  UNION ALL
  SELECT d.principle, x.key, CASE WHEN x.value ->> 'state' IN ('approved', 'outdated')
    THEN ifnull((SELECT l.state FROM live l WHERE l.principle = d.principle AND l.language = x.key),
      'approved')
    ELSE x.value ->> 'state' END
  FROM pending d, json_each(d.body, '$.texts') x
  WHERE EXISTS (SELECT 1 FROM json_each(x.value) w WHERE w.key <> 'state' AND w.value <> '')
)
"""

CELLS = _CELLS.format(scope="principle IS NOT NULL")
SOME_CELLS = _CELLS.format(scope="principle IN (SELECT value FROM json_each(:slugs))")

# The principles with a step that waits for an editor.
WAITING = """
SELECT principle FROM cells WHERE state = 'review'
UNION SELECT d.principle FROM pending d JOIN principles p ON p.slug = d.principle
WHERE (d.body ->> 'kind', d.body ->> 'source', d.body ->> 'locator', d.body ->> 'original_language')
  <> (p.kind, p.source, p.locator, p.original_language)
OR d.body ->> 'themes' <> (SELECT json_group_array(theme) FROM
  (SELECT theme FROM principle_themes WHERE principle = p.slug ORDER BY position))
"""

# When a principle was first, and last, written.
BORN = "(SELECT r.at FROM revisions r WHERE r.principle = p.slug ORDER BY r.id LIMIT 1)"
SAVED = "(SELECT r.at FROM revisions r WHERE r.principle = p.slug ORDER BY r.id DESC LIMIT 1)"
