"""MIME messages: a template with everything shared, filled in per recipient."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.quoprimime import body_encode
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import quote

from feed.config import Config
from feed.errors import InputError
from feed.model import TOKEN, Digest, Site
from feed.smtp.envelope import ascii_domain

WIDTH = 76  # of a line with RFC 2047 words, and of one in quoted-printable
_MESSAGE_ID = b"\r\nMessage-ID: <"
_PERSONAL = "\0"  # neither a header nor quoted-printable can contain it
_UNSUBSCRIBE = b"\1"  # for the token that unsubscribes by mail
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_ATOM = rf"[^{_CONTROL}\s\"(),:;<>@\[\\\]]+"
_QUOTED = rf"\"(?:[^{_CONTROL}\"\\]|\\[^{_CONTROL}])+\""
_ADDRESS = re.compile(rf"(?=.{{3,254}}\Z)(?:{_ATOM}|{_QUOTED})@{_ATOM}")
_ID = re.compile(r"[A-Za-z0-9.=_+-]{1,200}")
_TOKEN = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of all e-mail.

    `name` is the name of the From address, or the site's name if empty; `domain` is the right side
    of every Message-ID. Addresses are ASCII.
    """

    name: str
    site_names: Mapping[str, str]
    address: str
    reply_to: str | None
    bounce_address: str | None
    domain: str
    base_url: str

    def site_name(self, language: str) -> str:
        """The site's name in `language`."""
        return self.site_names.get(language) or next(iter(self.site_names.values()))

    @property
    def return_address(self) -> str:
        """The envelope sender without a token: bounces do not identify the recipient."""
        return self.bounce_address or self.address

    def envelope(self, token: str) -> str:
        """The envelope sender for one recipient: a bounce address with their token (VERP)."""
        return _tagged(self.bounce_address, token) if self.bounce_address else self.address


def sender(site: Site, config: Config) -> Sender:
    """The Sender of the settings."""
    name, address = config.mail_from
    return Sender(
        name=name,
        site_names={language: site.name(language) for language in site.languages},
        address=address,
        reply_to=config.reply_to,
        bounce_address=config.bounce_address,
        domain=site.authority if _is_domain(site.authority) else address.rpartition("@")[2],
        base_url=site.base_url,
    )


@dataclass(frozen=True, slots=True)
class Recipient:
    """The recipient of one message. `message_id` is the part before the @, the same in retries.

    `unsubscribe_token` unsubscribes by mail and does nothing else; a notice has none.
    """

    address: str
    token: str
    message_id: str
    unsubscribe_token: str = ""


class MessageTemplate:
    """A complete message that lacks only what differs between recipients."""

    def __init__(self, digest: Digest, sender: Sender) -> None:
        name = sender.name or sender.site_name(digest.language)
        self._from = f"{_named('From', name, sender.address)}\r\nTo: ".encode()
        self._subject = f"\r\n{_text('Subject', digest.subject)}\r\nDate: ".encode()
        rest = "\r\n".join(
            [f"@{sender.domain}>", *_headers(digest, sender), *_body(digest, sender)]
        )
        self._rest, *self._tail = (part.encode() for part in rest.split(_PERSONAL))

    @property
    def parts(self) -> list[bytes]:
        """The parts between the slots, for `of`: they contain no address or token."""
        return [self._from, self._subject, self._rest, *self._tail]

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> "MessageTemplate":
        """A template from the parts of another."""
        template = cls.__new__(cls)
        template._from, template._subject, template._rest, *template._tail = parts
        return template

    def fill(self, to: Recipient, now: datetime) -> bytes:
        """The message to one recipient: CRLF, 7 bits but for what stands before the @.

        Raises InputError for an address that cannot stand in a header.
        """
        address = _header_address(to.address)
        if not _ID.fullmatch(to.message_id) or not _TOKEN.fullmatch(to.token):
            raise ValueError("a message id or a token has characters that a header cannot have")
        head = (
            *(self._from, address.encode()),
            *(self._subject, _date(int(now.timestamp()))),
            *(_MESSAGE_ID, to.message_id.encode(), self._rest),
        )
        return to.token.encode().join((b"".join(head), *self._tail_for(to.unsubscribe_token)))

    def _tail_for(self, unsubscribe_token: str) -> list[bytes]:
        """The parts after the first token, the first of which may contain the unsubscribe slot."""
        if not self._tail or _UNSUBSCRIBE not in self._tail[0]:
            return self._tail
        if not _TOKEN.fullmatch(unsubscribe_token):
            raise ValueError("a digest needs a token to unsubscribe by mail")
        return [self._tail[0].replace(_UNSUBSCRIBE, unsubscribe_token.encode(), 1), *self._tail[1:]]


def _header_address(address: str) -> str:
    """An address as it stands in a header: its domain in ASCII. Raises InputError."""
    if not _ADDRESS.fullmatch(address):
        raise InputError("The address of an email is malformed.")
    try:
        return ascii_domain(address)
    except ValueError:
        raise InputError("The address of an email is malformed.") from None


