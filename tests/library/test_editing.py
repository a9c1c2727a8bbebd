"""What becomes of a save at the desk: what readers see at once, what waits, and what is refused."""

import json
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlite_utils import Database

from feed.errors import ConflictError, ForbiddenError, FormError, NotFoundError
from feed.files import Entry
from feed.library import diff, editing, exchange
from feed.library.editing import Saved
from feed.library.workflow import Act, Transition, WorkingCopy
from feed.model import Principle, slugs
from feed.store import library, meta, revisions
from feed.store.revisions import Revision
from tests.conftest import Installation
from tests.desk_client import Desk

Install = Callable[..., Installation]
SLUG = "listen-first"
SWEDISH = {"title": "Lyssna först", "statement": "Den som lyssnar först får veta mer."}
ENGLISH = {"title": "Listen first", "statement": "Who listens first gets to know more."}
LIBRARY = {
    "themes": [{"slug": slug, "texts": {"sv": {"name": slug}}} for slug in ("trust", "change")],
    "sources": [
        {"slug": "handbook", "title": "Handboken", "language": "sv"},
        {
            "slug": "book",
            "title": "Boken",
            "language": "sv",
            "author": "Ann Författare",
            "year": 2001,
            "texts": {"sv": {"rights": "Med tillstånd."}},
        },
    ],
    "principles": [
        {
            "slug": SLUG,
            "source": "handbook",
            "status": "published",
            "themes": ["trust"],
            "texts": {
                "sv": {**SWEDISH, "state": "approved"},
                "en": {**ENGLISH, "state": "approved"},
            },
        }
    ],
}


class Bench:
    """A desk, with what tests of drafting do at it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.desk = Desk(installation)

    def working(self, slug: str = SLUG) -> WorkingCopy:
        with self.installation.open() as db:
            return editing.working(db, slug)

    def stored(self, slug: str = SLUG) -> Principle:
        with self.installation.open() as db:
            found = library.principle(db, slug)
        assert found is not None
        return found

    def history(self, slug: str = SLUG) -> list[Revision]:
        with self.installation.open() as db:
            return revisions.history(db, slug)

    def save(self, role: str, entry: Entry, base: int | None, **more: Any) -> Saved:
        self.installation.now += timedelta(minutes=1)
        step = Transition(self.desk.account(role), **_popped(more))
        with self.installation.open() as db:
            old = None if base is None else editing.working(db, entry["slug"])
            return editing.save(db, step, entry, old, self.installation.now, base=base, **more)

    def write(self, role: str, language: str, slug: str = SLUG, /, **parts: Any) -> Saved:
        """Change parts of a text; those with `minor`, `act` or `languages` say how."""
        how = {n: parts.pop(n) for n in ("minor", "act", "languages") if n in parts}
        found = self.working(slug)
        text = {**found.entry["texts"].get(language, {}), **parts}
        texts = {**found.entry["texts"], language: text}
        return self.save(role, {**found.entry, "texts": texts}, found.revision, **how)

    def fields(self, role: str, **parts: Any) -> Saved:
        found = self.working()
        return self.save(role, {**found.entry, **parts}, found.revision)

    def act(self, role: str, act: str, slug: str = SLUG, **more: Any) -> Saved:
        self.installation.now += timedelta(minutes=1)
        step = Transition(self.desk.account(role), cast(Act, act), **more)
        with self.installation.open() as db:
            return editing.act(db, step, slug, self.installation.now)

    def states(self, slug: str = SLUG) -> dict[str, str]:
        return {code: text["state"] for code, text in self.working(slug).entry["texts"].items()}

    def version(self) -> int:
        with self.installation.open() as db:
            return meta.content_version(db)


def _popped(more: dict[str, Any]) -> dict[str, Any]:
    """Take out of `more` what belongs to the transition."""
    names = ("act", "languages", "minor", "pending_minor")
    return {name: more.pop(name) for name in names if name in more}


def new(**parts: Any) -> Entry:
    """An entry as the form makes it of a new principle."""
    texts = {"sv": {"title": "Håll ögonen öppna", "statement": "Se dig om."}}
    usual = {"source": "handbook", "original_language": "sv", "texts": texts}
    return {"kind": "principle", "themes": [], **usual, **parts}


@pytest.fixture
def bench(install: Install) -> Bench:
    made = Bench(install())
    made.installation.load({"a.json": json.dumps(LIBRARY)})
    return made


def test_a_new_principle_is_a_draft_named_after_its_title(bench: Bench) -> None:
    saved = bench.save("curator", new(notes="Ögon, inte blickar"), None)
    found = bench.stored(saved.slug)
    assert (saved.slug, found.status, saved.waiting) == ("hall-ogonen-oppna", "draft", False)
    assert found.texts["sv"].state == "draft"
    assert found.notes == "Ögon, inte blickar"
    (first,) = bench.history(saved.slug)
    assert (first.action, first.by, first.is_applied) == ("save", "Curator Åström", True)
    assert bench.installation.client().get("/sv/principles/hall-ogonen-oppna/").status_code == 404


def test_the_same_new_form_sent_twice_is_one_principle(bench: Bench) -> None:
    once = bench.save("curator", new(), None, form="f1")
    assert bench.save("curator", new(), None, form="f1") == once
    assert len(bench.history(once.slug)) == 1


def test_a_new_form_sent_again_with_a_change_goes_on_with_its_principle(bench: Bench) -> None:
    """As with the browser's back button."""
    once = bench.save("curator", new(), None, form="f1")
    again = bench.save("curator", new(locator="7"), None, form="f1")
    assert (again.slug, bench.stored(once.slug).locator) == (once.slug, "7")
    with pytest.raises(ConflictError):
        bench.save("curator", new(locator="8"), None, form="f1")


