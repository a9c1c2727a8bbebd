"""Near-duplicates among sources and themes, compared with RapidFuzz."""

from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, utils

from feed.files import Entry
from feed.model import Source, Theme
from feed.model.shapeless import without_shapeless

ALIKE = 80  # similarity in percent from which two names count as near-duplicates
CERTAIN = 95  # of titles by different authors
MAX_SIMILAR = 3


def sources(given: Entry, known: Mapping[str, Source]) -> list[Source]:
    """The sources that a new one nearly duplicates, the most similar first."""
    scores = {slug: _of_sources(given, source) for slug, source in known.items()}
    return [known[slug] for slug in _best(scores)]


def themes(given: Entry, known: Mapping[str, Theme]) -> list[Theme]:
    """The themes that a new one nearly duplicates in any language, the most similar first."""
    names = [text.get("name", "") for text in given["texts"].values()]
    scores = {
        slug: max(
            (_ratio(name, text.name) for name in names for text in theme.texts.values()), default=0
        )
        for slug, theme in known.items()
    }
    return [known[slug] for slug in _best(scores)]


def _of_sources(given: Entry, source: Source) -> float:
    """The similarity of titles; of a title with and without its subtitle, if the authors agree."""
    if given.get("url") and given["url"] == source.url:
        return 100
    title, author = given.get("title", ""), given.get("author", "")
    score = _ratio(title, source.title)
    if author and source.author and _subset_ratio(author, source.author) < ALIKE:
        return score if score >= CERTAIN else 0
    is_short = len(title.split()) < 2 or len(source.title.split()) < 2
    return score if is_short else max(score, _subset_ratio(title, source.title))


def _ratio(one: str, other: str) -> float:
    return fuzz.token_sort_ratio(one, other, processor=_words)


def _subset_ratio(one: str, other: str) -> float:
    return fuzz.token_set_ratio(one, other, processor=_words)


def _words(text: str) -> str:
    return utils.default_process(without_shapeless(text))


def _best(scores: Mapping[str, float]) -> Iterable[str]:
    alike = [slug for slug, score in scores.items() if score >= ALIKE]
    return sorted(alike, key=lambda slug: -scores[slug])[:MAX_SIMILAR]
