"""The command line, `devis`: one module per group of commands, imported on demand.

Errors are one line on standard error and exit code 1.
"""

from importlib import import_module

import click

from feed import __version__
from feed.cli.base import Commands
from feed.config import logs

# Command name to its module in this package, and the function there.
COMMANDS = {
    "backup": ("backup", "backup"),
    "bounce": ("bounce", "bounce"),
    "check": ("check", "group"),
    "curator": ("curator", "group"),
    "digest": ("digest", "group"),
    "export": ("library", "export"),
    "freeze": ("site", "freeze"),
    "hub": ("hub", "group"),
    "import": ("library", "import_"),
    "init": ("library", "init"),
    "library": ("library", "group"),
    "mail-worker": ("digest", "mail_worker"),
    "migrate": ("library", "migrate"),
    "pin": ("ledger", "pin"),
    "plan": ("ledger", "plan"),
    "publish": ("ledger", "publish"),
    "rehearse": ("backup", "rehearse"),
    "restore": ("backup", "restore"),
    "serve": ("site", "serve"),
    "subscriber": ("subscriber", "group"),
    "web": ("site", "web"),
    "withdraw": ("ledger", "withdraw"),
    "worker": ("site", "worker"),
}


class _Main(Commands):
    """Imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"feed.cli.{module}"), name)
        return command


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="devis")
def main() -> None:
    """One leadership principle a day, as pages and feeds.

    Settings come from the environment: docs/settings.md lists every DEVIS_… name.
    """
    logs.configure()
