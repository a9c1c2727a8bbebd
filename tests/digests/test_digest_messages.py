"""E-mails: content, appearance, and how mail programs read them."""

import email
import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from time import perf_counter, process_time
from urllib.parse import urlsplit

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from feed import editions
from feed.clock import Clock
from feed.digests.activity import ActivityItem
from feed.digests.mime import MessageTemplate, Recipient, Sender, sender
from feed.digests.week_ahead import WeekDay
from feed.editions import pins
from feed.errors import InputError
from feed.i18n import translator
from feed.library import exchange
from feed.model import TOKEN, Digest, Showing, Site, Week
from feed.publish import digest, markup, week_story
from feed.server.database_setup import create
from feed.store.sign_in_events import SignInEvent
from tests.conftest import NOON, Installation
from tests.conftest import settings as configured
from tests.web.test_browser import AXE, COLOURS, PAPER

LANGUAGES = ("en", "sv", "fi")  # the last has no text and no catalogue of its own
DIGESTS = ("daily", "quote", "weekly")
KINDS = (*DIGESTS, "welcome", *digest.NOTICES)
ADDRESS = "https://devis.example.org"
LEAVE = "g2h3i4j5k6" * 4 + "l7"
ANNA = Recipient("anna@example.net", "a2b3c4d5e6" * 4 + "f7", "2026-11-25.daily.sv.k3j", LEAVE)
PRIVATE = f"{ADDRESS}/subscription/{'q' * 42}/confirm"
LIST_HEADERS = {
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive"),
    *("Precedence", "Feedback-ID"),
}
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version"),
    *("Content-Language", "Auto-Submitted", "X-Auto-Response-Suppress", "Content-Type"),
}


@dataclass(frozen=True)
class Sample:
    """A site, its editions, and the sender of its e-mails."""

    site: Site
    sender: Sender
    showing: Showing
    quote: Showing
    week: Week

    def letter(self, kind: str, language: str) -> Digest:
        if kind in ("daily", "quote"):
            showing = self.showing if kind == "daily" else self.quote
            return digest.daily(self.site, language, showing)
        if kind == "weekly":
            return digest.weekly(self.site, language, self.week)
        if kind == "welcome":
            return self.welcome(language, self.showing)
        values: dict[str, dict[str, object]] = {
            "confirm": {"url": PRIVATE, "choice": "every day at 07:00, in English", "days": "7"},
            "moved": {"contact": "help@example.org"},
            **{kind: {"url": PRIVATE, "person": "Åsa Öst"} for kind in digest.DESK_NOTICES},
        }
        if kind == "desk-sending":
            values[kind]["alarms"] = ["example.org refuses all & more.", "Nobody was suspended."]
        if kind == "desk-invitation":
            values[kind] |= {"inviter": "Kim Ek", "role": "translator", "languages": "Swedish"}
        if kind == "desk-activity":
            item = ActivityItem(
                "decline", "A", "Kim sent it back:", "Too long.\n& dull", "", "/desk/"
            )
            values[kind] |= {"about": "Sent back", "items": [item, item], "more": 3}
        if kind == "desk-week":
            day = WeekDay("mån 30 nov.", "A & B", ("Pinned", "Swedish: missing"))
            values[kind] |= {"week": 48, "days": [day, day]}
        if kind == "desk-way-in":
            event = SignInEvent(NOON, "proved", "", "link", "192.0.2.0/24", "Firefox, Linux")
            values[kind] |= {"event": event, "what": "Signed in with a link", "at": "Sunday"}
        return digest.notice(self.site, language, kind, **values.get(kind, {"url": PRIVATE}))

    def welcome(self, language: str, showing: Showing | None) -> Digest:
        first = datetime(2026, 11, 23, 7, tzinfo=timezone(timedelta(hours=1)))
        return digest.welcome(
            self.site,
            language,
            showing,
            choice="every day at 07:00, in English",
            first=first,
            today=date(2026, 11, 22),
        )


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The shipped library, at its fifteenth day, and one quotation that only English has."""
    config = configured(
        tmp_path_factory.mktemp("letters"),
        BASE_URL=ADDRESS,
        SITE_NAME="en=The Daily,sv=Dagens åtanke",
        LANGUAGES=",".join(LANGUAGES),
        MAIL_FROM="letters@example.org",
        REPLY_TO="people@example.org",
        BOUNCE_ADDRESS="bounces@example.org",
        POSTAL="Example Ltd, 1 High Street, Exampleton",
        CONTACT="help@example.org",
    )
    made = Installation(config)
    create(config, Clock(NOON, perf_counter()))
    made.load(exchange.shipped_files())
    site = made.site()
    with made.open() as db:
        # One whose source has an address; which one the rotation chooses, depends on the library.
        pins.pin(db, site, date(2026, 11, 22), "know-why-you-meet", NOON)
    made.publish()
    with made.open() as db:
        view = editions.today(db, site, NOON)
        week = editions.weeks(db, site, NOON)[0]
    assert view
    return Sample(site, sender(site, config), view.showing, quoted(view.showing), week)


def quoted(showing: Showing) -> Showing:
    """A quotation in English only, by an author with a non-ASCII name."""
    words = replace(
        showing.text("en"),
        title="On beginning",
        statement="“Begin where you stand.”",
        reflection="",
        practice="Pick one meeting you are going to and say in a sentence what it is for. If you"
        " cannot, have a word with whoever called it.",
        team="",
        commentary="",
    )
    principle = replace(
        showing.principle, kind="quote", original_language="en", texts={"en": words}
    )
    source = replace(
        showing.source, title="Small & Old", author="Åsa Öst", publisher=None, year=1999, url=None
    )
    return replace(showing, principle=principle, source=source)


def parsed(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=policy.default)


def bodies(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML, as they were before they were encoded."""
    text, html = message.iter_parts()
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)
    return (
        text.get_content().replace("\r\n", "\n"),
        html.get_content().replace("\r\n", "\n"),
    )


