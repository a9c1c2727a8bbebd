"""Measure it: `python -m tests.bench [--quick]`."""

import tempfile
from pathlib import Path

import click

from tests.bench import OLD, PAGES, YOUNG, Size, build, requests_per_second, served, uncached


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer renders, and one second of requests a page.")
def main(quick: bool) -> None:
    """Compare an old installation with a new one, and measure the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        young, old = build(Path(folder, "young"), YOUNG), build(Path(folder, "old"), OLD)
        click.echo(f"Uncached, median CPU ms  {_house(YOUNG)}  {_house(OLD)}  ratio")
        for page in uncached(young, old, 20 if quick else 200):
            times = f"{page.young * 1000:>19.2f}  {page.old * 1000:>19.2f}"
            click.echo(f"  {page.path:<21}  {times}  {page.ratio:>5.2f}")
        with served(old) as address:
            click.echo(f"From the page cache, {_house(OLD).strip()}")
            for path in PAGES:
                rate, tool = requests_per_second(address + path, 1 if quick else 10)
                click.echo(f"  {path:<21}  {rate:>12,.0f} requests/s  ({tool})")


def _house(size: Size) -> str:
    return f"{size.principles:>6,} / {size.days:>5,} days"


main()
