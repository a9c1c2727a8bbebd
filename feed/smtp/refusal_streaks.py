"""Recognise that the sender is refused: many permanent refusals in a row, of a domain or of all."""

from collections import Counter

from feed.smtp.envelope import Outcome

MAX_REFUSALS = 10  # in a row, after which a domain or the mail server refuses the sender
EVERY_DOMAIN = ""


class RefusalStreaks:
    """Counts refusals in a row, of each domain of recipients and over all of them."""

    def __init__(self) -> None:
        self._by_domain: Counter[str] = Counter()
        self._all: Counter[str] = Counter()  # the domains of the refusals in a row

    def count(self, domain: str, outcome: Outcome) -> str | None:
        """Count an outcome; the domain that refuses the sender now, or EVERY_DOMAIN, at a limit.

        A temporary refusal of the sender, and a lost connection, neither count nor end a row: both
        are retried.
        """
        if is_refusal(outcome):
            self._by_domain[domain] += 1
            self._all[domain] += 1
            if len(self._all) > 1 and self._all.total() >= MAX_REFUSALS:
                return EVERY_DOMAIN
            return domain if self._by_domain[domain] >= MAX_REFUSALS else None
        if outcome.code not in (0, 421) and not outcome.blames_sender:
            del self._by_domain[domain]
            self._all.clear()
        return None


def is_refusal(outcome: Outcome) -> bool:
    """Whether the sender is refused permanently, or a message without a reason."""
    return outcome.blames_sender and outcome.code >= 500