def test_two_principles_of_one_title_have_two_names(bench: Bench) -> None:
    names = [bench.save("curator", new(), None, form=name).slug for name in ("f1", "f2")]
    assert names == ["hall-ogonen-oppna", "hall-ogonen-oppna-2"]


def test_unpublished_texts_are_saved_at_once_and_an_unfinished_translation_is_stored(
    bench: Bench,
) -> None:
    slug = bench.save("curator", new(), None).slug
    bench.write("curator", "en", slug, title="Keep your eyes open")
    assert bench.working(slug).entry["texts"]["en"]["title"] == "Keep your eyes open"
    assert not bench.working(slug).waiting
    assert "en" not in bench.stored(slug).texts
    bench.write("curator", "en", slug, statement="Look around.")
    assert bench.stored(slug).texts["en"].state == "draft"
    with pytest.raises(FormError) as refused:
        bench.write("editor", "en", slug, statement="", act="approve", languages=("en",))
    assert list(refused.value.fields) == ["en.statement"]


def test_from_draft_to_published_with_who_and_when(bench: Bench) -> None:
    slug = bench.save("curator", new(), None).slug
    assert bench.act("curator", "review", slug).waiting
    assert bench.states(slug) == {"sv": "review"}
    bench.act("editor", "approve", slug)
    assert bench.states(slug) == {"sv": "approved"}
    assert bench.installation.client().get(f"/sv/principles/{slug}/").status_code == 404
    bench.act("editor", "publish", slug)
    assert bench.installation.client().get(f"/sv/principles/{slug}/").status_code == 200
    bench.act("editor", "retire", slug)
    assert bench.stored(slug).status == "retired"
    steps = [(step.action, step.by) for step in reversed(bench.history(slug))]
    curator, editor = "Curator Åström", "Editor Åström"
    assert steps == [
        ("save", curator),
        ("review", curator),
        ("approve", editor),
        ("publish", editor),
        ("retire", editor),
    ]
    instants = [step.at for step in bench.history(slug)]
    assert instants == sorted(set(instants), reverse=True)


