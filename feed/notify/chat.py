"""Post into chats, through Apprise: Slack, Teams, Mattermost, Matrix, plain JSON and others.

The whole address of a chat is secret: for most services its first part is a token. It must not get
into messages, logs or tables, so the log records of Apprise are captured here and discarded.
"""

import hashlib
import hmac
import logging
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from feed.config import Config
from feed.config.parsing import Webhook
from feed.errors import SettingError
from feed.notify.timeouts import SOCKET_TIMEOUT, TOTAL_TIMEOUT, with_timeout
from feed.publish.chat import ChatMessage
from feed.store import signing_key
from feed.store.outbox import ChatTarget

if TYPE_CHECKING:
    from apprise import NotifyBase

# They show Markdown, though Apprise sends them plain text unchanged.
_SHOW_MARKDOWN = {"Mattermost", "Discord"}
_STATUS = re.compile(r"\berror=(\d{3})\b")
# Error messages of requests when nothing can have arrived.
_NOT_CONNECTED = re.compile(
    "Failed to establish a new connection|Failed to resolve|connect timeout|CERTIFICATE_VERIFY"
)
# Gateway timeouts: the post may have arrived.
_GATEWAY_TIMEOUTS = {"504", "524"}


class _LogCapture(logging.Filter):
    """Captures the log records of Apprise, which contain addresses, and drops all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._captured = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        self._lines().append(record.getMessage())
        return False

    def take(self) -> str:
        """The lines that this thread has logged since the last call."""
        lines, self._captured.lines = self._lines(), []
        return "\n".join(lines)

    def _lines(self) -> list[str]:
        if not hasattr(self._captured, "lines"):
            self._captured.lines = []
        lines: list[str] = self._captured.lines
        return lines


_LOG = _LogCapture()


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the settings, with its Apprise service."""

    target: ChatTarget
    languages: tuple[str, ...]
    service: "NotifyBase" = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """The outcome of a post: `refused` has certainly not arrived, `unknown` may have.

    `reason` is an HTTP status or a short text without secrets; None if sent.
    """

    result: Literal["sent", "refused", "unknown"]
    reason: str | None = None


def chats(config: Config) -> list[Chat]:
    """The chats of the settings. Raises SettingError as `services`, or for the secret key."""
    found = []
    for number, (hook, service) in enumerate(services(config), start=1):
        tags = "+".join(hook.languages)
        key = hmac.new(signing_key.key(config), f"{tags} {hook.url}".encode(), hashlib.sha256)
        place = f"{_place(service)} ({number})"
        target = ChatTarget(key.hexdigest()[:20], place, tags)
        found.append(Chat(target, hook.languages, service))
    return found


def services(config: Config) -> "list[tuple[Webhook, NotifyBase]]":
    """The Apprise service of each chat. Raises SettingError for an address it cannot use."""
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


def post(chat: Chat, message: ChatMessage) -> PostOutcome:
    """Post a message, once."""
    try:
        return with_timeout(TOTAL_TIMEOUT, lambda: _post(chat.service, message))
    except TimeoutError:
        return PostOutcome("unknown", "no answer in time")
    except Exception as error:  # of the service: its text may contain the address
        return PostOutcome("unknown", type(error).__name__)


def _post(service: "NotifyBase", message: ChatMessage) -> PostOutcome:
    from apprise import Apprise, NotifyFormat

    form = NotifyFormat.TEXT
    shows_markdown = str(service.service_name) in _SHOW_MARKDOWN
    if shows_markdown or service.notify_format == NotifyFormat.MARKDOWN:
        # Apprise would escape the address along with the text and break the link.
        form, message = service.resolve_format(form), message.markdown()
    one = Apprise(asset=service.asset)
    one.add(service)
    _LOG.take()
    sent = one.notify(title=message.title, body=message.body, body_format=form)
    output = _LOG.take()
    return PostOutcome("sent") if sent else _failure(output, alone=len(service) == 1)


def _failure(text: str, *, alone: bool) -> PostOutcome:
    """Classify a failure by Apprise's log output; in doubt, the post may have arrived.

    If one address names several chats, it may have arrived in some of them.
    """
    status = _STATUS.search(text)
    if status is not None:
        refused = alone and not status[1].startswith("2") and status[1] not in _GATEWAY_TIMEOUTS
        return PostOutcome("refused" if refused else "unknown", status[1])
    if _NOT_CONNECTED.search(text):
        return PostOutcome("refused" if alone else "unknown", "no connection")
    return PostOutcome("unknown", "no answer in time" if "timed out" in text else "no answer")


def _service(config: Config, hook: Webhook) -> "NotifyBase | None":
    from apprise import Apprise, AppriseAsset, NotifyBase, PersistentStoreMode

    _silence_logs()
    asset = AppriseAsset(
        app_id=config.site_names.get(hook.languages[0]) or config.site_names[config.languages[0]],
        app_desc="",
        app_url=config.base_url,
        image_url_mask="",  # else every reader would fetch pictures from Apprise’s site
        image_url_logo="",
        http_redirects=False,
        async_mode=False,
        service_timeout=0,  # see `with_timeout`
        storage_mode=PersistentStoreMode.MEMORY,
    )
    service = Apprise.instantiate(hook.url, asset=asset)
    if not isinstance(service, NotifyBase):
        return None
    # Whatever the address asks for: retries are decided by the outbox alone.
    service.retry, service.optional, service.redirects = 0, False, False
    service.socket_connect_timeout = service.socket_read_timeout = SOCKET_TIMEOUT
    return service


def _place(service: "NotifyBase") -> str:
    """`Slack`, or `JSON at hooks.example.org`: the host only where it is one, and no token."""
    host, name = service.host or "", str(service.service_name)
    named = any("{host}" in template for template in map(str, service.templates))
    return f"{name} at {host}" if named and ("." in host or host == "localhost") else name


def _silence_logs() -> None:
    """Keep Apprise and its libraries from logging addresses."""
    apprise = logging.getLogger("apprise")
    apprise.addFilter(_LOG)
    apprise.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
