"""The calendar of the desk: the plan, what is missing in it, pins, and stopping the press."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page

from feed import editions, worker
from feed.accounts import people
from feed.checks.machine import WORKER_LOCK
from feed.editions import publishing, withdrawals
from feed.errors import WithdrawnError
from feed.library import editing, scheduling, undo
from feed.library.workflow import Transition
from feed.store import curators, ledger, library, outbox, revisions
from feed.store.connection import transaction
from tests import desk_server
from tests.conftest import NOON, Installation, fetch
from tests.desk_client import Desk, DeskUser, field_errors
from tests.desk_server import DeskServer
from tests.mail_harness import MailHarness, links, recipients
from tests.mail_harness import mail_harness as mail_harness

TODAY = NOON.date()
BOARD = "/desk/calendar/"
PIN, WITHDRAW = f"{BOARD}pin", f"{BOARD}withdraw"


@pytest.fixture
def desk(devis: Installation) -> Desk:
    return Desk(devis)


@pytest.fixture(scope="module")
def serve_desk(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Iterator[DeskServer]:
    with desk_server.serve_desk(tmp_path_factory.mktemp("calendar")) as made:
        yield made


def after(days: int) -> date:
    return TODAY + timedelta(days=days)


def plan(desk: Desk) -> list[publishing.UpcomingDay]:
    with desk.installation.open() as db:
        return publishing.upcoming_days(
            db, desk.installation.site(), desk.installation.config, desk.installation.now, 60
        )


def slug_on(desk: Desk, days: int) -> str:
    """What is planned for so many days from today."""
    principle = plan(desk)[days - 1].principle
    assert principle is not None
    return principle.slug


def title(desk: Desk, slug: str, language: str = "en") -> str:
    with desk.installation.open() as db:
        found = library.principle(db, slug)
    assert found is not None
    return found.text(language).title


def pins(desk: Desk) -> dict[date, str]:
    with desk.installation.open() as db:
        return ledger.pins(db)


def change(desk: Desk, query: str, *values: str) -> None:
    with desk.installation.open() as db, transaction(db):
        db.execute(query, list(values))


def row(page: str, day: date) -> str:
    """What the board says of a day."""
    found = re.search(rf'<td [^>]*id="d{day.isoformat()}"(.*?)</td>', page, re.DOTALL)
    assert found
    return found[1]


def today(desk: Desk) -> str | None:
    with desk.installation.open() as db:
        found = ledger.on(db, TODAY)
    return found.principle if found and not found.withdrawn else None


def month_of(user: DeskUser, day: date) -> str:
    """The page of the month that a day is in."""
    answer = user.get(f"{BOARD}?date={day.isoformat()}")
    assert answer.status_code == 200
    return answer.text


def words(page: str) -> str:
    """The text of a piece of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_a_month_shows_the_ledger_up_to_today_and_then_the_real_rotation(desk: Desk) -> None:
    user = desk.sign_in("translator")
    page, december = user.get(BOARD).text, month_of(user, date(2026, 12, 31))
    assert re.findall(r'id="d(\d{4}-\d\d-\d\d)"', page) == [
        f"2026-11-{day:02}" for day in range(1, 31)
    ]
    with desk.installation.open() as db:
        site, config = desk.installation.site(), desk.installation.config
        shown = ledger.between(db, after(-14), TODAY)
        planned = editions.plan(db, site, config, NOON, 39)
    assert len(shown) == 15
    expected = {each.date: each.principle for each in shown}
    for day, slug in (expected | {each.date: each.principle for each in planned}).items():
        cell = row(page if day.month == 11 else december, day)
        assert f"/desk/principles/{slug}/" in cell
    assert "Filled in when the site started" in row(page, after(-1))
    assert "Next in the rotation" in row(page, TODAY)
    assert "Next in the rotation" in row(december, date(2026, 12, 24))
    assert "Nothing is missing" in page
    assert PIN not in page
    assert WITHDRAW not in page


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2030-12-05", "9999-12-31", "soon"])
def test_every_month_of_the_calendar_has_a_page(desk: Desk, day: str) -> None:
    page = desk.sign_in("editor").get(f"{BOARD}?date={day}").text
    assert f'id="d{"2026-11-30" if day == "soon" else day}"' in page
    assert ('rel="prev"' in page, 'rel="next"' in page) == (day[0] != "0", day[0] != "9")


