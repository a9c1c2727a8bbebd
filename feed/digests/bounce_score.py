"""When reports of a dead address suspend a subscription: a pure decision over instants."""

from collections.abc import Sequence
from datetime import datetime, timedelta

SUCCESS_AFTER = timedelta(days=7)  # without a report, a delivery is a success


def dead_days(reports: Sequence[datetime], accepted: Sequence[datetime], now: datetime) -> int:
    """On how many different days the address was reported dead since the last success.

    `reports` are the instants of the reports, `accepted` those at which a mail server accepted a
    delivery. Acceptance proves nothing, since many servers report only later: a delivery is a
    success if no report about it came within `SUCCESS_AFTER`.
    """
    success = max(_successes(reports, accepted, now), default=None)
    return len({at.date() for at in reports if success is None or at > success})


def _successes(
    reports: Sequence[datetime], accepted: Sequence[datetime], now: datetime
) -> list[datetime]:
    """The accepted deliveries that no report is about.

    A report does not name its delivery: it is about the oldest one in time for it that no other
    report is about. So where every delivery was reported, none counts as a success.
    """
    open_deliveries = sorted(accepted)
    for report in sorted(reports):
        about = (at for at in open_deliveries if at <= report <= at + SUCCESS_AFTER)
        found = next(about, None)
        if found is not None:
            open_deliveries.remove(found)
    return [at for at in open_deliveries if at + SUCCESS_AFTER < now]
