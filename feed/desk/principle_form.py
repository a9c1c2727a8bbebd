"""The principle form: its fields as shown and as submitted, labels, errors and conflicts."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from flask import request
from werkzeug.datastructures import MultiDict

from feed.desk.labels import KINDS as KIND_LABELS
from feed.errors import FormError, gettext_noop
from feed.files import Entry, without_controls
from feed.i18n import Translator, own_name
from feed.library import diff, workflow
from feed.library.workflow import Act, Transition, WorkingCopy
from feed.model import SHOWABLE, TEXT_FIELDS, Source, Theme
from feed.model.people import Curator

PLAIN = ("kind", "source", "locator", "notes")
ONLY_NEW = ("slug", "original_language")
SOURCE = ("title", "author", "year", "language", "url", "rights")
OTHER = "-"  # the answer that a new source is none of the similar ones; no slug
LABELS: Mapping[str, str] = {
    "title": gettext_noop("Title"),
    "short": gettext_noop("In short"),
    "statement": gettext_noop("Main text"),
    "reflection": gettext_noop("To think about"),
    "practice": gettext_noop("To do today"),
    "team": gettext_noop("With your team"),
    "commentary": gettext_noop("Why it matters"),
    "kind": gettext_noop("Kind"),
    "source": gettext_noop("Source"),
    "locator": gettext_noop("Place in the source"),
    "themes": gettext_noop("Themes"),
    "notes": gettext_noop("Notes for translators"),
    "slug": gettext_noop("Web address (slug)"),
    "original_language": gettext_noop("Original language"),
    "source_title": gettext_noop("Title of the source"),
    "source_author": gettext_noop("Author"),
    "source_year": gettext_noop("Year"),
    "source_language": gettext_noop("Language of the source"),
    "source_url": gettext_noop("Address on the web"),
    "source_rights": gettext_noop("Right to use it"),
    "reason": gettext_noop("Reason"),
}


@dataclass(frozen=True, slots=True)
class PrincipleForm:
    """The form's field values, named as by `diff.flat`. `languages` has the original first.

    `base` is the revision that the values were edited from; a new principle has none, and its
    random `form_id` tells whether it was saved already. `is_merged` marks a form that another
    person's save was merged into, `clashes` and `taken` are the conflicting and the merged changes
    (none where only a state changed), `wrong` the errors by field. `is_minor` marks the submitted
    changes as minor, `pending_minor` the pending ones, as in `WorkingCopy`.
    """

    values: Mapping[str, str]
    languages: tuple[str, ...]
    base: int | None = None
    form_id: str = ""
    found: WorkingCopy | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    clashes: Mapping[str, str] = field(default_factory=dict)
    taken: Sequence[str] = ()
    is_merged: bool = False
    is_minor: bool = False
    pending_minor: bool | None = None

    @property
    def slug(self) -> str:
        """The principle's slug; empty for a new one."""
        return str(self.found.entry["slug"]) if self.found else ""

    @property
    def original(self) -> str:
        """The original's language."""
        return self.values["original_language"]

    def state(self, language: str) -> str:
        """The workflow state of a text; `missing` where there is none yet."""
        texts = self.found.entry["texts"] if self.found else {}
        return str(texts[language]["state"]) if language in texts else "missing"

    @property
    def states(self) -> set[str]:
        """The states of all texts."""
        return {self.state(language) for language in self.languages}

    def sendable(self, me: Curator) -> bool:
        """Whether this person may write a text that can be sent for review."""
        mine = (code for code in self.languages if me.may_write(code))
        return any(self.state(code) in ("missing", "draft") for code in mine)

    @property
    def status(self) -> str:
        """The principle's status; empty for a new one."""
        return str(self.found.entry["status"]) if self.found else ""

    @property
    def is_waiting(self) -> bool:
        """Whether it awaits an editor's approval."""
        return bool(self.found and self.found.waiting)

    def is_marked(self, names: Collection[str]) -> bool:
        """Whether one of these fields has an error, or a change by another person."""
        marked = {*self.wrong, *self.clashes, *self.taken}
        return any(name in marked for name in names)

    def is_open(self, names: Collection[str]) -> bool:
        """Whether the part of the form with these fields starts unfolded."""
        return self.is_marked(names) or any(self.values.get(name) for name in names)

    def public(self, language: str) -> Entry | None:
        """The public text in a language while a change of it is pending; else None."""
        live = self.found.live["texts"].get(language) if self.found else None
        is_held = self.state(language) not in SHOWABLE
        return live if live and is_held and live["state"] in SHOWABLE else None