def _headers(digest: Digest, sender: Sender) -> list[str]:
    headers = [f"Reply-To: {sender.reply_to}"] if sender.reply_to else []
    languages = (digest.language, *digest.others)
    headers += ["MIME-Version: 1.0", f"Content-Language: {', '.join(languages)}"]
    if digest.date is not None:
        headers += _list_headers(digest, sender)
    if digest.unsubscribe:
        headers += _unsubscribe_headers(sender)
    # No holiday replies please; bounces are welcome.
    return [*headers, "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: OOF, AutoReply"]


def _list_headers(digest: Digest, sender: Sender) -> list[str]:
    """Mailing list headers (RFC 2919, RFC 2369)."""
    kind, language = digest.kind, "-".join((digest.language, *digest.others)).lower()
    return [
        _named("List-Id", sender.site_name(digest.language), f"{kind}.{language}.{sender.domain}"),
        f"List-Archive: <{digest.archive_url}>",
        "Precedence: bulk",
        f"Feedback-ID: {digest.date}:{kind}:{language}:devis",  # no recipient in it
    ]


def _unsubscribe_headers(sender: Sender) -> list[str]:
    """One-click unsubscribe (RFC 2369, RFC 8058).

    Not made with the email package, which would encode such long addresses as RFC 2047 words.
    """
    if sender.bounce_address:
        mail = quote(sender.bounce_address, safe="@+")
        mail = f"{_tagged(mail, _UNSUBSCRIBE.decode())}?subject=unsubscribe"
    else:
        mail = f"{quote(sender.address, safe='@+')}?subject=unsubscribe%20{_UNSUBSCRIBE.decode()}"
    return [
        f"List-Unsubscribe: <{sender.base_url}/subscription/{_PERSONAL}/unsubscribe>,",
        f" <mailto:{mail}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]


def _body(digest: Digest, sender: Sender) -> list[str]:
    """Both bodies, in lines, the text first.

    The boundary comes from the content: = before _ is in no quoted-printable, so never in them.
    """
    boundary = "=_" + sha256(f"{digest.text}\0{digest.html}".encode()).hexdigest()[:32]
    lines = ["Content-Type: multipart/alternative;", f' boundary="{boundary}"', ""]
    for subtype, body in (("plain", digest.text), ("html", digest.html)):
        lines += [
            f"--{boundary}",
            f"Content-Type: text/{subtype}; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            _quoted_printable(body, f"{sender.base_url}/subscription/"),
        ]
    return [*lines, f"--{boundary}--", ""]


def _quoted_printable(text: str, address: str) -> str:
    """The text with _PERSONAL for every TOKEN that follows `address`, on a line of its own.

    Always quoted-printable, even where 8 bits would do: a server on the way that converted it
    would break its signature (RFC 6376 5.3). Only TOKEN in addresses of this site is replaced, so
    that no text of a principle can send a token elsewhere.
    """
    *parts, last = text.split(address + TOKEN)
    return f"=\r\n{_PERSONAL}=\r\n".join(
        [*(_encoded(part + address) for part in parts), _encoded(last)]
    )


def _encoded(text: str) -> str:
    # Room for a soft line break behind the last line, and for two more characters in any.
    lines = body_encode(text.encode().decode("latin-1"), WIDTH - 3, "\r\n")
    # What some servers on the way would change: a dot alone, and From (RFC 2049 3).
    return re.sub(r"(?m)^(?:\.|F(?=rom ))", lambda found: f"={ord(found[0]):02X}", lines)


def _text(header: str, value: str) -> str:
    """A header of running text, folded, as RFC 2047 words where it must be."""
    value = _clean(value)
    if value.isascii() and "=?" not in value and len(header) + len(value) + 2 <= WIDTH:
        return f"{header}: {value}"
    return f"{header}: {_words(header, value)}"


def _named(header: str, name: str, address: str) -> str:
    """A header with `"Name" <address>`, folded, the name as RFC 2047 words where it must be."""
    name = _clean(name)
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    if not name.isascii() or "=?" in name or len(header) + len(quoted) + 2 > WIDTH:
        quoted = _words(header, name)
    line, ending = f"{header}: {quoted}", f" <{address}>"
    is_full = len(line.rpartition("\r\n")[2]) + len(ending) > WIDTH
    return line + ("\r\n" if is_full else "") + ending


def _words(header: str, value: str) -> str:
    return Header(value, "utf-8", maxlinelen=WIDTH, header_name=header).encode(linesep="\r\n")


def _clean(value: str) -> str:
    """The value on one line: control characters, which could start a new header, become blanks."""
    return " ".join(re.sub(f"[{_CONTROL}]", " ", value).split())


def _tagged(address: str, token: str) -> str:
    """The address with a subaddress: `bounces+token@example.org`."""
    name, _, domain = address.rpartition("@")
    return f"{name}+{token}@{domain}"


def _is_domain(authority: str) -> bool:
    """Whether it can be the domain of a Message-ID: no IP address, localhost or trial name."""
    try:
        ip_address(authority)
    except ValueError:
        return authority != "localhost" and not authority.endswith(".invalid")
    return False


@lru_cache(maxsize=8)
def _date(second: int) -> bytes:
    """The Date header of every message of one second, in UTC."""
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()
