"""The ledger of editions on a real database: what is published when, and what never changes."""

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from feed import editions
from feed.editions import Planned, pins
from feed.errors import InputError, NotFoundError, WithdrawnError
from feed.model import Edition
from feed.publish.channel import FeedItem
from feed.store import ledger
from feed.store.connection import opened
from tests import library_changes
from tests.conftest import NOON, Installation, settings

Install = Callable[..., Installation]
TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
NAMES = [f"p{number}" for number in range(12)]


def principle(slug: str, **fields: Any) -> dict[str, Any]:
    """A published principle, approved in English and Swedish unless `fields` say otherwise."""
    texts = {
        code: {"title": f"{slug} {code}", "statement": f"On {slug}.", "state": "approved"}
        for code in ("en", "sv")
    }
    entry = {
        "slug": slug,
        "source": "book",
        "themes": ["trust"],
        "status": "published",
        "original_language": "en",
    }
    return {**entry, **fields, "texts": {**texts, **fields.get("texts", {})}}


def exchange(*principles: dict[str, Any], title: str = "A Book") -> dict[str, str]:
    """A library of those principles as an exchange file."""
    document = {
        "themes": [{"slug": "trust", "texts": {"en": {"name": "Trust"}}}],
        "sources": [{"slug": "book", "title": title, "language": "en"}],
        "principles": principles,
    }
    return {"library.json": json.dumps(document)}


def text(state: str = "approved", practice: str = "") -> dict[str, Any]:
    return {"title": "A title", "statement": "So.", "practice": practice, "state": state}


@pytest.fixture
def installation(install: Install) -> Installation:
    """An installation with twelve principles and an empty ledger."""
    made = install()
    made.load(exchange(*map(principle, NAMES)))
    return made


def stored(made: Installation) -> list[dict[str, Any]]:
    """Every row of the ledger, oldest first."""
    with made.open() as db:
        return list(db.query("SELECT * FROM editions ORDER BY date, number"))


def dates(made: Installation) -> list[date]:
    return [date.fromisoformat(row["date"]) for row in stored(made)]


def span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def standing(made: Installation, day: date = TODAY) -> Edition:
    with made.open() as db:
        return editions.on(db, made.site(), day, made.now).showing.edition


def planned(made: Installation, number: int, first: date | None = None) -> list[Planned]:
    with made.open() as db:
        return editions.plan(db, made.site(), made.config, made.now, number, first)


def items(made: Installation, language: str = "en") -> list[FeedItem]:
    with made.open() as db:
        return list(editions.daily_feed(db, made.site(), language, made.now).items)


def pin(made: Installation, day: date, slug: str | None) -> None:
    with made.open() as db:
        pins.pin(db, made.site(), day, slug, made.now)


def withdraw(
    made: Installation, day: date = TODAY, reason: str = "wrong source", **options: Any
) -> str | None:
    """Withdraw a date's edition; the slug of what took its place."""
    with made.open() as db:
        choice = editions.withdraw(
            db,
            made.site(),
            made.config,
            day,
            reason,
            made.now,
            options.pop("slug", None),
            **options,
        )
    return choice.slug if choice else None


# What is due.


@pytest.mark.parametrize(("setting", "before"), [({}, 14), ({"BACKFILL_DAYS": "0"}, 0)])
def test_a_fresh_ledger_is_filled_backwards_once(
    install: Install, setting: dict[str, str], before: int
) -> None:
    made = install(**setting)
    made.load(exchange(*map(principle, NAMES)))
    assert len(made.publish()) == before + 1
    assert dates(made) == span(TODAY - before * DAY, TODAY)


def test_publishing_again_makes_nothing(installation: Installation) -> None:
    installation.publish()
    before = stored(installation)
    assert installation.publish() == []
    installation.now += timedelta(hours=11, minutes=59)
    assert installation.publish() == []
    assert stored(installation) == before


@pytest.mark.parametrize("missed", [1, 9, 731])
def test_missed_days_get_their_editions_on_the_next_start(
    installation: Installation, missed: int
) -> None:
    installation.publish()
    installation.now += missed * DAY
    assert len(installation.publish()) == missed
    assert dates(installation) == span(TODAY - 14 * DAY, TODAY + missed * DAY)
    times = Counter(row["principle"] for row in stored(installation))
    assert set(times) == set(NAMES)
    assert max(times.values()) - min(times.values()) <= 1