def blank(languages: tuple[str, ...], original: str) -> PrincipleForm:
    """The form of a new principle: empty."""
    values = {"kind": "principle", "original_language": original}
    return PrincipleForm(values, _ordered(languages, original), form_id=secrets.token_hex(16))


def of(found: WorkingCopy, languages: tuple[str, ...]) -> PrincipleForm:
    """The form of an existing principle: its newest revision."""
    values = diff.flat(found.entry)
    original = values["original_language"]
    codes = (*languages, *found.entry["texts"])
    return PrincipleForm(
        values,
        _ordered(codes, original),
        found.revision,
        found=found,
        pending_minor=found.pending_minor,
    )


def submitted(before: PrincipleForm, me: Curator, given: MultiDict[str, str]) -> PrincipleForm:
    """The form with the values given, limited to the fields this person may write."""
    is_new = before.found is None
    names = [f"{code}.{part}" for code in before.languages for part in TEXT_FIELDS]
    names = [name for name in names if me.may_write(name.rpartition(".")[0])]
    if me.may("curator"):
        names += [*PLAIN, *(f"source_{name}" for name in SOURCE), *(ONLY_NEW if is_new else ())]
        names.append("source_similar")
    values = dict(before.values)
    values |= {name: _with_line_feeds(given[name]) for name in names if name in given}
    if me.may("curator") and "kind" in given:  # browsers send nothing for an unchecked box
        values["themes"] = _theme_order(values.get("themes", "").split(), given.getlist("themes"))
    if values.get("source_similar", "") not in ("", OTHER):  # the one to use in place of a new one
        values |= {f"source_{name}": "" for name in SOURCE}
        values["source"] = values.pop("source_similar")
    codes = before.languages
    if values["original_language"] not in codes:
        values["original_language"] = before.original
    if is_new:
        _move_text(values, given.get("written_in", ""))
    return replace(
        before,
        values=values,
        languages=_ordered(codes, values["original_language"]),
        base=None if is_new else _number(given.get("base", "")),
        form_id=given.get("form", "")[:64] or before.form_id,
        is_minor="typo" in given,
        pending_minor="typo_waits" in given if "waits" in given else None,
    )


def entry(form: PrincipleForm) -> Entry:
    """The submitted values as an entry of the exchange format."""
    plain = {name: value for name, value in form.values.items() if not name.startswith("source_")}
    return diff.unflat(plain)


def transition(form: PrincipleForm, me: Curator) -> Transition | None:
    """The action of the button pressed; None where it only checks the form."""
    act, _, code = request.form.get("act", "save").partition(".")
    if act not in ("save", "review", "approve", "publish"):
        return None
    languages = (code,) if code else None
    return Transition(me, cast(Act, act), languages, form.is_minor, form.pending_minor)


def new_source(form: PrincipleForm) -> Entry | None:
    """The new source entered in the form; None where there is none."""
    given = {name: form.values.get(f"source_{name}", "") for name in SOURCE}
    given = {name: value.strip() for name, value in given.items()}
    if not any(value for name, value in given.items() if name != "language"):
        return None
    year = given["year"]
    is_number = year.removeprefix("-").isascii() and year.removeprefix("-").isdigit()
    number = int(year) if is_number and len(year) < 9 else year
    is_other = form.values.get("source_similar") == OTHER
    language = given["language"] or form.original
    return {**given, "language": language, "year": number, "is_other": is_other}


