"""Static export of the public site (`devis freeze`) for any static host.

Files are written atomically. A list of them is stored in the folder, so that the next export
removes the files of pages that no longer exist.
"""

import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_args

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
from feed.store.library import Vocabulary
from feed.web.context import FROZEN
from feed.web.middleware.headers import (
    CROSS_ORIGIN,
    OPENER,
    PUBLIC,
    STRICT_TRANSPORT,
    cacheable_endpoints,
)

OWN_FOLDER = ".devis"  # in the target: the list of files, and the file being written
NOT_FOUND = "/404.html"

_FRONT_PAGE = Markup(
    '<!doctype html>\n<html lang="{code}">\n<head>\n<meta charset="utf-8">\n<title>{name}</title>\n'
    '<meta http-equiv="refresh" content="0; url=/{code}/">\n'
    '<link rel="canonical" href="{address}">\n</head>\n'
    "<body>\n<ul>\n{links}</ul>\n</body>\n</html>\n"
)
_LINK = Markup('<li><a href="/{0}/" hreflang="{0}" lang="{0}">{1}</a></li>\n')


class FrozenSite:
    """A folder with the exported site. `write` raises InstanceError if it holds other files."""

    def __init__(self, app: Flask, config: Config, clock: Clock, folder: Path) -> None:
        self.written = self.same = self.removed = 0
        self._config = config
        self._folder = folder.absolute()
        self._own = self._folder / OWN_FOLDER
        self._types: dict[str, str] = {}
        # Content-Security-Policy by path pattern of pages.
        self._policies = dict.fromkeys(("/", NOT_FOUND), PUBLIC["Content-Security-Policy"])
        self._rewrites: dict[str, None] = {}  # ordered, without duplicates
        self._app = app
        self._client = self._app.test_client()
        self.addresses = [*_addresses(self._app, _values(config, clock)), NOT_FOUND]
        self._known = frozenset(self.addresses)

    def write(self, addresses: Iterable[str]) -> None:
        """Export the site; `addresses` are this object's own, in any order (for a progress bar)."""
        before = self._previous_files()
        names = [name for address in addresses for name in self._page(address)]
        names += [self._file("index.html", self._front_page().encode())]
        redirects = [*self._front_redirects(), *self._moved(), *self._rewrites, ""]
        names += [self._file("_redirects", "\n".join(redirects))]
        names += [self._file("_headers", "\n".join([*self._headers(), ""]))]
        for name in before - set(names):
            (self._folder / name).unlink(missing_ok=True)
            self.removed += 1
        self._store_names(names)

    def _previous_files(self) -> set[str]:
        """The names of the files of the last export. Raises InstanceError if there are others."""
        known = self._own / "files"
        if self._folder.exists() and any(self._folder.iterdir()) and not known.exists():
            raise InstanceError(
                "The folder %(folder)s holds other files: name a new or an empty one.",
                folder=self._folder,
            )
        self._own.mkdir(parents=True, exist_ok=True)
        before = set(known.read_text().splitlines()) if known.exists() else set()
        self._store_names(before)
        return before

    def _store_names(self, names: Iterable[str]) -> None:
        self._replace(self._own / "files", "\n".join(sorted(names)).encode())

    def _page(self, address: str) -> Iterator[str]:
        environ = {FROZEN: True}
        response = self._client.get(address, environ_overrides=environ, buffered=True)
        if address == NOT_FOUND:
            yield self._file("404.html", response.data)
        elif response.status_code == 200:
            name = self._name(address, response)
            self._collect_headers(name, response)
            yield self._file(name, response.data)
        elif response.status_code not in (404, 410):
            raise InstanceError(
                "%(path)s answered %(status)s.", path=address, status=response.status
            )

    def _name(self, address: str, response: TestResponse) -> str:
        """The file for an address; one without a suffix becomes a folder with an index file."""
        name = address.lstrip("/")
        if name.endswith("/") or not name:
            return f"{name}index.html"
        if "." in name.rpartition("/")[2]:
            return name
        suffix = mimetypes.guess_extension(response.mimetype or "") or ".txt"
        parent = address.rpartition("/")[0]
        given = f"{parent}/:name" if parent in self._known else address
        self._rewrites[f"{given} {given}/index{suffix} 200"] = None
        return f"{name}/index{suffix}"

    def _collect_headers(self, name: str, response: TestResponse) -> None:
        """Collect a page's policy, and media types that hosts cannot guess from the name."""
        if response.mimetype == "text/html":
            self._policies[_pattern(name)] = response.headers["Content-Security-Policy"]
        if mimetypes.guess_type(name)[0] != response.mimetype:
            parts = name.split("/")
            place = f"*/{parts[-1]}" if parts[0] in self._config.languages else name
            self._types[f"/{place}"] = response.content_type

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

    def _front_page(self) -> str:
        """The front page: redirects to the first language, with links to all."""
        codes = self._config.languages
        links = Markup("").join(_LINK.format(code, own_name(code)) for code in codes)
        name = self._config.site_names[codes[0]]
        address = f"{self._config.base_url}/{codes[0]}/"
        return _FRONT_PAGE.format(code=codes[0], name=name, address=address, links=links)

    def _front_redirects(self) -> list[str]:
        """Redirects of the front page by language, in the `_redirects` format of Netlify."""
        first, *others = self._config.languages
        return [*(f"/ /{code}/ 302 Language={code}" for code in others), f"/ /{first}/ 302"]

    def _moved(self) -> Iterator[str]:
        """Redirects of merged themes and sources, with all below their addresses."""
        with opened(self._config.database, read_only=True) as db:
            for kind in get_args(Vocabulary):
                for slug, target in library.merged(db, kind).items():
                    for code in self._config.languages:
                        yield f"/{code}/{kind}/{slug}/* /{code}/{kind}/{target}/:splat 301"

    def _headers(self) -> Iterator[str]:
        """The site's own headers, in the `_headers` format of Netlify and Cloudflare Pages.

        These hosts send the headers of every matching pattern, and browsers enforce all policies:
        so each page must match one pattern with a policy only.
        """
        yield from (
            "/*",
            *(
                f"  {name}: {PUBLIC[name]}"
                for name in ("X-Content-Type-Options", "Referrer-Policy")
            ),
            *(f"  {name}: {value}" for name, value in CROSS_ORIGIN.items()),
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
    """The `_headers` pattern of a page's file: its section of one language, or its year."""
    language, _, rest = name.removesuffix("index.html").partition("/")
    section = rest.partition("/")[0]
    if not section:
        return f"/{language}/" if language else "/"
    return f"/{language}/{section[:4] if section[0].isdigit() else section}*"


def _values(config: Config, clock: Clock) -> Mapping[str, Sequence[Any]]:
    """All values of each part of an address."""
    with opened(config.database, read_only=True) as db:
        today = editions.site(db, config, clock()).today(clock())
        principles = library.principles(db)
        months = [first for first, _ in ledger.months(db, today)]
        return {
            "language": config.languages,
            "tag": config.languages,  # the widget accepts any language tag; these suffice
            "day": list(ledger.dates(db, today)),
            "first": months,
            "number": list(dict.fromkeys(first.year for first in months)),
            "principles": [slug for slug, item in principles.items() if item.is_public],
            "themes": list(library.public_themes(db)),
            "sources": list(library.public_sources(db)),
        }


def _addresses(app: Flask, values: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """All addresses of all cacheable views and static files."""
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
