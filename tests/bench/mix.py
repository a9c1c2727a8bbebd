"""What the world asks a site for, in the shares in which it does."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from tests.bench import THEMES, Size
from tests.bench.readers import Ask

CODINGS = {"gzip, deflate, br": 6, "gzip": 3, "": 1}
AGAIN = "feed again"  # by a reader who says which one it has
FEEDS = (
    *["/{l}/feed.rss"] * 5,
    *["/{l}/feed.atom"] * 3,
    "/{l}/feed.json",
    "/{l}/themes/{theme}/feed.rss",
)
KINDS: dict[str, tuple[int, tuple[str, ...]]] = {
    AGAIN: (40, FEEDS),
    "feed": (15, FEEDS),
    "widget": (18, ("/{l}/widget/",)),
    "API": (8, ("/api/v1/today?lang={l}", "/api/v1/editions?lang={l}")),
    "page": (8, ("/{l}/",)),
}
# Of so many addresses that nearly each time it is the first since the last change. People follow
# old links and search; programs, which ask most of the time, do not.
RARE: dict[str, tuple[int, tuple[str, ...]]] = {
    "old API": (3, ("/api/v1/editions/{day}?lang={l}", "/api/v1/principles/{slug}?lang={l}")),
    "old page": (3, ("/{l}/{day}/", "/{l}/principles/{slug}/")),
    "archive": (3, ("/{l}/archive/{month}/", "/{l}/archive/{month}/feed.atom")),
    "search": (2, ("/{l}/principles/?q={number}", "/{l}/principles/?q=deciding+{number}")),
}


def asks(size: Size, today: date, rare: float, seed: int = 1) -> Iterator[Ask]:
    """An endless iterator of requests to an installation of that size.

    `rare` is the share of those in RARE.
    """
    chance = random.Random(seed)
    while True:
        kinds = RARE if chance.random() < rare else KINDS
        (kind,) = chance.choices(list(kinds), [weight for weight, _ in kinds.values()])
        (coding,) = chance.choices(list(CODINGS), list(CODINGS.values()))
        number = chance.randrange(size.principles)
        day = today - timedelta(days=31 + chance.randrange(size.days - 31))  # of a month before
        path = chance.choice(kinds[kind][1]).format(
            l=chance.choice(("en", "sv")),
            number=number,
            slug=f"principle-{number}",
            theme=f"theme-{number % THEMES}",
            day=day,
            month=f"{day:%Y/%m}",
        )
        yield Ask(kind, path, coding, again=kind == AGAIN)
