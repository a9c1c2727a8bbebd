"""Which form of the desk a draft is of, and whether it has anything to store."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from sqlite_utils import Database
from werkzeug.datastructures import MultiDict

from feed.desk import principle_form, vocabulary_form
from feed.errors import MovedError, NotFoundError
from feed.library import diff, editing, vocabulary
from feed.model.people import Curator
from feed.store import revisions
from feed.store import vocabulary as store
from feed.store.library import Vocabulary

Kind = Literal["principle", "comment", "review", "sources", "themes"]
_NOT_TYPED = ("kind", "original_language", "language")  # of something new: chosen before one writes
_SECTIONS: dict[str, Kind] = {"sources": "sources", "themes": "themes"}
_PAGES: dict[str, Kind] = {"comments": "comment", "review": "review"}


@dataclass(frozen=True, slots=True)
class DraftPage:
    """The form on a page: its kind, and the slug of what it is about; empty for something new."""

    kind: Kind
    slug: str


def page_of(path: str) -> DraftPage:
    """The form on the page at a path, such as `/desk/principles/listen-first/comments`."""
    _, _, section, slug, *rest = path.split("/")
    if not rest:  # …/new
        return DraftPage(_SECTIONS.get(section, "principle"), "")
    kind = _SECTIONS.get(section) or _PAGES.get(rest[0], "principle")
    return DraftPage(kind, slug)


def has_changes(
    db: Database, path: str, given: MultiDict[str, str], owner: Curator, languages: tuple[str, ...]
) -> bool:
    """Whether a form differs from what it began with, and from what is saved now."""
    page = page_of(path)
    if page.kind == "comment":
        return bool(given.get("comment", "").strip())
    if page.kind == "review":
        return bool(given.get("reason", "").strip())
    if page.kind == "principle":
        return _principle_has_changes(db, page.slug, given, owner, languages)
    return _vocabulary_has_changes(db, page, given, languages)


def _principle_has_changes(
    db: Database, slug: str, given: MultiDict[str, str], owner: Curator, languages: tuple[str, ...]
) -> bool:
    form_id = given.get("form", "")
    if not slug and form_id and (first := revisions.by_form(db, form_id)):
        slug = first.principle
    if not slug:
        blank = principle_form.blank(languages, languages[0])
        return _is_typed(principle_form.submitted(blank, owner, given).values)
    try:
        saved = principle_form.of(editing.working(db, slug), languages)
    except NotFoundError:
        return True
    forms = [saved]
    base = revisions.by_id(db, principle_form.submitted(saved, owner, given).base or 0)
    if base is not None and base.principle == slug:
        forms.append(replace(saved, values=diff.flat(base.entry)))
    return all(
        _filled(form.values) != _filled(principle_form.submitted(form, owner, given).values)
        for form in forms
    )


def _vocabulary_has_changes(
    db: Database, page: DraftPage, given: MultiDict[str, str], languages: tuple[str, ...]
) -> bool:
    kind = cast(Vocabulary, page.kind)
    if not page.slug:
        blank = vocabulary_form.blank(kind, languages, languages[0])
        return _is_typed(vocabulary_form.submitted(blank, given).values)
    try:
        item = vocabulary.find(db, kind, page.slug)
    except (NotFoundError, MovedError):
        return True
    saved = vocabulary_form.of(kind, item, 0, languages)
    form = vocabulary_form.submitted(saved, given)
    typed = _filled(form.values)
    bases = [step.entry for step in store.history(db, kind, page.slug) if step.id == form.base]
    before = (saved.values, *(vocabulary.flat(kind, entry) for entry in bases))
    return all(_filled(values) != typed for values in before)


def _is_typed(values: Mapping[str, str]) -> bool:
    return any(text.strip() for name, text in values.items() if name not in _NOT_TYPED)


def _filled(values: Mapping[str, str]) -> dict[str, str]:
    return {name: text.strip() for name, text in values.items() if text.strip()}