def preview(html: str) -> str:
    """The hidden text that an inbox shows beside the subject, and what follows it."""
    root = html5lib.parse(html, namespaceHTMLElements=False)
    return "".join(root.find(".//div[@class='preview']").itertext())


def visible(html: str) -> str:
    """What a reader of the HTML sees, without the preview, with single blanks."""
    body = html5lib.parse(html, namespaceHTMLElements=False).find("body")
    for parent in body.iter():
        for child in list(parent):
            if child.get("class") == "preview":
                parent.remove(child)
    return " ".join("".join(body.itertext()).split())


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_conforms_to_the_standards(sample: Sample, kind: str, language: str) -> None:
    made = sample.letter(kind, language)
    data = MessageTemplate(made, sample.sender).fill(ANNA, NOON)
    assert MessageTemplate(sample.letter(kind, language), sample.sender).fill(ANNA, NOON) == data
    assert data.isascii()
    assert b"\0" not in data
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    head, _, body = data.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) < 200
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert len(data) < 32_000  # Gmail cuts at 102 kB

    message = parsed(data)
    assert [part.defects for part in message.walk()] == [[], [], []]
    assert [header.defects for header in message.values()] == [()] * len(message)
    assert len(message.keys()) == len(set(map(str.lower, message.keys())))
    unsubscribe = {"List-Unsubscribe", "List-Unsubscribe-Post"} if kind == "welcome" else set()
    assert set(message.keys()) == HEADERS | (LIST_HEADERS if kind in DIGESTS else unsubscribe)
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    for part, subtype in ((text, "plain"), (html, "html")):
        assert part.get_content_type() == f"text/{subtype}"
        assert part.get_content_charset() == "utf-8"
        assert part["Content-Transfer-Encoding"] == "quoted-printable"
    assert bodies(message) == (
        made.text.replace(TOKEN, ANNA.token),
        made.html.replace(TOKEN, ANNA.token),
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_says_who_writes_to_whom_and_when(
    sample: Sample, kind: str, language: str
) -> None:
    made = sample.letter(kind, language)
    now = datetime(2026, 11, 25, 7, 0, 0, 999, tzinfo=timezone(timedelta(hours=1)))
    message = parsed(MessageTemplate(made, sample.sender).fill(ANNA, now))
    assert list(message.keys())[:5] == ["From", "To", "Subject", "Date", "Message-ID"]
    writer = message["From"].addresses[0]
    assert writer.display_name == ("Dagens åtanke" if language == "sv" else "The Daily")
    assert writer.addr_spec == "letters@example.org"
    assert message["To"] == "anna@example.net"
    assert message["Subject"] == made.subject
    assert message["Date"] == "Wed, 25 Nov 2026 06:00:00 +0000"
    assert message["Message-ID"] == "<2026-11-25.daily.sv.k3j@devis.example.org>"
    assert message["Reply-To"] == "people@example.org"
    assert message["Content-Language"] == language
    assert message["Auto-Submitted"] == "auto-generated"
    known = {"letters", "people", "bounces+" + LEAVE, "help", "anna"}
    everything = "\n".join([*message.values(), *bodies(message)])
    found = set(re.findall(r"([\w.+-]+)@[a-z]", everything))
    assert {"anna", "letters"} < found <= known | {ANNA.message_id}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", DIGESTS)
def test_a_digest_is_a_list_that_one_click_leaves(sample: Sample, kind: str, language: str) -> None:
    made = sample.letter(kind, language)
    message = parsed(MessageTemplate(made, sample.sender).fill(ANNA, NOON))
    rhythm = "weekly" if kind == "weekly" else "daily"
    leave = f"{ADDRESS}/subscription/{ANNA.token}/unsubscribe"
    name, _, list_id = str(make_header(decode_header(message["List-Id"]))).rpartition(" ")
    assert name.strip('"') == sample.site.name(language)
    assert list_id == f"<{rhythm}.{language}.devis.example.org>"
    mail = f"mailto:bounces+{LEAVE}@example.org?subject=unsubscribe"
    assert message["List-Unsubscribe"] == f"<{leave}>, <{mail}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Archive"] == f"<{ADDRESS}/{language}/archive/>"
    assert message["Precedence"] == "bulk"
    day = "2026-11-16" if kind == "weekly" else "2026-11-22"
    assert message["Feedback-ID"] == f"{day}:{rhythm}:{language}:devis"
    for body in bodies(message):
        assert leave in body
        assert f"{ADDRESS}/subscription/{ANNA.token}/" in body.replace(leave, "")
        assert TOKEN not in body
    assert made.date == date.fromisoformat(day)


