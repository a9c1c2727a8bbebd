"""The whole public site as files, for any static host: `devis freeze`.

Every file is written beside its place and then moved there, so that none is ever half there; the
names of all of them are remembered, so that what has left the site leaves the folder, too.
"""

import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from flask import Flask
from markupsafe import Markup
from werkzeug.routing import AnyConverter, Rule
from werkzeug.test import TestResponse

from feed import editions
from feed.clock import Clock
from feed.config import Config
from feed.errors import InstanceError
from feed.i18n import own_name
from feed.store import ledger, library
from feed.store.connection import opened
from feed.web.context import FROZEN
from feed.web.middleware.headers import OPENER, PUBLIC, STRICT_TRANSPORT, cacheable_endpoints

OWN_FOLDER = ".devis"  # in the target: what it holds, and files that are being written
NOWHERE = "/404.html"

_DOOR = Markup(
    '<!doctype html>\n<html lang="{code}">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
    '<meta http-equiv="refresh" content="0; url=/{code}/">\n'
    '<link rel="canonical" href="{address}">\n</head>\n'
    "<body>\n<ul>\n{links}</ul>\n</body>\n</html>\n"
)
_LINK = Markup('<li><a href="/{0}/" hreflang="{0}" lang="{0}">{1}</a></li>\n')


class Frozen:
    """A folder that holds the site. Raises InstanceError if it holds something else."""

    def __init__(self, app: Flask, config: Config, clock: Clock, folder: Path) -> None:
        self.written = self.same = self.removed = 0
        self._config = config
        self._folder = folder.absolute()
        self._own = self._folder / OWN_FOLDER
        self._types: dict[str, str] = {}
        # Patterns of pages, each with their policy; the front page and 404.html have the usual one.
        self._policies = dict.fromkeys(("/", NOWHERE), PUBLIC["Content-Security-Policy"])
        self._rewrites: dict[str, None] = {}  # in their order, once each
        self._app = app
        self._client = self._app.test_client()
        self.addresses = [*_addresses(self._app, _values(config, clock)), NOWHERE]
        self._known = frozenset(self.addresses)

    def write(self, addresses: Iterable[str]) -> None:
        """Bring the folder up to date; `addresses` are this object's own, in any order."""
        before = self._begin()
        names = [name for address in addresses for name in self._page(address)]
        names += [self._file("index.html", self._door().encode())]
        names += [self._file("_redirects", "\n".join([*self._front(), *self._rewrites, ""]))]
        names += [self._file("_headers", "\n".join([*self._head(), ""]))]
        for name in before - set(names):
            (self._folder / name).unlink(missing_ok=True)
            self.removed += 1
        self._remember(names)

    def _begin(self) -> set[str]:
        """Take the folder, unless it is somebody else's; the names of the files that are ours."""
        known = self._own / "files"
        if self._folder.exists() and any(self._folder.iterdir()) and not known.exists():
            raise InstanceError(
                "The folder %(folder)s holds other files: name a new or an empty one.",
                folder=self._folder,
            )
        self._own.mkdir(parents=True, exist_ok=True)
        before = set(known.read_text().splitlines()) if known.exists() else set()
        self._remember(before)
        return before

    def _remember(self, names: Iterable[str]) -> None:
        self._replace(self._own / "files", "\n".join(sorted(names)).encode())

    def _page(self, address: str) -> Iterator[str]:
        environ = {FROZEN: True}
        answer = self._client.get(address, environ_overrides=environ, buffered=True)
        if address == NOWHERE:
            yield self._file("404.html", answer.data)
        elif answer.status_code == 200:
            name = self._name(address, answer)
            self._note(name, answer)
            yield self._file(name, answer.data)
        elif answer.status_code not in (404, 410):
            raise InstanceError("%(path)s answered %(status)s.", path=address, status=answer.status)

    def _name(self, address: str, answer: TestResponse) -> str:
        """The file for an address; one without a suffix gets a folder, as others lie below it."""
        name = address.lstrip("/")
        if name.endswith("/") or not name:
            return f"{name}index.html"
        if "." in name.rpartition("/")[2]:
            return name
        suffix = mimetypes.guess_extension(answer.mimetype or "") or ".txt"
        parent = address.rpartition("/")[0]
        given = f"{parent}/:name" if parent in self._known else address
        self._rewrites[f"{given} {given}/index{suffix} 200"] = None
        return f"{name}/index{suffix}"

    def _note(self, name: str, answer: TestResponse) -> None:
        """Remember a page's policy, and a media type that the name does not tell."""
        if answer.mimetype == "text/html":
            self._policies[_pattern(name)] = answer.headers["Content-Security-Policy"]
        if mimetypes.guess_type(name)[0] != answer.mimetype:
            parts = name.split("/")
            place = f"*/{parts[-1]}" if parts[0] in self._config.languages else name
            self._types[f"/{place}"] = answer.content_type

    def _file(self, name: str, content: bytes | str) -> str:
        data = content.encode() if isinstance(content, str) else content
        path = self._folder / name
        if path.is_file() and path.read_bytes() == data:
            self.same += 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._replace(path, data)
            self.written += 1
        return name

    def _replace(self, path: Path, data: bytes) -> None:
        beside = self._own / "writing"
        with beside.open("wb") as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
        beside.replace(path)

    def _door(self) -> str:
        """The front page: the first language, and the way to the others."""
        codes = self._config.languages
        links = Markup("").join(_LINK.format(code, own_name(code)) for code in codes)
        name = self._config.site_names[codes[0]]
        address = f"{self._config.base_url}/{codes[0]}/"
        return _DOOR.format(code=codes[0], name=name, address=address, links=links)

    def _front(self) -> list[str]:
        """Redirects from the front page, for hosts that read them from a file."""
        first, *others = self._config.languages
        return [*(f"/ /{code}/ 302 Language={code}" for code in others), f"/ /{first}/ 302"]

    def _head(self) -> Iterator[str]:
        """The headers that the site itself sends, in the form of Netlify and Cloudflare Pages.

        Those hosts send the headers of every pattern that fits, and browsers obey each policy of
        several: so a page has a policy from one pattern only.
        """
        yield from (
            "/*",
            *(
                f"  {name}: {PUBLIC[name]}"
                for name in ("X-Content-Type-Options", "Referrer-Policy")
            ),
            "  Access-Control-Allow-Origin: *",
            "  Cache-Control: max-age=300",
        )
        if self._config.base_url.startswith("https://"):
            yield f"  Strict-Transport-Security: {STRICT_TRANSPORT}"
        for place, policy in sorted(self._policies.items()):
            yield from (place, f"  Content-Security-Policy: {policy}")
            yield f"  Cross-Origin-Opener-Policy: {OPENER}"
        for place, media_type in sorted(self._types.items()):
            yield from (place, f"  Content-Type: {media_type}")


