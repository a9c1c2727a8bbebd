"""Sources and themes at the desk: edit, retire, restore; every change is a revision."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlite_utils import Database

from feed import files
from feed.errors import (
    ConflictError,
    FormError,
    InputError,
    MovedError,
    NotFoundError,
    gettext_noop,
)
from feed.files import Entry
from feed.files.models import ENTRIES
from feed.library.form_values import checked
from feed.model import Source, Theme
from feed.model.people import Curator
from feed.model.slugs import slugify, unused
from feed.store import library, library_writes, vocabulary
from feed.store.connection import transaction
from feed.store.library import Vocabulary
from feed.store.vocabulary import Action, VocabularyRevision

# The fields of a form: those of the whole, and those of each language.
FIELDS: dict[Vocabulary, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sources": (
        ("title", "author", "publisher", "year", "language", "url"),
        ("introduction", "rights"),
    ),
    "themes": ((), ("name", "description")),
}
_CONFLICT = gettext_noop("Someone else has saved “%(slug)s” since you opened it.")
_NO_SUCH = gettext_noop("There is nothing called “%(slug)s”.")
_RETIRED = gettext_noop("“%(name)s” is retired: choose another one.")
_DUPLICATE = gettext_noop(
    "“%(name)s” already exists. Use it, or choose that yours is a different one."
)
_UNNAMED = gettext_noop("Write a name in at least one language.")


def items(
    db: Database, kind: Vocabulary, slugs: Collection[str] | None = None
) -> Mapping[str, Source | Theme]:
    """Sources or themes by slug: those of `slugs`, or all."""
    return library.sources(db, slugs) if kind == "sources" else library.themes(db, slugs)


def find(db: Database, kind: Vocabulary, slug: str) -> Source | Theme:
    """A source or theme. Raises NotFoundError, and MovedError where it was merged."""
    found = items(db, kind, [slug])
    if slug in found:
        return found[slug]
    target = library.current_slug(db, kind, slug)
    if target != slug:
        raise MovedError(target)
    raise NotFoundError(_NO_SUCH, slug=slug)


def name(item: Source | Theme, language: str) -> str:
    """The title of a source, or the name of a theme in a language."""
    return item.title if isinstance(item, Source) else item.text(language)[1].name


def flat(kind: Vocabulary, entry: Entry) -> dict[str, str]:
    """Flatten an entry to form fields: `title`, `sv.rights`."""
    shared, parts = FIELDS[kind]
    values = {field: str(entry.get(field) or "") for field in shared}
    for language, text in entry["texts"].items():
        values |= {f"{language}.{part}": text.get(part) or "" for part in parts}
    return values


def unflat(kind: Vocabulary, values: Mapping[str, str]) -> Entry:
    """Build an entry from form fields as `flat` names them; empty ones are left out."""
    texts: dict[str, Entry] = {}
    entry: Entry = {"texts": texts}
    for field, value in values.items():
        language, dot, part = field.rpartition(".")
        if not value.strip():
            continue
        if dot:
            texts.setdefault(language, {})[part] = value
        else:
            entry[field] = _number(value.strip()) if field == "year" else value
    return entry


def read(kind: Vocabulary, entry: Entry, errors: dict[str, InputError], prefix: str = "") -> Entry:
    """Validate an entry but for its slug; errors go into `errors`, by form field."""
    model, text_model = ENTRIES[kind]
    needed = {"title": "", "language": ""} if kind == "sources" else {}
    given = {**needed, **{key: value for key, value in entry.items() if key != "texts"}}
    clean = checked(given, model, prefix, errors)
    needed = {"name": ""} if kind == "themes" else {}
    clean["texts"] = {
        language: checked({**needed, **text}, text_model, f"{prefix}{language}.", errors)
        for language, text in entry["texts"].items()
    }
    return clean


def similar_to(db: Database, kind: Vocabulary, entry: Entry) -> Sequence[Source | Theme]:
    """The sources or themes on offer that a new one nearly duplicates."""
    from feed.library import similar_vocabulary  # RapidFuzz is needed at the desk alone

    if kind == "sources":
        known = {slug: item for slug, item in library.sources(db).items() if not item.retired}
        return similar_vocabulary.sources(entry, known)
    themes = {slug: item for slug, item in library.themes(db).items() if not item.retired}
    return similar_vocabulary.themes(entry, themes)


def save(
    db: Database,
    me: Curator,
    kind: Vocabulary,
    slug: str,
    entry: Entry,
    now: datetime,
    *,
    base: int = 0,
    is_other: bool = False,
    action: Action = "save",
) -> str:
    """Save a source or theme, or with an empty `slug` a new one; returns its slug.

    `base` is the revision that `entry` was edited from, 0 before the first. A near-duplicate is
    refused unless `is_other`. Saving equal content adds no revision. Raises FormError,
    NotFoundError, and ConflictError where `base` is not the newest revision; then changes nothing.
    """
    errors: dict[str, InputError] = {}
    clean = read(kind, entry, errors)
    if kind == "themes" and not clean["texts"]:
        errors[f"{me.language}.name"] = InputError(_UNNAMED)
    if errors:
        raise FormError(errors)
    with transaction(db):
        if not slug:
            return _add(db, me, kind, clean, now, is_other=is_other)
        old = files.entry_of(find(db, kind, slug))
        clean |= {"slug": slug, "retired": old.get("retired", False)}
        if _content(kind, old) == _content(kind, clean):
            return slug
        if base != newest_id(db, kind, slug):
            raise ConflictError(_CONFLICT, slug=slug)
        write(db, kind, clean, now, curator=me.id, action=action)
    return slug


def _add(
    db: Database, me: Curator, kind: Vocabulary, entry: Entry, now: datetime, *, is_other: bool
) -> str:
    if not is_other and (found := similar_to(db, kind, entry)):
        error = InputError(_DUPLICATE, name=name(found[0], me.language))
        raise FormError({"similar": error})
    known = {*items(db, kind), *library.merged(db, kind)}
    texts = [text["name"] for text in entry["texts"].values()] if kind == "themes" else []
    title = entry["title"] if kind == "sources" else texts[0]
    slug = unused(slugify(title) or kind.removesuffix("s"), known.__contains__)
    write(db, kind, {**entry, "slug": slug}, now, curator=me.id, action="save")
    return slug


def add_source(
    db: Database, me: Curator, given: Entry, errors: dict[str, InputError], now: datetime
) -> str:
    """Find a source of that title, author and year, or add one; returns its slug.

    `given` has the fields of the principle form; `is_other` says that a near-duplicate is none.
    Errors go into `errors`, by field of that form; the slug is empty then.
    """
    wrong: dict[str, InputError] = {}
    rights = {given["language"]: {"rights": given["rights"]}} if given.get("rights") else {}
    parts = {field: given[field] for field in FIELDS["sources"][0] if given.get(field)}
    clean = read("sources", {**parts, "texts": rights}, wrong)
    errors |= {f"source_{field.rpartition('.')[2]}": error for field, error in wrong.items()}
    if wrong:
        return ""
    for known in library.sources(db).values():
        if all(getattr(known, n) == clean.get(n) for n in ("title", "author", "year")):
            return known.slug
    try:
        return _add(db, me, "sources", clean, now, is_other=bool(given.get("is_other")))
    except FormError as error:
        errors["source_title"] = error.fields["similar"]
        return ""


def write(
    db: Database,
    kind: Vocabulary,
    entry: Entry,
    now: datetime,
    *,
    curator: int | None,
    action: Action,
    minor: bool = False,
) -> None:
    """Add or replace a source or theme, with a revision; inside a transaction.

    A minor change does not count as a correction.
    """
    slug = entry["slug"]
    old = items(db, kind, [slug]).get(slug)
    if old is not None:
        add_first_revision(db, kind, old)
    if old is None or _content(kind, files.entry_of(old)) != _content(kind, entry):
        put = library_writes.put_source if kind == "sources" else library_writes.put_theme
        put(db, entry, now, minor=minor)
    vocabulary.retire(db, kind, slug, now if entry.get("retired") else None)
    vocabulary.add_revision(db, kind, entry, now, action=action, curator=curator)


def add_first_revision(db: Database, kind: Vocabulary, item: Source | Theme) -> None:
    """Add a revision of the state before the first change, if there is no revision yet."""
    if not vocabulary.history(db, kind, item.slug):
        at = vocabulary.changed(db, kind, item.slug)
        vocabulary.add_revision(db, kind, files.entry_of(item), at, action="import")


def newest_id(db: Database, kind: Vocabulary, slug: str) -> int:
    """The id of the newest revision of a source or theme; 0 without any."""
    steps = vocabulary.history(db, kind, slug)
    return steps[0].id if steps else 0


def base_entry(history: Sequence[VocabularyRevision], base: int) -> Entry:
    """The entry that a form was edited from: revision `base`, else the oldest."""
    return {step.id: step.entry for step in history}.get(base) or history[-1].entry


def restore(
    db: Database, me: Curator, kind: Vocabulary, slug: str, number: int, now: datetime
) -> None:
    """Save an earlier revision again, as the newest. Raises NotFoundError."""
    with transaction(db):
        steps = {step.id: step for step in vocabulary.history(db, kind, slug)}
        if number not in steps:
            message = gettext_noop("There is no such step in the history of “%(slug)s”.")
            raise NotFoundError(message, slug=slug)
        entry = {key: value for key, value in steps[number].entry.items() if key != "slug"}
        save(db, me, kind, slug, entry, now, base=max(steps), action="restore")


def retire(
    db: Database, me: Curator, kind: Vocabulary, slug: str, now: datetime, *, offer: bool = False
) -> None:
    """Offer a source or theme in forms no longer, or again. Raises NotFoundError."""
    with transaction(db):
        item = find(db, kind, slug)
        if item.retired == offer:
            action: Action = "offer" if offer else "retire"
            entry = {**files.entry_of(item), "retired": not offer}
            write(db, kind, entry, now, curator=me.id, action=action)


def unusable(
    db: Database,
    source: str,
    themes: Sequence[str],
    before: Entry,
    errors: Mapping[str, InputError],
) -> dict[str, InputError]:
    """Errors for an unknown source or theme, or a retired one that the principle had not before."""
    found: dict[str, InputError] = {}
    known, sources = library.themes(db, themes), library.sources(db, [source])
    if unknown := [theme for theme in themes if theme not in known]:
        message = gettext_noop("There is no theme “%(slug)s”.")
        found["themes"] = InputError(message, slug=unknown[0])
    for slug, theme in known.items():
        if theme.retired and slug not in before.get("themes", []):
            found["themes"] = InputError(_RETIRED, name=theme.text("")[1].name)
    is_new = any(field.startswith("source_") for field in errors)
    if not sources and not is_new:
        found["source"] = InputError(gettext_noop("Choose a source, or add a new one."))
    elif sources and sources[source].retired and source != before.get("source"):
        found["source"] = InputError(_RETIRED, name=sources[source].title)
    return found


def _content(kind: Vocabulary, entry: Entry) -> dict[str, str]:
    return {field: value for field, value in flat(kind, entry).items() if value}


def _number(year: str) -> int | str:
    digits = year.removeprefix("-")
    return int(year) if digits.isascii() and digits.isdigit() and len(year) < 9 else year
