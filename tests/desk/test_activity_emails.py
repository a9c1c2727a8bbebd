"""Emails about the desk: what is asked of its people, and what became of their texts."""

import json
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from feed.accounts import people
from feed.library import bulk, editing, undo
from feed.library.workflow import Transition
from feed.model.people import Curator
from feed.store import outbox
from tests.conftest import NOON, Installation
from tests.desk_client import Desk
from tests.library.test_editing import LIBRARY
from tests.mail_harness import MailHarness, mail_harness

Install = Callable[..., Installation]
TEN = timedelta(minutes=10)
NEW = {
    "kind": "principle",
    "source": "handbook",
    "original_language": "sv",
    "texts": {"sv": {"title": "Fråga den nya", "statement": "Den som är ny ser mer."}},
}


class Newsroom:
    """A desk, its people and their emails; each act happens a minute after the last."""

    def __init__(self, installation: Installation) -> None:
        self.desk = Desk(installation)
        self.mail: MailHarness = mail_harness(installation)
        self.now = NOON

    def person(self, role: str, name: str, language: str = "en") -> Curator:
        found = self.desk.account(role, f"{name} Ek")
        with self.desk.installation.open() as db:
            people.set_language(db, found, language)
            return people.get(db, found.id)

    def save(self, person: Curator, slug: str = "", act: Any = "save", **texts: Any) -> str:
        """Save a principle, a new one without a slug; returns its slug."""
        self.now += timedelta(minutes=1)
        with self.desk.installation.open() as db:
            old = editing.working(db, slug) if slug else None
            entry = {**old.entry, "texts": {**old.entry["texts"], **texts}} if old else NEW
            return editing.save(db, Transition(person, act), entry, old, self.now).slug

    def act(self, person: Curator, slug: str, act: Any, reason: str = "") -> None:
        self.now += timedelta(minutes=1)
        with self.desk.installation.open() as db:
            editing.act(db, Transition(person, act, reason=reason), slug, self.now)

    def emails(self, after: timedelta = TEN) -> list[EmailMessage]:
        """The emails that are sent a while later, by recipient."""
        self.now += after
        found = self.mail.new_messages(self.now.isoformat())
        return sorted(found, key=lambda each: str(each["To"]))


@pytest.fixture
def newsroom(install: Install) -> Newsroom:
    installation = install()
    installation.load({"a.json": json.dumps(LIBRARY)})
    return Newsroom(installation)


def summary(emails: list[EmailMessage]) -> list[tuple[str, str]]:
    """The recipients and subjects."""
    return [(str(each["To"]).partition("@")[0], str(each["Subject"])) for each in emails]


def text(email: EmailMessage) -> str:
    """The text part on one line."""
    body = email.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def test_from_the_writer_to_the_site_everybody_hears_what_waits_for_them_and_what_became(
    newsroom: Newsroom,
) -> None:
    karin = newsroom.person("curator", "Karin", "sv")
    erik, elsa = newsroom.person("editor", "Erik"), newsroom.person("editor", "Elsa", "sv")
    newsroom.person("translator", "Tove", "sv")  # into Swedish, which is the original here
    slug = newsroom.save(karin)
    assert newsroom.emails() == []

    newsroom.act(karin, slug, "review")
    assert newsroom.emails(timedelta(minutes=9)) == []
    asked = newsroom.emails(timedelta(minutes=1))
    assert summary(asked) == [
        ("elsa", "Att granska: ”Fråga den nya”"),
        ("erik", "To review: “Fråga den nya”"),
    ]
    assert "Karin Ek vill att du granskar ”Fråga den nya” (svenska)." in text(asked[0])
    assert "Läsarna ser den inte än." in text(asked[0])
    assert "Karin Ek asks you to review “Fråga den nya” (Swedish)." in text(asked[1])
    assert "http://127.0.0.1:8000/desk/principles/fraga-den-nya/review" in text(asked[1])

    newsroom.act(erik, slug, "decline", "Mer <b>konkret</b>, tack.")
    (declined,) = newsroom.emails()
    assert summary([declined]) == [("karin", "Skickat tillbaka: ”Fråga den nya”")]
    assert "Erik Ek har skickat tillbaka ”Fråga den nya” (svenska)" in text(declined)
    assert "Mer <b>konkret</b>, tack." in text(declined)
    html = declined.get_body(("html",))
    assert html is not None
    assert "Mer &lt;b&gt;konkret&lt;/b&gt;, tack." in html.get_content()

    newsroom.save(karin, slug, sv={"title": "Fråga den nya", "statement": "Fråga i dag."})
    newsroom.act(karin, slug, "review")
    assert [to for to, _ in summary(newsroom.emails())] == ["elsa", "erik"]
    newsroom.act(elsa, slug, "approve")
    (approved,) = newsroom.emails()
    assert summary([approved]) == [("karin", "Godkänt: ”Fråga den nya”")]
    assert "Läsarna ser den inte än." in text(approved)
    newsroom.act(elsa, slug, "publish")
    (published,) = newsroom.emails()
    assert summary([published]) == [("karin", "Publicerat: ”Fråga den nya”")]
    assert "Elsa Ek har publicerat ”Fråga den nya”. Läsarna ser den nu." in text(published)


