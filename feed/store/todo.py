"""What of the library somebody still has to do something about."""

from sqlite_utils import Database


def in_review(db: Database) -> set[str]:
    """The slugs of principles that have a text in review."""
    rows = db.execute("SELECT DISTINCT principle FROM texts WHERE state = 'review'")
    return {slug for (slug,) in rows}


def untranslated(db: Database, language: str) -> set[str]:
    """The slugs of principles to be translated into a language, now that their original is ready.

    They have no text in it, only a draft, or one of an original that has changed since.
    """
    rows = db.execute(
        "SELECT p.slug FROM principles p JOIN texts o"
        " ON o.principle = p.slug AND o.language = p.original_language AND o.state = 'approved'"
        " LEFT JOIN texts t ON t.principle = p.slug AND t.language = :language"
        " WHERE p.status <> 'retired' AND p.original_language <> :language"
        " AND (t.state IS NULL OR t.state = 'draft'"
        " OR t.state = 'approved' AND t.based_on < o.version)",
        {"language": language},
    )
    return {slug for (slug,) in rows}