def test_a_day_years_ahead_is_pinned_and_says_its_year(desk: Desk) -> None:
    user, day = desk.sign_in("editor"), date(2030, 12, 5)
    answer = user.post(PIN, {"date": day.isoformat(), "principle": "leave-a-space"})
    assert answer.location == f"{BOARD}?done=2030-12-05#d2030-12-05"
    page = user.get(answer.location).text
    assert "The plan from Thu 5 Dec 2030 on" in page
    assert "Pinned Editor Åström" in words(row(page, day))
    assert "This far ahead only pins are shown." in page
    assert "Nothing can be shown" not in page
    assert "leave-a-space" not in row(page, date(2030, 12, 6))


def test_a_principle_is_pinned_from_its_own_page(desk: Desk) -> None:
    user = desk.sign_in("editor")
    page = user.get("/desk/principles/leave-a-space/").text
    (form,) = re.findall(rf'(?s)<form[^>]*action="{PIN}">.*?</form>', page)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    hidden.pop("mark")
    assert user.post(PIN, {**hidden, "date": "2027-03-08"}).status_code == 303
    page = user.get("/desk/principles/leave-a-space/").text
    assert "Monday 8 March 2027" in page
    assert PIN not in desk.sign_in("curator").get("/desk/principles/leave-a-space/").text


def status(desk: Desk, slug: str) -> tuple[str, str]:
    """The status of a principle, and the state of its original."""
    with desk.installation.open() as db:
        found = library.principle(db, slug)
    assert found is not None
    return found.status, found.texts[found.original_language].state


def make_draft(desk: Desk, slug: str) -> None:
    change(desk, "UPDATE principles SET status = 'draft' WHERE slug = ?", slug)
    change(desk, "UPDATE texts SET state = 'draft' WHERE principle = ?", slug)


def publish_on(desk: Desk, slug: str, day: date) -> DeskUser:
    """An editor sends the form on the page of a draft."""
    user = desk.sign_in("editor")
    page = user.get(f"/desk/principles/{slug}/").text
    (form,) = re.findall(rf'(?s)<form[^>]*action="{PIN}">.*?</form>', page)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    hidden.pop("mark")
    assert user.post(PIN, {**hidden, "date": day.isoformat()}).status_code == 303
    return user


def test_a_draft_is_published_when_its_date_begins_as_the_plan_says(desk: Desk) -> None:
    slug = slug_on(desk, 2)
    make_draft(desk, slug)
    user = publish_on(desk, slug, after(4))
    assert status(desk, slug) == ("draft", "approved")
    assert "Published then Editor Åström" in words(row(user.get(BOARD).text, after(4)))
    assert "published then" in user.get(f"/desk/principles/{slug}/").text
    site, config = desk.installation.site(), desk.installation.config
    with desk.installation.open() as db:
        planned = {each.date: each.principle for each in editions.plan(db, site, config, NOON, 90)}
        assert next(day for day, each in planned.items() if each == slug) == after(4)
        for days in range(1, 91):
            choices = scheduling.publish_due(db, site, config, NOON + timedelta(days=days))
            assert [each.slug for each in choices] == [planned[after(days)]]
            if days < 4:
                assert status(desk, slug)[0] == "draft"
        newest = revisions.newest(db, slug)
    assert status(desk, slug) == ("published", "approved")
    assert newest is not None
    assert (newest.action, newest.by) == ("publish", "Editor Åström")


def test_what_is_changed_before_its_date_waits_for_an_editor_again(desk: Desk) -> None:
    slug, site, config = slug_on(desk, 2), desk.installation.site(), desk.installation.config
    make_draft(desk, slug)
    user = publish_on(desk, slug, after(1))
    curator = desk.account("curator")
    with desk.installation.open() as db:
        known = editing.working(db, slug)
        original = known.entry["original_language"]
        text = {**known.entry["texts"][original], "title": "Something else"}
        entry = {**known.entry, "texts": {original: text}}
        editing.save(db, Transition(curator), entry, known, NOON)
        assert "Pinned, but it can’t be shown" in row(user.get(BOARD).text, after(1))
        for _ in range(2):
            scheduling.publish_due(db, site, config, NOON + timedelta(days=1))
    assert status(desk, slug) == ("draft", "review")