@pytest.mark.parametrize("language", ["en", "sv"])
def test_a_welcome_says_what_comes_when_and_how_to_change_it(sample: Sample, language: str) -> None:
    made, t = sample.welcome(language, sample.showing), translator(language)
    text = sample.showing.text(language)
    message = parsed(MessageTemplate(made, sample.sender).fill(ANNA, NOON))
    leave = f"{ADDRESS}/subscription/{ANNA.token}/unsubscribe"
    assert message["List-Unsubscribe"].startswith(f"<{leave}>, <mailto:bounces+{LEAVE}@")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for said in (squeezed(made.text), visible(made.html)):
        for part in (text.title, text.statement, text.reflection, text.practice):
            assert part in said
        assert t.gettext("Today’s principle") in said
        assert "very day at 07:00, in English" in said
        assert t.day(date(2026, 11, 23)) in said
        assert sample.showing.source.title in said
        assert t.gettext("Sent to you by a colleague?") not in said
    for body in bodies(message):
        assert leave in body
        assert f"{ADDRESS}/subscription/{ANNA.token}/" in body.replace(leave, "")


def test_a_welcome_without_todays_principle_names_the_day_or_has_none(sample: Sample) -> None:
    before = replace(sample.showing.edition, date=date(2026, 11, 20))
    made = sample.welcome("en", replace(sample.showing, edition=before))
    assert "The principle of Friday 20 November 2026" in squeezed(made.text)
    assert "The principle of Friday 20 November 2026" in visible(made.html)
    bare = sample.welcome("en", None)
    assert "Every day at 07:00, in English" in squeezed(bare.text)
    assert "principle of" not in visible(bare.html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_html_is_sound_small_and_loads_nothing(
    sample: Sample, kind: str, language: str
) -> None:
    html = sample.letter(kind, language).html
    assert len(html.encode()) <= 25_000
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    tags = {element.tag for element in root.iter() if isinstance(element.tag, str)}
    assert not tags & {"img", "link", "script", "iframe", "form", "object", "video", "base"}
    assert not re.search(r"url\(|@import|src=|background=|cid:|http-equiv", html)
    assert root.get("lang") == translator(language).interface
    assert root.find(".//title").text == sample.letter(kind, language).subject
    assert all("@media" in style.text for style in root.iter("style"))
    assert all(table.get("role") == "presentation" for table in root.iter("table"))
    links = [link.get("href") for link in root.iter("a")]
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in links)
    assert not [link for link in links if "utm_" in link or urlsplit(link).fragment]
    assert not [link for link in links if link.startswith(ADDRESS) and "?" in link]
    if kind in ("desk-activity", "desk-week"):
        assert PRIVATE in links
        assert f"{ADDRESS}/desk/account/" in links
    elif kind in digest.NOTICES:
        wanted = "mailto:help@example.org" if kind == "moved" else PRIVATE
        assert links == [wanted]
    else:
        assert f"{ADDRESS}/subscription/{TOKEN}/unsubscribe" in links


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_daily_digest_has_the_whole_edition_in_both_parts(sample: Sample, language: str) -> None:
    made, text = sample.letter("daily", language), sample.showing.text(language)
    t = translator(language)
    day = t.day(date(2026, 11, 22))
    needed = [
        *(text.title, text.statement, text.reflection, text.practice),
        *(t.gettext("To think about"), t.gettext("To do today"), day[1:]),
        *(sample.site.postal or "", sample.site.contact or "", sample.site.name(language)),
        sample.showing.source.title,
    ]
    for said in (squeezed(made.text), visible(made.html)):
        assert [part for part in needed if part not in said] == []
        assert text.commentary not in said
    for body in (made.text, made.html):
        assert f"{ADDRESS}/{language}/2026-11-22/" in body
        assert str(sample.showing.source.url) in body
    assert made.subject == text.title
    assert f">{text.statement[:60]}" in made.html.partition("</div>")[0]  # the preview


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_weekly_digest_has_the_week_in_both_parts(sample: Sample, language: str) -> None:
    """The sentence, the lead in full, then the others in order, each with its credit and act."""
    made = sample.letter("weekly", language)
    assert len(sample.week.showings) == 7
    t = translator(language)
    story = week_story.compose(t, sample.week)
    lead = story.lead.text(language)
    needed = [story.sentence, lead.title, lead.statement, lead.reflection, lead.practice]
    for showing in story.others:
        text = showing.text(language)
        needed += [f"{text.title} ", text.statement, showing.source.title, text.practice]
    for said in (squeezed(made.text.replace("-\n", "\n")), visible(made.html)):
        place = 0
        for part in needed:
            place = said.index(part, place) + 1
        for showing in story.others:
            assert showing.text(language).reflection not in said
    assert visible(made.html).count(markup.credit(t, story.lead.source, story.lead.principle)) >= 1
    for showing in sample.week.showings:
        address = f"{ADDRESS}/{language}/{showing.edition.date}/"
        assert made.text.count(address) == made.html.count(address) == 1


