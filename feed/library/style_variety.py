"""How varied a library is: counts over all its texts, with the bounds of data/STYLE.md."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from feed.library.style_checks import OPTIONAL
from feed.model import Principle, Source, Text
from feed.model.language_tags import primary

MOST_LAST_WEEK = 10  # questions
FEWEST_OTHER_LENGTHS = 0.05  # of the statements have one sentence, and as many have three
MOST_CREDITS_FIRST = 0.5  # of the commentaries
MOST_FIRST_WORD = 0.3  # of the passages of a field begin with the same word
MOST_FIRST_WORDS = 0.1  # … and with the same three words
_LAST_WEEK = {"en": "last week", "sv": "förra veckan"}
_SENTENCE_END = re.compile(r"[.!?…][”’)]*(?=\s|$)")


@dataclass(frozen=True, slots=True)
class VarietyCount:
    """How many of a number of texts have something in common, and how many may or should."""

    language: str
    about: str
    count: int
    total: int
    least: int = 0
    most: int | None = None

    @property
    def is_good(self) -> bool:
        """Whether the count is within its bounds."""
        return self.least <= self.count and (self.most is None or self.count <= self.most)

    def line(self) -> str:
        """The count as a line of text, in English."""
        bound = f"at least {self.least}" if self.most is None else f"at most {self.most}"
        level = "good" if self.is_good else "poor"
        return f"{level}  {self.language}: {self.about}: {self.count} of {self.total}, {bound}"


def counts(
    principles: Iterable[Principle], sources: Mapping[str, Source], languages: Sequence[str]
) -> Iterator[VarietyCount]:
    """All counts over the published principles, language by language."""
    published = [principle for principle in principles if principle.status == "published"]
    for language in languages:
        texts = [each.texts[language] for each in published if language in each.texts]
        yield from _of_sentences(texts, language)
        yield from _of_openings(texts, language)
        credited = sum(
            language in each.texts
            and _is_credited_first(each.texts[language], sources[each.source])
            for each in published
        )
        most = int(len(texts) * MOST_CREDITS_FIRST)
        about = "credit in the first sentence of the commentary"
        yield VarietyCount(language, about, credited, len(texts), most=most)
        for name in OPTIONAL:
            missing = sum(not getattr(text, name) for text in texts)
            yield VarietyCount(language, f"without {name}", missing, len(texts), most=0)


def sentences(passage: str) -> int:
    """The number of sentences of a passage."""
    return len(_SENTENCE_END.findall(passage))


def _of_sentences(texts: Sequence[Text], language: str) -> Iterator[VarietyCount]:
    if phrase := _LAST_WEEK.get(primary(language)):
        count = sum(phrase in text.reflection.casefold() for text in texts)
        about = f"questions with “{phrase}”"
        yield VarietyCount(language, about, count, len(texts), most=MOST_LAST_WEEK)
    lengths = Counter(sentences(text.statement) for text in texts)
    least = int(len(texts) * FEWEST_OTHER_LENGTHS)
    for number, name in ((1, "one sentence"), (3, "three sentences")):
        yield VarietyCount(language, f"statements of {name}", lengths[number], len(texts), least)
    longer = sum(count for number, count in lengths.items() if number > 3)
    yield VarietyCount(language, "statements of more sentences", longer, len(texts), most=0)


def _of_openings(texts: Sequence[Text], language: str) -> Iterator[VarietyCount]:
    for name in ("statement", "reflection", "practice", "team"):
        passages = [
            passage.casefold().split() for text in texts if (passage := getattr(text, name))
        ]
        for length, share in ((1, MOST_FIRST_WORD), (3, MOST_FIRST_WORDS)):
            openings = Counter(" ".join(words[:length]) for words in passages)
            for words, count in openings.most_common(1):
                most = max(1, int(len(passages) * share))
                about = f"{name} begins with “{words}”"
                yield VarietyCount(language, about, count, len(passages), most=most)


def _is_credited_first(text: Text, source: Source) -> bool:
    first = _SENTENCE_END.split(text.commentary, maxsplit=1)[0].casefold()
    names = ((source.author or "").split(" ")[-1], source.publisher or "", source.title)
    return any(name.casefold() in first for name in names if name)