def test_a_date_to_publish_on_moves_with_its_pin(desk: Desk) -> None:
    slug, far = slug_on(desk, 2), date(2031, 3, 8)
    make_draft(desk, slug)
    user = publish_on(desk, slug, after(4))
    moved = {"pinned": after(4).isoformat(), "date": far.isoformat(), "principle": slug}
    assert user.post(PIN, moved).status_code == 303
    assert "Published then" in words(row(month_of(user, far), far))
    with desk.installation.open() as db:
        assert [pin.date for pin in ledger.scheduled(db, far)] == [far]
        number = undo.remove_pin(db, desk.account("editor"), far, BOARD, NOON)
        assert ledger.scheduled(db, far) == []
        undo.undo(db, desk.account("editor"), number, NOON)
        assert [pin.date for pin in ledger.scheduled(db, far)] == [far]


def test_a_draft_that_cannot_be_approved_gets_no_date(desk: Desk) -> None:
    slug = slug_on(desk, 2)
    make_draft(desk, slug)
    change(desk, "UPDATE principles SET kind = 'quote' WHERE slug = ?", slug)
    change(
        desk,
        "UPDATE sources SET author = NULL WHERE slug ="
        " (SELECT source FROM principles WHERE slug = ?)",
        slug,
    )
    form = {"date": after(3).isoformat(), "principle": slug, "publishes": "1"}
    answer = desk.sign_in("editor").post(PIN, form)
    assert answer.status_code == 422
    assert "A quote needs an author" in field_errors(answer)[0]
    assert 'name="publishes" value="1"' in answer.text
    assert pins(desk) == {}
    assert status(desk, slug) == ("draft", "draft")


def test_every_day_says_why_it_has_what_it_has(desk: Desk) -> None:
    user, pinned = desk.sign_in("editor"), slug_on(desk, 20)
    user.post(PIN, {"date": after(1).isoformat(), "principle": pinned})
    desk.installation.now = NOON + timedelta(days=3)  # two days were missed
    desk.installation.publish()
    user = desk.sign_in("editor")
    form = {"edition": after(3).isoformat(), "reason": "Wrong author", "sure": "1"}
    user.post(WITHDRAW, {**form, "instead": "rotation"})
    chosen = {"edition": f"{after(3)}.2", "instead": "chosen", "principle": slug_on(desk, 20)}
    page = user.get(BOARD).text
    assert "Pinned Editor Åström Made late, 25 Nov 2026, 11:59" in words(row(page, after(1)))
    assert "Next in the rotation Made late" in words(row(page, after(2)))
    replaced = words(row(page, after(3)))
    assert "Withdrawn by Editor Åström: Wrong author" in replaced
    assert "Replacement: next in the rotation" in replaced
    user.post(WITHDRAW, {**form, **chosen})
    page = user.get(BOARD).text
    assert "Replacement: chosen by Editor Åström" in words(row(page, after(3)))
    user.post(WITHDRAW, {"edition": after(2).isoformat(), "reason": "Too late", "sure": "1"})
    gone = words(row(user.get(BOARD).text, after(2)))
    assert "Withdrawn by Editor Åström: Too late" in gone
    assert "Nothing was shown" not in gone


