"""Sending as the desk shows it, and the overview of what waits."""

import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from filelock import FileLock
from playwright.sync_api import Browser

from feed import editions, worker
from feed.checks.machine import WORKER_LOCK
from feed.library import editing
from feed.library.workflow import Transition
from feed.store import bounce_alarms, domain_answers, subscribers
from feed.store.bounce_alarms import BounceAlarm
from feed.store.connection import transaction
from feed.store.subscribers import Share
from tests import desk_server
from tests.conftest import NOON, Installation
from tests.desk_client import Desk
from tests.desk_server import DeskServer
from tests.mail_harness import MailHarness, mail_harness

TODAY = NOON.date()
BOARD = "/desk/sending/"
CELL = r"<t[dh][^>]*>(.*?)</t[dh]>"


@pytest.fixture
def desk(devis: Installation) -> Desk:
    return Desk(devis)


@pytest.fixture(scope="module")
def serve_desk(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Iterator[DeskServer]:
    with desk_server.serve_desk(tmp_path_factory.mktemp("sending")) as made:
        made.desk.account("editor")
        subscribe(mail_harness(made.desk.installation))
        grow(made.desk, 40)
        letters(made.desk)
        yield made


def subscribe(made: MailHarness) -> None:
    """Six people: in English three daily and one weekly, in Swedish one of each."""
    for n in range(3):
        made.subscribe(f"reader{n}@example.org")
    made.subscribe("weekly@example.org", cadence="weekly")
    made.subscribe("dagligen@example.org", language="sv")
    made.subscribe("veckovis@example.org", language="sv", cadence="weekly")


def grow(desk: Desk, days: int) -> None:
    """Add one more subscriber on each of the days before today."""
    with desk.installation.open() as db, transaction(db):
        for n in range(1, days + 1):
            share = Share("en", "daily", days - n)
            subscribers.save_shares(db, TODAY - timedelta(days=n), [share])


def letters(desk: Desk) -> None:
    """Today's digest to six subscribers: three sent, one deferred, one bounced, one skipped."""
    fates = (
        *[("sent", None)] * 3,
        ("deferred", "451 4.7.1 Greylisted"),
        ("bounced", "550 5.1.1 <b>No such user</b>"),
        ("skipped", "left"),
    )
    with desk.installation.open() as db, transaction(db):
        db.execute("INSERT INTO letters VALUES (90, 'daily', ?)", [TODAY.isoformat()])
        for n, (state, reason) in enumerate(fates, 1):
            db.execute(
                "INSERT INTO deliveries (letter, subscriber, language, state, due, at, reason)"
                " VALUES (90, ?, 'en', ?, ?, ?, ?)",
                [n, state, NOON.isoformat(), NOON.isoformat(), reason],
            )


def cells(page: str, title: str) -> list[list[str]]:
    """The rows of the first table under a heading, as what their cells say."""
    table = page[page.index(f">{title}<") :]
    table = table[: table.index("</table>")]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)
    return [[said(cell) for cell in re.findall(CELL, row, re.DOTALL)] for row in rows]


