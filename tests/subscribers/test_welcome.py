"""The welcome e-mail: once, right after confirming, with today's principle and what comes when."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest

from feed import editions
from feed.errors import LinkError
from feed.model import email_addresses
from feed.store import subscribers
from feed.subscribers import links, subscriptions
from tests.conftest import Installation
from tests.mail_harness import PREFERENCES, MailHarness, mail_harness

ANNA = "anna@example.org"


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis)


def sign_up(harness: MailHarness, **preferences: str) -> str:
    """Ask for e-mails; the token of the link to confirm."""
    with harness.open() as (db, site):
        given = {"address": ANNA, **PREFERENCES, **preferences}
        subscriptions.sign_up(db, site, harness.config, given, "/en/subscribe/", harness.now)
        found = subscribers.by_identity(db, email_addresses.identity(ANNA))
        assert found
        asked = subscribers.proposed(db, found)
    return links.notice_token(harness.key, asked, "confirm", harness.now, harness.now)


def confirm(harness: MailHarness, token: str) -> None:
    with harness.open() as (db, site):
        subscriptions.confirm(db, site, harness.key, token, "/subscription/", harness.now)


def text(message: EmailMessage) -> str:
    """The plain text on one line."""
    body = message.get_body(("plain",))
    assert body
    return " ".join(str(body.get_content()).split())


def letter_token(harness: MailHarness, message: EmailMessage) -> str:
    """The token of the link to unsubscribe in its header."""
    found = re.search(r"/subscription/(\w+)/unsubscribe", message["List-Unsubscribe"])
    assert found
    return found[1]


def test_whoever_confirms_is_welcomed_with_the_principle_and_what_comes_when(
    harness: MailHarness,
) -> None:
    token = sign_up(harness, language="sv", timezone="America/New_York")
    (asked,) = harness.new_messages()
    assert "Klockan 07:00 (New York, USA)".lower() in text(asked).lower()
    confirm(harness, token)
    (welcome,) = harness.new_messages()
    with harness.open() as (db, site):
        today = editions.today(db, site, harness.now)
        assert today
    assert welcome["To"] == ANNA
    assert welcome["Subject"] == "Välkommen till Devis"
    assert welcome["Content-Language"] == "sv"
    assert today.showing.text("sv").statement in text(welcome)
    assert "Varje dag klockan 07:00 (New York, USA), på svenska" in text(welcome)
    assert "Det första mejlet kommer söndag 22 november 2026 klockan 07:00." in text(welcome)
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    with harness.open() as (db, site):
        leave = letter_token(harness, welcome)
        subscriptions.unsubscribe(db, site, harness.key, leave, "letter", harness.now)
    assert harness.rows("SELECT status FROM subscribers") == [("left",)]


def test_it_comes_once_however_often_and_from_wherever_the_link_is_followed(
    harness: MailHarness,
) -> None:
    token = sign_up(harness)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: confirm(harness, token), range(8)))
    assert [each["Subject"] for each in harness.new_messages()].count("Welcome to Devis") == 1
    confirm(harness, token)
    assert harness.new_messages() == []


def test_a_change_or_a_new_start_is_no_reason_for_a_welcome(harness: MailHarness) -> None:
    token = harness.subscribe(ANNA)
    harness.change(token, hour="9", language="sv")
    harness.unsubscribe(token)
    with harness.open() as (db, site):
        subscriptions.resume(db, site, harness.key, token, "/subscription/", harness.now)
    sign_up(harness)  # a subscriber hears that they are one
    assert [each["Subject"] for each in harness.new_messages()] == ["Du får redan mejl från Devis"]


def test_who_has_left_before_it_is_sent_gets_none(harness: MailHarness) -> None:
    confirm(harness, sign_up(harness))
    with harness.open() as (db, _):
        found = subscribers.by_identity(db, email_addresses.identity(ANNA))
        assert found
    harness.unsubscribe(links.digest_token(harness.key, found))
    assert "Welcome to Devis" not in [each["Subject"] for each in harness.new_messages()]
    with pytest.raises(LinkError):
        confirm(harness, sign_up(harness) + "x")


def test_without_an_edition_it_says_what_comes_when(harness: MailHarness) -> None:
    with harness.open() as (db, _):
        db.execute("UPDATE editions SET withdrawn = published, reason = 'test'")
    confirm(harness, sign_up(harness))
    welcome = harness.new_messages()[-1]
    assert welcome["Subject"] == "Welcome to Devis"
    assert "Your first email comes on Monday 23 November 2026 at 07:00." in text(welcome)
    assert "To do today" not in text(welcome)


def test_the_page_after_confirming_shows_todays_principle(
    harness: MailHarness, devis: Installation
) -> None:
    path = f"/subscription/{sign_up(harness, language='sv')}/confirm"
    with harness.open() as (db, site):
        today = editions.today(db, site, harness.now)
        assert today
    words = today.showing.text("sv")
    before = html.unescape(devis.client().get(path).text)
    assert words.title not in before
    assert devis.client().post(path).status_code == 303
    page = html.unescape(devis.client().get(path).text)
    for part in (words.title, words.statement, words.reflection, words.practice):
        assert part in page
    assert page.index("Nu prenumererar du") < page.index(words.title)
    assert '<h2><a href="/sv/2026-11-22/">' in page
