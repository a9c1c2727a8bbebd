"""Checks of wording: phrases that data/STYLE.md leaves out, yes/no questions, borrowed words."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from feed.errors import gettext_noop
from feed.library import exchange
from feed.model.language_tags import primary

LONGEST_RUN = 7  # words in a row that a text may have from its source
_ROW = re.compile(r"^\| ([a-z]{2,3}) \| ([^|]+?) \| ([^|]+?) \|$", re.MULTILINE)
_WORD = re.compile(r"\w[\w’']*")
# How questions begin that can be answered with yes or no, and how they ask for more than that.
_YES_OR_NO = {
    "en": (
        r"(?:am|are|can|could|did|do|does|had|has|have|is|may|might|must|shall|should|was|were"
        r"|will|would|won)(?:n?’t)?\b",
        r"\b(?:and|or|if so)\b",
    ),
    "sv": (
        r"(?:är|blev|blir|brukar|bör|fanns|fick|finns|får|gav|ger|gick|gjorde|gör|hade|har|hör"
        r"|hörde|kan|kom|kommer|kunde|känner|lät|låter|måste|sa|ska|skulle|såg|säger|tog|tror"
        r"|tycker|var (?:det|du|ni|någon)|vet|vill|ville|vågade|vågar)\b",
        r"\b(?:och|eller|i så fall)\b",
    ),
}


@lru_cache
def phrases_to_leave_out(language: str) -> Mapping[str, str]:
    """The phrases, in lower case, that the style guide does without; each with what to write."""
    rows = _ROW.findall(exchange.style_guide())
    return {
        phrase.casefold(): instead for code, phrase, instead in rows if code == primary(language)
    }


@lru_cache
def _pattern(language: str) -> re.Pattern[str]:
    phrases = map(re.escape, phrases_to_leave_out(language))
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases) or '(?!)'})(?!\w)", re.IGNORECASE)


def remarks(value: str, language: str) -> Iterator[tuple[str, dict[str, object]]]:
    """The phrases to leave out that a passage has; yields (message, values)."""
    for found in _pattern(language).findall(value):
        instead = phrases_to_leave_out(language)[found.casefold()]
        message = gettext_noop("has “%(phrase)s”; better: %(instead)s")
        yield message, {"phrase": found, "instead": instead}


def is_yes_or_no(question: str, language: str) -> bool:
    """Whether a question asks for yes or no and nothing more; False in unknown languages."""
    if primary(language) not in _YES_OR_NO:
        return False
    start, more = _YES_OR_NO[primary(language)]
    asked = question.casefold()
    return bool(re.match(start, asked)) and not re.search(more, asked)


def runs(passage: str, source: str) -> Iterator[str]:
    """The runs of more than LONGEST_RUN words that a passage has in common with a source."""
    length = LONGEST_RUN + 1
    words, theirs = (_WORD.findall(text.casefold()) for text in (passage, source))
    known = {tuple(theirs[at : at + length]) for at in range(len(theirs) - length + 1)}
    start = 0
    for at in range(len(words) - length + 2):
        if tuple(words[at : at + length]) not in known:
            if start < at:
                yield " ".join(words[start : at + length - 1])
            start = at + 1