def said(cell: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", cell).split())


def test_the_board_counts_readers_by_language_and_cadence_and_names_nobody(desk: Desk) -> None:
    subscribe(mail_harness(desk.installation))
    letters(desk)
    page = desk.sign_in("editor").get(BOARD).text
    assert cells(page, "Who gets emails") == [
        ["Language", "Daily", "Weekly", "Total"],
        ["English", "3", "1", "4"],
        ["Swedish", "1", "1", "2"],
        ["Total", "4", "2", "6"],
    ]
    assert "6 people get emails." in page
    assert "@" not in page.replace("editor@example.org", "")


def test_the_board_works_without_subscribers_or_digests(desk: Desk) -> None:
    page = desk.sign_in("editor").get(BOARD).text
    assert "Nobody gets emails yet." in page
    assert "No email was due." in page
    assert 'polyline points="0.0,160.0 600.0,160.0"' in page


def test_the_delivery_report_has_outcomes_and_reasons(desk: Desk) -> None:
    letters(desk)
    page = desk.sign_in("editor").get(BOARD).text
    rows = cells(page, "What happened to the emails")
    assert rows[1] == ["Sunday 22 November 2026"]
    name, due, sent, rest = rows[2]
    assert (name, due, sent) == ("Daily, English", "6", "3")
    assert rest.startswith("1 waiting, 1 came back, 1 left out")
    assert "1 × they had left in the meantime" in rest
    assert "1 × 550 5.1.1 &lt;b&gt;No such user" in rest
    with desk.installation.open() as db, transaction(db):
        db.execute("UPDATE curators SET language = 'sv'")
    assert "1 × prenumerationen hade avslutats" in desk.sign_in("editor").get(BOARD).text


def test_the_proof_is_read_a_week_at_a_time(desk: Desk) -> None:
    letters(desk)
    user = desk.sign_in("editor")
    page = user.get(BOARD).text
    assert ">Later<" not in page
    (earlier,) = re.findall(r'class="before" href="([^"#]*)', page)
    page = user.get(earlier).text
    assert "9 November 2026 to 15 November 2026" in page
    assert "No email was due." in page
    (later,) = re.findall(r'class="after" href="([^"#]*)', page)
    assert "Daily, English" in user.get(later).text
    for odd in ("tomorrow", "2027-01-01", "0001-01-01", "9999-12-31", "2026-02-30", "", "\0"):
        assert user.get(BOARD, query_string={"until": odd}).status_code == 200


def test_the_worker_keeps_how_many_there_were_and_the_chart_shows_it(desk: Desk) -> None:
    made = mail_harness(desk.installation)
    clean_up(made.at("2026-11-20T08:00:00+00:00"))
    subscribe(made)
    clean_up(made.at("2026-11-20T22:30:00+00:00"))
    with made.open() as (db, _):
        assert subscribers.daily_totals(db, TODAY - timedelta(days=9)) == [
            (TODAY - timedelta(days=2), 4, 2)
        ]
    page = desk.sign_in("editor").get(BOARD).text
    assert cells(page, "The same as a table")[1:] == [
        ["Sun 22 Nov", "4", "2", "6"],
        ["Fri 20 Nov", "4", "2", "6"],
    ]
    assert 'polyline points="0.0,0.0 600.0,0.0"' in page


def clean_up(made: MailHarness) -> None:
    lock = FileLock(made.config.instance / WORKER_LOCK)
    with lock:
        worker.clean_up(made.config, made.clock(), lock, threading.Event())


def test_the_chart_rises_and_its_text_alternative_gives_first_and_last_values(desk: Desk) -> None:
    subscribe(mail_harness(desk.installation))
    grow(desk, 200)
    page = desk.sign_in("editor").get(BOARD).text
    (line,) = re.findall(r'polyline points="([^"]*)"', page)
    points = [tuple(map(float, pair.split(","))) for pair in line.split()]
    assert len(points) == 91  # ninety days, and today
    assert (points[0][0], points[-1][0]) == (0, 600)
    heights = [160 - y for _, y in points]
    assert heights[:-1] == sorted(heights[:-1])
    assert heights[-1] == pytest.approx(6 / 199 * 160, abs=0.1)
    assert "A line from 110 people on 24 August 2026 to 6 on 22 November 2026" in page


def test_the_overview_shows_each_role_its_pending_work(desk: Desk) -> None:
    curator = desk.sign_in("curator")
    assert curator.me is not None
    with desk.installation.open() as db:
        plan = editions.plan(db, desk.installation.site(), desk.installation.config, NOON, 3)
        with transaction(db):
            db.execute(
                "UPDATE texts SET state = 'draft' WHERE principle = ? AND language = 'sv'",
                [plan[0].principle],
            )
            db.execute(
                "DELETE FROM texts WHERE principle = ? AND language = 'sv'", [plan[1].principle]
            )
        working = editing.working(db, plan[2].principle)
        texts = {**working.entry["texts"]}
        texts["en"] = {**texts["en"], "title": "Another title"}
        entry = {**working.entry, "texts": texts}
        saved = editing.save(db, Transition(curator.me, "review"), entry, working, NOON)
        assert saved.waiting
    for role, reviews in {"translator": 0, "curator": 0, "editor": 1}.items():
        page = desk.sign_in(role).get("/desk/").text
        assert len(re.findall(r'href="/desk/principles/[^/]*/review"', page)) == reviews, role
        assert len(re.findall(r'href="/desk/translations/[^/"]+/sv/"', page)) == 2, role
        assert "2 of the next 30 days are incomplete" in page, role
        assert ("The last emails" in page) == (role == "editor")


def test_the_overview_shows_today_and_the_last_digests(desk: Desk) -> None:
    letters(desk)
    user = desk.sign_in("administrator")
    page = user.get("/desk/").text
    assert "Today" in page
    assert "Sunday 22 November 2026" in page
    assert cells(page, "The last emails")[2][:3] == ["Daily, English", "6", "3"]
    with desk.installation.open() as db:
        site, config = desk.installation.site(), desk.installation.config
        editions.withdraw(db, site, config, TODAY, "Late", NOON, replace=False)
    assert "Nothing is shown today." in user.get("/desk/").text


@pytest.mark.parametrize(("language", "width", "scheme"), desk_server.VIEWS)
def test_its_pages_are_sound(
    serve_desk: DeskServer, browser: Browser, language: str, width: int, scheme: str
) -> None:
    with serve_desk.signed_in(browser, "editor", language) as context:
        page = context.new_page()
        page.goto(BOARD)
        page.locator("summary").click()
        desk_server.assert_accessible(page, language, width, scheme)
        page.goto("/desk/")
        desk_server.assert_accessible(page, language, width, scheme)


def test_answers_are_shown_by_domain_the_most_refused_first(desk: Desk) -> None:
    answers = {
        (TODAY, "a.example", "accepted"): 1200,
        (TODAY - timedelta(days=1), "a.example", "later"): 2,
        (TODAY, "b.example", "us"): 7,
        (TODAY, "c.example", "dead"): 1,
        (TODAY - timedelta(days=8), "old.example", "us"): 9,
    }
    more = {(TODAY, f"d{number}.example", "accepted"): 1 for number in range(30)}
    with desk.installation.open() as db, transaction(db):
        domain_answers.add(db, {**answers, **more})  # type: ignore[dict-item]
    page = desk.sign_in("editor").get(BOARD).text
    rows = cells(page, "By the recipients’ domain")
    assert rows[:4] == [
        ["Domain", "Accepted", "Deferred", "No such address", "Sender refused"],
        ["b.example", "0", "0", "0", "7"],
        ["a.example", "1,200", "2", "0", "0"],
        ["c.example", "0", "0", "1", "0"],
    ]
    assert rows[-1] == ["Other domains", "13", "0", "0", "0"]
    assert len(rows) == 22


@pytest.mark.slow
def test_the_numbers_of_200_000_deliveries_by_domain_are_read_in_50_ms(desk: Desk) -> None:
    """A week, and 5 000 domains on every day of it."""
    week = [TODAY - timedelta(days=number) for number in range(7)]
    changes = {(day, f"d{n}.example", "accepted"): 6 for day in week for n in range(5000)}
    with desk.installation.open() as db, transaction(db):
        domain_answers.add(db, changes)  # type: ignore[arg-type]
    with desk.installation.open() as db:
        took = []
        for _ in range(5):
            began = time.process_time()
            total, *_ = domain_answers.by_domain(db, week[-1], week[0], 20)
            took.append(time.process_time() - began)
        plan = db.execute(
            "EXPLAIN QUERY PLAN SELECT domain FROM domain_answers WHERE date BETWEEN '' AND '9'"
        ).fetchone()
    assert total.accepted == 210_000
    assert "SEARCH domain_answers USING PRIMARY KEY" in plan[3]
    assert min(took) < 0.05


def alarm(desk: Desk) -> None:
    """Of 100 recipients 30 were reported dead at once, in words that a server chose."""
    found = BounceAlarm(TODAY, "", NOON, 30, 100, "550 5.1.1 <script>no such user")
    with desk.installation.open() as db, transaction(db):
        bounce_alarms.add(db, found)


def test_an_administrator_decides_an_alarm_with_one_button(desk: Desk) -> None:
    alarm(desk)
    assert "Are these addresses really gone?" not in desk.sign_in("editor").get(BOARD).text
    refused = desk.sign_in("editor").post(f"{BOARD}bounces", {"decision": "accepted"})
    assert refused.status_code == 403
    user = desk.sign_in("administrator")
    page = user.get(BOARD).text
    assert "30 of 100 addresses that the email of 2026-11-22 went to were reported dead" in page
    assert "550 5.1.1 &lt;script&gt;no such user" in page
    assert "Are these addresses really gone?" in page
    answer = user.post(f"{BOARD}bounces", {"decision": "discarded"}, follow_redirects=True)
    assert "Decided: the reports are forgotten" in answer.text
    assert "reported dead" not in answer.text


def test_the_alarm_is_shown_in_swedish_too(desk: Desk) -> None:
    alarm(desk)
    user = desk.sign_in("administrator")
    with desk.installation.open() as db, transaction(db):
        db.execute("UPDATE curators SET language = 'sv'")
    page = user.get(BOARD).text
    assert "30 av de 100 adresser som mejlet för 2026-11-22 gick till" in page
    assert "Ja, stoppa mejlen till dem" in page
