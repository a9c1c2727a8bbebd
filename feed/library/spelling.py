"""Spelling of the library, checked by the program hunspell."""

import re
import shutil
import subprocess
from collections.abc import Iterable

from feed.library.style_checks import StyleFinding
from feed.model import TEXT_FIELDS, Principle, Source, Theme
from feed.model.language_tags import primary

_DICTIONARIES = {"en": "en_GB", "sv": "sv_SE"}


def check(
    principles: Iterable[Principle],
    sources: Iterable[Source],
    themes: Iterable[Theme],
    language: str,
    known: Iterable[str] = (),
) -> list[StyleFinding] | None:
    """Words missing from hunspell's dictionary and from `known`; None without a dictionary."""
    passages = {
        f"principle {item.slug}": "\n".join(getattr(item.texts[language], n) for n in TEXT_FIELDS)
        for item in principles
        if language in item.texts
    }
    passages |= {
        f"source {source.slug}": source.texts[language].introduction
        for source in sources
        if language in source.texts
    }
    passages |= {
        f"theme {theme.slug}": f"{theme.texts[language].name}\n{theme.texts[language].description}"
        for theme in themes
        if language in theme.texts
    }
    unknown = _hunspell("\n".join(passages.values()), language)
    if unknown is None:
        return None
    message = "has a word that is in no dictionary: %(word)s"
    return [
        StyleFinding(entry, language, message, {"word": word})
        for word in sorted(unknown - set(known))
        for entry, passage in passages.items()
        if re.search(rf"\b{re.escape(word)}\b", passage)
    ]


def _hunspell(passage: str, language: str) -> set[str] | None:
    program, dictionary = shutil.which("hunspell"), _DICTIONARIES.get(primary(language))
    if program is None or dictionary is None:
        return None
    done = subprocess.run(  # noqa: S603 - the program is found on the operator's own path
        [program, "-d", dictionary, "-i", "utf-8", "-l"],
        input=passage.replace("’", "'"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        return None
    return {word.strip(".").replace("'", "’") for word in done.stdout.split()}