def test_publishing_approves_what_was_sent_and_the_original_and_nothing_else(bench: Bench) -> None:
    slug = bench.save("curator", new(texts={**new()["texts"], "en": ENGLISH}), None).slug
    bench.act("editor", "publish", slug)
    assert bench.states(slug) == {"sv": "approved", "en": "draft"}


@pytest.mark.parametrize("role", ["curator", "translator"])
def test_a_change_of_a_public_text_waits_and_the_site_stays(bench: Bench, role: str) -> None:
    before, seen = bench.stored(), bench.version()
    saved = bench.write(role, "sv", statement="Lyssna längre än du tänkt.")
    assert saved.waiting
    assert (bench.stored(), bench.version()) == (before, seen)
    assert bench.states() == {"sv": "review", "en": "approved"}
    assert bench.working().live is not None
    bench.act("editor", "approve")
    assert bench.stored().texts["sv"].statement == "Lyssna längre än du tänkt."
    assert bench.states() == {"sv": "approved", "en": "outdated"}
    assert not bench.working().waiting


def test_a_declined_change_is_stored_with_the_reason_and_can_be_resubmitted(bench: Bench) -> None:
    before = bench.stored()
    bench.write("curator", "sv", statement="Lyssna!")
    with pytest.raises(FormError) as refused:
        bench.act("editor", "decline", reason=" ")
    assert list(refused.value.fields) == ["reason"]
    assert not bench.act("editor", "decline", reason="För kort").waiting
    assert bench.history()[0].reason == "För kort"
    assert bench.working().entry["texts"]["sv"]["statement"] == "Lyssna!"
    assert bench.states()["sv"] == "draft"
    assert bench.stored() == before
    assert bench.write("curator", "sv", statement="Lyssna länge.", act="review").waiting


def test_what_an_editor_changes_is_public_at_once_and_outdates_translations(bench: Bench) -> None:
    bench.write("editor", "sv", statement="Lyssna längre.")
    assert bench.stored().texts["sv"].statement == "Lyssna längre."
    assert bench.states() == {"sv": "approved", "en": "outdated"}


def test_a_typo_only_keeps_translations_current_even_when_it_waits(bench: Bench) -> None:
    bench.write("editor", "sv", statement="Lyssna längre.", minor=True)
    assert bench.states()["en"] == "approved"
    bench.write("curator", "sv", statement="Lyssna längre!", minor=True)
    bench.act("editor", "approve")
    assert bench.stored().texts["sv"].statement == "Lyssna längre!"
    assert bench.states()["en"] == "approved"
    bench.write("curator", "sv", statement="Något annat.")
    bench.write("curator", "sv", statement="Något annat!", minor=True)
    bench.act("editor", "approve")
    assert bench.states()["en"] == "outdated"


def test_a_typo_is_one_whatever_else_waits(bench: Bench) -> None:
    bench.write("curator", "en", statement="Waiting.")
    bench.write("editor", "sv", statement="Lyssna längre.", minor=True)
    assert bench.stored().texts["en"].state == "approved"
    bench.write("curator", "sv", statement="Lyssna längre!", minor=True)
    bench.fields("curator", themes=["change"])
    bench.act("editor", "approve")
    found = bench.stored()
    assert (found.texts["sv"].statement, found.texts["sv"].corrected) == ("Lyssna längre!", None)
    assert found.texts["en"].corrected == found.corrected == bench.installation.now


def test_a_mark_is_for_the_step_that_it_was_given_for(bench: Bench) -> None:
    bench.write("curator", "sv", statement="Lyssna längre.", minor=True)
    bench.write("curator", "sv", statement="Något annat.")
    bench.write("curator", "sv", statement="Något annat!", minor=True)
    assert bench.working().pending_minor is False
    bench.write("curator", "sv", statement=SWEDISH["statement"] + "!", minor=True)
    bench.act("editor", "decline", reason="Nej")
    assert bench.working().pending_minor is False
    bench.write("curator", "sv", statement=SWEDISH["statement"])
    bench.write("curator", "sv", statement=SWEDISH["statement"] + "!", minor=True)
    assert bench.working().pending_minor is True
    bench.act("editor", "approve")
    assert (bench.working().pending_minor, bench.states()["en"]) == (None, "approved")
    bench.write("curator", "sv", statement="Något annat.")
    bench.act("editor", "approve")
    assert bench.states()["en"] == "outdated"


