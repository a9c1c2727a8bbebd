"""Drafts of the desk's forms: stored from every POST before any check, and offered again.

A form with drafts has a signed field that names the person who opened it. So the text is stored for
that person after the end of their session, too, and nobody else can write their drafts.
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flask import Response, g, request
from itsdangerous import BadSignature, Signer
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from feed.desk import session
from feed.desk.draft_changes import DraftPage, Kind, has_changes, page_of
from feed.errors import InputError, StoreError
from feed.files import without_controls
from feed.library import drafts as library_drafts
from feed.library import vocabulary
from feed.library.drafts import FormOrigin
from feed.model import Source, Theme
from feed.store import curators, desk_queries, drafts
from feed.store.drafts import Draft
from feed.store.library import Vocabulary
from feed.web.context import db, here, key, language, now, translate

log = logging.getLogger(__name__)

FIELD = "draft"  # the signed field of forms, and the query parameter that opens a draft
HEADER = "Devis-Draft"  # of responses: the time at which the submitted form was stored
SECRET = ("code", "credential", session.CSRF_FIELD)
UNSHOWN = {*SECRET, FIELD, "act", "base", "form", "principle"}
_NOT_STORED = {*SECRET, FIELD, "act"}
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class OfferedDraft:
    """A draft as pages show it: the title of what it is about, empty for something new without one.

    `day` and `time` say when it was typed: a weekday within the last week, else a date.
    """

    id: int
    kind: Kind
    title: str
    language: str
    address: str
    day: str
    time: str


def store_submitted() -> Draft | None:
    """Store the form of this request as a draft of its writer; None for a form without drafts.

    A form without changes has no draft: an earlier one is deleted.
    """
    origin = _origin()
    try:
        owner = curators.by_id(db(), origin.curator) if origin else None
        if origin is None or owner is None or owner.disabled:
            return None
        g.draft_origin = origin
        given = _typed()
        if not has_changes(db(), origin.path, given, owner, here().config.languages):
            library_drafts.remove(db(), origin)
            return None
        draft = _as_opened(origin, given) or library_drafts.save(
            db(), origin, list(given.items(multi=True)), now()
        )
    except (StoreError, InputError) as error:  # the request goes on: its page has the text
        log.warning("desk: a draft could not be stored: %s", error)
        g.draft_error = error
        return None
    g.draft_at = draft.at
    return draft


def remove_submitted() -> None:
    """Delete the draft of the form that was submitted: it is saved now."""
    origin: FormOrigin | None = g.pop("draft_origin", None)
    g.pop("draft_at", None)
    if origin is not None:
        library_drafts.remove(db(), origin)


def opened() -> MultiDict[str, str] | None:
    """The fields of the draft that the address of this page names, if it is one of this page."""
    number = request.args.get(FIELD, "")
    draft = drafts.get(db(), int(number), session.me().id) if _NUMBER.fullmatch(number) else None
    if draft is None or draft.path != request.path:
        return None
    g.draft_opened = draft
    return MultiDict(draft.fields)


def address(draft: Draft) -> str:
    """The address of the page with the draft in its form."""
    return f"{draft.path}?{FIELD}={draft.id}"


def signed_field(path: str) -> Markup:
    """The hidden field that stores a form as a draft; `path` is the page with the form."""
    origin: FormOrigin | None = g.get("draft_origin")
    opened: Draft | None = g.get("draft_opened")
    me = session.me().id
    if origin is None or (origin.curator, origin.path) != (me, path):
        origin = FormOrigin(me, secrets.token_hex(8), path)
    if opened is not None and opened.path == path:
        origin = replace(origin, opened=opened.id, digest=opened.digest)
    parts = (me, int(now().timestamp()), origin.page, origin.opened, origin.digest, path)
    value = _signer().sign(" ".join(map(str, parts))).decode()
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, value)


def offered(path: str | None = None) -> list[OfferedDraft]:
    """The drafts of the person signed in, newest first; with `path`, the other ones of a page."""
    origin: FormOrigin | None = g.get("draft_origin") if path else None
    opened: Draft | None = g.get("draft_opened") if path else None
    found = [
        each
        for each in drafts.of_curator(db(), session.me().id, path)
        if each != opened and (origin is None or not _is_in_form(each, origin))
    ]
    return _offered(found)


def _is_in_form(draft: Draft, origin: FormOrigin) -> bool:
    """Whether the submitted form has this draft: its own, or the one that its page opened."""
    is_opened = (draft.id, draft.digest) == (origin.opened, origin.digest)
    return draft.page == origin.page or is_opened


def shown(path: str) -> OfferedDraft | None:
    """The draft that the form of a page has, where the address of this page names one."""
    draft: Draft | None = g.get("draft_opened")
    return _offered([draft])[0] if draft and draft.path == path else None


def add_header(response: Response) -> None:
    """Add the time at which the submitted form was stored, for scripts."""
    if "draft_at" in g:
        stored: datetime = g.draft_at.astimezone(here().config.timezone)
        response.headers[HEADER] = f"{stored:%H:%M}"


def _offered(found: Sequence[Draft]) -> list[OfferedDraft]:
    pages = [page_of(each.path) for each in found]
    titles = _titles(pages)
    zone, t = here().config.timezone, translate()
    today = now().astimezone(zone).date()
    offers = []
    for draft, page in zip(found, pages, strict=True):
        title, code = titles.get(page) or _typed_title(draft)
        at = draft.at.astimezone(zone)
        day = t.weekday(at) if (today - at.date()).days < 7 else t.date(at)
        offers.append(
            OfferedDraft(draft.id, page.kind, title, code, address(draft), day, f"{at:%H:%M}")
        )
    return offers


def _titles(pages: Sequence[DraftPage]) -> dict[DraftPage, tuple[str, str]]:
    """The titles of what drafts are about, with their languages."""
    kinds: tuple[Vocabulary, ...] = ("sources", "themes")
    slugs = {page.slug for page in pages if page.slug and page.kind not in kinds}
    titles = {
        ("", row.slug): (row.title, row.language)
        for row in desk_queries.rows(db(), slugs, language())
    }
    for kind in kinds:
        if wanted := [page.slug for page in pages if page.kind == kind]:
            items = vocabulary.items(db(), kind, wanted)
            titles |= {(kind, slug): _named(item) for slug, item in items.items()}
    keys = {page: (page.kind if page.kind in kinds else "", page.slug) for page in pages}
    return {page: titles[key] for page, key in keys.items() if key in titles}


def _named(item: Source | Theme) -> tuple[str, str]:
    name = vocabulary.name(item, language())
    return name, item.language if isinstance(item, Source) else item.text(language())[0]


def _typed() -> MultiDict[str, str]:
    """The fields of this request that a draft stores, as a page can show them."""
    return MultiDict(
        (name, without_controls(value.replace("\r\n", "\n")))
        for name, value in request.form.items(multi=True)
        if name not in _NOT_STORED
    )


def _origin() -> FormOrigin | None:
    """The origin of the submitted form; None without a valid signature, or an expired one."""
    try:
        text = _signer().unsign(request.form.get(FIELD, "")).decode()
    except BadSignature:
        return None
    curator, since, page, opened, digest, path = text.split(" ")
    if now().timestamp() - int(since) > library_drafts.RETENTION.total_seconds():
        return None
    return FormOrigin(int(curator), page, path, int(opened), digest)


def _as_opened(origin: FormOrigin, given: MultiDict[str, str]) -> Draft | None:
    """The draft that the page opened, if the form still has its content.

    It is not stored again: another page may have changed it since.
    """
    if not origin.opened or drafts.digest_of(list(given.items(multi=True))) != origin.digest:
        return None
    draft = drafts.get(db(), origin.opened, origin.curator)
    return draft if draft and draft.page != origin.page else None


def _typed_title(draft: Draft) -> tuple[str, str]:
    """The first title or name in the draft of something new, and its language."""
    for name, value in draft.fields:
        code, _, part = name.rpartition(".")
        if part in ("title", "name") and value.strip():
            return value.strip(), code
    return "", ""


def _signer() -> Signer:
    return Signer(key(), salt="desk draft", key_derivation="hmac", digest_method=hashlib.sha256)
