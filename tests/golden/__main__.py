"""Write the golden files anew: `python -m tests.golden`. Read the difference before committing."""

import tempfile
import time
from pathlib import Path

from feed import clock
from feed.publish import FORMATS
from tests.conftest import Installation, create, settings
from tests.golden import FEEDS, FOLDER

with tempfile.TemporaryDirectory() as folder:
    made = Installation(settings(Path(folder), SITE_NAME="en=The Daily,sv=Dagens"))
    create(made.config, clock.Clock(made.now, time.monotonic()))
    made.load({"library.toml": (FOLDER / "library.toml").read_bytes()})
    made.publish()
    client = made.client()
    for name, path in FEEDS.items():
        for language in made.config.languages:
            for form in FORMATS:
                answer = client.get(f"/{language}/{path}.{form}")
                (FOLDER / f"{language}-{name}.{form}").write_bytes(answer.data)
