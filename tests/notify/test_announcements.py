"""Notifications: WebSub pings for every change of a feed, a chat post for each edition."""

import json
import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import feedparser
import jsonschema
import pytest

from feed import config, editions, worker
from feed.clock import Clock
from feed.config import Config, parsing
from feed.errors import SettingError
from feed.notify import announcements, chat, timeouts, websub
from feed.publish import FORMATS
from feed.publish import chat as message
from feed.store import ledger, outbox
from feed.store.connection import opened
from feed.store.outbox import OutboxItem
from tests import library_changes
from tests.conftest import Command, Installation, answers, free_port, wait_until
from tests.golden import FOLDER
from tests.publish.test_feeds import JSON_FEED, every_feed
from tests.webhook_server import WebhookRequest, WebhookServer, endless_response, webhook_server

SECRET = "s3cr3t"
SUNDAY = "2026-11-22T12:00+01:00"
MONDAY = "2026-11-23T00:00:04+01:00"
ATOM = "{http://www.w3.org/2005/Atom}"
HUB = "https://hub.example.org/"


@dataclass
class Place:
    """An installation that notifies hubs and chats, at the time `now`."""

    config: Config
    now: datetime

    def at(self, instant: str, **later: float) -> "Place":
        self.now = datetime.fromisoformat(instant).astimezone(UTC) + timedelta(**later)
        return self

    def later(self, **by: float) -> "Place":
        self.now += timedelta(**by)
        return self

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with opened(self.config.database) as db:
            return [tuple(row) for row in db.execute(query, list(values))]

    def begin(self) -> None:
        with opened(self.config.database) as db:
            site = editions.settle(db, self.config, self.now)
            announcements.Announcer(self.config).enqueue(db, site, self.now)

    def tell(self, stop: threading.Event | None = None) -> dict[str, int]:
        """Send every due notification, like a worker that was just started."""
        announcer = announcements.Announcer(self.config)
        clock = still(self.now)
        with opened(self.config.database) as db:
            site = editions.settle(db, self.config, self.now)
            editions.publish_due(db, site, self.config, self.now)
            announcer.enqueue(db, site, self.now)
            return announcer.send(db, site, clock, stop or threading.Event())

    def withdraw(self, day: str, slug: str | None = None, *, replace: bool = False) -> None:
        with opened(self.config.database) as db:
            site = editions.settle(db, self.config, self.now)
            on = date.fromisoformat(day)
            editions.withdraw(db, site, self.config, on, "wrong", self.now, slug, replace=replace)

    def revise(self, slug: str, language: str, **fields: str) -> None:
        with opened(self.config.database) as db:
            library_changes.revise(db, {"slug": slug, "texts": {language: fields}}, self.now)

    def slug(self, day: str) -> str:
        with opened(self.config.database) as db:
            edition = ledger.on(db, date.fromisoformat(day))
        assert edition is not None
        return edition.principle

    def posts(self) -> list[tuple[Any, ...]]:
        """The ledger of chats: date and number, state, attempts, reason."""
        return self.rows(
            "SELECT e.date, e.number, p.state, p.attempts, p.reason FROM outbox p"
            " JOIN editions e ON e.id = p.edition ORDER BY e.date, e.number, p.place"
        )


class still(Clock):  # noqa: N801
    """A clock that does not run."""

    def __init__(self, now: datetime) -> None:
        object.__setattr__(self, "origin", now)
        object.__setattr__(self, "began", 0.0)

    def __call__(self) -> datetime:
        assert self.origin is not None
        return self.origin


@pytest.fixture
def small(install: Callable[..., Installation]) -> Installation:
    """The golden library, with its fifteen editions, the last of them Sunday's."""
    made = install(SITE_NAME="en=The Daily,sv=Dagens")
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    return made


@pytest.fixture
def world() -> Iterator[WebhookServer]:
    with webhook_server() as made:
        yield made


def place(small: Installation, hubs: tuple[str, ...] = (), hooks: tuple[str, ...] = ()) -> Place:
    """The small library, telling these hubs and English chats; a chat may begin with `sv=`."""
    chats = parsing.webhooks(" ".join(hooks), ("en", "sv"))
    made = replace(small.config, websub_hubs=hubs, webhooks=chats)
    return Place(made, datetime.fromisoformat(SUNDAY).astimezone(UTC))


def paths(request: list[WebhookRequest], origin: str = "http://127.0.0.1:8000") -> Counter[str]:
    """The paths of the feeds that a hub was pinged about."""
    return Counter(each.topic.removeprefix(origin) for each in request)


def said(request: WebhookRequest) -> tuple[str, str]:
    """Title and text of what came to a chat."""
    body = json.loads(request.body)
    return body["title"], body["message"]


# The feeds


def with_hubs(devis: Installation, *hubs: str) -> Installation:
    return Installation(replace(devis.config, websub_hubs=hubs or (HUB,)), devis.now)


