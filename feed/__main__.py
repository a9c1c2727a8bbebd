"""`python -m feed` is the command `devis`."""

from feed.cli import main

main()
