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
from tests.door import door_of
from tests.house import WISHES, House, house, links, moved, parse

NEW = "anna@new.example"


@pytest.fixture
def home(devis: Installation) -> House:
    return house(devis)


def found(home: House, number: int = 1) -> Subscriber:
    with home.library() as (db, _):
        someone = subscribers.by_id(db, number)
    assert someone
    return someone


def link(home: House, kind: str, number: int = 1) -> str:
    """The token in a notice of that kind."""
    return notice_token(home.key, found(home, number), kind, home.now, home.now)


def ask(home: House, address: str, **wishes: str) -> None:
    with home.library() as (db, site):
        given = {**WISHES, "address": address, **wishes}
        subscriptions.sign_up(db, site, home.config, given, "/en/subscribe/", home.now)


def confirm(home: House, token: str) -> None:
    with home.library() as (db, site):
        subscriptions.confirm(db, site, home.key, token, "/subscription/", home.now)


def ask_private(home: House, token: str) -> None:
    with home.library() as (db, _):
        subscriptions.request_private_link(db, home.key, token, home.now)


@contextmanager
def sending(home: House) -> Iterator[Queue]:
    """What is to be sent, while it is being sent."""
    with home.library() as (db, site):
        yield Queue(db, site, home.config, home.key, home.clock())


def opened(envelopes: list[Envelope]) -> list[tuple[str, EmailMessage]]:
    return [(each.sender, parse(each.message)) for each in envelopes]


def test_domains_that_look_alike_are_two_people(home: House) -> None:
    """A link goes to the mailbox that was typed, never to that of somebody with a similar name."""
    home.subscribe("anna@straße.example")
    ask(home, "anna@strasse.example")
    people = home.rows("SELECT address, status FROM subscribers ORDER BY id")
    assert people == [("anna@straße.example", "active"), ("anna@strasse.example", "pending")]


def test_a_link_to_confirm_is_void_once_the_letters_go_elsewhere(home: House) -> None:
    ask(home, "anna@example.org")
    token = link(home, "confirm")
    confirm(home, token)
    moved(home, NEW)
    with home.library() as (db, _), transaction(db):
        subscribers.suspend(db, 1, home.now)
    with pytest.raises(LinkError):
        confirm(home, token)
    assert found(home).status == "suspended"


def test_a_notice_that_waits_goes_to_nobody_else_and_to_nobody_who_is_gone(home: House) -> None:
    """Each is fetched with its address; meanwhile one moves, and one is erased."""
    for token in [home.subscribe(f"{name}@example.org") for name in ("anna", "bo", "cy", "dan")]:
        ask_private(home, token)
    with sending(home) as queue:
        first = next(queue)
        moved(home, "bo@new.example", 2)
        with home.library() as (db, _):
            subscriptions.erase(db, home.key, link(home, "private", 3), home.now)
        rest = list(queue)
    went = [(each.recipient, str(parse(each.message)["Subject"])) for each in rest]
    private = str(parse(first.message)["Subject"])
    assert [to for to, subject in went if subject == private] == ["dan@example.org"]
    assert first.recipient == "anna@example.org"
    assert {to for to, _ in went} >= {"bo@example.org"}  # is told that the letters have moved


def test_the_envelope_of_a_notice_says_nothing_of_its_link(devis: Installation) -> None:
    """Every server on the way writes it down."""
    home = house(devis, bounce_address="bounces@example.org")
    ask(home, "anna@example.org")
    with sending(home) as queue:
        ((sender, notice),) = opened(list(queue))
    assert sender == "bounces@example.org"
    (token,) = {part for each in links(notice) for part in each.split("/") if tokens.read(part)}
    confirm(home, token)


def test_the_envelope_of_a_letter_opens_nothing(devis: Installation) -> None:
    """It names its reader, for what comes back; every server on the way writes it down."""
    home = house(devis, bounce_address="bounces@example.org")
    letter = home.subscribe("anna@example.org")
    home.at("2026-11-23T07:00:05+01:00").begin()
    with sending(home) as queue:
        ((sender, message),) = opened(list(queue))
    token = sender.removeprefix("bounces+").removesuffix("@example.org")
    assert tokens.read(token)
    assert token not in message.as_string()
    assert any(f"/subscription/{letter}/" in each for each in links(message))
    with home.library() as (db, site):
        for act in (
            subscriptions.find_recipient,
            subscriptions.find_subscriber,
            subscriptions.find_owner,
        ):
            with pytest.raises(LinkError):
                act(db, home.key, token, home.now)
        with pytest.raises(LinkError):
            subscriptions.unsubscribe(db, site, home.key, token, "letter", home.now)


@pytest.mark.parametrize("status", ["active", "left", "suspended"])
def test_a_letter_to_an_earlier_address_is_good_for_leaving_only(
    devis: Installation, status: str
) -> None:
    """For whoever reads there now."""
    door = door_of(devis)
    anna = door.person("known")
    old = door.link(anna, "letter")
    moved(door.house, NEW)
    new = door.link(NEW, "letter")
    with door.house.library() as (db, _), transaction(db):
        subscribers.change(db, 1, status=status)
    for path in ("/", "/resume", "/private"):
        assert door.post(old + path, WISHES).status_code == 404
        assert found(door.house).status == status
    assert door.get(old + "/").status_code == 404
    for page in (door.get(old + "/unsubscribe"), door.post(old + "/unsubscribe")):
        assert page.status_code == 200
        assert "new.example" not in page.text
        assert new not in page.text
        main = page.text.partition("<main")[2].partition("</main")[0]
        leads_to = set(re.findall(r'(?:href|action)="([^"]+)"', main))
        assert leads_to <= {old + "/unsubscribe"}
    assert found(door.house).status == "left"
    assert door.post(new + "/resume").status_code == 303
    assert found(door.house).status == "active"


def restored(home: House, backup: Path, name: str) -> House:
    """The house again, from a backup, in a place of its own."""
    place = home.config.instance / name / "devis.sqlite3"
    config = replace(home.config, database=place)
    backups.restore(config, backup)
    return House(config, home.now)


@pytest.mark.parametrize("known", [0, 1])
def test_after_a_restore_no_link_of_a_lost_day_opens_what_is_a_newcomers(
    home: House, known: int
) -> None:
    """Whether anybody had subscribed before the backup or not; old links go on working."""
    signing_key.key(home.config)
    kept = [home.subscribe(f"kept{number}@example.org") for number in range(known)]
    backup = backups.make(home.config, home.now).path
    lost = [home.subscribe(f"lost{number}@example.org") for number in range(3)]
    tokens_given = []
    for name in ("once", "twice"):
        again = restored(home, backup, name)
        tokens_given += [again.subscribe(f"new{number}@example.org") for number in range(3)]
        with again.library() as (db, _):
            for token in lost:
                with pytest.raises(LinkError):
                    subscriptions.find_subscriber(db, again.key, token, again.now)
            for token in kept:
                subscriptions.find_subscriber(db, again.key, token, again.now)
    assert len({*tokens_given, *lost, *kept}) == 9 + known
    ((notice,),) = home.rows("SELECT seq FROM sqlite_sequence WHERE name = 'notices'")
    ask(again, "last@example.org")
    assert again.rows("SELECT id > ? FROM notices", notice + 1000) == [(1,)]