def test_every_feed_names_its_hubs_and_itself_once(devis: Installation) -> None:
    made = with_hubs(devis, HUB, "http://second.example.org/hub?a=1&b=2")
    client = made.client()
    for path in every_feed(made):
        own = made.config.base_url + path
        for form in ("rss", "atom"):
            answer = client.get(f"{path}.{form}")
            root = ElementTree.fromstring(answer.data)
            links = (root if form == "atom" else root[0]).findall(f"{ATOM}link")
            found = Counter((link.get("rel"), link.get("href")) for link in links)
            assert found["self", f"{own}.{form}"] == 1
            assert sum(number for (rel, _), number in found.items() if rel == "self") == 1
            for address in made.config.websub_hubs:
                assert found["hub", address] == 1
            assert "Link" not in answer.headers
            assert not feedparser.parse(answer.data).bozo
        answer = client.get(f"{path}.json")
        document = json.loads(answer.data)
        assert document["hubs"] == [{"type": "WebSub", "url": u} for u in made.config.websub_hubs]
        assert document["feed_url"] == f"{own}.json"
        named = re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers["Link"])
        assert named == [*[(u, "hub") for u in made.config.websub_hubs], (f"{own}.json", "self")]
        hubs = {"type": "array", "items": {"type": "object", "required": ["type", "url"]}}
        known = {**JSON_FEED, "properties": {**JSON_FEED["properties"], "hubs": hubs}}  # type: ignore[dict-item]
        jsonschema.validate(document, known)


@pytest.mark.parametrize("form", FORMATS)
def test_an_archive_names_no_hub_for_it_never_changes(
    install: Callable[..., Installation], form: str
) -> None:
    made = install(BACKFILL_DAYS="60")
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    path = f"/en/archive/2026/10/feed.{form}"
    before = made.client().get(path)
    after = with_hubs(made).client().get(path)
    assert before.status_code == 200
    assert after.data == before.data
    assert "Link" not in after.headers


@pytest.mark.parametrize("form", FORMATS)
def test_a_hub_adds_its_name_to_a_feed_and_changes_nothing_else(
    small: Installation, form: str
) -> None:
    plain = small.client().get(f"/en/feed.{form}").data.decode()
    named = with_hubs(small).client().get(f"/en/feed.{form}").data.decode()
    if form == "json":
        document = json.loads(named)
        assert document.pop("hubs")
        assert document == json.loads(plain)
    else:
        lines = [line for line in named.splitlines() if HUB not in line]
        assert lines == plain.splitlines()


# Hubs


def test_a_hub_is_pinged_once_about_each_feed_and_not_about_unchanged_ones(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, (world.hub,))
    assert here.tell() == {"sent": len(world.requests)}
    first = paths(world.take())
    assert set(first.values()) == {1}
    forms = {f"/{code}/feed.{form}" for code in ("en", "sv") for form in FORMATS}
    assert forms <= set(first)
    assert not [path for path in first if "/archive/" in path]
    assert here.later(seconds=4).tell() == here.at(SUNDAY, hours=11).tell() == {}
    assert world.requests == []


def test_what_a_hub_gets_is_a_form(small: Installation, world: WebhookServer) -> None:
    place(small, (world.hub,)).tell()
    request = world.requests[0]
    assert request.path == "/hub"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert b"hub.mode=publish&" in request.body


