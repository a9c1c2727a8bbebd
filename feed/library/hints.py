"""Style hints for the principle form: advice only, a principle can be saved with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz, process
from sqlite_utils import Database

from feed.errors import gettext_noop
from feed.files import Entry
from feed.library import style_checks
from feed.library.diff import unflat
from feed.library.workflow import words
from feed.model import SHOWABLE, TEXT_FIELDS, Source, Text
from feed.store import library

MAX_SIMILAR = 3  # similar principles named for each field
COMPARED = ("title", "statement", "practice")
_LINK = re.compile(r"\[[^\[\]]*+\]\s*+\(|<a\b|https?:|\bwww\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hint:
    """A hint: the form field, a message with its values, and the principle it refers to."""

    field: str
    message: str
    values: Mapping[str, object]
    slug: str | None = None


def for_form(
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
    for name, message, values in style_checks.text(text):
        yield Hint(f"{text.language}.{name}", message, values)
    if len(text.statement) > style_checks.STATEMENT[1]:
        message = gettext_noop("is too long for the widget, which has room for %(most)s characters")
        yield Hint(f"{text.language}.statement", message, {"most": style_checks.STATEMENT[1]})
    for name in TEXT_FIELDS:
        if _LINK.search(getattr(text, name)):
            message = gettext_noop(
                "looks like a link, but is shown as typed: name the source instead"
            )
            yield Hint(f"{text.language}.{name}", message, {})


def _credit(values: Mapping[str, str], source: Source | None) -> Iterator[Hint]:
    if not values.get("locator"):
        yield Hint("locator", gettext_noop("is missing"), {})
    if source is not None and not (source.author or source.publisher):
        message = gettext_noop("gives no credit: %(source)s has neither author nor publisher")
        yield Hint("source", message, {"source": source.title})
    count = len(values.get("themes", "").split())
    if not style_checks.THEMES[0] <= count <= style_checks.THEMES[1]:
        message = gettext_noop("are %(count)s: expected %(least)s to %(most)s")
        bounds = {"least": style_checks.THEMES[0], "most": style_checks.THEMES[1]}
        yield Hint("themes", message, {"count": count, **bounds})


def _similar(db: Database, text: Text, slug: str) -> Iterator[Hint]:
    """Similar texts of other principles, compared field by field as `style_checks` does."""
    # A passage that is much shorter or longer cannot reach the score of ALIKE.
    least = style_checks.ALIKE / (200 - style_checks.ALIKE)
    written = {name: getattr(text, name) for name in COMPARED if getattr(text, name)}
    bounds = {
        name: (int(len(passage) * least), int(len(passage) / least) + 1)
        for name, passage in written.items()
    }
    for name, others in library.passages(db, text.language, bounds, slug).items():
        for _, score, other in process.extract(
            written[name],
            others,
            scorer=fuzz.token_sort_ratio,
            score_cutoff=style_checks.ALIKE,
            limit=MAX_SIMILAR,
        ):
            message = gettext_noop("is nearly that of “%(other)s” (%(score)s %%)")
            values = {"other": other, "score": round(score)}
            yield Hint(f"{text.language}.{name}", message, values, other)