@pytest.mark.parametrize("is_minor", [True, False])
def test_the_approver_decides_whether_a_change_is_minor(bench: Bench, is_minor: bool) -> None:
    bench.write("curator", "sv", statement="Lyssna längre.", minor=not is_minor)
    found = bench.working()
    assert found.pending_minor is not is_minor
    bench.save("editor", found.entry, found.revision, act="approve", pending_minor=is_minor)
    assert bench.states()["en"] == ("approved" if is_minor else "outdated")


def test_an_outdated_translation_can_be_found_right_as_it_is(bench: Bench) -> None:
    bench.write("editor", "sv", statement="Lyssna längre.")
    saved = bench.act("curator", "review", languages=("en",))
    assert saved.waiting
    assert bench.states()["en"] == "review"
    assert bench.stored().texts["en"].state == "outdated"
    bench.act("editor", "approve", languages=("en",))
    assert bench.stored().texts["en"].state == "approved"


def test_a_translator_sees_the_changes_since_the_last_translation(bench: Bench) -> None:
    def then() -> str | None:
        found = diff.original_translated(bench.history(), "en")
        return found["statement"] if found else None

    bench.write("editor", "sv", statement="Lyssna längre.")
    bench.write("editor", "sv", statement="Lyssna längst.")
    assert then() == SWEDISH["statement"]
    bench.act("editor", "approve", languages=("en",))
    bench.write("editor", "sv", statement="Lyssna alltid.")
    assert then() == "Lyssna längst."
    bench.write("editor", "en", statement="Always listen.")
    assert then() == "Lyssna alltid."
    assert diff.original_translated(bench.history(), "fi") is None


def test_differences_are_shown_word_by_word() -> None:
    found = diff.pieces("Den som lyssnar vet.", "Den som frågar vet.")
    assert [(piece.kind, piece.text) for piece in found] == [
        ("same", "Den som "),
        ("old", "lyssnar"),
        ("new", "frågar"),
        ("same", " vet."),
    ]
    assert diff.pieces("", "Nytt") == [diff.Piece("new", "Nytt")]
    assert diff.pieces("lika", "lika") == [diff.Piece("same", "lika")]


def test_notes_are_for_the_desk_alone(bench: Bench) -> None:
    """They are in no page, feed or API response, but in an export."""
    bench.fields("editor", notes="Mind the verb")
    bench.installation.publish()
    stranger = bench.installation.client()
    for path in (
        *(f"/en/principles/{SLUG}/", f"/sv/principles/{SLUG}/", "/sv/", "/sv/feed.json"),
        *("/sv/feed.atom", f"/api/v1/principles/{SLUG}", "/api/v1/today", "/sv/widget/"),
    ):
        answer = stranger.get(path)
        assert answer.status_code == 200
        assert "Mind the verb" not in answer.text
    with bench.installation.open() as db:
        assert exchange.export(db).principles[SLUG]["notes"] == "Mind the verb"


def test_a_typo_in_an_outdated_translation_leaves_it_outdated(bench: Bench) -> None:
    bench.write("editor", "sv", statement="Lyssna längre.")
    bench.write("editor", "en", title="Listen, first", minor=True)
    assert bench.states()["en"] == "outdated"
    bench.write("editor", "en", title="Listen longer")
    assert bench.states()["en"] == "approved"