def test_a_new_edition_pings_the_feeds_that_have_it(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    here.at("2026-11-23T23:00+01:00").tell()  # Monday: the week is over, too
    world.take()
    here.at("2026-11-24T00:00:04+01:00").tell()
    slug = here.slug("2026-11-24")
    (source,) = here.rows("SELECT source FROM principles WHERE slug = ?", slug)[0]
    themes = here.rows("SELECT theme FROM principle_themes WHERE principle = ?", slug)
    names = ["feed", f"sources/{source}/feed", *(f"themes/{theme}/feed" for (theme,) in themes)]
    expected = {f"/{c}/{name}.{form}" for c in ("en", "sv") for name in names for form in FORMATS}
    request = paths(world.take())
    assert set(request) == expected
    assert set(request.values()) == {1}


def test_a_complete_week_pings_its_feeds(small: Installation, world: WebhookServer) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    here.at(MONDAY).tell()
    assert {f"/sv/weekly.{form}" for form in FORMATS} <= set(paths(world.take()))


@pytest.mark.parametrize("replaced", [True, False])
def test_a_withdrawal_pings_its_feeds(
    small: Installation, world: WebhookServer, replaced: bool
) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    here.later(minutes=1).withdraw("2026-11-22", replace=replaced)
    here.later(seconds=4).tell()
    request = paths(world.take())
    assert {f"/{c}/feed.{form}" for c in ("en", "sv") for form in FORMATS} <= set(request)
    assert set(request.values()) == {1}


def test_a_correction_pings_the_feeds_that_show_it(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    here.later(minutes=1).revise("both", "sv", practice="Håll två.")
    here.later(seconds=4).tell()
    request = set(paths(world.take()))
    assert {"/sv/feed.rss", "/sv/sources/known/feed.atom", "/sv/themes/trust/feed.json"} <= request
    assert not [path for path in request if path.startswith("/en/")]


def test_changes_between_two_looks_are_one(small: Installation, world: WebhookServer) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    for number in range(3):
        here.later(minutes=1).revise("both", "sv", practice=f"Håll {number}.")
    here.tell()
    assert set(paths(world.take()).values()) == {1}


def test_a_feed_that_changes_during_its_ping_is_pinged_again(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    once = iter([True])

    def answer(request: WebhookRequest) -> int:
        if next(once, False):
            # And another process looks at what is due.
            here.later(minutes=1).revise("both", "sv", practice="Håll en till.")
            here.begin()
        return 204

    world.answer = answer
    here.later(minutes=1).revise("both", "sv", practice="Håll två.")
    here.tell()
    first = paths(world.take())
    here.later(seconds=4).tell()
    second = paths(world.take())
    assert first.keys() < second.keys()
    assert set(second.values()) == {1}


@pytest.mark.parametrize(("status", "reason"), [(500, "500"), (404, "404"), (302, "302")])
def test_a_refused_ping_is_retried_with_growing_delays_for_a_day(
    small: Installation, world: WebhookServer, status: int, reason: str
) -> None:
    world.answer = lambda request: status
    here = place(small, (world.hub,))
    number = here.tell()["deferred"]
    assert number == len(world.take())
    assert here.rows("SELECT DISTINCT state, reason FROM outbox") == [("due", reason)]
    assert here.later(seconds=59).tell() == {}
    assert here.later(seconds=1).tell() == {"deferred": number}
    assert here.later(minutes=3, seconds=59).tell() == {}
    assert here.later(seconds=1).tell() == {"deferred": number}
    assert {request.path for request in world.take()} == {"/hub"}  # a redirect is not followed
    here.at(SUNDAY, days=1, minutes=2)
    assert here.rows("SELECT count(*) FROM outbox WHERE state = 'failed'") == [(0,)]
    here.tell()
    told_of_monday = here.rows("SELECT count(*) FROM outbox WHERE state = 'due'")[0][0]
    failed = here.rows("SELECT DISTINCT reason FROM outbox WHERE state = 'failed'")
    assert (failed, 0 < told_of_monday < number) == ([(reason,)], True)


def test_a_hub_that_was_down_is_pinged_about_the_newest_content(
    small: Installation, world: WebhookServer
) -> None:
    dead = f"http://127.0.0.1:{free_port()}/hub"
    here = place(small, (dead, world.hub))
    request = here.tell()
    assert request["deferred"] == 1  # one knock, and all that waits behind it waits
    assert request["sent"] == len(world.take())
    assert here.rows("SELECT DISTINCT state, reason FROM outbox WHERE place = ?", dead) == [
        ("due", "no connection")
    ]
    here.config = replace(here.config, websub_hubs=(world.hub,))
    here.later(minutes=2).revise("both", "sv", practice="Håll två.")
    here.tell()
    assert here.rows("SELECT DISTINCT place, state FROM outbox") == [(world.hub, "sent")]


@pytest.mark.slow
def test_a_silent_hub_is_tried_once_a_round(
    small: Installation, world: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websub, "SOCKET_TIMEOUT", 1.0)
    world.answer = lambda request: None
    here = place(small, (world.hub,))
    assert here.tell() == {"deferred": 1}
    assert len(world.take()) == 1
    assert here.rows("SELECT DISTINCT state, reason FROM outbox") == [("due", "no answer in time")]


def test_a_hub_that_never_ends_its_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websub, "TOTAL_TIMEOUT", 0.5)
    with (
        endless_response() as address,
        pytest.raises(websub.HubSilentError, match="no answer in time"),
    ):
        websub.ping(address, "http://127.0.0.1/feed.rss")


def test_a_ping_of_a_dead_worker_is_retried(small: Installation, world: WebhookServer) -> None:
    here = place(small, (world.hub,))
    here.tell()
    world.take()
    now = here.now.astimezone(UTC).isoformat(timespec="seconds")
    with opened(here.config.database) as db:
        db.execute(
            "UPDATE outbox SET state = 'claimed', at = ? WHERE key LIKE '%/en/feed.rss'", [now]
        )
    assert here.later(minutes=1).tell() == {}
    assert here.later(minutes=1).tell() == {"sent": 1}
    assert list(paths(world.take())) == ["/en/feed.rss"]


# Chats


def test_a_new_edition_is_posted_once_to_each_chat_in_its_language(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, hooks=(world.hook("en"), f"sv={world.hook('sv')}"))
    assert here.tell() == {"sent": 2}
    with opened(here.config.database) as db:
        site = editions.settle(db, here.config, here.now)
        showing = editions.on(db, site, date(2026, 11, 22), here.now).showing
    found = {request.path: said(request) for request in world.take()}
    for code in ("en", "sv"):
        title, text = found[f"/{code}"]
        wanted = message.render(site, [code], showing)
        assert (title, text) == (wanted.title, wanted.body)
        assert title == showing.text(code).title
        assert showing.text(code).statement in text
        assert text.endswith(f"\n\nhttp://127.0.0.1:8000/{code}/2026-11-22/")
        assert "On Small Things" in text or "Om å, ä & ö" in text
    assert here.later(seconds=4).tell() == here.at(SUNDAY, hours=11).tell() == {}
    assert here.at(MONDAY).tell() == {"sent": 2}
    assert len(world.take()) == 2


def test_days_gone_by_are_not_posted(small: Installation, world: WebhookServer) -> None:
    """Neither those before the first start, nor those that the machine was down."""
    here = place(small, hooks=(world.hook("a"),))
    assert here.tell() == {"sent": 1}
    here.at("2026-11-27T15:00+01:00").tell()
    assert [said(request)[1][-11:] for request in world.take()] == ["2026-11-22/", "2026-11-27/"]
    assert [row[0] for row in here.posts()] == ["2026-11-22", "2026-11-27"]


def test_a_replacement_is_a_new_edition(small: Installation, world: WebhookServer) -> None:
    here = place(small, hooks=(world.hook("a"),))
    here.tell()
    before = said(world.take()[0])
    here.later(minutes=1).withdraw("2026-11-22", replace=True)
    assert here.tell() == {"sent": 1}
    assert said(world.take()[0]) != before
    assert here.later(minutes=1).tell() == {}


def test_what_was_withdrawn_before_it_was_posted_is_not(
    small: Installation, world: WebhookServer
) -> None:
    world.answer = lambda request: 500
    here = place(small, hooks=(world.hook("a"),))
    assert here.tell() == {"deferred": 1}
    here.withdraw("2026-11-22")
    world.answer = lambda request: 204
    assert here.later(minutes=2).tell() == {}
    assert len(world.take()) == 1
    assert here.posts() == [("2026-11-22", 1, "skipped", 1, "withdrawn")]


def test_what_is_withdrawn_just_after_it_was_claimed_is_not_posted_under_its_name(
    small: Installation, world: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place(small, hooks=(world.hook("a"),))
    claim = outbox.claim

    def claimed(*given: Any, **named: Any) -> list[OutboxItem]:
        done = claim(*given, **named)
        monkeypatch.undo()
        here.withdraw("2026-11-22", replace=True)
        return done

    monkeypatch.setattr(outbox, "claim", claimed)
    assert here.tell() == {"skipped": 1}
    assert here.tell() == {"sent": 1}
    assert [row[1:3] for row in here.posts()] == [(1, "skipped"), (2, "sent")]


def test_a_correction_is_not_posted_again(small: Installation, world: WebhookServer) -> None:
    here = place(small, hooks=(world.hook("a"),))
    here.tell()
    here.later(minutes=1).revise(here.slug("2026-11-22"), "en", practice="Another.")
    assert here.tell() == {}


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_chat_that_refuses_is_tried_again_with_growing_pauses(
    small: Installation, world: WebhookServer, status: int
) -> None:
    world.answer = lambda request: status
    here = place(small, hooks=(world.hook("a"),))
    assert here.tell() == {"deferred": 1}
    assert here.later(seconds=59).tell() == {}
    assert here.later(seconds=1).tell() == {"deferred": 1}
    assert here.later(minutes=4).tell() == {"deferred": 1}
    assert here.later(minutes=14).tell() == {}
    world.answer = lambda request: 200
    assert here.later(minutes=1).tell() == {"sent": 1}
    assert [request.path for request in world.take()] == ["/a"] * 4
    assert here.posts() == [("2026-11-22", 1, "sent", 4, None)]


def test_it_is_given_up_when_the_next_day_has_come(
    small: Installation, world: WebhookServer
) -> None:
    world.answer = lambda request: 500 if request.path == "/bad" else 204
    here = place(small, hooks=(world.hook("bad"), world.hook("good")))
    assert here.tell() == {"deferred": 1, "sent": 1}
    assert here.at(MONDAY).tell() == {"deferred": 1, "sent": 1}
    assert here.posts()[:2] == [
        ("2026-11-22", 1, "failed", 1, "500"),
        ("2026-11-22", 1, "sent", 1, None),
    ]


def test_a_chat_that_was_down_gets_it_when_it_is_up(small: Installation) -> None:
    port = free_port()
    here = place(small, hooks=(f"json://127.0.0.1:{port}/a",))
    assert here.tell() == {"deferred": 1}
    assert here.posts() == [("2026-11-22", 1, "due", 1, "no connection")]
    with webhook_server(port=port) as up:
        assert here.later(minutes=1).tell() == {"sent": 1}
        assert len(up.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("status", [None, 504])
def test_a_post_that_may_have_arrived_is_not_repeated(
    small: Installation, world: WebhookServer, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    """Better none than two."""
    monkeypatch.setattr(chat, "SOCKET_TIMEOUT", 1.0)
    world.answer = lambda request: status
    here = place(small, hooks=(world.hook("a"),))
    assert here.tell() == {"failed": 1}
    assert here.at(SUNDAY, hours=3).tell() == {}
    assert len(world.take()) == 1
    ((_, _, state, attempts, reason),) = here.posts()
    assert (state, attempts, reason) == ("failed", 1, str(status or "no answer in time"))


@pytest.mark.slow
@pytest.mark.parametrize("status", [None, 500, 302])
def test_an_address_that_asks_to_be_tried_again_is_tried_once(
    small: Installation, world: WebhookServer, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setattr(chat, "SOCKET_TIMEOUT", 1.0)
    world.answer = lambda request: status
    wishes = "?retry=3&wait=0.1&optional=yes&redirect=yes&rto=60"
    assert place(small, hooks=(world.hook("a") + wishes,)).tell() == {
        "deferred" if status else "failed": 1
    }
    assert [request.path for request in world.take()] == ["/a"]


def test_a_chat_that_never_ends_its_answer_is_left(
    small: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "TOTAL_TIMEOUT", 0.5)
    with endless_response() as address:
        here = place(small, hooks=(address.replace("http:", "json:"),))
        assert here.tell() == {"failed": 1}
    assert here.posts() == [("2026-11-22", 1, "failed", 1, "no answer in time")]


def test_a_post_of_a_dead_worker_is_not_repeated(
    small: Installation, world: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it came through, nobody knows: it is not posted again."""

    class Killed(BaseException):
        pass

    def die(*given: Any) -> None:
        raise Killed

    here = place(small, hooks=(world.hook("a"),))
    monkeypatch.setattr(chat, "post", die)
    with pytest.raises(Killed):
        here.tell()
    monkeypatch.undo()
    assert here.posts() == [("2026-11-22", 1, "claimed", 1, None)]
    assert here.later(minutes=1).tell() == here.later(minutes=2).tell() == {}
    assert here.posts() == [("2026-11-22", 1, "failed", 1, "interrupted")]
    assert world.requests == []


def test_two_workers_at_once_post_and_ping_nothing_twice(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, (world.hub,), tuple(world.hook(str(n)) for n in range(4)))
    together = threading.Barrier(4)

    def tell() -> None:
        together.wait()
        here.tell()

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    request = world.take()
    posted = Counter(each.path for each in request if each.path != "/hub")
    assert posted == {f"/{n}": 1 for n in range(4)}
    assert set(paths([each for each in request if each.path == "/hub"]).values()) == {1}


def test_a_stop_ends_it_between_two(small: Installation, world: WebhookServer) -> None:
    stop = threading.Event()
    world.answer = lambda request: stop.set() or 204  # type: ignore[func-returns-value]
    here = place(small, (world.hub,), (world.hook("a"), world.hook("b")))
    assert here.tell(stop) == {"sent": 1}
    assert len(here.tell()) == 1
    assert Counter(request.path for request in world.take())["/a"] == 1


def test_a_chat_removed_from_the_settings_gets_no_posts(
    small: Installation, world: WebhookServer
) -> None:
    world.answer = lambda request: 500
    here = place(small, hooks=(world.hook("a"),))
    here.tell()
    here.config = replace(here.config, webhooks=())
    assert here.later(hours=1).tell() == {}
    assert here.at(MONDAY).tell() == {}
    assert len(world.take()) == 1


def test_notifying_flushes_no_page(small: Installation, world: WebhookServer) -> None:
    here = place(small, (world.hub,), (world.hook("a"),))
    version = "SELECT value FROM meta WHERE key = 'content_version'"
    before = here.rows(version)
    here.tell()
    assert here.rows(version) == before


# What a chat shows

NASTY = "@everyone @here <!channel> <@U1> [x](http://evil.example) **b** _i_ `c` <b>t</b> & 1. # h"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general"
MATTERMOST = f"mmost://localhost/{'a' * 24}"
TEAMS = f"workflows://teams.example.org/{'w' * 24}/{'s' * 24}"
MATRIX = "matrix://token@matrix.example.org/?mode=matrix"
DISCORD = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"


def sent(monkeypatch: pytest.MonkeyPatch, small: Installation, address: str) -> Any:
    """What a service is given, on its way to the network, for a text that tries everything."""
    import requests

    bodies: list[Any] = []

    class Fine:
        status_code, content, text = 200, b"ok", "{}"
        headers: ClassVar[dict[str, str]] = {}

    def take(*given: Any, data: Any = None, **more: Any) -> Fine:
        assert more["allow_redirects"] is False
        assert more["timeout"] == (timeouts.SOCKET_TIMEOUT, timeouts.SOCKET_TIMEOUT)
        bodies.append(json.loads(data))
        return Fine()

    for name in ("request", "post", "put"):
        monkeypatch.setattr(requests, name, take)
    here = place(small, hooks=(address,))
    slug = here.slug("2026-11-22")
    with opened(here.config.database) as db:
        db.execute(
            "UPDATE texts SET title = ?, statement = ? WHERE principle = ?", [NASTY, NASTY, slug]
        )
    assert here.tell() == {"sent": 1}
    (body,) = bodies
    return body


CALM = NASTY.replace("@", "@\u200b").replace("<!", "<\u200b!").replace("<@", "<\u200b@")
LINK = "http://127.0.0.1:8000/en/2026-11-22/"


@pytest.mark.parametrize("address", [SLACK, MATTERMOST, TEAMS, MATRIX, DISCORD, "json://localhost"])
def test_nobody_is_called_and_no_picture_of_others_is_shown(
    monkeypatch: pytest.MonkeyPatch, small: Installation, address: str
) -> None:
    whole = json.dumps(sent(monkeypatch, small, address), ensure_ascii=False)
    assert re.search(r"@\w", whole) is None
    assert re.search(r"(<|&lt;)[!@#]", whole) is None
    assert "apprise" not in whole.lower()
    assert LINK in whole


def test_slack_shows_text(monkeypatch: pytest.MonkeyPatch, small: Installation) -> None:
    body = sent(monkeypatch, small, SLACK)
    (shown,) = body["attachments"]
    escaped = CALM.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert body["mrkdwn"] is False
    assert shown["title"] == escaped
    assert shown["text"].startswith(escaped + "\n\n")


def test_matrix_and_json_show_text(monkeypatch: pytest.MonkeyPatch, small: Installation) -> None:
    body = sent(monkeypatch, small, MATRIX)
    assert body["format"] == "plain"
    assert CALM in body["text"]
    body = sent(monkeypatch, small, "json://localhost")
    assert body["title"] == CALM
    assert body["message"].startswith(CALM)


def read_as_markdown(text: str) -> str:
    """What a reader sees of a Markdown text, with every construct marked."""
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark").render(text))


@pytest.mark.parametrize("address", [MATTERMOST, TEAMS, DISCORD])
def test_who_shows_markdown_shows_text(
    monkeypatch: pytest.MonkeyPatch, small: Installation, address: str
) -> None:
    body = sent(monkeypatch, small, address)
    if address == TEAMS:
        card = body["attachments"][0]["content"]["body"]
        text = "\n\n".join(each["text"] for each in card if each["type"] == "TextBlock")
    else:
        text = body.get("text") or body["content"]
    shown = read_as_markdown(text)
    assert set(re.findall(r"<(/?\w+)", shown)) == {"p", "/p"}
    plain = CALM.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert shown.count(plain) == 2
    assert LINK in text


@pytest.mark.parametrize(
    "text",
    ["a\n- b", "1. a", "1) a", "# a", "> a", "a\n===", "a\n---", "---", "+ a", "    a", "|a|"],
)
def test_the_beginning_of_a_line_makes_no_markup(text: str) -> None:
    assert set(re.findall(r"<(\w+)", read_as_markdown(message.escaped(text)))) == {"p"}


def test_a_text_in_another_language_says_so(small: Installation, world: WebhookServer) -> None:
    here = place(small, hooks=(world.hook("a"),))
    slug = here.slug("2026-11-22")
    with opened(here.config.database) as db:
        db.execute("DELETE FROM texts WHERE language = 'en' AND principle = ?", [slug])
        db.execute("UPDATE principles SET original_language = 'sv' WHERE slug = ?", [slug])
    here.tell()
    assert said(world.take()[0])[1].startswith("Not yet in English; shown in Swedish.\n\n")


def test_a_chat_gets_an_edition_in_several_languages_as_one_message(
    small: Installation, world: WebhookServer
) -> None:
    here = place(small, hooks=(f"sv+en={world.hook('both')}", f"en+sv={world.hook('original')}"))
    here.revise(here.slug("2026-11-22"), "sv", state="draft")
    assert here.tell() == {"sent": 2}
    found = {request.path: said(request) for request in world.take()}
    english, text = found["/both"]
    note = "Finns ännu inte på svenska; visas på engelska."
    assert text.split("\n\n")[0] == note, "the original stands in"
    assert english == found["/original"][0]
    assert english not in text, "the original is there once"
    assert text.count("http://") == 1
    here.revise(here.slug("2026-11-22"), "sv", state="approved")
    with opened(here.config.database) as db:
        site = editions.settle(db, here.config, here.now)
        showing = editions.on(db, site, date(2026, 11, 22), here.now).showing
    both = message.render(site, ("sv", "en"), showing)
    swedish, original = showing.text("sv"), showing.text("en")
    assert both.title == swedish.title
    assert both.paragraphs[:3] == (swedish.statement, original.title, original.statement)
    assert both.url == "http://127.0.0.1:8000/sv/2026-11-22/"


# Settings


def load(**values: str) -> Config:
    return config.load({f"DEVIS_{name}": value for name, value in values.items()})


def test_hubs_and_chats_are_parsed(tmp_path: Path) -> None:
    made = load(WEBSUB_HUBS=" https://a.example.org/,\nhttp://b.example.org:8080/hub?x=1  ")
    assert made.websub_hubs == ("https://a.example.org/", "http://b.example.org:8080/hub?x=1")
    hooks = "json://a/?x=sv=1  sv=slack://A/B/C\nSV+en+sv=json://b"
    made = load(WEBHOOKS=hooks, LANGUAGES="en,sv")
    assert made.webhooks == (
        parsing.Webhook(("en",), "json://a/?x=sv=1"),
        parsing.Webhook(("sv",), "slack://A/B/C"),
        parsing.Webhook(("sv", "en"), "json://b"),
    )
    (tmp_path / "hooks").write_text("pt-BR=json://a\n")
    made = load(WEBHOOKS_FILE=str(tmp_path / "hooks"), LANGUAGES="sv,pt-BR")
    assert made.webhooks == (parsing.Webhook(("pt-BR",), "json://a"),)
    assert load().websub_hubs == ()
    assert load().webhooks == ()
    assert "json://" not in repr(made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("WEBSUB_HUBS", v)
            for v in ("hub", "ftp://a.org/", "https://u:p@a.org/", "https://a.org/#x")
        ],
        *[("WEBSUB_HUBS", v) for v in ("https://", "https://a.org:x/", "https://a.org:0/")],
        *[
            ("WEBSUB_HUBS", v)
            for v in ("https://a.org/>", 'https://a.org/"', "https://a/ https://a/")
        ],
        ("WEBHOOKS", f"{SECRET}"),
        ("WEBHOOKS", f"de=json://{SECRET}"),
        ("WEBHOOKS", f"sv+de=json://{SECRET}"),
        ("WEBHOOKS", f"sv+=json://{SECRET}"),
        ("WEBHOOKS", f"json://{SECRET} sv= json://{SECRET}2"),
        ("WEBHOOKS", f"json://{SECRET} en=json://{SECRET}"),
    ],
)
def test_a_malformed_value_is_named_and_no_secret_shown(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"DEVIS_{name}") as caught:
        load(**{name: value})
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.values)


@pytest.mark.parametrize(("name", "value"), [("WEBSUB_HUBS", HUB), ("WEBHOOKS", "json://a")])
def test_a_rehearsal_notifies_nobody(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"DEVIS_NOW is for rehearsals, but DEVIS_{name}"):
        load(NOW="2027-03-01T06:00Z", **{name: value})


@pytest.mark.parametrize("url", [f"nosuch://{SECRET}", f"slack://{SECRET}", f"mmost://{SECRET}"])
def test_a_webhook_that_apprise_cannot_use_is_reported_by_its_number(
    small: Installation, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = place(small, hooks=("json://localhost", url)).config
    with pytest.raises(SettingError, match=r"DEVIS_WEBHOOKS.* number 2 ") as caught:
        announcements.check(made)
    assert SECRET not in str(caught.value) + caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("answer", [204, 500, 302, None])
def test_no_secret_is_in_the_log_or_in_the_database(
    small: Installation,
    world: WebhookServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    answer: int | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(chat, "SOCKET_TIMEOUT", 1.0)
    world.answer = lambda request: answer
    hidden = f"{SECRET}-path"
    address = f"{world.hook(hidden)}?+X-Token={SECRET}"
    here = place(small, hooks=(address, f"json://{SECRET}:x@127.0.0.1:{free_port()}/{hidden}"))
    here.tell()
    assert any(SECRET in request.path for request in world.take())
    with opened(here.config.database) as db:
        dumped = "\n".join(db.conn.iterdump())
    files = [p for p in here.config.instance.rglob("*") if p.is_file()]
    assert SECRET not in caplog.text
    assert SECRET not in dumped
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert {row[0] for row in here.rows("SELECT place FROM outbox")} == {
        "JSON at 127.0.0.1 (1)",
        "JSON at 127.0.0.1 (2)",
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (SLACK, "Slack (1)"),
        (DISCORD, "Discord (1)"),
        (MATTERMOST, "Mattermost at localhost (1)"),
        (MATRIX, "Matrix at matrix.example.org (1)"),
        (TEAMS, "Power Automate / Workflows (for MSTeams) at teams.example.org (1)"),
    ],
)
def test_a_chat_is_called_by_its_service_and_by_a_host_that_is_one(
    small: Installation, url: str, expected: str
) -> None:
    (made,) = chat.chats(place(small, hooks=(url,)).config)
    assert made.target.place == expected
    assert url not in repr(made)


# The command line and the worker, on the real clock


def given(world: WebhookServer) -> dict[str, Any]:
    return {"WEBSUB_HUBS": world.hub, "WEBHOOKS": f"sv={world.hook('sv')} {world.hook('en')}"}


def test_the_command_sends_once_and_reports_the_outcome(
    command: Command, world: WebhookServer
) -> None:
    command("init")
    world.answer = lambda request: 500 if request.path == "/sv" else 204
    done = command("hub", "send", **given(world))
    pinged = Counter(request.path for request in world.take())
    assert pinged["/en"] == pinged["/sv"] == 1
    assert done.stdout.strip() in (
        f"1 deferred, {pinged['/hub'] + 1} sent",
        f"{pinged['/hub'] + 1} sent, 1 deferred",
    )
    assert command("hub", "send", **given(world)).stdout == "Nothing.\n"
    assert world.take() == []
    shown = command("hub", "status").stdout
    assert re.search(r"^\d{4}-\d\d-\d\d  en  JSON at 127\.0\.0\.1 \(2\): sent$", shown, re.M)
    assert re.search(r"  sv  JSON at 127\.0\.0\.1 \(1\): due \(500\)$", shown, re.M)
    assert f"127.0.0.1: {pinged['/hub']} feeds sent, last " in shown
    found = json.loads(command("hub", "status", "--format", "json").stdout)
    assert {row["state"] for row in found["chats"]} == {"sent", "due"}
    assert SECRET not in shown + done.stdout + done.stderr + json.dumps(found)


def test_the_status_before_any_announcement(command: Command) -> None:
    command("init")
    assert command("hub", "status").stdout == "There were no notifications.\n"
    assert command("hub", "send").stdout == "Nothing.\n"


@pytest.mark.served
@pytest.mark.parametrize("verb", [("serve",), ("worker",), ("hub", "send")])
def test_a_wrong_address_stops_the_start(command: Command, verb: tuple[str, ...]) -> None:
    command("init")
    failed = command.run(*verb, code=1, WEBHOOKS=f"nosuch://{SECRET}")
    assert failed.stderr.startswith("Error: DEVIS_WEBHOOKS: of its addresses, number 1 ")
    assert SECRET not in failed.stderr + failed.stdout


@pytest.mark.served
def test_killed_in_the_middle_of_a_post_it_is_not_posted_again(
    command: Command, world: WebhookServer
) -> None:
    command("init")
    world.answer = lambda request: None
    hooks: dict[str, Any] = {"WEBHOOKS": world.hook("a")}
    process = command.start("hub", "send", **hooks)
    wait_until(lambda: len(world.requests) == 1, 30)
    process.kill()
    process.communicate(timeout=60)
    world.answer = lambda request: 204
    database = command.folder / "instance" / "devis.sqlite3"
    assert command("hub", "send", **hooks).stdout == "Nothing.\n"
    with opened(database) as db:
        assert db.execute("SELECT state FROM outbox").fetchall() == [("claimed",)]
        db.execute("UPDATE outbox SET at = '2026-01-01T00:00:00+00:00'")  # a good while later
    assert command("hub", "send", **hooks).stdout == "Nothing.\n"
    assert ": failed (interrupted)" in command("hub", "status").stdout
    assert len(world.requests) == 1


@pytest.mark.served
def test_a_worker_notifies_hubs_and_chats_and_a_second_start_is_silent(
    command: Command, world: WebhookServer
) -> None:
    command("init")
    said_by_them = ""
    for _ in range(2):
        process = command.start("worker", **given(world))
        try:
            if not said_by_them:
                wait_until(
                    lambda: {"/en", "/sv"} <= {request.path for request in world.requests}, 30
                )
                wait_until(lambda: "sent" in command("hub", "status").stdout, 30)
            else:
                threading.Event().wait(7)
        finally:
            process.terminate()
            said_by_them += process.communicate(timeout=30)[0]
    request = Counter(each.path for each in world.take())
    assert (request["/en"], request["/sv"]) == (1, 1)
    assert "announced: " in said_by_them
    assert SECRET not in said_by_them


@pytest.mark.served
def test_a_silent_chat_holds_no_edition_up(command: Command, world: WebhookServer) -> None:
    """The site is served with today's edition while a chat keeps the worker waiting."""
    world.answer = lambda request: None
    port = str(free_port())
    process = command.start("serve", PORT=port, WEB_WORKERS="1", **given(world))
    try:
        wait_until(lambda: len(world.requests) > 0, 30)
        with_edition = f"http://127.0.0.1:{port}/healthz"
        wait_until(lambda: answers(with_edition), 30)
    finally:
        process.terminate()
        output = process.communicate(timeout=30)[0]
    assert "Traceback" not in output
    assert SECRET not in output


def test_an_error_of_a_notification_is_logged_and_the_next_tick_continues(
    small: Installation, world: WebhookServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from filelock import FileLock

    here = place(small, hooks=(world.hook("a"),))
    with FileLock(tmp_path / "lock") as lock:
        job = worker.AnnounceJob(here.config, still(here.now), lock, threading.Event())
        monkeypatch.setattr(outbox, "claim", lambda *given, **named: 1 / 0)
        job.tick()
        monkeypatch.undo()
        job.tick()
    assert len(world.take()) == 1


def test_a_stand_by_worker_notifies_nobody(
    small: Installation, world: WebhookServer, tmp_path: Path
) -> None:
    from filelock import FileLock

    here = place(small, hooks=(world.hook("a"),))
    lock = FileLock(tmp_path / "lock")
    worker.AnnounceJob(here.config, still(here.now), lock, threading.Event()).tick()
    assert world.requests == []
