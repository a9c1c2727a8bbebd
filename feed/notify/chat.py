"""Posting into chats, through Apprise: Slack, Teams, Mattermost, Matrix, plain JSON and others.

An address is a secret, all of it: for most services its first part is a token already. It comes
into no message, no log and no table. What Apprise has to say is read here, and goes no further.
"""

import hashlib
import hmac
import logging
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from feed.config import Config, signing_key
from feed.config.parsing import Webhook
from feed.errors import SettingError
from feed.notify.retry import ANSWER_SECONDS, WHOLE_SECONDS, within
from feed.publish.chat import Message
from feed.store.chat_posts import Target

if TYPE_CHECKING:
    from apprise import NotifyBase

# They show text as Markdown, though Apprise hands them plain text as it is.
_SHOW_MARKDOWN = {"Mattermost", "Discord"}
_STATUS = re.compile(r"\berror=(\d{3})\b")
# What requests says where nothing can have come through.
_UNMADE = re.compile(
    "Failed to establish a new connection|Failed to resolve|connect timeout|CERTIFICATE_VERIFY"
)
# A gateway's word that it does not know either.
_UNKNOWN = {"504", "524"}


class _Listener(logging.Filter):
    """Hears what Apprise logs, addresses included, and lets none of it through to anybody."""

    def __init__(self) -> None:
        super().__init__()
        self._heard = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        self._lines().append(record.getMessage())
        return False

    def take(self) -> str:
        """What was said in this thread since the last time."""
        lines, self._heard.lines = self._lines(), []
        return "\n".join(lines)

    def _lines(self) -> list[str]:
        if not hasattr(self._heard, "lines"):
            self._heard.lines = []
        lines: list[str] = self._heard.lines
        return lines


_LISTENER = _Listener()


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the settings, ready to be posted into."""

    target: Target
    service: "NotifyBase" = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """What became of a post: `refused` came to nobody's eyes, `unknown` may have.

    `reason` is an HTTP status or a few words of ours; None if it was sent.
    """

    result: Literal["sent", "refused", "unknown"]
    reason: str | None = None


def chats(config: Config) -> list[Chat]:
    """The chats of the settings. Raises SettingError as `services`, or for the secret key."""
    found = []
    for number, (hook, service) in enumerate(services(config), start=1):
        key = hmac.new(
            signing_key.key(config), f"{hook.language} {hook.url}".encode(), hashlib.sha256
        )
        place = f"{_place(service)} ({number})"
        found.append(Chat(Target(key.hexdigest()[:20], place, hook.language), service))
    return found


def services(config: Config) -> "list[tuple[Webhook, NotifyBase]]":
    """What Apprise makes of the settings. Raises SettingError for an address it cannot use."""
    found = []
    for number, hook in enumerate(config.webhooks, start=1):
        service = _service(config, hook)
        if service is None:
            raise SettingError(
                (
                    "%(setting)s: of its addresses, number %(number)s is of no service that Apprise"
                    " knows, or lacks a part."
                ),
                setting="DEVIS_WEBHOOKS",
                number=number,
            )
        found.append((hook, service))
    return found


def post(chat: Chat, message: Message) -> PostOutcome:
    """Post a message, once."""
    try:
        return within(WHOLE_SECONDS, lambda: _post(chat.service, message))
    except TimeoutError:
        return PostOutcome("unknown", "no answer in time")
    except Exception as error:  # a service's own fault: what it says may hold the address
        return PostOutcome("unknown", type(error).__name__)


def _post(service: "NotifyBase", message: Message) -> PostOutcome:
    from apprise import Apprise, NotifyFormat

    form = NotifyFormat.TEXT
    shows_markdown = str(service.service_name) in _SHOW_MARKDOWN
    if shows_markdown or service.notify_format == NotifyFormat.MARKDOWN:
        # Apprise would escape the address along with the text, and so break the link.
        form, message = service.resolve_format(form), message.markdown()
    one = Apprise(asset=service.asset)
    one.add(service)
    _LISTENER.take()
    sent = one.notify(title=message.title, body=message.body, body_format=form)
    said = _LISTENER.take()
    return PostOutcome("sent") if sent else _failure(said, alone=len(service) == 1)


def _failure(text: str, *, alone: bool) -> PostOutcome:
    """What a failure means, by what Apprise says of it; in doubt, the post may have come through.

    It may have to one of several chats, too, if the address names them in one.
    """
    status = _STATUS.search(text)
    if status is not None:
        refused = alone and not status[1].startswith("2") and status[1] not in _UNKNOWN
        return PostOutcome("refused" if refused else "unknown", status[1])
    if _UNMADE.search(text):
        return PostOutcome("refused" if alone else "unknown", "no connection")
    return PostOutcome("unknown", "no answer in time" if "timed out" in text else "no answer")


def _service(config: Config, hook: Webhook) -> "NotifyBase | None":
    from apprise import Apprise, AppriseAsset, NotifyBase, PersistentStoreMode

    _keep_quiet()
    asset = AppriseAsset(
        app_id=config.site_names.get(hook.language) or config.site_names[config.languages[0]],
        app_desc="",
        app_url=config.base_url,
        image_url_mask="",  # pictures of Apprise’s, which everybody in the chat would fetch
        image_url_logo="",
        http_redirects=False,
        async_mode=False,
        service_timeout=0,  # ours is in force, and needs no pool of threads that is waited for
        storage_mode=PersistentStoreMode.MEMORY,
    )
    service = Apprise.instantiate(hook.url, asset=asset)
    if not isinstance(service, NotifyBase):
        return None
    # Whatever the address asks for: the ledger alone says what is tried again, and what failed.
    service.retry, service.optional, service.redirects = 0, False, False
    service.socket_connect_timeout = service.socket_read_timeout = ANSWER_SECONDS
    return service


def _place(service: "NotifyBase") -> str:
    """`Slack`, or `JSON at hooks.example.org`: the host only where it is one, and no token."""
    host, name = service.host or "", str(service.service_name)
    named = any("{host}" in template for template in map(str, service.templates))
    return f"{name} at {host}" if named and ("." in host or host == "localhost") else name


def _keep_quiet() -> None:
    """Apprise and what it stands on write addresses into the log."""
    apprise = logging.getLogger("apprise")
    apprise.addFilter(_LISTENER)
    apprise.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