def _pattern(name: str) -> str:
    """The pattern of `_headers` for the page in a file and its siblings: those of one section of
    one language, or the editions of one year.
    """
    language, _, rest = name.removesuffix("index.html").partition("/")
    section = rest.partition("/")[0]
    if not section:
        return f"/{language}/" if language else "/"
    return f"/{language}/{section[:4] if section[0].isdigit() else section}*"


def _values(config: Config, clock: Clock) -> Mapping[str, Sequence[Any]]:
    """What each part of an address can be."""
    with opened(config.database, read_only=True) as db:
        today = editions.site(db, config, clock()).today(clock())
        principles = library.principles(db)
        return {
            "language": config.languages,
            "tag": config.languages,  # the widget takes any, of which these are enough
            "day": ledger.dates(db, today),
            "first": [first for first, _ in ledger.months(db, today)],
            "principles": [slug for slug, item in principles.items() if item.is_public],
            "themes": list(library.themes(db)),
            "sources": list(library.public_sources(db)),
        }


def _addresses(app: Flask, values: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Every address of every view that is kept, and of every file beside the pages."""
    routes, endpoints = app.url_map.bind(""), cacheable_endpoints(app)
    for rule in app.url_map.iter_rules():
        if rule.endpoint in endpoints:
            names = sorted(rule.arguments)
            for chosen in product(*(_choices(rule, name, values) for name in names)):
                yield routes.build(rule.endpoint, dict(zip(names, chosen, strict=True)))
    folder = Path(app.static_folder or "")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield routes.build("static", {"filename": path.relative_to(folder).as_posix()})


def _choices(rule: Rule, name: str, values: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
    converter = rule._converters[name]
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)
    if name == "slug":  # of what comes before it in the path
        return values[rule.rule.partition("/<slug")[0].rpartition("/")[2]]
    return values[name]
