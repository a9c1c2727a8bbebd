"""Checks of the library against its style guide, data/STYLE.md: lengths, typography, duplicates.

Lengths are in characters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from rapidfuzz import fuzz, process
from sqlite_utils import Database

from feed.errors import gettext_noop
from feed.files import Entry
from feed.i18n import Translator
from feed.library import wording
from feed.library.diff import unflat
from feed.library.workflow import UNCREDITED, words
from feed.model import SHOWABLE, TEXT_FIELDS, Principle, Source, Text, Theme
from feed.model.language_tags import primary
from feed.model.shapeless import without_shapeless
from feed.store import library

TITLE = (3, 60)
SHORT = (10, 90)
STATEMENT = (80, 280)
REFLECTION = (10, 160)
PRACTICE = (10, 200)
TEAM = (40, 300)
COMMENTARY = (150, 600)
INTRODUCTION = (100, 400)
LENGTHS = dict(
    zip(
        TEXT_FIELDS,
        (TITLE, SHORT, STATEMENT, REFLECTION, PRACTICE, TEAM, COMMENTARY),
        strict=True,
    )
)
OPTIONAL = ("short", "team")  # no text has to have them
THEMES = (1, 2)
FEWEST_OF_A_THEME = 4
ALIKE = 80  # similarity in percent from which the form calls two passages nearly the same
MOST_ALIKE = 70  # … and the most that two passages of the library may have, titles apart: these
# are so short that two common words are enough

_STRAIGHT = re.compile("[\"']")
_DASH = re.compile(r"(?<=\s)-(?=\s)|--")
_BAD_SPACE = re.compile(r"  |\s[,.;:!?](?:\s|$)|\u00a0|\t")
MAX_SIMILAR = 3  # similar principles named for each field
COMPARED = ("title", "statement", "practice")  # in the form; in the library, OPTIONAL as well
_LINK = re.compile(r"\[[^\[\]]*+\]\s*+\(|<a\b|https?:|\bwww\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StyleFinding:
    """A style error: its place (`principle reach-down`, `sv.title`) and a message."""

    entry: str
    field: str
    message: str
    values: Mapping[str, object]

    def line(self, t: Translator) -> str:
        """The finding as one translated line."""
        where = f"{self.entry}: {self.field}" if self.field else self.entry
        return f"{where}: {t.gettext(self.message, **self.values)}"


def of_library(
    principles: Iterable[Principle],
    sources: Mapping[str, Source],
    themes: Mapping[str, Theme],
    languages: Sequence[str],
) -> list[StyleFinding]:
    """Check all published principles, their sources, and the themes."""
    published = [principle for principle in principles if principle.status == "published"]
    found: list[StyleFinding] = []
    for principle in published:
        found += _principle(principle, sources, languages)
    used = {principle.source for principle in published}
    for source in (sources[slug] for slug in sorted(used)):
        found += _source(source, languages)
    for theme in themes.values():
        found += _theme(theme, published, languages)
    for language in languages:
        found += _duplicates(published, language)
    return found


def of_text(text: Text) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Check one text; yields (field, message, values)."""
    for name, (least, most) in LENGTHS.items():
        value = getattr(text, name)
        if not value and name in OPTIONAL:
            continue
        yield from ((name, *wrong) for wrong in _length(value, least, most))
        yield from ((name, *wrong) for wrong in typography(value, text.language))
        yield from ((name, *wrong) for wrong in wording.remarks(value, text.language))
        if "\n" in value:
            yield name, gettext_noop("has a line break"), {}
    if text.title.endswith("."):
        yield "title", gettext_noop("ends with a full stop"), {}
    if text.reflection and (text.reflection.count("?") != 1 or text.reflection[-1] not in "?”"):
        yield "reflection", gettext_noop("is not exactly one question"), {}
    elif wording.is_yes_or_no(text.reflection, text.language):
        yield "reflection", gettext_noop("can be answered with yes or no"), {}


