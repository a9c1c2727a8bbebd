"""SMTP client and bounce classifier: a library that knows nothing of Devis.

It needs the standard library and idna. `client.deliver` sends many messages over several pipelined
connections; `bounce_classifier.judge` says what a returned message means.
"""

from feed.smtp.envelope import Envelope, Outcome, Result
from feed.smtp.errors import SmtpError, SmtpProblem, SmtpRefusedError, SmtpUnavailableError
from feed.smtp.server import SmtpServer

__all__ = [
    "Envelope",
    "Outcome",
    "Result",
    "SmtpError",
    "SmtpProblem",
    "SmtpRefusedError",
    "SmtpServer",
    "SmtpUnavailableError",
]
