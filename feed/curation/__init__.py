"""Bringing principles into the library and taking them out again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from feed import exchange
from feed.errors import ExchangeError, NotFoundError, Problem, mark
from feed.exchange import Entry, Exchange
from feed.store import library, revisions, writing
from feed.store.connection import transaction

_DEFAULTS = {"kind": "principle", "locator": "", "themes": [], "status": "draft"}


@dataclass
class Report:
    """What an import did, as the slugs it did it to."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)


def import_files(
    db: Database,
    files: dict[str, bytes],
    now: datetime,
    *,
    overwrite: bool = False,
    curator: int | None = None,
) -> dict[str, Report]:
    """Import exchange files, in one transaction; a Report each for themes, sources, principles.

    `curator` is the number of whoever does it at the desk.

    Entries are added or updated by slug; what a file leaves out stays. A principle last edited at
    the desk is left alone unless `overwrite`. Raises ExchangeError, and then nothing has changed.
    """
    incoming = exchange.read(files)
    with transaction(db):
        return _Import(db, incoming, now, overwrite, curator).run()


def shipped_files() -> dict[str, bytes]:
    """The library that comes with Devis: in an installed package, or beside it in a checkout."""
    return {path.name: path.read_bytes() for path in sorted(_data().glob("*.toml"))}


def known_words(language: str) -> list[str]:
    """The words of the shipped library that are right, though no dictionary has them."""
    path = _data() / f"words.{language}.txt"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _data() -> Path:
    package = Path(__file__).resolve().parent.parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def export(db: Database, languages: Iterable[str] | None = None) -> Exchange:
    """The whole library as an exchange, with the texts of `languages`, or of all."""
    chosen = None if languages is None else tuple(languages)
    principles = {
        slug: exchange.entry_of(item, chosen) for slug, item in library.principles(db).items()
    }
    return Exchange(
        themes={slug: exchange.entry_of(item) for slug, item in library.themes(db).items()},
        sources={slug: exchange.entry_of(item) for slug, item in library.sources(db).items()},
        principles={slug: entry for slug, entry in principles.items() if entry["texts"]},
    )


def revise(db: Database, changes: Entry, now: datetime, *, typo_only: bool = False) -> None:
    """Save changes made at the desk to a principle, as one revision.

    `changes` is an entry with the slug and whatever is to change. Raises NotFoundError.
    """
    with transaction(db):
        current = library.principle(db, changes["slug"])
        if current is None:
            raise NotFoundError(mark("There is no principle “%(slug)s”."), slug=changes["slug"])
        old = exchange.entry_of(current)
        new = exchange.merged(old, {"texts": {}, **changes})
        writing.put_principle(db, new, old, now, typo_only=typo_only)
        revisions.add(db, new, now, origin="desk", typo=typo_only)


class _Import:
    """One import under way, inside its transaction."""

    def __init__(
        self,
        db: Database,
        incoming: Exchange,
        now: datetime,
        overwrite: bool,
        curator: int | None,
    ) -> None:
        self.db = db
        self.incoming = incoming
        self.now = now
        self.overwrite = overwrite
        self.curator = curator
        self.problems: list[Problem] = []
        self.themes: dict[str, Any] = dict(library.themes(db))
        self.sources: dict[str, Any] = dict(library.sources(db))

    def run(self) -> dict[str, Report]:
        reports = {
            "themes": self._put("themes", self.incoming.themes, self.themes),
            "sources": self._put("sources", self.incoming.sources, self.sources),
            "principles": Report(),
        }
        known = library.principles(self.db, self.incoming.principles)
        for slug, entry in self.incoming.principles.items():
            stored = known.get(slug)
            old = None if stored is None else exchange.entry_of(stored)
            self._principle(reports["principles"], slug, entry, old)
        if self.problems:
            raise ExchangeError(self.problems)
        return reports

    def _put(self, kind: str, entries: dict[str, Entry], stored: dict[str, Any]) -> Report:
        report = Report()
        write = writing.put_theme if kind == "themes" else writing.put_source
        required = ("slug",) if kind == "themes" else ("slug", "title", "language")
        text_required = ("name",) if kind == "themes" else ()
        for slug, entry in entries.items():
            old = exchange.entry_of(stored[slug]) if slug in stored else None
            new = exchange.merged(old, entry)
            if not self._complete(kind, new, required, text_required):
                continue
            if old is not None and _same(old, new):
                report.unchanged.append(slug)
                continue
            write(self.db, new, self.now)
            (report.changed if old else report.new).append(slug)
        stored.update(library.themes(self.db) if kind == "themes" else library.sources(self.db))
        return report

    def _principle(self, report: Report, slug: str, entry: Entry, old: Entry | None) -> None:
        new = exchange.merged(old, entry)
        new = {**_DEFAULTS, **new, "texts": _with_state(new["texts"])}
        source = self.sources.get(new.get("source", ""))
        if source is not None:
            new.setdefault("original_language", source.language)
        if not self._valid(slug, new):
            return
        if old is not None and _same(old, new):
            report.unchanged.append(slug)
        elif old and not self.overwrite and revisions.last_origin(self.db, slug) == "desk":
            report.left_alone.append(slug)
        else:
            writing.put_principle(self.db, new, old, self.now)
            revisions.add(
                self.db, new, self.now, origin="import", action="import", curator=self.curator
            )
            (report.changed if old else report.new).append(slug)

    def _valid(self, slug: str, entry: Entry) -> bool:
        before = len(self.problems)
        self._complete("principles", entry, ("slug", "source"), ("title", "statement"))
        if "source" in entry and entry["source"] not in self.sources:
            message = mark("expected a source of the library or of these files, not “%(given)s”")
            self._wrong("principles", slug, "source", message, given=entry["source"])
        for theme in entry["themes"]:
            if theme not in self.themes:
                message = mark("expected a theme of the library or of these files, not “%(given)s”")
                self._wrong("principles", slug, "themes", message, given=theme)
        original = entry.get("original_language")
        if original is not None and original not in entry["texts"]:
            message = mark("expected a text in the original language, %(language)s")
            self._wrong("principles", slug, "texts", message, language=original)
        elif original is not None and entry["texts"][original]["state"] == "outdated":
            message = mark("expected draft, review or approved: an original is never outdated")
            self._wrong("principles", slug, f"texts.{original}.state", message)
        return len(self.problems) == before

    def _complete(
        self, kind: str, entry: Entry, names: tuple[str, ...], text_names: tuple[str, ...]
    ) -> bool:
        missing = [name for name in names if not entry.get(name)]
        missing += [
            f"texts.{language}.{name}"
            for language, text in entry["texts"].items()
            for name in text_names
            if not text.get(name)
        ]
        for name in missing:
            self._wrong(kind, entry["slug"], name, mark("expected a value, but there is none"))
        return not missing

    def _wrong(self, kind: str, slug: str, name: str, message: str, **values: object) -> None:
        file = self.incoming.files.get((kind, slug), "")
        self.problems.append(Problem(file, f"{kind} “{slug}”", name, message, values))


def _with_state(texts: dict[str, Entry]) -> dict[str, Entry]:
    return {language: {"state": "draft", **text} for language, text in texts.items()}


def _same(old: Entry, new: Entry) -> bool:
    return _filled(old) == _filled(new)


def _filled(entry: Entry) -> Entry:
    """Without the empty parts: an empty value and none at all mean the same."""
    return {
        key: _filled(value) if isinstance(value, dict) else value
        for key, value in entry.items()
        if value not in ("", None)
    }