def test_the_subject_of_a_weekly_digest_says_how_much_is_in_it(sample: Sample) -> None:
    lead = week_story.compose(translator("en"), sample.week).lead
    assert sample.week.number == 46
    for language, subject in (
        ("en", f"Week 46: “{lead.text('en').title}” and 6 more"),
        ("sv", f"Vecka 46: ”{lead.text('sv').title}” och 6 till"),
    ):
        assert sample.letter("weekly", language).subject == subject
    short = replace(sample.week, showings=(sample.quote,))
    made = digest.weekly(sample.site, "en", short)
    assert made.subject == "Week 46: “On beginning”"
    assert "The rest of the week" not in made.text + made.html
    assert "– Åsa Öst, “Small & Old”, 1999" in made.text


@pytest.mark.parametrize("kind", KINDS)
def test_an_inbox_shows_the_preview_and_nothing_of_the_body(sample: Sample, kind: str) -> None:
    """Blanks with zero-width characters between them, which no inbox joins, fill the rest."""
    html = sample.letter(kind, "sv").html
    told = preview(html).rstrip("\u200c\u00a0")
    assert len(told) > 0
    assert preview(html).removeprefix(told) == "\u200c\u00a0" * 120
    assert html.index('class="preview"') < html.index("<table")


@pytest.mark.parametrize("kind", DIGESTS)
def test_a_colleague_finds_the_sign_up_where_there_is_one(sample: Sample, kind: str) -> None:
    address = f"{ADDRESS}/en/subscribe/"
    made = sample.letter(kind, "en")
    for said, body in ((squeezed(made.text), made.text), (visible(made.html), made.html)):
        assert "Sent to you by a colleague? Get your own" in said
        assert address in body
    closed = replace(sample, site=replace(sample.site, offers_sign_up=False)).letter(kind, "en")
    assert address not in closed.text + closed.html
    assert "colleague?" not in closed.text + closed.html