def test_missed_days_get_what_they_would_have_got_in_time(
    install: Install, installation: Installation
) -> None:
    late = install("another")
    late.load(exchange(*map(principle, NAMES)))
    installation.publish()
    late.publish()
    for _ in range(40):
        installation.now += DAY
        installation.publish()
    late.now = installation.now
    late.publish()
    for in_time, too_late in zip(stored(installation), stored(late), strict=True):
        moments = {"made": None, "published": None}
        assert {**too_late, **moments} == {**in_time, **moments}


def test_an_edition_made_late_is_published_when_it_was_made(installation: Installation) -> None:
    installation.publish()
    installation.now = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)  # 23:59 in Stockholm
    assert len(installation.publish()) == 1
    assert standing(installation, TODAY + DAY).published == installation.now


def test_days_caught_up_are_a_second_apart_and_the_newest_is_now(
    installation: Installation,
) -> None:
    installation.publish()
    installation.now += 3 * DAY
    installation.publish()
    caught_up = [standing(installation, TODAY + number * DAY) for number in (1, 2, 3)]
    ago = [(installation.now - edition.published).total_seconds() for edition in caught_up]
    assert ago == [2, 1, 0]


def test_a_site_without_principles_at_first_dates_the_days_before_at_their_start(
    install: Install,
) -> None:
    made = install()
    made.publish()
    made.now += timedelta(hours=3)
    made.load(exchange(*map(principle, NAMES)))
    made.publish()
    site = made.site()
    assert standing(made, TODAY - DAY).published == site.start(TODAY - DAY)
    assert standing(made).published == made.now


def test_two_replacements_within_a_second_have_different_moments(
    installation: Installation,
) -> None:
    installation.publish()
    for _ in range(2):
        withdraw(installation, reason="wrong source")
    moments = [row["published"] for row in stored(installation)][-3:]
    assert moments == sorted(set(moments))


def test_nothing_is_published_from_an_empty_library_until_it_fills(
    installation: Installation,
) -> None:
    with installation.open() as db:
        for slug in NAMES:
            library_changes.revise(db, {"slug": slug, "status": "draft"}, installation.now)
    assert installation.publish() == []
    with installation.open() as db:
        assert editions.today(db, installation.site(), installation.now) is None
        library_changes.revise(db, {"slug": "p3", "status": "published"}, installation.now)
    assert installation.publish() == ["p3"] * 15


@pytest.mark.parametrize(
    ("entry", "with_fallback", "without"),
    [
        (principle("x"), True, True),
        (principle("x", status="draft"), False, False),
        (principle("x", status="retired"), False, False),
        (principle("x", texts={"en": text("review")}), False, False),
        (principle("x", texts={"en": text("draft")}), False, False),
        (principle("x", texts={"sv": text("review")}), True, False),
        (principle("x", texts={"sv": text("outdated")}), True, True),
        (principle("x", texts={"de": text("draft")}), True, True),
        (principle("x", original_language="de", texts={"de": text()}), True, True),
    ],
    ids=[
        "approved",
        "draft",
        "retired",
        "original-in-review",
        "original-drafted",
        "translation-in-review",
        "translation-outdated",
        "language-of-another-site",
        "original-in-another-language",
    ],
)
def test_only_what_is_eligible_is_shown(
    install: Install, entry: dict[str, Any], with_fallback: bool, without: bool
) -> None:
    for fallback, eligible in (("on", with_fallback), ("off", without)):
        made = install(fallback, FALLBACK=fallback)
        made.load(exchange(principle("always"), entry))
        assert ("x" in made.publish()) is eligible


# What is to come.


