"""A letter as MIME: what all copies share is made once, what is personal is filled in as bytes."""

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

WIDTH = 76  # of a line with RFC 2047 words, and of one in quoted-printable
_MESSAGE_ID = b"\r\nMessage-ID: <"
_HERE = "\0"  # where a token goes: neither a header nor quoted-printable can have it
_LEAVE = b"\1"  # the same for the token to leave by mail
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_ATOM = rf"[^{_CONTROL}\s\"(),:;<>@\[\\\]]+"
_QUOTED = rf"\"(?:[^{_CONTROL}\"\\]|\\[^{_CONTROL}])+\""
_ADDRESS = re.compile(rf"(?=.{{3,254}}\Z)(?:{_ATOM}|{_QUOTED})@{_ATOM}")
_ID = re.compile(r"[A-Za-z0-9.=_+-]{1,200}")
_TOKEN = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes the letters.

    `name` is the name of the From address, `site_names` stand in for it where it is empty; `domain`
    is the one that all ids end with. Addresses are ASCII.
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
    def returns_to(self) -> str:
        """Where mail that cannot be delivered goes back to, without saying whose it was."""
        return self.bounce_address or self.address

    def envelope(self, token: str) -> str:
        """The envelope sender: the address that a server tells of a letter it cannot deliver."""
        return _tagged(self.bounce_address, token) if self.bounce_address else self.address


def sender(site: Site, config: Config) -> Sender:
    """The Sender that the settings describe."""
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
    """To whom one copy goes. `message_id` is the part before the @, the same at every attempt.

    `leaving` is the token that unsubscribes by mail and does nothing else; a notice has none.
    """

    address: str
    token: str
    message_id: str
    leaving: str = ""


class MessageTemplate:
    """A letter as a complete message that lacks only what differs from copy to copy."""

    def __init__(self, letter: Digest, sender: Sender) -> None:
        name = sender.name or sender.site_name(letter.language)
        self._from = f"{_named('From', name, sender.address)}\r\nTo: ".encode()
        self._subject = f"\r\n{_text('Subject', letter.subject)}\r\nDate: ".encode()
        rest = "\r\n".join(
            [f"@{sender.domain}>", *_headers(letter, sender), *_body(letter, sender)]
        )
        self._rest, *self._tail = (part.encode() for part in rest.split(_HERE))

    @property
    def parts(self) -> list[bytes]:
        """What the form is made of: nobody's address or token is in it."""
        return [self._from, self._subject, self._rest, *self._tail]

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> "MessageTemplate":
        """A form from its parts, as `parts` gave them."""
        form = cls.__new__(cls)
        form._from, form._subject, form._rest, *form._tail = parts
        return form

    def fill(self, to: Recipient, now: datetime) -> bytes:
        """The message to one person: CRLF line ends, 7 bits but for an internationalised address.

        Raises InputError for an address that cannot stand in a header.
        """
        if not _ADDRESS.fullmatch(to.address):
            raise InputError("The address of a letter is malformed.")
        if not _ID.fullmatch(to.message_id) or not _TOKEN.fullmatch(to.token):
            raise ValueError("a message id or a token has characters that a header cannot have")
        head = (
            *(self._from, to.address.encode()),
            *(self._subject, _date(int(now.timestamp()))),
            *(_MESSAGE_ID, to.message_id.encode(), self._rest),
        )
        return to.token.encode().join((b"".join(head), *self._left(to.leaving)))

    def _left(self, leaving: str) -> list[bytes]:
        """What follows the first token, with the one to leave by mail, which comes right after."""
        if not self._tail or _LEAVE not in self._tail[0]:
            return self._tail
        if not _TOKEN.fullmatch(leaving):
            raise ValueError("a letter of a list has a token to leave it by mail")
        return [self._tail[0].replace(_LEAVE, leaving.encode(), 1), *self._tail[1:]]


def _headers(letter: Digest, sender: Sender) -> list[str]:
    headers = [f"Reply-To: {sender.reply_to}"] if sender.reply_to else []
    headers += ["MIME-Version: 1.0", f"Content-Language: {letter.language}"]
    if letter.date is not None:
        headers += _list_headers(letter, sender)
    # Nobody is to be told that somebody is on holiday; bounces are welcome.
    return [*headers, "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: OOF, AutoReply"]


def _list_headers(letter: Digest, sender: Sender) -> list[str]:
    """What tells a mail program that this is a list (RFC 2919, 2369) left by one click (8058).

    Written here, not by the email package, which would hide such long addresses in RFC 2047 words.
    """
    kind, language = letter.kind, letter.language.lower()
    list_id = f"{kind}.{language}.{sender.domain}"
    if sender.bounce_address:
        mail = quote(sender.bounce_address, safe="@+")
        mail = f"{_tagged(mail, _LEAVE.decode())}?subject=unsubscribe"
    else:
        mail = f"{quote(sender.address, safe='@+')}?subject=unsubscribe%20{_LEAVE.decode()}"
    return [
        _named("List-Id", sender.site_name(letter.language), list_id),
        f"List-Unsubscribe: <{sender.base_url}/subscription/{_HERE}/unsubscribe>,",
        f" <mailto:{mail}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        f"List-Archive: <{letter.archive_url}>",
        "Precedence: bulk",
        f"Feedback-ID: {letter.date}:{kind}:{language}:devis",  # of the letter, not of its reader
    ]


def _body(letter: Digest, sender: Sender) -> list[str]:
    """Both bodies, in lines, the text first.

    The boundary comes from the content: = before _ is in no quoted-printable, so never in them.
    """
    boundary = "=_" + sha256(f"{letter.text}\0{letter.html}".encode()).hexdigest()[:32]
    lines = ["Content-Type: multipart/alternative;", f' boundary="{boundary}"', ""]
    for subtype, body in (("plain", letter.text), ("html", letter.html)):
        lines += [
            f"--{boundary}",
            f"Content-Type: text/{subtype}; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            _quoted_printable(body, f"{sender.base_url}/subscription/"),
        ]
    return [*lines, f"--{boundary}--", ""]


def _quoted_printable(text: str, address: str) -> str:
    """The text with _HERE for every TOKEN that follows `address`, on a line of its own.

    Always quoted-printable, also where 8 bits would do: a server on the way may not convert it,
    which would break its signature (RFC 6376 5.3). A token stands only in addresses of our own, so
    that no text, whatever is in it, can send one elsewhere.
    """
    *parts, last = text.split(address + TOKEN)
    return f"=\r\n{_HERE}=\r\n".join(
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
    """The value on one line: control characters, which could begin another header, are blanks."""
    return " ".join(re.sub(f"[{_CONTROL}]", " ", value).split())


def _tagged(address: str, token: str) -> str:
    """`bounces+token@example.org`: the address says whose letter it is about."""
    name, _, domain = address.rpartition("@")
    return f"{name}+{token}@{domain}"


def _is_domain(authority: str) -> bool:
    """Whether the authority can end an id: not an IP address, this machine's name, or a trial's."""
    try:
        ip_address(authority)
    except ValueError:
        return authority != "localhost" and not authority.endswith(".invalid")
    return False


@lru_cache(maxsize=8)
def _date(second: int) -> bytes:
    """The Date of every message of one second, with the zone +0000."""
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()
