"""Every public address at awkward moments, on a ledger that already reaches further than the clock.

Nothing that is published names a date after today, weeks follow ISO 8601, and every dated link
leads somewhere. The addresses come from the URL map, so that a new one takes part by itself.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

import feedparser
import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from feed import clock
from feed.server import database_setup
from feed.store import ledger
from feed.store.connection import stamp, transaction
from tests.conftest import Installation, settings
from tests.golden import FOLDER
from tests.mail_harness import MailHarness

pytestmark = pytest.mark.slow

STOCKHOLM = ZoneInfo("Europe/Stockholm")
DAY = timedelta(days=1)
# When an installation began, and the last date of its ledger.
SPANS = ((date(2026, 11, 22), date(2027, 4, 2)), (date(2027, 10, 10), date(2028, 4, 1)))
MOMENTS = (
    "2026-12-31T23:59:59+01:00",
    "2027-01-01T00:00:00+01:00",
    "2027-01-03T12:00:00+01:00",  # Sunday of 2026-W53
    "2027-01-04T00:00:00+01:00",
    "2027-01-12T12:00:00+01:00",
    "2027-01-31T23:59:59+01:00",
    "2027-03-27T23:59:59+01:00",
    "2027-03-28T00:00:00+01:00",
    "2027-03-28T03:30:00+02:00",  # an hour after 02:30, which that night lacks
    "2027-10-31T00:00:00+02:00",
    "2027-10-31T02:30:00+01:00",
    "2027-10-31T23:59:59+01:00",
    "2028-02-29T12:00:00+01:00",
    "2028-03-01T00:00:00+01:00",
    "2028-03-29T12:00:00+02:00",  # three days before the ledger's end
    "2028-03-31T23:59:59+02:00",
)
PRIVATE = ("/desk/", "/subscription/")
REDIRECTS = {"service.root"}
NEXT = {  # these say when the next edition comes
    *("pages.today", "pages.edition", "api.today", "api.edition", "api.list_editions"),
    "api.list_changes",
}
AHEAD = {"service.security"}  # security.txt says until when it holds (RFC 9116)
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
NUMBERS = {
    name: number for text in MONTHS.values() for number, name in enumerate(text.split(), start=1)
}
WRITTEN = re.compile(rf"(?:(\d{{1,2}}) )?\b({'|'.join(NUMBERS)}) (\d{{4}})\b")
LINK = re.compile(
    r"(?:http://127\.0\.0\.1:8000)?(/(?:en|sv|api/v1)/[^\s\"'<>)\\#]*\d{4}[-/]\d\d[^\s\"'<>)\\#]*)"
)


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> dict[date, Installation]:
    """Installations by the last date of their ledger, which has an edition for every date."""
    return {last: seeded(tmp_path_factory.mktemp("ahead"), first, last) for first, last in SPANS}


def seeded(folder: Path, first: date, last: date) -> Installation:
    made = Installation(settings(folder, CONTACT="anna@example.org"))
    made.now = datetime.combine(first, time(12), STOCKHOLM).astimezone(UTC)
    database_setup.create(made.config, clock.Clock(made.now, monotonic()))
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    made.now = datetime.combine(last, time(12), STOCKHOLM).astimezone(UTC)
    made.publish()
    with made.open() as db, transaction(db):  # as if each had been made on its day
        for day in ledger.dates(db, last):
            start = datetime.combine(day, time(), STOCKHOLM).astimezone(UTC)
            db.execute("UPDATE editions SET published = ? WHERE date = ?", [stamp(start), f"{day}"])
    return made


@pytest.fixture(scope="module", params=MOMENTS)
def then(ahead: dict[date, Installation], request: pytest.FixtureRequest) -> Installation:
    """An installation at one of the moments, its ledger ahead of its clock."""
    return at(ahead, request.param)


def at(ahead: dict[date, Installation], moment: str) -> Installation:
    now = datetime.fromisoformat(moment).astimezone(UTC)
    found = next(made for last, made in ahead.items() if now < made.now)
    return replace(found, now=now, _made=None)


def first_of(site: Installation) -> date:
    """The first date of its ledger: BACKFILL_DAYS before the start."""
    return next(start for start, last in SPANS if today_of(site) < last) - 14 * DAY


def today_of(site: Installation) -> date:
    return site.now.astimezone(STOCKHOLM).date()


def language_of(site: Installation) -> str:
    """English and Swedish by turns."""
    return ("en", "sv")[site.now.day % 2]


def public_rules(site: Installation) -> list[Rule]:
    site.client()
    assert site._made
    rules = site._made[2].url_map.iter_rules()
    return [r for r in rules if "GET" in (r.methods or ()) and not r.rule.startswith(PRIVATE)]


def fillers(rule: Rule, site: Installation) -> Iterator[dict[str, object]]:
    """Values for the variables of an address. Raises KeyError for one that is not known here."""
    today, language = today_of(site), language_of(site)
    last_month = (today.replace(day=1) - DAY).replace(day=1)
    slug = rule.endpoint.partition(".")[2].partition("_")[0]
    known: dict[str, object] = {
        "language": language,
        "tag": language,
        "day": today.isoformat() if rule.endpoint.startswith("api.") else today,
        "first": last_month if "form" in rule.arguments else today.replace(day=1),
        "number": today.year,
        "slug": {"principle": "both", "theme": "trust", "source": "known"}.get(slug),
        "filename": "icon.png",
    }
    values = {name: known[name] for name in rule.arguments - {"form"}}
    assert None not in values.values(), f"{rule.rule}: no value for its slug is known here"
    for form in ("rss", "atom", "json") if "form" in rule.arguments else ("",):
        yield values | ({"form": form} if form else {})


def addresses(site: Installation) -> Iterator[tuple[str, str]]:
    """Every public address, with its endpoint."""
    rules = public_rules(site)
    assert site._made
    urls = site._made[2].url_map.bind("127.0.0.1:8000")
    for rule in rules:
        for values in fillers(rule, site):
            yield rule.endpoint, urls.build(rule.endpoint, values)


def named_dates(body: str) -> Iterator[date]:
    """Every date that a text names: ISO 8601, in words of either language, as RSS has it."""
    for year, month, day in re.findall(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)", body):
        yield date(int(year), int(month), int(day))
    for day, month, year in WRITTEN.findall(body):
        yield date(int(year), NUMBERS[month], int(day or 1))
    for year, month in re.findall(r"/archive/(\d{4})/(\d\d)/", body):
        yield date(int(year), int(month), 1)
    for text in re.findall(r"<(?:pubDate|lastBuildDate)>([^<]+)<", body):
        yield parsedate_to_datetime(text).astimezone(STOCKHOLM).date()


def check_dates(endpoint: str, path: str, content: bytes, today: date) -> None:
    if path.endswith(".ics"):
        starts = re.findall(rb"^DTSTART;VALUE=DATE:(\d{8})\r$", content, re.MULTILINE)
        assert max(starts).decode() == f"{today:%Y%m%d}", path
        return
    if endpoint in AHEAD or path.endswith((".png", ".ico")):
        return
    # A change has the moment at which it was recorded, by a clock that was ahead.
    text = re.sub(r'"at":"[^"]*"', "", content.decode())
    later = {found for found in named_dates(text) if found > today}
    assert later <= ({today + DAY} if endpoint in NEXT else set()), path


def answer(client: FlaskClient, path: str, statuses: tuple[int, ...]) -> bytes:
    with client.get(path) as found:
        assert found.status_code in statuses, (path, found.status_code)
        return bytes(found.data)


def test_no_public_address_names_a_later_date_or_a_dead_link(then: Installation) -> None:
    client, today = then.client(), today_of(then)
    dated: set[str] = set()
    for endpoint, path in addresses(then):
        content = answer(client, path, (302,) if endpoint in REDIRECTS else (200,))
        check_dates(endpoint, path, content, today)
        # The examples of the OpenAPI document are of a site of their own.
        if not path.endswith((".png", ".ico", "sitemap.xml", "openapi.json")):
            text = content.decode().replace("\r\n ", "").replace("&amp;", "&")
            dated.update(LINK.findall(text))
    shapes: dict[str, list[str]] = {}
    for link in sorted(dated):
        shapes.setdefault(re.sub(r"\d", "0", link), []).append(link)
    assert len(shapes) >= 4
    for alike in shapes.values():  # the oldest and the newest of each kind
        for link in {alike[0], alike[-1]}:
            answer(client, link, (200, 301, 302, 308))


def test_lists_end_with_today_and_tomorrow_is_nowhere(then: Installation) -> None:
    client, today, language = then.client(), today_of(then), language_of(then)
    tomorrow = today + DAY
    items = json.loads(client.get(f"/{language}/feed.json").data)["items"]
    assert items[0]["id"].endswith(f"{language}/{today}")
    editions = json.loads(client.get("/api/v1/editions").data)
    assert editions["items"][0]["date"] == today.isoformat()
    assert editions["total"] == (today - first_of(then)).days + 1
    asked = json.loads(client.get(f"/api/v1/editions?to={today + 9 * DAY}").data)
    assert asked["items"][0]["date"] == today.isoformat()
    for path in (
        f"/{language}/%s/",
        f"/{language}/card/%s.png",
        "/api/v1/editions/%s",
    ):
        answer(client, path % today, (200,))
        answer(client, path % tomorrow, (404,))
    if tomorrow.month != today.month:
        answer(client, f"/{language}/archive/{tomorrow:%Y/%m}/", (404,))


def whole_weeks(first: date, today: date) -> list[str]:
    """The last thirty whole ISO weeks since the first date, newest first: a week has the year of
    its Thursday."""
    monday = today - timedelta(days=today.weekday() + 7)
    found: list[str] = []
    while monday + 6 * DAY >= first and len(found) < 30:
        thursday = monday + 3 * DAY
        number = (thursday - date(thursday.year, 1, 1)).days // 7 + 1
        found.append(f"{thursday.year}-W{number:02}")
        monday -= 7 * DAY
    return found


def test_weeks_are_those_of_iso_8601(then: Installation) -> None:
    client, today, language = then.client(), today_of(then), language_of(then)
    expected = whole_weeks(first_of(then), today)
    for form in ("rss", "atom"):
        parsed = feedparser.parse(client.get(f"/{language}/weekly.{form}").data)
        assert [entry["id"].rpartition("/")[2] for entry in parsed.entries] == expected
    items = json.loads(client.get(f"/{language}/weekly.json").data)["items"]
    assert [item["id"].rpartition("/")[2] for item in items] == expected
    for item in items[:2]:
        page, _, anchor = item["url"].partition("#")
        assert f'id="{anchor}"' in client.get(page).text


def test_the_turn_of_the_year_has_a_week_53(ahead: dict[date, Installation]) -> None:
    client = at(ahead, "2027-01-12T12:00:00+01:00").client()
    items = json.loads(client.get("/en/weekly.json").data)["items"]
    keys = [item["id"].rpartition("/")[2] for item in items]
    assert keys[:3] == ["2027-W01", "2026-W53", "2026-W52"]
    assert [item["title"] for item in items[:2]] == ["Week 1, 2027", "Week 53, 2026"]


def test_the_weekly_email_of_4_january_is_of_week_53(
    ahead: dict[date, Installation], tmp_path: Path
) -> None:
    made = at(ahead, "2027-01-02T12:00:00+01:00")
    config = replace(made.config, database=tmp_path / "devis.sqlite3")
    config.database.write_bytes(made.config.database.read_bytes())
    harness = MailHarness(config, made.now)
    harness.start_due_runs()
    harness.subscribe("anna@example.org", cadence="weekly", language="en")
    (message,) = harness.new_messages("2027-01-04T07:00:05+01:00")
    assert str(message["Subject"]).startswith("Week 53:")