def typography(value: str, language: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Check the quotes, dashes and spaces of a passage; yields (message, values)."""
    if _STRAIGHT.search(value):
        yield gettext_noop("has straight quotes where curly ones should be"), {}
    if _DASH.search(value):
        yield gettext_noop("has a hyphen where a dash (–) should be"), {}
    if _BAD_SPACE.search(value) or value != value.strip():
        yield gettext_noop("has a space too many"), {}
    if primary(language) == "sv":
        balanced = value.count("”") % 2 == 0 and "“" not in value and "‘" not in value
    else:
        balanced = value.count("“") == value.count("”")
    if not balanced:
        yield gettext_noop("has unbalanced quotes"), {}


def borrowed(principles: Iterable[Principle], name: str, source: str) -> Iterator[StyleFinding]:
    """Passages with a run of words from the text of a source; `name` is that of its file."""
    for principle in principles:
        for language, text in principle.texts.items():
            for part in TEXT_FIELDS:
                for run in wording.runs(getattr(text, part), source):
                    message = "has words from %(name)s: “%(run)s”"
                    where = f"principle {principle.slug}", f"{language}.{part}"
                    yield StyleFinding(*where, message, {"name": name, "run": run})


def _principle(
    principle: Principle, sources: Mapping[str, Source], languages: Sequence[str]
) -> Iterator[StyleFinding]:
    entry = f"principle {principle.slug}"
    for language in languages:
        shown = principle.texts.get(language)
        if shown is None or shown.state not in SHOWABLE:
            yield StyleFinding(entry, language, "has no approved text", {})
            continue
        for name, message, values in of_text(shown):
            yield StyleFinding(entry, f"{language}.{name}", message, values)
    if not principle.locator:
        yield StyleFinding(entry, "locator", "is missing", {})
    source = sources[principle.source]
    if not (source.author or source.publisher):
        message = "gives no credit: %(source)s has neither author nor publisher"
        yield StyleFinding(entry, "source", message, {"source": source.slug})
    if principle.kind == "quote" and not source.can_be_quoted:
        yield StyleFinding(entry, "source", UNCREDITED, {"title": source.title})
    if not THEMES[0] <= len(principle.themes) <= THEMES[1]:
        message = "are %(count)s: expected %(least)s to %(most)s"
        values = {"count": len(principle.themes), "least": THEMES[0], "most": THEMES[1]}
        yield StyleFinding(entry, "themes", message, values)


def _source(source: Source, languages: Sequence[str]) -> Iterator[StyleFinding]:
    for language in languages:
        introduction = source.texts[language].introduction if language in source.texts else ""
        for message, values in (
            *_length(introduction, *INTRODUCTION),
            *typography(introduction, language),
        ):
            field = f"{language}.introduction"
            yield StyleFinding(f"source {source.slug}", field, message, values)


def _theme(
    theme: Theme, published: list[Principle], languages: Sequence[str]
) -> Iterator[StyleFinding]:
    entry = f"theme {theme.slug}"
    for language in languages:
        named = theme.texts.get(language)
        if named is None or not named.description:
            yield StyleFinding(entry, language, "has no name or no description", {})
            continue
        for message, values in typography(named.description, language):
            yield StyleFinding(entry, f"{language}.description", message, values)
    count = sum(theme.slug in principle.themes for principle in published)
    if count < FEWEST_OF_A_THEME and not theme.retired:
        message = "has %(count)s principles: expected at least %(least)s"
        yield StyleFinding(entry, "", message, {"count": count, "least": FEWEST_OF_A_THEME})


def _duplicates(published: list[Principle], language: str) -> Iterator[StyleFinding]:
    """Near-duplicates, compared field by field (RapidFuzz, ignoring the order of words)."""
    for name in (*COMPARED, *OPTIONAL):
        most = ALIKE if name == "title" else MOST_ALIKE
        passages = [
            (principle.slug, without_shapeless(getattr(principle.texts[language], name)))
            for principle in published
            if language in principle.texts and getattr(principle.texts[language], name)
        ]
        for (one, mine), (other, theirs) in combinations(passages, 2):
            score = fuzz.token_sort_ratio(mine, theirs, score_cutoff=most)
            if score > most:
                message = "is nearly that of %(other)s (%(score)s %%)"
                values = {"other": other, "score": round(score)}
                yield StyleFinding(f"principle {one}", f"{language}.{name}", message, values)


def _length(value: str, least: int, most: int) -> Iterator[tuple[str, dict[str, object]]]:
    if not value:
        yield "is missing", {}
    elif not least <= len(value) <= most:
        message = gettext_noop("has %(count)s characters; should have %(least)s to %(most)s")
        yield message, {"count": len(value), "least": least, "most": most}


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint: the form field, a message with its values, and the principle it refers to."""

    field: str
    message: str
    values: Mapping[str, object]
    slug: str | None = None


def form_hints(
    db: Database, values: Mapping[str, str], sources: Mapping[str, Source], live: Entry | None
) -> list[Hint]:
    """All hints for the values of the form; empty translations have none, nor has an empty form.

    Texts that are already public, word for word, are not compared with the library again.
    """
    found: list[Hint] = []
    entry, known = unflat(values), live["texts"] if live else {}
    for language, written in entry["texts"].items():
        if any(written.values()):
            text = Text(language, **{name: written.get(name, "") for name in TEXT_FIELDS})
            found += _text(text)
            public = known.get(language, {"state": ""})
            if words(written) != words(public) or public["state"] not in SHOWABLE:
                found += _similar(db, text, values.get("slug", ""))
    is_empty = not any(any(written.values()) for written in entry["texts"].values())
    return [] if is_empty else [*found, *_credit(values, sources.get(values.get("source", "")))]


def _text(text: Text) -> Iterator[Hint]:
    for name, message, values in of_text(text):
        yield Hint(f"{text.language}.{name}", message, values)
    for name in TEXT_FIELDS:
        if _LINK.search(getattr(text, name)):
            message = gettext_noop(
                "This looks like a link, but readers see it as you typed it: name the source"
                " instead."
            )
            yield Hint(f"{text.language}.{name}", message, {})


def _credit(values: Mapping[str, str], source: Source | None) -> Iterator[Hint]:
    if not values.get("locator"):
        yield Hint(
            "locator", gettext_noop("A chapter or page helps people who want to read on."), {}
        )
    if source is not None and not (source.author or source.publisher):
        message = gettext_noop("%(source)s has no author yet, so readers can’t see who to thank.")
        yield Hint("source", message, {"source": source.title})
    if source is not None and values.get("kind") == "quote" and not source.can_be_quoted:
        yield Hint("source", UNCREDITED, {"title": source.title})
    count = len(values.get("themes", "").split())
    if not THEMES[0] <= count <= THEMES[1]:
        yield Hint("themes", gettext_noop("One or two themes work best."), {})


def _similar(db: Database, text: Text, slug: str) -> Iterator[Hint]:
    """Similar texts of other principles, compared field by field as `style_checks` does."""
    # A passage that is much shorter or longer cannot reach the score of ALIKE.
    least = ALIKE / (200 - ALIKE)
    written = {name: getattr(text, name) for name in COMPARED if getattr(text, name)}
    bounds = {
        name: (int(len(passage) * least), int(len(passage) / least) + 1)
        for name, passage in written.items()
    }
    for name, others in library.passages(db, text.language, bounds, slug).items():
        alike = process.extract(
            written[name],
            others,
            processor=without_shapeless,
            scorer=fuzz.token_sort_ratio,
            score_cutoff=ALIKE,
            limit=MAX_SIMILAR,
        )
        known = library.principles(db, [other for _, _, other in alike]) if alike else {}
        for _, score, other in alike:
            message = gettext_noop("Nearly the same as “%(title)s” (%(score)s %%).")
            values = {"title": known[other].texts[text.language].title, "score": round(score)}
            yield Hint(f"{text.language}.{name}", message, values, other)