@pytest.mark.parametrize("kind", DIGESTS)
def test_a_reply_is_invited_where_a_person_reads_it(sample: Sample, kind: str) -> None:
    asked = "Reply to this email: a person will read it."
    made = sample.letter(kind, "en")
    assert sample.site.reply_to == "people@example.org"
    assert asked in squeezed(made.text)
    assert asked in visible(made.html)
    silent = replace(sample, site=replace(sample.site, reply_to=None)).letter(kind, "en")
    assert asked not in squeezed(silent.text) + visible(silent.html)


def test_the_heading_of_a_day_is_the_date_where_the_reader_is(sample: Sample) -> None:
    made = digest.daily(sample.site, "sv", sample.showing, date(2026, 11, 23))
    assert made.text.startswith("Måndag 23 november 2026\n")
    assert "Måndag 23 november 2026" in visible(made.html)
    assert made.date == date(2026, 11, 22)
    assert f"{ADDRESS}/sv/2026-11-22/" in made.text


ENGLISH = f"""\
Sunday 22 November 2026

On beginning
------------

“Begin where you stand.”
– Åsa Öst, “Small & Old”, 1999

To do today:
Pick one meeting you are going to and say in a sentence what it is for.
If you cannot, have a word with whoever called it.

Read it on the site:
{ADDRESS}/en/2026-11-22/

Thoughts or questions? Reply to this email: a person will read it.

--\N{SPACE}
Sent to you by a colleague? Get your own:
{ADDRESS}/en/subscribe/

You’re receiving this because you asked The Daily for a principle a day.

Change your subscription:
{ADDRESS}/subscription/{TOKEN}/

Unsubscribe:
{ADDRESS}/subscription/{TOKEN}/unsubscribe

Example Ltd, 1 High Street, Exampleton
Contact: help@example.org
"""

SWEDISH = f"""\
Söndag 22 november 2026

On beginning
------------

(Finns ännu inte på svenska; visas på engelska.)

“Begin where you stand.”
– Åsa Öst, ”Small & Old”, 1999

Att göra i dag:
Pick one meeting you are going to and say in a sentence what it is for.
If you cannot, have a word with whoever called it.

Läs den på webbplatsen:
{ADDRESS}/sv/2026-11-22/

Tankar eller frågor? Svara på mejlet, så läser en människa det.

--\N{SPACE}
Fick du det här av en kollega? Prenumerera själv:
{ADDRESS}/sv/subscribe/

Du får det här mejlet för att du prenumererar på en princip om dagen
från Dagens åtanke.

Ändra prenumerationen:
{ADDRESS}/subscription/{TOKEN}/

Avsluta prenumerationen:
{ADDRESS}/subscription/{TOKEN}/unsubscribe

Example Ltd, 1 High Street, Exampleton
Kontakt: help@example.org
"""

CONFIRM = f"""\
Hej!

Någon, troligen du, har bett Dagens åtanke att skicka
ledarskapsprinciper till den här adressen:

Varje dag klockan 07:00

Inga mejl skickas förrän du har bekräftat:

{PRIVATE}

Länken gäller i 7 dagar. Om det inte var du kan du bortse från det här
meddelandet: utan din bekräftelse händer ingenting.

--\N{SPACE}
Dagens åtanke
Example Ltd, 1 High Street, Exampleton
Kontakt: help@example.org
"""


def test_the_text_part_reads_as_typed_by_a_person(sample: Sample) -> None:
    assert sample.letter("quote", "en").text == ENGLISH
    assert sample.letter("quote", "sv").text == SWEDISH
    values = {"url": PRIVATE, "choice": "varje dag klockan 07:00", "days": "7"}
    assert digest.notice(sample.site, "sv", "confirm", **values).text == CONFIRM


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_line_of_text_is_an_address(sample: Sample, kind: str) -> None:
    for language in LANGUAGES:
        text = sample.letter(kind, language).text
        assert not re.search(r"\n\n\n|<|&amp;|&#", text)
        long = [line for line in text.splitlines() if len(line) > digest.WIDTH]
        assert all(re.fullmatch(r"https://\S+", line) for line in long)