@pytest.mark.parametrize("published", [False, True])
def test_the_plan_is_what_is_published_later(installation: Installation, published: bool) -> None:
    if published:
        installation.publish()
    pin(installation, TODAY + 5 * DAY, "p1")
    pin(installation, TODAY + 6 * DAY, "p1")
    pin(installation, TODAY + 17 * DAY, "p2")
    plan = planned(installation, 40)
    for _ in range(41):
        installation.publish()
        installation.now += DAY
    made = stored(installation)[15:]
    assert [(item.date.isoformat(), item.principle, item.why) for item in plan] == [
        (row["date"], row["principle"], row["why"]) for row in made
    ]
    assert [item.why for item in plan].count("pin") == 3


def test_the_plan_shows_the_past_from_the_ledger_and_continues_from_there(
    installation: Installation,
) -> None:
    installation.publish()
    withdraw(installation)
    plan = planned(installation, 30, TODAY - 14 * DAY)
    assert [item.date for item in plan] == span(TODAY - 14 * DAY, TODAY + 15 * DAY)
    assert [item.principle for item in plan[:15]] == [
        row["principle"] for row in stored(installation) if row["withdrawn"] is None
    ]
    assert plan[15:] == planned(installation, 15)
    assert planned(installation, 3, TODAY + 7 * DAY) == plan[21:24]


def test_looking_at_the_plan_changes_nothing(installation: Installation) -> None:
    planned(installation, 100)
    assert stored(installation) == []


# Pins.


def test_a_pin_is_shown_on_its_date_and_not_again_in_the_cycle(installation: Installation) -> None:
    installation.publish()
    pin(installation, TODAY + DAY, "p7")
    installation.now += 13 * DAY
    installation.publish()
    assert standing(installation, TODAY + DAY).principle == "p7"
    assert standing(installation, TODAY + DAY).why == "pin"
    cycle = standing(installation, TODAY + DAY).cycle
    shown = [row["principle"] for row in stored(installation) if row["cycle"] == cycle]
    after = shown[shown.index("p7") + 1 :]
    assert "p7" not in after


def test_the_last_pin_of_a_date_counts_and_can_be_removed(installation: Installation) -> None:
    installation.publish()
    unpinned = planned(installation, 3)
    pin(installation, TODAY + DAY, "p1")
    pin(installation, TODAY + DAY, "p2")
    assert planned(installation, 1) == [Planned(TODAY + DAY, "p2", "pin")]
    pin(installation, TODAY + DAY, None)
    assert planned(installation, 3) == unpinned


def test_today_can_be_pinned_until_it_has_its_edition(installation: Installation) -> None:
    pin(installation, TODAY, "p5")
    assert installation.publish()[-1] == "p5"
    with pytest.raises(InputError, match="2026-11-22"):
        pin(installation, TODAY, "p6")


@pytest.mark.parametrize("slug", ["p1", None])
@pytest.mark.parametrize("published", [False, True])
def test_a_past_date_cannot_be_pinned(
    installation: Installation, published: bool, slug: str | None
) -> None:
    if published:
        installation.publish()
    with pytest.raises(InputError, match="2026-11-21"):
        pin(installation, TODAY - DAY, slug)


def test_an_unknown_principle_cannot_be_pinned(installation: Installation) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        pin(installation, TODAY + DAY, "nobody")


def test_a_pin_waits_until_its_principle_is_eligible(installation: Installation) -> None:
    installation.load(exchange(principle("later", status="draft")))
    installation.publish()
    pin(installation, TODAY + DAY, "later")
    assert planned(installation, 1)[0].why == "rotation"
    with installation.open() as db:
        library_changes.revise(db, {"slug": "later", "status": "published"}, installation.now)
    assert planned(installation, 1) == [Planned(TODAY + DAY, "later", "pin")]


