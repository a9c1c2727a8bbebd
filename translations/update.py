"""Bring the catalogues up to date with the code: `make messages`.

English is written in the code, so its catalogue fills itself; other languages get new messages
empty, and the tests name what is still to be translated.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).resolve().parent
KEYWORDS = ("gettext_noop", "gettext", "ngettext:1,2", "say")


def extract(template: Path) -> None:
    """Collect every message of the package into a template file."""
    keywords = [part for keyword in KEYWORDS for part in ("-k", keyword)]
    options = ["-F", "pyproject.toml", "--no-location", "--sort-output", "-o", str(template)]
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract"]
    subprocess.run([*command, *keywords, *options, "."], cwd=FOLDER.parent, check=True)


def update(path: Path, template: Path) -> None:
    """Give the catalogue at `path` the messages of the template, and no others."""
    language = path.parts[-3]
    with template.open("rb") as source:
        wanted = read_po(source)
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    catalogue.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    catalogue.version, catalogue.msgid_bugs_address = "", "none"
    catalogue.last_translator, catalogue.language_team = "Devis", language
    for message in catalogue:
        if language == "en" and message.id:
            message.string = message.id
    with path.open("wb") as target:
        write_po(target, catalogue, width=100, sort_output=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        messages = Path(folder) / "messages.pot"
        extract(messages)
        for found in sorted(FOLDER.glob("*/LC_MESSAGES/messages.po")):
            update(found, messages)