@pytest.mark.parametrize("language", ["en", "sv"])
@pytest.mark.parametrize(
    ("kind", "english", "swedish"),
    [
        (
            "confirm",
            "nothing happens unless you confirm.",
            "utan din bekräftelse händer ingenting.",
        ),
        ("known", "so nothing has changed.", "De kommer redan hit, så ingenting har ändrats."),
        ("private", "The link works for one hour.", "Länken gäller i en timme."),
        ("move", "The link works for 7 days.", "Länken gäller i 7 dagar."),
        (
            "moved",
            "let us know: help@example.org",
            "Hör av dig om det inte var du: help@example.org",
        ),
    ],
)
def test_a_notice_says_the_same_in_both_parts(
    sample: Sample, kind: str, english: str, swedish: str, language: str
) -> None:
    made = sample.letter(kind, language)
    said = squeezed(made.text.partition("\n-- \n")[0])
    assert (english if language == "en" else swedish) in said
    for sentence in said.replace(PRIVATE, "").split("  "):
        assert sentence in visible(made.html)
    assert made.date is None
    assert made.archive_url is None


def test_a_notice_lacks_no_value_and_is_of_a_kind(sample: Sample) -> None:
    with pytest.raises(ValueError, match="birthday"):
        digest.notice(sample.site, "en", "birthday", url=PRIVATE)
    with pytest.raises(Exception, match="url"):
        digest.notice(sample.site, "en", "known")
    one = digest.notice(sample.site, "en", "move", url=PRIVATE, days="1")
    assert "The link works for 1 day." in one.text
    week = digest.notice(sample.site, "en", "confirm", url=PRIVATE, choice="every day")
    assert "The link works for 7 days." in week.text


def test_the_notice_of_a_move_says_whom_to_contact(sample: Sample) -> None:
    for site, told in (
        (sample.site, "let us know: help@example.org"),
        (
            replace(sample.site, contact="https://example.org/help"),
            "know: https://example.org/help",
        ),
        (replace(sample.site, contact=None), "reply to this message."),
    ):
        made = digest.notice(site, "en", "moved")
        assert told in squeezed(made.text)
        assert told in visible(made.html)
        assert ("mailto:" in made.html) == (site.contact == "help@example.org")


@pytest.mark.parametrize("language", ["sv", "fi"])
def test_a_text_in_another_language_is_marked_as_such(sample: Sample, language: str) -> None:
    made = sample.letter("quote", language)
    root = html5lib.parse(made.html, namespaceHTMLElements=False)
    marked = "en" if language == "sv" else None  # without a catalogue the email speaks English
    assert root.find(".//h1").get("lang") == marked
    assert root.find(".//p[@class='statement quote']").get("lang") == marked
    note = translator(language).gettext("Not yet in %(wanted)s; shown in %(shown)s.").partition("%")
    assert note[0] in root.find(".//p[@class='note soft line']").text
    assert f"\n({note[0]}" in made.text
    assert not root.findall(".//cite")[0].text.startswith("“")


def test_what_a_curator_writes_stays_text(sample: Sample) -> None:
    odd = replace(
        sample.quote.text("en"), title="Ask <b>first</b> & last", statement="1 < 2\n\n.\n\nFrom me"
    )
    showing = replace(sample.quote, principle=replace(sample.quote.principle, texts={"en": odd}))
    far = "https://example.org/" + "a-long-way-off/" * 8
    made = digest.daily(
        sample.site, "en", replace(showing, source=replace(showing.source, url=far))
    )
    assert f"\n{far}\n" in made.text
    assert made.subject == "Ask <b>first</b> & last"
    assert "Ask <b>first</b> & last\n" in made.text
    assert "<b>" not in made.html
    data = MessageTemplate(made, sample.sender).fill(ANNA, NOON)
    assert b"\r\n." not in data  # nothing for a server to stuff, or to forget about
    assert b"\r\nFrom me" not in data
    assert "\n.\n\nFrom me\n" in bodies(parsed(data))[0]