# The calendar.


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Europe/Stockholm", "2026-03-28", "2026-03-27T23:00Z"),
        ("Europe/Stockholm", "2026-03-29", "2026-03-28T23:00Z"),  # 23 hours long
        ("Europe/Stockholm", "2026-03-30", "2026-03-29T22:00Z"),
        ("Europe/Stockholm", "2026-10-25", "2026-10-24T22:00Z"),  # 25 hours long
        ("Europe/Stockholm", "2026-10-26", "2026-10-25T23:00Z"),
        ("Europe/Stockholm", "2028-02-29", "2028-02-28T23:00Z"),
        ("Europe/Stockholm", "2028-03-01", "2028-02-29T23:00Z"),
        ("Europe/Stockholm", "2027-01-01", "2026-12-31T23:00Z"),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00Z"),
        ("America/New_York", "2026-03-09", "2026-03-09T04:00Z"),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00Z"),
        ("America/New_York", "2026-11-02", "2026-11-02T05:00Z"),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00Z"),  # it begins at one in the morning
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00Z"),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z"),  # the day after the 29th
        ("Pacific/Kiritimati", "2026-11-22", "2026-11-21T10:00Z"),
    ],
)
def test_an_edition_appears_with_the_first_instant_of_its_date(
    install: Install, zone: str, day: str, start: str
) -> None:
    made = install(TIMEZONE=zone)
    made.load(exchange(*map(principle, NAMES)))
    begin = datetime.fromisoformat(start)
    made.now = begin - timedelta(seconds=1)
    made.publish()
    assert dates(made)[-1] < date.fromisoformat(day)
    assert made.publish() == []
    made.now = begin
    assert len(made.publish()) == 1
    assert standing(made, date.fromisoformat(day)).published == begin


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Pacific/Apia"])
def test_years_have_every_date_once_whatever_the_clocks_do(install: Install, zone: str) -> None:
    """From 2009 to 2012: nothing is doubled or left out but the date that Apia left out."""
    made = install(TIMEZONE=zone)
    made.load(exchange(*map(principle, NAMES)))
    for year in (2009, 2012):
        made.now = datetime(year, 12, 31, 9, tzinfo=UTC)
        made.publish()
    missing = {date(2011, 12, 30)} if zone == "Pacific/Apia" else set()
    made_dates, site = dates(made), made.site()
    assert made_dates == sorted({*span(made_dates[0], site.today(made.now))} - missing)
    for day in made_dates:
        start = site.start(day)
        assert site.today(start - timedelta(seconds=1)) < day == site.today(start)


def test_a_date_that_the_zone_left_out_is_neither_planned_nor_found(install: Install) -> None:
    made = install(TIMEZONE="Pacific/Apia")
    made.load(exchange(*map(principle, NAMES)))
    made.now = datetime(2011, 12, 29, 22, tzinfo=UTC)
    made.publish()
    plan = [item.date for item in planned(made, 3)]
    assert plan == [date(2011, 12, 31), date(2012, 1, 1)]
    made.now += 2 * DAY
    made.publish()
    with pytest.raises(NotFoundError):
        standing(made, date(2011, 12, 30))


def test_the_ledger_outlives_a_clock_that_goes_backwards(installation: Installation) -> None:
    installation.publish()
    before = stored(installation)
    installation.now -= 3 * DAY
    assert installation.publish() == []
    with installation.open() as db:
        view = editions.today(db, installation.site(), installation.now)
    assert view is not None
    assert view.showing.edition.date == TODAY - 3 * DAY
    assert view.after is None
    with pytest.raises(NotFoundError):
        standing(installation, TODAY)
    installation.now = NOON + DAY
    assert len(installation.publish()) == 1
    assert stored(installation)[:-1] == before


# Stop the press.


def test_what_is_withdrawn_today_is_replaced_by_the_next_in_the_rotation(
    installation: Installation,
) -> None:
    installation.publish()
    gone = standing(installation)
    installation.now += timedelta(hours=1)
    slug = withdraw(installation, reason="  wrong source ")
    assert slug not in (None, gone.principle)
    now_there = standing(installation)
    assert (now_there.principle, now_there.number, now_there.why) == (slug, 2, "rotation")
    assert now_there.published == installation.now
    *_, first, second = stored(installation)
    assert (first["principle"], first["reason"]) == (gone.principle, "wrong source")
    assert datetime.fromisoformat(first["withdrawn"]) == installation.now
    assert (second["withdrawn"], second["reason"]) == (None, None)