def test_what_an_editor_saves_leaves_the_waiting_text_of_another_language_waiting(
    bench: Bench,
) -> None:
    bench.write("curator", "en", statement="Waiting.")
    saved = bench.write("editor", "sv", statement="Nu.")
    assert saved.waiting
    assert bench.stored().texts["sv"].statement == "Nu."
    assert bench.stored().texts["en"].statement == ENGLISH["statement"]
    bench.act("editor", "approve", languages=("en",), confirmed=True)
    assert bench.stored().texts["en"].statement == "Waiting."


def test_a_change_back_to_what_is_public_waits_no_more(bench: Bench) -> None:
    bench.write("curator", "sv", statement="Annat.")
    assert not bench.write("curator", "sv", statement=SWEDISH["statement"]).waiting
    assert bench.states()["sv"] == "approved"


def test_themes_of_a_published_principle_wait_notes_do_not(bench: Bench) -> None:
    saved = bench.fields("curator", themes=["change"], notes="Mind the verb")
    assert saved.waiting
    assert (bench.stored().themes, bench.stored().notes) == (("trust",), "Mind the verb")
    bench.write("editor", "sv", practice="Fråga.")
    assert bench.stored().themes == ("trust",)
    bench.act("editor", "approve")
    assert bench.stored().themes == ("change",)
    bench.fields("curator", locator="9")
    bench.act("editor", "decline", reason="Nej")
    assert (bench.working().entry["locator"], bench.working().waiting) == ("", False)


def test_what_waits_of_the_whole_is_published_with_the_original_not_with_a_translation(
    bench: Bench,
) -> None:
    bench.fields("curator", themes=["change"], source="book")
    bench.write("curator", "en", statement="Waiting.")
    bench.write("curator", "sv", statement="Väntar.")
    assert bench.act("editor", "approve", languages=("en",)).waiting
    found = bench.stored()
    assert (found.texts["en"].statement, found.themes, found.source) == (
        *("Waiting.", ("trust",), "handbook"),
    )
    assert not bench.act("editor", "approve", languages=("sv",)).waiting
    found = bench.stored()
    assert (found.texts["sv"].statement, found.themes, found.source) == (
        *("Väntar.", ("change",), "book"),
    )


def test_what_an_editor_changes_while_approving_a_translation_is_public(bench: Bench) -> None:
    bench.fields("curator", locator="9")
    bench.write("curator", "en", statement="Waiting.")
    found = bench.working()
    entry = {**found.entry, "themes": ["change"]}
    bench.save("editor", entry, found.revision, act="approve", languages=("en",))
    assert (bench.stored().themes, bench.stored().locator) == (("change",), "")


def test_nothing_is_overwritten(bench: Bench) -> None:
    mine = bench.working()
    bench.write("curator", "en", title="Theirs")
    texts = {**mine.entry["texts"], "sv": {**SWEDISH, "title": "Mitt"}}
    for role in ("editor", "curator"):
        with pytest.raises(ConflictError):
            bench.save(role, {**mine.entry, "texts": texts}, mine.revision)
    assert bench.working().entry["texts"]["en"]["title"] == "Theirs"
    assert len(bench.history()) == 2


def test_the_same_edit_sent_twice_is_one_step(bench: Bench) -> None:
    found = bench.working()
    texts = {**found.entry["texts"], "sv": {**SWEDISH, "title": "Mitt"}}
    entry = {**found.entry, "texts": texts}
    once = bench.save("curator", entry, found.revision)
    assert bench.save("curator", entry, found.revision) == once
    approved = bench.save("editor", entry, once.revision, act="approve")
    assert bench.save("editor", entry, once.revision, act="approve") == approved
    assert [step.action for step in bench.history()] == ["approve", "save", "import"]


def test_saving_nothing_new_is_no_step(bench: Bench) -> None:
    before = bench.working()
    assert bench.save("curator", before.entry, before.revision).revision == before.revision
    assert len(bench.history()) == 1


