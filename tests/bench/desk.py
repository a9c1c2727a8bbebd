"""Twenty curators who edit at once for a minute, over a library of 10 000 principles:
`python -m tests.bench.desk [--quick]`. First, the processor time of each page.

Each opens a form, changes a sentence, saves, and takes a breath: often they have the same principle
open. Afterwards every save that was confirmed must be a step of its own in the history, which
changed that sentence and nothing else.
"""

import random
import re
import statistics
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import click
from flask.testing import FlaskClient

from feed import files
from feed.accounts import people
from feed.config import Config
from feed.store import library, revisions
from feed.store.connection import opened, transaction
from tests.bench import NOW, OLD, Size, build, served, stranger
from tests.desk_client import prepared_session

QUICK = Size(principles=1_000, days=60)
CURATORS, SECONDS, BREATH = 20, 60.0, 1.0
OPEN = 200  # principles that they work on: small enough to meet each other
SENTENCE = "en.reflection"
PAGES = (
    *("/desk/", "/desk/calendar/", "/desk/calendar/?date=2028-11-01", "/desk/principles/"),
    *("/desk/principles/?q=asking", "/desk/principles/?q=editor", "/desk/principles/?waiting=1"),
    *("/desk/translations/", "/desk/translations/all", "/desk/principles/principle-7/"),
)


@dataclass
class Minute:
    """What happened: how long saves took, what came of them, and what each of them wrote."""

    took: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    saved: list[tuple[str, str]] = field(default_factory=list)


def seats(config: Config, number: int, now: datetime = NOW) -> list[str]:
    """So many editors, signed in; the tokens of their browsers."""
    tokens = []
    with opened(config.database) as db:
        for n in range(number):
            given = {"address": f"editor.{n}@example.org", "name": f"Editor {n}", "role": "editor"}
            notice = people.invite(db, given, config.languages, now, mailed=False)
            tokens.append(prepared_session(db, people.get(db, notice.curator or 0), now))
    return tokens


def fields(page: str) -> dict[str, str]:
    """What a browser would send of the form on a page."""
    body = page.partition('id="sheet"')[2].partition("</form>")[0]
    found = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', body))
    found |= re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n([^<]*)</textarea>', body)
    for name, options in re.findall(r'(?s)<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', body):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected>', options)
        found[name] = chosen[1] if chosen else ""
    checked = r'<input type="(?:radio|checkbox)" name="([^"]*)"[^>]* value="([^"]*)"[^>]* checked>'
    themes = [value for name, value in re.findall(checked, body) if name == "themes"]
    found |= {name: value for name, value in re.findall(checked, body) if name != "themes"}
    return {name: unescape(value) for name, value in found.items()} | {"themes": " ".join(themes)}


def edit(
    address: str, token: str, name: int, end: float, seen: Minute, breath: float = BREATH
) -> None:
    """One curator, until the end."""
    chance = random.Random(name)
    line = HTTPConnection(address.removeprefix("http://"), timeout=30)
    cookie = {"Cookie": f"devis-desk={token}"}
    count = 0
    while time.monotonic() < end:
        time.sleep(chance.uniform(0, 2 * breath))
        path = f"/desk/principles/principle-{chance.randrange(OPEN)}/"
        began = time.monotonic()
        line.request("GET", path, headers=cookie)
        answer = line.getresponse()
        page = answer.read().decode()
        seen.opened.append(time.monotonic() - began)
        assert answer.status == 200, page
        time.sleep(chance.uniform(0, breath))
        count += 1
        words = f"What did curator {name} change the time number {count}?"
        given = fields(page)
        themes = [("themes", theme) for theme in given.pop("themes").split()]
        pairs = [*{**given, SENTENCE: words, "act": "save"}.items(), *themes]
        form = {**cookie, "Content-Type": "application/x-www-form-urlencoded"}
        began = time.monotonic()
        line.request("POST", path, body=urlencode(pairs), headers=form)
        answer = line.getresponse()
        answer.read()
        seen.took.append(time.monotonic() - began)
        seen.answers[answer.status] += 1
        if answer.status == 303:
            seen.saved.append((path.split("/")[3], words))
    line.close()


def lost(config: Config, seen: Minute) -> list[str]:
    """What is wrong with the history: a save that is not in it, or a step that changed more."""
    wrong = []
    with opened(config.database) as db:
        for slug in {slug for slug, _ in seen.saved}:
            history = revisions.history(db, slug)  # newest first
            steps = [step for step in history if step.origin == "desk"]
            written = [step.entry["texts"]["en"]["reflection"] for step in steps]
            mine = [words for known, words in seen.saved if known == slug]
            wrong += [f"{slug}: {words}" for words in mine if written.count(words) != 1]
            now = library.principle(db, slug)
            assert now is not None
            if files.entry_of(now)["texts"]["en"]["reflection"] != written[0]:
                wrong.append(f"{slug}: the library is not its newest step")
            for newer, older in pairwise(steps):
                texts = {**older.entry["texts"]["en"], "reflection": ""}
                if {**newer.entry["texts"]["en"], "reflection": ""} != texts:
                    wrong.append(f"{slug}: step {newer.id} changed more")
    return wrong


def add_revisions(config: Config) -> None:
    """One revision of each principle, as an import adds it."""
    with opened(config.database) as db, transaction(db):
        for principle in library.principles(db).values():
            revisions.add(db, files.entry_of(principle), NOW, origin="import")


def processor_times(config: Config, token: str, times: int = 5) -> dict[str, float]:
    """Median processor milliseconds of each page of the desk, by path."""
    client = stranger(config)
    client.set_cookie("devis-desk", token)
    return {path: statistics.median(_took(client, path) for _ in range(times)) for path in PAGES}


def _took(client: FlaskClient, path: str) -> float:
    began = time.thread_time()
    assert client.get(path).status_code == 200
    return (time.thread_time() - began) * 1000


@click.command()
@click.option("--quick", is_flag=True, help="Fewer principles, and ten seconds.")
def main(quick: bool) -> None:
    """Run the editors and print the times."""
    size, seconds = (QUICK, 10.0) if quick else (OLD, SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        config = build(Path(folder), size)
        add_revisions(config)
        tokens = seats(config, CURATORS)
        for path, milliseconds in processor_times(config, tokens[0]).items():
            click.echo(f"{milliseconds:5.0f} ms of processor time  {path}")
        seen = Minute()
        with served(config, quiet=True) as address:
            end = time.monotonic() + seconds
            threads = [
                threading.Thread(target=edit, args=(address, token, n, end, seen))
                for n, token in enumerate(tokens)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        missing = lost(config, seen)
    for what, took in (("open", seen.opened), ("save", seen.took)):
        p95, p99 = (statistics.quantiles(took, n=100)[at] * 1000 for at in (94, 98))
        middle = statistics.median(took) * 1000
        click.echo(
            f"{what}: {len(took):,} in {seconds:.0f} s, p50 {middle:.0f} ms, p95 {p95:.0f} ms,"
            f" p99 {p99:.0f} ms, longest {max(took) * 1000:.0f} ms"
        )
    faults = sum(number for status, number in seen.answers.items() if status >= 500)
    click.echo(
        f"saved {seen.answers[303]:,}, met another's save {seen.answers[409]:,},"
        f" other answers {sum(seen.answers.values()) - seen.answers[303] - seen.answers[409]:,},"
        f" faults {faults}, lost {len(missing)}"
    )
    for line in missing[:10]:
        click.echo(f"  {line}")


if __name__ == "__main__":
    main()