def test_a_replacement_has_an_id_of_its_own(installation: Installation) -> None:
    installation.publish()
    assert items(installation)[0].id == "tag:127.0.0.1,2026:en/2026-11-22"
    for number in (2, 3):
        withdraw(installation)
        ids = [item.id for item in items(installation)]
        assert ids[0] == f"tag:127.0.0.1,2026:en/2026-11-22.{number}"
        assert ids[1] == "tag:127.0.0.1,2026:en/2026-11-21"
        assert len(ids) == 15


def test_the_editor_chooses_the_replacement(installation: Installation) -> None:
    installation.publish()
    yesterday = standing(installation, TODAY - DAY).principle
    assert withdraw(installation, slug=yesterday) == yesterday
    assert standing(installation).principle == yesterday


@pytest.mark.parametrize("choice", ["itself", "drafted", "nobody"])
def test_a_principle_that_cannot_be_shown_is_no_replacement_and_nothing_is_withdrawn(
    installation: Installation, choice: str
) -> None:
    installation.load(exchange(principle("drafted", status="draft")))
    installation.publish()
    before = stored(installation)
    slug = standing(installation).principle if choice == "itself" else choice
    with pytest.raises(InputError, match=slug):
        withdraw(installation, slug=slug)
    assert stored(installation) == before


def test_the_editor_may_leave_today_empty(installation: Installation) -> None:
    installation.publish()
    assert withdraw(installation, replace=False) is None
    assert installation.publish() == []
    with pytest.raises(WithdrawnError):
        standing(installation)
    with installation.open() as db:
        view = editions.today(db, installation.site(), installation.now)
    assert view is not None
    assert view.showing.edition.date == TODAY - DAY
    assert len(items(installation)) == 14
    with pytest.raises(NotFoundError):
        withdraw(installation)
    installation.now += DAY
    assert len(installation.publish()) == 1


def test_a_past_edition_is_withdrawn_and_leaves_its_date_empty(installation: Installation) -> None:
    installation.publish()
    before = stored(installation)
    day = TODAY - 5 * DAY
    assert withdraw(installation, day) is None
    with pytest.raises(WithdrawnError):
        standing(installation, day)
    assert f"tag:127.0.0.1,2026:en/{day}" not in [item.id for item in items(installation)]
    assert len(stored(installation)) == len(before)
    assert [row for row in before if row not in stored(installation)] == [before[9]]
    assert installation.publish() == []


@pytest.mark.parametrize("days", [-100, 1])
def test_a_date_without_an_edition_cannot_be_withdrawn(
    installation: Installation, days: int
) -> None:
    installation.publish()
    with pytest.raises(NotFoundError):
        withdraw(installation, TODAY + days * DAY)


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_withdrawal_needs_a_reason(installation: Installation, reason: str) -> None:
    installation.publish()
    before = stored(installation)
    with pytest.raises(InputError, match="reason"):
        withdraw(installation, reason=reason)
    assert stored(installation) == before


def test_withdrawing_goes_through_the_library_and_then_leaves_the_day_empty(
    installation: Installation,
) -> None:
    installation.publish()
    shown: list[str | None] = [standing(installation).principle]
    shown += [withdraw(installation) for _ in NAMES]
    assert shown[-1] is None
    assert set(shown[:-1]) == set(NAMES)
    with pytest.raises(WithdrawnError):
        standing(installation)


def test_a_withdrawn_pin_does_not_come_back_the_same_day(installation: Installation) -> None:
    pin(installation, TODAY, "p5")
    installation.publish()
    assert withdraw(installation) != "p5"
    assert standing(installation).why == "rotation"


def test_what_was_withdrawn_has_had_its_turn(installation: Installation) -> None:
    installation.publish()
    gone = standing(installation).principle
    withdraw(installation)
    assert gone not in [item.principle for item in planned(installation, 6)]


def test_a_day_left_empty_does_not_count_as_the_day_before(install: Install) -> None:
    """Of the three left, the one from another source than the last that stood comes next."""
    for number in range(8):  # eight libraries, as chance would do in one
        made = install(str(number), BACKFILL_DAYS="1")
        books = {"stood": "book", "gone": "other", "a": "book", "b": "other", "c": "book"}
        slugs = {name: f"{name}-{number}" for name in books}
        document = json.loads(exchange()["library.json"])
        document["sources"].append({"slug": "other", "title": "Other", "language": "en"})
        document["principles"] = [
            principle(slugs[name], source=book, themes=[]) for name, book in books.items()
        ]
        made.load({"library.json": json.dumps(document)})
        pin(made, TODAY, slugs["gone"])
        with made.open() as db:
            ledger.pin(db, TODAY - DAY, slugs["stood"])
            db.conn.commit()
        made.publish()
        withdraw(made, replace=False)
        assert [item.principle for item in planned(made, 1)] == [slugs["b"]]