def test_what_is_missing_within_thirty_days_is_flagged(desk: Desk) -> None:
    lacking = {n: slug_on(desk, n) for n in (5, 10, 12, 40)}
    change(
        desk,
        "UPDATE texts SET state = 'draft' WHERE principle = ? AND language = 'sv'",
        lacking[5],
    )
    change(desk, "DELETE FROM texts WHERE principle = ? AND language = 'sv'", lacking[10])
    change(
        desk,
        "UPDATE texts SET version = 9 WHERE principle = ? AND language ="
        " (SELECT original_language FROM principles WHERE slug = principle)",
        lacking[12],
    )
    change(desk, "DELETE FROM texts WHERE principle = ? AND language = 'sv'", lacking[40])
    user = desk.sign_in("editor")
    page = user.get(BOARD).text
    for n, said in ((5, "Draft"), (10, "Missing"), (12, "Outdated"), (40, "Missing")):
        cell = row(month_of(user, after(n)), after(n))
        assert said in cell
        assert ("lacking" in cell) == (n < 31)
    jumps = re.findall(rf'href="{BOARD}\?date=([\d-]+)#d\1"', page)
    assert jumps == [after(n).isoformat() for n in (5, 10, 12)]
    assert "On 3 days something is missing" in page


def test_a_library_that_has_run_dry_shows_as_gaps(desk: Desk) -> None:
    change(desk, "UPDATE principles SET status = 'retired'")
    page = desk.sign_in("curator").get(BOARD).text
    assert page.count("Nothing can be shown.") == 8
    assert "On 30 days something is missing" in page


def test_a_pin_is_set_moved_and_removed(desk: Desk) -> None:
    user, slug = desk.sign_in("editor"), slug_on(desk, 30)
    answer = user.post(PIN, {"date": after(3).isoformat(), "principle": title(desk, slug)})
    assert answer.status_code == 303
    assert pins(desk) == {after(3): slug}
    page = user.get(BOARD).text
    assert slug in row(page, after(3))
    assert "Pinned" in row(page, after(3))

    form = user.get(f"{PIN}?date={after(3).isoformat()}").text
    assert f'name="pinned" value="{after(3).isoformat()}"' in form
    assert f'value="{slug}"' in form
    given = {"date": after(8).isoformat(), "principle": slug, "pinned": after(3).isoformat()}
    assert user.post(PIN, given).status_code == 303
    assert pins(desk) == {after(8): slug}

    user.post(f"{BOARD}unpin", {"pinned": after(8).isoformat()})
    assert pins(desk) == {}
    assert 'class="chip"' not in user.get(BOARD).text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"date": ""}, "Choose a date, such as 2026-11-23."),
        ({"date": "2026-02-30"}, "Choose a date, such as 2026-11-23."),
        ({"date": "2026-11-22"}, "2026-11-22 has had its principle. Choose a later date."),
        ({"date": "2020-01-01"}, "2020-01-01 has had its principle. Choose a later date."),
        ({"date": "2026-11-24"}, "is pinned to that day already"),
        ({"principle": ""}, "Say which principle"),
        ({"principle": "zebra <b>"}, "Nothing published is called “zebra &lt;b&gt;”"),
        ({"principle": "'\"(*"}, "Nothing published is called"),
        ({"principle": "you", "chosen": "no-such"}, "Several principles match “you”"),
    ],
)
def test_a_pin_that_cannot_be_says_why_and_loses_nothing(
    desk: Desk, given: dict[str, str], said: str
) -> None:
    user = desk.sign_in("editor")
    user.post(PIN, {"date": after(2).isoformat(), "principle": slug_on(desk, 20)})
    before = pins(desk)
    sent = {"date": "2026-12-01", "principle": "leave-a-space", **given}
    answer = user.post(PIN, sent)
    assert answer.status_code == 422
    (wrong,) = field_errors(answer)
    assert said in wrong
    assert f'value="{sent["date"]}"' in answer.text
    assert pins(desk) == before


def test_words_that_fit_several_principles_offer_them(desk: Desk) -> None:
    user = desk.sign_in("editor")
    sent = {"date": after(4).isoformat(), "principle": "you"}
    page = user.post(PIN, sent).text
    offered = re.findall(r'name="chosen" value="([a-z0-9-]+)"', page)
    assert len(offered) > 1
    assert 'name="asked" value="you"' in page
    # Other words count for more than what was ticked for the words before.
    given = {**sent, "chosen": offered[1], "asked": "you"}
    assert user.post(PIN, {**given, "principle": "zebra"}).status_code == 422
    assert user.post(PIN, given).status_code == 303
    assert pins(desk) == {after(4): offered[1]}


