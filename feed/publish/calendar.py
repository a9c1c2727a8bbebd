"""iCalendar (RFC 5545): each edition as an all-day event."""

from collections.abc import Sequence
from datetime import timedelta

from icalendar import Calendar, Event
from icalendar.prop import vDuration, vUri

from feed.i18n import Translator, translator
from feed.model import Showing, Site
from feed.publish import markup

REFRESH = timedelta(hours=6)


def render(site: Site, language: str, showings: Sequence[Showing]) -> bytes:
    """Render editions as an iCalendar file in UTF-8: lines folded, CRLF line ends.

    The UID of an event never changes, like the feed id of its edition.
    """
    t, name = translator(language), site.name(language)
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", f"-//{site.authority}//Devis//{language.upper()}")
    calendar.add("method", "PUBLISH")
    for key in ("name", "x-wr-calname"):  # RFC 7986, and the older extension
        calendar.add(key, name)
    calendar.add("description", t.gettext("One leadership principle a day."))
    calendar.add("url", vUri(site.url(f"/{language}/")))
    calendar_url = vUri(site.url(f"/{language}/calendar.ics"))
    calendar.add("source", calendar_url, parameters={"value": "URI"})
    for key in ("refresh-interval", "x-published-ttl"):
        calendar.add(key, vDuration(REFRESH), parameters={"value": "DURATION"})
    for showing in showings:
        calendar.add_component(_event(site, showing, t))
    return bytes(calendar.to_ical())


def _event(site: Site, showing: Showing, t: Translator) -> Event:
    edition, text = showing.edition, showing.text(t.language)
    updated = showing.updated(t.language)
    language = {"language": text.language}
    event = Event()
    event.add("uid", f"{t.language}-{edition.key}@{site.authority}")
    event.add("dtstamp", updated)
    event.add("last-modified", updated)
    event.add("dtstart", edition.date)
    event.add("dtend", edition.date + timedelta(days=1))
    event.add("summary", text.title, parameters=language)
    event.add("description", markup.plain_text_body(site, showing, t), parameters=language)
    event.add("url", vUri(site.url(markup.edition_path(t.language, showing))))
    event.add("categories", [theme.text(t.language)[1].name for theme in showing.themes])
    event.add("transp", "TRANSPARENT")  # does not mark the person as busy
    return event