def refused(form: PrincipleForm, error: FormError, t: Translator) -> PrincipleForm:
    """The form with its errors, and without control characters, which no page can carry."""
    values = {name: without_controls(text) for name, text in form.values.items()}
    return replace(form, values=values, wrong=t.error_messages(error.fields))


def merged(form: PrincipleForm, base: Entry, found: WorkingCopy) -> PrincipleForm:
    """The form merged with a newer revision, for resolving the conflict by hand."""
    sources = {name: text for name, text in form.values.items() if name.startswith("source_")}
    mine = {name: text for name, text in form.values.items() if name not in sources}
    mine["slug"] = found.entry["slug"]
    result = diff.merge(diff.flat(base), mine, diff.flat(found.entry))
    return replace(
        form,
        values={**result.values, **sources},
        base=found.revision,
        found=found,
        taken=result.taken,
        clashes=result.clashes,
        is_merged=True,
    )


def label(t: Translator, name: str) -> str:
    """A field's label: `Statement (Svenska)`."""
    language, _, part = name.rpartition(".")
    words = t.gettext(LABELS[part])
    return f"{words} ({own_name(language)})" if language else words


def labelled(t: Translator, wrong: Mapping[str, str]) -> dict[str, str]:
    """Error messages, each with its field's label in front."""
    return {
        name: words if name == "problem" else f"{label(t, name)}: {words}"
        for name, words in wrong.items()
    }


def _move_text(values: dict[str, str], written_in: str) -> None:
    """Move a text to the chosen original language if it was typed before that was chosen."""
    old, new = (
        {part: f"{code}.{part}" for part in TEXT_FIELDS}
        for code in (written_in, values["original_language"])
    )
    if old != new and not any(values.get(name) for name in new.values()):
        values.update({new[part]: values.pop(old[part], "") for part in TEXT_FIELDS})


def _ordered(codes: Sequence[str], original: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((original, *codes)))


def _theme_order(before: list[str], chosen: list[str]) -> str:
    """The chosen themes: earlier ones in their order, then the new ones."""
    stayed = [slug for slug in before if slug in chosen]
    return " ".join(dict.fromkeys((*stayed, *chosen)))


def _with_line_feeds(text: str) -> str:
    """Text with line feeds only: browsers send CRLF."""
    return text.replace("\r\n", "\n")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


@dataclass(frozen=True, slots=True)
class PendingField:
    """A field outside the texts with an unapproved change: its public and its pending value."""

    name: str
    public: str
    pending: str


def pending_fields(
    t: Translator,
    found: WorkingCopy | None,
    sources: Mapping[str, Source],
    themes: Mapping[str, Theme],
) -> list[PendingField]:
    """Non-text fields with changes that await an editor's approval, for display."""
    if found is None:
        return []
    before = _shared_values(t, workflow.fields(found.live), sources, themes)
    after = _shared_values(t, workflow.fields(found.entry), sources, themes)
    return [
        PendingField(name, before[name], after[name])
        for name in after
        if before[name] != after[name]
    ]


def _shared_values(
    t: Translator, entry: Entry, sources: Mapping[str, Source], themes: Mapping[str, Theme]
) -> dict[str, str]:
    kind, source = KIND_LABELS[entry["kind"]], sources.get(entry["source"])
    return {
        "kind": t.gettext(kind),
        "source": source.title if source else entry["source"],
        "locator": entry["locator"],
        "themes": ", ".join(_theme_name(t, slug, themes) for slug in entry["themes"]),
        "original_language": own_name(entry["original_language"]),
    }


def _theme_name(t: Translator, slug: str, themes: Mapping[str, Theme]) -> str:
    texts = themes[slug].texts if slug in themes else {}
    text = texts.get(t.language) or next(iter(texts.values()), None)
    return text.name if text else slug
