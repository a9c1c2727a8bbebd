"""Publishing on a date: a draft is approved and pinned to it, and published when it begins."""

import logging
from collections.abc import Mapping
from datetime import date, datetime

from sqlite_utils import Database

from feed import editions
from feed.config import Config
from feed.editions import pins
from feed.errors import DevisError, FormError, InputError
from feed.library import editing
from feed.library.workflow import Transition
from feed.model import Site
from feed.model.people import Curator
from feed.rotation import Choice
from feed.store import curators, ledger, library
from feed.store.connection import transaction

log = logging.getLogger(__name__)


def publish_on(
    db: Database, site: Site, me: Curator, form: Mapping[str, str], language: str, now: datetime
) -> date:
    """Approve the original of a draft, and pin it to the date on which it is to be published.

    `form` is that of `pins.pin_from_form`. Raises FormError, then changes nothing.
    """
    with transaction(db):
        day = pins.pin_from_form(db, site, me, form, language, now)
        slug = ledger.pins(db)[day]
        found = library.principle(db, slug)
        if found is not None and found.status != "published":
            original = found.original_language
            try:
                editing.act(db, Transition(me, "approve", (original,)), slug, now)
            except FormError as error:  # its fields are those of the principle
                first = next(iter(error.fields.values()))
                wrong = {"principle": InputError(first.message, **first.values)}
                raise FormError(wrong) from error
            ledger.schedule(db, day)
    return day


def publish_due(db: Database, site: Site, config: Config, now: datetime) -> list[Choice]:
    """Publish the principles whose date has come, then add the editions that are due. Idempotent.

    Returns the editions that were added.
    """
    for pin in ledger.scheduled(db, site.today(now)):
        with transaction(db):
            ledger.unschedule(db, pin.date)
            _publish(db, pin.principle, pin.by_id, now)
    return editions.publish_due(db, site, config, now)


def _publish(db: Database, slug: str, by: int | None, now: datetime) -> None:
    """Publish a draft as the person who scheduled it, unless its original awaits approval again."""
    found, person = library.principle(db, slug), curators.by_id(db, by or 0)
    if found is None or person is None or found.texts[found.original_language].state != "approved":
        log.warning("%s is not published on its date: it is not approved", slug)
        return
    try:
        editing.act(db, Transition(person, "publish", ()), slug, now)
    except DevisError as error:
        log.warning("%s is not published on its date: %s", slug, error)
