"""Update the message catalogues from the source code: `make messages`.

English is the language of the source code and has no catalogue: gettext returns the message
itself. New messages get an empty translation; tests/test_catalogue.py lists what is missing.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.pofile import read_po, write_po

FOLDER = Path(__file__).resolve().parent
KEYWORDS = ("gettext_noop", "gettext", "ngettext:1,2")


def extract(template: Path) -> None:
    """Write every message of the package into a template file (.pot)."""
    keywords = [part for keyword in KEYWORDS for part in ("-k", keyword)]
    options = ["-F", "pyproject.toml", "--no-location", "--sort-output", "-o", str(template)]
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract"]
    subprocess.run([*command, *keywords, *options, "."], cwd=FOLDER.parent, check=True)


def update(path: Path, template: Path) -> None:
    """Add the template's new messages to the catalogue at `path`, and remove obsolete ones."""
    language = path.parts[-3]
    with template.open("rb") as source:
        messages = read_po(source)
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    catalogue.update(messages, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    catalogue.version, catalogue.msgid_bugs_address = "", "none"
    catalogue.last_translator, catalogue.language_team = "Devis", language
    with path.open("wb") as target:
        write_po(target, catalogue, width=100, sort_output=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        pot = Path(folder) / "messages.pot"
        extract(pot)
        for po in sorted(FOLDER.glob("*/LC_MESSAGES/messages.po")):
            update(po, pot)