def test_an_idle_pin_is_shown_with_the_reason(desk: Desk) -> None:
    user, slug = desk.sign_in("editor"), slug_on(desk, 25)
    user.post(PIN, {"date": after(3).isoformat(), "principle": slug})
    change(desk, "UPDATE principles SET status = 'draft' WHERE slug = ?", slug)
    said = row(user.get(BOARD).text, after(3))
    assert "Pinned, but it can’t be shown:" in said
    assert slug in said
    assert 'class="chip"' not in said


def test_editors_are_mailed_once_a_day_while_something_is_missing(desk: Desk) -> None:
    for role in ("translator", "curator", "editor", "administrator"):
        desk.account(role)
    gone = desk.account("editor", "Gone Away")
    with desk.installation.open() as db:
        people.disable(db, gone.id, NOON)
    made = mail_harness(desk.installation)
    assert tidied(made) == []
    change(desk, "DELETE FROM texts WHERE principle = ? AND language = 'sv'", slug_on(desk, 7))
    assert tidied(made) == ["administrator@example.org", "editor@example.org"]
    for instant in ("2026-11-22T12:00:00+00:00", "2026-11-22T22:59:00+00:00"):
        assert tidied(made.at(instant)) == []
    messages = made.at("2026-11-22T23:01:00+00:00")  # the site's next date
    assert len(tidied(messages)) == 2


def tidied(made: MailHarness) -> list[str]:
    """Whom the worker's hourly job has mailed; each mail leads to the calendar."""
    lock = FileLock(made.config.instance / WORKER_LOCK)
    with lock:
        worker.clean_up(made.config, made.clock(), lock, threading.Event())
    messages = made.new_messages()
    for message in messages:
        assert any(link.endswith(BOARD) for link in links(message))
    return recipients(messages)


def test_a_withdrawal_shows_its_effects_before_it_is_confirmed(desk: Desk) -> None:
    user, before = desk.sign_in("editor"), today(desk)
    assert before is not None
    form = {"edition": TODAY.isoformat(), "reason": " Wrong  author ", "instead": "rotation"}
    sure = user.post(WITHDRAW, form)
    assert sure.status_code == 200
    assert today(desk) == before
    assert "Wrong author" in sure.text
    assert "within two seconds" in sure.text
    (promised,) = re.findall(r"<strong><span>(.*?)</span></strong>", sure.text)

    answer = user.post(WITHDRAW, {**form, "sure": "1"})
    assert answer.status_code == 303
    instead = today(desk)
    assert instead not in (None, before)
    assert title(desk, str(instead)) == promised.replace("&#39;", "'")
    page = user.get(BOARD).text
    listed = page[page.index('id="withdrawn"') :]
    assert title(desk, before) in listed
    assert "<q>Wrong author</q>" in listed
    assert "Editor Åström" in listed


def test_what_is_sent_twice_does_not_take_the_replacement_back(desk: Desk) -> None:
    user = desk.sign_in("editor")
    form = {"edition": TODAY.isoformat(), "reason": "Late", "instead": "rotation", "sure": "1"}
    assert user.post(WITHDRAW, form).status_code == 303
    instead = today(desk)
    for again in (form, {k: v for k, v in form.items() if k != "sure"}):
        assert user.post(WITHDRAW, again).status_code == 303
        assert today(desk) == instead
    assert user.post(WITHDRAW, {**form, "edition": f"{TODAY}.2"}).status_code == 303
    assert today(desk) not in (None, instead)


def test_of_two_editors_at_once_one_withdraws(desk: Desk) -> None:
    form = {"edition": TODAY.isoformat(), "reason": "Late", "instead": "rotation"}
    site, config = desk.installation.site(), desk.installation.config
    first, second = desk.account("editor"), desk.account("editor", "Another Editor")
    with desk.installation.open() as db:
        wanted = [withdrawals.parse_form(db, site, config, form, "en", NOON) for _ in range(2)]
        done = withdrawals.carry_out(db, site, config, first, wanted[0], NOON)
        with pytest.raises(WithdrawnError):
            withdrawals.carry_out(db, site, config, second, wanted[1], NOON)
        ((_, who),) = ledger.withdrawn(db, 10)
    assert done is not None
    assert (today(desk), who) == (done.slug, first.name)


