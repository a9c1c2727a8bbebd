"""A real Devis that faults are injected into, and the checks that follow."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import feedparser

from tests.conftest import ROOT, answers, fetch, free_port, outside, wait_until

FEEDS = ("/en/feed.rss", "/sv/feed.atom", "/sv/weekly.rss", "/en/feed.json")


class ServedInstallation:
    """An installation in `folder`; `losses` collects descriptions of failed checks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.database = folder / "devis.sqlite3"
        self.losses: list[str] = []
        self._environ = outside() | {
            "DEVIS_DATABASE": str(self.database),
            "DEVIS_PORT": str(self.port),
            "DEVIS_WEB_WORKERS": "1",
            "PYTHONPATH": str(ROOT),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._acknowledged = self._tried = 0

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def devis(self, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        given = {f"DEVIS_{name}": text for name, text in values.items()}
        return subprocess.run(
            [sys.executable, "-m", "feed", *arguments],
            cwd=self.folder.parent,
            env=self._environ | given,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, **values: str) -> None:
        """Start serving, and wait until it answers."""
        given = {f"DEVIS_{name}": text for name, text in values.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "feed", "serve"],
            cwd=self.folder.parent,
            env=self._environ | given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: answers(f"{self.site}/healthz"), 60)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """Kill the supervisor; what it started ends by itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None
        wait_until(lambda: not answers(f"{self.site}/healthz") and not list(self.processes()), 30)

    def processes(self) -> Iterator[tuple[int, str]]:
        """The processes of this installation: process id and command."""
        mine = f"DEVIS_PORT={self.port}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environ = folder.joinpath("environ").read_bytes().split(b"\0")
                words = folder.joinpath("cmdline").read_bytes().decode().split("\0")
            except OSError:  # it has ended meanwhile
                continue
            if mine in environ and "feed" in words:
                yield int(folder.name), words[words.index("feed") + 1]

    def save(self) -> bool:
        """Save a change to the library; returns whether Devis acknowledged it."""
        self._tried += 1
        document = json.loads(self.devis("export").stdout or "{}")
        if not document:
            return False
        document["principles"] = document["principles"][:1]
        text = document["principles"][0]["texts"]["en"]
        text["commentary"] = f"Saved {self._tried} times."
        path = self.folder.parent / "saved.json"
        path.write_text(json.dumps(document))
        done = self.devis("import", "--overwrite", str(path))
        if "Traceback" in done.stderr:
            self.losses.append("a save failed without a word of what to do")
        if done.returncode == 0:
            self._acknowledged = self._tried
        return done.returncode == 0

    def forget_saves(self) -> None:
        """Expect no save any more: a backup from before them was restored."""
        self._acknowledged = 0

    def examine(self) -> None:
        """Check database, days, saves and feeds while it serves."""
        with closing(sqlite3.connect(self.database)) as db:
            (fault,) = db.execute("PRAGMA integrity_check").fetchone()
            days = [
                date.fromisoformat(day)
                for (day,) in db.execute(
                    "SELECT date FROM editions WHERE withdrawn IS NULL ORDER BY date"
                )
            ]
            (text,) = db.execute(
                "SELECT commentary FROM texts WHERE language = 'en' ORDER BY principle LIMIT 1"
            ).fetchone()
        if fault != "ok":
            self.losses.append(f"the database is damaged: {fault}")
        if days != [days[0] + timedelta(days=n) for n in range(len(days))]:
            self.losses.append("a date has no edition, or two")
        if self._acknowledged and text != f"Saved {self._acknowledged} times.":
            number = int(text.split()[1]) if text.startswith("Saved ") else 0
            if number < self._acknowledged:  # one that was not acknowledged may be there
                self.losses.append(f"save {self._acknowledged} is lost")
        self.read()

    def read(self) -> dict[str, bytes]:
        """Fetch every feed and check that it is valid; returns the bodies by path."""
        found = {path: fetch(self.site + path) for path in FEEDS}
        for path, answer in found.items():
            if answer.status != 200:
                self.losses.append(f"{path} is {answer.status}")
            elif path.endswith("json"):
                json.loads(answer.body)
            elif feedparser.parse(answer.body).bozo:
                self.losses.append(f"{path} is not valid")
        return {path: answer.body for path, answer in found.items()}
