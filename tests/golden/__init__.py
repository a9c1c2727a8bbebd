"""The expected bytes of every feed format, in both languages, for a small fixed library."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
FEEDS = {
    "feed": "feed",
    "weekly": "weekly",
    "theme": "themes/trust/feed",
    "source": "sources/okand/feed",
}
