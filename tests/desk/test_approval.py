"""Approvals show what they publish, and what the page of a principle says after an act is true."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import html5lib
import pytest

from feed.errors import UnconfirmedError
from feed.library import bulk, editing
from feed.library.workflow import Transition
from tests.conftest import NOON, Installation
from tests.desk.test_principle_form import desk_of
from tests.desk_client import Desk, DeskUser
from tests.library.test_editing import ENGLISH, SLUG, SWEDISH

Install = Callable[..., Installation]
PATH = f"/desk/principles/{SLUG}/"
REVIEW = f"{PATH}review"
REWRITTEN = {**SWEDISH, "statement": "Fråga hellre än att lyssna."}
TRANSLATED = {**ENGLISH, "statement": "Listen, and you learn."}


@pytest.fixture
def desk(install: Install) -> Desk:
    return desk_of(install())


def save(desk: Desk, role: str, act: Any = "save", *, minor: bool = False, **texts: Any) -> None:
    """Save some texts of the principle, a minute after the last act."""
    desk.installation.now += timedelta(minutes=1)
    with desk.installation.open() as db:
        old = editing.working(db, SLUG)
        entry = {**old.entry, "texts": {**old.entry["texts"], **texts}}
        step = Transition(desk.account(role), act, minor=minor)
        editing.save(db, step, entry, old, desk.installation.now)


def reviewed_before_the_original_was_rewritten(desk: Desk) -> None:
    save(desk, "curator", en=TRANSLATED)
    save(desk, "editor", sv=REWRITTEN)


def form(user: DeskUser, path: str = REVIEW) -> dict[str, str]:
    page = user.get(path)
    found = re.search(r'name="base" value="(\d+)"', page.text)
    assert found, page.text
    return {"base": found[1]}


def said(user: DeskUser, location: str) -> str:
    """What the page says after an act."""
    found = re.search(r'class="said" role="status"><p>(.*?)(?: <a|</p>)', user.get(location).text)
    assert found
    return html.unescape(found[1])


def public(desk: Desk, code: str) -> str:
    return desk.installation.client().get(f"/{code}/principles/{SLUG}/").text


def test_a_review_shows_all_that_it_publishes_with_the_other_language_beside_it(
    desk: Desk,
) -> None:
    save(desk, "curator", sv={**REWRITTEN, "practice": "Ställ en fråga."})
    editor = desk.sign_in("editor")
    page = editor.get(REVIEW)
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert re.search(r"<del>.*?lyssnar.*?</del>", page.text)
    assert "Ställ en fråga." in page.text
    assert ENGLISH["statement"] in page.text
    assert "confirmed" not in page.text
    answer = editor.post(REVIEW, {**form(editor), "act": "approve"})
    assert said(editor, answer.location) == (
        "Approved. Readers see it as it is here. The original has changed, so the"
        " translation needs checking (English)."
    )
    assert "Ställ en fråga." in public(desk, "sv")
    for role in ("translator", "curator"):
        assert desk.sign_in(role).get(REVIEW).status_code == 403


def test_a_translation_reviewed_before_its_original_changed_is_approved_when_confirmed(
    desk: Desk,
) -> None:
    reviewed_before_the_original_was_rewritten(desk)
    editor = desk.sign_in("editor")
    page = editor.get(REVIEW).text
    assert "The original has changed since the translation into English was reviewed" in page
    assert "Curator Åström sent the translation for review" in page
    assert re.search(r"</span>Fråga<span[^>]*>[^<]*</span></ins>", page)
    refused = editor.post(REVIEW, {**form(editor), "act": "approve"})
    assert refused.status_code == 422
    assert "tick that the translation still fits" in refused.text
    assert TRANSLATED["statement"] not in public(desk, "en")
    given = {**form(editor), "act": "approve", "confirmed": "1"}
    assert editor.post(REVIEW, given).status_code == 303
    assert TRANSLATED["statement"] in public(desk, "en")


def test_the_buttons_of_the_form_lead_to_the_review_and_keep_what_was_typed(desk: Desk) -> None:
    reviewed_before_the_original_was_rewritten(desk)
    editor = desk.sign_in("editor")
    with desk.installation.open() as db:
        revision = editing.working(db, SLUG).revision
    given = {"base": str(revision), "sv.reflection": "Vad hör du?", "act": "approve"}
    answer = editor.post(PATH, given)
    assert answer.location == f"{REVIEW}?saved=1"
    page = editor.get(answer.location).text
    assert "Saved, but not approved" in page
    assert "Vad hör du?" in page
    assert "Vad hör du?" in public(desk, "sv")
    assert TRANSLATED["statement"] not in public(desk, "en")


def test_minor_edits_and_edits_of_the_translation_itself_need_no_confirmation(desk: Desk) -> None:
    save(desk, "curator", en=TRANSLATED)
    save(desk, "editor", minor=True, sv=REWRITTEN)
    save(desk, "editor", "approve")
    save(desk, "curator", en=ENGLISH)
    save(desk, "editor", sv=SWEDISH)
    save(desk, "curator", en={**TRANSLATED, "title": "Listen"})
    save(desk, "editor", "approve")
    save(desk, "curator", en=ENGLISH)
    save(desk, "editor", sv=REWRITTEN)
    with pytest.raises(UnconfirmedError):
        save(desk, "editor", "approve")
    save(desk, "editor", "approve", en=TRANSLATED)
    assert TRANSLATED["statement"] in public(desk, "en")


def test_a_bulk_approval_refuses_what_needs_confirmation(desk: Desk) -> None:
    reviewed_before_the_original_was_rewritten(desk)
    with desk.installation.open() as db:
        action = bulk.BulkAction("approve")
        (outcome,) = bulk.dry_run(db, desk.account("editor"), [SLUG], action, NOON)
    assert outcome.outcome == "refused"
    assert "Open its review" in str(outcome.why[0])


def test_a_review_of_what_was_saved_meanwhile_is_shown_again(desk: Desk) -> None:
    save(desk, "curator", sv=REWRITTEN)
    editor = desk.sign_in("editor")
    seen = form(editor)
    save(desk, "curator", sv={**REWRITTEN, "title": "Något annat"})
    page = editor.post(REVIEW, {**seen, "act": "approve"})
    assert page.status_code == 409
    assert "Något annat" in page.text
    assert "Något annat" not in public(desk, "sv")


def test_a_review_sends_back_with_a_reason(desk: Desk) -> None:
    save(desk, "curator", sv=REWRITTEN)
    editor = desk.sign_in("editor")
    assert editor.post(REVIEW, {**form(editor), "act": "decline"}).status_code == 422
    given = {**form(editor), "act": "decline", "reason": "Mer konkret."}
    answer = editor.post(REVIEW, given)
    assert said(editor, answer.location) == (
        "Sent back. Readers see it as it is here (English). The change is a draft; readers see"
        " what they saw before (Swedish)."
    )


def test_what_is_taken_off_the_site_is_not_said_to_be_on_it(desk: Desk) -> None:
    """With a translation that waits, and with an edition today."""
    save(desk, "curator", en=TRANSLATED)
    editor = desk.sign_in("editor")
    answer = editor.post(f"{PATH}draft")
    assert desk.installation.client().get(f"/sv/principles/{SLUG}/").status_code == 404
    assert said(editor, answer.location) == (
        "Taken off the site. Its page is gone, and no new day will show it. It is still shown"
        " today. If it has to go, replace it in the calendar."
        " It is waiting for an editor (English)."
    )


def test_what_is_said_after_saving_is_what_readers_see(desk: Desk) -> None:
    curator, editor = desk.sign_in("curator"), desk.sign_in("editor")
    save(desk, "curator", sv=REWRITTEN)
    assert said(curator, f"{PATH}?done=save") == (
        "Saved. Readers see it as it is here (English). Until an editor approves, readers see"
        " what they saw before (Swedish)."
    )
    assert "Review it" not in curator.get(f"{PATH}?done=save").text
    assert f'href="{REVIEW}"' in editor.get(f"{PATH}?done=save").text
    answer = editor.post(f"{PATH}retire")
    assert said(editor, answer.location) == (
        "Retired. It keeps its page and its past days, and isn’t chosen for new ones. Readers see"
        " it as it is here (English). Until an editor approves, readers see what they saw"
        " before (Swedish)."
    )
