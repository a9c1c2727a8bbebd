"""A link works for the mailbox that it was written to, and for nobody who comes after."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from feed.digests.queue import Queue
from feed.errors import LinkError
from feed.model import Subscriber, tokens
from feed.smtp import Envelope
from feed.store import backups, signing_key, subscribers
from feed.store.connection import transaction
from feed.subscribers import subscriptions
from feed.subscribers.links import notice_token
from tests.conftest import Installation
from tests.mail_harness import PREFERENCES, MailHarness, links, mail_harness, move_address, parse
from tests.site_client import site_client

NEW = "anna@new.example"


@pytest.fixture
def harness(devis: Installation) -> MailHarness:
    return mail_harness(devis)


def found(harness: MailHarness, number: int = 1) -> Subscriber:
    with harness.open() as (db, _):
        someone = subscribers.by_id(db, number)
    assert someone
    return someone


def link(harness: MailHarness, kind: str, number: int = 1) -> str:
    """The token in a notice of that kind."""
    return notice_token(harness.key, found(harness, number), kind, harness.now, harness.now)


def ask(harness: MailHarness, address: str, **preferences: str) -> None:
    with harness.open() as (db, site):
        given = {**PREFERENCES, "address": address, **preferences}
        subscriptions.sign_up(db, site, harness.config, given, "/en/subscribe/", harness.now)


def confirm(harness: MailHarness, token: str) -> None:
    with harness.open() as (db, site):
        subscriptions.confirm(db, site, harness.key, token, "/subscription/", harness.now)


def ask_private(harness: MailHarness, token: str) -> None:
    with harness.open() as (db, _):
        subscriptions.request_private_link(db, harness.key, token, harness.now)


@contextmanager
def sending(harness: MailHarness) -> Iterator[Queue]:
    """What is to be sent, while it is being sent."""
    with harness.open() as (db, site):
        yield Queue(db, site, harness.config, harness.key, harness.clock())


def opened(envelopes: list[Envelope]) -> list[tuple[str, EmailMessage]]:
    return [(each.sender, parse(each.message)) for each in envelopes]


def test_domains_that_look_alike_are_two_people(harness: MailHarness) -> None:
    """A link goes to the mailbox that was typed, never to a similar one."""
    harness.subscribe("anna@straße.example")
    ask(harness, "anna@strasse.example")
    people = harness.rows("SELECT address, status FROM subscribers ORDER BY id")
    assert people == [("anna@straße.example", "active"), ("anna@strasse.example", "pending")]


def test_a_confirmation_link_is_void_after_a_change_of_address(harness: MailHarness) -> None:
    ask(harness, "anna@example.org")
    token = link(harness, "confirm")
    confirm(harness, token)
    move_address(harness, NEW)
    with harness.open() as (db, _), transaction(db):
        subscribers.suspend(db, 1, harness.now)
    with pytest.raises(LinkError):
        confirm(harness, token)
    assert found(harness).status == "suspended"


def test_a_notice_that_waits_goes_to_the_present_address_and_to_nobody_who_is_gone(
    harness: MailHarness,
) -> None:
    """All are claimed together; meanwhile one subscriber moves, and one is erased."""
    for token in [harness.subscribe(f"{name}@example.org") for name in ("anna", "bo", "cy", "dan")]:
        ask_private(harness, token)
    with sending(harness) as queue:
        first = next(queue)
        move_address(harness, "bo@new.example", 2)
        with harness.open() as (db, _):
            subscriptions.erase(db, harness.key, link(harness, "private", 3), harness.now)
        rest = list(queue)
    went = [(each.recipient, str(parse(each.message)["Subject"])) for each in rest]
    private = str(parse(first.message)["Subject"])
    assert [to for to, subject in went if subject == private] == [
        "bo@new.example",
        "dan@example.org",
    ]
    assert first.recipient == "anna@example.org"
    assert {to for to, _ in went} >= {"bo@example.org"}  # is told that the letters have moved


def test_the_envelope_of_a_notice_says_nothing_of_its_link(devis: Installation) -> None:
    """Every server on the way writes it down."""
    harness = mail_harness(devis, bounce_address="bounces@example.org")
    ask(harness, "anna@example.org")
    with sending(harness) as queue:
        ((sender, notice),) = opened(list(queue))
    assert sender == "bounces@example.org"
    (token,) = {part for each in links(notice) for part in each.split("/") if tokens.read(part)}
    confirm(harness, token)


def test_the_envelope_token_of_a_digest_opens_nothing(devis: Installation) -> None:
    """It names its reader, for what comes back; every server on the way writes it down."""
    harness = mail_harness(devis, bounce_address="bounces@example.org")
    letter = harness.subscribe("anna@example.org")
    harness.at("2026-11-23T07:00:05+01:00").start_due_runs()
    with sending(harness) as queue:
        ((sender, message),) = opened(list(queue))
    token = sender.removeprefix("bounces+").removesuffix("@example.org")
    assert tokens.read(token)
    assert token not in message.as_string()
    assert any(f"/subscription/{letter}/" in each for each in links(message))
    with harness.open() as (db, site):
        for act in (
            subscriptions.find_recipient,
            subscriptions.find_subscriber,
            subscriptions.find_owner,
        ):
            with pytest.raises(LinkError):
                act(db, harness.key, token, harness.now)
        with pytest.raises(LinkError):
            subscriptions.unsubscribe(db, site, harness.key, token, "letter", harness.now)


@pytest.mark.parametrize("status", ["active", "left", "suspended"])
def test_a_digest_to_an_earlier_address_only_unsubscribes(devis: Installation, status: str) -> None:
    """That mailbox may have a new owner."""
    client = site_client(devis)
    anna = client.make_subscriber("known")
    old = client.link(anna, "letter")
    move_address(client.harness, NEW)
    new = client.link(NEW, "letter")
    with client.harness.open() as (db, _), transaction(db):
        subscribers.change(db, 1, status=status)
    for path in ("/", "/resume", "/private"):
        assert client.post(old + path, PREFERENCES).status_code == 404
        assert found(client.harness).status == status
    assert client.get(old + "/").status_code == 404
    for page in (client.get(old + "/unsubscribe"), client.post(old + "/unsubscribe")):
        assert page.status_code == 200
        assert "new.example" not in page.text
        assert new not in page.text
        main = page.text.partition("<main")[2].partition("</main")[0]
        leads_to = set(re.findall(r'(?:href|action)="([^"]+)"', main))
        assert leads_to <= {old + "/unsubscribe"}
    assert found(client.harness).status == "left"
    assert client.post(new + "/resume").status_code == 303
    assert found(client.harness).status == "active"


def restored(harness: MailHarness, backup: Path, name: str) -> MailHarness:
    """The installation restored from a backup, in another folder."""
    place = harness.config.instance / name / "devis.sqlite3"
    config = replace(harness.config, database=place)
    backups.restore(config, backup)
    return MailHarness(config, harness.now)


@pytest.mark.parametrize("known", [0, 1])
def test_after_a_restore_no_link_of_a_lost_day_opens_what_is_a_newcomers(
    harness: MailHarness, known: int
) -> None:
    """With and without subscribers before the backup; older links still work."""
    signing_key.key(harness.config)
    kept = [harness.subscribe(f"kept{number}@example.org") for number in range(known)]
    backup = backups.make(harness.config, harness.now).path
    lost = [harness.subscribe(f"lost{number}@example.org") for number in range(3)]
    tokens_given = []
    for name in ("once", "twice"):
        again = restored(harness, backup, name)
        tokens_given += [again.subscribe(f"new{number}@example.org") for number in range(3)]
        with again.open() as (db, _):
            for token in lost:
                with pytest.raises(LinkError):
                    subscriptions.find_subscriber(db, again.key, token, again.now)
            for token in kept:
                subscriptions.find_subscriber(db, again.key, token, again.now)
    assert len({*tokens_given, *lost, *kept}) == 9 + known
    ((notice,),) = harness.rows("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
    ask(again, "last@example.org")
    assert again.rows("SELECT id > ? FROM outbox", notice + 1000) == [(1,)]