# What stays, and what moves.


def test_the_past_is_never_rewritten(installation: Installation) -> None:
    """Adding, retiring, drafting, correcting and pinning in mid-cycle change only what comes."""
    installation.publish()
    for number in range(1, 30):
        installation.now += DAY
        before = stored(installation)
        slug = NAMES[number % len(NAMES)]
        installation.load(exchange(principle(f"new-{number}"), title=f"A Book, {number}"))
        with installation.open() as db:
            status = ("retired", "draft", "published")[number // len(NAMES)]
            library_changes.revise(db, {"slug": slug, "status": status}, installation.now)
            library_changes.revise(
                db, {"slug": "p0", "texts": {"en": {"title": f"{number}"}}}, installation.now
            )
        pin(installation, TODAY + number * DAY, f"new-{number}" if number % 2 else "p0")
        installation.publish()
        assert stored(installation)[:-1] == before
    assert dates(installation) == span(TODAY - 14 * DAY, TODAY + 29 * DAY)


def test_a_retired_principle_keeps_its_editions_and_gets_no_more(
    installation: Installation,
) -> None:
    installation.publish()
    slug = standing(installation).principle
    before = items(installation)
    installation.load(exchange(principle(slug, status="retired")))
    assert items(installation) == before
    installation.now += 40 * DAY
    assert slug not in installation.publish()


def test_new_principles_come_within_the_running_cycle(installation: Installation) -> None:
    installation.publish()
    cycle = standing(installation).cycle
    installation.load(exchange(*(principle(f"new-{number}") for number in range(4))))
    installation.now += 13 * DAY
    installation.publish()
    in_cycle = {row["principle"] for row in stored(installation) if row["cycle"] == cycle}
    assert in_cycle == {*NAMES, *(f"new-{number}" for number in range(4))}


def _revise_text(made: Installation, slug: str) -> None:
    with made.open() as db:
        library_changes.revise(db, {"slug": slug, "texts": {"en": {"practice": "Ask."}}}, made.now)


def _import_text(made: Installation, slug: str) -> None:
    made.load(exchange(principle(slug, texts={"en": text(practice="Ask.")})))


def _correct_source(made: Installation, slug: str) -> None:
    made.load(exchange(title="Another Book"))


def _change_kind(made: Installation, slug: str) -> None:
    made.load(exchange(principle(slug, kind="quote")))


@pytest.mark.parametrize("correct", [_revise_text, _import_text, _correct_source, _change_kind])
def test_a_correction_keeps_id_and_date_and_moves_updated(
    installation: Installation, correct: Callable[[Installation, str], None]
) -> None:
    installation.publish()
    rows, old = stored(installation), items(installation)[0]
    installation.now += timedelta(hours=2)
    correct(installation, standing(installation).principle)
    new = items(installation)[0]
    assert (new.id, new.url, new.published) == (old.id, old.url, old.published)
    assert (old.updated, new.updated) == (old.published, installation.now)
    assert stored(installation) == rows


def test_a_correction_moves_only_what_its_readers_see(installation: Installation) -> None:
    installation.publish()
    before = {code: items(installation, code) for code in ("en", "sv")}
    installation.now += timedelta(hours=2)
    slug = standing(installation).principle
    installation.load(exchange(principle(slug, texts={"sv": text(practice="Fråga.")})))
    assert items(installation, "en") == before["en"]
    changed = [old for old in before["sv"] if old not in items(installation, "sv")]
    assert changed == [before["sv"][number] for number in _shown(installation, slug)]


def _shown(made: Installation, slug: str) -> list[int]:
    """The places of a principle among the items of the feed."""
    newest_first = [row["principle"] for row in reversed(stored(made))]
    return [place for place, name in enumerate(newest_first) if name == slug]


def test_importing_the_same_again_or_a_typo_moves_nothing(installation: Installation) -> None:
    installation.publish()
    before = [item.updated for item in items(installation)]
    installation.now += timedelta(hours=2)
    installation.load(exchange(*map(principle, NAMES)))
    slug = standing(installation).principle
    with installation.open() as db:
        changes = {"slug": slug, "texts": {"en": {"statement": "A typo less."}}}
        library_changes.revise(db, changes, installation.now, minor=True)
    assert [item.updated for item in items(installation)] == before
    assert items(installation)[0].summary == "A typo less."


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [("de", None, text()), ("sv", text("review"), text()), ("sv", text(), text("review"))],
    ids=["added", "approved", "taken-back"],
)
def test_another_language_for_its_readers_moves_updated(
    install: Install, language: str, before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    """Between the original and a translation that arrives, or that goes again."""
    made = install(LANGUAGES="en,sv,de")
    made.load(exchange(principle("x", texts={language: before} if before else {})))
    made.publish()
    (old, *_) = items(made, language)
    made.now += timedelta(hours=2)
    made.load(exchange(principle("x", texts={language: after})))
    (new, *_) = items(made, language)
    assert {old.language, new.language} == {"en", language}
    assert (new.id, new.published) == (old.id, old.published)
    assert (old.updated, new.updated) == (old.published, made.now)


def test_ids_outlive_a_change_of_host_and_scheme(install: Install) -> None:
    old = install(BASE_URL="http://old.example.org:80")
    old.load(exchange(*map(principle, NAMES)))
    old.publish()
    new = install(BASE_URL="https://new.example.org")
    assert [item.id for item in items(new)] == [item.id for item in items(old)]
    assert items(old)[0].id == "tag:old.example.org,2026:en/2026-11-22"
    assert items(new)[0].url == "https://new.example.org/en/2026-11-22/"
    with new.open() as db:
        assert editions.daily_feed(db, new.site(), "en", NOON).id.startswith("tag:old.example.org,")


# Eight at once.

ROUNDS, PROCESSES = 50, 8


def _publish_in_step(folder: Path, barrier: Barrier, report: Path) -> None:
    """One of the processes: in each round everybody finds the same new dates due."""
    config, made = settings(folder), []
    try:
        for number in range(ROUNDS):
            now = NOON + number * (number + 1) // 2 * DAY  # each time one day more is due
            with opened(config.database) as db:
                barrier.wait(30)
                site = editions.settle(db, config, now)
                choices = editions.publish_due(db, site, config, now)
            made.append([choice.date.isoformat() for choice in choices])
    except BaseException:
        barrier.abort()  # nobody waits for one that failed
        raise
    report.write_text(json.dumps(made))


@pytest.mark.served
def test_eight_processes_at_once_make_one_edition_of_each_date(
    installation: Installation, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    reports = [tmp_path / f"{number}.json" for number in range(PROCESSES)]
    processes = [
        context.Process(
            target=_publish_in_step, args=(installation.config.instance, barrier, report)
        )
        for report in reports
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    told = [json.loads(report.read_text()) for report in reports]
    for rounds in zip(*told, strict=True):
        assert sum(bool(made) for made in rounds) == 1  # one was first, seven found nothing due
    made = sorted(day for rounds in told for days in rounds for day in days)
    assert made == [row["date"] for row in stored(installation)]
    assert dates(installation) == span(TODAY - 14 * DAY, TODAY + (ROUNDS - 1) * ROUNDS // 2 * DAY)
    assert {(row["number"], row["withdrawn"]) for row in stored(installation)} == {(1, None)}


def test_a_replacement_for_another_day_than_today_is_refused(installation: Installation) -> None:
    installation.publish()
    site, day = installation.site(), NOON.date() - DAY
    with installation.open() as db:
        with pytest.raises(InputError, match="Only today’s edition"):
            editions.withdraw(db, site, installation.config, day, "A mistake", NOON, NAMES[0])
        assert ledger.on(db, day) == ledger.before(db, NOON.date())
