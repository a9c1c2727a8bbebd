"""How well messages that came back are judged: `python -m tests.bench.bounces FOLDER`.

FOLDER holds messages (.eml) and `truth.csv` with the columns file and truth.
"""

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

from feed.smtp.bounce_classifier import judge_bytes
from feed.smtp.reply_classifier import Verdict

VERDICTS: tuple[str, ...] = get_args(Verdict)


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def main(folder: Path) -> None:
    """Print the confusion matrix (rows: truth), and the rates that the documentation states."""
    with (folder / "truth.csv").open(newline="") as file:
        truth = {row["file"]: row["truth"] for row in csv.DictReader(file)}
    found: Counter[tuple[str, str]] = Counter()
    for name, verdict in truth.items():
        found[verdict, judge_bytes((folder / name).read_bytes()).verdict] += 1
    _say(f"{'truth':>10}", *(f"{verdict:>9}" for verdict in VERDICTS))
    for row in VERDICTS:
        _say(f"{row:>10}", *(f"{found[row, verdict]:9}" for verdict in VERDICTS))
    dead = sum(number for (row, _), number in found.items() if row == "dead")
    wrong = sum(found[row, "dead"] for row in VERDICTS if row != "dead")
    _say(f"dead seen: {found['dead', 'dead']} of {dead}")
    _say(f"living called dead: {wrong} of {len(truth) - dead}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
