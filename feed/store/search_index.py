"""Full-text search: what the index has of a text, and the queries that find it.

The index has the words of each text as they are, and the stems of those that differ from theirs: a
query finds words that begin with its own, and other forms of them (*chefer* finds *chef*). FTS5 has
a stemmer for English alone; those of Snowball know the languages below.
"""

import re
from collections.abc import Collection, Iterator

import Stemmer

from feed.model.shapeless import without_shapeless

# The tables of the index. Its content is a view, so that no text is stored twice.
INDEX = """
DROP TRIGGER texts_ai;
DROP TRIGGER texts_ad;
DROP TRIGGER texts_au;
DROP TABLE texts_fts;
CREATE VIEW texts_words (id, words) AS SELECT rowid,
  indexed_words(language, title, statement, reflection, practice, commentary) FROM texts;
CREATE VIRTUAL TABLE texts_fts USING fts5 (
  words, content = 'texts_words', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');
CREATE TRIGGER texts_fts_insert AFTER INSERT ON texts BEGIN
  INSERT INTO texts_fts (rowid, words) VALUES (new.rowid, indexed_words(new.language, new.title,
    new.statement, new.reflection, new.practice, new.commentary)); END;
CREATE TRIGGER texts_fts_delete AFTER DELETE ON texts BEGIN
  INSERT INTO texts_fts (texts_fts, rowid, words) VALUES ('delete', old.rowid,
    indexed_words(old.language, old.title, old.statement, old.reflection, old.practice,
    old.commentary)); END;
CREATE TRIGGER texts_fts_update AFTER UPDATE ON texts BEGIN
  INSERT INTO texts_fts (texts_fts, rowid, words) VALUES ('delete', old.rowid,
    indexed_words(old.language, old.title, old.statement, old.reflection, old.practice,
    old.commentary)); INSERT INTO texts_fts (rowid, words) VALUES (new.rowid,
    indexed_words(new.language, new.title, new.statement, new.reflection, new.practice,
    new.commentary)); END;
INSERT INTO texts_fts (texts_fts) VALUES ('rebuild');
"""
# Another release may stem otherwise: then the index must be rebuilt by a migration.
STEMMER_VERSION = "3.1.0"
_ALGORITHMS = {
    **{"ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german"},
    **{"el": "greek", "en": "english", "es": "spanish", "et": "estonian", "eu": "basque"},
    **{"fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi"},
    **{"hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian"},
    **{"lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian"},
    **{"no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian"},
    **{"sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish"},
}
MAX_WORDS = 16  # of a search
_WORD = re.compile(r"\w+")


def indexed_words(language: str, *texts: str) -> str:
    """What the index has of a text in a language: its words, then the stems that are not among
    them.

    The same input gives the same output: it is also what is taken out of the index.
    """
    texts = tuple(map(without_shapeless, texts))
    words = {word for text in texts for word in _WORD.findall(text.casefold())}
    stems = {stem for word, stem in zip(words, _stems(language, words), strict=True)} - words
    return "\n".join([*texts, *sorted(stems)])


def fts_query(words: str, languages: Collection[str]) -> str:
    """An FTS5 query for texts with every word, or another word that begins with it or has its stem
    in one of the languages.

    Everything is quoted, so that no input is read as query syntax. Empty without any word. Of
    MAX_WORDS at most, and without those that begin another one: each costs a scan of the index.
    """
    found = list({word.casefold(): word for word in _words(words)}.items())
    longest = [
        word for key, word in found if not any(o != key and o.startswith(key) for o, _ in found)
    ]
    return " AND ".join(_alternatives(word, languages) for word in longest[:MAX_WORDS])


def _alternatives(word: str, languages: Collection[str]) -> str:
    folded = word.casefold()
    is_word = _WORD.fullmatch(folded)
    stems = {stem for code in languages for stem in _stems(code, [folded])} if is_word else set()
    return "({})".format(
        " OR ".join([f'"{word}"*', *(f'"{stem}"' for stem in sorted(stems - {folded}))])
    )


def _words(text: str) -> Iterator[str]:
    for word in without_shapeless(text).replace("\0", " ").split():
        cleaned = word.replace('"', "")
        if any(character.isalnum() for character in cleaned):
            yield cleaned


def _stems(language: str, words: Collection[str]) -> list[str]:
    """The stem of each word; of a language without a stemmer, the word itself."""
    algorithm = _ALGORITHMS.get(language.partition("-")[0])
    if algorithm is None:
        return list(words)
    stems: list[str] = Stemmer.Stemmer(algorithm).stemWords(list(words))  # not for several threads
    return stems
