"""The form of a source or theme: its fields as shown and as submitted, labels, and conflicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from feed.desk.principle_form import LABELS as PRINCIPLE_LABELS
from feed.errors import FormError, InputError, gettext_noop
from feed.files import Entry, entry_of, without_controls
from feed.i18n import Translator, own_name, translator
from feed.library import diff, vocabulary
from feed.model import Kind, Principle, Source, Theme
from feed.publish import markup
from feed.store.library import Vocabulary
from feed.store.vocabulary import VocabularyRevision

LABELS: Mapping[str, str] = {
    "title": PRINCIPLE_LABELS["source_title"],
    "author": gettext_noop("Author"),
    "publisher": gettext_noop("Publisher"),
    "year": gettext_noop("Year"),
    "language": gettext_noop("Language of the source"),
    "url": gettext_noop("Address on the web"),
    "introduction": gettext_noop("Introduction"),
    "rights": PRINCIPLE_LABELS["source_rights"],
    "name": gettext_noop("Name"),
    "description": gettext_noop("Description"),
}


@dataclass(frozen=True, slots=True)
class VocabularyForm:
    """The form's field values, named as by `vocabulary.flat`; `item` is None for a new one.

    `base` is the revision that the values were edited from, 0 before the first. `is_merged` marks a
    form that another person's save was merged into, `clashes` and `taken` are the conflicting and
    the merged changes (none where it was only retired), `wrong` the errors by field. `answer` is
    OTHER, or the slug of the near-duplicate to use.
    """

    kind: Vocabulary
    values: Mapping[str, str]
    languages: tuple[str, ...]
    item: Source | Theme | None = None
    base: int = 0
    answer: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    clashes: Mapping[str, str] = field(default_factory=dict)
    taken: Sequence[str] = ()
    is_merged: bool = False

    @property
    def slug(self) -> str:
        """The slug; empty for a new one."""
        return self.item.slug if self.item else ""


def blank(kind: Vocabulary, languages: tuple[str, ...], language: str) -> VocabularyForm:
    """The form of a new source or theme: empty."""
    return VocabularyForm(kind, {"language": language} if kind == "sources" else {}, languages)


def of(
    kind: Vocabulary, item: Source | Theme, base: int, languages: tuple[str, ...]
) -> VocabularyForm:
    """The form of an existing source or theme."""
    codes = tuple(dict.fromkeys((*languages, *item.texts)))
    return VocabularyForm(kind, vocabulary.flat(kind, entry_of(item)), codes, item, base)


def submitted(before: VocabularyForm, given: MultiDict[str, str]) -> VocabularyForm:
    """The form with the values given."""
    shared, parts = vocabulary.FIELDS[before.kind]
    names = [*shared, *(f"{code}.{part}" for code in before.languages for part in parts)]
    values = {name: given.get(name, "").replace("\r\n", "\n") for name in names}
    base = given.get("base", 0, type=int)
    return replace(before, values=values, base=base, answer=given.get("similar", ""))


def refused(form: VocabularyForm, error: FormError, t: Translator) -> VocabularyForm:
    """The form with its errors, and without control characters, which no page can carry."""
    values = {name: without_controls(text) for name, text in form.values.items()}
    return replace(form, values=values, wrong=t.error_messages(error.fields))


def merged(form: VocabularyForm, history: Sequence[VocabularyRevision]) -> VocabularyForm:
    """The form merged with a newer revision, for resolving the conflict by hand."""
    newest = history[0]
    base = vocabulary.base_entry(history, form.base)
    flats = (vocabulary.flat(form.kind, entry) for entry in (base, newest.entry))
    started, theirs = flats
    result = diff.merge(started, form.values, theirs)
    return replace(
        form,
        values=result.values,
        base=newest.id,
        taken=result.taken,
        clashes=result.clashes,
        is_merged=True,
    )


def entry(form: VocabularyForm) -> Entry:
    """The submitted values as an entry of the exchange format."""
    return vocabulary.unflat(form.kind, form.values)


def label(t: Translator, name: str) -> str:
    """A field's label: `Right to use it (Svenska)`."""
    language, _, part = name.rpartition(".")
    words = t.gettext(LABELS[part])
    return f"{words} ({own_name(language)})" if language else words


def labelled(t: Translator, wrong: Mapping[str, str]) -> dict[str, str]:
    """Error messages, each with its field's label in front."""
    plain = ("problem", "similar")
    return {
        name: words if name in plain else f"{label(t, name)}: {words}"
        for name, words in wrong.items()
    }


def credits(form: VocabularyForm, languages: Sequence[str]) -> dict[str, tuple[Markup, Markup]]:
    """The credit line of a principle and of a quote as readers see them, by language."""
    values = {name: without_controls(text) for name, text in form.values.items()}
    errors: dict[str, InputError] = {}
    clean = vocabulary.read("sources", vocabulary.unflat("sources", values), errors)
    if form.kind != "sources" or not clean.get("title"):
        return {}
    source = Source(
        "new",
        clean["title"],
        clean.get("language", ""),
        author=clean.get("author"),
        publisher=clean.get("publisher"),
        year=clean.get("year"),
        url=clean.get("url"),
    )

    def line(code: str, kind: Kind) -> Markup:
        return markup.credit_html(translator(code), source, Principle("new", kind, "new", (), code))

    return {code: (line(code, "principle"), line(code, "quote")) for code in languages}


def changes(
    kind: Vocabulary, history: Sequence[VocabularyRevision]
) -> list[tuple[VocabularyRevision, list[tuple[str, list[diff.Piece]]], bool]]:
    """The revisions, newest first, with the word diffs of the fields that each changed.

    The last value tells whether it differs from the newest, and so can be restored.
    """
    flats = [vocabulary.flat(kind, step.entry) for step in history]
    pairs = zip(flats, [*flats[1:], None], strict=bool(flats))
    return [
        (step, diff.changed_fields(before, now), now != flats[0])
        for step, (now, before) in zip(history, pairs, strict=True)
    ]