def test_an_editor_can_choose_the_replacement_or_none(desk: Desk) -> None:
    user, slug = desk.sign_in("editor"), slug_on(desk, 30)
    form = {"edition": TODAY.isoformat(), "reason": "Late", "instead": "chosen", "principle": slug}
    sure = user.post(WITHDRAW, form)
    assert title(desk, slug) in sure.text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', sure.text))
    hidden.pop("mark")
    assert user.post(WITHDRAW, {**hidden, "sure": "1"}).status_code == 303
    assert today(desk) == slug
    form = {"edition": f"{TODAY}.2", "reason": "Late", "instead": "nothing", "sure": "1"}
    assert user.post(WITHDRAW, form).status_code == 303
    assert today(desk) is None
    assert "Nothing is shown today." in user.get(BOARD).text


def test_an_older_edition_is_withdrawn_and_not_replaced(desk: Desk) -> None:
    user, day = desk.sign_in("editor"), after(-3)
    form = user.get(f"{WITHDRAW}?date={day.isoformat()}").text
    assert "this day stays empty" in form
    assert 'name="instead"' not in form
    user.post(WITHDRAW, {"edition": day.isoformat(), "reason": "Late", "sure": "1"})
    assert desk.installation.client().get(f"/en/{day.isoformat()}/").status_code == 410
    answer = user.get(f"{WITHDRAW}?date={day.isoformat()}")
    assert answer.status_code == 404
    assert "was withdrawn" in answer.text


@pytest.mark.parametrize("day", ["2026-11-23", "2019-01-01", "soon", "2026-02-31"])
def test_a_date_without_an_edition_is_an_error_in_the_form(desk: Desk, day: str) -> None:
    answer = desk.sign_in("editor").get(f"{WITHDRAW}?date={day}")
    assert answer.status_code == 404
    assert day in field_errors(answer)[0]
    assert f'value="{day}"' in answer.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": " "}, "A withdrawal needs a reason."),
        ({"reason": "x" * 501}, "A reason has 500 characters at most; this has 501."),
        ({"instead": ""}, "Choose what takes its place."),
        ({"instead": "anything"}, "Choose what takes its place."),
        ({"instead": "chosen", "principle": "zebra"}, "Nothing published is called “zebra”"),
        ({"instead": "chosen", "principle": "OWN"}, "cannot be shown today"),
    ],
)
def test_a_withdrawal_that_cannot_be_says_why_and_does_nothing(
    desk: Desk, given: dict[str, str], said: str
) -> None:
    user, before = desk.sign_in("editor"), today(desk)
    assert before is not None
    sent = {"edition": TODAY.isoformat(), "reason": "Wrong", "instead": "rotation", "sure": "1"}
    sent |= {name: before if value == "OWN" else value for name, value in given.items()}
    answer = user.post(WITHDRAW, sent)
    assert answer.status_code == 422
    assert said in field_errors(answer)[0]
    assert f'value="{sent["reason"]}"' in answer.text
    assert today(desk) == before
    for key in ("", "2026-11-22.7777777", "2026-99-99", "2027-01-01", "x"):
        assert user.post(WITHDRAW, {**sent, "edition": key}).status_code in (303, 404)


def test_queued_emails_halt_and_sent_ones_are_counted(desk: Desk) -> None:
    made, user = mail_harness(desk.installation), desk.sign_in("editor")
    for name in ("anna", "bo"):
        made.subscribe(f"{name}@example.org", hour="13")
    made.at("2026-11-22T12:00:30+00:00").start_due_runs()
    form = {"edition": TODAY.isoformat(), "reason": "Late", "instead": "nothing"}
    assert "2 that wait are not sent" in user.post(WITHDRAW, form).text
    user.post(WITHDRAW, {**form, "sure": "1"})
    assert made.new_messages() == []
    assert {state for _, state, _ in made.states()} == {"skipped"}


