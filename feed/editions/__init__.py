"""Making editions, and reading them: one per date, each showing one principle."""

from feed.editions.feeds import (
    changing_feeds,
    daily_feed,
    month_feed,
    source_feed,
    theme_feed,
    weekly_feed,
)
from feed.editions.publishing import LONGEST_PLAN, Planned, eligible, plan, publish_due
from feed.editions.site_identity import new_ids, settle, site
from feed.editions.views import (
    FEED_LENGTH,
    EditionView,
    MonthView,
    PrincipleView,
    listed,
    month,
    months,
    named,
    on,
    principle,
    today,
    weeks,
)
from feed.editions.withdrawals import withdraw

__all__ = [
    "FEED_LENGTH",
    "LONGEST_PLAN",
    "EditionView",
    "MonthView",
    "Planned",
    "PrincipleView",
    "changing_feeds",
    "daily_feed",
    "eligible",
    "listed",
    "month",
    "month_feed",
    "months",
    "named",
    "new_ids",
    "on",
    "plan",
    "principle",
    "publish_due",
    "settle",
    "site",
    "source_feed",
    "theme_feed",
    "today",
    "weekly_feed",
    "weeks",
    "withdraw",
]
