"""Reaching a mail server: the connection, its certificate, the login. The rest is the session's."""

import smtplib
import socket
import ssl
from dataclasses import dataclass

from feed.config.parsing import Smtp
from feed.errors import MailError, MailRefusedError, MailUnavailableError, gettext_noop
from feed.smtp.protocol import Abilities
from feed.smtp.reply import plain

_UNREACHABLE = gettext_noop(
    "The mail server %(server)s cannot be reached: %(reason)s. The letters wait."
)


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """An open connection, logged in, where a letter may be announced; and the server's name."""

    sock: socket.socket
    name: str
    abilities: Abilities


def place(server: Smtp) -> str:
    """A server as messages name it."""
    return f"{server.host}:{server.port}"


def trust(server: Smtp) -> ssl.SSLContext | None:
    """What checks the server's certificate and its name; None where there is no TLS.

    Raises MailRefusedError where the file of authorities cannot be read.
    """
    if server.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=server.authorities)
    except OSError as error:
        raise MailRefusedError(
            gettext_noop("The certificates in %(file)s cannot be read: %(reason)s."),
            file=server.authorities,
            reason=error.strerror or error,
        ) from None


def open_line(
    server: Smtp, hostname: str, context: ssl.SSLContext | None, seconds: float
) -> OpenConnection:
    """Connect, secure and log in; each step may take `seconds`. Raises MailError."""
    smtp = connect(server, hostname, context, seconds)
    sock = smtp.sock
    if sock is None:
        raise MailUnavailableError(_UNREACHABLE, server=place(server), reason="closed")
    if smtp.file is not None:
        smtp.file.close()
    smtp.sock = smtp.file = None  # ours now
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return OpenConnection(sock, name(smtp), _abilities(smtp))


def name(smtp: smtplib.SMTP) -> str:
    """What a server calls itself."""
    said = smtp.ehlo_resp or smtp.helo_resp or b""
    return plain(said.split(maxsplit=1)[0]) if said.strip() else ""


def connect(
    server: Smtp, hostname: str, context: ssl.SSLContext | None, seconds: float
) -> smtplib.SMTP:
    """A server as the standard library talks with it, secured and logged in. Raises MailError."""
    try:
        smtp = _reach(server, hostname, context, seconds)
        try:
            _greet(smtp, server, context)
            _log_in(smtp, server)
        except BaseException:
            smtp.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise MailRefusedError(
            gettext_noop(
                "The certificate of the mail server %(server)s is not trusted: %(reason)s. Correct"
                " the host in DEVIS_SMTP_URL, or name its authority’s file there with ?ca=…"
            ),
            server=place(server),
            reason=error.verify_message,
        ) from None
    except ssl.SSLEOFError as error:
        raise _unreachable(server, error) from None
    except ssl.SSLError as error:
        raise MailRefusedError(
            gettext_noop(
                "No secure connection with the mail server %(server)s: %(reason)s. Is it smtp:// or"
                " smtps:// in DEVIS_SMTP_URL, and is the port right?"
            ),
            server=place(server),
            reason=error.reason or error,
        ) from None
    except smtplib.SMTPResponseException as error:
        raise _answered(server, error) from None
    except OSError as error:
        raise _unreachable(server, error) from None
    return smtp


def _reach(
    server: Smtp, hostname: str, context: ssl.SSLContext | None, seconds: float
) -> smtplib.SMTP:
    if server.tls == "implicit":
        return smtplib.SMTP_SSL(
            server.host, server.port, hostname, timeout=seconds, context=context
        )
    return smtplib.SMTP(server.host, server.port, hostname, timeout=seconds)


def _greet(smtp: smtplib.SMTP, server: Smtp, context: ssl.SSLContext | None) -> None:
    smtp.ehlo_or_helo_if_needed()
    if server.tls != "starttls":
        return
    if not smtp.has_extn("starttls"):
        raise MailRefusedError(
            gettext_noop(
                "The mail server %(server)s offers no STARTTLS. If the way to it is safe, add"
                " ?tls=off to DEVIS_SMTP_URL; or try smtps://."
            ),
            server=place(server),
        )
    smtp.starttls(context=context)
    smtp.ehlo_or_helo_if_needed()


def _log_in(smtp: smtplib.SMTP, server: Smtp) -> None:
    if server.user is None:
        return
    try:
        smtp.login(server.user, server.password or "")
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise
        raise _no_login(server, _answer(error)) from None
    except (smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected):
        raise
    except smtplib.SMTPException:  # no login is offered, or none that we know
        raise _no_login(server, "PLAIN, LOGIN, CRAM-MD5?") from None
    except UnicodeError:
        raise _no_login(server, "ASCII?") from None


def _no_login(server: Smtp, answer: str) -> MailRefusedError:
    return MailRefusedError(
        gettext_noop(
            "The mail server %(server)s refuses the login: %(answer)s. Correct the user and the"
            " password in DEVIS_SMTP_URL."
        ),
        server=place(server),
        answer=answer,
    )


def _answered(server: Smtp, error: smtplib.SMTPResponseException) -> MailError:
    if 500 <= error.smtp_code < 600:
        return MailRefusedError(
            gettext_noop(
                "The mail server %(server)s will not have us: %(answer)s. Ask who runs it."
            ),
            server=place(server),
            answer=_answer(error),
        )
    return MailUnavailableError(_UNREACHABLE, server=place(server), reason=_answer(error))


def _unreachable(server: Smtp, error: OSError) -> MailUnavailableError:
    reason = error.strerror or str(error)
    return MailUnavailableError(_UNREACHABLE, server=place(server), reason=reason)


def _answer(error: smtplib.SMTPResponseException) -> str:
    said = error.smtp_error  # text where the library itself said it
    return f"{error.smtp_code} {plain(said if isinstance(said, bytes) else said.encode())}"


def _abilities(smtp: smtplib.SMTP) -> Abilities:
    size = smtp.esmtp_features.get("size")
    return Abilities(
        pipelining=smtp.has_extn("pipelining"),
        size=None if size is None else int(size) if size.isascii() and size.isdigit() else 0,
        smtputf8=smtp.has_extn("smtputf8"),
        eightbit=smtp.has_extn("8bitmime"),
    )
