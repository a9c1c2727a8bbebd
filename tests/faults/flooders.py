"""Strangers who ask again and again: `python -m tests.faults.flooders SITE KIND`.

Nothing is imported that takes long: it begins at once. It prints a line when the first is answered,
and at the end of its standard input how many were answered what, as JSON.
"""

import json
import re
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from http.client import HTTPException
from http.cookiejar import CookieJar
from urllib.parse import urlencode

THREADS = 8
WISHES = {
    **{"language": "en", "cadence": "daily", "days": "every"},
    **{"hour": "7", "timezone": "Europe/Stockholm"},
}


class Browser:
    """A stranger with cookies who fetches forms and sends them; returns status codes."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), _Stay()
        )

    def get(self, path: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(self._site + path))

    def send(self, path: str, name: str, **fields: str) -> int:
        """Fetch a form and send it with the value of its hidden field `name`."""
        status, page = self.get(path)
        found = re.search(rf'name="{name}" value="([^"]+)"', page)
        if found is None:
            return status
        data = urlencode({name: found[1], **fields}).encode()
        return self._open(urllib.request.Request(self._site + path, data))[0]

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        return None


def miss(browser: Browser, number: int) -> int:
    return browser.get(f"/en/nothing/{number}/?a={number}")[0]


def search(browser: Browser, number: int) -> int:
    return browser.get(f"/en/principles/?q=a+e+i+o+{number}")[0]


def sign_up(browser: Browser, number: int) -> int:
    given = {**WISHES, "address": f"victim+{number}@mail.example"}
    return browser.send("/en/subscribe/", "stamp", **given)


def ask_link(browser: Browser, number: int) -> int:
    return browser.send("/desk/sign-in", "mark", address="anna@example.org")


FLOODS: dict[str, Callable[[Browser, int], int]] = {
    "flood of misses": miss,
    "flood of searches": search,
    "flood of sign-ups": sign_up,
    "flood of sign-in links": ask_link,
}


def main(site: str, kind: str) -> None:
    """Ask from THREADS threads until standard input ends."""
    answers: Counter[int] = Counter()
    over, begun = threading.Event(), threading.Event()

    def ask(number: int) -> None:
        browser = Browser(site)
        while not over.is_set():
            try:
                answers[FLOODS[kind](browser, number)] += 1
            except (OSError, HTTPException):
                answers[0] += 1
            begun.set()
            number += THREADS

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    begun.wait()
    print("begun", flush=True)  # noqa: T201
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(answers))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