def test_translators_hear_of_new_and_of_changed_originals_in_their_own_languages(
    newsroom: Newsroom,
) -> None:
    desk = newsroom.desk
    tove, tom = desk.account("translator", "Tove Ek", "en"), desk.account("translator", "Tom", "sv")
    erik = newsroom.person("editor", "Erik")
    slug = newsroom.save(erik, act="publish")
    (asked,) = newsroom.emails()
    assert summary([asked]) == [("tove", "To translate: “Fråga den nya”")]
    assert "please translate it into English" in text(asked)
    english = {"title": "Ask the new one", "statement": "Who is new sees more."}
    newsroom.save(tove, slug, "review", en=english)
    newsroom.act(erik, slug, "approve")
    (approved,) = newsroom.emails()
    assert summary([approved]) == [("tove", "Approved: “Ask the new one”")]
    newsroom.save(erik, slug, sv={"title": "Fråga den nya", "statement": "Den nya ser annat."})
    (outdated,) = newsroom.emails()
    assert summary([outdated]) == [("tove", "Translation to update: “Ask the new one”")]
    assert tom.languages == ("sv",)


def test_what_happens_within_ten_minutes_goes_into_one_email(newsroom: Newsroom) -> None:
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik", "sv")
    slugs = [newsroom.save(karin) for _ in range(3)]
    for slug in slugs:
        newsroom.act(karin, slug, "review")  # within three minutes
    (first,) = newsroom.emails()
    assert first["Subject"] == "Att granska: ”Fråga den nya” och 2 saker till"
    assert all(f"/desk/principles/{slug}/" in text(first) for slug in slugs)
    for slug in slugs:
        newsroom.act(erik, slug, "decline", f"Skriv om {slug}.")
    (second,) = newsroom.emails()
    assert second["Subject"] == "Sent back: “Fråga den nya”, and 2 more"
    assert newsroom.emails() == []


def test_an_email_lists_twenty_things_and_counts_the_others(newsroom: Newsroom) -> None:
    karin = newsroom.person("curator", "Karin")
    newsroom.person("editor", "Erik")
    for _ in range(22):
        newsroom.now -= timedelta(minutes=1)  # all of them in the same minute
        newsroom.save(karin, act="review")
    (email,) = newsroom.emails()
    assert email["Subject"] == "To review: “Fråga den nya”, and 21 more"
    assert text(email).count("Karin Ek asks you") == 20
    assert "2 more things have happened. You can see them at the desk." in text(email)


def test_what_was_done_meanwhile_is_not_asked_any_more(newsroom: Newsroom) -> None:
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik")
    newsroom.person("editor", "Elsa")
    slug = newsroom.save(karin, act="review")
    newsroom.act(erik, slug, "approve")
    assert summary(newsroom.emails()) == [("karin", "Approved: “Fråga den nya”")]