def test_a_token_goes_to_nobody_else(sample: Sample) -> None:
    trap = f"https://elsewhere.example.com/subscription/{TOKEN}/"
    made = replace(sample.letter("daily", "en"), text=f"{trap} {ADDRESS}/subscription/{TOKEN}/\n")
    text, _ = bodies(parsed(MessageTemplate(made, sample.sender).fill(ANNA, NOON)))
    assert text == f"{trap} {ADDRESS}/subscription/{ANNA.token}/\n"


TITLES = [
    "Ett lyft för förändringen",
    "Räck ner handen 👩‍🚀 till nästa",
    "Lång rubrik på svenska " * 13,
    "A title that is far too long for any inbox " * 7,
    "x" * 300,
    "å" * 300,
    "=?utf-8?q?Not_encoded?=",
    "“Why?”, she asked: “Why not, ‘ever’?”",
    "1 < 2 & “3”; a,b <c@d.example>",
]


@pytest.mark.parametrize("title", TITLES)
def test_any_title_arrives_as_subject_and_name(sample: Sample, title: str) -> None:
    made = replace(sample.letter("daily", "sv"), subject=title)
    by = replace(sample.sender, name=title)
    data = MessageTemplate(made, by).fill(ANNA, NOON)
    message = parsed(data)
    assert message["Subject"] == title.strip()
    assert message["Subject"].defects == ()
    name, address = parseaddr(str(email.message_from_bytes(data)["From"]))
    assert str(make_header(decode_header(name))) == title.strip()
    assert address == "letters@example.org"
    head = data.partition(b"\r\nDate:")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 76
    for word in re.findall(rb"=\?\S+\?=", head):
        assert len(word) <= 75
        word.decode()
        str(make_header(decode_header(word.decode())))  # no letter is cut in two


@pytest.mark.parametrize("bad", ["\r\n", "\n", "\r", "\0", "\x85", "\u2028", "\x0b", "\r\n "])
def test_no_value_breaks_into_the_headers(sample: Sample, bad: str) -> None:
    trap = f"Hello{bad}Bcc: eve@example.com{bad}{bad}Body"
    made = replace(sample.letter("daily", "en"), subject=trap)
    data = MessageTemplate(made, replace(sample.sender, name=trap)).fill(ANNA, NOON)
    message = parsed(data)
    assert "Bcc" not in message
    assert message["Subject"] == "Hello Bcc: eve@example.com Body"
    assert message["From"].addresses[0].addr_spec == "letters@example.org"
    assert len(list(message.iter_parts())) == 2
    form = MessageTemplate(made, sample.sender)
    for address in (f"anna@example.net{bad}Bcc: eve@example.com", f"{bad}anna@example.net"):
        with pytest.raises(InputError):
            form.fill(replace(ANNA, address=address), NOON)
    for field in ("token", "message_id"):
        with pytest.raises(ValueError, match="header"):
            form.fill(replace(ANNA, **{field: f"a{bad}b"}), NOON)


@pytest.mark.parametrize(
    "address",
    [
        *("", "anna", "@example.net", "anna@", "a@b@example.net", "a b@example.net"),
        *("anna@example.net, eve@example.com", "Eve <eve@example.com>", "a@ex ample.net"),
        *("anna@example.net>", '"an"na"@example.net', "an\ud800na@example.net"),
        "a" * 250 + "@example.net",
    ],
)
def test_an_address_is_one_and_whole(sample: Sample, address: str) -> None:
    form = MessageTemplate(sample.letter("daily", "en"), sample.sender)
    with pytest.raises(InputError):
        form.fill(replace(ANNA, address=address), NOON)


@pytest.mark.parametrize(
    "address",
    ["anna+list@example.net", "o'hara@example.net", '"anna b, c"@example.net', "åsa@ost.example"],
)
def test_an_unusual_address_is_left_as_it_is(sample: Sample, address: str) -> None:
    data = MessageTemplate(sample.letter("daily", "en"), sample.sender).fill(
        replace(ANNA, address=address), NOON
    )
    assert f"\r\nTo: {address}\r\n".encode() in data
    assert b"\r\nTo: " in data.replace(address.encode(), b"")
    assert data.replace(address.encode(), b"").isascii()


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("du@räksmörgås.example", "du@xn--rksmrgs-5wao1o.example"),
        ("åsa@öst.example", "åsa@xn--st-eka.example"),
    ],
)
def test_a_domain_is_written_in_ascii(sample: Sample, address: str, written: str) -> None:
    """A server without SMTPUTF8 refuses other headers; only what is before the @ needs it."""
    data = MessageTemplate(sample.letter("daily", "en"), sample.sender).fill(
        replace(ANNA, address=address), NOON
    )
    assert f"\r\nTo: {written}\r\n".encode() in data
    assert data.isascii() == written.isascii()
    with pytest.raises(InputError):
        MessageTemplate(sample.letter("daily", "en"), sample.sender).fill(
            replace(ANNA, address="anna@ö..example"), NOON
        )