def test_a_save_while_the_working_copy_is_read_is_a_conflict(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = library.principle

    def overtaken(db: Database, slug: str) -> Principle | None:
        found = read(db, slug)
        monkeypatch.setattr(library, "principle", read)
        bench.write("editor", "sv", title="Theirs")
        return found

    monkeypatch.setattr(library, "principle", overtaken)
    found = bench.working()
    texts = {**found.entry["texts"], "sv": {**SWEDISH, "title": "Mine"}}
    with pytest.raises(ConflictError):
        bench.save("editor", {**found.entry, "texts": texts}, found.revision)
    assert bench.stored().texts["sv"].title == "Theirs"


def test_of_concurrent_saves_one_succeeds_and_the_others_conflict(bench: Bench) -> None:
    found, me = bench.working(), bench.desk.account("curator")
    heard: list[str] = []

    def save(number: int) -> None:
        texts = {**found.entry["texts"], "sv": {**SWEDISH, "title": f"Nummer {number}"}}
        with bench.installation.open() as db:
            try:
                entry = {**found.entry, "texts": texts}
                editing.save(db, Transition(me), entry, found, bench.installation.now)
                heard.append("saved")
            except ConflictError:
                heard.append("conflict")

    threads = [threading.Thread(target=save, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == ["conflict"] * 7 + ["saved"]
    assert len(bench.history()) == 2


@pytest.mark.parametrize("act", ["approve", "decline", "publish", "retire", "draft"])
def test_only_an_editor_decides(bench: Bench, act: str) -> None:
    bench.write("curator", "sv", statement="Annat.")
    for role in ("translator", "curator"):
        with pytest.raises(ForbiddenError):
            bench.act(role, act, reason="Nej")
    bench.act("editor", act, reason="Nej")


def test_a_translator_writes_their_own_languages_and_nothing_else(bench: Bench) -> None:
    assert bench.write("translator", "sv", title="Lyssna nu").waiting
    with pytest.raises(ForbiddenError):
        bench.write("translator", "en", title="No")
    for change in ({"themes": ["change"]}, {"notes": "No"}):
        with pytest.raises(ForbiddenError):
            bench.fields("translator", **change)
    with pytest.raises(ForbiddenError):
        bench.save("translator", new(), None)
    bench.write("curator", "en", title="Waiting")
    bench.act("translator", "review")
    assert len(bench.history()) == 3


def test_a_quote_needs_its_credit_before_review_not_before(bench: Bench) -> None:
    slug = bench.save("curator", new(kind="quote"), None).slug
    with pytest.raises(FormError) as refused:
        bench.act("curator", "review", slug)
    assert list(refused.value.fields) == ["source"]
    found = bench.working(slug)
    bench.save("curator", {**found.entry, "source": "book"}, found.revision, act="review")
    assert bench.states(slug)["sv"] == "review"


def test_a_new_source_comes_with_the_principle_once(bench: Bench) -> None:
    source = {"title": "Ny källa", "language": "sv", "author": "Bo Ek", "year": 1999}
    source["rights"] = "Citaträtt."
    for name in ("f1", "f2"):
        saved = bench.save("curator", new(source=""), None, source=source, form=name)
        assert bench.stored(saved.slug).source == "ny-kalla"
    with bench.installation.open() as db:
        assert library.sources(db)["ny-kalla"].texts["sv"].rights == "Citaträtt."
        assert len(library.sources(db)) == 3


def test_every_error_is_reported_at_once_and_nothing_is_saved(bench: Bench) -> None:
    texts = {"sv": {"title": "", "statement": "x" * 100_000}, "en": {"title": "a\0b"}}
    entry = new(source="nothing", themes=["nothing"], locator="a\u202eb", texts=texts)
    source = {"title": "T", "language": "sv", "url": "javascript:alert(1)", "year": "soon"}
    with pytest.raises(FormError) as refused:
        bench.save("curator", entry, None, source=source)
    told = {name: str(error) for name, error in refused.value.fields.items()}
    assert sorted(told) == [
        *("en.title", "locator", "source_url", "source_year"),
        *("sv.statement", "sv.title", "themes"),
    ]
    assert "U+202E" in told["locator"]
    assert "U+0000" in told["en.title"]
    assert "100000" in told["sv.statement"]
    with pytest.raises(FormError) as refused:
        bench.save("curator", new(source="nothing", slug=SLUG), None)
    assert sorted(refused.value.fields) == ["slug", "source"]


def test_any_step_can_be_restored_as_a_new_one(bench: Bench) -> None:
    bench.write("editor", "sv", statement="Annat.", title="Annan")
    first, found = bench.history()[-1], bench.working()
    bench.save("editor", first.entry, found.revision, act="restore")
    assert bench.stored().texts["sv"].statement == SWEDISH["statement"]
    assert [step.action for step in bench.history()] == ["restore", "save", "import"]
    assert bench.states()["sv"] == "approved"


def test_an_import_leaves_what_waits_alone(bench: Bench) -> None:
    bench.write("curator", "sv", statement="Väntar.")
    change = {"principles": [{"slug": SLUG, "locator": "4"}]}
    report = bench.installation.load({"b.json": json.dumps(change)})["principles"]
    assert report.left_alone == [SLUG]
    assert bench.working().waiting
    with bench.installation.open() as db:
        assert list(revisions.unapplied(db)) == [SLUG]


def test_what_does_not_exist_cannot_be_saved(bench: Bench) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        bench.save("editor", new(slug="nobody"), 7)
    with pytest.raises(NotFoundError, match="nobody"):
        bench.act("editor", "publish", "nobody")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Släpp in det nya", "slapp-in-det-nya"),
        ("Ångra dig; det är tillåtet!", "angra-dig-det-ar-tillatet"),
        ("Don’t be a “hero”", "dont-be-a-hero"),
        ("Œuvre ß ø", "oeuvre-ss-o"),
        ("日本", ""),
        ("x" * 70, "x" * 60),
        ("word " * 40, "-".join(["word"] * 12)),
    ],
)
def test_slugs_are_made_of_titles(title: str, slug: str) -> None:
    assert slugs.slugify(title) == slug


def test_a_form_names_one_step_only(bench: Bench) -> None:
    bench.save("curator", new(), None, form="f1")
    with bench.installation.open() as db, pytest.raises(sqlite3.IntegrityError):
        revisions.add(db, {"slug": SLUG}, bench.installation.now, origin="desk", form="f1")


@pytest.mark.parametrize("role", ["translator", "curator"])
def test_a_retired_principle_stays_unchanged_on_the_pages_of_its_editions(
    bench: Bench, role: str
) -> None:
    bench.installation.publish()
    bench.act("editor", "draft")
    before = bench.installation.client().get("/sv/2026-11-20/").text
    base = bench.working()
    texts = {**base.entry["texts"], "sv": {**SWEDISH, "statement": "Något helt annat."}}
    entry = {**base.entry, "texts": texts}
    if role == "curator":
        entry |= {"source": "book", "locator": "99"}
    assert bench.save(role, entry, base.revision).waiting
    assert bench.installation.client().get("/sv/2026-11-20/").text == before
    bench.act("editor", "approve")
    assert "Något helt annat." in bench.installation.client().get("/sv/2026-11-20/").text


def test_an_import_by_a_curator_leaves_the_pages_of_past_days_as_they_were(bench: Bench) -> None:
    bench.installation.publish()
    bench.act("editor", "draft")
    body = json.dumps({"principles": [{"slug": SLUG, "source": "book"}]}).encode()
    for role, outcome in (("curator", "pending"), ("editor", "changed")):
        me = bench.desk.account(role)
        with bench.installation.open() as db:
            number = exchange.add_upload(db, me, "a.json", body, bench.installation.now)
            plan = exchange.preview_upload(db, me, number, overwrite=True).plan
        assert [item.outcome for item in plan.items] == [outcome]