def test_who_withdrew_is_not_known_of_the_command_line(desk: Desk) -> None:
    with desk.installation.open() as db:
        editions.withdraw(
            db, desk.installation.site(), desk.installation.config, TODAY, "By hand", NOON
        )
        ((edition, who),) = ledger.withdrawn(db, 10)
        assert (edition.principle, who) == (edition.principle, None)
        assert outbox.claim(db, "desk", NOON) == []
        assert curators.is_empty(db)
    assert "By hand" in desk.sign_in("translator").get(BOARD).text


CHANNELS = (
    *("/en/", "/sv/", "/en/2026-11-22/", "/en/archive/2026/11/", "/en/feed.rss", "/en/feed.atom"),
    *("/en/feed.json", "/sv/feed.rss", "/sv/feed.atom", "/sv/feed.json", "/en/widget/"),
    *("/sv/widget/", "/api/v1/today?lang=en", "/api/v1/editions?lang=en", "/en/calendar.ics"),
    *("/api/v1/editions/2026-11-22?lang=sv", "/en/today.txt", "/sv/calendar.ics", "/sv/today.txt"),
)
CARD = "/en/card/2026-11-22.png"


def test_every_channel_follows_within_two_seconds(serve_desk: DeskServer, browser: Browser) -> None:
    desk, address = serve_desk.desk, serve_desk.address
    old = today(desk)
    assert old is not None
    card = fetch(address + CARD).body
    assert [path for path in CHANNELS * 3 if not shows(address, path, desk, old)] == []
    with serve_desk.signed_in(browser, "editor") as context:
        page = context.new_page()
        stop(page, "Nothing")
        begun = time.monotonic()
        page.get_by_role("button", name="Withdraw it now").click()
        page.get_by_role("status").wait_for()
        gone = [*CHANNELS, CARD]
        while gone and time.monotonic() < begun + 2:
            gone = [path for path in gone if fetch(address + path).body == card]
            gone = [path for path in gone if path == CARD or shows(address, path, desk, old)]
        assert gone == []
    assert today(desk) is None
    # Each of the two processes has followed: many fresh connections see nothing of it.
    assert [path for path in CHANNELS * 4 if shows(address, path, desk, old)] == []
    for path in ("/en/2026-11-22/", "/api/v1/editions/2026-11-22", CARD):
        assert fetch(address + path).status == 410


def shows(address: str, path: str, desk: Desk, slug: str) -> bool:
    """Whether a channel shows a principle; calendars fold their lines."""
    body = fetch(address + path).body.decode().replace("\r\n ", "")
    wanted = title(desk, slug, "sv" if "sv" in path else "en")
    return wanted in body


def stop(page: Page, instead: str) -> None:
    """As an editor does it, from the calendar to the page that asks to confirm."""
    page.goto(BOARD)
    page.get_by_role("link", name="Withdraw or replace it").click()
    page.get_by_label("Why").fill("The source asks for it")
    page.get_by_role("radio", name=instead).check()
    page.get_by_role("button", name="Continue").click()


@pytest.mark.parametrize(("language", "width", "scheme"), desk_server.VIEWS)
def test_its_pages_are_sound(
    serve_desk: DeskServer, browser: Browser, language: str, width: int, scheme: str
) -> None:
    day = after(-5).isoformat()
    change(
        serve_desk.desk,
        "DELETE FROM texts WHERE principle = ? AND language = 'sv'",
        slug_on(serve_desk.desk, 6),
    )
    with serve_desk.signed_in(browser, "editor", language) as context:
        page = context.new_page()
        page.goto(BOARD)
        desk_server.assert_accessible(page, language, width, scheme)
        page.goto(f"{PIN}?date={after(9).isoformat()}&principle=a")
        page.locator("#principle").press("Enter")
        page.locator("#summary").wait_for()
        desk_server.assert_accessible(page, language, width, scheme)
        page.goto(f"{WITHDRAW}?date={day}")
        desk_server.assert_accessible(page, language, width, scheme)
        page.locator("#reason").fill("…")
        page.locator("#reason").press("Enter")
        page.locator(".effects").wait_for()
        desk_server.assert_accessible(page, language, width, scheme)