def test_without_a_bounce_address_bounces_go_to_the_sender(sample: Sample) -> None:
    assert sample.sender.envelope("abc") == "bounces+abc@example.org"
    plain = replace(sample.sender, bounce_address=None, reply_to=None, address="a&b@example.org")
    assert plain.envelope("abc") == "a&b@example.org"
    message = parsed(MessageTemplate(sample.letter("daily", "en"), plain).fill(ANNA, NOON))
    assert "Reply-To" not in message
    mail = f"mailto:a%26b@example.org?subject=unsubscribe%20{LEAVE}"
    assert message["List-Unsubscribe"].endswith(f", <{mail}>")


@pytest.mark.parametrize("authority", ["127.0.0.1", "::1", "localhost"])
def test_an_id_ends_with_a_domain(sample: Sample, tmp_path: Path, authority: str) -> None:
    config = configured(tmp_path, MAIL_FROM="Devis <devis@mail.example>")
    by = sender(replace(sample.site, authority=authority), config)
    assert (by.name, by.address, by.domain) == ("Devis", "devis@mail.example", "mail.example")
    message = parsed(MessageTemplate(sample.letter("daily", "sv"), by).fill(ANNA, NOON))
    assert message["Message-ID"].endswith("@mail.example>")
    assert message["From"] == "Devis <devis@mail.example>"
    assert message["List-Id"].endswith("<daily.sv.mail.example>")


_BODY = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=200),
        st.sampled_from([f"{ADDRESS}/subscription/{TOKEN}", "\n", ".", "From ", " ", "\t", "="]),
    )
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(pieces=_BODY)
def test_any_text_survives_its_encoding(sample: Sample, pieces: list[str]) -> None:
    text = "".join(pieces) + "\n"
    made = replace(sample.letter("known", "en"), text=text, html=text)
    data = MessageTemplate(made, sample.sender).fill(ANNA, NOON)
    body = data.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert not re.search(rb"(?m)^(\.|From )", body)
    assert b"\n" not in body.replace(b"\r\n", b"")
    own = text.replace(f"subscription/{TOKEN}", f"subscription/{ANNA.token}")
    got = [part.get_payload(decode=True) for part in parsed(data).iter_parts()]
    assert got == [own.replace("\n", "\r\n").encode()] * 2


def test_a_digest_cannot_be_filled_in_without_an_unsubscribe_token(
    sample: Sample,
) -> None:
    form = MessageTemplate(sample.letter("daily", "en"), sample.sender)
    with pytest.raises(ValueError, match="token to unsubscribe"):
        form.fill(replace(ANNA, unsubscribe_token=""), NOON)


def test_filling_in_costs_next_to_nothing(sample: Sample) -> None:
    form = MessageTemplate(sample.letter("weekly", "sv"), sample.sender)
    start = process_time()
    for _ in range(2_000):
        form.fill(ANNA, NOON)
    each = (process_time() - start) / 2_000
    assert each < 100e-6  # some 3 µs on a quiet machine


@pytest.mark.parametrize("kind", KINDS)
def test_an_email_is_accessible_on_any_screen(sample: Sample, browser: Browser, kind: str) -> None:
    """Checked against the WCAG rules only: an e-mail is a page without landmarks."""
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(sample.letter(kind, "sv").html)
        page.evaluate(Axe().axe_script)
        for width in (320, 700):
            page.set_viewport_size({"width": width, "height": 600})
            for scheme, paper in PAPER.items():
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
                options = {"runOnly": ["wcag2a", "wcag2aa", "wcag22aa"]}
                found = page.evaluate(AXE, options if scheme == "light" else COLOURS)
                assert found == [], (width, scheme)
    assert asked == []
