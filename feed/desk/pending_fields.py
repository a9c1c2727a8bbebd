"""What of a principle as a whole waits for an editor, in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from feed.desk.labels import KINDS
from feed.files import Entry
from feed.i18n import Translator, own_name
from feed.library import workflow
from feed.library.editing import WorkingCopy
from feed.model import Source, Theme


@dataclass(frozen=True, slots=True)
class PendingField:
    """A field that is not of a text: what readers see of it, and what waits."""

    name: str
    public: str
    waiting: str


def shared(
    t: Translator, found: WorkingCopy, sources: Mapping[str, Source], themes: Mapping[str, Theme]
) -> list[PendingField]:
    """The fields of a working copy that are other ones for readers."""
    if found.live is None:
        return []
    before = _said(t, workflow.fields(found.live), sources, themes)
    after = _said(t, workflow.fields(found.entry), sources, themes)
    return [
        PendingField(name, before[name], after[name])
        for name in after
        if before[name] != after[name]
    ]


def _said(
    t: Translator, entry: Entry, sources: Mapping[str, Source], themes: Mapping[str, Theme]
) -> dict[str, str]:
    kind, source = KINDS[entry["kind"]], sources.get(entry["source"])
    return {
        "kind": t.gettext(kind),
        "source": source.title if source else entry["source"],
        "locator": entry["locator"],
        "themes": ", ".join(_named(t, slug, themes) for slug in entry["themes"]),
        "original_language": own_name(entry["original_language"]),
    }


def _named(t: Translator, slug: str, themes: Mapping[str, Theme]) -> str:
    texts = themes[slug].texts if slug in themes else {}
    text = texts.get(t.language) or next(iter(texts.values()), None)
    return text.name if text else slug
