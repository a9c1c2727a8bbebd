"""The form of a principle as it stands on a page: its fields, and what is said of them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flask import request

from feed.errors import FormError, gettext_noop
from feed.files import Entry, without_controls
from feed.i18n import Translator, own_name
from feed.library import diff
from feed.library.editing import WorkingCopy
from feed.model import SHOWABLE, TEXT_FIELDS
from feed.model.people import Curator

PLAIN = ("kind", "source", "locator", "notes")
ONLY_NEW = ("slug", "original_language")
SOURCE = ("title", "author", "year", "language", "url", "rights")
LABELS: Mapping[str, str] = {
    "title": gettext_noop("Title"),
    "statement": gettext_noop("Statement"),
    "reflection": gettext_noop("To think about"),
    "practice": gettext_noop("To do today"),
    "commentary": gettext_noop("Why it matters"),
    "kind": gettext_noop("Kind"),
    "source": gettext_noop("Source"),
    "locator": gettext_noop("Place in the source"),
    "themes": gettext_noop("Themes"),
    "notes": gettext_noop("Notes for translators"),
    "slug": gettext_noop("Name in addresses"),
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
    """What stands in the form, named as by `comparing.flat`. `languages` has the original first.

    `base` is the step that it was written on; without one it is `form` that names it. `clashes` and
    `taken` tell of what somebody else saved meanwhile, `wrong` of what could not be taken.
    `is_minor` is about what is typed, `pending_minor` about what waits, as in `WorkingCopy`.
    """

    values: Mapping[str, str]
    languages: tuple[str, ...]
    base: int | None = None
    form: str = ""
    found: WorkingCopy | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    clashes: Mapping[str, str] = field(default_factory=dict)
    taken: Sequence[str] = ()
    is_minor: bool = False
    pending_minor: bool | None = None

    @property
    def original(self) -> str:
        """The original's language."""
        return self.values["original_language"]

    def state(self, language: str) -> str:
        """How far a text has come; `missing` where there is none yet."""
        texts = self.found.entry["texts"] if self.found else {}
        return str(texts[language]["state"]) if language in texts else "missing"

    @property
    def states(self) -> set[str]:
        """The states of all texts."""
        return {self.state(language) for language in self.languages}

    def sendable(self, me: Curator) -> bool:
        """Whether they may write a text that can be sent for review."""
        mine = (code for code in self.languages if me.may_write(code))
        return any(self.state(code) in ("missing", "draft") for code in mine)

    @property
    def status(self) -> str:
        """How far the principle has come; empty for a new one."""
        return str(self.found.entry["status"]) if self.found else ""

    def public(self, language: str) -> Entry | None:
        """What readers see in that language while a change of it waits; None where none does."""
        live = self.found.live["texts"].get(language) if self.found and self.found.live else None
        is_held = self.state(language) not in SHOWABLE
        return live if live and is_held and live["state"] in SHOWABLE else None


def blank(languages: tuple[str, ...], original: str) -> PrincipleForm:
    """The form of a new principle."""
    values = {"kind": "principle", "original_language": original}
    return PrincipleForm(values, _ordered(languages, original), form=secrets.token_hex(16))


def of(found: WorkingCopy, languages: tuple[str, ...]) -> PrincipleForm:
    """The form of the working copy."""
    values = diff.flat(found.entry)
    original = values["original_language"]
    codes = (*languages, *found.entry["texts"])
    told = found.pending_minor
    return PrincipleForm(
        values, _ordered(codes, original), found.revision, found=found, pending_minor=told
    )


def typed(started: PrincipleForm, me: Curator) -> PrincipleForm:
    """A form with what was typed into it, as far as they may write there."""
    given, is_new = request.form, started.found is None
    names = [f"{code}.{part}" for code in started.languages for part in TEXT_FIELDS]
    names = [name for name in names if me.may_write(name.rpartition(".")[0])]
    if me.may("curator"):
        names += [*PLAIN, *(f"source_{name}" for name in SOURCE), *(ONLY_NEW if is_new else ())]
    values = dict(started.values)
    values |= {name: _lines(given[name]) for name in names if name in given}
    if me.may("curator") and "kind" in given:  # no box that is checked: no theme
        values["themes"] = _kept_order(values.get("themes", "").split(), given.getlist("themes"))
    codes = started.languages
    if values["original_language"] not in codes:
        values["original_language"] = started.original
    return replace(
        started,
        values=values,
        languages=_ordered(codes, values["original_language"]),
        base=None if is_new else _number(given.get("base", "")),
        form=given.get("form", "")[:64] or started.form,
        is_minor="typo" in given,
        pending_minor="typo_waits" in given if "waits" in given else None,
    )


def entry(sheet: PrincipleForm) -> Entry:
    """What was typed, as an entry."""
    plain = {name: value for name, value in sheet.values.items() if not name.startswith("source_")}
    return diff.unflat(plain)


def new_source(sheet: PrincipleForm) -> Entry | None:
    """The source that was typed beside the list; None where nothing was."""
    given = {name: sheet.values.get(f"source_{name}", "") for name in SOURCE}
    given = {name: value.strip() for name, value in given.items()}
    if not any(value for name, value in given.items() if name != "language"):
        return None
    year = given["year"]
    is_number = year.removeprefix("-").isascii() and year.removeprefix("-").isdigit()
    number = int(year) if is_number and len(year) < 9 else year
    return {**given, "language": given["language"] or sheet.original, "year": number}


def refused(sheet: PrincipleForm, error: FormError, t: Translator) -> PrincipleForm:
    """The form again, with what is wrong in it; characters that no page can carry are gone."""
    values = {name: without_controls(text) for name, text in sheet.values.items()}
    return replace(sheet, values=values, wrong=t.error_messages(error.fields))


def clashed(sheet: PrincipleForm, base: Entry, found: WorkingCopy) -> PrincipleForm:
    """The form again, brought together with what somebody else saved meanwhile."""
    sources = {name: text for name, text in sheet.values.items() if name.startswith("source_")}
    mine = {name: text for name, text in sheet.values.items() if name not in sources}
    mine["slug"] = found.entry["slug"]
    merged = diff.merge(diff.flat(base), mine, diff.flat(found.entry))
    return replace(
        sheet,
        values={**merged.values, **sources},
        base=found.revision,
        found=found,
        taken=merged.taken,
        clashes=merged.clashes,
    )


def label(t: Translator, name: str) -> str:
    """What a field is called: `Statement (svenska)`."""
    language, _, part = name.rpartition(".")
    words = t.gettext(LABELS[part])
    return f"{words} ({own_name(language)})" if language else words


def labelled(t: Translator, wrong: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, each with the name of its field."""
    return {
        name: words if name == "problem" else f"{label(t, name)}: {words}"
        for name, words in wrong.items()
    }


def _ordered(codes: Sequence[str], original: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((original, *codes)))


def _kept_order(before: list[str], chosen: list[str]) -> str:
    """The themes that are chosen: those that were there before as they stood, then the others."""
    stayed = [slug for slug in before if slug in chosen]
    return " ".join(dict.fromkeys((*stayed, *chosen)))


def _lines(text: str) -> str:
    """What was typed, with the line breaks of a text."""
    return text.replace("\r\n", "\n")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
