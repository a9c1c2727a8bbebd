"""What the page of a principle says after an act: what happened, what readers see, what waits."""

from feed.desk import labels
from feed.desk.labels import DONE, SAVED
from feed.errors import gettext_noop
from feed.i18n import Translator
from feed.library import workflow
from feed.library.workflow import WorkingCopy
from feed.model import SHOWABLE
from feed.store.library_writes import SHARED

_HIDDEN = gettext_noop("Readers don’t see it: it is a draft.")
_GONE = gettext_noop("Its page is gone, and no new day will show it.")
_PAST = gettext_noop("The days that have shown it still do.")
_TODAY = gettext_noop("It is still shown today. If it has to go, replace it in the calendar.")
_RETIRED = gettext_noop("It keeps its page and its past days, and isn’t chosen for new ones.")
_SHOWN = gettext_noop("Readers see it as it is here.")
_SHOWN_PARTS = gettext_noop("Readers see it as it is here (%(parts)s).")
_CHANGED = gettext_noop("The change is a draft; readers see what they saw before (%(parts)s).")
_HELD = gettext_noop("Until an editor approves, readers see what they saw before (%(parts)s).")
_DRAFTS = gettext_noop("Still a draft, which readers don’t see: %(parts)s.")
_WAITS = gettext_noop("It is waiting for an editor (%(parts)s).")
_OUTDATED = gettext_noop("The original has changed, so the translation needs checking (%(parts)s).")


def sentences(
    t: Translator, found: WorkingCopy, act: str, *, is_shown: bool, is_today: bool
) -> list[str]:
    """The sentences after `act`, from the principle as it is now.

    `is_shown` is whether an edition of it stands, `is_today` whether today's is one.
    """
    live, states = found.live["texts"], _states(found)
    in_review = [part for part, state in states.items() if state == "review"]
    done = SAVED if act == "review" and not in_review else DONE.get(act, SAVED)
    said = [t.gettext(done)]
    if not found.is_public:
        hidden = _GONE if act == "draft" else _HIDDEN
        said.append(t.gettext(hidden))
        said += [t.gettext(_TODAY if is_today else _PAST)] if is_shown else []
        return [*said, *_listed(t, _WAITS, in_review)]
    public = [SHARED, *(part for part, text in live.items() if text["state"] in SHOWABLE)]
    drafts = [part for part, state in states.items() if state == "draft"]
    current = [part for part, state in states.items() if state in SHOWABLE]
    if found.live["status"] == "retired":
        said.append(t.gettext(_RETIRED))
    if in_review or drafts:
        said += _listed(t, _SHOWN_PARTS, current)
    else:
        said.append(t.gettext(_SHOWN))
    for message, parts in (
        (_HELD, [part for part in in_review if part in public]),
        (_WAITS, [part for part in in_review if part not in public]),
        (_CHANGED, [part for part in drafts if part in public]),
        (_DRAFTS, [part for part in drafts if part not in public]),
        (_OUTDATED, [part for part in current if states[part] == "outdated"]),
    ):
        said += _listed(t, message, parts)
    return said


def _states(found: WorkingCopy) -> dict[str, str]:
    """The states of the texts that have words, and `review` for other fields that wait."""
    states = {
        language: str(text["state"])
        for language, text in found.entry["texts"].items()
        if any(workflow.words(text))
    }
    return {**states, SHARED: "review"} if found.fields_wait else states


def _listed(t: Translator, message: str, parts: list[str]) -> list[str]:
    """The message about some languages and other fields; nothing where there are none."""
    return [t.gettext(message, parts=labels.parts(t, parts))] if parts else []