def test_what_was_sent_back_and_sent_again_meanwhile_is_only_asked(newsroom: Newsroom) -> None:
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik")
    slug = newsroom.save(karin, act="review")
    newsroom.act(erik, slug, "decline", "Too long.")
    newsroom.act(karin, slug, "review")
    assert summary(newsroom.emails()) == [("erik", "To review: “Fråga den nya”")]


def test_nobody_is_told_who_may_not_act_who_left_or_who_has_turned_the_emails_off(
    newsroom: Newsroom,
) -> None:
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik")
    elsa, olle = newsroom.person("editor", "Elsa"), newsroom.person("editor", "Olle")
    newsroom.person("curator", "Klas")
    page = newsroom.desk.sign_in("editor", "Erik Ek")
    assert page.post("/desk/account/emails").status_code == 303
    newsroom.save(karin, act="review")
    with newsroom.desk.installation.open() as db:  # after they were to be told
        people.disable(db, elsa.id, newsroom.now)
        people.change(db, olle.id, {"role": "curator"}, ("sv", "en"))
    assert newsroom.emails() == []
    assert page.post("/desk/account/emails", {"wanted": "1"}).status_code == 303
    newsroom.save(karin, act="review")
    assert summary(newsroom.emails()) == [("erik", "To review: “Fråga den nya”")]
    newsroom.save(erik, act="review")
    assert newsroom.emails() == []


def test_a_crash_between_claim_and_settle_tells_nobody_twice(newsroom: Newsroom) -> None:
    karin = newsroom.person("curator", "Karin")
    newsroom.person("editor", "Erik")
    slug = newsroom.save(karin, act="review")
    later = newsroom.now + TEN
    with newsroom.desk.installation.open() as db:
        (claimed,) = outbox.claim(db, "desk", later)
        assert claimed.kind == "activity"  # and the process ends; the next one makes it due again
        outbox.release_mail(db, later)
    newsroom.now = later
    other = newsroom.save(karin, act="review")
    (first,) = newsroom.emails(timedelta(seconds=1))
    assert f"/{slug}/" in text(first)
    assert f"/{other}/" not in text(first)
    (second,) = newsroom.emails()
    assert f"/{slug}/" not in text(second)
    assert f"/{other}/" in text(second)
    assert newsroom.emails() == []


def test_what_was_undone_is_told_to_nobody_and_what_is_decided_then_is(newsroom: Newsroom) -> None:
    karin, tove = newsroom.person("curator", "Karin"), newsroom.person("translator", "Tove")
    erik = newsroom.person("editor", "Erik")
    with newsroom.desk.installation.open() as db:
        people.change(db, tove.id, {"role": "translator", "languages": "en"}, ("sv", "en"))
    slug = newsroom.save(karin, act="review")
    newsroom.emails()

    def undone(act: Any) -> None:
        step = Transition(erik, act)
        newsroom.now += timedelta(minutes=1)
        with newsroom.desk.installation.open() as db:
            _, number = undo.recorded(
                *(db, erik, "editor", [slug]),
                *(lambda: editing.act(db, step, slug, newsroom.now), "", newsroom.now),
            )
            undo.undo(db, erik, number, newsroom.now)

    for act in ("publish", "approve"):
        undone(act)
        assert newsroom.emails() == []
        newsroom.act(erik, slug, "decline", "Kortare, tack.")
        assert summary(newsroom.emails()) == [("karin", "Sent back: “Fråga den nya”")]
        newsroom.act(karin, slug, "review")
        newsroom.emails()
    undone("publish")
    newsroom.act(erik, slug, "publish")
    assert summary(newsroom.emails()) == [
        ("karin", "Published: “Fråga den nya”"),
        ("tove", "To translate: “Fråga den nya”"),
    ]


def test_a_dry_run_of_a_bulk_action_tells_nobody(newsroom: Newsroom) -> None:
    karin, erik = newsroom.person("curator", "Karin"), newsroom.person("editor", "Erik")
    slug = newsroom.save(karin, act="review")
    newsroom.emails()
    with newsroom.desk.installation.open() as db:
        bulk.dry_run(db, erik, [slug], bulk.BulkAction("approve"), newsroom.now)
    assert newsroom.emails() == []
